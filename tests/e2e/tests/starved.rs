//! Devices of every language where they are not at home: a spool that rotted, a disk that is full, fifty
//! threads at once. What can be delivered is, once; what cannot is counted.
use serde_json::Value;
use sillage_e2e::device::{Device, Language, Mode, run};
use sillage_e2e::{Collector, Project, Proxy, until};
use std::path::Path;

#[test]
fn rust_survives_rot_a_full_disk_and_fifty_threads() {
    starve(Language::Rust);
}

#[cfg(feature = "bindings")]
#[test]
fn kotlin_survives_rot_a_full_disk_and_fifty_threads() {
    starve(Language::Kotlin);
}

#[cfg(feature = "bindings")]
#[test]
fn python_survives_rot_a_full_disk_and_fifty_threads() {
    starve(Language::Python);
}

fn starve(language: Language) {
    rotten_spool(language);
    full_disk(language);
    fifty_threads(language);
}

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is a count"))
}

fn sum(value: &Value) -> u64 {
    value.as_object().expect("counts").values().map(count).sum()
}

fn ledger(collector: &Collector) -> Value {
    collector.settle();
    collector.http().get("/v1/ledger", Project::READ_TOKEN).json()["total"].clone()
}

/// Bytes of a spool are turned over while nobody looks: what they held is counted as gone, and the rest is
/// delivered.
#[allow(clippy::print_stdout, reason = "the numbers are what it is run for")]
fn rotten_spool(language: Language) {
    let folder = tempfile::tempdir().expect("a folder");
    let collector = Collector::start(folder.path(), "", "");
    // Nobody listens there.
    let mut device = Device::start(language, Mode::Durable, "http://127.0.0.1:9", folder.path(), 1);
    until("two hundred events", || (device.journal().len() >= 200).then_some(()));
    device.kill();
    let rotten = rot(&folder.path().join("events"));
    let endpoint = format!("http://{}", collector.http);
    run(language, Mode::Drain, &endpoint, folder.path(), None);
    let ledger = ledger(&collector);
    println!("{language:?}, {rotten} places rotten: {ledger}");
    let gone = sum(&ledger["unsure"]);
    assert!(gone > 0, "the rot was in what counts: {ledger}");
    assert_eq!(count(&ledger["created"]), count(&ledger["received"]) + gone);
    assert!(count(&ledger["received"]) > 100, "most of it was whole: {ledger}");
    assert_eq!((count(&ledger["lost"]), count(&ledger["surplus"])), (0, 0), "{ledger}");
}

/// Turns bytes over in the middle of every segment; gives how many.
fn rot(folder: &Path) -> usize {
    let mut rotten = 0;
    for lane in std::fs::read_dir(folder).expect("a spool") {
        for file in std::fs::read_dir(lane.expect("a lane").path()).expect("a lane") {
            let path = file.expect("a file").path();
            if path.extension().is_none_or(|extension| extension != "seg") {
                continue;
            }
            let mut bytes = std::fs::read(&path).expect("a segment");
            for part in 2..6 {
                let place = bytes.len() * part / 8;
                if let Some(byte) = bytes.get_mut(place) {
                    *byte ^= 0x5a;
                    rotten += 1;
                }
            }
            std::fs::write(&path, bytes).expect("it is ours");
        }
    }
    rotten
}

/// A disk of 128 KiB: the app hears of it once, and every event is delivered from memory.
#[allow(clippy::print_stdout, reason = "the numbers are what it is run for")]
fn full_disk(language: Language) {
    let folder = tempfile::tempdir().expect("a folder");
    let collector = Collector::start(folder.path(), "", "");
    let endpoint = format!("http://{}", collector.http);
    let told = run(language, Mode::Burst(4, 1_000), &endpoint, folder.path(), Some(128));
    println!("{language:?}, full disk: {told}");
    let told: Value = serde_json::from_str(told.trim()).expect("a line of JSON");
    let heard = told["signals"].as_array().expect("names");
    assert!(heard.contains(&"storageFailed".into()), "the disk was full: {told}");
    assert_whole(&told, 4_000);
    let ledger = ledger(&collector);
    assert_eq!(count(&ledger["received"]), 4_000, "{ledger}");
    assert_eq!((count(&ledger["lost"]), count(&ledger["surplus"])), (0, 0), "{ledger}");
}

#[allow(clippy::print_stdout, reason = "the numbers are what it is run for")]
fn fifty_threads(language: Language) {
    let folder = tempfile::tempdir().expect("a folder");
    let collector = Collector::start(folder.path(), "", "");
    let proxy = Proxy::start(collector.http, 11);
    let endpoint = format!("http://{}", proxy.address);
    let told = run(language, Mode::Burst(50, 100), &endpoint, folder.path(), None);
    println!("{language:?}, fifty threads: {told}");
    let told: Value = serde_json::from_str(told.trim()).expect("a line of JSON");
    assert_whole(&told, 5_000);
    let ledger = ledger(&collector);
    assert_eq!(count(&ledger["received"]), 5_000, "{ledger}");
    assert_eq!((count(&ledger["lost"]), count(&ledger["surplus"])), (0, 0), "{ledger}");
}

/// Everything was delivered, and nothing reached the app that it would have to catch.
fn assert_whole(told: &Value, events: u64) {
    assert_eq!(count(&told["created"]), events, "{told}");
    assert_eq!(count(&told["acknowledged"]), events, "{told}");
    assert_eq!((count(&told["pending"]), count(&told["threw"])), (0, 0), "{told}");
    assert_eq!((sum(&told["rejected"]), sum(&told["dropped"]), sum(&told["unsure"])), (0, 0, 0));
}
