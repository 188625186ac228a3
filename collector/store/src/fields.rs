//! What is in a profile's hash: names and values, as the key contract fixes them.
//!
//! Rendering happens when somebody reads, never when a worker publishes.
use crate::limits::{PROFILE_TTL_MS, TRAIT_DEPTH_MAX};
use sillage_model::{Map, Profile, SegmentIndex, Value};
use std::fmt::Write as _;
use std::sync::Arc;

/// How a segment is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentLabel {
    /// Its key, as in `seg:<key>`.
    pub key: String,
    /// Its name for people.
    pub name: String,
}

/// The names behind the numbers of a profile.
#[derive(Debug, Clone, Default)]
pub struct Labels {
    segments: Vec<SegmentLabel>,
    segment_keys: Vec<Arc<str>>,
    segment_fields: Vec<String>,
    score_fields: Vec<String>,
    /// The trait's name or dotted path, and its field.
    traits: Vec<(String, String)>,
}

impl Labels {
    /// Takes segments and scores in the order of their numbers, and the traits that may be read.
    #[must_use]
    pub fn new(segments: Vec<SegmentLabel>, scores: &[String], traits_shown: Vec<String>) -> Self {
        let field = |name: String| {
            let field = format!("trait:{name}");
            (name, field)
        };
        Self {
            segment_fields: segments.iter().map(|s| format!("seg:{}", s.key)).collect(),
            segment_keys: segments.iter().map(|s| s.key.as_str().into()).collect(),
            segments,
            score_fields: scores.iter().map(|name| format!("score:{name}")).collect(),
            traits: traits_shown.into_iter().map(field).collect(),
        }
    }

    /// All segments, by number.
    #[must_use]
    pub fn segments(&self) -> &[SegmentLabel] {
        &self.segments
    }

    /// The segment with this number.
    #[must_use]
    pub fn segment(&self, index: SegmentIndex) -> Option<&SegmentLabel> {
        self.segments.get(usize::from(index.0))
    }

    /// The key of the segment with this number, to be kept by whoever outlives these labels.
    #[must_use]
    pub(crate) fn segment_key(&self, index: SegmentIndex) -> Option<&Arc<str>> {
        self.segment_keys.get(usize::from(index.0))
    }

    /// The number of the segment with this key.
    #[must_use]
    pub fn segment_index(&self, key: &str) -> Option<SegmentIndex> {
        let index = self.segments.iter().position(|label| label.key == key)?;
        u16::try_from(index).ok().map(SegmentIndex)
    }

    /// The names of the scores, by number.
    pub fn scores(&self) -> impl Iterator<Item = &str> {
        self.score_fields.iter().filter_map(|field| field.strip_prefix("score:"))
    }

    /// The traits that may be read.
    pub fn traits(&self) -> impl Iterator<Item = &str> {
        self.traits.iter().map(|(name, _)| name.as_str())
    }

    /// Visits every field of the profile's hash and its value. The order is always the same:
    /// segments, scores, session, traits, `as_of`, `v`.
    ///
    /// # Cost
    /// One buffer for all values.
    pub fn render(&self, profile: &Profile, visit: &mut dyn FnMut(&str, &str)) {
        let mut value = String::new();
        let mut put = |field: &str, write: &mut dyn FnMut(&mut String)| {
            value.clear();
            write(&mut value);
            visit(field, &value);
        };
        for membership in &profile.segments {
            if let Some(field) = self.segment_fields.get(usize::from(membership.segment.0)) {
                put(field, &mut |out| push(out, membership.entered_at.0));
            }
        }
        for (field, &score) in self.score_fields.iter().zip(&profile.scores) {
            put(field, &mut |out| push_decimal(out, score));
        }
        if let Some(session) = &profile.session {
            put("sess:id", &mut |out| push(out, format_args!("{:016x}", session.id)));
            put("sess:start", &mut |out| push(out, session.start.0));
            put("sess:last", &mut |out| push(out, session.last.0));
            put("sess:events", &mut |out| push(out, session.events));
            put("sess:pages", &mut |out| push(out, session.pages));
            put("sess:engaged_ms", &mut |out| push(out, session.engaged_ms));
        }
        let traits = Map::from_bytes(&profile.traits);
        for (path, field) in &self.traits {
            match traits.get_path(path) {
                None | Some(Value::Null) => {}
                Some(found) => put(field, &mut |out| push_value(out, found)),
            }
        }
        put("as_of", &mut |out| push(out, profile.as_of));
        put("v", &mut |out| push(out, profile.version));
    }

    /// The value of one field, as [`Labels::render`] gives it.
    #[must_use]
    pub fn field(&self, profile: &Profile, name: &str) -> Option<String> {
        if let Some(key) = name.strip_prefix("seg:") {
            let index = self.segment_index(key)?;
            let found = profile.segments.iter().find(|m| m.segment == index)?;
            return Some(found.entered_at.0.to_string());
        }
        let mut found = None;
        self.render(profile, &mut |field, value| {
            if field == name {
                found = Some(value.to_owned());
            }
        });
        found
    }
}

/// When the profile's hash stops being shown, in milliseconds since the epoch.
pub(crate) fn expires_at_ms(profile: &Profile) -> i64 {
    let last = profile.session.as_ref().map_or(profile.as_of, |session| session.last.0);
    last.saturating_add(PROFILE_TTL_MS)
}

