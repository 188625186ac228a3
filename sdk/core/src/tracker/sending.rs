//! When a batch leaves, and what its answer does.
use super::Tracker;
use crate::action::{Action, SendId, Way};
use crate::batch::{self, Envelope};
use crate::event::Queued;
use crate::input::Outcome;
use crate::limits::{
    FLIGHT_MAX_MS, HOLD_MS, REPLY_BYTES_MAX, REPORT_WAIT_MS, RETRY_BACKGROUND_MAX_MS,
    RETRY_BASE_MS, RETRY_FOREGROUND_MAX_MS,
};
use crate::notice::{DropReason, Notice};
use crate::reply::{Settled, Verdict, judge};
use crate::time::MonoMillis;
use alloc::string::String;
use alloc::vec::Vec;

/// The way to the collector. All moments are on the monotonic clock.
#[derive(Debug, Default)]
pub(super) struct Link {
    pub(super) offline: bool,
    pub(super) background: bool,
    /// Everything is to leave at once, until nothing is left.
    pub(super) push: bool,
    /// The collector is gone for good.
    pub(super) stopped: bool,
    flights: Vec<Flight>,
    next_send: u64,
    /// Tries since the last one that was answered by a collector.
    failures: u32,
    /// Not before this: our own backoff.
    retry_at: u64,
    /// Not before this: what a collector has asked for.
    not_before: u64,
    /// Not before this: the key or the address is wrong. `None`: nothing is held.
    held: Option<Hold>,
    /// The most events of a batch, while larger ones are not taken.
    split: Option<usize>,
    /// When what was given up is to be reported, if no batch takes it along.
    report_at: Option<u64>,
    /// How much of what was given up a collector has been told.
    pub(super) told: u64,
    /// How much of what was acknowledged a collector has been told.
    pub(super) told_acknowledged: u64,
    wake: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
struct Hold {
    until: u64,
    /// Somebody else than a collector refused: another network may not.
    foreign: bool,
}

/// A batch that is not answered.
#[derive(Debug)]
struct Flight {
    id: SendId,
    batch_id: String,
    seqs: Vec<u64>,
    /// Steady time of sending.
    sent: i64,
    deadline: u64,
    given_up: u64,
    acknowledged: u64,
    generation: u32,
}

impl Link {
    pub(super) fn is_quiet(&self) -> bool {
        self.flights.is_empty()
    }

    /// Something has changed for the better: our own waits end, a collector's do not.
    pub(super) fn forgive(&mut self) {
        self.retry_at = 0;
        if self.held.is_some_and(|hold| hold.foreign) {
            self.held = None;
        }
    }

    /// Before when nothing may be sent.
    fn blocked_until(&self) -> u64 {
        let held = self.held.map_or(0, |hold| hold.until);
        self.retry_at.max(self.not_before).max(held)
    }
}

impl Tracker {
    /// The next batch, if one is due.
    pub(super) fn send(&mut self) -> Option<Action> {
        let now = self.now.mono.0;
        if !self.may_send() || self.link.blocked_until() > now {
            return None;
        }
        if !self.queue.iter().any(|event| !event.in_flight) {
            let due = self.report_due_at().is_some_and(|at| at <= now);
            if due && self.link.is_quiet() {
                return Some(self.launch(Vec::new()));
            }
            self.link.push &= !self.link.is_quiet() || self.report_is_due();
            return None;
        }
        if self.batch_due_at()? > now {
            return None;
        }
        let run = self.run();
        Some(self.launch(run))
    }

    /// The first moment at which something is to be done, if it is another than the last one told.
    pub(super) fn wake(&mut self) -> Option<Action> {
        let now = self.now.mono.0;
        let flights = self.link.flights.iter().map(|flight| flight.deadline).min();
        let mut next = flights;
        if self.may_send() {
            let due = self.batch_due_at().or_else(|| {
                // A report waits for what is in flight, which may make it unnecessary.
                self.report_due_at().filter(|_| self.link.is_quiet())
            });
            let due = due.map(|due| due.max(self.link.blocked_until()));
            next = [flights, due].into_iter().flatten().min();
        }
        let next = next.map(|next| next.max(now + 1));
        if next.is_none() || next == self.link.wake {
            return None;
        }
        self.link.wake = next;
        next.map(|next| Action::WakeAt(MonoMillis(next)))
    }

