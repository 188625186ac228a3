//! A disk in memory that does to a spool what real ones do: it dies in the middle of a write, loses
//! what was not synced, fills up, fails calls and flips bits. Byte-exact and deterministic.
use crate::spool::Disk;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A handle to a simulated disk; clones share it, so that a test can hold one while a spool holds
/// another.
#[derive(Debug, Clone, Default)]
pub struct SimDisk(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    /// What the running system sees.
    files: BTreeMap<u64, SimFile>,
    /// The names that survive a power cut for sure, with their files' durable bytes.
    named: BTreeMap<u64, Vec<u8>>,
    death: Option<Death>,
    is_dead: bool,
    full_at: Option<u64>,
    failing: Vec<(Call, ErrorKind)>,
    calls: u64,
    bytes_written: u64,
    failed_syncs: u64,
}

#[derive(Debug, Clone, Default)]
struct SimFile {
    bytes: Vec<u8>,
    durable: Vec<u8>,
    /// What a failed sync has lost: the running system sees it, the disk never gets it.
    lost: Vec<Range<usize>>,
}

impl SimFile {
    /// What the disk would get.
    fn image(&self) -> Vec<u8> {
        let mut image = self.bytes.clone();
        for lost in &self.lost {
            let end = lost.end.min(image.len());
            image.get_mut(lost.start..end).into_iter().flatten().for_each(|byte| *byte = 0);
        }
        image
    }
}

/// When the process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// Once so many more bytes have been appended; the rest of that append does not happen.
    AfterBytes(u64),
    /// Before the call after so many more calls.
    AfterCalls(u64),
}

/// A kind of call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "named after the functions of Disk")]
pub enum Call {
    Segments,
    Read,
    Append,
    Cut,
    Sync,
    Remove,
    SyncNames,
}

impl SimDisk {
    /// An empty disk without faults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets the process die at some point. From then on every call fails, until [`SimDisk::revive`].
    pub fn die(&self, when: Death) {
        self.inner().death = Some(when);
    }

    /// Whether the process has died.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.inner().is_dead
    }

    /// A new process: sees all that was written, torn as it is.
    pub fn revive(&self) {
        let mut inner = self.inner();
        (inner.is_dead, inner.death) = (false, None);
    }

    /// The machine loses power and starts again. Each file keeps its durable bytes and, if it has
    /// only grown since, `keep(n)` of the `n` bytes that came later; one that was cut back is as
    /// before or after. Segments whose creation or removal was not made durable are there or not:
    /// `keep(1)`. `keep(n)` must give 0 to n.
    pub fn power_cut(&self, mut keep: impl FnMut(u64) -> u64) {
        let mut inner = self.inner();
        let mut after = BTreeMap::new();
        let mut names: Vec<u64> = inner.files.keys().chain(inner.named.keys()).copied().collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let was_named = inner.named.get(&name);
            let file = inner.files.get(&name);
            let is_sure = was_named.is_some() && file.is_some();
            if !is_sure && keep(1) == 0 {
                continue;
            }
            let bytes = match file {
                Some(file) => survivor(&file.durable, file.image(), &mut keep),
                None => was_named.cloned().unwrap_or_default(),
            };
            after.insert(name, SimFile { durable: bytes.clone(), bytes, lost: Vec::new() });
        }
        inner.named = after.iter().map(|(&name, file)| (name, file.durable.clone())).collect();
        inner.files = after;
        (inner.is_dead, inner.death) = (false, None);
    }

    /// From now on there is no room beyond so many bytes in all; `None`: there is always room.
    pub fn full_at(&self, bytes: Option<u64>) {
        self.inner().full_at = bytes;
    }

    /// The next call of this kind fails so. Several wait in line. A failed sync loses what it was to
    /// make durable, although the running system goes on seeing it.
    pub fn fail_next(&self, call: Call, kind: ErrorKind) {
        self.inner().failing.push((call, kind));
    }

    /// Takes back what [`SimDisk::fail_next`] still has in line.
    pub fn fail_no_more(&self) {
        self.inner().failing.clear();
    }

    /// Flips one bit, counted over all segments in order; `false` if there are not so many.
    pub fn flip(&self, bit: u64) -> bool {
        let mut inner = self.inner();
        let mut left = usize::try_from(bit / 8).unwrap_or(usize::MAX);
        for file in inner.files.values_mut() {
            if let Some(byte) = file.bytes.get_mut(left) {
                *byte ^= 1 << (bit % 8);
                if let Some(durable) = file.durable.get_mut(left) {
                    *durable ^= 1 << (bit % 8);
                }
                return true;
            }
            left -= file.bytes.len();
        }
        false
    }

    /// Bytes on it.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.inner().files.values().map(|file| file.bytes.len() as u64).sum()
    }

    /// Calls so far.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.inner().calls
    }

    /// Bytes appended so far.
    #[must_use]
    pub fn bytes_written(&self) -> u64 {
        self.inner().bytes_written
    }

    /// Syncs so far that failed, and lost what they were to make durable.
    #[must_use]
    pub fn failed_syncs(&self) -> u64 {
        self.inner().failed_syncs
    }

    /// Whether any segment holds these bytes in a row.
    #[must_use]
    pub fn holds(&self, needle: &[u8]) -> bool {
        let inner = self.inner();
        let mut files = inner.files.values();
        files.any(|file| file.bytes.windows(needle.len().max(1)).any(|window| window == needle))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call(&self, call: Call) -> io::Result<MutexGuard<'_, Inner>> {
        let mut inner = self.inner();
        if let Some(Death::AfterCalls(left)) = &mut inner.death {
            match left.checked_sub(1) {
                Some(fewer) => *left = fewer,
                None => inner.is_dead = true,
            }
        }
        if inner.is_dead {
            return Err(ErrorKind::BrokenPipe.into());
        }
        inner.calls += 1;
        if let Some(at) = inner.failing.iter().position(|(failing, _)| *failing == call) {
            let (_, kind) = inner.failing.remove(at);
            return Err(kind.into());
        }
        Ok(inner)
    }
}

