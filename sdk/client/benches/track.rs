//! What a call costs the app: time, allocations, memory, bytes on the wire.
//!
//!     cargo bench -p sillage-sdk --bench track
#![allow(clippy::print_stdout, reason = "the numbers are what it is run for")]
#![allow(clippy::unwrap_used, reason = "a measurement that cannot be made ends")]

#[path = "../tests/support/counting.rs"]
mod counting;

use sdk_core::{
    Action, Config, DeviceMillis, Input, Lifecycle, MonoMillis, Now, Object, Options, Restored,
    Tracker,
};
use sillage_sdk::Client;
use std::hint::black_box;
use std::io::Write as _;
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;

/// Nobody answers there: everything stays queued.
const NOBODY: &str = "http://127.0.0.1:9";

fn track(client: &Client, round: u64) {
    let price = 80.5 + f64::from(u32::try_from(round % 100).unwrap());
    client.track(
        "Product Viewed",
        &[
            ("product_id", "507f1f77bcf86cd799439011".into()),
            ("category", "Games".into()),
            ("name", "Monopoly: 3rd Edition".into()),
            ("price", price.into()),
            ("quantity", 1.into()),
        ],
    );
}

fn main() {
    // First, while the process holds nothing that it could use again.
    let folder = tempfile::tempdir().unwrap();
    let client = Client::builder("wk", NOBODY).folder(folder.path()).start().unwrap();
    let before = resident();
    (0..10_000).for_each(|round| track(&client, round));
    assert!(client.wait_durable());
    assert_eq!(client.ledger().pending, 10_000);
    println!("memory for 10 000 queued events: {} KiB", (resident() - before) / 1_024);
    println!("on disk: {} KiB", disk(folder.path()) / 1_024);
    drop(client);
    println!();
    let started = Instant::now();
    (0..1_000_000).for_each(|_| _ = black_box(Instant::now()));
    let clock = started.elapsed().as_nanos() / 1_000_000;
    println!("Reading the clock, which each time below includes once: {clock} ns.\n");
    println!("| a call of track() with 5 properties | p50 | p99 | p99.9 | allocations |");
    println!("|---|---|---|---|---|");
    calls("with a folder, a call every 20 µs", true, Duration::from_micros(20));
    calls("with a folder, without a pause", true, Duration::ZERO);
    calls("in memory, without a pause", false, Duration::ZERO);
    println!();
    println!("| \"Product Viewed\" in a batch of 20 | bytes an event | gzip -6 |");
    println!("|---|---|---|");
    wire("the same product 20 times", 0);
    wire("another product each time", 1);
}

fn calls(what: &str, on_disk: bool, pause: Duration) {
    const CALLS: usize = 9_000; // below the queue's bound: nothing is dropped
    let mut times = Vec::new();
    let mut allocations = 0;
    for _ in 0..5 {
        let folder = tempfile::tempdir().unwrap();
        let mut builder = Client::builder("wk", NOBODY);
        if on_disk {
            builder = builder.folder(folder.path());
        }
        let client = builder.start().unwrap();
        track(&client, 0);
        std::thread::sleep(Duration::from_millis(100));
        times.reserve(CALLS);
        let before = counting::allocations();
        for round in 0..CALLS {
            let next = Instant::now() + pause;
            let started = Instant::now();
            track(&client, round as u64);
            times.push(started.elapsed());
            while Instant::now() < next {
                std::hint::spin_loop();
            }
        }
        allocations += counting::allocations() - before;
        black_box(client.ledger());
    }
    times.sort_unstable();
    let at = |share: f64| {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a rank"
        )]
        let rank = (times.len() as f64 * share) as usize;
        times[rank.min(times.len() - 1)].as_nanos()
    };
    #[allow(clippy::cast_precision_loss, reason = "a mean of a few thousand")]
    let mean = allocations as f64 / times.len() as f64;
    println!("| {what} | {} ns | {} ns | {} ns | {mean:.3} |", at(0.5), at(0.99), at(0.999));
}

fn wire(what: &str, step: u64) {
    let now = Now { wall: DeviceMillis(1_795_341_600_000), mono: MonoMillis(1_000) };
    let mut entropy = [0; 32];
    getrandom::fill(&mut entropy).unwrap();
    let mut tracker = Tracker::new(Config::native(), entropy, now);
    tracker.handle(now, Input::Restored(Restored::default()));
    let context = r#"{"library":{"name":"sillage-rust","version":"0.1.0"},"os":{"name":"linux"},
        "app":{"name":"shop","version":"2.4.0"}}"#;
    tracker.handle(now, Input::Context(Object::Json(context)));
    for round in 0..20 {
        let mono = MonoMillis(1_000 + round * 137);
        let product = round * step;
        let properties = format!(
            r#"{{"product_id":"507f1f77bcf86cd7994390{:02}","sku":"G-{}","category":"Games",
            "name":"Monopoly: {}rd Edition","brand":"Hasbro","variant":"200 pieces","price":{}.99,"quantity":1}}"#,
            11 + product,
            32 + product * 7,
            3 + product,
            18 + product * 3
        );
        let properties = Object::Json(&properties);
        let (event, options) = ("Product Viewed", Options::default());
        tracker.handle(Now { mono, ..now }, Input::Track { event, properties, options });
    }
    tracker.handle(now, Input::Lifecycle(Lifecycle::Flush));
    while let Some(action) = tracker.poll_action() {
        if let Action::Send { body, .. } = action {
            let mut gzip =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            gzip.write_all(&body).unwrap();
            let packed = gzip.finish().unwrap().len();
            println!("| {what} | {} | **{}** |", body.len() / 20, packed / 20);
        }
    }
}

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1_024
}

fn disk(folder: &std::path::Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries
        .map(|entry| {
            if entry.path().is_dir() {
                disk(&entry.path())
            } else {
                entry.metadata().unwrap().len()
            }
        })
        .sum()
}
