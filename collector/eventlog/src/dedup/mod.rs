//! Which event ids the log has seen within its window. Exact, and it survives restarts.
//!
//! # Shape
//! Ids of the newest blocks lie in a hash table, the *generation*. A full generation is sealed into
//! a sorted file, a *run*, by a thread in the background; it stays searchable in memory until the
//! file is durable. Runs are merged so that few are searched, and removed when the window has
//! passed. What no run covers is read from the journal again when the log is opened.
//!
//! # Guarantees
//! - An id is called a duplicate only after the exact list was looked at; the filters only spare
//!   looks.
//! - An id stays known for the window, and at most one slot (an eighth of it) longer.
//!
//! # Cost
//! Memory: 17 bytes a place in the current generation (18 MB when full, at most twice while one is
//! being sealed, plus 16 bytes an id for sorting), and 1.32 bytes for every older id of the window:
//! 100 million ids cost 132 MB. Disk: 17.3 bytes an id. A new id costs one probe of the generation
//! and one cache miss a run; about one in a hundred of these reads a page.
mod background;
mod filter;
mod generation;
mod merge;
mod rebuild;
pub(crate) mod run;

use crate::hand::Hands;
use crate::{Disk, LogError};
use background::Background;
use generation::Generation;
use merge::Slots;
use run::Run;
use sillage_model::EventId;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How ids are kept.
#[derive(Debug, Clone)]
pub(crate) struct DedupConfig {
    pub(crate) hands: Hands,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) dir: PathBuf,
    pub(crate) window_ms: i64,
    pub(crate) generation_ids: usize,
}

/// The index. Owned by the sequencer, so nothing in it is locked.
pub(crate) struct Dedup {
    config: DedupConfig,
    slots: Slots,
    current: Generation,
    sealed: Option<Arc<Generation>>,
    /// Ascending by journal position.
    runs: Vec<Arc<Run>>,
    /// How many of the runs are being merged, if any: from which journal position to which.
    merging: Option<(u64, u64)>,
    sealer: Background,
    merger: Background,
}

impl Dedup {
    /// Makes the id known; `false` if it was. An id whose group then fails needs no taking back: the
    /// index is dropped with its log, and only committed ids are ever sealed.
    pub(crate) fn insert(&mut self, id: EventId) -> Result<bool, LogError> {
        if !self.current.ids.insert(id.0) {
            return Ok(false);
        }
        let is_older = self.is_older(id.0)?;
        if is_older {
            self.current.ids.remove(&id.0);
        }
        Ok(!is_older)
    }

    fn is_older(&self, id: u128) -> Result<bool, LogError> {
        if self.sealed.as_ref().is_some_and(|sealed| sealed.ids.contains(&id)) {
            return Ok(true);
        }
        for run in self.runs.iter().rev() {
            match run.contains(id) {
                Ok(false) => {}
                Err(error @ LogError::Corrupt { .. }) => {
                    set_aside(&*self.config.disk, &run.path)?;
                    return Err(error);
                }
                found => return found,
            }
        }
        Ok(false)
    }

    /// All ids inserted are durable in the journal, which now ends at `end`.
    pub(crate) fn commit(&mut self, end: u64, received: i64) {
        self.current.extend(end, received);
    }

    /// Whether the generation should be sealed before `more` ids come.
    pub(crate) fn is_full(&self, more: usize, now: i64) -> bool {
        let Generation { ids, coverage } = &self.current;
        // Before its first commit a generation has no time yet.
        let has_time = coverage.least_ms <= coverage.largest_ms;
        let is_of_the_past = has_time && self.slots.of(coverage.largest_ms) < self.slots.of(now);
        !ids.is_empty() && (ids.len() + more > self.config.generation_ids || is_of_the_past)
    }

    /// Starts to write the generation as a run. All its ids must be committed, and the journal
    /// durable as far as it covers.
    /// Waits for the run before it, which bounds the memory.
    pub(crate) fn seal(&mut self) -> Result<(), LogError> {
        if self.sealed.is_some() {
            let run = self.sealer.wait()?;
            self.add_sealed(run);
        }
        let next = Generation::starting(self.current.coverage.to, self.current.coverage.salt);
        let sealed = Arc::new(std::mem::replace(&mut self.current, next));
        let DedupConfig { disk, dir, .. } = self.config.clone();
        self.sealed = Some(Arc::clone(&sealed));
        self.sealer.start(move |_| write_generation(&*disk, &dir, &sealed));
        Ok(())
    }

