//! Which runs to merge, and merging them.
use super::run::{Coverage, Run};
use crate::{Disk, limits};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Divides time so that what lies in one slot becomes one run, and ids outlive the window by no more
/// than a slot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slots {
    slot_ms: i64,
}

impl Slots {
    pub(crate) fn of_window(window_ms: i64) -> Self {
        Self { slot_ms: (window_ms / limits::SLOTS_PER_WINDOW).max(1) }
    }

    pub(crate) fn of(self, ms: i64) -> i64 {
        ms.div_euclid(self.slot_ms)
    }
}

/// The neighbours to merge next, by index: as many of similar size as one merge takes, or all that
/// are left of a slot that has gone by.
pub(crate) fn choose(
    runs: &[Arc<Run>],
    generation_ids: usize,
    slots: Slots,
    now: i64,
) -> Option<Range<usize>> {
    let slot = |run: &Arc<Run>| slots.of(run.coverage.largest_ms);
    let tier = |run: &Arc<Run>| {
        let generations = run.count / (generation_ids.max(1) as u64);
        generations.max(1).ilog2() / limits::RUNS_PER_MERGE.ilog2()
    };
    let mut start = 0;
    for group in runs.chunk_by(|a, b| a.coverage.to == b.coverage.from && slot(a) == slot(b)) {
        let is_past = group.first().is_some_and(|run| slot(run) < slots.of(now));
        if is_past && group.len() > 1 {
            return Some(start..start + group.len());
        }
        let similar = |window: &[Arc<Run>]| window.iter().all(|r| tier(r) == tier(&window[0]));
        if let Some(at) = group.windows(limits::RUNS_PER_MERGE).position(similar) {
            return Some(start + at..start + at + limits::RUNS_PER_MERGE);
        }
        start += group.len();
    }
    None
}

/// Writes the ids of all `runs` into one. Gives up when told to stop: the merge is then made anew
/// another time.
pub(crate) fn merge(
    disk: &dyn Disk,
    dir: &Path,
    runs: &[Arc<Run>],
    stop: &AtomicBool,
) -> io::Result<Run> {
    let count = runs.iter().map(|run| run.count).sum();
    let mut sources: Vec<_> = runs.iter().map(|run| run.ids()).collect();
    let mut heads = BinaryHeap::new();
    for (index, source) in sources.iter_mut().enumerate() {
        if let Some(id) = source.next() {
            heads.push(Reverse((id?, index)));
        }
    }
    let mut ids = std::iter::from_fn(|| {
        if stop.load(Ordering::Relaxed) {
            return Some(Err(io::ErrorKind::Interrupted.into()));
        }
        let mut head = heads.peek_mut()?;
        let Reverse((id, index)) = *head;
        match sources[index].next() {
            Some(Ok(next)) => *head = Reverse((next, index)),
            Some(Err(error)) => return Some(Err(error)),
            None => drop(std::collections::binary_heap::PeekMut::pop(head)),
        }
        Some(Ok(id))
    });
    Run::write((disk, dir), coverage(runs), count, &mut ids)
}

/// What neighbours cover together.
fn coverage(runs: &[Arc<Run>]) -> Coverage {
    let first = runs.first().expect("at least one run is merged").coverage;
    runs.iter().fold(first, |whole, run| Coverage {
        from: whole.from.min(run.coverage.from),
        to: whole.to.max(run.coverage.to),
        least_ms: whole.least_ms.min(run.coverage.least_ms),
        largest_ms: whole.largest_ms.max(run.coverage.largest_ms),
        salt: whole.salt,
    })
}
