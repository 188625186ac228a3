//! Events that were refused, kept with the reason and their raw bytes, for whoever wants to know or
//! to send them again.
//!
//! Not a log: nothing is de-duplicated, and the oldest letters make room for new ones.
mod letter;
mod writer;

use crate::file::Durability;
use crate::hand::{Hands, Runner};
use crate::intake::Intake;
use crate::journal::{Journal, JournalConfig, Shelf};
use crate::segment::Kind;
use crate::{Append, Clock, Disk, FileSystem, LogError, block, limits};
pub use letter::DeadLetter;
use std::collections::VecDeque;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::oneshot;
use writer::{Counters, Request, Writer};

/// Where dead letters are kept and how many.
#[derive(Debug, Clone)]
pub struct DeadLetterConfig {
    /// Where the files lie. Created if missing.
    pub dir: PathBuf,
    /// Bytes kept; see [`limits::DEAD_LETTERS_BYTES_MAX`].
    pub bytes_max: u64,
    /// What an answer promises.
    pub durability: Durability,
    /// Stamps the files.
    pub clock: Clock,
}

impl DeadLetterConfig {
    /// Durable, all limits at their defaults.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            bytes_max: limits::DEAD_LETTERS_BYTES_MAX,
            durability: Durability::Fsync,
            clock: Clock::system(),
        }
    }
}

/// Names one kept letter. Later letters have greater ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeadLetterId(pub u64);

/// A letter as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDeadLetter {
    /// Its name; listing can go on after it.
    pub id: DeadLetterId,
    /// The letter.
    pub letter: DeadLetter,
}

/// From which end to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ListOrder {
    /// The newest letter first; going on after an id gives older ones.
    #[default]
    NewestFirst,
    /// The oldest letter first; going on after an id gives newer ones.
    OldestFirst,
}

/// What has happened to letters since these were opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct DeadLetterStats {
    /// Letters kept durably.
    pub stored: u64,
    /// Letters removed to make room.
    pub dropped: u64,
    /// Letters whose raw bytes were too long and were cut.
    pub cut: u64,
    /// Bytes on disk now.
    pub kept_bytes: u64,
    /// Whether the device has failed: no letter is kept any more.
    pub failed: bool,
}

/// The dead letters of one project.
pub struct DeadLetters {
    shelf: Arc<Shelf>,
    intake: Arc<Intake<Request>>,
    counters: Arc<Counters>,
    cut: AtomicU64,
    runner: Runner<Writer>,
}

