//! A disk with a memory in front of it: it tears and loses what was not synced, refuses, runs full,
//! and dies in the middle of any operation.
//!
//! # Shape
//! What a read gives and what a power cut leaves are two images of each file and of each directory.
//! A write reaches the second one when it is synced; until then any 512-byte sector of it may have,
//! in any order, and so may the file's length and each change of a name. A failed sync leaves the
//! memory believing that all is well: the next one succeeds.
mod content;
mod names;

use super::met::Met;
use super::trace::Trace;
use crate::rng::Rng;
use content::{Content, SECTOR};
use names::Directory;
use sillage_eventlog::{Disk, DiskFile, DiskLock, OpenAs};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

/// In how many of a thousand operations of a kind the device refuses.
#[derive(Debug, Clone, Copy, Default)]
pub struct Troubles {
    /// Reads.
    pub read: u64,
    /// Writes, of which a part may have been done.
    pub write: u64,
    /// Syncs of files.
    pub sync: u64,
    /// Changes of names and syncs of directories.
    pub name: u64,
    /// In how many of a hundred writes the system writes some of it back by itself.
    pub write_back: u64,
}

/// Lies of the disk, to see whether worlds find them out. None of them is promised to be survived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lie {
    /// None.
    #[default]
    None,
    /// It says that it has synced files, and has not.
    FileSync,
    /// It says that it has synced directories, and has not.
    DirectorySync,
}

/// How a process ends against its will.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It is killed: what the system has in memory stays.
    Kill,
    /// Power is cut.
    PowerCut,
}

/// The disk. A clone is another handle on the same.
#[derive(Debug, Clone)]
pub struct SimDisk(Arc<Mutex<State>>);

#[derive(Debug, Clone)]
struct State {
    directories: BTreeMap<PathBuf, Directory>,
    files: BTreeMap<u64, Content>,
    next_file: u64,
    locks: BTreeSet<PathBuf>,
    /// Counts the processes that have had it; a handle of an earlier one is of no use.
    boot: u64,
    ops: u64,
    dies_at: Option<u64>,
    dead: bool,
    space: usize,
    full: bool,
    troubles: Troubles,
    lie: Lie,
    rng: Rng,
    met: Met,
    trace: Trace,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Read,
    Write,
    Sync,
    Name,
    Other,
}

fn dead() -> io::Error {
    io::Error::other("the process has ended")
}

fn refused() -> io::Error {
    io::Error::other("input/output error")
}

impl State {
    /// Counts an operation; whether it can be tried, and whether the process ends in it.
    fn begin(&mut self, op: Op, what: &str) -> io::Result<bool> {
        if self.dead {
            return Err(dead());
        }
        self.ops += 1;
        self.trace.tell(what, &[self.ops]);
        self.dead = self.dies_at.is_some_and(|at| self.ops >= at);
        if self.dead {
            self.met.one(match op {
                Op::Read => "disk: died in a read",
                Op::Write => "disk: died in a write",
                Op::Sync => "disk: died in a sync",
                Op::Name => "disk: died in a change of names",
                Op::Other => "disk: died elsewhere",
            });
        }
        Ok(self.dead)
    }

    /// Whether the device refuses this time.
    fn fails(&mut self, per_mille: u64, name: &'static str) -> bool {
        let fails = self.rng.bits() % 1_000 < per_mille;
        if fails {
            self.met.one(name);
            self.trace.tell(name, &[]);
        }
        fails
    }

    /// A change of names: done, done by a coin if the process ends in it, or refused.
    fn change(&mut self, what: &str) -> io::Result<bool> {
        let dies = self.begin(Op::Name, what)?;
        if dies && self.rng.chance(50) {
            return Err(dead());
        }
        if self.fails(self.troubles.name, "disk: a name was refused") {
            return Err(refused());
        }
        Ok(dies)
    }

