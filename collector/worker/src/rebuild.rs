//! States by other rules, made from the log beside the ones that are served, and put in their place
//! at one instant.
//!
//! Until that instant nothing of it is to be seen, and it may be given up. The log is folded in one
//! thread, for all workers, while they go on. Close to its end the workers halt at one position; what
//! was made reaches the same position and moment, and both sides then know the same facts.
use crate::WorkerError;
use crate::fold::Folder;
use crate::halt::{Halted, Halter, Order, Reached, Replacement};
use crate::histories::Histories;
use crate::limits::{READ_BYTES, REBUILD_CLOSE_BYTES, REBUILD_ROUNDS, WAKES_PER_TURN};
use crate::reset::{derived_before, note_of};
use crate::run::Appends;
use sillage_engine::Plan;
use sillage_eventlog::{Clock, Cursor, EventLog};
use sillage_store::{PersonStore, StoreMeta, View};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

/// How far a rebuild is, and whether it is to be given up; shared with whoever asks.
#[derive(Debug, Default)]
pub struct RebuildProgress {
    folded: AtomicU64,
    total: AtomicU64,
    cancelled: AtomicBool,
}

impl RebuildProgress {
    /// The part of the log that is folded, from 0 to 1.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a share of two sizes")]
    pub fn share(&self) -> f64 {
        let total = self.total.load(Ordering::Relaxed).max(1) as f64;
        (self.folded.load(Ordering::Relaxed) as f64 / total).clamp(0.0, 1.0)
    }

    /// Asks it to be given up, if it is not decided yet.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

/// What a rebuild works with.
pub struct Rebuild<L> {
    /// The other rules.
    pub plan: Arc<Plan>,
    /// The number of the states that are made; above that of the ones that are served.
    pub generation: u32,
    /// How many partitions there are.
    pub partitions: u16,
    /// What is folded.
    pub log: Arc<L>,
    /// Where states are kept.
    pub store: Arc<dyn PersonStore>,
    /// An empty view for the other rules, which nobody reads yet.
    pub view: Arc<View>,
    /// What time it is.
    pub clock: Clock,
    /// All workers of the project, in the order of their numbers.
    pub workers: Vec<Halter>,
    /// Where it says how far it is.
    pub progress: Arc<RebuildProgress>,
}

/// What became of the decision at the instant of the change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switched {
    /// The other rules hold, durably, and their view is shown.
    Yes,
    /// They do not, and nothing has changed.
    No,
}

/// How much of the machine it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Haste {
    /// Half of a core, so that events and readers are served as before.
    Yields,
    /// What it can get: the rest is short, and grows meanwhile.
    Hurries,
}

/// One folder a worker; what a device was is kept for all of them.
struct Shadow {
    folders: Vec<Folder>,
    histories: Histories,
    cursor: Cursor,
}

impl<L: EventLog> Rebuild<L> {
    /// Makes the states and puts them in place. `switch` is called at the one instant, with its
    /// moment, when nobody publishes: it decides durably for the other rules and shows their view,
    /// or gives up.
    ///
    /// # Guarantees
    /// Before `switch` says yes nothing has changed. After it, a crash at any point leads to a start
    /// that finds the store empty or whole.
    ///
    /// # Errors
    /// [`WorkerError::GivenUp`] if it was cancelled or `switch` said no; otherwise what went wrong.
    /// [`WorkerError::HalfChanged`] if that was after the decision; the workers have then stopped.
    ///
    /// # Cost
    /// A second set of records and profiles for as long as it takes; about the time of a replay.
    pub fn run(self, switch: &mut dyn FnMut(i64) -> Switched) -> Result<(), WorkerError> {
        let mut shadow = self.begin();
        for round in 0..REBUILD_ROUNDS {
            self.catch_up(&mut shadow, if round == 0 { Haste::Yields } else { Haste::Hurries })?;
            shadow.fire(self.clock.now_ms());
            shadow.publish(&self, self.clock.now_ms());
            if self.log.end().0.saturating_sub(shadow.cursor.0) <= REBUILD_CLOSE_BYTES {
                break;
            }
        }
        let done = self.exchange(shadow, switch)?;
        for _ in &self.workers {
            done.recv().map_err(|_| WorkerError::Gone)?;
        }
        let (digest, generation) = (self.plan.digest(), self.generation);
        self.store.complete(StoreMeta { digest, generation, partitions: self.partitions })?;
        Ok(())
    }

    fn begin(&self) -> Shadow {
        let histories = Histories::default();
        let folder = |_: &Halter| {
            let mut folder = Folder::new(Arc::clone(&self.plan), self.partitions);
            folder.histories = histories.clone();
            folder.keeps_histories = true;
            folder.tells = false;
            folder
        };
        let folders = self.workers.iter().map(folder).collect();
        Shadow { folders, histories, cursor: self.log.oldest() }
    }