    /// Takes over what the background has finished, starts what is next, removes what is too old.
    pub(crate) fn tend(&mut self, now: i64) -> Result<(), LogError> {
        if self.sealed.is_some()
            && let Some(run) = self.sealer.poll()
        {
            self.add_sealed(run?);
        }
        if let Some((from, to)) = self.merging
            && let Some(run) = self.merger.poll()
        {
            self.take_merged(from, to, run?)?;
        }
        if self.merging.is_none() {
            self.expire(now)?;
            self.start_merge(now);
        }
        Ok(())
    }

    fn add_sealed(&mut self, run: Run) {
        self.runs.push(Arc::new(run));
        self.sealed = None;
    }

    fn start_merge(&mut self, now: i64) {
        let chosen = merge::choose(&self.runs, self.config.generation_ids, self.slots, now);
        let Some(chosen) = chosen else { return };
        let runs = self.runs[chosen].to_vec();
        if let [first, .., last] = &*runs {
            self.merging = Some((first.coverage.from, last.coverage.to));
            let DedupConfig { disk, dir, .. } = self.config.clone();
            self.merger.start(move |stop| {
                merge::merge(&*disk, &dir, &runs, stop)
                    .map_err(|e| LogError::failed("merge ids in", &dir, e))
            });
        }
    }

    fn take_merged(&mut self, from: u64, to: u64, merged: Run) -> Result<(), LogError> {
        let inside = |run: &Arc<Run>| from <= run.coverage.from && run.coverage.to <= to;
        let at = self.runs.iter().position(inside).expect("merged runs stay until replaced");
        let replaced: Vec<_> = self.runs.extract_if(.., |run| inside(run)).collect();
        self.runs.insert(at, Arc::new(merged));
        self.merging = None;
        replaced.iter().try_for_each(|run| remove(&*self.config.disk, &run.path))
    }

    fn expire(&mut self, now: i64) -> Result<(), LogError> {
        let oldest_kept = now.saturating_sub(self.config.window_ms);
        let is_old = |run: &mut Arc<Run>| run.coverage.largest_ms < oldest_kept;
        self.runs.extract_if(.., is_old).try_for_each(|run| remove(&*self.config.disk, &run.path))
    }

    /// The journal from here on is needed to find the ids again after a restart.
    pub(crate) fn covered(&self) -> u64 {
        self.sealed.as_ref().map_or(self.current.coverage.from, |s| s.coverage.from)
    }

    pub(crate) fn run_count(&self) -> usize {
        self.runs.len()
    }

    pub(crate) fn id_count(&self) -> u64 {
        let sealed = self.sealed.as_ref().map_or(0, |s| s.ids.len());
        let in_memory = (self.current.ids.len() + sealed) as u64;
        in_memory + self.runs.iter().map(|run| run.count).sum::<u64>()
    }
}

fn write_generation(disk: &dyn Disk, dir: &Path, generation: &Generation) -> Result<Run, LogError> {
    let ids = generation.sorted();
    let count = ids.len() as u64;
    let written = Run::write((disk, dir), generation.coverage, count, &mut ids.into_iter().map(Ok));
    written.map_err(|e| LogError::failed("write ids to", dir, e))
}

/// Keeps a damaged run for whoever looks into it, out of the way: its ids are read from the journal
/// again when the log is next opened.
fn set_aside(disk: &dyn Disk, path: &Path) -> Result<(), LogError> {
    tracing::error!(file = %path.display(), "a file of event ids is damaged and was set aside");
    let moved = disk.rename(path, &path.with_extension("damaged"));
    moved.map_err(|e| LogError::io("set aside", path, e))
}

fn remove(disk: &dyn Disk, path: &Path) -> Result<(), LogError> {
    disk.remove(path).map_err(|e| LogError::io("remove", path, e))
}

#[cfg(test)]
mod tests;
