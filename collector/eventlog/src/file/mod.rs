//! The log in files: a journal, an index of event ids, and the thread that writes both.
mod reader;
mod retention;
mod sequencer;

use crate::dedup::{Dedup, DedupConfig};
use crate::hand::{Hands, Idle, Runner};
use crate::intake::Intake;
use crate::journal::{Journal, JournalConfig, JournalCounters, Shelf};
use crate::segment::Kind;
use crate::{
    Append, Appended, Clock, Cursor, Disk, FileSystem, LogError, admission, block, limits,
};
pub(crate) use reader::visit_records;
use sequencer::{Counters, Request, Sequencer};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::oneshot;

/// When an append is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Once the device has it: survives a power cut.
    #[default]
    Fsync,
    /// Once the operating system has it: survives the death of the process only.
    Os,
}

/// How a [`FileLog`] is kept.
#[derive(Debug, Clone)]
pub struct FileLogConfig {
    /// Where the segments lie. Created if missing; one open log per directory.
    pub dir: PathBuf,
    /// Where the event ids lie.
    pub dedup_dir: PathBuf,
    /// Bytes of a segment; see [`limits::SEGMENT_BYTES`].
    pub segment_bytes: u64,
    /// What an answer promises.
    pub durability: Durability,
    /// Bytes of log after which the oldest segments go; 0 keeps everything.
    pub retention_bytes: u64,
    /// Age in milliseconds after which a segment goes; 0 keeps everything.
    pub retention_age_ms: i64,
    /// How long an id is known; see [`limits::DEDUP_WINDOW_MS`].
    pub dedup_window_ms: i64,
    /// Ids kept in memory before they are written to a run; see [`limits::GENERATION_IDS_MAX`].
    pub dedup_generation_ids: usize,
    /// Bytes that may wait for their answer; see [`limits::IN_FLIGHT_BYTES_MAX`].
    pub in_flight_bytes_max: usize,
    /// The log's receipt clock.
    pub clock: Clock,
}

impl FileLogConfig {
    /// Durable, everything kept, all limits at their defaults.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>, dedup_dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            dedup_dir: dedup_dir.into(),
            segment_bytes: limits::SEGMENT_BYTES,
            durability: Durability::Fsync,
            retention_bytes: 0,
            retention_age_ms: 0,
            dedup_window_ms: limits::DEDUP_WINDOW_MS,
            dedup_generation_ids: limits::GENERATION_IDS_MAX,
            in_flight_bytes_max: limits::IN_FLIGHT_BYTES_MAX,
            clock: Clock::system(),
        }
    }
}

/// What a log has done since it was opened, and what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct LogStats {
    /// Appends answered `Ok`.
    pub appends: u64,
    /// Records written.
    pub records: u64,
    /// Records that were not written because they were there.
    pub duplicates: u64,
    /// Groups made durable together.
    pub groups: u64,
    /// Appends in the last group.
    pub last_group_appends: u64,
    /// Flushes of the device.
    pub fsyncs: u64,
    /// Microseconds spent in them.
    pub fsync_micros: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Bytes that wait for their answer now.
    pub in_flight_bytes: u64,
    /// Segments there are.
    pub segments: u64,
    /// Bytes from the oldest block kept to the end.
    pub kept_bytes: u64,
    /// Ids known.
    pub dedup_ids: u64,
    /// Files of ids searched for a new one.
    pub dedup_runs: u64,
    /// Whether the device has failed: nothing is appended any more.
    pub failed: bool,
}

/// The log in files.
///
/// # Guarantees
/// As [`crate::EventLog`], and: the ids of a failed group are forgotten; a failed write or flush is
/// never tried again, every later append is refused with [`LogError::Failed`] until the log is
/// opened anew.
pub struct FileLog {
    shelf: Arc<Shelf>,
    intake: Arc<Intake<Request>>,
    counters: Arc<Counters>,
    journal_counters: Arc<JournalCounters>,
    keep_from: Arc<AtomicU64>,
    durability: Durability,
    runner: Runner<Sequencer>,
}

