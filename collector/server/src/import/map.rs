//! How the columns of a CSV file become events: a small TOML file of templates.
//!
//! A template is text with `{column}` in it; `{line}` is the number of the row. A template whose
//! columns are all empty gives nothing. See docs/IMPORT.md.
use anyhow::{Context as _, bail};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// The file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MapFile {
    #[serde(rename = "type", default = "track")]
    kind: String,
    event: Option<String>,
    name: Option<String>,
    user_id: Option<String>,
    anonymous_id: Option<String>,
    timestamp: String,
    message_id: Option<String>,
    #[serde(default)]
    names: BTreeMap<String, String>,
    #[serde(default)]
    properties: BTreeMap<String, Field>,
    #[serde(default)]
    context: BTreeMap<String, Field>,
}

fn track() -> String {
    "track".to_owned()
}

/// A property: text, or a number if it reads as one.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Field {
    Text(String),
    Number { number: String },
}

/// A map made ready for one file's columns.
#[derive(Debug)]
pub(crate) struct EventMap {
    kind: String,
    texts: Vec<(&'static str, Template)>,
    timestamp: Template,
    message_id: Option<Template>,
    names: BTreeMap<String, String>,
    properties: Vec<(String, Template, Shape)>,
    context: Vec<(String, Template, Shape)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Text,
    Number,
}

impl EventMap {
    /// Reads a map and finds its columns among `columns`.
    pub(crate) fn read(path: &Path, columns: &[String]) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the map {}", path.display()))?;
        Self::parse(&text, columns).with_context(|| format!("the map {}", path.display()))
    }

    fn parse(text: &str, columns: &[String]) -> anyhow::Result<Self> {
        let file: MapFile = toml::from_str(text)?;
        if !["track", "page", "screen", "identify"].contains(&file.kind.as_str()) {
            bail!("type is one of track, page, screen, identify, not {}", file.kind);
        }
        if file.user_id.is_none() && file.anonymous_id.is_none() {
            bail!("give user_id or anonymous_id, so that it is known whose events these are");
        }
        let given = [
            ("event", file.event),
            ("name", file.name),
            ("userId", file.user_id),
            ("anonymousId", file.anonymous_id),
        ];
        let mut texts = Vec::new();
        for (key, template) in given {
            if let Some(template) = template {
                texts.push((key, Template::parse(&template, columns)?));
            }
        }
        let fields = |fields: BTreeMap<String, Field>| -> anyhow::Result<Vec<_>> {
            let parsed = fields.into_iter().map(|(key, field)| match field {
                Field::Text(text) => Ok((key, Template::parse(&text, columns)?, Shape::Text)),
                Field::Number { number } => {
                    Ok((key, Template::parse(&number, columns)?, Shape::Number))
                }
            });
            parsed.collect()
        };
        let message_id =
            file.message_id.map(|template| Template::parse(&template, columns)).transpose()?;
        Ok(Self {
            kind: file.kind,
            texts,
            timestamp: Template::parse(&file.timestamp, columns)?,
            message_id,
            names: file.names,
            properties: fields(file.properties)?,
            context: fields(file.context)?,
        })
    }

    /// The event of one row. `origin` and `line` make its id where the map gives none.
    pub(crate) fn event(&self, row: &csv::StringRecord, origin: &str, line: u64) -> Value {
        let mut event = Map::new();
        event.insert("type".to_owned(), json!(self.kind));
        for (key, template) in &self.texts {
            let mut text = template.fill(row, line);
            if *key == "event" || *key == "name" {
                text = self.names.get(&text).cloned().unwrap_or(text);
            }
            if !text.is_empty() {
                event.insert((*key).to_owned(), json!(text));
            }
        }
        event.insert("timestamp".to_owned(), json!(self.timestamp.fill(row, line)));
        let id = self.message_id.as_ref().map(|template| template.fill(row, line));
        let id = id.filter(|id| !id.is_empty()).unwrap_or_else(|| format!("{origin}:{line}"));
        event.insert("messageId".to_owned(), json!(id));
        let holder = if self.kind == "identify" { "traits" } else { "properties" };
        for (holder, fields) in [(holder, &self.properties), ("context", &self.context)] {
            let mut filled = Map::new();
            for (key, template, shape) in fields {
                let text = template.fill(row, line);
                if let Some(value) = shape.value(text) {
                    insert(&mut filled, key, value);
                }
            }
            if !filled.is_empty() {
                event.insert(holder.to_owned(), Value::Object(filled));
            }
        }
        Value::Object(event)
    }
}

