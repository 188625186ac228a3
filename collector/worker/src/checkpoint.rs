//! Commits dirty records beside the fold, one checkpoint at a time.
use crate::WorkerError;
use crate::fold::Folder;
use crate::stats::WorkerStats;
use parking_lot::{Condvar, Mutex};
use sillage_model::Partition;
use sillage_store::{Checkpoint, PersonStore, StoreError};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

/// A thread that commits what it is given, so that the fold never waits for the store's disk.
pub(crate) struct Checkpointer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    /// Where it commits itself, if it has no thread.
    by_hand: Option<(Arc<dyn PersonStore>, Arc<WorkerStats>)>,
}

#[derive(Debug, Default)]
struct Shared {
    desk: Mutex<Desk>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Desk {
    next: Option<Checkpoint>,
    committing: bool,
    failed: Option<StoreError>,
    closing: bool,
}

impl Checkpointer {
    pub(crate) fn start(
        name: &str,
        store: Arc<dyn PersonStore>,
        stats: Arc<WorkerStats>,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let at_work = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name(format!("{name}-checkpoint"))
            .spawn(move || commit_all(&at_work, store.as_ref(), &stats))?;
        Ok(Self { shared, thread: Some(thread), by_hand: None })
    }

    /// Commits at once, by whoever hands a checkpoint over.
    pub(crate) fn by_hand(store: Arc<dyn PersonStore>, stats: Arc<WorkerStats>) -> Self {
        Self { shared: Arc::default(), thread: None, by_hand: Some((store, stats)) }
    }

    /// Whether the last checkpoint is done, so that the next may be collected.
    pub(crate) fn is_free(&self) -> bool {
        let desk = self.shared.desk.lock();
        desk.next.is_none() && !desk.committing
    }

    /// Hands a checkpoint over. Call only when it is free.
    pub(crate) fn commit(&self, checkpoint: Checkpoint) {
        self.shared.desk.lock().next = Some(checkpoint);
        self.shared.changed.notify_all();
        if let Some((store, stats)) = &self.by_hand {
            self.shared.desk.lock().closing = true;
            commit_all(&self.shared, store.as_ref(), stats);
            self.shared.desk.lock().closing = false;
        }
    }

    /// The error that stopped it, if one did.
    pub(crate) fn failure(&self) -> Option<StoreError> {
        self.shared.desk.lock().failed.take()
    }

    /// Waits until what was handed over is durable.
    pub(crate) fn finish(&self) -> Result<(), WorkerError> {
        let mut desk = self.shared.desk.lock();
        while (desk.next.is_some() || desk.committing) && desk.failed.is_none() {
            self.shared.changed.wait(&mut desk);
        }
        desk.failed.take().map_or(Ok(()), |e| Err(e.into()))
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.shared.desk.lock().closing = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the checkpoint thread panicked; its last checkpoint was not taken");
        }
    }
}

fn commit_all(shared: &Shared, store: &dyn PersonStore, stats: &WorkerStats) {
    loop {
        let checkpoint = {
            let mut desk = shared.desk.lock();
            loop {
                if let Some(next) = desk.next.take() {
                    desk.committing = true;
                    break next;
                }
                if desk.closing {
                    return;
                }
                shared.changed.wait(&mut desk);
            }
        };
        let started = Instant::now();
        let result = store.commit(&checkpoint);
        let mut desk = shared.desk.lock();
        desk.committing = false;
        match result {
            Ok(()) => {
                let cursor = checkpoint.cursors.iter().map(|&(_, at)| at).min();
                stats.checkpointed(started.elapsed(), cursor);
            }
            Err(error) => desk.failed = Some(error),
        }
        shared.changed.notify_all();
    }
}

/// Collects what changed since the last checkpoint. `cursor` must not pass a fact whose derived
/// facts are not durable yet.
pub(crate) fn collect(folder: &mut Folder, owned: &[Partition], cursor: u64) -> Checkpoint {
    let all = collect_part(folder, usize::MAX);
    let mut notes = folder.counts.take_notes();
    notes.extend(folder.ledger.lock().take_notes());
    let received = folder.received.to_le_bytes().to_vec();
    notes.extend(owned.iter().map(|&p| (received_note(p), received.clone())));
    Checkpoint { cursors: owned.iter().map(|&p| (p, cursor)).collect(), notes, ..all }
}

/// Collects up to `max` persons, and as many installations, of who has changed, without a cursor: on
/// its own it tells nothing.
pub(crate) fn collect_part(folder: &mut Folder, max: usize) -> Checkpoint {
    let left = folder.persons.dirty.len().saturating_sub(max);
    let dirty = folder.persons.dirty.split_off(left);
    let mut upserts = Vec::with_capacity(dirty.len());
    for slot in dirty {
        let person = folder.persons.at(slot);
        person.dirty = false;
        let mut bytes = Vec::with_capacity(256);
        person.record.encode(&mut bytes);
        upserts.push((person.partition, person.key.as_str().into(), bytes));
    }
    let mut ledger = folder.ledger.lock();
    ledger.take_dirty(max, &mut upserts);
    Checkpoint { upserts, removals: ledger.take_gone(), ..Checkpoint::default() }
}

/// Under which name it is noted where the log's own clock stood for a partition's states: they are
/// shown as of then, until the log's tail is folded.
pub(crate) fn received_note(partition: Partition) -> String {
    format!("received/{}", partition.0)
}
