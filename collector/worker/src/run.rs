use crate::checkpoint::{self, Checkpointer, received_note};
use crate::counts::note_name;
use crate::fold::Folder;
use crate::halt::{Halt, Halter, Order, Reached, Replacement};
use crate::ledger::{self, LedgerHandle};
use crate::limits::{CHECKPOINT_DIRTY, IDLE_WAIT, MOVE_PERSONS, RETRY_WAIT, WAKES_PER_TURN};
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
use std::sync::mpsc::{Receiver, SyncSender};
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
    ledger: LedgerHandle,
    halter: Halter,
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

    /// What became of the events that the installations of its partitions created.
    #[must_use]
    pub fn ledger(&self) -> LedgerHandle {
        self.ledger.clone()
    }

    /// By which it can be brought to a halt.
    #[must_use]
    pub fn halter(&self) -> Halter {
        self.halter.clone()
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
    let (halter, halts) = crate::halt::channel();
    worker.halts = halts;
    worker.publish(None);
    worker.folder.counts.drain_into(&mut worker.events.lock());
    let ledger = worker.folder.ledger.clone();
    let thread =
        std::thread::Builder::new().name(name).spawn(move || worker.run()).map_err(thread_error)?;
    Ok(WorkerHandle { stop, stats, events, ledger, halter, thread })
}

pub(crate) struct Worker<L> {
    config: WorkerConfig,
    parts: Parts<L>,
    pub(crate) folder: Folder,
    pub(crate) checkpointer: Checkpointer,
    pub(crate) stats: Arc<WorkerStats>,
    pub(crate) events: Arc<Mutex<BTreeMap<String, u64>>>,
    stop: Arc<AtomicBool>,
    owned: Vec<Partition>,
    /// For each partition: everything before this is in its states.
    done: Vec<u64>,
    /// From here on all partitions stand at the cursor. Before, after a start with another number of
    /// workers, some are ahead of it.
    level: Cursor,
    /// Where the log ended when this began, and when that was: what lies behind came later.
    began: (Cursor, i64),
    cursor: Cursor,
    checkpointed: (Cursor, Instant),
    halts: Receiver<Halt>,
    /// While the states of other rules go to the emptied store.
    moving: Option<Moving>,
}

/// How far the states of other rules are in the store.
struct Moving {
    /// Whether the last part has been given to the checkpointer.
    last: bool,
    /// Told once it is durable.
    done: SyncSender<()>,
}

impl<L: EventLog> Worker<L> {
    pub(crate) fn load(
        config: WorkerConfig,
        parts: Parts<L>,
        checkpointer: Checkpointer,
    ) -> Result<Self, WorkerError> {
        let owned: Vec<Partition> = (0..config.partitions)
            .filter(|p| p % config.count == config.index)
            .map(Partition)
            .collect();
        let mut folder = Folder::new(Arc::clone(&parts.plan), config.partitions);
        // A single worker reads every link before what follows from it.
        folder.keeps_histories = config.count == 1;
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
            let unreadable =
                |whose| |source| WorkerError::Unreadable { what: "the note", whose, source };
            let name = note_name(usize::from(partition.0));
            if let Some(bytes) = parts.store.note(&name)? {
                folder.counts.restore(partition, &bytes).map_err(unreadable(name))?;
            }
            let name = ledger::note_name(partition);
            if let Some(bytes) = parts.store.note(&name)? {
                let restored = folder.ledger.lock().restore_note(partition, &bytes);
                restored.map_err(unreadable(name))?;
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
        let (known, end) = (done.iter().copied().max().unwrap_or(0), parts.log.end().0);
        if known > end {
            return Err(WorkerError::LogLost { known, end });
        }
        let began = (Cursor(end), parts.clock.now_ms());
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
            level: Cursor(known),
            began,
            cursor,
            checkpointed: (cursor, Instant::now()),
            halts: crate::halt::channel().1,
            moving: None,
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
            self.attend(&appends)?;
            let (caught_up, moved) = self.turn(&appends)?;
            self.checkpoint(false)?;
            if caught_up && self.moving.is_none() && self.stop.load(Ordering::Relaxed) {
                self.checkpointer.finish()?;
                self.checkpoint(true)?;
                return self.checkpointer.finish();
            }
            if !moved {
                self.parts.log.wait_past(self.cursor, self.nap());
            }
        }
    }

    /// Reads, folds, fires and publishes once. Whether it is at the end of the log, and whether there
    /// may be more to do at once.
    pub(crate) fn turn(&mut self, appends: &Appends) -> Result<(bool, bool), WorkerError> {
        let before = self.cursor;
        self.read(appends, Cursor(u64::MAX))?;
        let caught_up = self.cursor >= self.parts.log.end();
        // The log's own clock stands where the foremost partition is, ahead of facts of the others.
        let fired = if self.cursor >= self.level { self.fire(caught_up) } else { 0 };
        self.publish(None);
        self.report(caught_up);
        Ok((caught_up, self.cursor != before || fired >= WAKES_PER_TURN))
    }

