//! Random worlds: whatever the order of arrival, the schedule of timers and the moment at which
//! devices are united, the same facts give the same bytes and the same memberships.
#![allow(missing_docs, reason = "a test")]

use proptest::prelude::*;
use sillage_engine::{EngagementRules, Plan, Record, RuleSet, SegmentSource, SessionRules, Weight};
use sillage_model::{
    EventTime, Fact, FactKind, Map, MapWriter, PersonKey, ReceiptMillis, SegmentChange, Value,
};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
const START: i64 = 1_700_000_000_000;

/// A fact that owns its bytes.
#[derive(Clone)]
struct Told {
    kind: FactKind,
    device: &'static str,
    at: i64,
    received: i64,
    number: u64,
    name: &'static str,
    props: Vec<u8>,
    context: Vec<u8>,
}

impl core::fmt::Debug for Told {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { device, name, number, .. } = self;
        let minutes = |at: i64| (at - START) as f64 / 60_000.0;
        let (at, received) = (minutes(self.at), minutes(self.received));
        let props: Vec<_> = Map::from_bytes(&self.props).iter().collect();
        write!(f, "{number} {name:?} of {device:?} at {at}, received {received} min: {props:?}")
    }
}

impl Told {
    fn fact(&self) -> Fact<'_> {
        Fact {
            kind: self.kind,
            subject: "u:1",
            device: self.device,
            at: EventTime(self.at),
            received: ReceiptMillis(self.received),
            seq: Some(self.number),
            name: self.name,
            message_id: "",
            context: Map::from_bytes(&self.context),
            props: Map::from_bytes(&self.props),
        }
    }
}

fn plan() -> Plan {
    let segments = [
        ("recent", "exists(\"*\" within 6h)"),
        ("quiet", "not segment(\"recent\")"),
        ("shopper", "count(\"Product Added\" within 12h) >= 2"),
        ("spender", "sum(revenue of \"Order Completed\" within 1d) > 40"),
        ("silent", "time_since(\"Page Viewed\") > 5h"),
        ("keen", "score.engagement >= 30"),
        ("keen-shopper", "segment(\"keen\") and segment(\"shopper\")"),
        ("deep", "session.pages >= 3 and session.engaged_ms > 1000"),
        ("pro", "trait.plan == \"pro\""),
        ("curious", "distinct(sku of \"Product Added\" within 2d) >= 2"),
    ];
    let source = |(key, when): (&str, &str)| SegmentSource {
        key: key.into(),
        when: when.into(),
        ..SegmentSource::default()
    };
    let weights = vec![
        Weight::of("Page Viewed", 2.0),
        Weight { cap_per_day: Some(2), ..Weight::of("Product Added", 5.0) },
        Weight { property: Some("revenue".into()), ..Weight::of("Order Completed", 0.1) },
        Weight::of("Order Refunded", -8.0),
    ];
    let set = RuleSet {
        session: SessionRules { split_on_campaign: true, ..SessionRules::default() },
        engagement: EngagementRules {
            half_life_ms: 9 * HOUR,
            weights,
            ..EngagementRules::default()
        },
        segments: segments.into_iter().map(source).collect(),
        ..RuleSet::default()
    };
    Plan::compile(&set).expect("the rules are right")
}

fn record(member: &str) -> Record {
    Record::of(&PersonKey::parse(member).expect("a member"))
}

const EVENTS: [(FactKind, &str); 7] = [
    (FactKind::Page, "Page Viewed"),
    (FactKind::Track, "Product Added"),
    (FactKind::Track, "Order Completed"),
    (FactKind::Track, "Order Refunded"),
    (FactKind::Track, "Page Engaged"),
    (FactKind::Identify, ""),
    (FactKind::Group, "g"),
];

/// Facts of some days, each received at most `delay` minutes late or four minutes early.
fn world_of(days: i64, delay: i64) -> impl Strategy<Value = Vec<Told>> {
    let event = (0..EVENTS.len(), 0..3_usize, 0..days * 24 * 60, -4..delay, 0..5_i64);
    prop::collection::vec(event, 1..40).prop_map(|events| {
        let told = |(number, (kind, device, minute, delay, n))| {
            let (kind, name) = EVENTS[kind];
            let at = START + minute * 60_000;
            let device = ["", "d-1", "d-2"][device];
            let props = props(n, at);
            let received = at + delay * 60_000;
            Told { kind, device, at, received, number, name, props, context: context(n) }
        };
        (0..).zip(events).map(told).collect()
    })
}

