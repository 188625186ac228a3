//! A tracker is fed any inputs in any order, any answers and any stored bytes. It never panics, its
//! ledger always balances, its queue keeps its bounds, and what it sends is JSON.
#![no_main]
use libfuzzer_sys::fuzz_target;
use sdk_core::{
    Action, Choice, Config, DeviceMillis, Input, Key, Lifecycle, MonoMillis, Now, Object, Options,
    Outcome, Restored, SendId, Subject, Tracker,
};
use std::collections::BTreeMap;
use std::sync::Arc;

const QUEUE_EVENTS_MAX: usize = 12;

fuzz_target!(|bytes: &[u8]| {
    let mut bytes = Bytes(bytes);
    let config = Config {
        queue_events_max: QUEUE_EVENTS_MAX,
        waiting_events_max: 5,
        batch_events: 3,
        batch_events_max: 4,
        consent_required: if bytes.byte() & 1 == 0 { vec![] } else { vec!["a".into()] },
        sampling: vec![("s".into(), 0.5)],
        ..Config::native()
    };
    let mut host = Host {
        tracker: Tracker::new(config.clone(), [7; 32], Now::default()),
        stored: BTreeMap::new(),
        wall: 1_795_341_600_000,
        mono: 1_000,
        boots: 0,
        last: None,
    };
    while !bytes.0.is_empty() {
        host.step(&config, &mut bytes);
    }
});

struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    fn take(&mut self) -> &'a [u8] {
        let len = usize::from(self.byte()).min(self.0.len());
        let (taken, rest) = self.0.split_at(len);
        self.0 = rest;
        taken
    }

    fn text(&mut self) -> &'a str {
        std::str::from_utf8(self.take()).unwrap_or("é")
    }
}

struct Host {
    tracker: Tracker,
    stored: BTreeMap<Key, Arc<[u8]>>,
    wall: i64,
    mono: u64,
    boots: u8,
    last: Option<(SendId, String, usize)>,
}

impl Host {
    fn step(&mut self, config: &Config, bytes: &mut Bytes<'_>) {
        let now = Now { wall: DeviceMillis(self.wall), mono: MonoMillis(self.mono) };
        let subject = bytes.byte().is_multiple_of(4).then(|| Subject {
            user_id: if bytes.byte() & 1 == 0 { "u" } else { "" },
            anonymous_id: if bytes.byte() & 1 == 0 { "d" } else { "" },
        });
        let options = Options { subject, ..Options::default() };
        let tracker = &mut self.tracker;
        match bytes.byte() % 18 {
            0..3 => tracker.handle(now, Input::Track { event: bytes.text(), properties: Object::None, options }),
            3 => tracker.handle(now, Input::Track { event: "s", properties: Object::Json(bytes.text()), options }),
            4 => tracker.handle(now, Input::Identify { user_id: bytes.text(), traits: Object::None, options }),
            5 => tracker.handle(now, Input::Alias { user_id: bytes.text(), options }),
            6 => tracker.handle(now, Input::Reset),
            7 => tracker.handle(now, Input::Context(Object::Json(bytes.text()))),
            8 => {
                let choice = if bytes.byte() & 1 == 0 { Choice::Granted } else { Choice::Denied };
                tracker.handle(now, Input::Consent(&[("a", choice)]));
            }
            9 => {
                let lifecycle = [
                    Lifecycle::Foreground,
                    Lifecycle::Background,
                    Lifecycle::Online,
                    Lifecycle::Offline,
                    Lifecycle::Flush,
                ];
                tracker.handle(now, Input::Lifecycle(lifecycle[usize::from(bytes.byte()) % 5]));
            }
            10 => self.mono += u64::from(bytes.byte()) << (bytes.byte() % 24),
            11 => self.wall += (i64::from(bytes.byte()) - 128) << (bytes.byte() % 32),
            12 => tracker.handle(now, Input::Restored(Restored::default())),
            13 => self.answer(now, bytes),
            14 => self.accept(now),
            15 => self.restart(config, now, bytes),
            16 => {
                let key = [Key::State, Key::Segments, Key::Head(0), Key::Event(u64::from(bytes.byte()))];
                self.stored.insert(key[usize::from(bytes.byte()) % 4], bytes.take().into());
            }
            _ => tracker.handle(now, Input::Tick),
        }
        self.drain();
    }

    fn answer(&mut self, now: Now, bytes: &mut Bytes<'_>) {
        let send = self.last.as_ref().map_or(SendId(u64::from(bytes.byte())), |last| last.0);
        let status = [200, 413, 400, 401, 410, 429, 503, 422, 302][usize::from(bytes.byte()) % 9];
        let media = ["application/json", "application/problem+json", ""][usize::from(bytes.byte()) % 3];
        let (retry_after, body) = (bytes.text(), bytes.take());
        let outcome = Outcome::Answer { status, content_type: media, retry_after, body };
        self.tracker.handle(now, Input::Reply { send, outcome });
    }

    fn accept(&mut self, now: Now) {
        if let Some((send, batch_id, events)) = self.last.take() {
            let body = format!(
                r#"{{"success":true,"batchId":"{batch_id}","accepted":{events},"duplicates":0,"rejected":[]}}"#
            );
            let (content_type, retry_after) = ("application/json", "");
            let outcome = Outcome::Answer { status: 200, content_type, retry_after, body: body.as_bytes() };
            self.tracker.handle(now, Input::Reply { send, outcome });
        }
    }

    fn restart(&mut self, config: &Config, now: Now, bytes: &mut Bytes<'_>) {
        self.boots = self.boots.wrapping_add(1);
        self.tracker = Tracker::new(config.clone(), [self.boots; 32], now);
        self.last = None;
        let records = self.stored.iter().map(|(key, value)| (*key, Arc::clone(value))).collect();
        let witness = u64::from(bytes.byte());
        let restored = Restored { records, witness, install: None, anonymous_id: bytes.text().into() };
        self.tracker.handle(now, Input::Restored(restored));
    }

    fn drain(&mut self) {
        for turn in 0.. {
            assert!(turn < 10_000, "it never stops asking");
            match self.tracker.poll_action() {
                None => break,
                Some(Action::Persist { key, value }) => drop(self.stored.insert(key, value)),
                Some(Action::Forget { key }) => drop(self.stored.remove(&key)),
                Some(Action::Send { id, body, .. }) => {
                    let body: serde_json::Value = serde_json::from_slice(&body).expect("a body is JSON");
                    let batch_id = body["sillage"]["batchId"].as_str().expect("a batch id").into();
                    self.last = Some((id, batch_id, body["batch"].as_array().expect("events").len()));
                }
                Some(_) => {}
            }
        }
        let ledger = self.tracker.ledger();
        assert!(ledger.is_balanced(), "{ledger:?}");
        assert!(ledger.pending <= QUEUE_EVENTS_MAX as u64 && self.tracker.waiting() <= 6);
    }
}
