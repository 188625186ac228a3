//! The sessions of one device, kept right whatever the order in which its events come.
//!
//! Events inside the lateness window are held. One that comes in order joins the latest session in
//! O(1), and so does a plain one that belongs somewhere inside it; any other makes the sessions anew
//! from what is held. Events that can no longer be preceded
//! by another are *sealed*: the walk goes over them a last time and they are let go of.
//!
//! # Limits
//! At most [`ATOMS_MAX`] events are held; beyond that the oldest are sealed early, and an event older
//! than those leaves the sessions as they are. A view that was silent for [`VIEW_SILENCE_MS`] begins
//! anew, so that the engaged time of views need not be remembered for ever.
use crate::atom::{Atom, Atoms};
use crate::limits::{ATOMS_MAX, ATOMS_STEP, SANE_MAX, VIEW_SILENCE_MS, is_sane};
use crate::session::{
    KeptTexts, Pushed, Run, Session, SessionPlan, TextAt, ViewMark, Views, Walk, Walking,
};
use alloc::boxed::Box;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use sillage_model::Corrupt;

/// The sessions of one device.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Device {
    /// Its anonymous id; empty for the events that came without one.
    pub(crate) id: Box<str>,
    atoms: Atoms,
    /// What was sealed; none for most devices.
    base: Option<Box<Base>>,
    /// The walk over everything, so that the next event in order costs O(1).
    walk: Walk,
}

/// The walk over what was sealed.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Base {
    walk: Walk,
    texts: KeptTexts,
    closed: Totals,
    /// How many events were sealed.
    sealed_count: u64,
    /// Time and tie of the last of them.
    sealed_to: (i64, u64),
}

/// What is known of the sealed sessions before the latest one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Totals {
    /// How many they are.
    pub(crate) sessions: u32,
    /// Their events.
    pub(crate) events: u64,
    /// Their pages and screens.
    pub(crate) views: u64,
    /// Their engaged time, in milliseconds.
    pub(crate) engaged_ms: u64,
    /// Their conversions.
    pub(crate) conversions: u64,
    /// Their revenue, in millionths.
    pub(crate) revenue: i64,
}

impl Totals {
    fn close(&mut self, run: &Run) {
        self.add(&Self {
            sessions: 1,
            events: u64::from(run.events),
            views: u64::from(run.views()),
            engaged_ms: run.engaged_ms,
            conversions: u64::from(run.conversions),
            revenue: run.revenue,
        });
    }

    pub(crate) fn add(&mut self, more: &Self) {
        self.sessions = self.sessions.saturating_add(more.sessions);
        self.events = self.events.saturating_add(more.events);
        self.views = self.views.saturating_add(more.views);
        self.engaged_ms = self.engaged_ms.saturating_add(more.engaged_ms);
        self.conversions = self.conversions.saturating_add(more.conversions);
        self.revenue = self.revenue.saturating_add(more.revenue);
    }
}

impl Device {
    /// A device without events.
    pub(crate) fn new(id: &str) -> Self {
        Self { id: id.into(), atoms: Atoms::default(), base: None, walk: Walk::default() }
    }

    /// Takes an event in. Says whether sessions changed: they do not if it is older than what a
    /// full device has sealed early.
    pub(crate) fn fold(&mut self, rules: &SessionPlan, atom: &Atom<'_>) -> bool {
        if self.base.as_ref().is_some_and(|base| (atom.at, atom.tie) < base.sealed_to) {
            return false;
        }
        let index = self.atoms.insert(atom);
        if index + 1 == self.atoms.len() {
            let kept = self.base.as_ref().map(|base| &base.texts);
            self.walk.push(Walking { rules, atoms: &self.atoms, kept }, index);
        } else if !self.walk.slip_in(atom, index) {
            self.walk_again(rules);
        }
        if self.atoms.len() > ATOMS_MAX {
            self.seal(rules, i64::MIN);
        }
        true
    }

    /// Seals the events before `horizon`, before which no event can come any more.
    pub(crate) fn seal(&mut self, rules: &SessionPlan, horizon: i64) {
        let count = self.atoms.count_before(horizon).max(self.excess());
        if count > 0 {
            let base = self.base.get_or_insert_default();
            base.take_in(rules, &self.atoms, count);
            self.atoms.drop_front(count);
        }
        // Only now: what was just taken in may speak of views that are silent since.
        let views_horizon = horizon.saturating_sub(VIEW_SILENCE_MS);
        let ended_horizon = horizon.saturating_sub(rules.ended_ms);
        let forgot = match &mut self.base {
            Some(base) => {
                let over = base.walk.ended.partition_point(|end| *end <= ended_horizon);
                base.walk.ended.drain(..over);
                base.walk.views.forget_before(views_horizon) || over > 0
            }
            None => false,
        };
        if count > 0 || forgot {
            self.walk_again(rules);
        }
    }

