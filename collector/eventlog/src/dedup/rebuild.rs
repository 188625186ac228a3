//! Opening the index: the runs that are there, and the journal for what they do not cover.
use super::background::Background;
use super::generation::Generation;
use super::merge::Slots;
use super::run::{self, Run};
use super::{Dedup, DedupConfig, remove, set_aside, write_generation};
use crate::form::check_forms;
use crate::journal::Shelf;
use crate::{LogError, limits};
use std::path::PathBuf;
use std::sync::Arc;

impl Dedup {
    /// Loads the runs and reads again what they leave out of the window.
    pub(crate) fn open(config: DedupConfig, shelf: &Shelf, now: i64) -> Result<Self, LogError> {
        let disk = &config.disk;
        disk.make_dir(&config.dir).map_err(|e| LogError::io("create", &config.dir, e))?;
        // Segments go once their ids are in a run: no run may count whose name could still be lost.
        disk.sync_dir(&config.dir).map_err(|e| LogError::io("flush", &config.dir, e))?;
        let spawn = |name| {
            let background = Background::new(name, config.hands);
            background.map_err(|e| LogError::io("start for", &config.dir, e))
        };
        let (sealer, merger) = (spawn("sillage-seal")?, spawn("sillage-merge")?);
        let runs = load_runs(&config, shelf)?;
        let slots = Slots::of_window(config.window_ms);
        let oldest_kept = now.saturating_sub(config.window_ms);
        let mut rebuild = Rebuild { config: &config, shelf, slots, oldest_kept, runs: Vec::new() };
        let mut at = rebuild.start();
        for run in runs {
            let next = run.coverage;
            rebuild.close_gap(at, next.from)?;
            at = at.max(next.to);
            rebuild.runs.push(Arc::new(run));
        }
        let current = rebuild.read(at, shelf.end())?;
        let runs = rebuild.runs;
        let (sealed, merging) = (None, None);
        Ok(Self { config, slots, current, sealed, runs, merging, sealer, merger })
    }
}

struct Rebuild<'a> {
    config: &'a DedupConfig,
    shelf: &'a Shelf,
    slots: Slots,
    oldest_kept: i64,
    runs: Vec<Arc<Run>>,
}

impl Rebuild<'_> {
    /// Where the window starts, at the latest.
    fn start(&self) -> u64 {
        let spans = self.shelf.spans();
        let is_old = |closed: Option<i64>| closed.is_some_and(|closed| closed < self.oldest_kept);
        let first = spans.iter().find(|span| !is_old(span.closed));
        first.map_or(0, |span| span.base)
    }

    /// Writes a run for a stretch of the journal that none covers, if it holds anything.
    fn close_gap(&mut self, from: u64, to: u64) -> Result<(), LogError> {
        if from >= to {
            return Ok(());
        }
        let mut generation = self.read(from, to)?;
        if !generation.ids.is_empty() {
            generation.coverage.to = to;
            self.seal(&generation)?;
        }
        Ok(())
    }

    fn seal(&mut self, generation: &Generation) -> Result<(), LogError> {
        let run = write_generation(&*self.config.disk, &self.config.dir, generation)?;
        self.runs.push(Arc::new(run));
        Ok(())
    }

    /// Reads the ids from `from` to `to`, and writes runs of those that make a generation full.
    fn read(&mut self, from: u64, to: u64) -> Result<Generation, LogError> {
        let salt = self.shelf.salt;
        let mut at = from.max(self.shelf.oldest());
        let mut generation = Generation::starting(at, salt);
        while at < to {
            let mut full = Vec::new();
            let (slots, oldest_kept) = (self.slots, self.oldest_kept);
            let next = self.shelf.read(at, limits::READ_BYTES_MAX, &mut |block| {
                if block.position >= to || block.received < oldest_kept {
                    return;
                }
                let has_room =
                    generation.ids.len() + block.record_count() <= self.config.generation_ids;
                let slot = slots.of(generation.coverage.largest_ms);
                if !generation.ids.is_empty() && (!has_room || slot < slots.of(block.received)) {
                    generation.coverage.to = block.position;
                    let next = Generation::starting(block.position, salt);
                    full.push(std::mem::replace(&mut generation, next));
                }
                let leaders = block.records().filter(|record| record.leads);
                generation.ids.extend(leaders.map(|record| record.id.0));
                generation.extend(block.position + block.bytes as u64, block.received);
            })?;
            for generation in full {
                self.seal(&generation)?;
            }
            at = next.min(to);
            generation.coverage.to = at;
        }
        Ok(generation)
    }
}

/// The runs that count, ascending: whole, of this journal, and not part of a larger one.
fn load_runs(config: &DedupConfig, shelf: &Shelf) -> Result<Vec<Run>, LogError> {
    let disk = &*config.disk;
    let mut runs: Vec<Run> = Vec::new();
    check_forms(disk, &config.dir)?;
    for path in run_files(config)? {
        match Run::open(disk, &path) {
            Ok(run) => runs.push(run),
            Err(LogError::Corrupt { .. }) => set_aside(disk, &path)?,
            Err(error) => return Err(error),
        }
    }
    for run in &runs {
        if run.coverage.salt != shelf.salt {
            let what = "these event ids belong to another log";
            return Err(LogError::corrupt(&run.path, 0, what));
        }
        if run.coverage.to > shelf.end() {
            let what = "the log ends here, but these event ids were in it further on: it lost data";
            return Err(LogError::corrupt(&run.path, shelf.end(), what));
        }
    }
    // The longer of two that start together is the merged one.
    runs.sort_by_key(|run| (run.coverage.from, std::cmp::Reverse(run.coverage.to)));
    let mut covered = 0;
    let mut kept: Vec<Run> = Vec::with_capacity(runs.len());
    for run in runs {
        if run.coverage.to <= covered {
            // A crash came between the merge and the removal of what was merged.
            remove(disk, &run.path)?;
        } else {
            covered = run.coverage.to;
            kept.push(run);
        }
    }
    Ok(kept)
}

fn run_files(config: &DedupConfig) -> Result<Vec<PathBuf>, LogError> {
    let list = |e| LogError::io("list", &config.dir, e);
    let mut files = Vec::new();
    for path in config.disk.list(&config.dir).map_err(list)? {
        match path.extension().and_then(|e| e.to_str()) {
            Some(run::EXTENSION) => files.push(path),
            Some(run::UNFINISHED) => remove(&*config.disk, &path)?,
            _ => {}
        }
    }
    Ok(files)
}
