//! A person by any of their ids.
use crate::http::problem::Problem;
use crate::http::time::rfc3339_ms;
use crate::http::{Reading, to_json};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use sillage_model::{Map, Profile, Value};
use sillage_store::Labels;

#[derive(Serialize)]
struct Person<'a> {
    /// Null for a device that is not linked to anyone.
    user_id: Option<&'a str>,
    devices: Vec<&'a str>,
    segments: Vec<Segment<'a>>,
    held_out: Vec<HeldOut<'a>>,
    scores: Scores<'a>,
    session: Option<Session>,
    traits: Traits<'a>,
    as_of: String,
    lag_ms: i64,
}

#[derive(Serialize)]
struct Segment<'a> {
    key: &'a str,
    entered_at: String,
}

/// A segment that the person would be in, had they not been held out of it.
#[derive(Serialize)]
struct HeldOut<'a> {
    key: &'a str,
    since: String,
}

#[derive(Serialize)]
struct Session {
    id: String,
    start: String,
    last: String,
    events: u32,
    pages: u32,
    engaged_ms: u64,
}

pub(crate) fn user(reading: &Reading<'_>, user_id: &str) -> Result<Vec<u8>, Problem> {
    let profile = reading.view.user(user_id).ok_or_else(Problem::person_unknown)?;
    Ok(show(reading, &profile))
}

pub(crate) fn device(reading: &Reading<'_>, anonymous_id: &str) -> Result<Vec<u8>, Problem> {
    let profile = reading.view.device(anonymous_id).ok_or_else(Problem::person_unknown)?;
    Ok(show(reading, &profile))
}

fn show(reading: &Reading<'_>, profile: &Profile) -> Vec<u8> {
    let labels = reading.view.labels();
    let member = &profile.member;
    let unlinked = (!member.is_user()).then(|| member.id());
    let linked = profile.devices.iter().map(AsRef::as_ref);
    let segments = profile.segments.iter().filter_map(|membership| {
        let key = labels.segment(membership.segment)?.key.as_str();
        Some(Segment { key, entered_at: rfc3339_ms(membership.entered_at.0) })
    });
    let held_out = profile.held_out.iter().filter_map(|membership| {
        let key = labels.segment(membership.segment)?.key.as_str();
        Some(HeldOut { key, since: rfc3339_ms(membership.entered_at.0) })
    });
    let session = profile.session.as_ref().map(|session| Session {
        id: format!("{:016x}", session.id),
        start: rfc3339_ms(session.start.0),
        last: rfc3339_ms(session.last.0),
        events: session.events,
        pages: session.pages,
        engaged_ms: session.engaged_ms,
    });
    to_json(&Person {
        user_id: member.is_user().then(|| member.id()),
        devices: unlinked.into_iter().chain(linked).collect(),
        segments: segments.collect(),
        held_out: held_out.collect(),
        scores: Scores { labels, values: &profile.scores },
        session,
        traits: Traits(Map::from_bytes(&profile.traits)),
        as_of: rfc3339_ms(profile.as_of),
        lag_ms: (reading.project.lag)(),
    })
}

struct Scores<'a> {
    labels: &'a Labels,
    values: &'a [f64],
}

impl Serialize for Scores<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.labels.scores().zip(self.values))
    }
}

/// All traits: a token that may read a profile may read them, unlike the Redis keys, which show
/// only those that were listed.
struct Traits<'a>(Map<'a>);

impl Serialize for Traits<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (key, value) in self.0.iter() {
            map.serialize_entry(key, &Trait(value))?;
        }
        map.end()
    }
}

/// Nesting was bounded when the event was admitted.
struct Trait<'a>(Value<'a>);

impl Serialize for Trait<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(flag) => serializer.serialize_bool(flag),
            Value::Int(number) => serializer.serialize_i64(number),
            Value::Float(number) => serializer.serialize_f64(number),
            Value::Str(text) => serializer.serialize_str(text),
            Value::Map(map) => Traits(map).serialize(serializer),
            Value::List(list) => {
                let mut seq = serializer.serialize_seq(None)?;
                for item in list.iter() {
                    seq.serialize_element(&Trait(item))?;
                }
                seq.end()
            }
        }
    }
}
