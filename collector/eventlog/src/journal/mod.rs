//! A sequence of checked blocks in preallocated files: what the log of facts and the dead letters
//! are both made of.
//!
//! One thread writes it; any number read it through the [`Shelf`]. It does not know what a record
//! is about, and does not de-duplicate.
mod recovery;
mod shelf;
mod walk;

pub(crate) use shelf::{Shelf, Span};

use crate::block::Stamp;
use crate::file::Durability;
use crate::segment::{Header, Kind, Segment};
use crate::{Clock, Disk, DiskLock, LogError};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// How a journal is kept.
#[derive(Clone)]
pub(crate) struct JournalConfig {
    pub(crate) dir: PathBuf,
    pub(crate) kind: Kind,
    pub(crate) segment_bytes: u64,
    pub(crate) durability: Durability,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) clock: Clock,
}

/// What the writer has done, for whoever watches.
#[derive(Debug, Default)]
pub(crate) struct JournalCounters {
    pub(crate) fsyncs: AtomicU64,
    pub(crate) fsync_micros: AtomicU64,
    pub(crate) bytes: AtomicU64,
}

/// The writer's side.
pub(crate) struct Journal {
    config: JournalConfig,
    shelf: Arc<Shelf>,
    active: Arc<Segment>,
    /// Where the active segment's space ends.
    space_end: u64,
    /// Where the next block goes.
    position: u64,
    /// Everything before is durable, whatever the durability asked for.
    durable: u64,
    /// Nothing was written after the last block that could prove it durable.
    unproven: bool,
    /// The error after which this journal is never written again.
    broken: Option<LogError>,
    counters: Arc<JournalCounters>,
    /// Held as long as the journal is open.
    _lock: DiskLock,
}

impl Journal {
    /// Opens or creates the journal in its directory.
    pub(crate) fn open(config: JournalConfig) -> Result<Self, LogError> {
        let disk = &*config.disk;
        disk.make_dir(&config.dir).map_err(|e| LogError::io("create", &config.dir, e))?;
        let lock = lock(disk, &config.dir)?;
        let (segments, end) = match recovery::recover(disk, &config.dir, config.kind)? {
            Some(recovered) => (recovered.segments, recovered.end),
            None => (vec![create_first(&config)?], 0),
        };
        let active = Arc::clone(segments.last().expect("one was found or created"));
        let space_end = active.space_end()?;
        Ok(Self {
            shelf: Arc::new(Shelf::new(segments, end)),
            active,
            space_end,
            position: end,
            durable: end,
            unproven: false,
            broken: None,
            counters: Arc::default(),
            _lock: lock,
            config,
        })
    }

    pub(crate) fn shelf(&self) -> &Arc<Shelf> {
        &self.shelf
    }

    pub(crate) fn counters(&self) -> &Arc<JournalCounters> {
        &self.counters
    }

    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Bytes that still fit the active segment.
    pub(crate) fn room(&self) -> u64 {
        self.space_end - self.position
    }

    /// Whether the active segment holds nothing yet.
    pub(crate) fn is_fresh(&self) -> bool {
        self.position == self.active.header.base
    }

    pub(crate) fn active_created(&self) -> i64 {
        self.active.header.created
    }

    /// The stamp of a block that goes `ahead` bytes after the end.
    pub(crate) fn stamp(&self, ahead: usize, received: i64) -> Stamp {
        let position = self.position + ahead as u64;
        Stamp { position, durable: self.durable, received }
    }

    /// Writes blocks, stamped in order from [`Journal::position`] on, and makes them durable.
    ///
    /// # Errors
    /// Final: every later call gives the same error, and nothing of `blocks` was published.
    pub(crate) fn commit(&mut self, blocks: &[u8]) -> Result<(), LogError> {
        self.check()?;
        assert!(blocks.len() as u64 <= self.room(), "the caller rolls first");
        let offset = self.active.offset(self.position);
        if let Err(e) = self.active.file.write_all_at(blocks, offset) {
            let path = self.active.path.clone();
            return Err(self.break_down("write", &path, e));
        }
        self.position += blocks.len() as u64;
        self.counters.bytes.fetch_add(blocks.len() as u64, Ordering::Relaxed);
        if self.config.durability == Durability::Fsync {
            self.sync()?;
        }
        self.unproven = true;
        self.shelf.publish(self.position);
        Ok(())
    }

    /// Makes everything written durable.
    pub(crate) fn sync(&mut self) -> Result<(), LogError> {
        self.check()?;
        if self.durable == self.position {
            return Ok(());
        }
        let started = Instant::now();
        if let Err(e) = self.active.file.sync_data() {
            let path = self.active.path.clone();
            return Err(self.break_down("flush", &path, e));
        }
        let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.counters.fsyncs.fetch_add(1, Ordering::Relaxed);
        self.counters.fsync_micros.fetch_add(micros, Ordering::Relaxed);
        self.durable = self.position;
        Ok(())
    }

