//! Commands in, actions out.
//!
//! # Commands
//! Each is fields: its number, and from 10 on the two clocks (monotonic, wall; both in ms). `…` is what
//! follows.
//!
//! | number | … | what |
//! |---|---|---|
//! | 1 | which, value | a number of the configuration, in the order of `number` |
//! | 2 | list, name, value | adds to a list of names: kept longest, dropped first, sampling (value in 1/2^32), consent required, consent by event (value is a category, or empty) |
//! | 3 | list | empties one of them |
//! | 10 | 32 bytes of entropy | begins; all below need it |
//! | 11–16 | text, text, object, context, 1 if a subject is named, user, device, time, id | track, page, screen, identify, group, alias |
//! | 17 | | reset |
//! | 18 | n, n × (category, 1 or 0) | consent |
//! | 19 | gpc, dnt | privacy signals, 1 or 0 |
//! | 20 | object | context |
//! | 21 | 0 to 4 | foreground, background, online, offline, flush |
//! | 22 | send, status, type, retry after, body | an answer; status 0: lost, 1: never left |
//! | 23 | | tick |
//! | 24 | witness, install, device, n, n × (key, value) | what storage held |
//! | 30 | | what is to be done since the last time |
//! | 31 | | what is known |
//!
//! # Answers
//! | fields | what |
//! |---|---|
//! | `p`, key, value | store |
//! | `f`, key | remove |
//! | `s`, send, 1 if leaving, body | send |
//! | `w`, ms | give a tick at this monotonic time |
//! | `d`, n | events were delivered |
//! | `r`, seq, code | an event was refused |
//! | `x`, reason, n | events were given up |
//! | `o`, status | a foreign answer |
//! | `h`, status | held |
//! | `g` | stopped |
//! | `c`, n, n × name | the segments changed |
//! | `k`, created, acknowledged, pending, waiting, idle, witness, installation, device, user, then rejected, dropped and unsure (each n, n × (name, count)), n, n × segment | what is known |
use crate::fields::{Fields, put, put_number};
use alloc::string::String;
use alloc::vec::Vec;
use sdk_core::{
    Action, Choice, Config, DeviceMillis, Input, Key, Lifecycle, MonoMillis, Notice, Now, Object,
    Options, Outcome, PrivacySignal, Restored, SendId, Subject, Tracker, Way,
};

/// A tracker and the bytes of its last answer.
#[derive(Debug)]
pub struct Face {
    config: Config,
    tracker: Option<Tracker>,
    out: Vec<u8>,
}

impl Default for Face {
    fn default() -> Self {
        Self { config: Config::web(), tracker: None, out: Vec::new() }
    }
}

impl Face {
    /// Does commands, gives the length of the answers (4 bytes, little endian) and the answers.
    pub fn run(&mut self, commands: &[u8]) -> &[u8] {
        self.out.clear();
        self.out.extend_from_slice(&[0; 4]);
        let mut fields = Fields(commands);
        while !fields.is_empty() {
            match fields.number() {
                1 => number(&mut self.config, fields.number(), fields.number()),
                2 => name(&mut self.config, &mut fields),
                3 => clear(&mut self.config, fields.number()),
                command => self.command(command, &mut fields),
            }
        }
        let len = u32::try_from(self.out.len() - 4).unwrap_or(u32::MAX);
        if let Some(head) = self.out.first_chunk_mut() {
            *head = len.to_le_bytes();
        }
        &self.out
    }