fn props(n: i64, at: i64) -> Vec<u8> {
    let plan = [Value::Str("pro"), Value::Str("free"), Value::Null];
    // A view lives for a day: see the limits of a device.
    let view = format!("{}-{}", at / DAY, n % 2);
    let props = MapWriter::new()
        .with("plan", plan[usize::try_from(n).expect("small") % 3])
        .with("sku", Value::Int(n))
        .with("revenue", Value::Float(f64::from(i32::try_from(n).expect("small")) * 12.25))
        .with("view_id", Value::Str(&view))
        .with("engaged_ms", Value::Int(n * 700))
        .with("url", Value::Str("/x"));
    props.into_bytes()
}

fn context(n: i64) -> Vec<u8> {
    let campaign = MapWriter::new().with("name", Value::Str("spring"));
    let context = MapWriter::new().with("campaign", Value::Map(campaign.as_map()));
    if n == 4 { context.into_bytes() } else { Vec::new() }
}

/// Facts of two days: none is ever too late.
fn world() -> impl Strategy<Value = Vec<Told>> {
    world_of(2, 24 * 60)
}

fn fold(plan: &Plan, facts: &[Told]) -> Record {
    let (mut record, mut out) = (record("u:p"), Vec::new());
    facts.iter().for_each(|told| record.step(plan, &told.fact(), &mut out));
    record
}

fn state(record: &Record) -> Vec<u8> {
    let mut bytes = Vec::new();
    record.state_bytes(&mut bytes);
    bytes
}

fn in_order_of_receipt(mut facts: Vec<Told>) -> Vec<Told> {
    facts.sort_by_key(|told| told.received);
    facts
}