/// Puts a value at a dotted path, such as `page.url`.
fn insert(into: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            into.insert(path.to_owned(), value);
        }
        Some((head, tail)) => {
            let inner = into.entry(head).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                insert(inner, tail, value);
            }
        }
    }
}

impl Shape {
    fn value(self, text: String) -> Option<Value> {
        match self {
            _ if text.is_empty() => None,
            Self::Text => Some(Value::String(text)),
            Self::Number => {
                let whole = text.trim().parse::<i64>().ok().map(Value::from);
                whole.or_else(|| text.trim().parse::<f64>().ok().map(Value::from))
            }
        }
    }
}

/// Text with columns in it.
#[derive(Debug)]
struct Template(Vec<Piece>);

#[derive(Debug)]
enum Piece {
    Text(String),
    Column(usize),
    Line,
}

impl Template {
    fn parse(template: &str, columns: &[String]) -> anyhow::Result<Self> {
        let (mut pieces, mut rest) = (Vec::new(), template);
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, after)) = after.split_once('}') else {
                bail!("`{template}` opens a brace and does not close it");
            };
            pieces.push(Piece::Text(before.to_owned()));
            match columns.iter().position(|column| column == name) {
                Some(index) => pieces.push(Piece::Column(index)),
                None if name == "line" => pieces.push(Piece::Line),
                None => bail!("there is no column `{name}`; there are {}", columns.join(", ")),
            }
            rest = after;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Ok(Self(pieces))
    }

    fn fill(&self, row: &csv::StringRecord, line: u64) -> String {
        let (mut text, mut columns, mut filled) = (String::new(), 0, 0);
        for piece in &self.0 {
            match piece {
                Piece::Text(piece) => text.push_str(piece),
                Piece::Line => text.push_str(&line.to_string()),
                Piece::Column(index) => {
                    let value = row.get(*index).unwrap_or_default().trim();
                    columns += 1;
                    filled += usize::from(!value.is_empty());
                    text.push_str(value);
                }
            }
        }
        if columns > 0 && filled == 0 { String::new() } else { text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [&str; 4] = ["user", "what", "when", "price"];

    fn map(text: &str) -> anyhow::Result<EventMap> {
        EventMap::parse(text, &COLUMNS.map(str::to_owned))
    }

    #[test]
    fn a_row_becomes_an_event() {
        let map = map("anonymous_id = \"{user}\"\nevent = \"{what}\"\ntimestamp = \"{when}\"\n\
                       [names]\ncart = \"Product Added\"\n\
                       [properties]\nprice = { number = \"{price}\" }\n\
                       [context]\n\"page.url\" = \"https://a/{what}\"\n")
        .expect("valid");
        let row = csv::StringRecord::from(vec!["7", "cart", "2020-01-01T00:00:00Z", "2.5"]);
        let expected = json!({
            "type": "track", "anonymousId": "7", "event": "Product Added", "messageId": "f:3",
            "timestamp": "2020-01-01T00:00:00Z", "properties": {"price": 2.5},
            "context": {"page": {"url": "https://a/cart"}},
        });
        assert_eq!(map.event(&row, "f", 3), expected);
        let bare = csv::StringRecord::from(vec!["7", "", "2020-01-01T00:00:00Z", ""]);
        let event = map.event(&bare, "f", 4);
        assert_eq!((event.get("event"), event.get("properties")), (None, None));
    }

    #[test]
    fn wrong_maps_are_refused_with_the_reason() {
        let table = [
            ("timestamp = \"{when}\"", "user_id or anonymous_id"),
            ("user_id = \"{who}\"\ntimestamp = \"{when}\"", "no column `who`"),
            ("user_id = \"{user\"\ntimestamp = \"{when}\"", "does not close"),
            ("type = \"click\"\nuser_id = \"{user}\"\ntimestamp = \"{when}\"", "type is one of"),
            ("user_id = \"{user}\"\ntimestamp = \"{when}\"\ncolour = 1", "unknown field"),
        ];
        for (text, expected) in table {
            let error = format!("{:#}", map(text).expect_err(text));
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
