//! What this room counts and logs: one method for each occurrence, so that neither is forgotten.
//!
//! Never a key, an id or a property: only codes from closed lists.
use crate::Refusal;
use crate::flight::InFlight;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tracing::Level;

/// The counters of all requests since the start.
#[derive(Debug)]
pub struct Signals {
    in_flight: Arc<InFlight>,
    requests: AtomicU64,
    body_bytes: AtomicU64,
    decoded_bytes: AtomicU64,
    accepted: AtomicU64,
    duplicates: AtomicU64,
    consent_denied: AtomicU64,
    clamped_future: AtomicU64,
    dropped_on_device: AtomicU64,
    log_failures: AtomicU64,
    /// By status; indexed from 200 to 599.
    by_status: Box<[AtomicU64]>,
    /// By code. Locked at most once a request, and only by requests that something is wrong with.
    by_code: Mutex<Codes>,
    /// For each project, its name and the requests that its quota refused.
    rate_limited: Vec<(String, AtomicU64)>,
}

#[derive(Debug, Default)]
struct Codes {
    refused: BTreeMap<&'static str, u64>,
    rejected: BTreeMap<&'static str, u64>,
}

/// All counters at one moment, to be rendered for `/metrics`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SignalSnapshot {
    /// `ingest_requests_total`.
    pub requests: u64,
    /// `ingest_responses_total` by status; statuses never given are absent.
    pub responses: Vec<(u16, u64)>,
    /// `ingest_refusals_total` by code: whole requests.
    pub refused: Vec<(&'static str, u64)>,
    /// `ingest_body_bytes_total`: as sent.
    pub body_bytes: u64,
    /// `ingest_decoded_bytes_total`: after the content coding.
    pub decoded_bytes: u64,
    /// `ingest_events_accepted_total`: made durable, counted once.
    pub accepted: u64,
    /// `ingest_events_duplicate_total`: already durable.
    pub duplicates: u64,
    /// `ingest_events_rejected_total` by code: single events, consent included.
    pub rejected: Vec<(&'static str, u64)>,
    /// `ingest_events_consent_denied_total`.
    pub consent_denied: u64,
    /// `ingest_events_clamped_future_total`: came from more than five minutes ahead.
    pub clamped_future: u64,
    /// `ingest_events_dropped_on_device_total`: what senders say they lost before sending; not
    /// installations, whose losses are in the ledger.
    pub dropped_on_device: u64,
    /// `ingest_log_failures_total`: appends that failed for good.
    pub log_failures: u64,
    /// `ingest_rate_limited_requests_total` by project: refused because the key's quota is used up.
    pub rate_limited: Vec<(String, u64)>,
    /// `ingest_in_flight_bytes`.
    pub in_flight_bytes: u64,
}

/// The outcome of the events of one durable batch.
#[derive(Debug, Clone, Default)]
pub(crate) struct EventCounts {
    pub(crate) accepted: u64,
    pub(crate) duplicates: u64,
    pub(crate) consent_denied: u64,
    pub(crate) clamped_future: u64,
    pub(crate) dropped_on_device: u64,
}

const STATUS_FIRST: u16 = 200;
const STATUS_LAST: u16 = 599;

impl Signals {
    pub(crate) fn new(in_flight: Arc<InFlight>, projects: Vec<String>) -> Self {
        Self {
            in_flight,
            requests: AtomicU64::new(0),
            body_bytes: AtomicU64::new(0),
            decoded_bytes: AtomicU64::new(0),
            accepted: AtomicU64::new(0),
            duplicates: AtomicU64::new(0),
            consent_denied: AtomicU64::new(0),
            clamped_future: AtomicU64::new(0),
            dropped_on_device: AtomicU64::new(0),
            log_failures: AtomicU64::new(0),
            by_status: (STATUS_FIRST..=STATUS_LAST).map(|_| AtomicU64::new(0)).collect(),
            by_code: Mutex::default(),
            rate_limited: projects.into_iter().map(|name| (name, AtomicU64::new(0))).collect(),
        }
    }

    pub(crate) fn responded(&self, status: http::StatusCode) {
        add(&self.requests, 1);
        let index = usize::from(status.as_u16().saturating_sub(STATUS_FIRST));
        if let Some(counter) = self.by_status.get(index) {
            add(counter, 1);
        }
    }

    pub(crate) fn body(&self, sent: usize, decoded: usize) {
        add(&self.body_bytes, sent as u64);
        add(&self.decoded_bytes, decoded as u64);
    }

    /// A refusal is logged the first, second, fourth, eighth … time at its own level and else for
    /// debugging only: a flood of them must not become a flood of lines.
    pub(crate) fn refused(&self, refusal: &Refusal, project: Option<usize>, request_id: u64) {
        if let (Refusal::RateLimited(_), Some(project)) = (refusal, project)
            && let Some((_, count)) = self.rate_limited.get(project)
        {
            add(count, 1);
        }
        let face = refusal.face();
        let (status, code) = (face.status.as_u16(), face.code);
        let mut by_code = self.by_code.lock();
        let count = by_code.refused.entry(code).or_default();
        *count += 1;
        let count = *count;
        drop(by_code);
        let level = if count.is_power_of_two() { face.level } else { Level::DEBUG };
        match level {
            Level::ERROR => tracing::error!(code, status, count, request_id, "request refused"),
            Level::WARN => tracing::warn!(code, status, count, request_id, "request refused"),
            Level::INFO => tracing::info!(code, status, count, request_id, "request refused"),
            _ => tracing::debug!(code, status, count, request_id, "request refused"),
        }
    }

    pub(crate) fn rejected(&self, codes: impl ExactSizeIterator<Item = &'static str>) {
        if codes.len() == 0 {
            return;
        }
        let mut by_code = self.by_code.lock();
        for code in codes {
            *by_code.rejected.entry(code).or_default() += 1;
        }
    }

    pub(crate) fn events(&self, counts: &EventCounts) {
        add(&self.accepted, counts.accepted);
        add(&self.duplicates, counts.duplicates);
        add(&self.consent_denied, counts.consent_denied);
        add(&self.clamped_future, counts.clamped_future);
        add(&self.dropped_on_device, counts.dropped_on_device);
    }

    pub(crate) fn log_failed(&self, project: &str, error: &dyn std::error::Error) {
        if !(self.log_failures.fetch_add(1, Ordering::Relaxed) + 1).is_power_of_two() {
            return;
        }
        let cause = error.source().map(ToString::to_string).unwrap_or_default();
        tracing::error!(project, %error, cause, "events cannot be made durable");
    }

    /// All counters now.
    #[must_use]
    pub fn snapshot(&self) -> SignalSnapshot {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let by_code = self.by_code.lock();
        let listed =
            |codes: &BTreeMap<&'static str, u64>| codes.iter().map(|(c, n)| (*c, *n)).collect();
        SignalSnapshot {
            requests: get(&self.requests),
            responses: (STATUS_FIRST..)
                .zip(self.by_status.iter().map(get))
                .filter(|(_, count)| *count > 0)
                .collect(),
            refused: listed(&by_code.refused),
            body_bytes: get(&self.body_bytes),
            decoded_bytes: get(&self.decoded_bytes),
            accepted: get(&self.accepted),
            duplicates: get(&self.duplicates),
            rejected: listed(&by_code.rejected),
            consent_denied: get(&self.consent_denied),
            clamped_future: get(&self.clamped_future),
            dropped_on_device: get(&self.dropped_on_device),
            log_failures: get(&self.log_failures),
            rate_limited: self.rate_limited.iter().map(|(p, n)| (p.clone(), get(n))).collect(),
            in_flight_bytes: self.in_flight.bytes(),
        }
    }
}

fn add(counter: &AtomicU64, count: u64) {
    if count > 0 {
        counter.fetch_add(count, Ordering::Relaxed);
    }
}
