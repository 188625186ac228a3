//! A worker without a thread, for simulated worlds: what happens is then a matter of calls alone.
use crate::checkpoint::Checkpointer;
use crate::run::{Appends, Worker};
use crate::stats::WorkerStats;
use crate::{LedgerHandle, Parts, WorkerConfig, WorkerError};
use parking_lot::Mutex;
use sillage_eventlog::EventLog;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A worker that does something only when it is told to.
///
/// # Guarantees
/// It does in one call what the thread of [`crate::spawn`] does in one turn, with the same code.
pub struct HandWorker<L> {
    worker: Worker<L>,
    appends: Appends,
}

impl<L: EventLog> HandWorker<L> {
    /// Loads the worker's persons and publishes them, as [`crate::spawn`] does.
    ///
    /// # Errors
    /// As [`crate::spawn`].
    pub fn load(config: WorkerConfig, parts: Parts<L>) -> Result<Self, WorkerError> {
        let index = config.index;
        let stats = Arc::new(WorkerStats::default());
        let checkpointer = Checkpointer::by_hand(Arc::clone(&parts.store), Arc::clone(&stats));
        let mut worker = Worker::load(config, parts, checkpointer)?;
        worker.stats = stats;
        worker.publish(None);
        worker.folder.counts.drain_into(&mut worker.events.lock());
        let appends = Appends::new().map_err(|source| WorkerError::Thread { index, source })?;
        Ok(Self { worker, appends })
    }

    /// Reads, folds, fires and publishes once. True if there may be more to do at once.
    ///
    /// # Errors
    /// The one at which the thread would have ended. The worker is not to be used any more then.
    pub fn turn(&mut self) -> Result<bool, WorkerError> {
        let (_, moved) = self.worker.turn(&self.appends)?;
        Ok(moved)
    }

    /// Commits what has changed since the last checkpoint.
    ///
    /// # Errors
    /// What the store says.
    pub fn checkpoint(&mut self) -> Result<(), WorkerError> {
        self.worker.checkpoint(true)?;
        self.worker.checkpointer.finish()
    }

    /// What it has done and where it stands.
    #[must_use]
    pub fn stats(&self) -> &Arc<WorkerStats> {
        &self.worker.stats
    }

    /// Events of its partitions by name, as far as they are published.
    #[must_use]
    pub fn events(&self) -> Arc<Mutex<BTreeMap<String, u64>>> {
        Arc::clone(&self.worker.events)
    }

    /// What became of the events that the installations of its partitions created.
    #[must_use]
    pub fn ledger(&self) -> LedgerHandle {
        self.worker.folder.ledger.clone()
    }
}
