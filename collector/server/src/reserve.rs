//! The part of the disk that events must leave free. A log that finds its disk full has failed until it is
//! opened anew; refusing events before that, and taking them again when there is room, needs nobody.
use crate::config::Config;
use rustix::fs::StatVfsMountFlags;
use sillage_eventlog::FileLog;
use sillage_ingest::Ingest;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How often the disk is looked at, which costs microseconds. A fast one takes some tens of MiB in that
/// time, of which all but a segment at a time was allocated before.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// The least that is free before events are taken again, above what they must leave: an eighth of it,
/// or else the door would flap.
const SLACK: u64 = 8;
/// The part of the disk that is kept free, and the most, in bytes: what the system's own tools and a
/// checkpoint of all states need.
const PART: u64 = 20;
const BYTES_MAX: u64 = 1 << 30;
/// Never more than this part, or a small disk would take nothing at all.
const PART_MAX: u64 = 4;
/// Inodes that are kept free: a roll, a checkpoint and a run of ids make a handful of files.
const INODES: u64 = 64;

/// What a file system has.
#[derive(Debug, Clone, Copy)]
struct Space {
    total: u64,
    free: u64,
    /// `None` where inodes are made as needed.
    inodes: Option<u64>,
    is_read_only: bool,
}

impl Space {
    fn of(folder: &Path) -> io::Result<Self> {
        let stat = rustix::fs::statvfs(folder)?;
        Ok(Self {
            total: stat.f_blocks.saturating_mul(stat.f_frsize),
            free: stat.f_bavail.saturating_mul(stat.f_frsize),
            inodes: (stat.f_files > 0).then_some(stat.f_favail),
            is_read_only: stat.f_flag.contains(StatVfsMountFlags::RDONLY),
        })
    }
}

/// Watches the disk of the data folder.
pub(crate) struct Reserve {
    folder: PathBuf,
    configured: Option<u64>,
    /// What rolls of all logs need.
    rolls: u64,
    ingest: Arc<Ingest<FileLog>>,
}

impl Reserve {
    pub(crate) fn new(config: &Config, ingest: &Arc<Ingest<FileLog>>) -> Self {
        let rolls = config.projects.iter().map(|project| project.log.segment_mib << 21).sum();
        let configured = config.server.disk_reserve_mib.map(|mib| mib.saturating_mul(1 << 20));
        let (folder, ingest) = (config.server.data_dir.clone(), Arc::clone(ingest));
        Self { folder, configured, rolls, ingest }
    }

    /// Looks once and lets events in or not.
    pub(crate) fn look(&self) {
        match Space::of(&self.folder) {
            Ok(space) => self.decide(space),
            Err(error) => tracing::warn!(%error, "the space of the disk cannot be told"),
        }
    }

    fn decide(&self, space: Space) {
        let reserve = reserve_bytes(self.configured, self.rolls, space.total);
        let was_full = self.ingest.is_disk_full();
        let full = reserve > 0 && is_full(space, reserve, was_full);
        if full != was_full {
            let (free, inodes) = (space.free, space.inodes);
            let folder = self.folder.display();
            if full {
                let read_only = space.is_read_only;
                tracing::error!(%folder, free, reserve, inodes, read_only, "no room: events are refused");
            } else {
                tracing::info!(%folder, free, reserve, inodes, "there is room: events are taken again");
            }
        }
        self.ingest.set_disk_full(full);
    }

    /// Goes on looking until told to stop.
    pub(crate) async fn watch(self, mut stopped: watch::Receiver<bool>) {
        let mut reserve = self;
        loop {
            let pause = tokio::time::sleep(LOOK_EVERY);
            tokio::select! {
                () = pause => {}
                _ = stopped.wait_for(|&stop| stop) => return,
            }
            // A disk that hangs must not take a thread of the server with it.
            let looked = tokio::task::spawn_blocking(move || {
                reserve.look();
                reserve
            });
            let looked = tokio::select! {
                looked = looked => looked,
                _ = stopped.wait_for(|&stop| stop) => return,
            };
            let Ok(same) = looked else { return };
            reserve = same;
        }
    }
}

/// The bytes that must stay free on a disk of `total`.
fn reserve_bytes(configured: Option<u64>, rolls: u64, total: u64) -> u64 {
    let usual = (total / PART).min(BYTES_MAX).max(rolls).min(total / PART_MAX);
    configured.unwrap_or(usual)
}

fn is_full(space: Space, reserve: u64, was_full: bool) -> bool {
    let slack = if was_full { reserve / SLACK } else { 0 };
    space.is_read_only
        || space.free < reserve.saturating_add(slack)
        || space.inodes.is_some_and(|inodes| inodes < INODES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_fits_the_disk() {
        const GIB: u64 = 1 << 30;
        // (configured, rolls, total, reserve)
        let cases = [
            (None, GIB / 4, 1_000 * GIB, GIB),
            (None, GIB / 4, 10 * GIB, GIB / 2),
            (None, GIB / 4, 2 * GIB, GIB / 4),
            (None, GIB / 4, GIB / 2, GIB / 8),
            (Some(7), GIB / 4, 2 * GIB, 7),
            (Some(0), GIB / 4, 2 * GIB, 0),
        ];
        for (configured, rolls, total, reserve) in cases {
            assert_eq!(reserve_bytes(configured, rolls, total), reserve, "{total}");
        }
    }

    #[test]
    fn a_disk_is_full_by_bytes_or_inodes_until_there_is_some_more() {
        let space = |free, inodes| Space { total: 1_000, free, inodes, is_read_only: false };
        assert!(!is_full(space(80, Some(64)), 80, false));
        assert!(is_full(space(79, Some(64)), 80, false));
        assert!(is_full(space(89, None), 80, true), "not yet");
        assert!(!is_full(space(90, None), 80, true));
        assert!(is_full(space(900, Some(63)), 80, false));
        assert!(is_full(Space { is_read_only: true, ..space(900, None) }, 80, false));
    }

    #[test]
    fn the_disk_of_a_folder_can_be_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let space = Space::of(folder.path()).expect("it is there");
        assert!(space.total >= space.free && space.total > 0, "{space:?}");
    }
}
