use super::*;
use crate::*;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;

/// A host with a map for storage; time only moves when told to.
struct Host {
    tracker: Tracker,
    stored: BTreeMap<Key, Arc<[u8]>>,
    at: u64,
    sent: Vec<(SendId, String, Way)>,
    notices: Vec<Notice>,
    wake: Option<u64>,
}

const START: i64 = 1_795_341_600_000;

impl Host {
    fn start(config: Config, stored: BTreeMap<Key, Arc<[u8]>>, witness: u64, at: u64) -> Self {
        let tracker = Tracker::new(config, [u8::try_from(at % 251).unwrap() + 1; 32], now(at));
        let records = stored.iter().map(|(key, value)| (*key, Arc::clone(value))).collect();
        let mut host =
            Self { tracker, stored, at, sent: Vec::new(), notices: Vec::new(), wake: None };
        host.input(Input::Restored(Restored { records, witness, ..Restored::default() }));
        host
    }

    fn new(config: Config) -> Self {
        Self::start(config, BTreeMap::new(), 0, 1_000)
    }

    fn input(&mut self, input: Input<'_>) {
        self.tracker.handle(now(self.at), input);
        while let Some(action) = self.tracker.poll_action() {
            match action {
                Action::Persist { key, value } => drop(self.stored.insert(key, value)),
                Action::Forget { key } => drop(self.stored.remove(&key)),
                Action::Send { id, body, way } => {
                    self.sent.push((id, String::from_utf8(body).unwrap(), way));
                }
                Action::WakeAt(at) => self.wake = Some(at.0),
                Action::Notice(notice) => self.notices.push(notice),
            }
        }
        assert!(self.tracker.ledger().is_balanced(), "{:?}", self.tracker.ledger());
    }

    fn track(&mut self, event: &str) {
        let properties = Object::Fields(&[("n", Value::Int(1))]);
        self.input(Input::Track { event, properties, options: Options::default() });
    }

    fn wait(&mut self, ms: u64) {
        self.at += ms;
        self.input(Input::Tick);
    }

    fn reply(&mut self, status: u16, content_type: &str, body: &str) {
        let (send, ..) = *self.sent.last().unwrap();
        let outcome =
            Outcome::Answer { status, content_type, retry_after: "", body: body.as_bytes() };
        self.input(Input::Reply { send, outcome });
    }

    fn body(&self) -> serde_json::Value {
        serde_json::from_str(&self.sent.last().unwrap().1).unwrap()
    }

    fn accept(&mut self) {
        let body = self.body();
        let taken = serde_json::json!({
            "success": true, "batchId": body["sillage"]["batchId"],
            "accepted": body["batch"].as_array().unwrap().len(), "duplicates": 0, "rejected": []
        });
        self.reply(200, "application/json", &taken.to_string());
    }
}

fn now(at: u64) -> Now {
    Now { wall: DeviceMillis(START + i64::try_from(at).unwrap()), mono: MonoMillis(at) }
}

#[test]
fn an_event_is_stored_sent_and_forgotten_once_it_is_acknowledged() {
    let mut host = Host::new(Config::native());
    host.track("Product Viewed");
    assert!(host.stored.contains_key(&Key::Event(1)));
    assert!(host.sent.is_empty());
    assert_eq!(host.wake, Some(31_000));
    host.wait(30_000);
    let body = host.body();
    assert_eq!(body["batch"][0]["event"], "Product Viewed");
    assert_eq!(body["batch"][0]["seq"], 1);
    assert_eq!(body["anonymousId"], host.tracker.anonymous_id());
    host.accept();
    assert!(!host.stored.contains_key(&Key::Event(1)));
    assert!(host.tracker.is_idle());
    assert_eq!(host.tracker.ledger().acknowledged, 1);
}

#[test]
fn an_event_survives_its_process_with_its_id() {
    let mut host = Host::new(Config::native());
    host.track("Order Completed");
    host.wait(30_000);
    let first = host.body();
    let mut next = Host::start(Config::native(), host.stored, 1, 100_000);
    assert_eq!(next.body()["batch"][0]["messageId"], first["batch"][0]["messageId"]);
    assert_eq!(next.body()["sillage"]["install"], first["sillage"]["install"]);
    assert_ne!(next.body()["sillage"]["boot"], first["sillage"]["boot"]);
    next.accept();
    assert_eq!((next.tracker.ledger().created, next.tracker.ledger().pending), (1, 0));
}

#[test]
fn what_died_unwritten_is_counted() {
    let mut host = Host::new(Config::native());
    host.track("a");
    let mut next = Host::start(Config::native(), host.stored, 4, 100_000);
    let ledger = next.tracker.ledger();
    assert_eq!((ledger.created, ledger.pending), (4, 1));
    assert_eq!(ledger.unsure, [("unwritten".into(), 3)]);
    next.track("b");
    assert!(next.stored.contains_key(&Key::Event(5)));
}

#[test]
fn foreign_bytes_in_storage_never_panic_and_never_lose_count() {
    let mut host = Host::new(Config::native());
    for _ in 0..5 {
        host.track("a");
    }
    for key in host.stored.keys().copied().collect::<Vec<_>>() {
        for at in 0..host.stored[&key].len() {
            let mut stored = host.stored.clone();
            let mut bytes = stored[&key].to_vec();
            bytes[at] ^= 1 << (at % 8);
            stored.insert(key, bytes.into());
            let mut next = Host::start(Config::native(), stored, 5, 50_000);
            next.track("b");
        }
    }
}