    /// Folds up to where the log ends now.
    fn catch_up(&self, shadow: &mut Shadow, haste: Haste) -> Result<(), WorkerError> {
        let (first, end) = (self.log.oldest().0, self.log.end());
        let told = |cursor: Cursor| cursor.0.saturating_sub(first);
        while shadow.cursor < end {
            if self.progress.is_cancelled() {
                return Err(WorkerError::GivenUp);
            }
            let started = Instant::now();
            shadow.read(self.log.as_ref(), Cursor(u64::MAX))?;
            self.progress.total.store(told(self.log.end()), Ordering::Relaxed);
            self.progress.folded.store(told(shadow.cursor), Ordering::Relaxed);
            if haste == Haste::Yields {
                std::thread::sleep(started.elapsed().min(PAUSE_MAX));
            }
        }
        Ok(())
    }

    /// Halts the workers, brings both sides to one position and moment, lets `switch` decide, and
    /// gives the workers what was made. What is given back is told when it is in the store.
    fn exchange(
        &self,
        mut shadow: Shadow,
        switch: &mut dyn FnMut(i64) -> Switched,
    ) -> Result<Receiver<()>, WorkerError> {
        let started = Instant::now();
        let halted = self.workers.iter().map(Halter::halt).collect::<Result<Vec<_>, _>>()?;
        let stand = halted.iter().map(Halted::reached).collect::<Result<Vec<Reached>, _>>()?;
        let fired = stand.iter().map(|reached| reached.moment).max().unwrap_or(0);
        let moment = self.clock.now_ms().max(fired);
        // All of it lies before: a worker has read no further than the log went.
        let position = stand.iter().map(|reached| reached.cursor).fold(self.log.end(), Ord::max);
        for worker in &halted {
            worker.order(Order::RunTo { position, moment })?;
        }
        while shadow.cursor < position {
            shadow.read(self.log.as_ref(), position)?;
        }
        shadow.fire(moment);
        shadow.publish(self, moment);
        for worker in &halted {
            worker.reached()?;
        }
        self.derive_again(&shadow)?;
        let before = derived_before(self.store.as_ref(), self.partitions)?;
        let before: Vec<u64> = before.iter().map(|&at| at.max(position.0)).collect();
        if self.progress.is_cancelled() || switch(moment) == Switched::No {
            return Err(WorkerError::GivenUp);
        }
        let flushed = self.log.flush().map_err(WorkerError::from);
        let begun = flushed.and_then(|()| Ok(self.store.begin(&[note_of(&before)])?));
        if let Err(error) = begun {
            tracing::error!(%error, "the rules were changed, but the states cannot be kept");
            for worker in &halted {
                worker.order(Order::Fail)?;
            }
            return Err(WorkerError::HalfChanged);
        }
        let (done, all_done) = sync_channel(self.workers.len());
        for (mut folder, worker) in shadow.folders.into_iter().zip(&halted) {
            folder.keeps_histories = self.workers.len() == 1;
            folder.tells = true;
            folder.received = folder.received.max(moment);
            let (view, generation) = (Arc::clone(&self.view), self.generation);
            let replacement = Replacement { folder, view, generation, done: done.clone() };
            worker.order(Order::Take(Box::new(replacement)))?;
        }
        let halt = started.elapsed();
        tracing::info!(?halt, "the workers go on with other rules");
        Ok(all_done)
    }

    /// Appends the histories that have not met their persons yet: those in the log were made by the
    /// rules that end now. The workers are given them as well and need these facts after a crash.
    fn derive_again(&self, shadow: &Shadow) -> Result<(), WorkerError> {
        let mut derived = crate::identity::Derived::default();
        shadow.histories.derive(self.plan.digest(), self.partitions, &mut derived);
        if derived.is_empty() {
            return Ok(());
        }
        let appends = Appends::new().map_err(|source| WorkerError::Thread { index: 0, source })?;
        appends.append(self.log.as_ref(), || derived.take())
    }
}

/// Longest pause between two reads of the log; one takes some tens of milliseconds.
const PAUSE_MAX: Duration = Duration::from_millis(200);

impl Shadow {
    /// Reads on and folds, up to `end` at most.
    fn read<L: EventLog>(&mut self, log: &L, end: Cursor) -> Result<(), WorkerError> {
        let Self { folders, cursor, .. } = self;
        let mut failed = None;
        let next = log.read(*cursor, READ_BYTES, &mut |record| {
            let worker = usize::from(record.partition.0) % folders.len();
            if record.block < end && failed.is_none() {
                failed = folders[worker].fold(&record).err();
            }
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        for folder in folders {
            // What the fold derives was derived before, and lies further on in the log.
            drop(folder.derived.take());
        }
        *cursor = next.min(end);
        Ok(())
    }

    fn fire(&mut self, moment: i64) {
        for folder in &mut self.folders {
            while folder.fire(moment, WAKES_PER_TURN).0 == WAKES_PER_TURN {}
        }
    }

    fn publish<L>(&mut self, rebuild: &Rebuild<L>, moment: i64) {
        for folder in &mut self.folders {
            folder.publish(&rebuild.view, rebuild.generation, moment, moment);
        }
    }
}
