//! The real client against the real collector, with a network between them that cannot be relied on,
//! while both sides are killed again and again: nothing that was durable on the device is lost, nothing
//! counts twice, and the ledger knows what became of every event.
use sillage_e2e::{Collector, Project, Proxy, Reply, until};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// How long it goes on, in seconds: `SILLAGE_DEVICE_SECONDS`, else as long as a test may take.
#[allow(clippy::disallowed_methods, reason = "a test's only setting")]
fn duration() -> Duration {
    let seconds = std::env::var("SILLAGE_DEVICE_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(30))
}

/// A process that tracks, in a folder that it may share with others.
struct Device {
    child: Option<Child>,
    endpoint: String,
    folder: PathBuf,
    journal: PathBuf,
    mode: &'static str,
    next: u64,
}

impl Device {
    fn new(endpoint: &str, folder: &Path, number: u64, mode: &'static str) -> Self {
        let mut device = Self {
            child: None,
            endpoint: endpoint.to_owned(),
            folder: folder.join("events"),
            journal: folder.join(format!("journal-{number}")),
            mode,
            next: number * 1_000_000,
        };
        device.start();
        device
    }

    fn start(&mut self) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_device"));
        command.args([&self.endpoint]).arg(&self.folder).arg(&self.journal);
        command.arg(self.next.to_string()).arg(self.mode);
        self.child = Some(command.spawn().expect("the device runs"));
    }

    fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().expect("it can be killed");
        child.wait().expect("it can be waited for");
        // The last number may have been begun; no number is used twice.
        self.next = self.read().keys().next_back().map_or(self.next, |last| last + 1);
    }

    /// What the journal says of each event last.
    fn read(&self) -> BTreeMap<u64, String> {
        let text = std::fs::read_to_string(&self.journal).unwrap_or_default();
        let words = text.lines().filter_map(|line| line.split_once(' '));
        words.map(|(word, number)| (number.parse().expect("a number"), word.to_owned())).collect()
    }
}

#[test]
fn kills_on_both_sides_and_a_bad_network_lose_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let rules = "[[project.segment]]\nkey = \"twice\"\nwhen = 'count(\"Tried\") >= 2'\n";
    let mut collector = Collector::start(folder.path(), "", rules);
    let proxy = Proxy::start(collector.http, 7);
    let endpoint = format!("http://{}", proxy.address);
    // Two processes share one folder; one waits for the disk with each call, the other does not.
    let mut devices = [
        Device::new(&endpoint, folder.path(), 1, "durable"),
        Device::new(&endpoint, folder.path(), 2, "soon"),
    ];
    let (started, mut kills, mut turn) = (Instant::now(), [0, 0], 0_u64);
    while started.elapsed() < duration() {
        std::thread::sleep(Duration::from_millis(50 + turn * 7_919 % 700));
        if turn % 3 == 0 {
            collector.kill();
            collector.restart();
            kills[0] += 1;
        } else {
            let device = &mut devices[usize::from(turn % 3 == 2)];
            device.kill();
            device.start();
            kills[1] += 1;
        }
        turn += 1;
    }
    for device in &mut devices {
        device.kill();
    }
    proxy.calm_down();
    // Whoever comes next delivers what all of them have left, lane by lane.
    let drain = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_device"));
        command.args([&endpoint]).arg(folder.path().join("events")).arg("-").args(["0", "drain"]);
        assert!(command.status().expect("the device runs").success());
    };
    let ledger = until("every lane to be drained", || {
        drain();
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
        for (number, word) in device.read() {
            begun += 1;
            let key = format!("sl:{}:u:p{number}", Project::NAME);
            match resp.ask(&["HMGET", &key, "sess:events", "seg:twice"]).items().as_slice() {
                [Reply::Bulk(Some(events)), Reply::Bulk(None)] if events == "1" => {
                    arrived.insert(number);
                }
                [Reply::Bulk(None), _] if word == "done" && device.mode == "durable" => lost += 1,
                [Reply::Bulk(None), _] => unwritten += 1,
                _ => doubled += 1,
            }
        }
    }
    let received = arrived.len() as u64;
    println!(
        "{} kills of the collector, {} of devices: {begun} events begun, {received} arrived, {lost} durable \
         ones lost, {doubled} counted twice, {unwritten} died unwritten; the ledger: {ledger}",
        kills[0], kills[1]
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
