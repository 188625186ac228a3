//! How fast facts are folded: 20 segments, 10 000 persons, events of a shop in order of time.
//!
//! `cargo run --release -p sillage-engine --example step_speed`
#![allow(clippy::print_stdout, reason = "an example speaks to the terminal")]

use sillage_engine::{Plan, Record, RuleSet, SegmentSource};
use sillage_model::{
    EventTime, Fact, FactKind, MapWriter, PersonKey, ReceiptMillis, Transition, Value,
};

const START: i64 = 1_700_000_000_000;

/// The rules of the twenty segments.
const RULES: [&str; 20] = [
    "count(\"Product Viewed\" within 7d) >= 3",
    "count(\"Product Added\" where price > 50 within 7d) >= 2",
    "exists(\"Order Completed\" within 30d)",
    "not exists(\"*\" within 14d)",
    "sum(revenue of \"Order Completed\" within 90d) > 200",
    "sum(revenue of \"Order Completed\") > 1000",
    "distinct(category of \"Product Viewed\" within 7d) >= 3",
    "time_since(\"Order Completed\") > 30d",
    "score.engagement >= 40",
    "score.engagement >= 80",
    "session.pages >= 5",
    "session.conversions > 0",
    "trait.plan == \"pro\"",
    "count(\"*\") >= 10",
    "count(\"Page Viewed\" within 1h) >= 5",
    "exists(\"Product Added\" within 1d) and not exists(\"Order Completed\" within 1d)",
    "segment(\"s8\") and segment(\"s0\")",
    "count(\"Product Viewed\" where category in [\"shoes\", \"bags\"] within 3d) >= 2",
    "time_since_first(\"*\") < 7d",
    "count(\"Page Viewed\" within 30d) between 3 and 20",
];

/// One event of a cycle: kind, name, whether it has a page, properties.
type Event = (FactKind, &'static str, Vec<u8>);

fn events() -> Vec<Event> {
    let product = |category: &str, price: f64| {
        MapWriter::new()
            .with("product_id", Value::Str("p-1234"))
            .with("category", Value::Str(category))
            .with("price", Value::Float(price))
            .with("currency", Value::Str("EUR"))
            .into_bytes()
    };
    let order =
        MapWriter::new().with("order_id", Value::Str("o-1")).with("revenue", Value::Int(80));
    vec![
        (
            FactKind::Page,
            "Page Viewed",
            MapWriter::new().with("title", Value::Str("x")).into_bytes(),
        ),
        (FactKind::Track, "Product Viewed", product("shoes", 70.0)),
        (
            FactKind::Page,
            "Page Viewed",
            MapWriter::new().with("title", Value::Str("y")).into_bytes(),
        ),
        (FactKind::Track, "Product Viewed", product("bags", 20.0)),
        (FactKind::Track, "Product Added", product("bags", 20.0)),
        (FactKind::Track, "Element Clicked", product("none", 0.0)),
        (
            FactKind::Page,
            "Page Viewed",
            MapWriter::new().with("title", Value::Str("z")).into_bytes(),
        ),
        (FactKind::Track, "Order Completed", order.into_bytes()),
    ]
}

fn context() -> Vec<u8> {
    let page = MapWriter::new()
        .with("url", Value::Str("https://shop.example/products/1234?ref=home"))
        .with("referrer", Value::Str("https://search.example/"))
        .with("title", Value::Str("A product"));
    MapWriter::new()
        .with("locale", Value::Str("fr"))
        .with("page", Value::Map(page.as_map()))
        .with("userAgent", Value::Str("Mozilla/5.0"))
        .into_bytes()
}

fn plan() -> Plan {
    let source = |(index, when): (usize, &&str)| SegmentSource {
        key: format!("s{index}"),
        when: (*when).into(),
        ..SegmentSource::default()
    };
    let segments = RULES.iter().enumerate().map(source).collect();
    Plan::compile(&RuleSet { segments, ..RuleSet::default() }).expect("the rules are right")
}

/// Folds all events, `step_ms` apart, and prints what it took.
fn run(name: &str, persons: u64, step_ms: i64, events_each: u64) {
    let count = persons * events_each;
    let (plan, events, context) = (plan(), events(), context());
    let mut records: Vec<Record> =
        (0..persons).map(|n| Record::of(&PersonKey::user(&n.to_string()))).collect();
    let mut out: Vec<Transition> = Vec::new();
    let (mut transitions, mut random) = (0, 0x9e37_79b9_7f4a_7c15_u64);
    let started = cpu_ns();
    for number in 0..count {
        // xorshift64 (Marsaglia 2003): persons come in no order, so that caches are as cold as live.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let person = usize::try_from(random % persons).expect("small");
        let (kind, name, props) = &events[usize::try_from(random >> 32).expect("64 bits") % 8];
        let at = START + i64::try_from(number).expect("small") * step_ms;
        let fact = Fact {
            kind: *kind,
            subject: "u:1",
            device: "8f14e45f-ceea-467f-a9b8-1f4b6f1d7a55",
            at: EventTime(at),
            received: ReceiptMillis(at + 150),
            seq: Some(number),
            name,
            message_id: "8f14e45f-ceea-467f-a9b8-1f4b6f1d7a55",
            context: sillage_model::Map::from_bytes(&context),
            props: sillage_model::Map::from_bytes(props),
        };
        records[person].step(&plan, &fact, &mut out);
        transitions += out.len();
        out.clear();
    }
    let ns = (cpu_ns() - started) / count;
    println!("{name}: {ns} ns/event over {count} events, {transitions} transitions");
    let mut bytes = Vec::new();
    records.iter().for_each(|record| record.encode(&mut bytes));
    println!("{} bytes/person encoded", bytes.len() / records.len());
    let started = cpu_ns();
    let (member, now) =
        (PersonKey::user("1"), START + step_ms * i64::try_from(count).expect("small"));
    let sum: usize = records.iter().map(|r| r.profile(&plan, &member, now, 1).segments.len()).sum();
    let ns = (cpu_ns() - started) / persons;
    println!("{ns} ns/profile, {sum} memberships");
}

/// Time on the processor so far, so that neighbours on the machine do not count.
fn cpu_ns() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux has it");
    let first = stat.split(' ').next().expect("a line is never empty");
    first.parse().expect("a number of nanoseconds")
}

fn main() {
    run("100 persons, an event every three minutes", 100, 1_800, 100);
    if std::env::args().any(|arg| arg == "small") {
        return;
    }
    run("10 000 persons, an event every three minutes", 10_000, 18, 100);
    run("10 000 persons, an event every six hours", 10_000, 2_160, 100);
}
