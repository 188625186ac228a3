//! What the client costs: time and allocations of a call, memory of a full queue, bytes on the wire.
//!
//!     cargo run --profile bench -p sillage-sdk --example cost
#![allow(clippy::print_stdout, reason = "the numbers are what it is run for")]
#![allow(clippy::unwrap_used, reason = "a measurement that fails shall stop")]

#[path = "../tests/support/counting.rs"]
mod counting;
#[path = "../tests/support/mod.rs"]
mod support;

use sillage_sdk::{Client, Config, Lifecycle};
use std::time::{Duration, Instant};
use support::Stub;

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;

fn main() {
    memory();
    calls("idle between calls, 20 us apart", Some(Duration::from_micros(20)));
    calls("as fast as it goes", None);
    wire("identical properties", |_| (String::from("sku-8841-blue"), 80.5));
    wire("varying properties", |n| {
        let draw = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (format!("sku-{:05}-{:02x}", draw % 100_000, draw >> 56), (draw >> 40) as f64 / 100.0)
    });
}

fn start(folder: &std::path::Path, stub: &Stub, config: Config) -> Client {
    let builder = Client::builder("wk_test", &stub.endpoint()).folder(folder).config(config);
    let client = builder.start().unwrap();
    support::until("storage", || !client.anonymous_id().is_empty());
    client
}

fn view(client: &Client, product: &str, price: f64) {
    client.track(
        "Product Viewed",
        &[
            ("product_id", product.into()),
            ("price", price.into()),
            ("category", "shoes".into()),
            ("position", 3.into()),
            ("in_stock", true.into()),
        ],
    );
}

fn calls(what: &str, apart: Option<Duration>) {
    let (folder, stub) = (tempfile::tempdir().unwrap(), Stub::start([]));
    let client = start(folder.path(), &stub, Config::native());
    let count = 100_000;
    let mut took = Vec::with_capacity(count);
    let before = counting::allocations();
    for _ in 0..count {
        let begun = Instant::now();
        view(&client, "sku-8841-blue", 80.5);
        took.push(u64::try_from(begun.elapsed().as_nanos()).unwrap());
        while apart.is_some_and(|apart| begun.elapsed() < apart) {
            std::hint::spin_loop();
        }
    }
    let allocated = (counting::allocations() - before) as f64 / count as f64;
    took.sort_unstable();
    let at = |share: f64| took[((count - 1) as f64 * share) as usize];
    println!(
        "{count} calls of 5 properties, {what}: p50 {} ns, p99 {} ns, p99.9 {} ns, max {} us, {allocated:.3} allocations each",
        at(0.5),
        at(0.99),
        at(0.999),
        at(1.0) / 1_000
    );
    client.shutdown_blocking(Duration::from_secs(20));
}

fn memory() {
    let (folder, stub) = (tempfile::tempdir().unwrap(), Stub::start([]));
    let empty = resident_kib();
    let client = start(folder.path(), &stub, Config::native());
    client.lifecycle(Lifecycle::Offline);
    let idle = resident_kib();
    for _ in 0..10_000 {
        view(&client, "sku-8841-blue", 80.5);
    }
    assert!(client.wait_durable());
    assert_eq!(client.ledger().pending, 10_000);
    let files = std::fs::read_dir(folder.path().join("lane-0")).unwrap().flatten();
    let disk: u64 = files.map(|file| file.metadata().unwrap().len()).sum();
    println!(
        "resident: {empty} KiB before, {idle} KiB with a client, {} KiB with 10 000 events queued; {} KiB on disk",
        resident_kib(),
        disk / 1_024
    );
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().split(' ').next()?.parse().ok()).unwrap_or(0)
}

fn wire(what: &str, product: impl Fn(u64) -> (String, f64)) {
    let (folder, stub) = (tempfile::tempdir().unwrap(), Stub::start([]));
    let client = start(folder.path(), &stub, Config::native());
    client.lifecycle(Lifecycle::Offline);
    for n in 0..20 {
        let (id, price) = product(n);
        view(&client, &id, price);
    }
    client.lifecycle(Lifecycle::Online);
    assert_eq!(client.flush_blocking(Duration::from_secs(20)).pending, 0);
    for request in stub.requests() {
        let events = request.message_ids().len();
        println!(
            "{events} events of 5 {what}: {} bytes of JSON, {} bytes gzip'd: {:.1} bytes an event",
            request.body.len(),
            request.sent_bytes,
            request.sent_bytes as f64 / events.max(1) as f64
        );
    }
}
