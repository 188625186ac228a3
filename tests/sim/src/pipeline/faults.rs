//! A log and a store that fail when told to, so that workers can be cut off where it hurts.
use sillage_eventlog::{Append, Appended, Cursor, EventLog, LogError, LogRecord, MemoryLog};
use sillage_model::Partition;
use sillage_store::{Checkpoint, MemoryStore, PersonStore, StoreError, StoreMeta};
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// A log of which one append may fail: that of a worker which has folded facts and not yet told
/// what follows from them.
#[derive(Debug, Default)]
pub(super) struct FaultyLog {
    /// The log behind it, which takes everything.
    pub(super) inner: MemoryLog,
    cut: AtomicBool,
    failed: AtomicUsize,
}

impl FaultyLog {
    /// Whether the next append of a worker fails.
    pub(super) fn set_cut(&self, cut: bool) {
        self.cut.store(cut, Ordering::SeqCst);
    }

    /// How many appends have failed.
    pub(super) fn failed(&self) -> usize {
        self.failed.load(Ordering::SeqCst)
    }
}

impl EventLog for FaultyLog {
    async fn append(&self, append: Append) -> Result<Appended, LogError> {
        if self.cut.swap(false, Ordering::SeqCst) {
            self.failed.fetch_add(1, Ordering::SeqCst);
            return Err(LogError::Closed);
        }
        self.inner.append(append).await
    }

    fn read(
        &self,
        from: Cursor,
        max_bytes: usize,
        visit: &mut dyn FnMut(LogRecord<'_>),
    ) -> Result<Cursor, LogError> {
        self.inner.read(from, max_bytes, visit)
    }

    fn oldest(&self) -> Cursor {
        self.inner.oldest()
    }

    fn end(&self) -> Cursor {
        self.inner.end()
    }

    fn wait_past(&self, seen: Cursor, timeout: Duration) {
        self.inner.wait_past(seen, timeout);
    }
}

/// A store that can be told to keep what it has: what some workers commit from then on is lost, as
/// if they had been cut off at that moment.
#[derive(Debug, Default)]
pub(super) struct FaultyStore {
    inner: MemoryStore,
    /// Partitions of which nothing is taken.
    frozen: Mutex<BTreeSet<Partition>>,
    lost: AtomicUsize,
}

impl FaultyStore {
    /// Takes nothing of these partitions from now on.
    pub(super) fn freeze(&self, partitions: impl Iterator<Item = Partition>) {
        self.frozen.lock().expect("nobody panics with it").extend(partitions);
    }

    /// Takes everything again. Whoever lost something must have been started anew.
    pub(super) fn thaw(&self) {
        self.frozen.lock().expect("nobody panics with it").clear();
    }

    /// How many checkpoints have been lost.
    pub(super) fn lost(&self) -> usize {
        self.lost.load(Ordering::SeqCst)
    }
}

impl PersonStore for FaultyStore {
    fn meta(&self) -> Result<Option<StoreMeta>, StoreError> {
        self.inner.meta()
    }

    fn begin(&self, notes: &[(String, Vec<u8>)]) -> Result<(), StoreError> {
        self.inner.begin(notes)
    }

    fn complete(&self, meta: StoreMeta) -> Result<(), StoreError> {
        self.inner.complete(meta)
    }

    fn load(
        &self,
        partitions: &[Partition],
        visit: &mut dyn FnMut(Partition, &str, &[u8]),
    ) -> Result<Vec<(Partition, u64)>, StoreError> {
        self.inner.load(partitions, visit)
    }

    fn note(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.note(name)
    }

    fn commit(&self, checkpoint: &Checkpoint) -> Result<(), StoreError> {
        let frozen = self.frozen.lock().expect("nobody panics with it");
        if checkpoint.cursors.iter().any(|(partition, _)| frozen.contains(partition)) {
            self.lost.fetch_add(1, Ordering::SeqCst);
            return Ok(());
        }
        self.inner.commit(checkpoint)
    }
}
