//! What survives a restart.
use super::Tracker;
use crate::action::{Action, Key};
use crate::clock::Bound;
use crate::consent::{Consent, Gate};
use crate::event::{EventHead, Queued, members};
use crate::input::Restored;
use crate::json::{Reader, push_string};
use crate::limits::ID_BYTES_MAX;
use crate::notice::{DropReason, Notice};
use crate::random::Uuid;
use crate::ranges::Ranges;
use crate::state::{SEQ_MAX, State};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Events that a process may lose unwritten: far more than are created between two units.
const UNWRITTEN_MAX: u64 = 1 << 24;

/// Records of events, by ascending number.
type Stored = Vec<(u64, Arc<[u8]>)>;

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
    /// What earlier boots knew of their clocks.
    bounds: Vec<(u32, Bound)>,
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

    pub(super) fn bound_of(&self, boot: u32) -> Option<Bound> {
        self.bounds.iter().find(|(known, _)| *known == boot).map(|(_, bound)| *bound)
    }
}

impl Tracker {
    /// Takes up what storage held, and the calls that came meanwhile.
    pub(super) fn restore(&mut self, restored: Restored) {
        if self.storage.restored {
            return;
        }
        let Restored { records, witness, install, anonymous_id } = restored;
        let mut events = Stored::new();
        let mut state = None;
        for (key, record) in records {
            match key {
                Key::State => state = State::decode(&record),
                Key::Segments => self.segments = read_segments(&record).unwrap_or_default(),
                Key::Head(number) => self.heads.restore(number, &record),
                Key::Event(seq) if seq < SEQ_MAX => {
                    // Hosts mostly list them in order.
                    let at = events.partition_point(|(known, _)| *known < seq);
                    events.insert(at, (seq, record));
                }
                Key::Event(_) => {}
            }
        }
        let early = core::mem::take(&mut self.counts);
        let known = state.is_some();
        self.storage.restored = true;
        self.storage.storing = known;
        if let Some(install) = install {
            self.identity.install = Uuid(install);
        }
        let pending = self.restore_identity(state.unwrap_or_default(), known, anonymous_id);
        if known {
            self.restore_events(events, &pending, witness);
        } else {
            self.adopt_events(events);
        }
        self.counts.add_early(&early);
        self.storage.dirty |= early.created > 0;
        if self.report_is_due() {
            self.report_later();
        }
        self.consent_changed();
        self.admit_early();
        if !self.segments.is_empty() {
            let segments = self.segments.clone();
            self.actions.push_back(Action::Notice(Notice::SegmentsChanged(segments)));
        }
    }

    /// Becomes who the state says; gives what it says is pending.
    fn restore_identity(&mut self, state: State, known: bool, anonymous_id: String) -> Ranges {
        let identity = &mut self.identity;
        if known {
            identity.install = state.install;
            identity.boot = state.boot.wrapping_add(1);
        }
        identity.session = state.session;
        identity.user_id = state.user_id;
        identity.anonymous_id = state.anonymous_id;
        if !anonymous_id.is_empty() && anonymous_id.len() <= ID_BYTES_MAX {
            identity.anonymous_id = anonymous_id;
        } else if identity.anonymous_id.is_empty() {
            identity.anonymous_id = self.random.uuid().to_text();
        }
        self.counts = state.counts;
        self.heads.next = self.heads.next.max(state.next_head);
        self.storage.bounds = state.bounds;
        self.link.told = state.told;
        self.link.told_acknowledged = state.told_acknowledged;
        // What was said since the start counts more than what was stored before.
        let said = core::mem::replace(&mut self.consent, Consent::restore(state.choices));
        self.consent.overlay(said);
        state.pending
    }

    /// Queues the events that the state says are pending, and counts those that are not there.
    fn restore_events(&mut self, events: Stored, pending: &Ranges, witness: u64) {
        let stated = self.counts.created;
        let last = events.last().map_or(0, |(seq, _)| *seq);
        let stored = stated.max(last);
        // A witness far beyond was not kept by a tracker.
        let witness = if witness - stored.min(witness) <= UNWRITTEN_MAX { witness } else { 0 };
        self.counts.created = stored.max(witness);
        self.storage.polled = self.counts.created;
        let (mut found, mut later) = (0, 0);
        for (seq, record) in events {
            let expected = seq > stated || pending.contains(seq);
            let head = EventHead::read(&record).filter(|head| self.heads.find(head.head).is_some());
            match head.filter(|_| expected) {
                None => self.actions.push_back(Action::Forget { key: Key::Event(seq) }),
                Some(head) => {
                    *(if seq > stated { &mut later } else { &mut found }) += 1;
                    self.requeue(seq, &head, record);
                }
            }
        }
        // They may have been sent before storage lost them, so none is certain.
        let damaged = pending.count().unwrap_or_default().saturating_sub(found);
        let unwritten = (self.counts.created - stated).saturating_sub(later);
        for (reason, count) in [(DropReason::Damaged, damaged), (DropReason::Unwritten, unwritten)]
        {
            if count > 0 {
                self.count_drop(reason, true, u32::try_from(count).unwrap_or(u32::MAX));
            }
        }
    }

