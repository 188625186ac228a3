//! What an app says to the SDK, and how to find it again at the other end.
use crate::rng::Rng;
use sdk_core::{Input, Object, Options, Subject, Value};
use serde_json::{Map as JsonMap, Value as Json};

/// Which call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the calls of the SDK")]
pub enum Kind {
    Track,
    Page,
    Screen,
    Identify,
    Group,
    Alias,
}

/// How its properties look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A few members of every type, as fields.
    Fields,
    /// The same as JSON text.
    Text,
    /// A text member of so many bytes; over 8 KiB no collector takes it, over 64 KiB no SDK.
    Long(usize),
    /// More containers than a collector takes.
    Deep,
    /// Text that is no JSON.
    Broken,
    /// JSON that is no object.
    List,
}

/// One call as it was planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// What makes it recognisable; unique in the world.
    pub number: u64,
    /// Which call.
    pub kind: Kind,
    /// Its event name, page name, user or group.
    pub name: String,
    /// How its properties look.
    pub shape: Shape,
    /// The person it is about, if not the device's.
    pub about: Option<String>,
    /// Whether it has a context of its own.
    pub own_context: bool,
}

/// Names of tracked events, from often to rare. `Page Engaged` is dropped first and
/// `Order Completed` last when the queue is full.
pub const NAMES: [&str; 5] =
    ["Product Viewed", "Page Engaged", "Order Completed", "Sampled", "Exempt"];

impl Said {
    /// Some call; `bad` in a thousand cannot be accepted.
    pub fn random(number: u64, bad: u64, servers: bool, rng: &mut Rng) -> Self {
        let kinds = [(70, Kind::Track), (8, Kind::Page), (6, Kind::Screen), (8, Kind::Identify)];
        let kinds = kinds.into_iter().chain([(5, Kind::Group), (3, Kind::Alias)]);
        let mut draw = rng.range(0, 99);
        let mut kind = Kind::Track;
        for (share, candidate) in kinds {
            kind = candidate;
            if draw < share {
                break;
            }
            draw -= share;
        }
        let mut name = match kind {
            Kind::Track => (*rng.pick(&NAMES)).to_owned(),
            Kind::Page | Kind::Screen => "Home".to_owned(),
            Kind::Identify | Kind::Alias => format!("user-{number}"),
            Kind::Group => format!("group-{}", rng.range(1, 3)),
        };
        let mut shape = *rng.pick(&[Shape::Fields, Shape::Fields, Shape::Text]);
        if rng.per_mille(bad) {
            let long = rng.magnitude(500, 90_000);
            let long = usize::try_from(long).expect("small");
            shape = *rng.pick(&[
                Shape::Long(long),
                Shape::Long(9_000),
                Shape::Deep,
                Shape::Broken,
                Shape::List,
            ]);
            if rng.per_mille(100) && kind == Kind::Track {
                name = "n".repeat(rng.count(0, 1) * 300);
            }
        }
        let about = (servers && rng.per_mille(500)).then(|| format!("person-{}", rng.range(1, 9)));
        Self { number, kind, name, shape, about, own_context: rng.per_mille(100) }
    }

    /// A call that needs what most calls need.
    #[must_use]
    pub fn plain() -> Self {
        let (kind, shape) = (Kind::Page, Shape::Fields);
        Self { number: 0, kind, name: String::new(), shape, about: None, own_context: false }
    }

    /// What stands in its properties and nowhere else.
    #[must_use]
    pub fn canary(&self) -> String {
        canary(self.number)
    }