    /// How many events must go so that the others fit. Depends on how many there have been, not on
    /// when this is asked.
    fn excess(&self) -> usize {
        let sealed = self.base.as_ref().map_or(0, |base| base.sealed_count);
        let (max, step) = (ATOMS_MAX as u64, ATOMS_STEP as u64);
        let surplus = (sealed + self.atoms.len() as u64).saturating_sub(max);
        let due = surplus.next_multiple_of(step).saturating_sub(sealed);
        usize::try_from(due).unwrap_or(usize::MAX).min(self.atoms.len())
    }

    fn walk_again(&mut self, rules: &SessionPlan) {
        let kept = self.base.as_ref().map(|base| &base.texts);
        let with = Walking { rules, atoms: &self.atoms, kept };
        let mut walk = self.base.as_ref().map(|base| base.walk.clone()).unwrap_or_default();
        for index in 0..self.atoms.len() {
            walk.push(with, index);
        }
        self.walk = walk;
    }

    /// The latest session; `None` before the first event.
    pub(crate) fn latest(&self) -> Option<&Run> {
        self.walk.run.as_ref()
    }

    /// Looks up the texts of a session.
    pub(crate) fn walking<'a>(&'a self, rules: &'a SessionPlan) -> Walking<'a> {
        let kept = self.base.as_ref().map(|base| &base.texts);
        Walking { rules, atoms: &self.atoms, kept }
    }

    /// How many sessions there were.
    pub(crate) fn session_count(&self) -> u64 {
        self.latest().map_or(0, Run::count)
    }

    /// When its sessions ended, as far as that is remembered, the latest one's last event included.
    pub(crate) fn ends(&self) -> impl Iterator<Item = i64> {
        self.walk.ended.iter().copied().chain(self.latest().map(|run| run.last))
    }

    /// The sealed sessions before the latest sealed one.
    #[cfg(test)]
    pub(crate) fn closed(&self) -> Totals {
        self.base.as_ref().map(|base| base.closed).unwrap_or_default()
    }

    /// Appends the sessions that are still known one by one, oldest first.
    pub(crate) fn sessions(&self, rules: &SessionPlan, out: &mut Vec<Session>) {
        let with = self.walking(rules);
        let mut walk = self.base.as_ref().map(|base| base.walk.clone()).unwrap_or_default();
        let mut runs: Vec<Run> = Vec::new();
        for index in 0..self.atoms.len() {
            let Pushed { closed, moved } = walk.push(with, index);
            runs.extend(closed);
            if let Some((ordinal, ms)) = moved {
                let from = runs.iter_mut().find(|run| run.ordinal == ordinal);
                from.into_iter().for_each(|run| {
                    run.engaged_ms = run.engaged_ms.saturating_sub(u64::from(ms));
                });
            }
        }
        runs.extend(walk.run);
        for (index, run) in runs.iter().enumerate() {
            let next = runs.get(index + 1).map(|next| next.start_reason);
            out.push(with.show(run, &self.id, next));
        }
    }

    /// Unites two histories of one device. Both must have been sealed to the same horizon.
    pub(crate) fn merge(&mut self, rules: &SessionPlan, other: &Self) {
        self.base = match (self.base.take(), &other.base) {
            (Some(ours), Some(theirs)) => Some(Box::new(ours.united(rules, theirs))),
            (Some(one), None) => Some(one),
            (None, one) => one.clone(),
        };
        self.atoms.merge(&other.atoms);
        self.walk_again(rules);
        if self.atoms.len() > ATOMS_MAX {
            self.seal(rules, i64::MIN);
        }
    }

    /// Checks what reading in place relies on.
    pub(crate) fn check(&self) -> Result<(), Corrupt> {
        let held = |at: TextAt| matches!(at, TextAt::Held(i) if i as usize >= self.atoms.len());
        let is_wild =
            |run: &Run| [run.entry, run.exit, run.referrer, run.campaign].into_iter().any(held);
        let base = self.base.as_ref().and_then(|base| base.walk.run);
        if base.iter().chain(self.latest()).any(is_wild) {
            return Err(Corrupt("a session points past its events"));
        }
        let walks = self.base.iter().map(|base| &base.walk).chain([&self.walk]);
        let times = walks.clone().flat_map(Walk::times);
        let held = (0..self.atoms.len()).map(|index| self.atoms.get(index).at);
        let sealed = self.base.iter().filter(|base| base.sealed_count > 0);
        let is_wild = |at: i64| !is_sane(at);
        if times.chain(held).chain(sealed.map(|base| base.sealed_to.0)).any(is_wild)
            || walks.flat_map(|walk| &walk.run).any(|run| run.engaged_ms > SANE_MAX.cast_unsigned())
        {
            return Err(Corrupt("a session at a time that no event has"));
        }
        Ok(())
    }

