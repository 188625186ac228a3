use crate::checkpoint::{self, Checkpointer, received_note};
use crate::counts::note_name;
use crate::fold::Folder;
use crate::limits::{CHECKPOINT_DIRTY, IDLE_WAIT, READ_BYTES, RETRY_WAIT, WAKES_PER_TURN};
use crate::stats::WorkerStats;
use crate::{WorkerConfig, WorkerError};
use parking_lot::Mutex;
use sillage_engine::Plan;
use sillage_eventlog::{Clock, Cursor, EventLog, LogError};
use sillage_model::Partition;
use sillage_store::{PersonStore, View};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What a worker works with.
pub struct Parts<L> {
    /// The rules.
    pub plan: Arc<Plan>,
    /// Where facts come from, and where derived ones go.
    pub log: Arc<L>,
    /// Where states are kept.
    pub store: Arc<dyn PersonStore>,
    /// Where profiles are read.
    pub view: Arc<View>,
    /// What time it is.
    pub clock: Clock,
}

/// A running worker.
#[derive(Debug)]
pub struct WorkerHandle {
    stop: Arc<AtomicBool>,
    stats: Arc<WorkerStats>,
    events: Arc<Mutex<BTreeMap<String, u64>>>,
    thread: JoinHandle<Result<(), WorkerError>>,
}

impl WorkerHandle {
    /// What it has done and where it stands.
    #[must_use]
    pub fn stats(&self) -> &Arc<WorkerStats> {
        &self.stats
    }

    /// Events of its partitions by name, as far as they are published.
    #[must_use]
    pub fn events(&self) -> Arc<Mutex<BTreeMap<String, u64>>> {
        Arc::clone(&self.events)
    }