    /// Builds the input and hands it on.
    pub fn with_input<T>(&self, give: impl FnOnce(Input<'_>) -> T) -> T {
        let canary = self.canary();
        let price = f64::from(u32::try_from(self.number % 1_000).expect("small")) / 8.0;
        let list = [Value::Int(1), Value::Null, Value::Str("é\"\n")];
        let map = [("deep", Value::Bool(true)), ("n", Value::Int(-9))];
        let text;
        let fields;
        let object = match self.shape {
            Shape::Fields => {
                fields = [
                    ("canary", Value::Str(&canary)),
                    ("price", Value::Float(price)),
                    ("list", Value::List(&list)),
                    ("map", Value::Map(&map)),
                ];
                Object::Fields(&fields)
            }
            _ => {
                text = self.text(&canary);
                Object::Json(&text)
            }
        };
        let tagged = [("canary", Value::Str(&canary))];
        let plain = [("page", Value::Map(&map))];
        let context = match (self.kind, self.own_context) {
            (Kind::Alias, _) => Object::Fields(&tagged),
            (_, true) => Object::Fields(&plain),
            (_, false) => Object::None,
        };
        let about = self.about.as_deref();
        let subject = about.map(|user_id| Subject { user_id, anonymous_id: "" });
        let options = Options { context, subject, ..Options::default() };
        let name = self.name.as_str();
        give(match self.kind {
            Kind::Track => Input::Track { event: name, properties: object, options },
            Kind::Page => Input::Page { name, category: "c", properties: object, options },
            Kind::Screen => Input::Screen { name, category: "", properties: object, options },
            Kind::Identify => Input::Identify { user_id: name, traits: object, options },
            Kind::Group => Input::Group { group_id: name, traits: object, options },
            Kind::Alias => Input::Alias { user_id: name, options },
        })
    }

    fn text(&self, canary: &str) -> String {
        let end = format!("\"canary\":\"{canary}\"}}");
        match self.shape {
            Shape::Fields => String::new(),
            Shape::Text => format!("{{ \"a\" : [ 1, {{}} ], \"e\": 1e3, {end}"),
            Shape::Long(bytes) => format!("{{\"text\":\"{}\",{end}", "x".repeat(bytes)),
            Shape::Deep => format!("{{\"d\":{}1{},{end}", "[".repeat(12), "]".repeat(12)),
            Shape::Broken => format!("{{\"broken\":,{end}"),
            Shape::List => format!("[\"{canary}\"]"),
        }
    }

    /// The properties or traits that a collector must see.
    #[must_use]
    pub fn expected(&self) -> Json {
        let canary = self.canary();
        let mut object = JsonMap::new();
        match (self.kind, self.shape) {
            (Kind::Alias, _) => return Json::Object(object),
            (_, Shape::Fields) => {
                let price = f64::from(u32::try_from(self.number % 1_000).expect("small")) / 8.0;
                object.insert("canary".to_owned(), canary.into());
                object.insert("price".to_owned(), price.into());
                object.insert("list".to_owned(), serde_json::json!([1, null, "é\"\n"]));
                object.insert("map".to_owned(), serde_json::json!({"deep": true, "n": -9}));
            }
            _ => {
                let parsed = serde_json::from_str(&self.text(&canary));
                object = parsed.unwrap_or_default();
            }
        }
        if matches!(self.kind, Kind::Page | Kind::Screen) {
            object.insert("name".to_owned(), self.name.as_str().into());
            if self.kind == Kind::Page {
                object.insert("category".to_owned(), "c".into());
            }
        }
        Json::Object(object)
    }

    /// Whether the SDK itself must refuse it.
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        let unreadable = matches!(self.shape, Shape::Broken | Shape::List);
        let nameless = self.kind == Kind::Track && !(1..=200).contains(&self.name.len());
        nameless || (unreadable && self.kind != Kind::Alias)
    }
}

fn canary(number: u64) -> String {
    format!("cnry{number:06}x")
}

/// The numbers of the calls whose canaries stand in these bytes.
#[must_use]
pub fn canaries(bytes: &[u8]) -> Vec<u64> {
    const MARK: &[u8] = b"cnry";
    let mut found = Vec::new();
    let mut rest = bytes;
    while let Some(at) = rest.windows(MARK.len()).position(|window| window == MARK) {
        rest = rest.get(at + MARK.len()..).unwrap_or_default();
        let digits = rest.iter().take(6).take_while(|b| b.is_ascii_digit());
        let number = digits.fold(0, |n, b| n * 10 + u64::from(b - b'0'));
        if rest.get(6) == Some(&b'x') {
            found.push(number);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canaries_are_found_wherever_they_stand() {
        let bytes = format!("xx{}cnry12{}{}", canary(7), canary(999_999), canary(0));
        assert_eq!(canaries(bytes.as_bytes()), [7, 999_999, 0]);
    }

    #[test]
    fn what_cannot_be_read_is_known_as_such() {
        let mut rng = Rng::new(1, 1);
        for number in 0..2_000 {
            let said = Said::random(number, 300, true, &mut rng);
            let readable = serde_json::from_str::<JsonMap<String, Json>>(&said.text("c")).is_ok();
            let text = !matches!(said.shape, Shape::Fields) && said.kind != Kind::Alias;
            assert!(!text || said.is_invalid() || readable, "{said:?}");
        }
    }
}
