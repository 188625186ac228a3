//! The one thread that writes: it puts appends in order, leaves out what is there already, makes
//! them durable in groups, and only then answers.
use super::FileLogConfig;
use super::retention::Retention;
use crate::dedup::Dedup;
use crate::hand::{Flow, Idle, Writer};
use crate::intake::{Intake, Wake};
use crate::journal::Journal;
use crate::{Append, Appended, Cursor, LogError, admission, block, limits};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::oneshot;

type Reply = oneshot::Sender<Result<Appended, LogError>>;

/// One append on its way.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) append: Append,
    pub(crate) reply: Reply,
}

/// What the sequencer has done. Only it writes them.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) appends: AtomicU64,
    pub(crate) records: AtomicU64,
    pub(crate) duplicates: AtomicU64,
    pub(crate) groups: AtomicU64,
    pub(crate) last_group_appends: AtomicU64,
    pub(crate) dedup_ids: AtomicU64,
    pub(crate) dedup_runs: AtomicU64,
    pub(crate) failed: AtomicU64,
}

/// Appends that share the next write and flush.
#[derive(Default)]
struct Group {
    blocks: Vec<u8>,
    answers: Vec<(Reply, Appended)>,
    /// What of the intake's bound these appends take up.
    bytes: usize,
    records: u64,
    duplicates: u64,
}

pub(crate) struct Sequencer {
    journal: Journal,
    dedup: Dedup,
    config: FileLogConfig,
    intake: Arc<Intake<Request>>,
    counters: Arc<Counters>,
    keep_from: Arc<AtomicU64>,
    taken: VecDeque<(Request, usize)>,
    group: Group,
    /// Whatever ends the work, even a panic, nobody must wait for it for ever.
    _closer: Closer,
}

impl Sequencer {
    pub(crate) fn new(
        (journal, dedup): (Journal, Dedup),
        config: FileLogConfig,
        intake: Arc<Intake<Request>>,
        counters: Arc<Counters>,
        keep_from: Arc<AtomicU64>,
    ) -> Self {
        let (taken, group) = (VecDeque::new(), Group::default());
        let _closer = Closer(Arc::clone(&intake));
        let sequencer =
            Self { journal, dedup, config, intake, counters, keep_from, taken, group, _closer };
        sequencer.show_dedup();
        sequencer
    }

    fn write_taken(&mut self) -> Result<(), LogError> {
        let received = self.config.clock.now_ms();
        while let Some((request, bytes)) = self.taken.pop_front() {
            let made_room = self.make_room(&request.append, received);
            // Before anything can fail, so that a failure answers this request too.
            self.group.answers.push((request.reply, Appended::default()));
            self.group.bytes += bytes;
            made_room?;
            let appended = self.admit(&request.append, received)?;
            let (_, answer) = self.group.answers.last_mut().expect("it was just added");
            *answer = appended;
        }
        self.commit(received)?;
        self.dedup.tend(received)
    }

    /// Ends the group early if this append does not fit the segment or the generation of ids.
    fn make_room(&mut self, append: &Append, received: i64) -> Result<(), LogError> {
        let bytes = block::bytes_of(append);
        if (self.group.blocks.len() + bytes) as u64 > self.journal.room() {
            self.commit(received)?;
            if bytes as u64 > self.journal.room() {
                self.roll(bytes, received)?;
            }
        }
        if self.dedup.is_full(append.records.len(), received) {
            self.commit(received)?;
            self.seal()?;
        }
        Ok(())
    }

    /// Adds what is new of an append to the group.
    fn admit(&mut self, append: &Append, received: i64) -> Result<Appended, LogError> {
        let duplicates = admission::duplicates(append, |id| self.dedup.insert(id))?;
        let new = append.records.len() - duplicates.len();
        if new > 0 {
            let stamp = self.journal.stamp(self.group.blocks.len(), received);
            let seed = self.journal.shelf().seed;
            block::encode(seed, stamp, append, &duplicates, &mut self.group.blocks);
        }
        self.group.records += new as u64;
        self.group.duplicates += duplicates.len() as u64;
        let end = Cursor(self.journal.position() + self.group.blocks.len() as u64);
        Ok(Appended { duplicates, end })
    }

