//! Plain events and settings in the words of the engine.
use crate::oracle::Rules;
use crate::oracle::event::{Event, Kind, Props, Val};
use sillage_engine::{EngagementRules, RuleSet, SegmentSource, SessionRules, Weight, Zone};
use sillage_model::{EventTime, Fact, FactKind, Map, ReceiptMillis, Value, ValueWriter};

/// An event with its parts encoded, from which a fact can be borrowed.
#[derive(Debug)]
pub struct Encoded {
    kind: FactKind,
    subject: String,
    device: String,
    at: i64,
    received: i64,
    seq: Option<u64>,
    name: String,
    message: String,
    context: Vec<u8>,
    props: Vec<u8>,
}

impl Encoded {
    /// Encodes an event. An alias is an identify without traits, as admission makes it.
    #[must_use]
    pub fn new(event: &Event) -> Self {
        let kind = match event.kind {
            Kind::Track => FactKind::Track,
            Kind::Page => FactKind::Page,
            Kind::Screen => FactKind::Screen,
            Kind::Identify | Kind::Alias => FactKind::Identify,
            Kind::Group => FactKind::Group,
        };
        Self {
            kind,
            subject: event.subject(),
            device: event.device.as_deref().unwrap_or_default().to_owned(),
            at: event.at,
            received: event.received,
            seq: event.seq,
            name: event.name.to_string(),
            message: event.message.to_string(),
            context: body(&event.context),
            props: body(&event.props),
        }
    }

    /// The fact, about `subject` (the person, once the device is linked).
    #[must_use]
    pub fn fact<'a>(&'a self, subject: &'a str) -> Fact<'a> {
        Fact {
            kind: self.kind,
            subject,
            device: &self.device,
            at: EventTime(self.at),
            received: ReceiptMillis(self.received),
            seq: self.seq,
            name: &self.name,
            message_id: &self.message,
            context: Map::from_bytes(&self.context),
            props: Map::from_bytes(&self.props),
        }
    }

    /// Whom the sender says it is about.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }
}

fn body(props: &Props) -> Vec<u8> {
    let mut bytes = Vec::new();
    pairs(&mut ValueWriter::new(&mut bytes), props);
    bytes
}

fn pairs(out: &mut ValueWriter<'_>, props: &Props) {
    for (key, value) in props {
        out.key(key);
        write(out, value);
    }
}

fn write(out: &mut ValueWriter<'_>, value: &Val) {
    match value {
        Val::Null => out.null(),
        Val::Bool(value) => out.bool(*value),
        Val::Int(number) => out.int(*number),
        Val::Float(number) => out.float(*number),
        Val::Text(text) => out.str(text),
        Val::List(items) => {
            let opened = out.open_list();
            items.iter().for_each(|item| write(out, item));
            out.close(opened);
        }
        Val::Map(inner) => {
            let opened = out.open_map();
            pairs(out, inner);
            out.close(opened);
        }
    }
}

/// A value of the model as [`Val::render`] writes it.
#[must_use]
pub fn render(value: Value<'_>) -> String {
    match value {
        Value::Null => Val::Null.render(),
        Value::Bool(value) => Val::Bool(value).render(),
        Value::Int(number) => Val::Int(number).render(),
        Value::Float(number) => Val::Float(number).render(),
        Value::Str(text) => Val::text(text).render(),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(render).collect();
            format!("[{}]", items.join(","))
        }
        Value::Map(map) => {
            let pairs: Vec<String> =
                map.iter().map(|(key, value)| format!("{key}:{}", render(value))).collect();
            format!("{{{}}}", pairs.join(","))
        }
    }
}

/// The project's settings as the engine reads them.
#[must_use]
pub fn rule_set(rules: &Rules) -> RuleSet {
    let weights = rules.weights.iter().map(|w| Weight {
        event: w.event.clone(),
        weight: w.weight,
        property: w.property.clone(),
        cap_per_day: w.cap_per_day,
    });
    let segments = rules.segments.iter().map(|segment| SegmentSource {
        key: segment.key.clone(),
        name: segment.key.clone(),
        when: segment.when.to_string(),
        exit: segment.exit.as_ref().map(ToString::to_string),
        min_stay_ms: segment.min_stay_ms,
        holdout: segment.holdout,
        requires_consent: segment.requires_consent.clone(),
        ..SegmentSource::default()
    });
    RuleSet {
        session: SessionRules {
            idle_ms: rules.idle_ms,
            max_ms: rules.max_ms,
            lateness_ms: rules.lateness_ms,
            split_on_campaign: rules.split_on_campaign,
            conversions: rules.conversions.clone(),
        },
        engagement: EngagementRules {
            half_life_ms: rules.half_life_ms,
            scale: rules.scale,
            weights: weights.collect(),
            engaged_second: rules.engaged_second,
        },
        segments: segments.collect(),
        zone: Zone { name: rules.zone.name.to_owned(), offsets: rules.zone.offsets.to_vec() },
    }
}
