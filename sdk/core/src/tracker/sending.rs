//! When a batch leaves, and what its answer does.
use super::Tracker;
use crate::action::{Action, SendId, Way};
use crate::batch::{self, Envelope};
use crate::codec::put;
use crate::event::Queued;
use crate::input::Outcome;
use crate::json::{Reader, texts};
use crate::limits::{
    EVENT_FRAME_BYTES, FLIGHT_MAX_MS, HOLD_MS, REPLY_BYTES_MAX, REPORT_WAIT_MS,
    RETRY_BACKGROUND_MAX_MS, RETRY_BASE_MS, RETRY_FOREGROUND_MAX_MS,
};
use crate::notice::{DropReason, Notice};
use crate::reply::{Settled, Verdict, judge, refusal};
use crate::state::State;
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
    /// Not before this: the key or the address is wrong.
    held_until: u64,
    /// It was somebody else than a collector who refused: another network may not.
    held_by_foreigner: bool,
    /// The most events of a batch, while larger ones are not taken; else 0.
    split: usize,
    /// When what was given up is to be reported, if no batch takes it along; 0: it is not known yet.
    report_at: u64,
    /// What the host was last asked for.
    wake: u64,
}

/// A moment that does not come.
const NEVER: u64 = u64::MAX;

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
        if self.held_by_foreigner {
            self.held_until = 0;
        }
    }

    /// Before when nothing may be sent.
    fn blocked_until(&self) -> u64 {
        self.retry_at.max(self.not_before).max(self.held_until)
    }
}

impl Tracker {
    /// The next batch, if one is due.
    pub(super) fn send(&mut self) -> Option<Action> {
        let now = self.now.mono.0;
        if !self.may_send() || self.link.blocked_until() > now {
            return None;
        }
        if self.first().is_none() {
            if self.report_due_at() <= now && self.link.is_quiet() {
                return Some(self.launch(Vec::new()));
            }
            self.link.push &= !self.link.is_quiet() || self.report_is_due();
            return None;
        }
        if self.batch_due_at() > now {
            return None;
        }
        let run = self.run();
        Some(self.launch(run))
    }