    /// Adds a block without records, whose durable position proves all blocks before it: damage to
    /// them can no longer be taken for a torn tail.
    pub(crate) fn prove(&mut self) -> Result<(), LogError> {
        if !self.unproven {
            return Ok(());
        }
        self.sync()?;
        let mut block = Vec::new();
        let stamp = self.stamp(0, self.config.clock.now_ms());
        crate::block::encode(self.shelf.seed, stamp, &crate::Append::default(), &[], &mut block);
        if block.len() as u64 <= self.room() {
            self.commit(&block)?;
            self.sync()?;
        }
        self.unproven = false;
        Ok(())
    }

    /// Closes the active segment and opens one with room for at least `bytes`.
    pub(crate) fn roll(&mut self, bytes: usize) -> Result<(), LogError> {
        self.check()?;
        let rolled = self.try_roll(bytes as u64);
        if let Err(error) = &rolled {
            self.broken = Some(error.clone());
        }
        rolled
    }

    fn try_roll(&mut self, bytes: u64) -> Result<(), LogError> {
        self.sync()?;
        // The next segment's name is durable only after this one has its final length.
        self.active.cut(self.position, self.position)?;
        let created = self.config.clock.now_ms();
        let header = Header { base: self.position, created, ..self.active.header };
        let capacity = bytes.max(self.config.segment_bytes);
        let segment =
            Arc::new(Segment::create(&*self.config.disk, &self.config.dir, header, capacity)?);
        self.space_end = self.position + capacity;
        self.shelf.add(Arc::clone(&segment));
        self.active = segment;
        self.unproven = false;
        Ok(())
    }

    /// Removes the oldest segment, unless it is the active one.
    pub(crate) fn drop_oldest(&mut self) -> Result<(), LogError> {
        let Some(segment) = self.shelf.take_oldest() else { return Ok(()) };
        // One after the other, each durable: a crash must not leave a hole.
        let disk = &self.config.disk;
        let removed = disk.remove(&segment.path).and_then(|()| disk.sync_dir(&self.config.dir));
        removed.map_err(|e| self.break_down("remove", &segment.path, e))
    }

    fn check(&self) -> Result<(), LogError> {
        self.broken.clone().map_or(Ok(()), Err)
    }

    fn break_down(&mut self, what: &'static str, at: &Path, source: std::io::Error) -> LogError {
        let error = LogError::failed(what, at, source);
        self.broken.get_or_insert(error).clone()
    }
}

fn create_first(config: &JournalConfig) -> Result<Arc<Segment>, LogError> {
    // The keys of the standard hasher are the only randomness the standard library gives out.
    let salt = RandomState::new().build_hasher().finish();
    let header = Header { kind: config.kind, base: 0, salt, created: config.clock.now_ms() };
    let segment = Segment::create(&*config.disk, &config.dir, header, config.segment_bytes)?;
    Ok(Arc::new(segment))
}

fn lock(disk: &dyn Disk, dir: &Path) -> Result<DiskLock, LogError> {
    let path = dir.join("LOCK");
    let lock = disk.lock(&path).map_err(|e| LogError::io("lock", &path, e))?;
    lock.ok_or_else(|| LogError::Locked { dir: dir.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DiskFile;
    use crate::wrapped::{Hooks, Wrapped};
    use parking_lot::Mutex;
    use std::io;

    /// Fails the first flush only, and remembers what was tried.
    #[derive(Debug, Default)]
    struct FailsOnce(Mutex<Vec<&'static str>>);

    impl Hooks for FailsOnce {
        fn write_at(&self, _: &dyn DiskFile, _: &[u8], _: u64) -> io::Result<()> {
            self.0.lock().push("write");
            Ok(())
        }

        fn sync(&self, _: &dyn DiskFile) -> io::Result<()> {
            let mut tried = self.0.lock();
            tried.push("flush");
            if tried.len() == 2 { Err(io::Error::other("failed once")) } else { Ok(()) }
        }
    }

    #[test]
    fn after_a_failed_flush_nothing_is_written_flushed_or_published() {
        let dir = tempfile::tempdir().unwrap();
        let device = Arc::new(FailsOnce::default());
        let mut journal = Journal::open(JournalConfig {
            dir: dir.path().to_owned(),
            kind: Kind::Facts,
            segment_bytes: 4_096,
            durability: Durability::Fsync,
            disk: Wrapped::disk(&device),
            clock: Clock::new(|| 0),
        })
        .unwrap();
        for _ in 0..2 {
            assert!(matches!(journal.commit(&[1; 64]), Err(LogError::Failed { .. })));
            assert!(matches!(journal.sync(), Err(LogError::Failed { .. })));
            assert!(matches!(journal.roll(0), Err(LogError::Failed { .. })));
        }
        assert_eq!(journal.shelf().end(), 0);
        assert_eq!(*device.0.lock(), ["write", "flush"]);
    }
}