    /// Reads on and folds, up to `end` at most; derived facts are durable when this returns.
    fn read(&mut self, appends: &Appends, end: Cursor) -> Result<(), WorkerError> {
        let Self { parts, folder, done, config, .. } = self;
        let mut failed = None;
        let next = parts.log.read(self.cursor, config.read_bytes, &mut |record| {
            let partition = record.partition.0;
            let mine = partition % config.count == config.index;
            let new = done.get(usize::from(partition)).is_some_and(|&d| record.block.0 >= d);
            if mine && new && record.block < end && failed.is_none() {
                failed = folder.fold(&record).err();
            }
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        if !folder.derived.is_empty() {
            appends.append(parts.log.as_ref(), || folder.derived.take())?;
        }
        self.cursor = next.min(end);
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

    /// Once everything from before the start is folded, what an earlier process has fired by the clock on
    /// the wall is fired again, or readers would see it undone until the worker has caught up.
    fn moment(&self, caught_up: bool) -> i64 {
        let (end, at) = self.began;
        let since = if self.cursor >= end { at } else { 0 };
        if caught_up { self.parts.clock.now_ms() } else { self.folder.received.max(since) }
    }

    /// Publishes who has changed, as of `moment` or of where the log's own clock stands.
    pub(crate) fn publish(&mut self, moment: Option<i64>) {
        if self.folder.persons.unpublished.is_empty() {
            return;
        }
        let now = self.parts.clock.now_ms();
        let as_of = moment.unwrap_or_else(|| self.moment(self.cursor >= self.parts.log.end()));
        let generation = self.config.generation;
        let published = self.folder.publish(&self.parts.view, generation, as_of, now);
        self.stats.published_more(published as u64);
    }

    /// Halts if that was asked for, until it may go on: with what it had, or with what it is given.
    fn attend(&mut self, appends: &Appends) -> Result<(), WorkerError> {
        let Ok(halt) = self.halts.try_recv() else { return Ok(()) };
        let mut end = self.cursor;
        // Where nobody listens any more, nothing is to follow.
        while halt.reached.send(Reached { cursor: end, moment: self.folder.received }).is_ok() {
            match halt.orders.recv() {
                Ok(Order::RunTo { position, moment }) => {
                    self.run_to(appends, position, moment)?;
                    end = self.cursor;
                }
                Ok(Order::Take(replacement)) => {
                    self.take(*replacement);
                    return Ok(());
                }
                Ok(Order::Fail) => return Err(WorkerError::HalfChanged),
                // Who asked has thought better of it.
                Err(_) => return Ok(()),
            }
        }
        Ok(())
    }

    /// Folds and publishes everything before `position` and all deadlines up to `moment`.
    fn run_to(
        &mut self,
        appends: &Appends,
        position: Cursor,
        moment: i64,
    ) -> Result<(), WorkerError> {
        while self.cursor < position {
            self.read(appends, position)?;
        }
        while self.folder.fire(moment, WAKES_PER_TURN).0 == WAKES_PER_TURN {}
        self.folder.received = self.folder.received.max(moment);
        self.publish(Some(moment));
        self.report(true);
        self.checkpointer.finish()
    }

    /// Goes on with other states, which hold what its own hold by other rules.
    fn take(&mut self, replacement: Replacement) {
        let Replacement { mut folder, view, generation, done } = replacement;
        std::mem::swap(&mut folder.derived_before, &mut self.folder.derived_before);
        let tally = std::mem::take(&mut folder.tally);
        self.stats.folded(0, 0, tally.sessions - self.stats.sessions());
        {
            let mut events = self.events.lock();
            events.clear();
            folder.counts.drain_into(&mut events);
        }
        // Who reads the ledger goes on with the same handle.
        self.folder.ledger.take_over(&mut folder.ledger);
        self.folder = folder;
        self.parts.view = view;
        self.parts.plan = Arc::clone(&self.folder.plan);
        self.config.generation = generation;
        self.moving = Some(Moving { last: false, done });
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

    pub(crate) fn checkpoint(&mut self, last: bool) -> Result<(), WorkerError> {
        if let Some(error) = self.checkpointer.failure() {
            return Err(error.into());
        }
        if self.cursor < self.level {
            // It would say of those ahead that they know less than they do, and they would fold it again.
            return Ok(());
        }
        if self.moving.is_some() {
            return self.move_on();
        }
        let (committed, since) = self.checkpointed;
        let dirty = self.folder.persons.dirty.len() + self.folder.ledger.lock().dirty();
        let moved = dirty > 0 || self.cursor != committed;
        let due = since.elapsed() >= self.config.checkpoint_every || dirty >= CHECKPOINT_DIRTY;
        if moved && (due || last) && self.checkpointer.is_free() {
            // States must not know what the log may still lose.
            self.parts.log.flush()?;
            let collected = checkpoint::collect(&mut self.folder, &self.owned, self.cursor.0);
            self.checkpointer.commit(collected);
            self.checkpointed = (self.cursor, Instant::now());
        }
        Ok(())
    }

    /// Gives the emptied store the next part of all states. Parts bear no cursor, for the states go
    /// on changing between them; who has changed since goes into the last one, which bears it.
    fn move_on(&mut self) -> Result<(), WorkerError> {
        let Some(moving) = &mut self.moving else { return Ok(()) };
        if !self.checkpointer.is_free() {
            return Ok(());
        }
        if moving.last {
            self.checkpointer.finish()?;
            if moving.done.send(()).is_err() {
                tracing::warn!("nobody waits for the states of the new rules");
            }
            self.moving = None;
            self.checkpointed = (self.cursor, Instant::now());
            return Ok(());
        }
        let left = self.folder.persons.dirty.len().max(self.folder.ledger.lock().dirty());
        moving.last = left <= MOVE_PERSONS;
        self.parts.log.flush()?;
        let part = if moving.last {
            checkpoint::collect(&mut self.folder, &self.owned, self.cursor.0)
        } else {
            checkpoint::collect_part(&mut self.folder, MOVE_PERSONS)
        };
        self.checkpointer.commit(part);
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
pub(crate) struct Appends(tokio::runtime::Runtime);

impl Appends {
    pub(crate) fn new() -> std::io::Result<Self> {
        tokio::runtime::Builder::new_current_thread().build().map(Self)
    }

    /// Appends what `take` gives; an overloaded log is asked again until it takes it, because a
    /// derived fact must not be lost and nobody else would retry it.
    pub(crate) fn append<L: EventLog>(
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
