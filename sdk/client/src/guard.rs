//! The tracker behind a lock, and behind a wall that no panic passes.
use crate::clock;
use crate::witness::Witness;
use sdk_core::{Now, Tracker};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A tracker that many threads may call. If it ever panics it is taken away: from then on nothing is
/// tracked, and nothing reaches the app.
#[derive(Debug)]
pub(crate) struct Guard(Mutex<Option<Held>>);

#[derive(Debug)]
struct Held {
    tracker: Tracker,
    witness: Option<Witness>,
}

impl Guard {
    pub(crate) fn new(tracker: Tracker) -> Self {
        Self(Mutex::new(Some(Held { tracker, witness: None })))
    }

    /// Does something with the tracker; `None` if it is gone.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut Tracker, Now) -> R) -> Option<R> {
        let mut guarded = self.lock();
        let held = guarded.as_mut()?;
        let now = clock::now();
        // A tracker that has panicked is never looked at again, so none is seen half changed.
        let done = catch_unwind(AssertUnwindSafe(|| work(&mut held.tracker, now)));
        if done.is_err() {
            *guarded = None;
        } else if let Some(witness) = &held.witness {
            witness.store(held.tracker.witness());
        }
        done.ok()
    }

    /// From now on the numbers it gives out are witnessed, or no longer.
    pub(crate) fn set_witness(&self, witness: Option<Witness>) {
        if let Some(held) = self.lock().as_mut() {
            held.witness = witness;
        }
    }

    /// Takes the tracker away: nothing is tracked any more.
    pub(crate) fn close(&self) {
        *self.lock() = None;
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.lock().is_none()
    }

    /// No panic happens while it is held, but for those that `with` has caught.
    fn lock(&self) -> MutexGuard<'_, Option<Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sdk_core::Config;

    #[test]
    fn a_panic_ends_tracking_and_nothing_else() {
        let guard = Guard::new(Tracker::new(Config::native(), [1; 32], clock::now()));
        assert_eq!(guard.with(|tracker, _| tracker.waiting()), Some(0));
        assert_eq!(guard.with(|_, _| -> u32 { panic!("made for this test") }), None);
        assert!(guard.is_gone());
        assert_eq!(guard.with(|tracker, _| tracker.waiting()), None);
    }
}