    /// What it holds on the heap, in bytes.
    #[cfg(test)]
    pub(crate) fn heap_bytes(&self) -> usize {
        self.id.len() + self.atoms.heap_bytes() + size_of_val(self.walk.views.marks())
    }
}

impl Base {
    /// Walks over the first `count` events for good.
    fn take_in(&mut self, rules: &SessionPlan, atoms: &Atoms, count: usize) {
        for index in 0..count {
            let with = Walking { rules, atoms, kept: Some(&self.texts) };
            let Pushed { closed, moved } = self.walk.push(with, index);
            if let Some(run) = closed {
                self.closed.close(&run);
            }
            if let Some((_, ms)) = moved {
                self.closed.engaged_ms = self.closed.engaged_ms.saturating_sub(u64::from(ms));
            }
        }
        let last = atoms.get(count - 1);
        self.sealed_to = (last.at, last.tie);
        self.sealed_count = self.sealed_count.saturating_add(count as u64);
        let with = Walking { rules, atoms, kept: Some(&self.texts) };
        if let Some(run) = self.walk.run {
            self.texts = with.keep(&run);
        }
        if let Some(run) = &mut self.walk.run {
            for at in [&mut run.entry, &mut run.exit, &mut run.referrer, &mut run.campaign] {
                if matches!(at, TextAt::Held(_)) {
                    *at = TextAt::Kept;
                }
            }
        }
    }

    /// Two sealed histories of one device side by side. Their events are gone, so what belongs
    /// together across them stays apart: the later session goes on, the other one is closed.
    fn united(self, rules: &SessionPlan, other: &Self) -> Self {
        let recency = |base: &Self| base.walk.run.map(|run| (run.last, run.start));
        // Beyond recency any order will do that does not know which side is which.
        let order = recency(&self).cmp(&recency(other)).then_with(|| self.cmp(other));
        let (mut latest, older) =
            if order.is_ge() { (self, other.clone()) } else { (other.clone(), self) };
        latest.closed.add(&older.closed);
        older.walk.ended.iter().for_each(|end| latest.walk.note_end(*end));
        if let Some(run) = &older.walk.run {
            latest.closed.close(run);
            if rules.ended_ms > 0 {
                latest.walk.note_end(run.last);
            }
        }
        let ordinal = latest.walk.run.map(|run| run.ordinal);
        if let Some(run) = &mut latest.walk.run {
            run.ordinal = latest.closed.sessions;
        }
        latest.unite_views(ordinal, &older);
        latest.sealed_count = latest.sealed_count.saturating_add(older.sealed_count);
        latest.sealed_to = latest.sealed_to.max(older.sealed_to);
        latest
    }

    fn unite_views(&mut self, old_ordinal: Option<u32>, older: &Self) {
        let current = self.walk.run.map_or(CLOSED, |run| run.ordinal);
        let renumber = |mark: &ViewMark| {
            let is_current = Some(mark.session) == old_ordinal;
            ViewMark { session: if is_current { current } else { CLOSED }, ..*mark }
        };
        let mut marks: Vec<ViewMark> = self.walk.views.marks().iter().map(renumber).collect();
        for mark in older.walk.views.marks() {
            let mark = ViewMark { session: CLOSED, ..*mark };
            let Some(twin) = marks.iter_mut().find(|twin| twin.view == mark.view) else {
                marks.push(mark);
                continue;
            };
            let lost = if mark.engaged_ms > twin.engaged_ms {
                core::mem::replace(twin, mark)
            } else {
                mark
            };
            twin.last_at = twin.last_at.max(lost.last_at);
            let ms = u64::from(lost.engaged_ms);
            match &mut self.walk.run {
                Some(run) if lost.session == run.ordinal => {
                    run.engaged_ms = run.engaged_ms.saturating_sub(ms);
                }
                _ => self.closed.engaged_ms = self.closed.engaged_ms.saturating_sub(ms),
            }
        }
        self.walk.views = Views::from_marks(marks);
    }
}

/// Stands for the ordinal of a session whose number is no longer known.
const CLOSED: u32 = u32::MAX;

#[cfg(test)]
mod tests;
