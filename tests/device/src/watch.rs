//! What is looked at after every turn of a process.
use crate::call::{Said, canaries};
use crate::lane::{Snapshot, fnv};
use crate::met::Met;
use crate::reason::{self, Cause, Fill};
use crate::store::{Op, apply};
use crate::truth::{App, Check, Gate, Rule, hold, sum};
use crate::world::World;
use sdk_core::{Key, Ledger, Notice};
use std::mem::replace;

/// What a process asked for in one turn.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    pub(crate) ops: Vec<Op>,
    pub(crate) bodies: Vec<Vec<u8>>,
    pub(crate) notices: Vec<Notice>,
}

impl World {
    /// Holds a turn against every promise that can be looked at now.
    pub(crate) fn watch(&mut self, lane: usize, cause: Cause<'_>, turn: &Turn) -> Check {
        let own = &mut self.lanes[lane];
        let Some(process) = own.process.as_mut() else { return Ok(()) };
        apply(&mut own.shown, &turn.ops);
        let ledger = process.tracker.ledger();
        for op in &turn.ops {
            if let Op::Put(Key::State, record) = op {
                let (person, ledger) = (own.person.clone(), ledger.clone());
                let snapshot = Snapshot { person, ledger, life: own.life };
                own.snapshots.insert(fnv(record), snapshot);
            }
        }
        let before = replace(&mut process.ledger, ledger.clone());
        let queue = &self.truth.lanes[lane];
        let fill = Fill {
            events: usize::try_from(queue.pending()).unwrap_or(usize::MAX),
            bytes: queue.bytes(),
            waiting: replace(&mut process.waited, process.tracker.waiting()),
            stopped: process.polite.stopped,
        };
        let (calls, restored) = (process.calls, process.restored);
        let (waiting, rotten) = (process.tracker.waiting() as u64, own.rotten);
        if restored && cause != Cause::Restored {
            reason::check(cause, &own.config, fill, (&before, &ledger))?;
        }
        let app = App { config: &own.config, person: &own.person, rotten };
        for op in &turn.ops {
            self.truth.stored(lane, op, &app)?;
        }
        self.listen(lane, &turn.notices)?;
        for body in &turn.bodies {
            self.inspect_consent(lane, body)?;
        }
        let ops = turn.ops.len() as u64;
        self.note(&[self.now, lane as u64, ledger.created, ledger.pending, ops]);
        if !restored {
            return Ok(());
        }
        self.truth.audit(lane, &ledger, rotten)?;
        hold(Rule::Created, rotten || ledger.created + waiting == calls, || {
            format!("lane {lane}: {calls} calls, {waiting} wait, {ledger:?}")
        })?;
        self.bounds(lane)
    }

    fn listen(&mut self, lane: usize, notices: &[Notice]) -> Check {
        for notice in notices {
            count_notice(notice, &mut self.met);
            if let Notice::Rejected { seq, .. } = notice {
                let refused = self.lanes[lane].rotten || self.truth.lanes[lane].is_refused(*seq);
                hold(Rule::Balance, refused, || {
                    format!("lane {lane}: event {seq} is said to be refused and was not")
                })?;
            }
        }
        Ok(())
    }

    /// Nothing grows beyond what it may, and nothing is kept of a person who has not agreed.
    fn bounds(&self, lane: usize) -> Check {
        let own = &self.lanes[lane];
        let Some(process) = own.process.as_ref() else { return Ok(()) };
        let (config, truth) = (&own.config, &self.truth.lanes[lane]);
        let pending = usize::try_from(truth.pending()).unwrap_or(usize::MAX);
        let queue = pending <= config.queue_events_max && truth.bytes() <= config.queue_bytes_max;
        let waiting = process.tracker.waiting() <= config.waiting_events_max;
        let (used, most) = own.disk.bytes();
        hold(Rule::Bounds, queue && waiting && used <= most, || {
            let waits = process.tracker.waiting();
            let bytes = truth.bytes();
            format!("lane {lane}: {pending} queued, {bytes} bytes, {waits} wait, {used} on disk")
        })?;
        let plain = Said::plain();
        let agreed = own.person.gate(config, &plain) == Gate::Open || pending > 0;
        hold(Rule::Consent, agreed || own.shown.is_empty(), || {
            let keys: Vec<_> = own.shown.keys().collect();
            format!("lane {lane}: {keys:?} are stored, and nobody has agreed")
        })
    }

    /// Nothing of what may no longer be kept is queued.
    pub(crate) fn withdrawn(&self, lane: usize) -> Check {
        let own = &self.lanes[lane];
        for (key, record) in &own.shown {
            for number in canaries(record) {
                let Some(made) = self.truth.calls.get(&number) else { continue };
                let gate = own.person.gate(&own.config, &made.said);
                hold(Rule::Consent, gate != Gate::Closed, || {
                    format!("lane {lane}: {key:?} still holds call {number}, which was withdrawn")
                })?;
            }
        }
        Ok(())
    }
}

/// After a restart exactly what died in memory is missing, and nothing that was handed over.
pub(crate) fn check_restart(lane: usize, lost: u64, before: &Ledger, after: &Ledger) -> Check {
    let of = |ledger: &Ledger, reason: &str| -> u64 {
        let parts = ledger.dropped.iter().chain(&ledger.unsure);
        parts.filter(|(name, _)| name == reason).map(|(_, count)| count).sum()
    };
    let grown = |reason| of(after, reason).wrapping_sub(of(before, reason));
    hold(Rule::Durable, grown("unwritten") == lost && grown("damaged") == 0, || {
        format!("lane {lane}: {lost} died in memory; before {before:?}, after {after:?}")
    })?;
    let known =
        after.acknowledged == before.acknowledged && sum(&after.rejected) == sum(&before.rejected);
    hold(Rule::Durable, known, || format!("lane {lane}: before {before:?}, after {after:?}"))
}

fn count_notice(notice: &Notice, met: &mut Met) {
    match notice {
        Notice::Dropped { reason, count } => {
            let name = crate::met::dropped_name(*reason);
            met.many(name, (*count).into());
        }
        Notice::Delivered(count) => met.many("notice: delivered", (*count).into()),
        Notice::Rejected { .. } => met.one("notice: rejected"),
        Notice::ForeignAnswer { .. } => met.one("notice: foreign answer"),
        Notice::Held { .. } => met.one("notice: held"),
        Notice::Stopped => met.one("notice: stopped"),
        _ => {}
    }
}
