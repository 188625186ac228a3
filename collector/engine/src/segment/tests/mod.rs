//! The language from outside: texts and events in, diagnostics and verdicts out.
mod diagnostics;
mod oracle;
mod verdicts;
mod worlds;

use super::{
    Diagnostic, Features, FoldEvent, Rules, SessionField, SessionValue, Setting, Subject, Touched,
};
use crate::rules::{SegmentSource, Zone};
use sillage_model::{Map, MapWriter, SegmentIndex, Value};

/// Compiles rules; the first is segment 0 with the key `s0`.
fn rules(texts: &[&str]) -> Rules {
    compiled(&sources(texts)).unwrap_or_else(|faults| panic!("{faults:#?}"))
}

/// Compiles segments for a project with one score, in UTC.
fn compiled(sources: &[SegmentSource]) -> Result<Rules, Vec<Diagnostic>> {
    let (zone, session_max_ms) = (&Zone::default(), 86_400_000);
    Rules::compile(sources, Setting { scores: &["engagement"], zone, session_max_ms })
}

fn sources(texts: &[&str]) -> Vec<SegmentSource> {
    let keyed = texts.iter().enumerate().map(|(index, when)| SegmentSource {
        key: format!("s{index}"),
        when: (*when).to_string(),
        ..SegmentSource::default()
    });
    keyed.collect()
}

/// An event with room for its properties.
#[derive(Debug, Clone)]
struct Sent {
    name: String,
    at: i64,
    tie: u64,
    props: MapWriter,
    context: MapWriter,
}

fn sent(name: &str, at: i64) -> Sent {
    let (props, context) = (MapWriter::new(), MapWriter::new());
    Sent { name: name.into(), at, tie: 0, props, context }
}

impl Sent {
    fn with(mut self, key: &str, value: Value<'_>) -> Self {
        self.props.push(key, value);
        self
    }

    fn fold_event(&self) -> FoldEvent<'_> {
        FoldEvent {
            name: &self.name,
            is_activity: true,
            at: self.at,
            tie: self.tie,
            props: self.props.as_map(),
            context: self.context.as_map(),
            device: "d",
            shapes_sessions: true,
        }
    }
}

/// A person made by hand. Its score falls by one point per second from `score` at time 0.
#[derive(Debug, Clone, Default)]
struct Person {
    features: Features,
    traits: MapWriter,
    pages: Option<f64>,
    bounced: Option<bool>,
    referrer: Option<&'static str>,
    score: f64,
    member_of: Vec<u16>,
}

impl Person {
    fn with_events(rules: &Rules, events: &[Sent]) -> Self {
        let mut person = Self::default();
        let mut clock = i64::MIN;
        for event in events {
            clock = clock.max(event.at);
            let mut touched = Touched::default();
            rules.fold(&mut person.features, &event.fold_event(), clock, &mut touched);
        }
        person
    }

    fn is_in(&self, rules: &Rules, now: i64) -> bool {
        rules.evaluate(SegmentIndex(0), self, now, None).member
    }
}

impl Subject for Person {
    fn features(&self) -> &Features {
        &self.features
    }

    fn trait_value(&self, path: &str) -> Option<Value<'_>> {
        let traits: Map<'_> = self.traits.as_map();
        traits.get_path(path)
    }

    fn session(&self, field: SessionField) -> Option<SessionValue<'_>> {
        match field {
            SessionField::Pages => self.pages.map(SessionValue::Number),
            SessionField::Bounced => self.bounced.map(SessionValue::Bool),
            SessionField::Referrer => self.referrer.map(SessionValue::Text),
            _ => None,
        }
    }

    fn score(&self, _index: usize, now: i64) -> f64 {
        self.score - now as f64 / 1_000.0
    }

    fn score_next_crossing(&self, _index: usize, threshold: f64, now: i64) -> Option<i64> {
        let reaches = ((self.score - threshold) * 1_000.0).ceil() as i64;
        [reaches, reaches + 1].into_iter().find(|at| *at > now)
    }

    fn latest_session(&self) -> Option<(u64, i64, i64)> {
        None
    }

    fn sessions_after(&self, _after: i64) -> (u64, Option<i64>) {
        (0, None)
    }

    fn bucket(&self, _salt: &str) -> u16 {
        1_234
    }

    fn is_member(&self, segment: SegmentIndex) -> bool {
        self.member_of.contains(&segment.0)
    }
}
