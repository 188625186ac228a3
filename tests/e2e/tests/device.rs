//! The real client against the real collector, with a network between them that cannot be relied on,
//! while both sides are killed again and again: nothing that was durable on the device is lost, nothing
//! counts twice, and the ledger knows what became of every event.
use sillage_e2e::device::{Device, Language, Mode, run};
use sillage_e2e::{Collector, Project, Proxy, Reply, until};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How long it goes on, in seconds: `SILLAGE_DEVICE_SECONDS`, else as long as a test may take.
#[allow(clippy::disallowed_methods, reason = "a test's only setting")]
fn duration() -> Duration {
    let seconds = std::env::var("SILLAGE_DEVICE_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(30))
}

#[test]
fn kills_on_both_sides_and_a_bad_network_lose_nothing() {
    lose_nothing(Language::Rust, Duration::ZERO);
}

#[cfg(feature = "bindings")]
#[test]
fn kills_on_both_sides_and_a_bad_network_lose_nothing_from_kotlin() {
    // A JVM needs a moment before there is anything to kill.
    lose_nothing(Language::Kotlin, Duration::from_millis(900));
}

#[cfg(feature = "bindings")]
#[test]
fn kills_on_both_sides_and_a_bad_network_lose_nothing_from_python() {
    lose_nothing(Language::Python, Duration::from_millis(200));
}

/// `pause` is added to each wait between two kills.
#[allow(clippy::print_stdout, reason = "the numbers are what it is run for")]
fn lose_nothing(language: Language, pause: Duration) {
    let folder = tempfile::tempdir().expect("a folder");
    let rules = "[[project.segment]]\nkey = \"twice\"\nwhen = 'count(\"Tried\") >= 2'\n";
    let mut collector = Collector::start(folder.path(), "", rules);
    let proxy = Proxy::start(collector.http, 7);
    let endpoint = format!("http://{}", proxy.address);
    // Two processes share one folder; one waits for the disk with each call, the other does not.
    let mut devices = [
        Device::start(language, Mode::Durable, &endpoint, folder.path(), 1),
        Device::start(language, Mode::Soon, &endpoint, folder.path(), 2),
    ];
    let (started, mut kills, mut turn) = (Instant::now(), [0, 0], 0_u64);
    while started.elapsed() < duration() {
        std::thread::sleep(pause + Duration::from_millis(50 + turn * 7_919 % 700));
        if turn % 3 == 0 {
            collector.kill();
            collector.restart();
            kills[0] += 1;
        } else {
            let device = &mut devices[usize::from(turn % 3 == 2)];
            device.kill();
            device.restart();
            kills[1] += 1;
        }
        turn += 1;
    }
    for device in &mut devices {
        device.kill();
    }
    proxy.calm_down();
    // Whoever comes next delivers what all of them have left, lane by lane.
    let ledger = until("every lane to be drained", || {
        run(language, Mode::Drain, &endpoint, folder.path(), None);
        let ledger =
            collector.http().get("/v1/ledger", Project::READ_TOKEN).json()["total"].clone();
        (ledger["pending"] == 0).then_some(ledger)
    });
    check(&mut collector, &devices, &ledger, kills);
    println!("{:?}", proxy.met());
    assert_eq!(proxy.missed(), [], "{:?}", proxy.met());
    assert!(collector.stop(), "{}", collector.log());
}

#[allow(clippy::print_stdout, reason = "the numbers are what it is run for")]
fn check(
    collector: &mut Collector,
    devices: &[Device; 2],
    ledger: &serde_json::Value,
    kills: [u32; 2],
) {
    collector.settle();
    let count = |value: &serde_json::Value| value.as_u64().expect("a count");
    let sum = |value: &serde_json::Value| -> u64 {
        value.as_object().expect("counts").values().map(count).sum()
    };
    let (mut begun, mut lost, mut doubled, mut unwritten) = (0, 0, 0, 0);
    let mut arrived = BTreeSet::new();
    let mut resp = collector.resp();
    for device in devices {
        for (number, word) in device.journal() {
            begun += 1;
            let key = format!("sl:{}:u:p{number}", Project::NAME);
            match resp.ask(&["HMGET", &key, "sess:events", "seg:twice"]).items().as_slice() {
                [Reply::Bulk(Some(events)), Reply::Bulk(None)] if events == "1" => {
                    arrived.insert(number);
                }
                [Reply::Bulk(None), _] if word == "done" && device.mode == Mode::Durable => {
                    lost += 1
                }
                [Reply::Bulk(None), _] => unwritten += 1,
                _ => doubled += 1,
            }
        }
    }
    let received = arrived.len() as u64;
    println!(
        "{:?}: {} kills of the collector, {} of devices: {begun} events begun, {received} arrived, {lost} durable \
         ones lost, {doubled} counted twice, {unwritten} died unwritten; the ledger: {ledger}",
        devices[0].language, kills[0], kills[1]
    );
    assert_eq!((lost, doubled), (0, 0));
    assert!(received > 500, "the kills came under load");
    assert_eq!(count(&ledger["lost"]), 0);
    assert_eq!(count(&ledger["surplus"]), 0);
    assert_eq!(count(&ledger["received"]), received);
    // What was begun and never reached the core was not created; all else is in one place.
    let died = sum(&ledger["unsure"]) - count(&ledger["unsure_arrived"]);
    assert_eq!(count(&ledger["created"]), received + died, "{ledger}");
    assert!(count(&ledger["created"]) <= begun);
    let calls_cut = u64::from(kills[1]) + 2;
    assert!(begun - count(&ledger["created"]) <= calls_cut, "only calls that never came back");
    assert_eq!((sum(&ledger["rejected"]), sum(&ledger["dropped"])), (0, 0));
}
