//! How many persons a second reach a Redis: twenty segments, each person with one device and in five of them.
//! First everybody into an empty Redis, then a change of one segment for everybody, then everybody compared.
//!
//! `cargo run --release -p sillage-store --example redis_speed -- 100000 redis://127.0.0.1:6379`
//!
//! The Redis must be one that may be filled with the project `speed`; several addresses are taken in turn.
#![allow(clippy::print_stdout, reason = "an example speaks to the terminal")]

use sillage_model::{EventTime, Membership, PersonKey, Profile, SegmentIndex, SessionBrief};
use sillage_store::{
    RedisAddress, RedisTls, RedisWriter, SegmentLabel, Shown, View, ViewConfig, system_clock,
};
use std::sync::Arc;
use std::time::Instant;

const SEGMENTS: u16 = 20;

fn person(number: u64, version: u64, now: i64) -> Profile {
    let first = u16::try_from(number % 4).expect("below 4");
    let segments = (0..5).map(|n| SegmentIndex(n * 4 + first));
    let entered = |segment: SegmentIndex| {
        let moved = segment.0 < 4;
        let version = i64::try_from(version).expect("small");
        Membership { segment, entered_at: EventTime(now - if moved { version } else { 0 }) }
    };
    Profile {
        member: PersonKey::user(&number.to_string()),
        devices: vec![format!("device-{number}").into()],
        segments: segments.map(entered).collect(),
        held_out: Vec::new(),
        scores: vec![12.5],
        session: Some(SessionBrief {
            id: number,
            start: EventTime(now - 60_000),
            last: EventTime(now),
            events: 9,
            pages: 3,
            engaged_ms: 30_000,
        }),
        traits: Arc::from([]),
        as_of: now,
        version,
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let persons: u64 = words.next().ok_or("give a number of persons and addresses")?.parse()?;
    for url in words {
        let address = RedisAddress::parse(&url, RedisTls::default())?;
        println!("{} ({url}), {persons} persons", address.topology().name());
        measure(address, persons).await;
    }
    Ok(())
}

async fn measure(address: RedisAddress, persons: u64) {
    let clock = system_clock();
    let now = clock();
    let label = |n| SegmentLabel { key: format!("segment-{n}"), name: format!("{n}") };
    // Above what an earlier run has left.
    let version = u64::try_from(now).expect("after 1970");
    let view = View::new(ViewConfig {
        project: "speed".to_owned(),
        segments: (0..SEGMENTS).map(label).collect(),
        scores: vec!["engagement".to_owned()],
        traits_shown: Vec::new(),
        half_life_ms: 604_800_000,
        digest: 1,
        generation: 1,
        clock,
    });
    let publish = |version| {
        for number in 0..persons {
            view.publish(person(number, version, now), &[], now);
        }
    };
    publish(version);
    let began = Instant::now();
    let writer = RedisWriter::spawn(address, Shown::new(Arc::clone(&view)), || true);
    writer.settled().await;
    tell("everybody for the first time", persons, began);
    publish(version + 1);
    let began = Instant::now();
    writer.settled().await;
    tell("one segment of everybody changed", persons, began);
    let began = Instant::now();
    writer.rebuild();
    writer.settled().await;
    tell("everybody compared and written again", persons, began);
    println!("  {:?}", writer.stats());
    writer.shutdown().await;
}

#[allow(clippy::cast_precision_loss, reason = "a rate for people")]
fn tell(what: &str, persons: u64, began: Instant) {
    let seconds = began.elapsed().as_secs_f64();
    println!("  {what}: {seconds:.2} s, {:.0} persons/s", persons as f64 / seconds);
}