    fn directory(&mut self, path: &Path) -> io::Result<&mut Directory> {
        let above = path.parent().unwrap_or(Path::new(""));
        self.directories.get_mut(above).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn find(&mut self, path: &Path) -> io::Result<u64> {
        let name = path.file_name().unwrap_or_default();
        let found = self.directory(path)?.seen.get(name).copied();
        found.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn used(&self) -> usize {
        self.files.values().map(|file| file.cached.len().max(file.reserved)).sum()
    }

    /// Whether so many more bytes fit.
    fn room_for(&mut self, bytes: usize) -> io::Result<()> {
        if self.full || self.used() + bytes > self.space {
            self.met.one("disk: full");
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn forget_nameless(&mut self) {
        let named: BTreeSet<u64> = self.directories.values().flat_map(Directory::files).collect();
        self.files.retain(|file, _| named.contains(file));
    }
}

impl SimDisk {
    /// An empty disk with so much space.
    #[must_use]
    pub fn new(seed: u64, space: usize, troubles: Troubles, lie: Lie) -> Self {
        Self(Arc::new(Mutex::new(State {
            directories: BTreeMap::from([(PathBuf::new(), Directory::default())]),
            files: BTreeMap::new(),
            next_file: 1,
            locks: BTreeSet::new(),
            boot: 0,
            ops: 0,
            dies_at: None,
            dead: false,
            space,
            full: false,
            troubles,
            lie,
            rng: Rng::new(seed),
            met: Met::default(),
            trace: Trace::default(),
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The process ends in the `ops`-th operation from now on.
    pub fn die_in(&self, ops: u64) {
        let mut state = self.state();
        state.dies_at = Some(state.ops + ops);
    }

    /// The process does not end by itself any more.
    pub fn die_never(&self) {
        self.state().dies_at = None;
    }

    /// The process ends now.
    pub fn die(&self) {
        self.state().dead = true;
    }

    /// Whether it has.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.state().dead
    }

    /// Operations so far.
    #[must_use]
    pub fn ops(&self) -> u64 {
        self.state().ops
    }

    /// From now on it is full, or no longer.
    pub fn set_full(&self, full: bool) {
        self.state().full = full;
    }

    /// From now on it gives these troubles.
    pub fn set_troubles(&self, troubles: Troubles) {
        self.state().troubles = troubles;
    }

    /// What the next process finds, after the last one has ended.
    pub fn restart(&self, end: End) {
        let mut state = self.state();
        let State { directories, files, rng, met, .. } = &mut *state;
        if end == End::PowerCut {
            for directory in directories.values_mut() {
                let lost = directory.crash(rng);
                met.many("disk: a change of names was lost", lost);
            }
            let mut torn = 0;
            for file in files.values_mut() {
                torn += u64::from(file.crash(rng));
            }
            met.many("disk: a file lost or kept what was not synced", torn);
        }
        state.forget_nameless();
        state.boot += 1;
        state.locks.clear();
        state.dies_at = None;
        state.dead = false;
    }

    /// A disk of its own with what this one holds, without its troubles.
    #[must_use]
    pub fn copy(&self) -> Self {
        let mut state = self.state().clone();
        state.troubles = Troubles::default();
        (state.dies_at, state.dead, state.full) = (None, false, false);
        state.locks.clear();
        state.boot += 1;
        for file in state.files.values_mut() {
            file.sync();
        }
        for directory in state.directories.values_mut() {
            directory.sync();
        }
        Self(Arc::new(Mutex::new(state)))
    }

    /// The files with this ending, with their contents.
    #[must_use]
    pub fn files(&self, extension: &str) -> Vec<(PathBuf, Vec<u8>)> {
        let state = self.state();
        let mut found = Vec::new();
        for (path, directory) in &state.directories {
            for (name, file) in &directory.seen {
                let path = path.join(name);
                if path.extension().is_some_and(|e| e == extension) {
                    found.push((path, state.files[file].cached.clone()));
                }
            }
        }
        found
    }

    /// Puts other bytes in a file, as a device does that has gone wrong.
    pub fn corrupt(&self, path: &Path, bytes: Vec<u8>) {
        let mut state = self.state();
        if let Ok(file) = state.find(path) {
            let content = state.files.entry(file).or_default();
            content.cached = bytes;
            content.sync();
        }
    }

    /// Whether these bytes lie anywhere, in memory or on the device.
    #[must_use]
    pub fn holds(&self, needle: &[u8]) -> bool {
        let state = self.state();
        let inside = |bytes: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
        state.files.values().any(|file| inside(&file.cached) || inside(&file.durable))
    }

    /// What was met.
    #[must_use]
    pub fn met(&self) -> Met {
        self.state().met.clone()
    }

    /// A hash of all operations.
    #[must_use]
    pub fn trace(&self) -> u64 {
        self.state().trace.hash()
    }
}

impl Disk for SimDisk {
    fn open(&self, path: &Path, how: OpenAs) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        let file = if how == OpenAs::New {
            state.change("create")?;
            match state.find(path) {
                Ok(file) => {
                    state.files.entry(file).or_default().set_len(0);
                    file
                }
                Err(_) => {
                    state.room_for(0)?;
                    let file = state.next_file;
                    state.next_file += 1;
                    let name = path.file_name().unwrap_or_default().to_owned();
                    state.directory(path)?.link(name, file);
                    state.files.insert(file, Content::default());
                    file
                }
            }
        } else {
            state.begin(Op::Other, "open")?;
            state.find(path)?
        };
        if state.dead {
            return Err(dead());
        }
        let (disk, boot) = (self.clone(), state.boot);
        Ok(Box::new(SimFile { disk, file, boot }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        let dies = state.change("rename")?;
        let file = state.find(from)?;
        let name = |path: &Path| path.file_name().unwrap_or_default().to_owned();
        state.directory(from)?.rename(name(from), name(to), file);
        if dies { Err(dead()) } else { Ok(()) }
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        let dies = state.change("remove")?;
        state.find(path)?;
        let name = path.file_name().unwrap_or_default().to_owned();
        state.directory(path)?.unlink(name);
        if dies { Err(dead()) } else { Ok(()) }
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        let mut state = self.state();
        if state.begin(Op::Read, "list")? {
            return Err(dead());
        }
        let directory = state.directories.get(dir).ok_or(io::ErrorKind::NotFound)?;
        let mut paths: Vec<PathBuf> = directory.seen.keys().map(|name| dir.join(name)).collect();
        if !paths.is_empty() {
            let at = state.rng.index(paths.len());
            paths.rotate_left(at);
        }
        Ok(paths)
    }

    fn make_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        if state.begin(Op::Name, "make_dir")? {
            return Err(dead());
        }
        // Made once, when a data directory is made: its name is as durable as the disk itself.
        state.directories.entry(dir.to_owned()).or_default();
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        let dies = state.change("sync_dir")?;
        let lies = state.lie == Lie::DirectorySync;
        let directory = state.directories.get_mut(dir).ok_or(io::ErrorKind::NotFound)?;
        if !lies {
            directory.sync();
        }
        if dies { Err(dead()) } else { Ok(()) }
    }

    fn lock(&self, path: &Path) -> io::Result<Option<DiskLock>> {
        let mut state = self.state();
        if state.begin(Op::Other, "lock")? {
            return Err(dead());
        }
        let boot = state.boot;
        let is_free = state.locks.insert(path.to_owned());
        let lock = SimLock { disk: self.clone(), path: path.to_owned(), boot };
        Ok(is_free.then(|| Box::new(lock) as DiskLock))
    }
}

struct SimLock {
    disk: SimDisk,
    path: PathBuf,
    boot: u64,
}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut state = self.disk.state();
        if state.boot == self.boot {
            state.locks.remove(&self.path);
        }
    }
}

/// An open file of a process.
#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    file: u64,
    boot: u64,
}

impl SimFile {
    fn begin(&self, op: Op, what: &str) -> io::Result<(MutexGuard<'_, State>, bool)> {
        let mut state = self.disk.state();
        if state.boot != self.boot {
            return Err(dead());
        }
        let dies = state.begin(op, what)?;
        Ok((state, dies))
    }

    fn sync(&self, what: &str) -> io::Result<()> {
        let (mut state, dies) = self.begin(Op::Sync, what)?;
        let rate = state.troubles.sync;
        let fails = state.fails(rate, "disk: a sync failed");
        let State { files, rng, lie, .. } = &mut *state;
        let content = files.entry(self.file).or_default();
        if dies {
            // Some of it arrives before the end; what is left of the memory is decided then.
            content.write_back(rng, 50);
            return Err(dead());
        }
        if fails {
            content.fail_to_sync(rng);
            return Err(refused());
        }
        if *lie != Lie::FileSync {
            content.sync();
        }
        Ok(())
    }
}

impl DiskFile for SimFile {
    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        let (mut state, dies) = self.begin(Op::Read, "read")?;
        if dies {
            return Err(dead());
        }
        let rate = state.troubles.read;
        if state.fails(rate, "disk: a read failed") {
            return Err(refused());
        }
        let at = usize::try_from(offset).map_err(io::Error::other)?;
        let content = state.files.entry(self.file).or_default();
        let found = content.cached.get(at..at + bytes.len());
        bytes.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let (mut state, dies) = self.begin(Op::Write, "write")?;
        let at = usize::try_from(offset).map_err(io::Error::other)?;
        let rate = state.troubles.write;
        let fails = state.fails(rate, "disk: a write failed");
        state.trace.tell("at", &[offset, bytes.len() as u64]);
        let reserved = state.files.entry(self.file).or_default().reserved;
        if at + bytes.len() > reserved {
            state.room_for(at + bytes.len() - reserved)?;
        }
        let State { files, rng, troubles, .. } = &mut *state;
        let content = files.entry(self.file).or_default();
        if dies || fails {
            // Some of it was done, up to any byte.
            let part = rng.index(bytes.len() + 1);
            content.write(&bytes[..part], at);
            return Err(if dies { dead() } else { refused() });
        }
        content.write(bytes, at);
        if rng.chance(troubles.write_back) {
            content.write_back(rng, 50);
        }
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync("sync_data")
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync("sync_all")
    }

    fn bytes(&self) -> io::Result<u64> {
        let (mut state, dies) = self.begin(Op::Other, "bytes")?;
        let bytes = state.files.entry(self.file).or_default().cached.len() as u64;
        if dies { Err(dead()) } else { Ok(bytes) }
    }

    fn set_bytes(&self, bytes: u64) -> io::Result<()> {
        let (mut state, dies) = self.begin(Op::Write, "set_bytes")?;
        let content = state.files.entry(self.file).or_default();
        content.set_len(usize::try_from(bytes).map_err(io::Error::other)?);
        content.reserved = content.cached.len();
        if dies { Err(dead()) } else { Ok(()) }
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        let (mut state, dies) = self.begin(Op::Write, "allocate")?;
        let bytes = usize::try_from(bytes).map_err(io::Error::other)?;
        let len = state.files.entry(self.file).or_default().cached.len();
        state.room_for(bytes.saturating_sub(len))?;
        state.files.entry(self.file).or_default().set_len(bytes.max(len));
        if dies { Err(dead()) } else { Ok(()) }
    }

    fn forget_cached(&self) -> io::Result<()> {
        let (mut state, dies) = self.begin(Op::Other, "forget")?;
        state.files.entry(self.file).or_default().forget_cached();
        if dies { Err(dead()) } else { Ok(()) }
    }
}

/// Bytes of a sector, for who damages whole ones.
pub const SECTOR_BYTES: usize = SECTOR;