    fn may_send(&self) -> bool {
        let link = &self.link;
        let flights_max = if link.background { self.config.leaving_batches_max } else { 1 };
        self.storage.is_restored()
            && self.storage.is_storing()
            && !link.stopped
            && !link.offline
            && link.flights.len() < flights_max.max(1)
    }

    /// When the events that are not in flight are to leave, waits left out; `None` without any.
    fn batch_due_at(&self) -> Option<u64> {
        let first = self.queue.iter().find(|event| !event.in_flight)?;
        let in_flight: usize = self.link.flights.iter().map(|flight| flight.seqs.len()).sum();
        let full = self.queue.len().saturating_sub(in_flight) >= self.config.batch_events;
        let link = &self.link;
        if full || link.push || link.failures > 0 || link.split.is_some() {
            return Some(0);
        }
        Some(first.since.map_or(0, |since| since.saturating_add(self.config.batch_age_ms)))
    }

    /// Whether the collector does not know yet what was given up; or what was acknowledged last, where
    /// it needs that to tell what is unsure from what is on its way.
    pub(super) fn report_is_due(&self) -> bool {
        let unsure = || self.counts.unsure().next().is_some();
        let settled =
            self.queue.is_empty() && self.counts.acknowledged > self.link.told_acknowledged;
        let news = self.counts.given_up() > self.link.told || settled && unsure();
        news && self.storage.is_storing() && !self.link.stopped
    }

    /// Something was given up; a collector is to hear of it.
    pub(super) fn report_later(&mut self) {
        let at = self.now.mono.0.saturating_add(REPORT_WAIT_MS);
        self.link.report_at.get_or_insert(at);
    }

    /// `None`: nothing is to be reported. Without a time of its own a report is due at once: it became
    /// possible only now.
    fn report_due_at(&self) -> Option<u64> {
        let at = if self.link.push { 0 } else { self.link.report_at.unwrap_or(0) };
        self.report_is_due().then_some(at)
    }

    /// The oldest events that can share a batch.
    fn run(&self) -> Vec<u64> {
        let config = &self.config;
        let events_max = self.link.split.unwrap_or(config.batch_events_max).max(1);
        let mut seqs = Vec::new();
        let mut bytes = 0usize;
        let mut alike = None;
        for event in self.queue.iter().filter(|event| !event.in_flight) {
            bytes = bytes.saturating_add(event.record.len() + crate::limits::EVENT_FRAME_BYTES);
            let fits =
                seqs.is_empty() || seqs.len() < events_max && bytes <= config.batch_bytes_max;
            if !fits || *alike.get_or_insert((event.head, event.boot)) != (event.head, event.boot) {
                break;
            }
            seqs.push(event.seq);
        }
        seqs
    }

    /// Writes a batch of these events, or of none to report, and counts it as sent.
    fn launch(&mut self, seqs: Vec<u64>) -> Action {
        for &seq in &seqs {
            if let Some(event) = self.queue.find_mut(seq) {
                event.in_flight = true;
            }
        }
        let batch_id = self.random.word();
        let sent = self.clock.steady(self.now);
        let body = self.body(&batch_id, sent, &seqs);
        let link = &mut self.link;
        let id = SendId(link.next_send);
        link.next_send += 1;
        link.flights.push(Flight {
            id,
            batch_id,
            seqs,
            sent,
            deadline: self.now.mono.0.saturating_add(FLIGHT_MAX_MS),
            given_up: self.counts.given_up(),
            acknowledged: self.counts.acknowledged,
            generation: self.identity.generation,
        });
        let way = if link.background { Way::Leaving } else { Way::Usual };
        Action::Send { id, body, way }
    }