/// What is left of a file whose last durable bytes and present bytes are given.
fn survivor(durable: &[u8], mut present: Vec<u8>, keep: &mut impl FnMut(u64) -> u64) -> Vec<u8> {
    if present.starts_with(durable) {
        let more = (present.len() - durable.len()) as u64;
        let kept = usize::try_from(keep(more).min(more)).unwrap_or(0);
        present.truncate(durable.len() + kept);
    } else if keep(1) == 0 {
        return durable.to_vec();
    }
    present
}

impl Disk for SimDisk {
    fn segments(&mut self) -> io::Result<Vec<u64>> {
        Ok(self.call(Call::Segments)?.files.keys().copied().collect())
    }

    fn read(&mut self, segment: u64, bytes_max: u64) -> io::Result<Vec<u8>> {
        let inner = self.call(Call::Read)?;
        let file = inner.files.get(&segment).ok_or(ErrorKind::NotFound)?;
        let read = file.bytes.len().min(usize::try_from(bytes_max).unwrap_or(usize::MAX));
        Ok(file.bytes.get(..read).unwrap_or_default().to_vec())
    }

    fn append(&mut self, segment: u64, bytes: &[u8]) -> io::Result<()> {
        let used = self.bytes();
        let mut inner = self.call(Call::Append)?;
        let mut room = bytes.len() as u64;
        let mut failure = None;
        if let Some(free) = inner.full_at.map(|full| full.saturating_sub(used))
            && free < room
        {
            (room, failure) = (free, Some(ErrorKind::StorageFull));
        }
        if let Some(Death::AfterBytes(left)) = &mut inner.death {
            if *left < room {
                (room, failure) = (*left, Some(ErrorKind::BrokenPipe));
            }
            *left -= room;
        }
        inner.is_dead |= failure == Some(ErrorKind::BrokenPipe);
        inner.bytes_written += room;
        let written = bytes.get(..usize::try_from(room).unwrap_or(0)).unwrap_or_default();
        inner.files.entry(segment).or_default().bytes.extend_from_slice(written);
        failure.map_or(Ok(()), |kind| Err(kind.into()))
    }

    fn cut(&mut self, segment: u64, length: u64) -> io::Result<()> {
        let mut inner = self.call(Call::Cut)?;
        let file = inner.files.get_mut(&segment).ok_or(ErrorKind::NotFound)?;
        file.bytes.truncate(usize::try_from(length).unwrap_or(usize::MAX));
        Ok(())
    }

    fn sync(&mut self, segment: u64) -> io::Result<()> {
        let called = self.call(Call::Sync).map(drop);
        let mut inner = self.inner();
        let inner = &mut *inner;
        let file = inner.files.get_mut(&segment).ok_or(ErrorKind::NotFound)?;
        if called.is_err() && !inner.is_dead {
            inner.failed_syncs += 1;
            file.lost.push(file.durable.len()..file.bytes.len());
        }
        called?;
        file.durable = file.image();
        if let Some(named) = inner.named.get_mut(&segment) {
            named.clone_from(&file.durable);
        }
        Ok(())
    }

    fn remove(&mut self, segment: u64) -> io::Result<()> {
        let mut inner = self.call(Call::Remove)?;
        inner.files.remove(&segment).map(drop).ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn sync_names(&mut self) -> io::Result<()> {
        let mut inner = self.call(Call::SyncNames)?;
        inner.named =
            inner.files.iter().map(|(&name, file)| (name, file.durable.clone())).collect();
        Ok(())
    }
}
