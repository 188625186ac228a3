//! How much may be decoded in one pass over the connections that wait.
//!
//! Under more load than the processors can take, requests wait where nobody sees them: in sockets,
//! and in the runtime's queue of tasks. That queue is bounded here by bounding the work of one pass
//! through it: what a pass decodes beyond its share is refused in microseconds, so that refusals
//! and the requests that are taken are both answered soon. A short burst is not refused: only once
//! passes have been full for a while.
use crate::limits::{PASS_BYTES_PER_CORE, PASS_FULL_MAX, PASS_REQUEST_BYTES};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::time::Instant;

/// The current pass.
#[derive(Debug)]
pub(crate) struct Pass {
    shared: Arc<Shared>,
    /// What all projects together may decode, in bytes.
    bytes_max: u64,
}

#[derive(Debug)]
struct Shared {
    all: AtomicU64,
    projects: Vec<AtomicU64>,
    open: AtomicBool,
    full_since: Mutex<Option<Instant>>,
    /// Whether `full_since` is set, to be asked without a lock.
    was_full: AtomicBool,
}

impl Pass {
    pub(crate) fn new(projects: usize, cores: usize) -> Self {
        let shared = Shared {
            all: AtomicU64::new(0),
            projects: (0..projects).map(|_| AtomicU64::new(0)).collect(),
            open: AtomicBool::new(false),
            full_since: Mutex::new(None),
            was_full: AtomicBool::new(false),
        };
        Self { shared: Arc::new(shared), bytes_max: PASS_BYTES_PER_CORE * cores.max(1) as u64 }
    }

    /// Whether a request may still be decoded in this pass. A project that has had less than its
    /// equal share is let in even if others have used up the rest.
    pub(crate) fn admits(&self, project: Option<usize>) -> bool {
        let Shared { all, projects, full_since, was_full, .. } = &*self.shared;
        if all.load(Ordering::Relaxed) < self.bytes_max {
            return true;
        }
        let share = self.bytes_max / projects.len().max(1) as u64;
        let of = project.and_then(|project| projects.get(project));
        if projects.len() > 1 && of.is_some_and(|spent| spent.load(Ordering::Relaxed) < share) {
            return true;
        }
        if was_full.load(Ordering::Relaxed) {
            return full_since.lock().is_none_or(|since| since.elapsed() < PASS_FULL_MAX);
        }
        full_since.lock().get_or_insert_with(Instant::now);
        was_full.store(true, Ordering::Relaxed);
        true
    }

    /// Counts what was decoded. Whoever is the first in a pass lets the next one begin once every
    /// task that waits now has had its turn.
    pub(crate) fn spend(&self, project: Option<usize>, decoded: usize) {
        let bytes = decoded as u64 + PASS_REQUEST_BYTES;
        self.shared.all.fetch_add(bytes, Ordering::Relaxed);
        if let Some(spent) = project.and_then(|project| self.shared.projects.get(project)) {
            spent.fetch_add(bytes, Ordering::Relaxed);
        }
        if !self.shared.open.swap(true, Ordering::Relaxed) {
            let (shared, bytes_max) = (Arc::clone(&self.shared), self.bytes_max);
            tokio::spawn(async move {
                tokio::task::yield_now().await;
                shared.end(bytes_max);
            });
        }
    }
}

impl Shared {
    fn end(&self, bytes_max: u64) {
        self.open.store(false, Ordering::Relaxed);
        for spent in &self.projects {
            spent.store(0, Ordering::Relaxed);
        }
        let spent = self.all.swap(0, Ordering::Relaxed);
        if spent < bytes_max && self.was_full.swap(false, Ordering::Relaxed) {
            *self.full_since.lock() = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Spends what a pass has, in one request.
    fn fill(pass: &Pass, project: usize) {
        pass.spend(Some(project), usize::try_from(pass.bytes_max).unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_taken_and_a_standing_queue_is_not() {
        let pass = Pass::new(1, 1);
        fill(&pass, 0);
        assert!(pass.admits(Some(0)), "a burst");
        tokio::time::advance(PASS_FULL_MAX).await;
        // The pass ended meanwhile.
        fill(&pass, 0);
        assert!(!pass.admits(Some(0)), "full for too long");
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert!(pass.admits(Some(0)), "another pass");
        pass.spend(Some(0), 1);
        tokio::time::sleep(Duration::from_millis(1)).await;
        fill(&pass, 0);
        assert!(pass.admits(Some(0)), "a pass that was not full ended it");
    }

    #[tokio::test(start_paused = true)]
    async fn a_project_that_fills_every_pass_leaves_others_their_share() {
        let pass = Pass::new(2, 1);
        fill(&pass, 0);
        assert!(pass.admits(Some(0)));
        tokio::time::advance(PASS_FULL_MAX).await;
        fill(&pass, 0);
        assert!(!pass.admits(Some(0)) && !pass.admits(None));
        assert!(pass.admits(Some(1)));
        pass.spend(Some(1), usize::try_from(pass.bytes_max / 2).unwrap());
        assert!(!pass.admits(Some(1)), "no more than its share");
    }
}
