//! What is checked at the collector, and in the end.
use crate::call::canaries;
use crate::clock::EPOCH_MS;
use crate::collector::Received;
use crate::lane::Request;
use crate::truth::{Check, Gate, Known, Rule, hold, sum};
use crate::world::{Event, World};
use sdk_core::Ledger;
use sillage_ledger::Counts;
use std::rc::Rc;

/// The drift that clocks are granted, in parts per million: what quartz keeps.
const DRIFT_PPM: u64 = 100;
/// Milliseconds lost to rounding on the way.
const ROUNDING_MS: u64 = 3;

impl World {
    /// A body is about to leave: it is well-formed, bounded and about queued events.
    pub(crate) fn inspect(&mut self, request: &Request) -> Check {
        let lane = request.lane;
        let own = &self.lanes[lane];
        let say = &request.told["sillage"];
        let events = request.told["batch"].as_array().map_or(&[][..], Vec::as_slice);
        let bytes: usize = events.iter().map(|event| event.to_string().len() + 1).sum();
        let long = bytes > own.config.batch_bytes_max && events.len() > 1;
        let many = events.len() > own.config.batch_events_max.max(1);
        hold(Rule::Bounds, !long && !many, || {
            format!("lane {lane}: {} events in {bytes} bytes", events.len())
        })?;
        let whole = ["batchId", "install", "boot"].iter().all(|name| say[*name].is_string());
        hold(Rule::Body, whole && say["seq"].is_u64(), || format!("lane {lane}: {say}"))?;
        if events.is_empty() {
            self.met.one("send: report");
        }
        let truth = &self.truth.lanes[lane];
        for event in events {
            let seq = event["seq"].as_u64().unwrap_or_default();
            hold(Rule::Body, truth.call_of(seq).is_some(), || {
                format!("lane {lane}: nobody has stored {event}")
            })?;
        }
        let again = say["resends"].as_u64().unwrap_or_default() > 0;
        self.met.many("send: a try after a failure", again.into());
        Ok(())
    }

    /// A body was made: nothing in it may lack consent.
    pub(crate) fn inspect_consent(&self, lane: usize, body: &[u8]) -> Check {
        let own = &self.lanes[lane];
        for number in canaries(body) {
            let Some(made) = self.truth.calls.get(&number) else { continue };
            let gate = own.person.gate(&own.config, &made.said);
            hold(Rule::Consent, gate == Gate::Open, || {
                format!("lane {lane}: call {number} is sent while {gate:?}")
            })?;
        }
        Ok(())
    }

    /// The collector has judged a request.
    pub(crate) fn took(&mut self, request: &Rc<Request>, received: &Received) -> Check {
        let lane = request.lane;
        let install = request.told["sillage"]["install"].as_str().unwrap_or_default();
        let (rotten, current) = (self.lanes[lane].rotten, self.lanes[lane].install == install);
        let known = match (rotten, current) {
            (true, _) => Known::Rotten,
            (false, true) => Known::Now,
            (false, false) => Known::Before,
        };
        self.met.many("collector: accepted", received.taken.len() as u64);
        self.met.many("collector: duplicates", received.duplicates);
        self.met.many("collector: refused events", received.refused.len() as u64);
        self.met.many("collector: reports", received.report.into());
        let by_name = match (received.answer.status, received.refused.is_empty()) {
            (400, _) => "collector: 400",
            (413, _) => "collector: 413",
            (422, _) => "collector: 422",
            (200, false) => "collector: 200 with refusals",
            _ => "collector: other answers",
        };
        self.met.one(by_name);
        for taken in &received.taken {
            let made = self.truth.took(lane, taken, known)?;
            let (at, generation) = (made.at, made.generation);
            if let Some(truth) = self.truth.of(lane, install, current) {
                truth.note_taken(taken.seq.unwrap_or_default());
            }
            let told = &request.told["sillage"];
            if let Some(error) = told["clockErrorMs"].as_u64()
                && generation == request.generation
            {
                let truth = EPOCH_MS + at.cast_signed();
                let drift = (request.at.abs_diff(at) * DRIFT_PPM).div_ceil(1_000_000);
                let off = taken.at.abs_diff(truth);
                self.met.one("time: within the told error");
                hold(Rule::Time, off <= error + drift + ROUNDING_MS, || {
                    format!("lane {lane}: off by {off} ms, told {told}, {taken:?}")
                })?;
            }
        }
        for (_, seq, _) in &received.refused {
            let truth = self.truth.of(lane, install, current);
            if let Some(truth) = truth.filter(|truth| truth.call_of(*seq).is_some()) {
                truth.note_refused(*seq);
            }
        }
        Ok(())
    }