    fn requeue(&mut self, seq: u64, head: &EventHead, record: Arc<[u8]>) {
        if let Some(shared) = self.heads.find_mut(head.head) {
            shared.events += 1;
        }
        let EventHead { priority, head, boot, at, .. } = *head;
        let (since, in_flight, tried) = (None, false, true);
        self.queue.push(Queued { seq, head, boot, at, priority, since, in_flight, tried, record });
    }

    /// Without a state nobody knows what became of the events of an earlier life. What is there is
    /// taken as events of a new installation; their ids keep them from counting twice.
    fn adopt_events(&mut self, events: Stored) {
        for (old, record) in events {
            self.actions.push_back(Action::Forget { key: Key::Event(old) });
            let head = EventHead::read(&record).filter(|head| self.heads.find(head.head).is_some());
            let Some(head) = head else { continue };
            self.heads.next = self.heads.next.max(head.head.wrapping_add(1));
            self.identity.boot = self.identity.boot.max(head.boot.wrapping_add(1));
            let name = super::calls::name_of(members(&record));
            if self.consent.gate(&self.config, &name) != Gate::Open {
                continue;
            }
            self.counts.created += 1;
            self.storage.start();
            let seq = self.counts.created;
            self.requeue(seq, &head, record);
        }
    }

    /// The next event that the host has not been asked to store, after what it shares.
    pub(super) fn store_event(&mut self) -> Option<Action> {
        let event = self.queue.after(self.storage.polled)?;
        if let Some(head) = self.heads.find_mut(event.head)
            && !head.stored
        {
            head.stored = true;
            return Some(Action::Persist {
                key: Key::Head(event.head),
                value: Arc::from(head.encode()),
            });
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
        let allowed = self.consent.gate(&self.config, "") == Gate::Open || !self.queue.is_empty();
        let was_storing = core::mem::replace(&mut self.storage.storing, allowed);
        let actions = &mut self.actions;
        let mut forget = |key| actions.push_back(Action::Forget { key });
        self.heads.sweep(self.current, |number| forget(Key::Head(number)));
        if allowed {
            self.store_state();
        } else if was_storing {
            self.heads.unstore(|number| forget(Key::Head(number)));
            forget(Key::Segments);
            forget(Key::State);
        }
    }

    fn store_state(&mut self) {
        let boots = &mut self.storage.bounds;
        boots.retain(|(boot, _)| self.queue.iter().any(|event| event.boot == *boot));
        let mut bounds = boots.clone();
        if let Some(bound) = self.clock.bound(self.now) {
            bounds.push((self.identity.boot, bound));
        }
        let state = State {
            install: self.identity.install,
            anonymous_id: self.identity.anonymous_id.clone(),
            user_id: self.identity.user_id.clone(),
            counts: self.counts.clone(),
            pending: Ranges::of(self.queue.iter().map(|event| event.seq)),
            next_head: self.heads.next,
            boot: self.identity.boot,
            bounds,
            session: self.identity.session,
            choices: self.consent.choices().to_vec(),
            told: self.link.told,
            told_acknowledged: self.link.told_acknowledged,
        };
        state.encode(&mut self.storage.scratch);
        let value = Arc::from(self.storage.scratch.as_slice());
        self.actions.push_back(Action::Persist { key: Key::State, value });
    }

    /// The device's public segments are these now.
    pub(super) fn set_segments(&mut self, segments: Vec<String>) {
        if segments == self.segments {
            return;
        }
        self.segments = segments;
        if self.storage.storing {
            let mut out = Vec::new();
            out.push(b'[');
            for (index, segment) in self.segments.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                push_string(&mut out, segment);
            }
            out.push(b']');
            self.actions.push_back(Action::Persist { key: Key::Segments, value: Arc::from(out) });
        }
        let segments = self.segments.clone();
        self.actions.push_back(Action::Notice(Notice::SegmentsChanged(segments)));
    }
}

fn read_segments(record: &[u8]) -> Option<Vec<String>> {
    let mut segments = Vec::new();
    let mut reader = Reader::new(core::str::from_utf8(record).ok()?);
    reader.list(|item| item.string().map(|segment| segments.push(segment))).ok()?;
    reader.end().ok()?;
    Some(segments)
}