fn segments(record: &Record) -> Vec<u16> {
    record.members().iter().map(|member| member.segment.0).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_order_of_the_same_facts_gives_the_same_state(
        (facts, shuffled) in world().prop_flat_map(|facts| (Just(facts.clone()), Just(facts).prop_shuffle())),
    ) {
        let plan = plan();
        let (mut one, mut other) = (fold(&plan, &facts), fold(&plan, &shuffled));
        prop_assert_eq!(state(&one), state(&other));
        let now = START + 3 * DAY;
        one.advance(&plan, now, &mut Vec::new());
        other.advance(&plan, now, &mut Vec::new());
        prop_assert_eq!(segments(&one), segments(&other));
        prop_assert_eq!(one.sessions(&plan), other.sessions(&plan));
        prop_assert_eq!(one.engagement(&plan, now).to_bits(), other.engagement(&plan, now).to_bits());
    }

    #[test]
    fn old_events_are_let_go_of_alike_in_any_order_within_the_lateness(
        facts in world_of(20, 70 * 60),
    ) {
        let plan = plan();
        let mut by_time = facts.clone();
        by_time.sort_by_key(|told| told.at);
        let by_time = fold(&plan, &by_time);
        let by_receipt = fold(&plan, &in_order_of_receipt(facts));
        prop_assert_eq!(by_time.session_count(), by_receipt.session_count());
        prop_assert_eq!(by_time.sessions(&plan), by_receipt.sessions(&plan));
        prop_assert_eq!(state(&by_time), state(&by_receipt));
    }

    #[test]
    fn any_schedule_of_timers_gives_the_same_person(
        facts in world().prop_map(in_order_of_receipt),
        // How far a timer runs ahead of each fact, in minutes; it may well be hasty.
        ticks in prop::collection::vec(prop::option::of(-600..600_i64), 40),
    ) {
        let plan = plan();
        let (mut calm, mut busy, mut out) = (record("u:p"), record("u:p"), Vec::new());
        let mut reached = START;
        for (told, tick) in facts.iter().zip(&ticks) {
            if let Some(minutes) = tick {
                let now = told.received + minutes * 60_000;
                busy.advance(&plan, now, &mut out);
                reached = reached.max(now);
            }
            busy.step(&plan, &told.fact(), &mut out);
            calm.step(&plan, &told.fact(), &mut Vec::new());
            reached = reached.max(told.received);
            let (mut now_calm, mut now_busy) = (calm.clone(), busy.clone());
            now_calm.advance(&plan, reached, &mut Vec::new());
            now_busy.advance(&plan, reached, &mut Vec::new());
            prop_assert_eq!(now_calm.members(), now_busy.members());
        }
        prop_assert_eq!(state(&calm), state(&busy));
        // Later than any hasty timer.
        let now = START + 4 * DAY;
        calm.advance(&plan, now, &mut Vec::new());
        for hour in 0..=96 {
            busy.advance(&plan, START + hour * HOUR, &mut out);
        }
        prop_assert_eq!(state(&calm), state(&busy));
        prop_assert_eq!(calm.members(), busy.members());
        // What was told adds up to what is.
        let mut told = Vec::new();
        for transition in &out {
            match transition.change {
                SegmentChange::Enter => {
                    prop_assert!(!told.contains(&transition.segment.0), "{out:?}");
                    told.push(transition.segment.0);
                }
                SegmentChange::Exit => {
                    prop_assert!(told.contains(&transition.segment.0), "{out:?}");
                    told.retain(|segment| *segment != transition.segment.0);
                }
            }
        }
        told.sort_unstable();
        prop_assert_eq!(told, segments(&busy));
    }

    #[test]
    fn a_person_united_from_devices_is_a_person_from_the_start(facts in world()) {
        let plan = plan();
        let end = ReceiptMillis(START + 2 * DAY);
        let unite = |record: &mut Record, device: &str, facts: &[Told]| {
            let exported = fold(&plan, facts).export();
            record.absorb(&plan, device, &exported, end, &mut Vec::new()).expect("exported");
        };
        let of = |device: &str| -> Vec<Told> {
            facts.iter().filter(|told| told.device == device).cloned().collect()
        };
        let (server, first, second) = (of(""), of("d-1"), of("d-2"));
        let mut whole = fold(&plan, &facts);
        unite(&mut whole, "d-1", &[]);
        unite(&mut whole, "d-2", &[]);
        let mut forward = fold(&plan, &server);
        unite(&mut forward, "d-1", &first);
        unite(&mut forward, "d-2", &second);
        let mut backward = fold(&plan, &server);
        unite(&mut backward, "d-2", &second);
        unite(&mut backward, "d-1", &first);
        prop_assert_eq!(state(&whole), state(&forward));
        prop_assert_eq!(state(&whole), state(&backward));
        prop_assert_eq!(segments(&whole), segments(&forward));
        let again = forward.revision();
        unite(&mut forward, "d-1", &first);
        prop_assert_eq!(state(&whole), state(&forward));
        prop_assert_eq!(again, forward.revision());
    }

    #[test]
    fn a_device_split_between_two_histories_is_united_all_the_same(
        facts in world(), cut in 0..40_usize,
    ) {
        let plan = plan();
        let end = ReceiptMillis(START + 2 * DAY);
        let (head, tail) = facts.split_at(cut.min(facts.len()));
        let mut whole = fold(&plan, &facts);
        whole.absorb(&plan, "d", &record("u:p").export(), end, &mut Vec::new()).expect("empty");
        let mut united = fold(&plan, tail);
        united.absorb(&plan, "d", &fold(&plan, head).export(), end, &mut Vec::new()).expect("ours");
        prop_assert_eq!(state(&whole), state(&united));
    }

    #[test]
    fn a_record_reads_back_as_written(facts in world(), hours in 0..60_i64) {
        let plan = plan();
        let mut record = fold(&plan, &facts);
        record.advance(&plan, START + hours * HOUR, &mut Vec::new());
        let mut bytes = Vec::new();
        record.encode(&mut bytes);
        let mut read = Record::decode(&bytes).expect("just written");
        let mut again = Vec::new();
        read.encode(&mut again);
        prop_assert_eq!(&bytes, &again);
        let now = START + 3 * DAY;
        let (mut out, mut out_again) = (Vec::new(), Vec::new());
        record.advance(&plan, now, &mut out);
        read.advance(&plan, now, &mut out_again);
        prop_assert_eq!(out, out_again);
        let member = PersonKey::user("1");
        prop_assert_eq!(record.profile(&plan, &member, now, 1), read.profile(&plan, &member, now, 1));
        for cut in 0..bytes.len() {
            prop_assert!(Record::decode(&bytes[..cut]).is_err());
        }
    }

    #[test]
    fn foreign_bytes_never_panic(
        facts in world(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        noise in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let plan = plan();
        let mut bytes = Vec::new();
        fold(&plan, &facts).encode(&mut bytes);
        for (index, byte) in flips {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        for bytes in [bytes, [&[1], &noise[..]].concat()] {
            if let Ok(record) = Record::decode(&bytes) {
                let mut again = Vec::new();
                record.encode(&mut again);
                prop_assert!(record.sessions(&plan).len() <= again.len());
            }
            let mut person = record("u:p");
            let absorbed =
                person.absorb(&plan, "d", &bytes, ReceiptMillis(START), &mut Vec::new());
            prop_assert!(absorbed.is_ok() || person.revision() == 0);
        }
    }
}
