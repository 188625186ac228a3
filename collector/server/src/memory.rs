//! The memory that the collector may take. One that takes more than there is gets killed, and again as soon as
//! it has folded its log; refusing events before that keeps it answering, and devices keep what they have.
use crate::config::Config;
use sillage_eventlog::FileLog;
use sillage_ingest::Ingest;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How often it is looked, which costs microseconds: at a million events a second, of 100 bytes of state each,
/// it grows by 10 MiB meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The part of what there is that may be taken by default, as a fraction: the rest is for a checkpoint, which
/// copies the states that have changed, and for the system's cache of files.
const PART: (u64, u64) = (3, 4);

/// Below this part of the most, events are taken again, or else the door would flap.
const OPENS_AT: (u64, u64) = (31, 32);

/// Watches what this process takes.
pub(crate) struct Memory {
    /// In bytes.
    most: u64,
    ingest: Arc<Ingest<FileLog>>,
}

impl Memory {
    /// `None` if there is no limit, or the system does not tell what there is or what is taken.
    pub(crate) fn new(config: &Config, ingest: &Arc<Ingest<FileLog>>) -> Option<Self> {
        taken()?;
        let most = match config.server.memory_max_mib {
            Some(0) => return None,
            Some(mib) => mib.saturating_mul(1 << 20),
            None => there_is()? / PART.1 * PART.0,
        };
        Some(Self { most, ingest: Arc::clone(ingest) })
    }

    /// Looks once and lets events in or not.
    pub(crate) fn look(&self) {
        let Some(taken) = taken() else { return };
        let was_full = self.ingest.is_memory_full();
        let full = taken > if was_full { self.most / OPENS_AT.1 * OPENS_AT.0 } else { self.most };
        if full != was_full {
            let (taken_mib, max_mib) = (taken >> 20, self.most >> 20);
            if full {
                tracing::error!(taken_mib, max_mib, "memory is full: events are refused");
            } else {
                tracing::info!(taken_mib, max_mib, "there is memory: events are taken again");
            }
        }
        self.ingest.set_memory_full(full);
    }

    /// Goes on looking until told to stop.
    pub(crate) async fn watch(self, mut stopped: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => self.look(),
                _ = stopped.wait_for(|&stop| stop) => return,
            }
        }
    }
}

/// Bytes that this process has and that no file could give back.
fn taken() -> Option<u64> {
    let pages = fs::read_to_string("/proc/self/statm").ok()?;
    let mut pages = pages.split(' ').skip(1).map(str::parse::<u64>);
    let (resident, of_files) = (pages.next()?.ok()?, pages.next()?.ok()?);
    let page = u64::try_from(rustix::param::page_size()).ok()?;
    Some(resident.saturating_sub(of_files) * page)
}

/// Bytes that there are for this process: the machine's, or fewer if a control group says so.
fn there_is() -> Option<u64> {
    let machine = fs::read_to_string("/proc/meminfo").ok()?;
    let machine = machine.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let machine = machine.trim().strip_suffix(" kB")?.parse::<u64>().ok()? << 10;
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    Some(groups.lines().filter_map(group_limit).fold(machine, u64::min))
}

/// The least that a control group and those it is in allow, by a line of `/proc/self/cgroup`:
/// `0::/path` of version 2, `4:memory:/path` of version 1.
fn group_limit(line: &str) -> Option<u64> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (root, file) = match parts.next()? {
        "" => ("/sys/fs/cgroup", "memory.max"),
        "memory" => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
        _ => return None,
    };
    let path = parts.next()?.trim_start_matches('/');
    // In a container the path may be that of the host; then only the root is there.
    let limit = |folder: &Path| {
        let text = fs::read_to_string(Path::new(root).join(folder).join(file)).ok()?;
        text.trim().parse::<u64>().ok()
    };
    Path::new(path).ancestors().filter_map(limit).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_grows_with_what_is_kept_and_is_less_than_there_is() {
        let (before, all) = (taken().expect("Linux tells"), there_is().expect("Linux tells"));
        let kept = vec![1_u8; 64 << 20];
        let after = taken().expect("Linux tells");
        assert!(after >= before + (48 << 20), "{before} {after} with {} kept", kept.len());
        assert!(after < all, "{after} {all}");
    }

    #[test]
    fn a_line_that_is_not_about_memory_limits_nothing() {
        assert_eq!(group_limit("3:cpu,cpuacct:/a/b"), None);
        assert_eq!(group_limit("nonsense"), None);
        assert_eq!(group_limit("0::/no/such/group/here").filter(|limit| *limit == 0), None);
    }
}
