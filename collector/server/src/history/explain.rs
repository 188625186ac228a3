//! Why somebody is in a segment, or is not, now or at a moment that the log still holds.
use super::preview::compiled;
use super::{Held, Refusal, Watch, time};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sillage_engine::RuleSet;
use sillage_eventlog::EventLog;
use sillage_model::PersonKey;
use sillage_worker::history::{Whom, life};
use std::time::Instant;

/// What is to be explained.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) project: String,
    pub(crate) rules: RuleSet,
    pub(crate) whom: Whom,
    /// The segment's key.
    pub(crate) segment: String,
    /// The moment, in milliseconds since the epoch.
    pub(crate) until: i64,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Explained {
    pub(crate) project: String,
    /// The segment's key.
    pub(crate) segment: String,
    pub(crate) name: String,
    /// Null for a device that belonged to nobody then.
    pub(crate) user_id: Option<String>,
    pub(crate) devices: Vec<String>,
    /// The moment as of which all this is so.
    pub(crate) as_of: String,
    pub(crate) history: Held,
    /// Events of this person up to then that were looked at as evidence.
    pub(crate) events: usize,
    /// Older ones that counted, but are too many to be shown.
    pub(crate) events_left_out: u64,
    pub(crate) seconds: f64,
    /// What the engine says; moments as RFC 3339.
    pub(crate) explanation: Value,
}

/// Names of moments in what the engine says, which has them in milliseconds.
const MOMENTS: [&str; 5] = ["at", "entered_at", "changes_at", "stays_until", "until"];

/// Looks. Fails with [`Refusal::BrokenOff`] if `watch` breaks.
pub(crate) fn explain<L: EventLog>(
    log: &L,
    asked: &Asked,
    watch: Watch<'_>,
) -> Result<Explained, Refusal> {
    let plan = compiled(&asked.rules)?;
    let unknown = || Refusal::SegmentUnknown(asked.segment.clone());
    let segment = plan.segment_index(&asked.segment).ok_or_else(unknown)?;
    let (started, mut broken) = (Instant::now(), false);
    let found = life(log, &plan, &asked.whom, asked.until, &mut |cursor| {
        let flow = watch(cursor);
        broken = flow.is_break();
        flow
    })?;
    let found = match found {
        Some(found) => found,
        None if broken => return Err(Refusal::BrokenOff),
        None => return Err(Refusal::PersonUnknown),
    };
    let facts: Vec<_> = found.facts.iter().map(|kept| kept.fact()).collect();
    let said = found.record.explain(&plan, segment, asked.until, &facts);
    let said = serde_json::to_value(&said).expect("text keys and finite numbers");
    let member = &found.member;
    let unlinked = (!member.is_user()).then(|| member.id().to_owned());
    Ok(Explained {
        project: asked.project.clone(),
        segment: asked.segment.clone(),
        name: plan.segments()[usize::from(segment.0)].name.clone(),
        user_id: member.is_user().then(|| member.id().to_owned()),
        devices: unlinked.into_iter().chain(found.record.devices().map(str::to_owned)).collect(),
        as_of: time(asked.until),
        history: Held::of(log, found.from),
        events: facts.len(),
        events_left_out: found.facts_left_out,
        seconds: started.elapsed().as_secs_f64(),
        explanation: with_moments(said),
    })
}

/// Who is meant by an id on a command line or in a path.
pub(crate) fn member(id: &str, device: bool) -> PersonKey {
    if device { PersonKey::device(id) } else { PersonKey::user(id) }
}

fn with_moments(said: Value) -> Value {
    match said {
        Value::Array(items) => Value::Array(items.into_iter().map(with_moments).collect()),
        Value::Object(fields) => {
            let shown = |(name, value): (String, Value)| {
                let moment = value.as_i64().filter(|_| MOMENTS.contains(&name.as_str()));
                let value = moment.map_or_else(|| with_moments(value), |ms| time(ms).into());
                (name, value)
            };
            Value::Object(fields.into_iter().map(shown).collect::<Map<_, _>>())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn moments_are_written_out_and_other_numbers_are_left() {
        let said = json!({"entered_at": 0, "rule": {"start": 3, "until": null,
                          "evidence": [{"at": 1, "what": "price 5"}]}});
        let want = json!({"entered_at": "1970-01-01T00:00:00.000Z",
                          "rule": {"start": 3, "until": null,
                          "evidence": [{"at": "1970-01-01T00:00:00.001Z", "what": "price 5"}]}});
        assert_eq!(with_moments(said), want);
    }
}
