//! What an app says.
use sdk_core::{Choice, DeviceMillis, Input, Object, Options, Subject};
use std::collections::HashMap;

/// One call of the API. `properties`, `traits` and `context` are the JSON text of an object, or empty
/// for none; text that is no JSON object is refused, and counted as `invalid`.
#[derive(Debug, Clone, uniffi::Enum)]
pub enum Call {
    /// Somebody did something.
    Track {
        /// What: `Product Viewed`.
        event: String,
        /// More of it.
        properties: String,
        /// All else that can be said.
        options: Option<EventOptions>,
    },
    /// A page was viewed.
    Page {
        /// Its name, or empty.
        name: String,
        /// Its category, or empty.
        category: String,
        /// More of it.
        properties: String,
        /// All else that can be said.
        options: Option<EventOptions>,
    },
    /// A screen was viewed.
    Screen {
        /// Its name, or empty.
        name: String,
        /// Its category, or empty.
        category: String,
        /// More of it.
        properties: String,
        /// All else that can be said.
        options: Option<EventOptions>,
    },
    /// Who uses this device from now on. An empty `user_id` adds traits to whoever it is.
    Identify {
        /// The person's id in the app.
        user_id: String,
        /// What is known of the person.
        traits: String,
        /// All else that can be said.
        options: Option<EventOptions>,
    },
    /// The person belongs to a group.
    Group {
        /// The group's id.
        group_id: String,
        /// What is known of the group.
        traits: String,
        /// All else that can be said.
        options: Option<EventOptions>,
    },
    /// What this device did so far is given to `user_id`, who uses it from now on.
    Alias {
        /// The person's id in the app.
        user_id: String,
        /// All else that can be said.
        options: Option<EventOptions>,
    },
    /// The person has left: a new anonymous id, no user, a new session.
    Reset,
    /// The person has chosen: granted or not, by consent category.
    Consent {
        /// Categories that are not named keep their answer.
        choices: HashMap<String, bool>,
    },
    /// What the system says of the person's wish not to be tracked.
    Privacy {
        /// Global Privacy Control.
        gpc: bool,
        /// Do Not Track.
        dnt: bool,
    },
    /// Replaces the context that all events share.
    Context {
        /// JSON text.
        context: String,
    },
    /// Where the app stands.
    Lifecycle {
        /// Since when: now.
        state: Lifecycle,
    },
}

/// What can be said of one event, besides what it is.
#[derive(Debug, Clone, Default, uniffi::Record)]
pub struct EventOptions {
    /// JSON text, laid over the shared context.
    #[uniffi(default = "")]
    pub context: String,
    /// The event is about this person and not about this device's. With `anonymous_id`: one of both,
    /// or both, as a server has it that speaks of many.
    #[uniffi(default = None)]
    pub user_id: Option<String>,
    /// As `user_id`.
    #[uniffi(default = None)]
    pub anonymous_id: Option<String>,
    /// When it happened, in ms since 1970 by the device's clock. None: now.
    #[uniffi(default = None)]
    pub timestamp_ms: Option<i64>,
    /// An id made by the caller, a UUID: the same event told twice counts once. What is no UUID is
    /// left out. None: one is made.
    #[uniffi(default = None)]
    pub message_id: Option<String>,
}

/// Where an app stands.
#[derive(Debug, Clone, Copy, uniffi::Enum)]
pub enum Lifecycle {
    /// It is in front of a person.
    Foreground,
    /// It was left: what waits is sent at once.
    Background,
    /// There is a network again.
    Online,
    /// There is none.
    Offline,
    /// Send what waits.
    Flush,
}

impl Call {
    /// Gives the same to the core.
    pub(crate) fn with<R>(&self, give: impl FnOnce(Input<'_>) -> R) -> R {
        match self {
            Self::Track { event, properties, options } => {
                give(Input::Track { event, properties: object(properties), options: said(options) })
            }
            Self::Page { name, category, properties, options } => give(Input::Page {
                name,
                category,
                properties: object(properties),
                options: said(options),
            }),
            Self::Screen { name, category, properties, options } => give(Input::Screen {
                name,
                category,
                properties: object(properties),
                options: said(options),
            }),
            Self::Identify { user_id, traits, options } => {
                give(Input::Identify { user_id, traits: object(traits), options: said(options) })
            }
            Self::Group { group_id, traits, options } => {
                give(Input::Group { group_id, traits: object(traits), options: said(options) })
            }
            Self::Alias { user_id, options } => {
                give(Input::Alias { user_id, options: said(options) })
            }
            Self::Reset => give(Input::Reset),
            Self::Consent { choices } => {
                let mut choices: Vec<(&str, Choice)> = choices
                    .iter()
                    .map(|(category, granted)| (category.as_str(), choice(*granted)))
                    .collect();
                choices.sort_by_key(|(category, _)| *category);
                give(Input::Consent(&choices))
            }
            Self::Privacy { gpc, dnt } => give(Input::Privacy { gpc: *gpc, dnt: *dnt }),
            Self::Context { context } => give(Input::Context(object(context))),
            Self::Lifecycle { state } => give(Input::Lifecycle((*state).into())),
        }
    }
}

fn choice(granted: bool) -> Choice {
    if granted { Choice::Granted } else { Choice::Denied }
}

pub(crate) fn object(text: &str) -> Object<'_> {
    if text.is_empty() { Object::None } else { Object::Json(text) }
}

fn said(options: &Option<EventOptions>) -> Options<'_> {
    let Some(options) = options else { return Options::default() };
    let subject = Subject {
        user_id: options.user_id.as_deref().unwrap_or_default(),
        anonymous_id: options.anonymous_id.as_deref().unwrap_or_default(),
    };
    let is_named = options.user_id.is_some() || options.anonymous_id.is_some();
    Options {
        context: object(&options.context),
        subject: is_named.then_some(subject),
        at: options.timestamp_ms.map(DeviceMillis),
        message_id: options.message_id.as_deref().and_then(uuid),
    }
}

/// The 16 bytes of a UUID's text.
pub(crate) fn uuid(text: &str) -> Option<[u8; 16]> {
    let digits: String = text.chars().filter(|sign| *sign != '-').collect();
    let is_one = digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_one.then(|| u128::from_str_radix(&digits, 16).ok())?.map(u128::to_be_bytes)
}

impl From<Lifecycle> for sdk_core::Lifecycle {
    fn from(state: Lifecycle) -> Self {
        match state {
            Lifecycle::Foreground => Self::Foreground,
            Lifecycle::Background => Self::Background,
            Lifecycle::Online => Self::Online,
            Lifecycle::Offline => Self::Offline,
            Lifecycle::Flush => Self::Flush,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_uuid_is_one() {
        let bytes = uuid("01a202b2-c500-7202-8181-818181810203").expect("it is one");
        assert_eq!(bytes.first(), Some(&1));
        assert_eq!(bytes.last(), Some(&3));
        for wrong in ["", "order-7", "+1a202b2-c500-7202-8181-818181810203", "01a202b2-c500"] {
            assert_eq!(uuid(wrong), None, "{wrong}");
        }
    }
}
