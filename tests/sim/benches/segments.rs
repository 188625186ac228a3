//! What segments cost the engine: the stream of an online shop under 1 to 1 000 of them, one core.
//!
//! `cargo bench -p sillage-sim` prints the time for the whole stream and events per second; the
//! table at the end has nanoseconds per event and what each further segment adds.
#![allow(clippy::print_stdout, reason = "the numbers are what it is run for")]
use criterion::{BenchmarkId, Criterion, Throughput};
use sillage_engine::{Plan, Record, RuleSet, SegmentSource};
use sillage_model::PersonKey;
use sillage_sim::encode::Encoded;
use sillage_sim::files;
use std::collections::HashMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

const COUNTS: [usize; 4] = [1, 20, 200, 1_000];
const PAGES: [&str; 9] = [
    "catalog",
    "main",
    "product1",
    "product2",
    "lost",
    "cart",
    "delivery_choice",
    "payment_choice",
    "payment_done",
];

/// The stream, with whom each event is about.
struct Stream {
    events: Vec<(usize, Encoded)>,
    persons: Vec<PersonKey>,
}

impl Stream {
    fn read() -> Self {
        let file = files::onlineshop().expect("the file lies beside the example");
        let mut numbers: HashMap<String, usize> = HashMap::new();
        let mut persons = Vec::new();
        let events = file.events.iter().map(|event| {
            let encoded = Encoded::new(event);
            let subject = encoded.subject().to_owned();
            let number = *numbers.entry(subject).or_insert_with_key(|subject| {
                persons.push(PersonKey::parse(subject).expect("subjects are members"));
                persons.len() - 1
            });
            (number, encoded)
        });
        let events = events.collect();
        Self { events, persons }
    }

    /// Folds the whole stream into new records; gives how many transitions came of it.
    fn fold(&self, plan: &Plan) -> usize {
        let mut records: Vec<Record> = self.persons.iter().map(Record::of).collect();
        let (mut out, mut transitions) = (Vec::new(), 0);
        for (number, event) in &self.events {
            let subject = self.persons[*number].as_str();
            records[*number].step(plan, &event.fact(subject), &mut out);
            transitions += out.len();
            out.clear();
        }
        transitions
    }
}

/// The rule of the segment with this number: eight forms that a shop's marketers write, each time
/// about other pages, numbers and windows. The first is the plainest.
fn rule(number: usize) -> String {
    let (page, other) = (PAGES[number / 8 % 9], PAGES[(number / 8 + 4) % 9]);
    let (times, days) = (2 + number % 5, 1 + number % 29);
    match number % 8 {
        0 => format!("count(\"*\" where url == \"{page}\" within {days}d) >= {times}"),
        1 => format!(
            "exists(\"*\" where url == \"{page}\" within {days}d) \
             and not exists(\"Order Completed\" where url == \"{other}\" within {days}d)"
        ),
        2 => format!(
            "sequence(\"*\" where url == \"{page}\" within {days}d -> \
             \"*\" where url == \"{other}\" within {times}h)"
        ),
        3 => format!("distinct(url of \"Product Viewed\" within {days}d) >= {times}"),
        4 => format!("trait.plan == \"plan-{number}\" and trait.age >= {days}"),
        5 => format!(
            "sequence(\"Cart Viewed\" where url == \"{page}\" -> no \"Order Completed\" within {times}h)"
        ),
        6 => format!(
            "first(url of \"Page Viewed\") == \"{page}\" and days_active(within 30d) >= {times}"
        ),
        _ => format!("score.engagement >= {}", 5 + number * 7 % 90),
    }
}

fn plan(count: usize) -> Plan {
    let segment = |number| SegmentSource {
        key: format!("s{number}"),
        when: rule(number),
        ..SegmentSource::default()
    };
    let segments = (0..count).map(segment).collect();
    Plan::compile(&RuleSet { segments, ..RuleSet::default() }).expect("the rules are right")
}

/// The best of several runs: the machine's other work only ever adds.
fn best_of(runs: u32, stream: &Stream, plan: &Plan) -> Duration {
    let once = || {
        let started = Instant::now();
        black_box(stream.fold(plan));
        started.elapsed()
    };
    (0..runs).map(|_| once()).min().unwrap_or_default()
}

fn main() {
    let stream = Stream::read();
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("segments");
    group.sample_size(10).throughput(Throughput::Elements(stream.events.len() as u64));
    for count in COUNTS {
        let plan = plan(count);
        let id = BenchmarkId::from_parameter(count);
        group.bench_with_input(id, &plan, |bencher, plan| bencher.iter(|| stream.fold(plan)));
    }
    group.finish();
    criterion.final_summary();
    println!("\nsegments   ns/event   of one   each adds   transitions");
    let (mut one, per_event) = (0.0, 1.0 / stream.events.len() as f64);
    for count in COUNTS {
        let plan = plan(count);
        let ns = best_of(7, &stream, &plan).as_secs_f64() * 1e9 * per_event;
        one = if count == 1 { ns } else { one };
        let each = (ns - one) / (count as f64 - 1.0).max(1.0);
        let transitions = stream.fold(&plan);
        println!("{count:8} {ns:10.0} {:8.2} {each:11.1} {transitions:13}", ns / one);
    }
}
