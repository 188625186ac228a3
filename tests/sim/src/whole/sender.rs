//! A device of a world, as simple as one can be that loses nothing: it sends the oldest of what it
//! has until an answer settles it, and tells with each batch what became of its events.
use super::Violation;
use crate::rng::Rng;
use serde_json::Value as Json;
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;

/// How long a device waits for an answer.
const ANSWER_MS: i64 = 10_000;
/// How long it waits before it tries again, at most.
const BACKOFF_MS_MAX: i64 = 30_000;

/// What an event is made to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sort {
    /// One that is to be taken.
    Plain,
    /// One that says who uses the device.
    Identify,
    /// One that no collector takes.
    Invalid,
    /// One whose person has not agreed.
    Denied,
}

/// An event as it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Its id.
    pub message: String,
    /// What it is made to be.
    pub sort: Sort,
    /// Its name; of an identify its person.
    pub name: String,
    /// Its device.
    pub device: String,
    /// Its number on the device.
    pub seq: u64,
    /// When it happened.
    pub at: i64,
    user: Option<String>,
}

/// A batch on its way.
#[derive(Debug, Clone)]
struct Batch {
    id: String,
    events: usize,
    sent: i64,
}

/// A device.
#[derive(Debug)]
pub struct Sender {
    /// Its anonymous id.
    pub device: String,
    user: Option<String>,
    /// Events made.
    pub created: u64,
    /// Events known to be there.
    pub acknowledged: u64,
    /// Events known to be refused, by code.
    pub rejected: BTreeMap<String, u64>,
    /// Events not yet settled, the oldest first.
    pub queue: VecDeque<Made>,
    batch: Option<Batch>,
    batches: u64,
    next_try: i64,
    backoff_ms: i64,
    asks_consent: bool,
}

/// What an answer settled.
#[derive(Debug, Default)]
pub struct Settled {
    /// Events that are there.
    pub there: Vec<Made>,
    /// Events that were refused, with the code.
    pub refused: Vec<(Made, String)>,
}

impl Sender {
    /// A device that has made nothing yet.
    #[must_use]
    pub fn new(seed: u64, index: usize, asks_consent: bool) -> Self {
        Self {
            device: format!("d{seed:x}-{index}"),
            user: None,
            created: 0,
            acknowledged: 0,
            rejected: BTreeMap::new(),
            queue: VecDeque::new(),
            batch: None,
            batches: 0,
            next_try: 0,
            backoff_ms: 500,
            asks_consent,
        }
    }

    /// Makes an event.
    pub fn make(&mut self, now: i64, sort: Sort, rng: &mut Rng) -> Made {
        self.created += 1;
        let name = match sort {
            Sort::Identify => {
                let user = format!("p{}", rng.index(4));
                self.user = Some(user.clone());
                user
            }
            _ => rng.word(&["Product Viewed", "Product Added", "Order Completed"]).to_owned(),
        };
        let made = Made {
            message: format!("{}-{}", self.device, self.created),
            sort,
            name,
            device: self.device.clone(),
            seq: self.created,
            at: now - rng.range(0, 2_000),
            user: self.user.clone(),
        };
        self.queue.push_back(made.clone());
        made
    }

    /// What it sends now, if it does: the batch's id and body.
    pub fn send(&mut self, now: i64, events_max: usize) -> Option<(String, String)> {
        if let Some(batch) = &mut self.batch {
            if now - batch.sent < ANSWER_MS {
                return None;
            }
            batch.sent = now;
        } else {
            if self.queue.is_empty() || now < self.next_try {
                return None;
            }
            self.batches += 1;
            let events = self.queue.len().min(events_max);
            let id = format!("{}-b{}", self.device, self.batches);
            self.batch = Some(Batch { id, events, sent: now });
        }
        let batch = self.batch.clone()?;
        Some((batch.id.clone(), self.body(&batch, now)))
    }

    /// The events of a batch, if it is the one that waits for its answer.
    pub(super) fn batch_of(&self, id: &str) -> Option<impl Iterator<Item = &Made>> {
        let batch = self.batch.as_ref().filter(|batch| batch.id == id)?;
        Some(self.queue.iter().take(batch.events))
    }