impl fmt::Debug for DeadLetters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetters").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl DeadLetters {
    /// Opens the letters, or creates their place. Blocks the calling thread.
    ///
    /// # Errors
    /// [`LogError::Corrupt`] names what is damaged; [`LogError::Locked`] if they are open already.
    pub fn open(config: DeadLetterConfig) -> Result<Self, LogError> {
        Self::open_on(config, Arc::new(FileSystem))
    }

    /// As [`DeadLetters::open`], on another disk than the machine's.
    ///
    /// # Errors
    /// As [`DeadLetters::open`].
    pub fn open_on(config: DeadLetterConfig, disk: Arc<dyn Disk>) -> Result<Self, LogError> {
        Self::open_with(config, disk, Hands::Threads)
    }

    /// As [`DeadLetters::open_on`], but without a thread: letters are written when their append is
    /// polled for the second time.
    ///
    /// # Errors
    /// As [`DeadLetters::open`].
    pub fn open_by_hand(config: DeadLetterConfig, disk: Arc<dyn Disk>) -> Result<Self, LogError> {
        Self::open_with(config, disk, Hands::Caller)
    }

    fn open_with(
        config: DeadLetterConfig,
        disk: Arc<dyn Disk>,
        hands: Hands,
    ) -> Result<Self, LogError> {
        let DeadLetterConfig { dir, bytes_max, durability, clock } = config;
        let segment_bytes = bytes_max / limits::DEAD_LETTER_SEGMENTS;
        let kind = Kind::DeadLetters;
        let place = dir.clone();
        let journal =
            Journal::open(JournalConfig { dir, kind, segment_bytes, durability, disk, clock })?;
        let shelf = Arc::clone(journal.shelf());
        let intake = Arc::new(Intake::new(limits::DEAD_LETTERS_IN_FLIGHT_BYTES_MAX));
        let counters = Arc::new(Counters::default());
        let writer = Writer::new(journal, Arc::clone(&intake), Arc::clone(&counters), bytes_max);
        let runner = Runner::new(hands, "sillage-letters", writer);
        let runner = runner.map_err(|e| LogError::io("start for", &place, e))?;
        Ok(Self { shelf, intake, counters, cut: AtomicU64::new(0), runner })
    }

    /// Keeps a letter; durable when it resolves.
    ///
    /// # Errors
    /// [`LogError::Overloaded`] to try again; [`LogError::Failed`] until opened anew.
    pub async fn append(&self, letter: DeadLetter) -> Result<DeadLetterId, LogError> {
        let ids = self.append_all(vec![letter]).await?;
        Ok(*ids.first().expect("one letter has one id"))
    }

    /// Keeps the letters of one request; all are durable when it resolves. If it fails, some of
    /// them may have been kept.
    ///
    /// # Errors
    /// As [`DeadLetters::append`].
    pub async fn append_all(
        &self,
        letters: Vec<DeadLetter>,
    ) -> Result<Vec<DeadLetterId>, LogError> {
        let letters: Vec<DeadLetter> = letters.into_iter().map(DeadLetter::bounded).collect();
        let cut = letters.iter().filter(|letter| letter.cut).count();
        let appends: Vec<Append> = letters.iter().map(DeadLetter::to_append).collect();
        let bytes = appends.iter().map(block::bytes_of).sum();
        let (reply, answer) = oneshot::channel();
        self.intake.push(Request { appends, reply }, bytes)?;
        self.runner.work().await;
        let ids = answer.await.unwrap_or(Err(LogError::Closed))?;
        self.cut.fetch_add(cut as u64, Ordering::Relaxed);
        Ok(ids)
    }

    /// The letters after `after` in the order asked for, at most `limit` (and at most
    /// [`limits::DEAD_LETTERS_LISTED_MAX`]); all are listed when none come back.
    ///
    /// # Errors
    /// [`LogError::Corrupt`] names what is damaged.
    pub fn list(
        &self,
        after: Option<DeadLetterId>,
        limit: usize,
        order: ListOrder,
    ) -> Result<Vec<StoredDeadLetter>, LogError> {
        let limit = limit.min(limits::DEAD_LETTERS_LISTED_MAX);
        let places = match order {
            ListOrder::OldestFirst => self.places_after(after, limit)?,
            ListOrder::NewestFirst => self.places_before(after, limit)?,
        };
        let mut bytes = 0;
        let mut letters = Vec::new();
        for place in places {
            let Some(stored) = self.letter_at(place)? else { continue };
            bytes += stored.letter.raw.len();
            if bytes > limits::DEAD_LETTERS_LISTED_BYTES_MAX && !letters.is_empty() {
                break;
            }
            letters.push(stored);
        }
        Ok(letters)
    }

    /// What has happened to letters.
    #[must_use]
    pub fn stats(&self) -> DeadLetterStats {
        DeadLetterStats {
            stored: self.counters.stored.load(Ordering::Relaxed),
            dropped: self.counters.dropped.load(Ordering::Relaxed),
            cut: self.cut.load(Ordering::Relaxed),
            kept_bytes: self.shelf.end().saturating_sub(self.shelf.oldest()),
            failed: self.counters.failed.load(Ordering::Relaxed),
        }
    }

    fn places_after(
        &self,
        after: Option<DeadLetterId>,
        limit: usize,
    ) -> Result<Vec<u64>, LogError> {
        let oldest = self.shelf.oldest();
        let mut at = after.map_or(oldest, |id| id.0.max(oldest));
        let mut places = Vec::new();
        while places.len() < limit {
            let next = self.shelf.read(at, limits::READ_BYTES_MIN, &mut |block| {
                let is_after = after.is_none_or(|id| block.position > id.0);
                if block.record_count() > 0 && is_after && places.len() < limit {
                    places.push(block.position);
                }
            });
            match next {
                Ok(next) if next > at => at = next,
                Ok(_) => break,
                // Room was made meanwhile.
                Err(LogError::Retained { oldest }) => at = oldest.0,
                Err(error) => return Err(error),
            }
        }
        Ok(places)
    }

    fn places_before(
        &self,
        before: Option<DeadLetterId>,
        limit: usize,
    ) -> Result<Vec<u64>, LogError> {
        let before = before.map_or(u64::MAX, |id| id.0);
        let mut places = Vec::new();
        for span in self.shelf.spans().iter().rev().filter(|span| span.base < before) {
            if places.len() >= limit {
                break;
            }
            let wanted = limit - places.len();
            let mut newest = VecDeque::new();
            let mut at = span.base;
            while at < span.end.min(before) {
                let read = self.shelf.read(at, limits::READ_BYTES_MAX, &mut |block| {
                    let is_here = block.position < span.end.min(before);
                    if block.record_count() > 0 && is_here {
                        newest.push_back(block.position);
                    }
                    if newest.len() > wanted {
                        newest.pop_front();
                    }
                });
                match read {
                    Ok(next) => at = next,
                    Err(LogError::Retained { .. }) => break,
                    Err(error) => return Err(error),
                }
            }
            places.extend(newest.into_iter().rev());
        }
        Ok(places)
    }

    fn letter_at(&self, place: u64) -> Result<Option<StoredDeadLetter>, LogError> {
        let mut found = None;
        let read = self.shelf.read(place, 0, &mut |block| {
            let letter = block.records().next().map(|record| DeadLetter::from_body(record.body));
            found = letter.map(|letter| StoredDeadLetter { id: DeadLetterId(place), letter });
        });
        match read {
            Ok(_) | Err(LogError::Retained { .. }) => Ok(found),
            Err(error) => Err(error),
        }
    }
}

impl Drop for DeadLetters {
    /// Finishes what was handed in, then closes the files.
    fn drop(&mut self) {
        self.intake.close(LogError::Closed);
        self.runner.end();
    }
}

#[cfg(test)]
mod tests;