/// What is left of it in seconds, rounded up; zero or less if it is over.
pub(crate) fn ttl_s(profile: &Profile, now_ms: i64) -> i64 {
    let left_ms = expires_at_ms(profile).saturating_sub(now_ms);
    if left_ms <= 0 { 0 } else { left_ms.saturating_add(999) / 1_000 }
}

fn push(out: &mut String, value: impl std::fmt::Display) {
    write!(out, "{value}").expect("writing to a String does not fail");
}

/// Four places, without trailing zeros; never an exponent.
fn push_decimal(out: &mut String, value: f64) {
    let at = out.len();
    push(out, format_args!("{value:.4}"));
    if value.is_finite() {
        let kept = out.trim_end_matches('0').trim_end_matches('.').len();
        out.truncate(kept.max(at + 1));
        if out.get(at..) == Some("-0") {
            out.replace_range(at.., "0");
        }
    }
}

/// Text as it is, everything else as JSON.
fn push_value(out: &mut String, value: Value<'_>) {
    match value {
        Value::Str(text) => out.push_str(text),
        other => push_json(out, other, TRAIT_DEPTH_MAX),
    }
}

/// `depth` bounds the recursion, whatever the bytes claim.
fn push_json(out: &mut String, value: Value<'_>, depth: usize) {
    match value {
        Value::Bool(flag) => push(out, flag),
        Value::Int(number) => push(out, number),
        Value::Float(number) => push(out, number),
        Value::Str(text) => push_json_text(out, text),
        Value::List(list) if depth > 0 => {
            out.push('[');
            for (index, item) in list.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                push_json(out, item, depth - 1);
            }
            out.push(']');
        }
        Value::Map(map) if depth > 0 => {
            out.push('{');
            for (index, (key, item)) in map.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                push_json_text(out, key);
                out.push(':');
                push_json(out, item, depth - 1);
            }
            out.push('}');
        }
        Value::Null | Value::List(_) | Value::Map(_) => out.push_str("null"),
    }
}

fn push_json_text(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            '\u{0}'..='\u{1f}' => push(out, format_args!("\\u{:04x}", u32::from(character))),
            other => out.push(other),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use sillage_model::{EventTime, MapWriter, ValueWriter};

    fn rendered(profile: &Profile) -> Vec<String> {
        let mut out = Vec::new();
        sample::labels().render(profile, &mut |field, value| out.push(format!("{field}={value}")));
        out
    }

    #[test]
    fn a_profile_is_rendered_as_the_key_contract_says() {
        let mut list = Vec::new();
        let mut writer = ValueWriter::new(&mut list);
        writer.key("tags");
        let opened = writer.open_list();
        writer.str("a\"\n");
        writer.int(2);
        writer.float(0.5);
        writer.null();
        writer.close(opened);
        let mut traits = MapWriter::new()
            .with("plan", Value::Str("gold \"1\""))
            .with("age", Value::Int(41))
            .with("secret", Value::Str("hidden"))
            .with("vip", Value::Bool(true))
            .into_bytes();
        traits.extend(list);
        let mut profile = sample::person("u:42", 7);
        profile.traits = traits.into();
        assert_eq!(
            rendered(&profile),
            [
                "seg:hot-cart=1700000000100",
                "score:engagement=41.7",
                "sess:id=00000000000000ff",
                "sess:start=1700000000000",
                "sess:last=1700000000200",
                "sess:events=3",
                "sess:pages=2",
                "sess:engaged_ms=1500",
                "trait:plan=gold \"1\"",
                "trait:vip=true",
                "trait:age=41",
                "trait:tags=[\"a\\\"\\u000a\",2,0.5,null]",
                "as_of=1700000000300",
                "v=7",
            ]
        );
        let labels = sample::labels();
        for line in rendered(&profile) {
            let (field, value) = line.split_once('=').unwrap();
            assert_eq!(labels.field(&profile, field).as_deref(), Some(value), "{field}");
        }
        assert_eq!(labels.field(&profile, "seg:vip"), None);
        assert_eq!(labels.field(&profile, "trait:secret"), None);
    }

    #[test]
    fn scores_have_four_places_at_most() {
        for (score, text) in [
            (41.7, "41.7"),
            (41.700_04, "41.7"),
            (41.700_06, "41.7001"),
            (100.0, "100"),
            (0.0, "0"),
            (-0.000_01, "0"),
            (-3.25, "-3.25"),
            (1e15, "1000000000000000"),
        ] {
            let mut out = String::new();
            push_decimal(&mut out, score);
            assert_eq!(out, text);
        }
    }

    #[test]
    fn a_profile_is_shown_for_ninety_days_after_its_last_activity() {
        let mut profile = sample::person("u:1", 1);
        let last = profile.session.as_ref().unwrap().last.0;
        assert_eq!(ttl_s(&profile, last), 90 * 86_400);
        assert_eq!(ttl_s(&profile, last + PROFILE_TTL_MS - 1), 1);
        assert_eq!(ttl_s(&profile, last + PROFILE_TTL_MS), 0);
        profile.session = None;
        assert_eq!(expires_at_ms(&profile), profile.as_of + PROFILE_TTL_MS);
        profile.as_of = EventTime(i64::MAX).0;
        assert_eq!(expires_at_ms(&profile), i64::MAX);
    }
}
