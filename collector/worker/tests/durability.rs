//! States must never know what the log may still lose: after a power cut they would be ahead of it.
mod support;

use sillage_engine::{Plan, RuleSet};
use sillage_eventlog::{Append, Appended, Clock, Cursor, EventLog, LogError, LogRecord, MemoryLog};
use sillage_model::Partition;
use sillage_store::{
    Checkpoint, MemoryStore, PersonStore, StoreError, StoreMeta, View, ViewConfig,
};
use sillage_worker::{Parts, WorkerConfig, WorkerError};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use support::tried;

/// A log that answers before it is durable.
#[derive(Default)]
struct Hasty {
    inner: MemoryLog,
    durable: AtomicU64,
}

impl EventLog for Hasty {
    async fn append(&self, append: Append) -> Result<Appended, LogError> {
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

    fn flush(&self) -> Result<(), LogError> {
        self.durable.store(self.inner.end().0, Ordering::SeqCst);
        Ok(())
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

/// A store that compares each checkpoint with what is durable.
struct Watchful {
    inner: MemoryStore,
    log: Arc<Hasty>,
    furthest: AtomicU64,
}

impl PersonStore for Watchful {
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
        let cursor = checkpoint.cursors.iter().map(|&(_, at)| at).max().unwrap_or(0);
        let durable = self.log.durable.load(Ordering::SeqCst);
        assert!(cursor <= durable, "a checkpoint knows {cursor}, {durable} is durable");
        self.furthest.fetch_max(cursor, Ordering::SeqCst);
        self.inner.commit(checkpoint)
    }
}

fn parts<L>(log: &Arc<L>, store: Arc<dyn PersonStore>) -> Parts<L> {
    let plan = Arc::new(Plan::compile(&RuleSet::default()).expect("no rule is a good rule"));
    let view = View::new(ViewConfig {
        project: "shop".to_owned(),
        segments: Vec::new(),
        scores: plan.score_names().iter().map(|&name| name.to_owned()).collect(),
        traits_shown: Vec::new(),
        half_life_ms: 1_000_000,
        digest: plan.digest(),
        generation: 1,
        clock: Arc::new(|| 1_000),
    });
    Parts { plan, log: Arc::clone(log), store, view, clock: Clock::new(|| 1_000) }
}

#[test]
fn a_checkpoint_knows_only_what_is_durable() {
    let log = Arc::new(Hasty::default());
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(log.append(tried(1, 1_000))).expect("memory takes it");
    let inner = MemoryStore::new();
    let store = Arc::new(Watchful { inner, log: Arc::clone(&log), furthest: AtomicU64::new(0) });
    let worker =
        sillage_worker::spawn(WorkerConfig::single(), parts(&log, Arc::clone(&store) as _));
    worker.expect("it starts").stop().expect("it commits a last checkpoint");
    assert_eq!(store.furthest.load(Ordering::SeqCst), log.end().0, "there was one");
}

#[test]
fn states_that_know_more_than_the_log_are_not_gone_on_with() {
    let store = MemoryStore::new();
    let cursors = vec![(Partition(0), 4_096)];
    store.commit(&Checkpoint { cursors, ..Checkpoint::default() }).expect("memory takes it");
    let log = Arc::new(MemoryLog::default());
    match sillage_worker::spawn(WorkerConfig::single(), parts(&log, Arc::new(store))) {
        Err(WorkerError::LogLost { known: 4_096, end: 0 }) => {}
        other => panic!("it would skip events to come: {other:?}"),
    }
}
