//! The readers' side of a journal: its segments, how far they are durable, and reading them.
//!
//! Readers never wait for the writer and never see a byte that is not durable.
use super::walk::walk;
use crate::block::{Block, Seed};
use crate::segment::Segment;
use crate::{Cursor, LogError, limits};
use parking_lot::{Condvar, Mutex, RwLock};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What is readable of a journal.
#[derive(Debug)]
pub(crate) struct Shelf {
    /// Ascending and without gaps; never empty.
    segments: RwLock<Vec<Arc<Segment>>>,
    end: AtomicU64,
    pub(crate) seed: Seed,
    pub(crate) salt: u64,
    buffers: Mutex<Vec<Vec<u8>>>,
    waiters: Mutex<()>,
    bell: Condvar,
}

/// One segment and where it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) base: u64,
    pub(crate) end: u64,
    /// When its first byte could have been written, and when its last one was at the latest.
    pub(crate) created: i64,
    pub(crate) closed: Option<i64>,
}

impl Shelf {
    pub(crate) fn new(segments: Vec<Arc<Segment>>, end: u64) -> Self {
        let salt = segments.first().expect("a journal has a segment").header.salt;
        Self {
            segments: RwLock::new(segments),
            end: AtomicU64::new(end),
            seed: Seed::from_salt(salt),
            salt,
            buffers: Mutex::new(Vec::new()),
            waiters: Mutex::new(()),
            bell: Condvar::new(),
        }
    }

    pub(crate) fn end(&self) -> u64 {
        self.end.load(Ordering::Acquire)
    }

    pub(crate) fn oldest(&self) -> u64 {
        self.segments.read().first().expect("a journal has a segment").header.base
    }

    /// All segments, oldest first; the last is the one being written.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let segments = self.segments.read();
        let end = self.end();
        let next = segments.iter().skip(1).map(|s| Some(s.header)).chain([None]);
        let span = |(segment, next): (&Arc<Segment>, Option<crate::segment::Header>)| Span {
            base: segment.header.base,
            end: next.map_or(end, |n| n.base),
            created: segment.header.created,
            closed: next.map(|n| n.created),
        };
        segments.iter().zip(next).map(span).collect()
    }

    /// Everything before `end` is durable.
    pub(crate) fn publish(&self, end: u64) {
        self.end.store(end, Ordering::Release);
        // Taking the lock orders this after a waiter's look at the end, before it sleeps.
        drop(self.waiters.lock());
        self.bell.notify_all();
    }

    /// Makes what is published durable: all segments but the last were flushed when they were closed.
    pub(crate) fn flush(&self) -> Result<(), LogError> {
        let last = self.segments.read().last().map(Arc::clone);
        let segment = last.expect("a journal has a segment");
        let flushed = segment.file.sync_data();
        flushed.map_err(|e| LogError::failed("flush", &segment.path, e))
    }

    pub(crate) fn add(&self, segment: Arc<Segment>) {
        self.segments.write().push(segment);
    }

    /// Takes the oldest segment off, unless it is the only one.
    pub(crate) fn take_oldest(&self) -> Option<Arc<Segment>> {
        let mut segments = self.segments.write();
        (segments.len() > 1).then(|| segments.remove(0))
    }

    pub(crate) fn wait_past(&self, seen: u64, timeout: Duration) {
        let Some(until) = Instant::now().checked_add(timeout) else { return };
        let mut waiting = self.waiters.lock();
        while self.end() <= seen {
            if self.bell.wait_until(&mut waiting, until).timed_out() {
                return;
            }
        }
    }

    /// Visits whole blocks from `from` on, at least one if there is one, about `bytes_max` in all.
    /// Damage is reported by the read that starts at it, so that nothing is visited twice.
    pub(crate) fn read(
        &self,
        from: u64,
        bytes_max: usize,
        visit: &mut dyn FnMut(&Block<'_>),
    ) -> Result<u64, LogError> {
        let end = self.end();
        if from > end {
            return Err(LogError::Ahead { end: Cursor(end) });
        }
        let mut buffer = self.buffers.lock().pop().unwrap_or_default();
        let mut at = from;
        let mut result = Ok(());
        while at < end && (at == from || at - from < bytes_max as u64) {
            let budget = bytes_max.saturating_sub(usize::try_from(at - from).unwrap_or(usize::MAX));
            match self.read_segment(at, (end, budget), &mut buffer, visit) {
                Ok(next) => at = next,
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
        self.give_back(buffer);
        match result {
            Err(error) if at == from => Err(error),
            _ => Ok(at),
        }
    }

    fn read_segment(
        &self,
        at: u64,
        (end, budget): (u64, usize),
        buffer: &mut Vec<u8>,
        visit: &mut dyn FnMut(&Block<'_>),
    ) -> Result<u64, LogError> {
        let (segment, segment_end) = self.find(at, end)?;
        let mut visited = false;
        let mut visit = |block: &Block<'_>| {
            visited = true;
            visit(block);
        };
        let walked = walk((&segment, self.seed), at..segment_end, budget, buffer, &mut visit);
        let walked = walked.map_err(|e| LogError::io("read", &segment.path, e))?;
        match walked.flaw {
            Some(what) if !visited => Err(LogError::corrupt(&segment.path, walked.end, what)),
            _ => Ok(walked.end),
        }
    }

    fn find(&self, at: u64, end: u64) -> Result<(Arc<Segment>, u64), LogError> {
        let segments = self.segments.read();
        let index = segments.partition_point(|s| s.header.base <= at);
        let next = segments.get(index).map_or(end, |s| s.header.base.min(end));
        match index.checked_sub(1).and_then(|i| segments.get(i)) {
            Some(segment) => Ok((Arc::clone(segment), next)),
            None => Err(LogError::Retained { oldest: Cursor(segments[0].header.base) }),
        }
    }

    fn give_back(&self, buffer: Vec<u8>) {
        let mut buffers = self.buffers.lock();
        if buffers.len() < limits::READ_BUFFERS_KEPT && buffer.capacity() <= limits::READ_BYTES_MAX
        {
            buffers.push(buffer);
        }
    }
}
