//! What version 1 writes, to the byte: on the wire and in storage. A later version may write
//! otherwise, into a folder of its own, but must read all of these.
#![allow(clippy::unwrap_used, reason = "a fixture that cannot be read is a failure")]

use sdk_core::{
    Action, Choice, Config, DeviceMillis, Input, Key, MonoMillis, Now, Object, Options, Outcome,
    Restored, SendId, Subject, Tracker,
};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/wire/v1").join(name)
}

/// Compares with a file, or writes it if it has never been written.
fn check(name: &str, written: &[u8]) {
    let path = file(name);
    if !path.exists() {
        std::fs::write(&path, written).unwrap();
        panic!("{name} was not there; it is now: look at it and commit it");
    }
    let kept = std::fs::read(&path).unwrap();
    assert_eq!(String::from_utf8_lossy(&kept), String::from_utf8_lossy(written), "{name}");
}

fn now(ms: u64) -> Now {
    let wall = 1_795_341_600_000 + i64::try_from(ms).unwrap();
    Now { wall: DeviceMillis(wall), mono: MonoMillis(1_000 + ms) }
}

struct Device {
    tracker: Tracker,
    stored: BTreeMap<Key, Arc<[u8]>>,
    sent: Vec<(SendId, Vec<u8>)>,
}

impl Device {
    fn new() -> Self {
        let tracker = Tracker::new(Config::native(), [3; 32], now(0));
        Self { tracker, stored: BTreeMap::new(), sent: Vec::new() }
    }

    fn input(&mut self, ms: u64, input: Input<'_>) {
        self.tracker.handle(now(ms), input);
        while let Some(action) = self.tracker.poll_action() {
            match action {
                Action::Persist { key, value } => drop(self.stored.insert(key, value)),
                Action::Forget { key } => drop(self.stored.remove(&key)),
                Action::Send { id, body, .. } => self.sent.push((id, body)),
                _ => {}
            }
        }
    }

    fn answer(&mut self, ms: u64, name: &str) {
        let (send, body) = self.sent.last().unwrap();
        let sent: serde_json::Value = serde_json::from_slice(body).unwrap();
        let batch_id = sent["sillage"]["batchId"].as_str().unwrap();
        let answer = std::fs::read_to_string(file(name)).unwrap().replace("$batchId", batch_id);
        let problem = answer.contains("urn:sillage:problem");
        let outcome = Outcome::Answer {
            status: if problem { 422 } else { 200 },
            content_type: if problem { "application/problem+json" } else { "application/json" },
            retry_after: "",
            body: answer.as_bytes(),
        };
        self.input(ms, Input::Reply { send: *send, outcome });
    }
}

/// A device that has used everything there is.
fn lived() -> Device {
    let mut device = Device::new();
    let options = Options::default();
    device.input(0, Input::Restored(Restored::default()));
    device.input(
        0,
        Input::Context(Object::Json(r#"{"library":{"name":"sillage-rust","version":"0.1.0"}}"#)),
    );
    device.input(0, Input::Consent(&[("analytics", Choice::Granted), ("ads", Choice::Denied)]));
    device.input(
        1,
        Input::Page {
            name: "Home",
            category: "",
            properties: Object::Json(r#"{"url":"/"}"#),
            options,
        },
    );
    device.input(2, Input::Track { event: "", properties: Object::None, options });
    device.input(3, Input::Lifecycle(sdk_core::Lifecycle::Flush));
    device.answer(60, "answer.json");
    device.input(
        100,
        Input::Identify { user_id: "u-1", traits: Object::Json(r#"{"plan":"pro"}"#), options },
    );
    let page = Options { context: Object::Json(r#"{"page":{"path":"/x"}}"#), ..options };
    let properties = Object::Json(r#"{"product_id":"sku-1","price":80.5,"tags":["é","\"q\""]}"#);
    device.input(200, Input::Track { event: "Product Viewed", properties, options: page });
    device.input(300, Input::Group { group_id: "g-1", traits: Object::None, options });
    let subject = Some(Subject { user_id: "u-2", anonymous_id: "" });
    device.input(
        400,
        Input::Track {
            event: "Order Completed",
            properties: Object::None,
            options: Options { subject, ..options },
        },
    );
    device.input(500, Input::Alias { user_id: "u-3", options });
    device.input(
        600,
        Input::Screen { name: "Cart", category: "Shop", properties: Object::None, options },
    );
    device
}

#[test]
fn the_wire_is_what_version_1_wrote() {
    let mut device = lived();
    check("report-and-page.json", &device.sent[0].1);
    device.input(700, Input::Lifecycle(sdk_core::Lifecycle::Flush));
    check("identified.json", &device.sent[1].1);
    let limits = sillage_wire::Limits::default();
    for (_, body) in &device.sent {
        let batch = sillage_wire::decode_batch(body, &limits).unwrap();
        assert!(batch.events().all(|event| event.is_ok()));
        assert!(batch.envelope.sillage.is_some());
    }
}

#[test]
fn storage_is_what_version_1_wrote() {
    for (key, value) in &lived().stored {
        let hex: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
        check(&format!("stored-{}.hex", key.to_u64()), (hex + "\n").as_bytes());
    }
}

#[test]
fn storage_of_version_1_is_read() {
    let mut records = Vec::new();
    for entry in std::fs::read_dir(file("")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let Some(key) = name.strip_prefix("stored-").and_then(|name| name.strip_suffix(".hex"))
        else {
            continue;
        };
        let hex = std::fs::read_to_string(&path).unwrap();
        let digits = hex.trim().as_bytes().chunks(2);
        let value: Vec<u8> = digits
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect();
        records.push((Key::from_u64(key.parse().unwrap()).unwrap(), Arc::from(value)));
    }
    let mut device = Device::new();
    device.input(1_000, Input::Restored(Restored { records, witness: 8, ..Restored::default() }));
    let ledger = device.tracker.ledger();
    assert_eq!((ledger.created, ledger.acknowledged, ledger.pending), (8, 1, 6));
    assert_eq!(ledger.dropped, [("invalid".into(), 1)]);
    assert_eq!(device.tracker.user_id(), "u-3");
    assert_eq!(device.tracker.segments(), ["hot-cart", "vip"]);
    let body: serde_json::Value = serde_json::from_slice(&device.sent[0].1).unwrap();
    assert_eq!(body["userId"], "u-1");
    assert_eq!(body["batch"][1]["properties"]["price"], 80.5);
    assert_eq!(body["sillage"]["clockOffsetMs"], 599_998);
}

#[test]
fn answers_of_version_1_are_read() {
    let mut device = lived();
    assert_eq!(device.tracker.ledger().acknowledged, 1);
    device.input(700, Input::Lifecycle(sdk_core::Lifecycle::Flush));
    device.answer(800, "problem.json");
    assert_eq!(
        device.tracker.ledger().rejected,
        [("too_deep".into(), 1), ("missing_subject".into(), 2)]
    );
}