    fn body(&self, batch: &Batch, now: i64) -> String {
        let mut rejected = String::new();
        for (code, count) in &self.rejected {
            let comma = if rejected.is_empty() { "" } else { "," };
            write!(rejected, "{comma}\"{code}\":{count}").expect("a text takes it");
        }
        let (sent, device) = (time(now), &self.device);
        let mut body = format!(
            "{{\"sentAt\":\"{sent}\",\"sillage\":{{\"batchId\":\"{}\",\"install\":\"{device}\",\
             \"boot\":\"b\",\"seq\":{},\"acknowledged\":{},\"rejected\":{{{rejected}}}}},\
             \"anonymousId\":\"{device}\",\"context\":{{\"library\":{{\"name\":\"sim\",\
             \"version\":\"1\"}}}},\"batch\":[",
            batch.id, self.created, self.acknowledged,
        );
        for (index, made) in self.queue.iter().take(batch.events).enumerate() {
            if index > 0 {
                body.push(',');
            }
            self.event(made, &mut body);
        }
        body.push_str("]}");
        body
    }

    fn event(&self, made: &Made, body: &mut String) {
        let Made { message, sort, name, seq, at, user, .. } = made;
        let head = match sort {
            Sort::Identify => format!("\"type\":\"identify\",\"traits\":{{\"seen\":{seq}}}"),
            Sort::Invalid => "\"type\":\"track\"".to_owned(),
            Sort::Plain | Sort::Denied => format!(
                "\"type\":\"track\",\"event\":\"{name}\",\"properties\":{{\"mark\":\"{message}\"}}"
            ),
        };
        let user = user.as_ref().map_or(String::new(), |user| format!(",\"userId\":\"{user}\""));
        let agreed = *sort != Sort::Denied;
        let consent = if self.asks_consent {
            format!(
                ",\"context\":{{\"consent\":{{\"categoryPreferences\":{{\"analytics\":{agreed}}}}}}}"
            )
        } else {
            String::new()
        };
        let at = time(*at);
        write!(
            body,
            "{{{head}{user}{consent},\"messageId\":\"{message}\",\"timestamp\":\"{at}\",\"seq\":{seq}}}"
        )
        .expect("a text takes it");
    }

    /// Takes an answer to one of its batches.
    ///
    /// # Errors
    /// An answer that does not account for each event of the batch.
    pub fn answered(
        &mut self,
        now: i64,
        id: &str,
        (status, body): (u16, &[u8]),
        rng: &mut Rng,
    ) -> Result<Settled, Violation> {
        let mut settled = Settled::default();
        if self.batch.as_ref().is_none_or(|batch| batch.id != id) {
            // It answers a batch that was settled before.
            return Ok(settled);
        }
        let told: Json = serde_json::from_slice(body).unwrap_or_default();
        let rejected = told["rejected"].as_array().cloned().unwrap_or_default();
        let events = self.batch.as_ref().map_or(0, |batch| batch.events);
        let is_final = status == 200 || (status == 422 && rejected.len() == events);
        if !is_final {
            if status < 500 && status != 429 {
                let told = String::from_utf8_lossy(body).into_owned();
                return Err(Violation::new("a batch that is well made is not refused", told));
            }
            self.batch = None;
            self.backoff_ms = (self.backoff_ms * 2).min(BACKOFF_MS_MAX);
            self.next_try = now + rng.range(0, self.backoff_ms);
            return Ok(settled);
        }
        let count = |name: &str| told[name].as_u64().unwrap_or_default();
        let sum = count("accepted") + count("duplicates") + rejected.len() as u64;
        if told["batchId"] != id || sum != events as u64 {
            let told = String::from_utf8_lossy(body).into_owned();
            return Err(Violation::new("an answer accounts for each event", told));
        }
        self.batch = None;
        self.backoff_ms = 500;
        for (index, made) in self.queue.drain(..events).enumerate() {
            let refused = rejected.iter().find(|r| r["index"].as_u64() == Some(index as u64));
            match refused {
                Some(refused) => {
                    let code = refused["code"].as_str().unwrap_or_default().to_owned();
                    *self.rejected.entry(code.clone()).or_default() += 1;
                    settled.refused.push((made, code));
                }
                None => {
                    self.acknowledged += 1;
                    settled.there.push(made);
                }
            }
        }
        Ok(settled)
    }
}

fn time(ms: i64) -> String {
    let mut out = String::new();
    sillage_wire::format_time_ms(ms, &mut out);
    out
}
