//! What survives a restart.
use super::Tracker;
use crate::action::{Action, Key};
use crate::clock::Bound;
use crate::codec::put;
use crate::consent::Gate;
use crate::event::{EventHead, Queued};
use crate::input::Restored;
use crate::json::{push_string, texts, whole};
use crate::limits::{ID_BYTES_MAX, SEQ_MAX};
use crate::notice::{DropReason, Notice};
use crate::random::Uuid;
use crate::ranges::Ranges;
use crate::state::State;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem::{replace, take};

/// Events that a process may lose unwritten: far more than are created between two units.
const UNWRITTEN_MAX: u64 = 1 << 24;

type Record = (Key, Arc<[u8]>);

/// How the tracker stands to its storage.
#[derive(Debug, Default)]
pub(super) struct Storage {
    restored: bool,
    /// Whether anything may be stored: a consent is granted, or an exempt event is queued.
    storing: bool,
    /// The state has changed since it was last stored.
    dirty: bool,
    /// The highest number of an event that the host was asked to store.
    pub(super) polled: u64,
    scratch: Vec<u8>,
}

impl Storage {
    pub(super) fn is_restored(&self) -> bool {
        self.restored
    }

    pub(super) fn is_storing(&self) -> bool {
        self.storing
    }

    pub(super) fn touch(&mut self) {
        self.dirty = true;
    }

    /// Something is to be stored; the state goes with it if it is the first.
    pub(super) fn start(&mut self) {
        self.dirty |= !self.storing;
        self.storing = true;
    }
}

impl Tracker {
    /// Takes up what storage held, and the calls that came meanwhile.
    pub(super) fn restore(&mut self, restored: Restored) {
        if self.storage.restored {
            return;
        }
        let Restored { mut records, witness, install, anonymous_id } = restored;
        sort(&mut records);
        if let Some(install) = install {
            self.state.install = Uuid(install);
        }
        let early = take(&mut self.state.counts);
        let mut pending = None;
        for (key, record) in &records {
            match *key {
                Key::State => pending = self.become_stored(record),
                Key::Segments => {
                    let list = whole(record).and_then(texts);
                    self.segments = list.unwrap_or_default();
                }
                Key::Head(number) => {
                    // Even one that cannot be read has been given out.
                    self.state.next_head = self.state.next_head.max(number.wrapping_add(1));
                    self.heads.restore(number, record);
                }
                Key::Event(_) => {}
            }
        }
        if !anonymous_id.is_empty() && anonymous_id.len() <= ID_BYTES_MAX {
            self.state.anonymous_id = anonymous_id;
        } else if self.state.anonymous_id.is_empty() {
            self.state.anonymous_id = self.random.uuid().to_text();
        }
        self.storage.restored = true;
        self.storage.storing = pending.is_some();
        match pending {
            Some(pending) => self.restore_events(&records, &pending, witness),
            None => self.adopt_events(&records),
        }
        self.state.counts.add_early(&early);
        self.storage.dirty |= early.created > 0;
        if self.report_is_due() {
            self.report_later();
        }
        self.consent_changed();
        self.admit_early();
        if !self.segments.is_empty() {
            self.actions.notice(Notice::SegmentsChanged(self.segments.clone()));
        }
    }

    /// Becomes who the state says; gives what it says is pending.
    fn become_stored(&mut self, record: &[u8]) -> Option<Ranges> {
        let (mut stored, pending) = State::decode(record)?;
        stored.boot = stored.boot.wrapping_add(1);
        // What was said since the start counts more than what was stored before.
        stored.consent.overlay(&self.state.consent);
        self.state = stored;
        Some(pending)
    }

    /// Queues the events that the state says are pending, and counts those that are not there.
    fn restore_events(&mut self, records: &[Record], pending: &Ranges, witness: u64) {
        let stated = self.state.counts.created;
        let last = records.iter().map(number).max().unwrap_or_default();
        let mut created = stated.max(last);
        // A witness far beyond was not kept by a tracker.
        if (created..=created + UNWRITTEN_MAX).contains(&witness) {
            created = witness;
        }
        self.state.counts.created = created;
        self.storage.polled = created;
        let (mut damaged, mut unwritten) = (pending.count(), created - stated);
        for record in records.iter().filter(|record| number(record) > 0) {
            let seq = number(record);
            let expected = seq > stated || pending.contains(seq);
            match self.read(seq, &record.1) {
                Some(event) if expected => {
                    let missing = if seq > stated { &mut unwritten } else { &mut damaged };
                    *missing = missing.saturating_sub(1);
                    self.keep(event);
                }
                _ => self.actions.forget(Key::Event(seq)),
            }
        }
        // They may have been sent before storage lost them, so none is certain.
        for (reason, count) in [(DropReason::Damaged, damaged), (DropReason::Unwritten, unwritten)]
        {
            if count > 0 {
                self.count_drop(reason, true, u32::try_from(count).unwrap_or(u32::MAX));
            }
        }
    }

