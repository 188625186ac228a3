//! Writing everybody: after a start, into an empty or replaced Redis, or because it was asked for.
use super::script::Mode;
use crate::limits::{REDIS_BATCH_PERSONS, REDIS_BATCH_REFILL_MIN};
use crate::view::{Sweep, View, Work};

/// A walk over all persons, beside the changes that go on meanwhile and always come first.
#[derive(Debug)]
pub(super) struct Refill {
    pub(super) mode: Mode,
    sweep: Sweep,
    /// Once the walk is over: how many changed persons it left to the others.
    left: Option<u64>,
}

/// What goes into one pipeline.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Persons that have changed.
    pub(super) changed: Vec<Work>,
    /// Persons that the walk met.
    pub(super) swept: Vec<Work>,
    /// Where the walk stood before.
    sweep: Sweep,
}

impl Batch {
    /// The changed persons, as far as a walk leaves them room, then those it meets.
    pub(super) fn take(view: &View, refill: Option<&mut Refill>) -> Self {
        match refill {
            Some(refill) if !refill.sweep.is_over() => {
                let sweep = refill.sweep;
                let changed_max = REDIS_BATCH_PERSONS - REDIS_BATCH_REFILL_MIN;
                let changed = usize::try_from(view.dirty_count()).unwrap_or(usize::MAX);
                let changed = changed.min(changed_max);
                // Before the changed ones are taken and unmarked, for it leaves out who is marked.
                let room = REDIS_BATCH_PERSONS - changed;
                let swept = view.sweep(&mut refill.sweep, room, refill.mode == Mode::Rebuild);
                Self { changed: view.take_dirty(changed), swept, sweep }
            }
            Some(_) | None => {
                Self { changed: view.take_dirty(REDIS_BATCH_PERSONS), ..Self::default() }
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.changed.len() + self.swept.len()
    }

    /// Everything in it, with how it is to be written.
    pub(super) fn works(&self, swept: Mode) -> impl Iterator<Item = (&Work, Mode)> {
        let changed = self.changed.iter().map(|work| (work, Mode::Write));
        changed.chain(self.swept.iter().map(move |work| (work, swept)))
    }

    pub(super) fn into_works(self) -> impl Iterator<Item = Work> {
        self.changed.into_iter().chain(self.swept)
    }
}

impl Refill {
    pub(super) fn new(mode: Mode) -> Self {
        Self { mode, sweep: Sweep::default(), left: None }
    }

    /// Takes the walk back to before a batch that was not written.
    pub(super) fn undo(&mut self, batch: &Batch) {
        if !batch.swept.is_empty() {
            self.sweep = batch.sweep;
        }
    }

    /// Notes that a batch was written; true if with it everybody is.
    pub(super) fn wrote(&mut self, changed: usize, dirty: u64) -> bool {
        if !self.sweep.is_over() {
            return false;
        }
        let left = match self.left {
            Some(left) => left.saturating_sub(changed as u64),
            None => dirty,
        };
        self.left = Some(left);
        left == 0 || dirty == 0
    }
}