    /// Whether every device has said everything.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.lanes.iter().enumerate().all(|(lane, own)| {
            let idle = |p: &crate::lane::Process| p.tracker.is_idle() && p.in_flight.is_empty();
            own.process.as_ref().is_some_and(idle) && self.truth.lanes[lane].pending() == 0
        })
    }

    /// What must hold when everything has come to rest.
    pub(crate) fn settle(&mut self) -> Check {
        while let Some(arrival) = self.next_arrival() {
            self.arrive_late(arrival)?;
        }
        for lane in 0..self.lanes.len() {
            let own = &self.lanes[lane];
            let ledger = own.process.as_ref().map(|process| process.tracker.ledger());
            let Some(ledger) = ledger else { continue };
            hold(Rule::Drains, ledger.pending == 0, || format!("lane {lane}: {ledger:?}"))?;
            self.truth.audit(lane, &ledger, own.rotten)?;
            if !own.rotten && ledger.created > 0 {
                self.account(lane, &ledger)?;
            }
        }
        Ok(())
    }

    /// The collector's account of an installation is the truth.
    fn account(&mut self, lane: usize, ledger: &Ledger) -> Check {
        let own = &self.lanes[lane];
        let row = self.collector.installs.get(&own.install);
        let balance = row.map(sillage_ledger::Row::balance).unwrap_or_default();
        let of = |counts: &[(String, u64)]| -> Counts {
            counts.iter().map(|(name, count)| (name.as_str(), *count)).collect()
        };
        let same = balance.created == ledger.created
            && balance.dropped == of(&ledger.dropped)
            && balance.unsure == of(&ledger.unsure)
            && balance.rejected == of(&ledger.rejected);
        hold(Rule::Account, same, || {
            format!("lane {lane} {}: {balance:?}, {ledger:?}", own.install)
        })?;
        let (taken, refused, neither) = self.truth.lanes[lane].settled(ledger.created);
        let unsure = sum(&ledger.unsure);
        let gone = sum(&ledger.dropped);
        let arrived = (gone + unsure).saturating_sub(neither);
        let exact = balance.received == taken
            && (balance.lost, balance.surplus, balance.pending) == (0, 0, 0)
            && neither >= gone;
        hold(Rule::Account, exact, || {
            format!("lane {lane}: taken {taken}, refused {refused}, {balance:?}, {ledger:?}")
        })?;
        // One that was refused after it was given up is in neither count of the collector.
        let refused_late = refused - sum(&ledger.rejected);
        hold(Rule::Account, balance.unsure_arrived + refused_late == arrived, || {
            format!("lane {lane}: {arrived} of the unsure arrived, {balance:?}, {refused} refused")
        })?;
        self.met.one("end: accounts compared");
        self.met.many("end: unsure", unsure);
        self.met.many("end: unsure that had arrived", arrived);
        Ok(())
    }

    fn next_arrival(&mut self) -> Option<Event> {
        loop {
            let event = self.pop()?;
            if matches!(event, Event::Arrive { .. }) {
                return Some(event);
            }
        }
    }

    fn arrive_late(&mut self, arrival: Event) -> Check {
        let Event::Arrive { request, fault, first } = arrival else { return Ok(()) };
        self.arrive(&request, fault, first)
    }
}