    fn command(&mut self, command: u64, fields: &mut Fields<'_>) {
        let (mono, wall) = (fields.number(), fields.millis());
        let now = Now { wall: DeviceMillis(wall), mono: MonoMillis(mono) };
        if command == 10 {
            let mut entropy = [0; 32];
            entropy.iter_mut().zip(fields.bytes()).for_each(|(to, from)| *to = *from);
            self.tracker = Some(Tracker::new(self.config.clone(), entropy, now));
        }
        let Some(tracker) = &mut self.tracker else { return };
        match command {
            11..=16 => call(tracker, command, now, fields),
            18 => {
                let n = fields.count();
                let choices: Vec<(&str, Choice)> = (0..n)
                    .map_while(|_| {
                        let category = (!fields.is_empty()).then(|| fields.text())?;
                        let granted = fields.number() == 1;
                        Some((category, if granted { Choice::Granted } else { Choice::Denied }))
                    })
                    .collect();
                tracker.handle(now, Input::Consent(&choices));
            }
            22 => {
                let send = SendId(fields.number());
                let status = u16::try_from(fields.number()).unwrap_or_default();
                let (content_type, retry_after) = (fields.text(), fields.text());
                let body = fields.bytes();
                let outcome = match status {
                    0 => Outcome::Lost,
                    1 => Outcome::Unsent,
                    _ => Outcome::Answer { status, content_type, retry_after, body },
                };
                tracker.handle(now, Input::Reply { send, outcome });
            }
            24 => tracker.handle(now, Input::Restored(restored(fields))),
            30 => act(tracker, &mut self.out),
            31 => tell(tracker, &mut self.out),
            17 => tracker.handle(now, Input::Reset),
            19 => {
                let (gpc, dnt) = (fields.number() == 1, fields.number() == 1);
                tracker.handle(now, Input::Privacy { gpc, dnt });
            }
            20 => tracker.handle(now, Input::Context(Object::Json(fields.text()))),
            21 => tracker.handle(now, Input::Lifecycle(lifecycle(fields.number()))),
            _ => tracker.handle(now, Input::Tick),
        }
    }
}

fn call(tracker: &mut Tracker, command: u64, now: Now, fields: &mut Fields<'_>) {
    let (first, second) = (fields.text(), fields.text());
    let mut object =
        || Some(fields.text()).filter(|text| !text.is_empty()).map_or(Object::None, Object::Json);
    let (properties, context) = (object(), object());
    let named = fields.number() == 1;
    let subject = Subject { user_id: fields.text(), anonymous_id: fields.text() };
    let options = Options {
        context,
        subject: named.then_some(subject),
        at: Some(fields.millis()).filter(|at| *at > 0).map(DeviceMillis),
        message_id: fields.uuid(),
    };
    let (name, category, traits) = (first, second, properties);
    tracker.handle(
        now,
        match command {
            11 => Input::Track { event: first, properties, options },
            12 => Input::Page { name, category, properties, options },
            13 => Input::Screen { name, category, properties, options },
            14 => Input::Identify { user_id: first, traits, options },
            15 => Input::Group { group_id: first, traits, options },
            _ => Input::Alias { user_id: first, options },
        },
    );
}

fn restored(fields: &mut Fields<'_>) -> Restored {
    let (witness, install) = (fields.number(), fields.uuid());
    let anonymous_id = String::from(fields.text());
    let mut records = Vec::new();
    for _ in 0..fields.count() {
        if fields.is_empty() {
            break;
        }
        let (key, value) = (fields.number(), fields.bytes());
        if let Some(key) = Key::from_u64(key) {
            records.push((key, value.into()));
        }
    }
    Restored { records, witness, install, anonymous_id }
}

fn lifecycle(number: u64) -> Lifecycle {
    match number {
        0 => Lifecycle::Foreground,
        1 => Lifecycle::Background,
        2 => Lifecycle::Online,
        3 => Lifecycle::Offline,
        _ => Lifecycle::Flush,
    }
}

/// Sets a number of the configuration.
fn number(config: &mut Config, which: u64, value: u64) {
    let size = usize::try_from(value).unwrap_or(usize::MAX);
    match which {
        0 => config.batch_events = size,
        1 => config.batch_age_ms = value,
        2 => config.batch_events_max = size,
        3 => config.batch_bytes_max = size,
        4 => config.queue_events_max = size,
        5 => config.queue_bytes_max = size,
        6 => config.queue_age_max_ms = value,
        7 => config.waiting_events_max = size,
        8 => config.waiting_bytes_max = size,
        9 => config.leaving_batches_max = size,
        10 => config.session_idle_ms = value,
        11 => config.session_max_ms = value,
        12 => config.gpc = signal(value),
        13 => config.dnt = signal(value),
        _ => {}
    }
}