    /// Makes the group durable and answers it.
    fn commit(&mut self, received: i64) -> Result<(), LogError> {
        if !self.group.blocks.is_empty() {
            self.journal.commit(&self.group.blocks)?;
            self.dedup.commit(self.journal.position(), received);
        }
        self.show_dedup();
        let group = &mut self.group;
        let appends = group.answers.len() as u64;
        if appends > 0 {
            let Counters { appends: all, records, duplicates, groups, last_group_appends, .. } =
                &*self.counters;
            all.fetch_add(appends, Ordering::Relaxed);
            records.fetch_add(group.records, Ordering::Relaxed);
            duplicates.fetch_add(group.duplicates, Ordering::Relaxed);
            groups.fetch_add(1, Ordering::Relaxed);
            last_group_appends.store(appends, Ordering::Relaxed);
        }
        // Released first, so that whoever has its answer finds room for the next append.
        self.intake.release(group.bytes);
        for (reply, appended) in group.answers.drain(..) {
            // Nobody waits any more if the request was given up; its records are durable all the same.
            drop(reply.send(Ok(appended)));
        }
        (group.bytes, group.records, group.duplicates) = (0, 0, 0);
        group.blocks.clear();
        group.blocks.shrink_to(limits::GROUP_BYTES_MAX);
        Ok(())
    }

    fn roll(&mut self, bytes: usize, received: i64) -> Result<(), LogError> {
        self.journal.roll(bytes)?;
        self.retain(received)
    }

    fn retain(&mut self, now: i64) -> Result<(), LogError> {
        let keep_from = self.keep_from.load(Ordering::Acquire).min(self.dedup.covered());
        let FileLogConfig { retention_bytes: bytes, retention_age_ms: age_ms, .. } = self.config;
        let retention = Retention { bytes, age_ms, keep_from, now };
        for _ in 0..retention.removable(&self.journal.shelf().spans()) {
            self.journal.drop_oldest()?;
        }
        Ok(())
    }

    fn seal(&mut self) -> Result<(), LogError> {
        // A run must never know ids that the journal could lose.
        self.journal.sync()?;
        self.dedup.seal()
    }

    /// What is due when nobody appends.
    fn tend(&mut self) -> Result<(), LogError> {
        let now = self.config.clock.now_ms();
        self.journal.prove()?;
        let age_ms = self.config.retention_age_ms;
        let is_aged = age_ms > 0 && now.saturating_sub(self.journal.active_created()) > age_ms;
        if is_aged && !self.journal.is_fresh() {
            self.journal.roll(0)?;
        }
        if self.dedup.is_full(0, now) {
            self.seal()?;
        }
        self.dedup.tend(now)?;
        if self.config.retention_bytes > 0 || age_ms > 0 {
            self.retain(now)?;
        }
        self.show_dedup();
        Ok(())
    }

    fn show_dedup(&self) {
        self.counters.dedup_ids.store(self.dedup.id_count(), Ordering::Relaxed);
        self.counters.dedup_runs.store(self.dedup.run_count() as u64, Ordering::Relaxed);
    }
}

impl Writer for Sequencer {
    fn turn(&mut self, patience: Duration, idle: Idle) -> Result<Flow, LogError> {
        match self.intake.take(&mut self.taken, patience) {
            Wake::Work => self.write_taken()?,
            Wake::Idle if idle == Idle::Tends => self.tend()?,
            Wake::Idle => {}
            Wake::Closed => return Ok(Flow::Ended),
        }
        Ok(Flow::Goes)
    }

    fn close(mut self) {
        if let Err(error) = self.journal.prove() {
            tracing::error!(%error, "the log could not be closed cleanly");
        }
    }

    fn fail(mut self, error: &LogError) {
        tracing::error!(%error, "the log has failed and takes nothing more until it is opened anew");
        self.counters.failed.store(1, Ordering::Relaxed);
        let waiting = self.intake.fail(final_form(error, &self.config));
        let error = final_form(error, &self.config);
        let group = self.group.answers.drain(..).map(|(reply, _)| reply);
        let rest = self.taken.drain(..).chain(waiting).map(|(request, _)| request.reply);
        for reply in group.chain(rest) {
            drop(reply.send(Err(error.clone())));
        }
    }
}

/// Whatever stopped the sequencer, for those who append it is final.
fn final_form(error: &LogError, config: &FileLogConfig) -> LogError {
    match error {
        LogError::Io { what, place, source } => {
            let (place, source) = (place.clone(), Arc::clone(source));
            LogError::Failed { what, place, source }
        }
        LogError::Closed => {
            let source = std::io::Error::other("a thread of the log has died");
            LogError::failed("go on with", &config.dir, source)
        }
        other => other.clone(),
    }
}

struct Closer(Arc<Intake<Request>>);

impl Drop for Closer {
    fn drop(&mut self) {
        self.0.close(LogError::Closed);
        // Dropping what waits tells its owners.
        if std::thread::panicking() {
            drop(self.0.fail(LogError::Closed));
        }
    }
}
