//! The plain list of events, as the oracle sees it: everything owned, nothing encoded.
use std::sync::Arc;

/// A property's value.
#[derive(Debug, Clone, PartialEq)]
pub enum Val {
    /// Present but empty; rules treat it as missing.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    Text(Arc<str>),
    /// Values in order.
    List(Vec<Val>),
    /// Named values.
    Map(Props),
}

impl Val {
    /// Text from a borrowed string.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::Text(text.into())
    }

    /// The value as text that is equal for equal values.
    #[must_use]
    pub fn render(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Int(number) => number.to_string(),
            Self::Float(number) => format!("{number:?}"),
            Self::Text(text) => format!("{text:?}"),
            Self::List(items) => {
                let items: Vec<String> = items.iter().map(Self::render).collect();
                format!("[{}]", items.join(","))
            }
            Self::Map(pairs) => {
                let pairs: Vec<String> =
                    pairs.iter().map(|(key, value)| format!("{key}:{}", value.render())).collect();
                format!("{{{}}}", pairs.join(","))
            }
        }
    }

    /// The number, if it is one.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "worlds hold no numbers beyond 2^53")]
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Int(n) => Some(*n as f64),
            Self::Float(n) => Some(*n),
            Self::Null | Self::Bool(_) | Self::Text(_) | Self::List(_) | Self::Map(_) => None,
        }
    }
}

/// Named values in the order they came. All names are known when a world is written.
pub type Props = Vec<(&'static str, Val)>;

/// The value at a dotted path; null counts as absent.
#[must_use]
pub fn find<'a>(props: &'a Props, path: &str) -> Option<&'a Val> {
    let (head, tail) = path.split_once('.').map_or((path, None), |(h, t)| (h, Some(t)));
    let value = props.iter().find(|(key, _)| *key == head).map(|(_, value)| value)?;
    match (value, tail) {
        (Val::Null, _) => None,
        (value, None) => Some(value),
        (Val::Map(inner), Some(tail)) => find(inner, tail),
        (_, Some(_)) => None,
    }
}

/// The text at a dotted path, if it is text and not empty.
#[must_use]
pub fn find_text(props: &Props, path: &str) -> Option<Arc<str>> {
    match find(props, path)? {
        Val::Text(text) if !text.is_empty() => Some(text.clone()),
        _ => None,
    }
}

/// What kind of event it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A named event.
    Track,
    /// A page view.
    Page,
    /// A screen view.
    Screen,
    /// Traits, and a link if both ids are there.
    Identify,
    /// The person belongs to a group; `props` are the group's traits.
    Group,
    /// A link of `device` to `user` without traits.
    Alias,
}

impl Kind {
    /// Whether rules and sessions see it.
    #[must_use]
    pub fn is_activity(self) -> bool {
        matches!(self, Self::Track | Self::Page | Self::Screen)
    }
}

/// One event as the collector admitted it. Times in milliseconds since the epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// What it is.
    pub kind: Kind,
    /// The sender's id of it; two arrivals with the same one are one event.
    pub message: u64,
    /// The user id, if known to the sender.
    pub user: Option<Arc<str>>,
    /// The anonymous id, if it came from a device.
    pub device: Option<Arc<str>>,
    /// When it happened.
    pub at: i64,
    /// When it arrived.
    pub received: i64,
    /// The device's running number.
    pub seq: Option<u64>,
    /// The event's name.
    pub name: Arc<str>,
    /// Properties, or traits of an identify.
    pub props: Props,
    /// The context: page, campaign.
    pub context: Props,
}

impl Event {
    /// The order in which things happened. Worlds leave no ties beyond it.
    #[must_use]
    pub fn order(&self) -> (i64, Option<u64>) {
        (self.at, self.seq)
    }

    /// The key of whom the sender says it is about.
    ///
    /// # Panics
    /// If it has neither id, which no admitted event has.
    #[must_use]
    pub fn subject(&self) -> String {
        match (&self.user, &self.device) {
            (Some(user), _) => format!("u:{user}"),
            (None, Some(device)) => format!("a:{device}"),
            (None, None) => panic!("event {} has no id", self.message),
        }
    }

    /// The link it makes, as (device, person key).
    #[must_use]
    pub fn link(&self) -> Option<(Arc<str>, String)> {
        match (self.kind, &self.user, &self.device) {
            (Kind::Identify | Kind::Alias, Some(user), Some(device)) => {
                Some((device.clone(), format!("u:{user}")))
            }
            _ => None,
        }
    }
}