fn signal(value: u64) -> PrivacySignal {
    match value {
        0 => PrivacySignal::Ignore,
        1 => PrivacySignal::Record,
        _ => PrivacySignal::Deny,
    }
}

/// Adds to a list of names.
fn name(config: &mut Config, fields: &mut Fields<'_>) {
    let (list, name) = (fields.number(), String::from(fields.text()));
    match list {
        2 => {
            #[allow(clippy::cast_precision_loss, reason = "32 bits are exact")]
            let share = fields.number() as f64 / 4_294_967_296.0;
            return config.sampling.push((name, share));
        }
        4 => {
            let category = fields.text();
            let rules = &mut config.consent_by_event;
            if rules.last().is_none_or(|(known, _)| *known != name) {
                rules.push((name, Vec::new()));
            }
            if let (Some((_, needed)), false) = (rules.last_mut(), category.is_empty()) {
                needed.push(String::from(category));
            }
            return;
        }
        0 => config.events_kept_longest.push(name),
        1 => config.events_dropped_first.push(name),
        _ => config.consent_required.push(name),
    }
    fields.bytes();
}

fn clear(config: &mut Config, list: u64) {
    match list {
        0 => config.events_kept_longest.clear(),
        1 => config.events_dropped_first.clear(),
        2 => config.sampling.clear(),
        3 => config.consent_required.clear(),
        _ => config.consent_by_event.clear(),
    }
}

/// Polls until there is no more to do.
fn act(tracker: &mut Tracker, out: &mut Vec<u8>) {
    while let Some(action) = tracker.poll_action() {
        match action {
            Action::Persist { key, value } => {
                put(out, b"p");
                put_number(out, key.to_u64());
                put(out, &value);
            }
            Action::Forget { key } => put_counted(out, b"f", key.to_u64()),
            Action::Send { id, body, way } => {
                put_counted(out, b"s", id.0);
                put_number(out, u64::from(way == Way::Leaving));
                put(out, &body);
            }
            Action::WakeAt(at) => put_counted(out, b"w", at.0),
            Action::Notice(notice) => put_notice(out, &notice),
            _ => {}
        }
    }
}

fn put_counted(out: &mut Vec<u8>, kind: &[u8], number: u64) {
    put(out, kind);
    put_number(out, number);
}

fn put_notice(out: &mut Vec<u8>, notice: &Notice) {
    match notice {
        Notice::SegmentsChanged(segments) => {
            put(out, b"c");
            put_names(out, segments);
        }
        Notice::Delivered(count) => put_counted(out, b"d", u64::from(*count)),
        Notice::Rejected { seq, code } => {
            put_counted(out, b"r", *seq);
            put(out, code.as_bytes());
        }
        Notice::Dropped { reason, count } => {
            put(out, b"x");
            put(out, reason.as_str().as_bytes());
            put_number(out, u64::from(*count));
        }
        Notice::ForeignAnswer { status } => put_counted(out, b"o", u64::from(*status)),
        Notice::Held { status } => put_counted(out, b"h", u64::from(*status)),
        Notice::Stopped => put(out, b"g"),
        _ => {}
    }
}

fn put_names(out: &mut Vec<u8>, names: &[String]) {
    put_number(out, names.len() as u64);
    for name in names {
        put(out, name.as_bytes());
    }
}

/// Writes what is known.
fn tell(tracker: &Tracker, out: &mut Vec<u8>) {
    let ledger = tracker.ledger();
    put_counted(out, b"k", ledger.created);
    for number in [
        ledger.acknowledged,
        ledger.pending,
        tracker.waiting() as u64,
        u64::from(tracker.is_idle()),
        tracker.witness(),
    ] {
        put_number(out, number);
    }
    put(out, tracker.install().as_bytes());
    put(out, tracker.anonymous_id().as_bytes());
    put(out, tracker.user_id().as_bytes());
    for counts in [&ledger.rejected, &ledger.dropped, &ledger.unsure] {
        put_number(out, counts.len() as u64);
        for (name, count) in counts {
            put(out, name.as_bytes());
            put_number(out, *count);
        }
    }
    put_names(out, tracker.segments());
}