    /// Folds what the log holds now, commits a last checkpoint and ends.
    ///
    /// # Errors
    /// The error that had stopped it, or that the last checkpoint met.
    pub fn stop(self) -> Result<(), WorkerError> {
        self.stop.store(true, Ordering::Relaxed);
        match self.thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

/// Loads the worker's persons, publishes them, and starts its thread. When this returns, the state
/// of the last checkpoint is readable; the log's tail is folded next.
///
/// # Errors
/// [`WorkerError`] if states cannot be loaded or a thread cannot be started.
pub fn spawn<L: EventLog>(
    config: WorkerConfig,
    parts: Parts<L>,
) -> Result<WorkerHandle, WorkerError> {
    let stop = Arc::new(AtomicBool::new(false));
    let stats = Arc::new(WorkerStats::default());
    let events = Arc::new(Mutex::new(BTreeMap::new()));
    let index = config.index;
    let name = format!("worker-{index}");
    let thread_error = |source| WorkerError::Thread { index, source };
    let checkpointer = Checkpointer::start(&name, Arc::clone(&parts.store), Arc::clone(&stats))
        .map_err(thread_error)?;
    let mut worker = Worker::load(config, parts, checkpointer)?;
    worker.stats = Arc::clone(&stats);
    worker.events = Arc::clone(&events);
    worker.stop = Arc::clone(&stop);
    worker.publish();
    worker.folder.counts.drain_into(&mut worker.events.lock());
    let thread =
        std::thread::Builder::new().name(name).spawn(move || worker.run()).map_err(thread_error)?;
    Ok(WorkerHandle { stop, stats, events, thread })
}

struct Worker<L> {
    config: WorkerConfig,
    parts: Parts<L>,
    folder: Folder,
    checkpointer: Checkpointer,
    stats: Arc<WorkerStats>,
    events: Arc<Mutex<BTreeMap<String, u64>>>,
    stop: Arc<AtomicBool>,
    owned: Vec<Partition>,
    /// For each partition: everything before this is in its states.
    done: Vec<u64>,
    cursor: Cursor,
    checkpointed: (Cursor, Instant),
}

impl<L: EventLog> Worker<L> {
    fn load(
        config: WorkerConfig,
        parts: Parts<L>,
        checkpointer: Checkpointer,
    ) -> Result<Self, WorkerError> {
        let owned: Vec<Partition> = (0..config.partitions)
            .filter(|p| p % config.count == config.index)
            .map(Partition)
            .collect();
        let mut folder = Folder::new(Arc::clone(&parts.plan), config.partitions);
        let mut failed = None;
        let cursors = parts.store.load(&owned, &mut |partition, member, bytes| {
            if failed.is_none() {
                failed = folder.restore(partition, member, bytes).err();
            }
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        for &partition in &owned {
            let name = note_name(usize::from(partition.0));
            if let Some(bytes) = parts.store.note(&name)? {
                let unreadable =
                    |source| WorkerError::Unreadable { what: "the note", whose: name, source };
                folder.counts.restore(partition, &bytes).map_err(unreadable)?;
            }
        }
        folder.derived_before = crate::derived_before(parts.store.as_ref(), config.partitions)?;
        for &partition in &owned {
            let noted = parts.store.note(&received_note(partition))?.unwrap_or_default();
            if let Ok(bytes) = noted.try_into() {
                folder.received = folder.received.max(i64::from_le_bytes(bytes));
            }
        }
        let mut done = vec![0; usize::from(config.partitions)];
        for &(partition, at) in &cursors {
            done[usize::from(partition.0)] = at;
        }
        let first = owned.iter().map(|p| done[usize::from(p.0)]).min().unwrap_or(0);
        let cursor = Cursor(first).max(parts.log.oldest());
        folder.persons.unpublished.extend(folder.persons.slots());
        Ok(Self {
            config,
            parts,
            folder,
            checkpointer,
            stats: Arc::default(),
            events: Arc::default(),
            stop: Arc::default(),
            owned,
            done,
            cursor,
            checkpointed: (cursor, Instant::now()),
        })
    }

    fn run(mut self) -> Result<(), WorkerError> {
        let result = self.turns();
        if let Err(error) = &result {
            self.stats.fail();
            tracing::error!(worker = self.config.index, %error, "worker stopped");
        }
        result
    }

    fn turns(&mut self) -> Result<(), WorkerError> {
        let appends = Appends::new()
            .map_err(|source| WorkerError::Thread { index: self.config.index, source })?;
        loop {
            let before = self.cursor;
            self.read(&appends)?;
            let caught_up = self.cursor >= self.parts.log.end();
            let fired = self.fire(caught_up);
            self.publish();
            self.report(caught_up);
            self.checkpoint(false)?;
            if caught_up && self.stop.load(Ordering::Relaxed) {
                self.checkpointer.finish()?;
                self.checkpoint(true)?;
                return self.checkpointer.finish();
            }
            if self.cursor == before && fired < WAKES_PER_TURN {
                self.parts.log.wait_past(self.cursor, self.nap());
            }
        }
    }

    /// Reads on and folds; derived facts are durable when this returns.
    fn read(&mut self, appends: &Appends) -> Result<(), WorkerError> {
        let Self { parts, folder, done, config, .. } = self;
        let mut failed = None;
        let next = parts.log.read(self.cursor, READ_BYTES, &mut |record| {
            let partition = record.partition.0;
            let mine = partition % config.count == config.index;
            let new = done.get(usize::from(partition)).is_some_and(|&d| record.block.0 >= d);
            if mine && new && failed.is_none() {
                failed = folder.fold(&record).err();
            }
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        if !folder.derived.is_empty() {
            appends.append(parts.log.as_ref(), || folder.derived.take())?;
        }
        self.cursor = next;
        Ok(())
    }

    /// Fires timers up to now, or, while facts are still unread, up to where the log's own clock
    /// stands: an exit must not be published that an unread fact has already prevented.
    fn fire(&mut self, caught_up: bool) -> usize {
        let now = self.moment(caught_up);
        let (fired, late_ms_max) = self.folder.fire(now, WAKES_PER_TURN);
        // Records now stand at this moment: after a restart they are not to be shown as of before.
        self.folder.received = self.folder.received.max(now);
        if fired > 0 {
            self.stats.woke(fired as u64, if caught_up { late_ms_max } else { 0 });
        }
        fired
    }

    fn moment(&self, caught_up: bool) -> i64 {
        if caught_up { self.parts.clock.now_ms() } else { self.folder.received }
    }

    fn publish(&mut self) {
        if self.folder.persons.unpublished.is_empty() {
            return;
        }
        let now = self.parts.clock.now_ms();
        let as_of = self.moment(self.cursor >= self.parts.log.end());
        let changed = std::mem::take(&mut self.folder.persons.unpublished);
        for &slot in &changed {
            let plan = Arc::clone(&self.folder.plan);
            let person = self.folder.persons.at(slot);
            person.unpublished = false;
            if let Some(owner) = person.record.linked_to() {
                self.parts.view.publish_tombstone(&person.key, owner);
            } else {
                let generation = self.config.generation;
                let profile = person.record.profile(&plan, &person.key, as_of, generation);
                self.parts.view.publish(profile, &person.transitions, now);
            }
            person.transitions.clear();
        }
        self.stats.published_more(changed.len() as u64);
        let mut emptied = changed;
        emptied.clear();
        self.folder.persons.unpublished = emptied;
    }

    fn report(&mut self, caught_up: bool) {
        let tally = std::mem::take(&mut self.folder.tally);
        self.stats.folded(tally.facts, tally.transitions, tally.sessions);
        if tally.facts > 0 {
            self.folder.counts.drain_into(&mut self.events.lock());
        }
        let behind_since = (!caught_up).then_some(self.folder.received.max(1));
        self.stats.stands_at(self.cursor.0, behind_since);
    }

    fn checkpoint(&mut self, last: bool) -> Result<(), WorkerError> {
        if let Some(error) = self.checkpointer.failure() {
            return Err(error.into());
        }
        let (committed, since) = self.checkpointed;
        let dirty = self.folder.persons.dirty.len();
        let moved = dirty > 0 || self.cursor != committed;
        let due = since.elapsed() >= self.config.checkpoint_every || dirty >= CHECKPOINT_DIRTY;
        if moved && (due || last) && self.checkpointer.is_free() {
            let collected = checkpoint::collect(&mut self.folder, &self.owned, self.cursor.0);
            self.checkpointer.commit(collected);
            self.checkpointed = (self.cursor, Instant::now());
        }
        Ok(())
    }

    fn nap(&self) -> Duration {
        let now = self.parts.clock.now_ms();
        let until_wake = self.folder.wakes.next_at().map_or(i64::MAX, |at| (at - now).max(0));
        let until_wake = u64::try_from(until_wake).unwrap_or(0);
        IDLE_WAIT.min(Duration::from_millis(until_wake))
    }
}

/// Lets a plain thread wait for an append.
struct Appends(tokio::runtime::Runtime);

impl Appends {
    fn new() -> std::io::Result<Self> {
        tokio::runtime::Builder::new_current_thread().build().map(Self)
    }

    /// Appends what `take` gives; an overloaded log is asked again until it takes it, because a
    /// derived fact must not be lost and nobody else would retry it.
    fn append<L: EventLog>(
        &self,
        log: &L,
        take: impl FnOnce() -> sillage_eventlog::Append,
    ) -> Result<(), WorkerError> {
        let append = take();
        loop {
            match self.0.block_on(log.append(append.clone())) {
                Ok(_) => return Ok(()),
                Err(LogError::Overloaded { .. }) => std::thread::sleep(RETRY_WAIT),
                Err(error) => return Err(error.into()),
            }
        }
    }
}
