//! Several processes of one app use one folder: each claims a lane of it, a spool of its own, under a
//! lock that the system takes back when the process ends. In the ledger a lane is an installation.
use crate::spool::{Disk as _, Folder, private_file, private_folder};
use rustix::fs::{FlockOperation, flock};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// A claimed lane, until it is dropped.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) path: PathBuf,
    _lock: File,
}

/// Lanes of a folder. An app with more processes at once keeps the events of the others in memory.
const LANES_MAX: u32 = 16;

pub(crate) const LOCK: &str = "lock";

impl Lane {
    /// Claims the lowest lane that exists and that nobody holds. Creates nothing.
    pub(crate) fn claim(folder: &Path) -> io::Result<Option<Self>> {
        for number in 0..LANES_MAX {
            let path = lane(folder, number);
            if !path.join(LOCK).exists() {
                break;
            }
            if let Some(lane) = Self::lock(path)? {
                return Ok(Some(lane));
            }
        }
        Ok(None)
    }

    /// Claims a lane that holds nothing, creating it; `None` if there are too many.
    pub(crate) fn create(folder: &Path) -> io::Result<Option<Self>> {
        for number in 0..LANES_MAX {
            if let Some(lane) = Self::lock(lane(folder, number))?
                && Folder::new(&lane.path)?.segments()?.is_empty()
            {
                return Ok(Some(lane));
            }
        }
        Ok(None)
    }

    /// Claims every lane that nobody holds and that may hold events of a process that is gone.
    pub(crate) fn claim_abandoned(folder: &Path) -> io::Result<Vec<Self>> {
        let mut claimed = Vec::new();
        for number in 0..LANES_MAX {
            let path = lane(folder, number);
            if path.join(LOCK).exists()
                && let Some(lane) = Self::lock(path)?
            {
                claimed.push(lane);
            }
        }
        Ok(claimed)
    }

    fn lock(path: PathBuf) -> io::Result<Option<Self>> {
        private_folder(&path)?;
        let file = private_file(&path.join(LOCK))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self { path, _lock: file })),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

fn lane(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("lane-{number}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_process_has_a_lane_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("spool");
        assert!(Lane::claim(&root).unwrap().is_none());
        assert!(!root.exists(), "looking creates nothing");
        let first = Lane::create(&root).unwrap().unwrap();
        let second = Lane::create(&root).unwrap().unwrap();
        assert!(first.path.ends_with("lane-0") && second.path.ends_with("lane-1"));
        assert!(Lane::claim_abandoned(&root).unwrap().is_empty());
        Folder::new(&first.path).unwrap().append(7, b"x").unwrap();
        drop(first);
        let found = Lane::claim_abandoned(&root).unwrap();
        assert!(found.len() == 1 && found[0].path.ends_with("lane-0"));
        drop(found);
        // What somebody left behind is never taken for an empty lane.
        assert!(Lane::create(&root).unwrap().unwrap().path.ends_with("lane-2"));
        assert!(Lane::claim(&root).unwrap().unwrap().path.ends_with("lane-0"));
    }
}