    fn body(&self, batch_id: &str, sent_at: i64, seqs: &[u64]) -> Vec<u8> {
        let events = || {
            let among = |event: &&Queued| seqs.binary_search(&event.seq).is_ok();
            self.queue.iter().filter(among).take(seqs.len())
        };
        let first = events().next();
        let bound = match first {
            Some(event) if event.boot != self.identity.boot => {
                // Unknown: then the wall clock is taken to have run on between the boots.
                self.storage.bound_of(event.boot).or_else(|| self.clock.bound(self.now))
            }
            _ => self.clock.bound(self.now),
        };
        let mut consent = Vec::new();
        self.consent.push_context(&self.config, &mut consent);
        let envelope = Envelope {
            batch_id,
            install: self.identity.install,
            boot: self.identity.boot_id,
            counts: &self.counts,
            sent_at,
            uptime_ms: self.clock.uptime_ms(self.now),
            bound,
            resends: self.link.failures.into(),
            consent: &consent,
        };
        let head = match first {
            Some(event) => self.heads.find(event.head).cloned(),
            None => Some(self.report_head()),
        };
        let mut out = Vec::with_capacity(1_024 + seqs.len() * 384);
        batch::write(&envelope, head.as_ref(), events(), &mut out);
        out
    }

    /// A report says which SDK it is from, and of no one.
    fn report_head(&self) -> crate::heads::Head {
        let context = self.context.clone();
        crate::heads::Head { number: 0, ids: Vec::new(), context, events: 0, stored: false }
    }

    /// Takes an answer.
    pub(super) fn replied(&mut self, send: SendId, outcome: &Outcome<'_>) {
        let Some(at) = self.link.flights.iter().position(|flight| flight.id == send) else {
            return self.replied_late(outcome);
        };
        let flight = self.link.flights.swap_remove(at);
        if let Outcome::Answer { body, .. } = outcome
            && body.len() >= REPLY_BYTES_MAX
            && flight.seqs.len() > 1
        {
            // Cut, for all we know: fewer events are answered in fewer words.
            self.link.split = Some(flight.seqs.len() / 2);
        }
        match judge(outcome, &flight.batch_id, flight.seqs.len()) {
            Verdict::Settled(settled) => self.settled(&flight, settled),
            Verdict::Split(reason) => self.split(&flight, reason),
            Verdict::Again { after_ms, may_have_arrived } => {
                self.again(&flight, after_ms, may_have_arrived);
            }
            Verdict::Foreign { after_ms, status } => {
                self.actions.push_back(Action::Notice(Notice::ForeignAnswer { status }));
                self.again(&flight, after_ms, true);
            }
            Verdict::Hold { for_ms, status } => {
                self.hold(for_ms);
                self.land(&flight, for_ms != HOLD_MS);
                self.actions.push_back(Action::Notice(Notice::Held { status }));
            }
            Verdict::Stop => {
                self.link.stopped = true;
                self.land(&flight, true);
                self.actions.push_back(Action::Notice(Notice::Stopped));
            }
        }
    }

    /// Takes the answer to a batch that counts as lost already. What it says of the events will be
    /// said again; what it says of the collector counts now.
    fn replied_late(&mut self, outcome: &Outcome<'_>) {
        match judge(outcome, "", 0) {
            Verdict::Again { after_ms: Some(after), .. } => self.wait_for_collector(after),
            Verdict::Hold { for_ms, .. } => self.hold(for_ms),
            _ => {}
        }
    }

    /// Nothing is sent for so long, or for as long as is held already.
    fn hold(&mut self, for_ms: u64) {
        let until = self.now.mono.0.saturating_add(for_ms);
        if self.link.held.is_none_or(|held| held.until <= until) {
            self.link.held = Some(Hold { until, foreign: for_ms != HOLD_MS });
        }
    }

    /// Each event of the batch is settled.
    fn settled(&mut self, flight: &Flight, settled: Settled) {
        if let Some(received) = settled.received_at {
            self.clock.learn(self.now, flight.sent, received);
        }
        let mut rejected = settled.rejected.into_iter().peekable();
        let mut delivered = 0;
        for (index, &seq) in flight.seqs.iter().enumerate() {
            let code = rejected.next_if(|(at, _)| *at == index).map(|(_, code)| code);
            // What was withdrawn meanwhile is counted already.
            let Some(event) = self.queue.take(seq) else { continue };
            self.gone(&event);
            match code {
                None => {
                    self.counts.acknowledged += 1;
                    delivered += 1;
                }
                Some(code) => {
                    self.counts.reject(&code);
                    self.report_later();
                    self.actions.push_back(Action::Notice(Notice::Rejected { seq, code }));
                }
            }
        }
        let link = &mut self.link;
        link.told = link.told.max(flight.given_up);
        link.told_acknowledged = link.told_acknowledged.max(flight.acknowledged);
        link.report_at = None;
        link.failures = 0;
        // What another answer asked for meanwhile still counts.
        link.forgive();
        let whole = self.config.batch_events_max;
        link.split = link.split.map(|split| split.saturating_mul(2)).filter(|split| *split < whole);
        self.storage.touch();
        if self.report_is_due() {
            self.report_later();
        }
        if delivered > 0 {
            self.actions.push_back(Action::Notice(Notice::Delivered(delivered)));
        }
        if let Some(segments) = settled.segments
            && flight.generation == self.identity.generation
        {
            self.set_segments(segments);
        }
    }

