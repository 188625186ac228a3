//! A log that has failed to write takes nothing until it has been opened and checked again, which is what a
//! start does. This waits until another start is worth trying, so that nobody has to be woken for it.
use crate::config::Config;
use sillage_eventlog::{DeadLetters, FileLog};
use sillage_ingest::Ingest;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often it is looked whether something has failed, and whether the disk is well again.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How long a failed log is left alone: reading goes on, which a start interrupts.
const PAUSE_MIN: Duration = Duration::from_secs(5);
/// The same for a disk that fails again and again.
const PAUSE_MAX: Duration = Duration::from_secs(300);
/// After so long without a failure, an earlier one tells nothing about the next.
const STEADY: Duration = Duration::from_secs(600);

/// What the disk must take and keep to be called well, beside the room for the segments, in bytes.
const SAMPLE: usize = 1 << 20;

/// How long to leave a log alone that fails now. Doubles from start to start, forgets after a steady time.
pub(crate) struct Patience {
    pause: Duration,
    since: Instant,
}

impl Patience {
    /// That of a process that begins.
    pub(crate) fn new() -> Self {
        Self { pause: PAUSE_MIN, since: Instant::now() }
    }

    /// How long to wait if the log fails now.
    pub(crate) const fn pause(&self) -> Duration {
        self.pause
    }

    /// The log has failed and is opened anew.
    pub(crate) fn again(&mut self) {
        let was_steady = self.since.elapsed() > STEADY;
        self.pause = if was_steady { PAUSE_MIN } else { (self.pause * 2).min(PAUSE_MAX) };
        self.since = Instant::now();
    }
}

/// Watches what writes to the data folder. Drop it before closing: it keeps the files open.
pub(crate) struct Reopening {
    folder: PathBuf,
    /// What the logs may take at once when they are opened, in bytes.
    segments: u64,
    logs: Vec<Arc<FileLog>>,
    dead_letters: Vec<Arc<DeadLetters>>,
    ingest: Arc<Ingest<FileLog>>,
}

impl Reopening {
    pub(crate) fn new(
        config: &Config,
        logs: Vec<Arc<FileLog>>,
        dead_letters: Vec<Arc<DeadLetters>>,
        ingest: Arc<Ingest<FileLog>>,
    ) -> Self {
        let segments = config.projects.iter().map(|project| project.log.segment_mib << 20).sum();
        Self { folder: config.server.data_dir.clone(), segments, logs, dead_letters, ingest }
    }

    /// Resolves once something has failed, the pause is over and the disk keeps what it is given.
    pub(crate) async fn worth_trying(self, pause: Duration) {
        while !self.has_failed() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        tokio::time::sleep(pause).await;
        loop {
            let (folder, room) = (self.folder.clone(), self.segments);
            // A disk that hangs must not take a thread of the server with it.
            let tried = tokio::task::spawn_blocking(move || keeps(&folder, room)).await;
            match tried {
                Ok(Ok(())) if !self.ingest.is_disk_full() => return,
                Ok(Err(error)) => tracing::debug!(%error, "the disk is not well yet"),
                Ok(Ok(())) | Err(_) => {}
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn has_failed(&self) -> bool {
        self.logs.iter().any(|log| log.stats().failed)
            || self.dead_letters.iter().any(|letters| letters.stats().failed)
    }
}

/// Whether the disk has `room` bytes and keeps a sample of them.
fn keeps(folder: &Path, room: u64) -> io::Result<()> {
    let path = folder.join("probe");
    let outcome = write_sample(&path, room);
    let removed = fs::remove_file(&path);
    outcome.and(removed)?;
    File::open(folder)?.sync_all()
}

fn write_sample(path: &Path, room: u64) -> io::Result<()> {
    let mut file = File::create(path)?;
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, room.max(SAMPLE as u64))?;
    file.write_all(&vec![0x5a; SAMPLE])?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_tried_by_writing_to_it_and_nothing_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        keeps(folder.path(), 4 << 20).expect("it has room");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
        let error = keeps(folder.path(), u64::MAX >> 2).expect_err("nobody has so much");
        assert!(matches!(
            error.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::FileTooLarge | io::ErrorKind::InvalidInput
        ));
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
        keeps(&folder.path().join("gone"), 0).expect_err("there is no folder");
    }

    #[test]
    fn who_fails_again_and_again_is_left_alone_for_longer() {
        let mut patience = Patience::new();
        let mut pauses = Vec::new();
        for _ in 0..8 {
            pauses.push(patience.pause().as_secs());
            patience.again();
        }
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 300, 300]);
        let Some(long_ago) = Instant::now().checked_sub(STEADY * 2) else { return };
        patience.since = long_ago;
        patience.again();
        assert_eq!(patience.pause(), PAUSE_MIN);
    }
}