    /// An event of an earlier life, if its record and its head are sound.
    fn read(&mut self, seq: u64, record: &Arc<[u8]>) -> Option<Queued> {
        let head = EventHead::read(record)?;
        self.heads.find(head.head)?;
        Some(Queued { tried: true, ..Queued::new(seq, &head, Arc::clone(record)) })
    }

    /// Without a state nobody knows what became of the events of an earlier life. What is there is
    /// taken as events of a new installation; their ids keep them from counting twice.
    fn adopt_events(&mut self, records: &[Record]) {
        for record in records.iter().filter(|record| number(record) > 0) {
            self.actions.forget(record.0);
            let Some(mut event) = self.read(0, &record.1) else { continue };
            self.state.next_head = self.state.next_head.max(event.head.wrapping_add(1));
            self.state.boot = self.state.boot.max(event.boot.wrapping_add(1));
            if self.gate(&event) == Gate::Open {
                self.state.counts.created += 1;
                self.storage.start();
                event.seq = self.state.counts.created;
                self.keep(event);
            }
        }
    }

    /// The next event that the host has not been asked to store, after what it shares.
    pub(super) fn store_event(&mut self) -> Option<Action> {
        let event = self.queue.after(self.storage.polled)?;
        if let Some(head) = self.heads.find(event.head)
            && !head.stored
        {
            head.stored = true;
            let value = Arc::from(head.encode().as_slice());
            return Some(Action::Persist { key: Key::Head(event.head), value });
        }
        self.storage.polled = event.seq;
        Some(Action::Persist { key: Key::Event(event.seq), value: Arc::clone(&event.record) })
    }

    /// Ends a turn: what is stored is true of what is queued.
    pub(super) fn settle_storage(&mut self) {
        if !self.storage.restored || !self.storage.dirty {
            return;
        }
        self.storage.dirty = false;
        let allowed =
            !self.queue.is_empty() || self.state.consent.gate(&self.config, "") == Gate::Open;
        let was_storing = replace(&mut self.storage.storing, allowed);
        self.heads.sweep(self.current, &mut self.actions);
        if allowed {
            self.store_state();
        } else if was_storing {
            self.heads.unstore(&mut self.actions);
            self.actions.forget(Key::Segments);
            self.actions.forget(Key::State);
        }
    }

    fn store_state(&mut self) {
        let mut pending = Ranges::default();
        for event in self.queue.iter() {
            pending.push(event.seq);
        }
        let queue = &self.queue;
        self.state.bounds.retain(|(boot, _)| queue.iter().any(|event| event.boot == *boot));
        let out = &mut self.storage.scratch;
        self.state.encode(&pending, self.clock.bound(self.now), out);
        self.actions.persist(Key::State, out);
    }

    /// What an earlier boot knew of its clock.
    pub(super) fn bound_of(&self, boot: u32) -> Option<Bound> {
        let known = self.state.bounds.iter().find(|(known, _)| *known == boot);
        known.map(|(_, bound)| *bound)
    }

    /// The device's public segments are these now.
    pub(super) fn set_segments(&mut self, segments: Vec<String>) {
        if segments == self.segments {
            return;
        }
        if self.storage.storing {
            let mut out = Vec::new();
            put(&mut out, b"[");
            for segment in &segments {
                if out.len() > 1 {
                    put(&mut out, b",");
                }
                push_string(&mut out, segment);
            }
            put(&mut out, b"]");
            self.actions.persist(Key::Segments, &out);
        }
        self.segments = segments.clone();
        self.actions.notice(Notice::SegmentsChanged(segments));
    }
}

/// Brings records into the order of their keys, which hosts mostly list them in.
fn sort(records: &mut [Record]) {
    for end in 1..records.len() {
        let mut at = end;
        while at > 0 && records[at - 1].0.to_u64() > records[at].0.to_u64() {
            records.swap(at - 1, at);
            at -= 1;
        }
    }
}

/// The number of the event that is stored here; 0 if it is something else.
fn number(record: &Record) -> u64 {
    match record.0 {
        Key::Event(seq) if seq < SEQ_MAX => seq,
        _ => 0,
    }
}
