//! The real spool on a disk in memory that tears writes, forgets what was not synced, fills up and
//! flips bits.
use crate::rng::Rng;
use crate::store::{Death, Disk, Op, Records, UnitList, apply};
use sillage_sdk::spool::{self, Bounds, Opened, Spool};
use sillage_sdk::testing::{self, SimDisk};

/// The disk of a world: every other one is the real spool, with segments small enough to be cleaned.
#[must_use]
pub fn disk_of(seed: u64) -> Box<dyn Disk> {
    let segment_bytes = 1 << (11 + seed / 2 % 10);
    match seed % 2 {
        0 => Box::new(UnitList::default()),
        _ => Box::new(SpoolDisk::new(segment_bytes)),
    }
}

/// A spool, and beside it what it was handed.
#[derive(Debug)]
pub struct SpoolDisk {
    disk: SimDisk,
    spool: Option<Spool<SimDisk>>,
    bounds: Bounds,
    /// What a power cut cannot take, and the units that came later.
    synced: Records,
    later: Vec<Vec<Op>>,
    /// How many of these must be there: all, unless power was cut.
    least: usize,
    rotten: bool,
}

impl SpoolDisk {
    /// An empty one with segments of so many bytes.
    #[must_use]
    pub fn new(segment_bytes: u64) -> Self {
        let bounds = Bounds { segment_bytes, ..Bounds::default() };
        let disk = SimDisk::new();
        Self {
            spool: Spool::open(disk.clone(), bounds).ok().map(|opened| opened.spool),
            disk,
            bounds,
            synced: Records::new(),
            later: Vec::new(),
            least: 0,
            rotten: false,
        }
    }

    /// What it must hold: the units up to some one that is not before the least. Says which.
    fn check(&self, records: &Records) -> Result<usize, String> {
        let mut all = self.synced.clone();
        for (count, unit) in std::iter::once(&Vec::new()).chain(&self.later).enumerate() {
            apply(&mut all, unit);
            if count >= self.least && all == *records {
                return Ok(count);
            }
        }
        let (least, most) = (self.least, self.later.len());
        let keys = records.keys();
        Err(format!("storage holds no prefix of {least} to {most} units: {keys:?}"))
    }
}

impl Disk for SpoolDisk {
    fn write(&mut self, unit: &[Op]) -> bool {
        let ops = ops(unit);
        let written = self.spool.as_mut().is_some_and(|spool| spool.write(&ops).is_ok());
        if written {
            self.later.push(unit.to_vec());
        }
        written
    }

    fn sync(&mut self) {
        if self.spool.as_mut().is_some_and(|spool| spool.sync().is_ok()) {
            for unit in self.later.drain(..) {
                apply(&mut self.synced, &unit);
            }
        }
    }

    fn die(&mut self, how: Death, torn: Option<&[Op]>, rng: &mut Rng) {
        if self.spool.is_some() {
            self.least = self.later.len();
        }
        if let (Some(unit), Some(spool)) = (torn, self.spool.as_mut()) {
            let point = match rng.range(0, 3) {
                0 => testing::Death::AfterCalls(rng.range(0, 8)),
                _ => testing::Death::AfterBytes(rng.magnitude(1, 8_192) - 1),
            };
            self.disk.die(point);
            // Whether it came through is what nobody knows then.
            spool.write(&ops(unit)).ok();
            self.later.push(unit.to_vec());
        }
        self.spool = None;
        if how == Death::PowerCut {
            self.disk.power_cut(|bytes| rng.range(0, bytes));
            self.least = 0;
        }
        self.disk.revive();
    }

    fn rot(&mut self, rng: &mut Rng) -> bool {
        let bits = self.disk.bytes() * 8;
        let mut hit = false;
        for _ in 0..rng.range(1, 12) {
            hit |= bits > 0 && self.disk.flip(rng.range(0, bits.max(1) - 1));
        }
        self.rotten |= hit;
        hit
    }

    fn set_full(&mut self, full: bool) {
        self.disk.full_at(full.then(|| self.disk.bytes()));
    }

    fn open(&mut self) -> Result<Records, String> {
        let opened = match self.spool.take() {
            // A process that begins beside a running one would find it locked.
            Some(spool) => Spool::open(spool.into_disk(), self.bounds),
            None => Spool::open(self.disk.clone(), self.bounds),
        };
        let Opened { spool, records, damage } = opened.map_err(|error| error.to_string())?;
        self.spool = Some(spool);
        let records: Records = records.into_iter().collect();
        if !self.rotten {
            if damage.skipped_frames + damage.unreadable_segments > 0 {
                return Err(format!("a disk without damage is damaged: {damage:?}"));
            }
            // Only a sync makes it safe from the next power cut.
            let held = self.check(&records)?;
            self.later.truncate(held);
        }
        self.least = 0;
        Ok(records)
    }

    fn bytes(&self) -> (u64, u64) {
        (self.disk.bytes(), self.bounds.disk_bytes_max)
    }
}

fn ops(unit: &[Op]) -> Vec<spool::Op> {
    let ops = unit.iter().map(|op| match op {
        Op::Put(key, value) => spool::Op::Put(*key, value.clone()),
        Op::Remove(key) => spool::Op::Remove(*key),
    });
    ops.collect()
}