impl fmt::Debug for FileLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileLog").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl FileLog {
    /// Opens the log, or creates it. Cuts off an unfinished tail, and reads again the ids that no
    /// run covers. Blocks the calling thread.
    ///
    /// # Errors
    /// [`LogError::Corrupt`] names what is damaged; nothing is changed then. [`LogError::Locked`]
    /// if it is open already.
    pub fn open(config: FileLogConfig) -> Result<Self, LogError> {
        Self::open_on(config, Arc::new(FileSystem))
    }

    /// As [`FileLog::open`], on another disk than the machine's.
    ///
    /// # Errors
    /// As [`FileLog::open`].
    pub fn open_on(config: FileLogConfig, disk: Arc<dyn Disk>) -> Result<Self, LogError> {
        Self::open_with(config, disk, Hands::Threads)
    }

    /// As [`FileLog::open_on`], but without a thread: an append is written when it is polled for the
    /// second time, with everything that was handed in before; [`FileLog::tend_by_hand`] does what
    /// is done in idle moments. The same calls do the same to the disk in the same order.
    ///
    /// # Errors
    /// As [`FileLog::open`].
    pub fn open_by_hand(config: FileLogConfig, disk: Arc<dyn Disk>) -> Result<Self, LogError> {
        Self::open_with(config, disk, Hands::Caller)
    }

    /// Does what a log that was opened by hand has to do when nobody appends: closes the last group,
    /// rolls, seals, merges, removes what is old. Nothing for any other.
    pub fn tend_by_hand(&self) {
        self.runner.turn(Idle::Tends);
    }

    fn open_with(
        config: FileLogConfig,
        disk: Arc<dyn Disk>,
        hands: Hands,
    ) -> Result<Self, LogError> {
        let journal = Journal::open(JournalConfig {
            dir: config.dir.clone(),
            kind: Kind::Facts,
            segment_bytes: config.segment_bytes,
            durability: config.durability,
            disk: Arc::clone(&disk),
            clock: config.clock.clone(),
        })?;
        let dedup = DedupConfig {
            hands,
            disk,
            dir: config.dedup_dir.clone(),
            window_ms: config.dedup_window_ms,
            generation_ids: config.dedup_generation_ids,
        };
        let dedup = Dedup::open(dedup, journal.shelf(), config.clock.now_ms())?;
        let shelf = Arc::clone(journal.shelf());
        let journal_counters = Arc::clone(journal.counters());
        let intake = Arc::new(Intake::new(config.in_flight_bytes_max));
        let counters = Arc::new(Counters::default());
        let keep_from = Arc::new(AtomicU64::new(0));
        let (dir, durability) = (config.dir.clone(), config.durability);
        let sequencer = Sequencer::new(
            (journal, dedup),
            config,
            Arc::clone(&intake),
            Arc::clone(&counters),
            Arc::clone(&keep_from),
        );
        let runner = Runner::new(hands, "sillage-log", sequencer);
        let runner = runner.map_err(|e| LogError::io("start for", &dir, e))?;
        Ok(Self { shelf, intake, counters, journal_counters, keep_from, durability, runner })
    }

    /// Lets retention remove segments that lie wholly before `cursor`. Until it is first called,
    /// retention removes nothing: the owner may still have to read everything.
    pub fn set_keep_from(&self, cursor: Cursor) {
        self.keep_from.store(cursor.0, Ordering::Release);
    }

    /// What the log has done and holds.
    #[must_use]
    pub fn stats(&self) -> LogStats {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Counters { appends, records, duplicates, groups, last_group_appends, .. } =
            &*self.counters;
        let journal = &*self.journal_counters;
        let spans = self.shelf.spans();
        LogStats {
            appends: of(appends),
            records: of(records),
            duplicates: of(duplicates),
            groups: of(groups),
            last_group_appends: of(last_group_appends),
            fsyncs: of(&journal.fsyncs),
            fsync_micros: of(&journal.fsync_micros),
            bytes: of(&journal.bytes),
            in_flight_bytes: self.intake.in_flight_bytes() as u64,
            segments: spans.len() as u64,
            kept_bytes: self.shelf.end() - spans.first().map_or(0, |span| span.base),
            dedup_ids: of(&self.counters.dedup_ids),
            dedup_runs: of(&self.counters.dedup_runs),
            failed: of(&self.counters.failed) > 0,
        }
    }

    /// How long the oldest append that has no answer yet has waited for it.
    #[must_use]
    pub fn oldest_wait(&self) -> std::time::Duration {
        self.intake.oldest_wait()
    }

    pub(crate) async fn append_checked(&self, append: Append) -> Result<Appended, LogError> {
        admission::check(&append)?;
        let bytes = block::bytes_of(&append);
        let (reply, answer) = oneshot::channel();
        self.intake.push(Request { append, reply }, bytes)?;
        self.runner.work().await;
        answer.await.unwrap_or(Err(LogError::Closed))
    }
}

impl Drop for FileLog {
    /// Finishes what was handed in, then closes the files.
    fn drop(&mut self) {
        self.intake.close(LogError::Closed);
        self.runner.end();
    }
}

#[cfg(test)]
mod tests;