    /// The batch cannot be taken as it is.
    fn split(&mut self, flight: &Flight, reason: DropReason) {
        self.land(flight, false);
        match flight.seqs.as_slice() {
            // Nothing to leave out: the report itself is refused, which time may change.
            [] => self.fail(None),
            [seq] => {
                self.abandon(*seq, reason);
                self.link.failures = 0;
            }
            seqs => self.link.split = Some(seqs.len() / 2),
        }
    }

    fn again(&mut self, flight: &Flight, after_ms: Option<u64>, may_have_arrived: bool) {
        self.land(flight, may_have_arrived);
        self.fail(after_ms);
    }

    /// The events of a flight are as they were before it.
    fn land(&mut self, flight: &Flight, may_have_arrived: bool) {
        for &seq in &flight.seqs {
            if let Some(event) = self.queue.find_mut(seq) {
                event.in_flight = false;
                event.tried |= may_have_arrived;
            }
        }
    }

    /// Waits before the next try: full jitter over a doubling bound (Brooker, "Exponential backoff
    /// and jitter", 2015), never less than a collector asks for.
    fn fail(&mut self, after_ms: Option<u64>) {
        let link = &mut self.link;
        let now = self.now.mono.0;
        let max = if link.background { RETRY_BACKGROUND_MAX_MS } else { RETRY_FOREGROUND_MAX_MS };
        let bound = RETRY_BASE_MS.saturating_mul(1 << link.failures.min(20)).min(max);
        link.failures = link.failures.saturating_add(1);
        link.retry_at = now.saturating_add(self.random.up_to(bound));
        if let Some(after) = after_ms {
            self.wait_for_collector(after);
        }
    }

    fn wait_for_collector(&mut self, after: u64) {
        // Devices that were turned away together are not to come back together.
        let spread = self.random.up_to(after / 10);
        let until = self.now.mono.0.saturating_add(after).saturating_add(spread);
        self.link.not_before = self.link.not_before.max(until);
    }

    /// Gives up waiting for answers that no host can bring any more.
    pub(super) fn expire_flights(&mut self) {
        let now = self.now.mono.0;
        while let Some(at) = self.link.flights.iter().position(|flight| flight.deadline <= now) {
            let flight = self.link.flights.swap_remove(at);
            self.again(&flight, None, true);
        }
    }

    /// Gives up events that are too old, seen from the front of the queue.
    pub(super) fn expire_events(&mut self) {
        let oldest = |tracker: &Self| {
            tracker.queue.fronts().find(|event| tracker.is_expired(event)).map(|event| event.seq)
        };
        while let Some(seq) = oldest(self) {
            self.abandon(seq, DropReason::Expired);
        }
    }

    fn is_expired(&self, event: &Queued) -> bool {
        let steady = self.clock.steady(self.now);
        let age = if let Some(since) = event.since {
            i64::try_from(self.now.mono.0.saturating_sub(since)).unwrap_or(i64::MAX)
        } else {
            let bounds = (self.clock.bound(self.now), self.storage.bound_of(event.boot));
            match bounds {
                (Some(now), Some(then)) => {
                    let (now, then) = (now.offset().0, then.offset().0);
                    steady.saturating_add(now).saturating_sub(event.at.saturating_add(then))
                }
                // Clocks that nobody can compare make nothing old; the time since the start counts.
                _ => i64::try_from(self.clock.uptime_ms(self.now)).unwrap_or(i64::MAX),
            }
        };
        let max = i64::try_from(self.config.queue_age_max_ms).unwrap_or(i64::MAX);
        !event.in_flight && age > max
    }
}
