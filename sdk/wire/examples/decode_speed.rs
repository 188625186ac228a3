//! Prints what decoding one event costs: `cargo run --release -p sillage-wire --example decode_speed`.
//!
//! The body is a batch of 100 events as Segment's clients send them, about 560 bytes each, made here
//! so that the numbers can be compared between machines. Each number is the best of many rounds.
#![allow(clippy::print_stdout, reason = "a measurement is for reading on a terminal")]
use sillage_wire::{Limits, ValueSink, decode_batch, transcode_object};
use std::hint::black_box;
use std::time::Instant;

const EVENTS: usize = 100;
const ROUNDS: usize = 3_000;

/// Adds up what a store would have to write.
#[derive(Default)]
struct ByteCount(usize);

impl ValueSink for ByteCount {
    fn null(&mut self) {
        self.0 += 1;
    }
    fn bool(&mut self, value: bool) {
        self.0 += 1 + usize::from(value);
    }
    fn int(&mut self, value: i64) {
        self.0 += 8 + usize::from(value == 0);
    }
    fn float(&mut self, value: f64) {
        self.0 += 8 + usize::from(value == 0.0);
    }
    fn str(&mut self, text: &str) {
        self.0 += 5 + text.len();
    }
    fn begin_list(&mut self) {
        self.0 += 5;
    }
    fn end_list(&mut self) {}
    fn begin_map(&mut self) {
        self.0 += 5;
    }
    fn key(&mut self, key: &str) {
        self.0 += 2 + key.len();
    }
    fn end_map(&mut self) {}
}

/// `pages` is the number of pages that the events happened on, which tells their contexts apart.
fn verbose(pages: usize) -> String {
    let names = ["Product Viewed", "Product Added", "Product List Viewed", "Order Completed"];
    let events: Vec<String> = (0..EVENTS)
        .map(|i| {
            let name = names[i % names.len()];
            format!(
                concat!(
                    r#"{{"type":"track","messageId":"01890f3c-7b1a-7c00-8000-{i:012}","#,
                    r#""anonymousId":"7f8e5a10-0b7c-4a5e-9f00-{d:012}","userId":"user-{d}","#,
                    r#""timestamp":"2026-11-22T10:{m:02}:{s:02}.{i:03}Z","event":"{name}","#,
                    r#""properties":{{"product_id":"sku-{i:05}","name":"Chaise longue n° {i}","#,
                    r#""category":"furniture","price":{p}.95,"quantity":{q},"currency":"EUR","#,
                    r#""position":{i}}},"context":{{"library":{{"name":"analytics.js","#,
                    r#""version":"2.11.1"}},"page":{{"path":"/p/{v}","url":"https://shop.example/p/{v}"}},"#,
                    r#""locale":"fr-FR","screen":{{"width":1512,"height":982}}}}}}"#
                ),
                i = i,
                d = i % 10,
                v = i % pages,
                m = i / 60,
                s = i % 60,
                name = name,
                p = 10 + i * 7 % 300,
                q = 1 + i % 4
            )
        })
        .collect();
    format!(
        r#"{{"batch":[{}],"sentAt":"2026-11-22T10:02:00.123Z","writeKey":"wk_1"}}"#,
        events.join(",")
    )
}

fn hoisted() -> String {
    let events: Vec<String> = (0..EVENTS)
        .map(|i| {
            format!(
                concat!(
                    r#"{{"type":"track","messageId":"01890f3c-7b1a-7c00-8000-{i:012}","seq":{i},"#,
                    r#""timestamp":"2026-11-22T10:00:{s:02}.{i:03}Z","event":"Product Viewed","#,
                    r#""properties":{{"product_id":"sku-{i:05}","price":{i}.95,"quantity":1}}}}"#
                ),
                i = i,
                s = i % 60
            )
        })
        .collect();
    format!(
        concat!(
            r#"{{"sentAt":"2026-11-22T10:02:00.123Z","anonymousId":"7f8e5a10","userId":"u1","#,
            r#""context":{{"locale":"fr-FR","screen":{{"width":1512,"height":982}}}},"batch":[{}]}}"#
        ),
        events.join(",")
    )
}

fn best_ns_per_event(mut round: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        round();
        best = best.min(start.elapsed().as_nanos() as f64);
    }
    best / EVENTS as f64
}

fn measure(label: &str, body: &str) {
    let limits = Limits::default();
    let bytes = body.as_bytes();
    let decode = best_ns_per_event(|| {
        let batch = decode_batch(black_box(bytes), &limits).expect("the body is a batch");
        for event in batch.events() {
            black_box(event.expect("the event is good").timestamp);
        }
    });
    let mut told = 0;
    let both = best_ns_per_event(|| {
        let mut sink = ByteCount::default();
        let batch = decode_batch(black_box(bytes), &limits).expect("the body is a batch");
        for event in batch.events() {
            let event = event.expect("the event is good");
            transcode_object(event.properties, &limits, &mut sink).expect("good properties");
            transcode_object(event.context, &limits, &mut sink).expect("a good context");
        }
        told = black_box(sink.0);
    });
    let utf8 = best_ns_per_event(|| {
        black_box(std::str::from_utf8(black_box(bytes)).is_ok());
    });
    let tree = best_ns_per_event(|| {
        let tree: serde_json::Value =
            serde_json::from_slice(black_box(bytes)).expect("the body is JSON");
        black_box(&tree);
    });
    println!("{label}: {} B/event, {} B/event told", bytes.len() / EVENTS, told / EVENTS);
    println!("  utf-8 check alone        {utf8:7.0} ns/event");
    println!("  decode                   {decode:7.0} ns/event");
    println!("  decode and transcode     {both:7.0} ns/event");
    println!("  serde_json::Value        {tree:7.0} ns/event, {:.1} times as long", tree / both);
}

fn main() {
    measure("Segment-shaped, each event on its page", &verbose(EVENTS));
    measure("Segment-shaped, all on one page", &verbose(1));
    measure("hoisted", &hoisted());
}
