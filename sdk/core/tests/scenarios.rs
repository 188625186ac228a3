//! Runs `tests/fixtures/scenarios`: inputs in virtual time, and the exact actions that follow. Every
//! language that is bound runs the same files; what they may say stands in the README beside them.
//!
//! With `SILLAGE_BLESS=1` the actions are written anew (the claims never are), to be read as a diff.
#![allow(clippy::unwrap_used, reason = "a fixture that cannot be read is a failure")]

use sdk_core::{
    Action, Choice, Config, DeviceMillis, Input, Key, Lifecycle, MonoMillis, Notice, Now, Object,
    Options, Outcome, PrivacySignal, Restored, SendId, Subject, Tracker, Way,
};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn scenarios() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/scenarios")
}

#[test]
#[allow(
    clippy::disallowed_methods,
    reason = "whether to write the fixtures anew is said at the call"
)]
fn every_scenario_gives_exactly_its_actions() {
    let bless = std::env::var_os("SILLAGE_BLESS").is_some();
    let mut files: Vec<PathBuf> = std::fs::read_dir(scenarios())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    assert!(files.len() >= 60, "{} scenarios", files.len());
    let mut wrong = Vec::new();
    for path in files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let mut scenario: Value =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut host = Host::new(&name, &scenario);
        let steps = scenario["steps"].as_array_mut().unwrap();
        for (index, step) in steps.iter_mut().enumerate() {
            let given = host.step(&step["input"], step["at"].as_u64().unwrap());
            let expected = step["actions"].take();
            if expected != given && !bless {
                wrong.push(format!(
                    "{name}, step {index}: {}\n  expected {expected}\n  given    {given}",
                    step["input"]
                ));
            }
            step["actions"] = given;
        }
        wrong.extend(host.unmet(&scenario["claims"]));
        if bless {
            std::fs::write(&path, pretty(&scenario)).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}

/// One step a line, so that a diff shows which changed.
fn pretty(scenario: &Value) -> String {
    let scenario = scenario.as_object().unwrap();
    let mut out = String::from("{\n");
    for (key, value) in scenario.iter().filter(|(key, _)| *key != "steps") {
        out += &format!("  {}: {value},\n", json!(key));
    }
    out += "  \"steps\": [\n";
    let steps: Vec<String> =
        scenario["steps"].as_array().unwrap().iter().map(pretty_step).collect();
    out + &steps.join(",\n") + "\n  ]\n}\n"
}

fn pretty_step(step: &Value) -> String {
    let actions: Vec<String> = step["actions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|action| format!("      {action}"))
        .collect();
    let actions = match actions.is_empty() {
        true => String::from("[]"),
        false => format!("[\n{}]", actions.join(",\n")),
    };
    format!(
        "    {{\"at\": {}, \"input\": {},\n     \"actions\": {actions}}}",
        step["at"], step["input"]
    )
}

struct Host {
    name: String,
    config: Config,
    starts: u8,
    wall_start: i64,
    wall_jump: i64,
    tracker: Tracker,
    stored: BTreeMap<u64, Arc<[u8]>>,
    batch_ids: BTreeMap<u64, String>,
    bodies: Vec<Value>,
    notices: Vec<Value>,
}

impl Host {
    fn new(name: &str, scenario: &Value) -> Self {
        let config = config(name, &scenario["config"]);
        let wall_start = 1_795_341_600_000;
        let mut host = Self {
            name: name.to_owned(),
            tracker: Tracker::new(config.clone(), [1; 32], Now::default()),
            config,
            starts: 0,
            wall_start,
            wall_jump: 0,
            stored: BTreeMap::new(),
            batch_ids: BTreeMap::new(),
            bodies: Vec::new(),
            notices: Vec::new(),
        };
        host.boot(0);
        host
    }

    /// Begins a process: its monotonic clock starts anew where the scenario's does not, at `at`.
    fn boot(&mut self, at: u64) {
        self.starts += 1;
        self.tracker = Tracker::new(self.config.clone(), [self.starts; 32], self.now(at));
    }

    fn now(&self, at: u64) -> Now {
        let wall = self.wall_start + self.wall_jump + i64::try_from(at).unwrap();
        Now { wall: DeviceMillis(wall), mono: MonoMillis(at + 1_000) }
    }

    fn step(&mut self, input: &Value, at: u64) -> Value {
        let (kind, said) = only(&self.name, input);
        let now = self.now(at);
        let options_context = said["context"].to_string();
        let options = Options {
            context: if said["context"].is_null() {
                Object::None
            } else {
                Object::Json(&options_context)
            },
            subject: said.get("subject").map(|subject| Subject {
                user_id: subject["userId"].as_str().unwrap_or_default(),
                anonymous_id: subject["anonymousId"].as_str().unwrap_or_default(),
            }),
            at: said["time"].as_i64().map(DeviceMillis),
            message_id: said["messageId"].as_str().map(uuid),
        };
        let member = if said.get("traits").is_some() { "traits" } else { "properties" };
        // Text is given as it is, so that it may be no JSON.
        let text = match (&said[member], said["propertiesBytes"].as_u64()) {
            (_, Some(bytes)) => {
                json!({"x": "x".repeat(usize::try_from(bytes).unwrap())}).to_string()
            }
            (Value::String(text), None) => text.clone(),
            (other, None) => other.to_string(),
        };
        let object = if text == "null" { Object::None } else { Object::Json(&text) };
        let word = |key: &str| said[key].as_str().unwrap_or_default().to_owned();
        let (name, category) = (word("name"), word("category"));
        let times = said["times"].as_u64().unwrap_or(1);
        for _ in 0..times {
            match kind {
                "track" => self.tracker.handle(
                    now,
                    Input::Track { event: &word("event"), properties: object, options },
                ),
                "page" => self.tracker.handle(
                    now,
                    Input::Page { name: &name, category: &category, properties: object, options },
                ),
                "screen" => self.tracker.handle(
                    now,
                    Input::Screen { name: &name, category: &category, properties: object, options },
                ),
                "identify" => self.tracker.handle(
                    now,
                    Input::Identify { user_id: &word("userId"), traits: object, options },
                ),
                "group" => self.tracker.handle(
                    now,
                    Input::Group { group_id: &word("groupId"), traits: object, options },
                ),
                "alias" => {
                    self.tracker.handle(now, Input::Alias { user_id: &word("userId"), options })
                }
                _ => return self.other(kind, said, at),
            }
        }
        self.drain()
    }

    fn other(&mut self, kind: &str, said: &Value, at: u64) -> Value {
        let now = self.now(at);
        let text = said.to_string();
        match kind {
            "reset" => self.tracker.handle(now, Input::Reset),
            "tick" => self.tracker.handle(now, Input::Tick),
            "context" => self.tracker.handle(now, Input::Context(Object::Json(&text))),
            "consent" => {
                let choices: Vec<(&str, Choice)> = said
                    .as_object()
                    .unwrap()
                    .iter()
                    .map(|(category, granted)| {
                        let granted = granted.as_bool().unwrap();
                        (category.as_str(), if granted { Choice::Granted } else { Choice::Denied })
                    })
                    .collect();
                self.tracker.handle(now, Input::Consent(&choices));
            }
            "privacy" => {
                let [gpc, dnt] =
                    ["gpc", "dnt"].map(|signal| said[signal].as_bool().unwrap_or_default());
                self.tracker.handle(now, Input::Privacy { gpc, dnt });
            }
            "lifecycle" => {
                self.tracker.handle(now, Input::Lifecycle(lifecycle(said.as_str().unwrap())))
            }
            "wall" => self.wall_jump += said.as_i64().unwrap(),
            "restored" => {
                let restored = self.restored(said);
                self.tracker.handle(now, Input::Restored(restored));
            }
            "restart" => {
                self.boot(at);
                let restored = self.restored(said);
                self.tracker.handle(now, Input::Restored(restored));
            }
            "reply" => {
                let send = said["send"].as_u64().unwrap();
                let batch_id = self.batch_ids.get(&send).cloned().unwrap_or_default();
                let body = match &said["body"] {
                    Value::String(text) => text.clone(),
                    Value::Null => String::new(),
                    other => other.to_string(),
                };
                let body = body.replace("$batchId", &batch_id);
                let word = |key: &str| said[key].as_str().unwrap_or_default();
                let outcome = match said["status"].as_u64() {
                    None if word("outcome") == "unsent" => Outcome::Unsent,
                    None => Outcome::Lost,
                    Some(status) => Outcome::Answer {
                        status: u16::try_from(status).unwrap(),
                        content_type: said["contentType"].as_str().unwrap_or("application/json"),
                        retry_after: word("retryAfter"),
                        body: body.as_bytes(),
                    },
                };
                self.tracker.handle(now, Input::Reply { send: SendId(send), outcome });
            }
            other => panic!("{}: what is {other}?", self.name),
        }
        self.drain()
    }

    /// What storage holds, but for what the scenario says is gone.
    fn restored(&mut self, said: &Value) -> Restored {
        for key in said["without"].as_array().into_iter().flatten() {
            self.stored.retain(|stored, _| key_name(*stored) != key.as_str().unwrap());
        }
        let records = self.stored.iter();
        Restored {
            records: records
                .map(|(key, value)| (Key::from_u64(*key).unwrap(), Arc::clone(value)))
                .collect(),
            witness: said["witness"].as_u64().unwrap_or_default(),
            install: said["install"].as_str().map(uuid),
            anonymous_id: said["anonymousId"].as_str().unwrap_or_default().to_owned(),
        }
    }

    fn drain(&mut self) -> Value {
        let mut actions = Vec::new();
        while let Some(action) = self.tracker.poll_action() {
            actions.push(self.told(action));
        }
        assert!(self.tracker.ledger().is_balanced(), "{}: {:?}", self.name, self.tracker.ledger());
        Value::Array(actions)
    }

    fn told(&mut self, action: Action) -> Value {
        match action {
            Action::Persist { key, value } => {
                let told = json!({
                    "persist": key_name(key.to_u64()), "bytes": value.len(), "crc32": crc32(&value)
                });
                self.stored.insert(key.to_u64(), value);
                told
            }
            Action::Forget { key } => {
                self.stored.remove(&key.to_u64());
                json!({"forget": key_name(key.to_u64())})
            }
            Action::Send { id, body, way } => {
                let told: Value = serde_json::from_slice(&body).unwrap();
                let batch_id = told["sillage"]["batchId"].as_str().unwrap().to_owned();
                self.batch_ids.insert(id.0, batch_id);
                self.bodies.push(told.clone());
                let way = if way == Way::Leaving { "leaving" } else { "usual" };
                json!({"send": id.0, "way": way, "crc32": crc32(&body), "body": told})
            }
            Action::WakeAt(at) => json!({"wakeAt": at.0 - 1_000}),
            Action::Notice(notice) => {
                let told = notice_told(&notice);
                self.notices.push(told.clone());
                json!({"notice": told})
            }
            other => panic!("{other:?}"),
        }
    }

    /// What a person claimed of the whole scenario, and is not so.
    fn unmet(&self, claims: &Value) -> Vec<String> {
        let ledger = self.tracker.ledger();
        let counts = |counts: &[(String, u64)]| -> Map<String, Value> {
            counts.iter().map(|(name, count)| (name.clone(), json!(count))).collect()
        };
        let is = json!({
            "created": ledger.created, "acknowledged": ledger.acknowledged, "pending": ledger.pending,
            "rejected": counts(&ledger.rejected), "dropped": counts(&ledger.dropped),
            "unsure": counts(&ledger.unsure), "waiting": self.tracker.waiting(),
            "idle": self.tracker.is_idle(), "userId": self.tracker.user_id(),
            "segments": self.tracker.segments(), "sends": self.bodies.len(),
            "eventsSent": self.bodies.iter().map(|body| body["batch"].as_array().unwrap().len()).collect::<Vec<_>>(),
            "notices": self.notices,
            "stored": self.stored.keys().map(|key| key_name(*key)).collect::<Vec<_>>(),
        });
        let claims = claims.as_object().unwrap_or_else(|| panic!("{}: no claims", self.name));
        assert!(!claims.is_empty(), "{}: no claims", self.name);
        let unmet = claims.iter().filter_map(|(what, claimed)| match what.strip_prefix("body ") {
            // "body 1 /batch/0/event": part of the second body that was sent.
            Some(place) => {
                let (index, pointer) = place.split_once(' ').unwrap();
                let part = self
                    .bodies
                    .get(index.parse::<usize>().unwrap())
                    .and_then(|body| body.pointer(pointer));
                (part.unwrap_or(&Value::Null) != claimed)
                    .then(|| format!("{}: claims {what} = {claimed}, is {part:?}", self.name))
            }
            None => (is.get(what) != Some(claimed)).then(|| {
                format!("{}: claims {what} = {claimed}, is {:?}", self.name, is.get(what))
            }),
        });
        unmet.collect()
    }
}

fn only<'v>(name: &str, object: &'v Value) -> (&'v str, &'v Value) {
    let mut members = object.as_object().unwrap_or_else(|| panic!("{name}: {object}")).iter();
    let (key, value) = members.next().unwrap_or_else(|| panic!("{name}: an empty input"));
    assert!(members.next().is_none(), "{name}: more than one input in a step");
    (key, value)
}

fn uuid(text: &str) -> [u8; 16] {
    u128::from_str_radix(&text.replace('-', ""), 16).unwrap().to_be_bytes()
}

fn lifecycle(name: &str) -> Lifecycle {
    match name {
        "foreground" => Lifecycle::Foreground,
        "background" => Lifecycle::Background,
        "online" => Lifecycle::Online,
        "offline" => Lifecycle::Offline,
        "flush" => Lifecycle::Flush,
        other => panic!("what is {other}?"),
    }
}

fn key_name(key: u64) -> String {
    match Key::from_u64(key).unwrap() {
        Key::State => String::from("state"),
        Key::Segments => String::from("segments"),
        Key::Head(number) => format!("head:{number}"),
        Key::Event(seq) => format!("event:{seq}"),
    }
}

fn notice_told(notice: &Notice) -> Value {
    match notice {
        Notice::SegmentsChanged(segments) => json!({"segmentsChanged": segments}),
        Notice::Delivered(count) => json!({"delivered": count}),
        Notice::Rejected { seq, code } => json!({"rejected": {"seq": seq, "code": code}}),
        Notice::Dropped { reason, count } => {
            json!({"dropped": {"reason": reason.as_str(), "count": count}})
        }
        Notice::ForeignAnswer { status } => json!({"foreignAnswer": status}),
        Notice::Held { status } => json!({"held": status}),
        Notice::Stopped => json!("stopped"),
        other => panic!("{other:?}"),
    }
}

/// The CRC that zlib, Java and Python have: reflected, polynomial 0xEDB88320.
fn crc32(bytes: &[u8]) -> String {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    format!("{:08x}", !crc)
}

/// A preset and what differs from it; names as in the settings, in camel case.
fn config(name: &str, said: &Value) -> Config {
    let mut config = match said["preset"].as_str() {
        Some("web") => Config::web(),
        Some("native") => Config::native(),
        other => panic!("{name}: preset {other:?}"),
    };
    let names = |value: &Value| -> Vec<String> {
        value.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    for (key, value) in said.as_object().unwrap() {
        let number = || value.as_u64().unwrap();
        let size = || usize::try_from(number()).unwrap();
        let signal = || match value.as_str().unwrap() {
            "ignore" => PrivacySignal::Ignore,
            "record" => PrivacySignal::Record,
            "deny" => PrivacySignal::Deny,
            other => panic!("{name}: {other}"),
        };
        match key.as_str() {
            "preset" => {}
            "batchEvents" => config.batch_events = size(),
            "batchAgeMs" => config.batch_age_ms = number(),
            "batchEventsMax" => config.batch_events_max = size(),
            "batchBytesMax" => config.batch_bytes_max = size(),
            "queueEventsMax" => config.queue_events_max = size(),
            "queueBytesMax" => config.queue_bytes_max = size(),
            "queueAgeMaxMs" => config.queue_age_max_ms = number(),
            "waitingEventsMax" => config.waiting_events_max = size(),
            "leavingBatchesMax" => config.leaving_batches_max = size(),
            "eventsKeptLongest" => config.events_kept_longest = names(value),
            "eventsDroppedFirst" => config.events_dropped_first = names(value),
            "sampling" => {
                let rates = value.as_object().unwrap().iter();
                config.sampling =
                    rates.map(|(name, rate)| (name.clone(), rate.as_f64().unwrap())).collect();
            }
            "consentRequired" => config.consent_required = names(value),
            "consentByEvent" => {
                let rules = value.as_object().unwrap().iter();
                config.consent_by_event =
                    rules.map(|(name, needed)| (name.clone(), names(needed))).collect();
            }
            "gpc" => config.gpc = signal(),
            "dnt" => config.dnt = signal(),
            other => panic!("{name}: what is {other}?"),
        }
    }
    config
}