    /// The first moment at which something is to be done, if it is another than the last one told.
    pub(super) fn wake(&mut self) -> Option<Action> {
        let mut next = NEVER;
        if self.may_send() {
            let due = match self.first() {
                Some(_) => self.batch_due_at(),
                // A report waits for what is in flight, which may make it unnecessary.
                None if self.link.is_quiet() => self.report_due_at(),
                None => NEVER,
            };
            next = due.max(self.link.blocked_until());
        }
        for flight in &self.link.flights {
            next = next.min(flight.deadline);
        }
        next = next.max(self.now.mono.0 + 1);
        if next == NEVER || next == self.link.wake {
            return None;
        }
        self.link.wake = next;
        Some(Action::WakeAt(MonoMillis(next)))
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

    /// The oldest event that is not in flight.
    fn first(&self) -> Option<&Queued> {
        self.queue.iter().find(|event| !event.in_flight)
    }

    /// When the events that are not in flight are to leave, waits left out.
    fn batch_due_at(&self) -> u64 {
        let link = &self.link;
        let in_flight: usize = link.flights.iter().map(|flight| flight.seqs.len()).sum();
        let full = self.queue.len() >= self.config.batch_events.saturating_add(in_flight);
        if full || link.push || link.failures > 0 || link.split > 0 {
            return 0;
        }
        let since = self.first().and_then(|event| event.since);
        since.map_or(0, |since| since.saturating_add(self.config.batch_age_ms))
    }

    /// Whether the collector does not know yet what was given up; or what was acknowledged last, where
    /// it needs that to tell what is unsure from what is on its way.
    pub(super) fn report_is_due(&self) -> bool {
        let State { counts, told, told_acknowledged, .. } = &self.state;
        let settled = self.queue.is_empty() && counts.acknowledged > *told_acknowledged;
        let news = counts.given_up() > *told || settled && counts.are_unsure();
        news && self.storage.is_storing() && !self.link.stopped
    }

    /// Something was given up; a collector is to hear of it.
    pub(super) fn report_later(&mut self) {
        if self.link.report_at == 0 {
            self.link.report_at = self.now.mono.0 + REPORT_WAIT_MS;
        }
    }

    /// Without a time of its own a report is due at once: it became possible only now.
    fn report_due_at(&self) -> u64 {
        match self.report_is_due() {
            true if self.link.push => 0,
            true => self.link.report_at,
            false => NEVER,
        }
    }

    /// The oldest events that can share a batch.
    fn run(&self) -> Vec<u64> {
        let config = &self.config;
        let split = self.link.split;
        let events_max = if split > 0 { split } else { config.batch_events_max };
        let mut seqs = Vec::new();
        let mut bytes = 0;
        let mut alike = (0, 0);
        for event in self.queue.iter().filter(|event| !event.in_flight) {
            bytes += event.record.len() + EVENT_FRAME_BYTES;
            let own = (event.head, event.boot);
            if seqs.is_empty() {
                alike = own;
            } else if seqs.len() >= events_max || bytes > config.batch_bytes_max || alike != own {
                break;
            }
            seqs.push(event.seq);
        }
        seqs
    }

    /// Writes a batch of these events, or of none to report, and counts it as sent.
    fn launch(&mut self, seqs: Vec<u64>) -> Action {
        let batch_id = self.random.word();
        let sent = self.clock.steady(self.now);
        let body = self.body(&batch_id, sent, &seqs);
        for &seq in &seqs {
            if let Some(event) = self.queue.find_mut(seq) {
                event.in_flight = true;
            }
        }
        let link = &mut self.link;
        let id = SendId(link.next_send);
        link.next_send += 1;
        link.flights.push(Flight {
            id,
            batch_id,
            seqs,
            sent,
            deadline: self.now.mono.0 + FLIGHT_MAX_MS,
            given_up: self.state.counts.given_up(),
            acknowledged: self.state.counts.acknowledged,
            generation: self.generation,
        });
        let way = if link.background { Way::Leaving } else { Way::Usual };
        Action::Send { id, body, way }
    }

    fn body(&mut self, batch_id: &str, sent_at: i64, seqs: &[u64]) -> Vec<u8> {
        let mut bound = self.clock.bound(self.now);
        // A report says which SDK it is from, and of no one.
        let (mut ids, mut context): (&[u8], &[u8]) = (&[], &self.context);
        if let Some(event) = seqs.first().and_then(|seq| self.queue.find(*seq)) {
            if event.boot != self.state.boot {
                // Unknown: then the wall clock is taken to have run on between the boots.
                bound = self.bound_of(event.boot).or(bound);
            }
            if let Some(head) = self.heads.find(event.head) {
                (ids, context) = (&head.ids, &head.context);
            }
        }
        let mut consent = Vec::new();
        self.state.consent.push_context(&self.config, &mut consent);
        let envelope = Envelope {
            batch_id,
            install: self.state.install,
            boot: self.boot_id,
            counts: &self.state.counts,
            sent_at,
            uptime_ms: self.clock.uptime_ms(self.now),
            bound,
            resends: self.link.failures.into(),
            ids,
            context,
            consent: &consent,
        };
        let mut out = Vec::with_capacity(1_024 + seqs.len() * 384);
        batch::open(&envelope, &mut out);
        let mut before: &[u8] = b"[";
        for event in seqs.iter().filter_map(|seq| self.queue.find(*seq)) {
            batch::push_event(&mut out, before, event);
            before = b",";
        }
        put(&mut out, if seqs.is_empty() { b"[]}" } else { b"]}" });
        out
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
            self.link.split = flight.seqs.len() / 2;
        }
        match judge(outcome, &flight.batch_id, flight.seqs.len()) {
            Verdict::Settled(settled) => self.settled(&flight, settled),
            Verdict::Split(reason) => self.split(&flight, reason),
            Verdict::Again { after_ms, may_have_arrived } => {
                self.again(&flight, after_ms, may_have_arrived);
            }
            Verdict::Foreign { after_ms, status } => {
                self.actions.notice(Notice::ForeignAnswer { status });
                self.again(&flight, after_ms, true);
            }
            Verdict::Hold { for_ms, status } => {
                self.hold(for_ms);
                self.land(&flight, for_ms != HOLD_MS);
                self.actions.notice(Notice::Held { status });
            }
            Verdict::Stop => {
                self.link.stopped = true;
                self.land(&flight, true);
                self.actions.notice(Notice::Stopped);
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
        let until = self.now.mono.0 + for_ms;
        if self.link.held_until <= until {
            self.link.held_until = until;
            self.link.held_by_foreigner = for_ms != HOLD_MS;
        }
    }

    /// Each event of the batch is settled.
    fn settled(&mut self, flight: &Flight, settled: Settled<'_>) {
        if let Some(received) = settled.received_at {
            self.clock.learn(self.now, flight.sent, received);
        }
        let mut delivered = 0;
        let mut rejected = Reader::inside(settled.rejected);
        let mut refused = rejected.item().and_then(refusal);
        for (index, &seq) in flight.seqs.iter().enumerate() {
            let code = refused.take_if(|(at, _)| *at == index);
            if code.is_some() {
                refused = rejected.item().and_then(refusal);
            }
            // What was withdrawn meanwhile is counted already.
            let Some(event) = self.queue.take(seq) else { continue };
            self.gone(&event);
            if let Some((_, code)) = code {
                self.state.counts.reject(&code);
                self.report_later();
                self.actions.notice(Notice::Rejected { seq, code });
            } else {
                self.state.counts.acknowledged += 1;
                delivered += 1;
            }
        }
        let state = &mut self.state;
        state.told = state.told.max(flight.given_up);
        state.told_acknowledged = state.told_acknowledged.max(flight.acknowledged);
        let link = &mut self.link;
        link.report_at = 0;
        link.failures = 0;
        // What another answer asked for meanwhile still counts.
        link.forgive();
        link.split *= 2;
        if link.split >= self.config.batch_events_max {
            link.split = 0;
        }
        self.storage.touch();
        if self.report_is_due() {
            self.report_later();
        }
        if delivered > 0 {
            self.actions.notice(Notice::Delivered(delivered));
        }
        if let Some(segments) = texts(settled.segments)
            && flight.generation == self.generation
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
            seqs => self.link.split = seqs.len() / 2,
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
        let bound = (RETRY_BASE_MS << link.failures.min(20)).min(max);
        link.failures = link.failures.saturating_add(1);
        link.retry_at = now + self.random.up_to(bound);
        if let Some(after) = after_ms {
            self.wait_for_collector(after);
        }
    }

    fn wait_for_collector(&mut self, after: u64) {
        // Devices that were turned away together are not to come back together.
        let spread = self.random.up_to(after / 10);
        let until = self.now.mono.0 + after + spread;
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
        while let Some(event) = self.queue.after(0)
            && !event.in_flight
            && self.age(event) > self.config.queue_age_max_ms
        {
            self.abandon(event.seq, DropReason::Expired);
        }
    }

    /// In milliseconds.
    fn age(&self, event: &Queued) -> u64 {
        if let Some(since) = event.since {
            return self.now.mono.0.saturating_sub(since);
        }
        let bounds = (self.clock.bound(self.now), self.bound_of(event.boot));
        if let (Some(now), Some(then)) = bounds {
            let passed = self.clock.steady(self.now) - event.at;
            (passed + now.offset().0 - then.offset().0).max(0).unsigned_abs()
        } else {
            // Clocks that nobody can compare make nothing old; the time since the start counts.
            self.clock.uptime_ms(self.now)
        }
    }
}
