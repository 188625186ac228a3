//! What strace does to a collector: kills it at a call, fails the call, or delays it.
use super::event::Dice;
use std::fmt;
use std::path::{Path, PathBuf};

/// What happens at a system call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// SIGKILL on entering it.
    Kill,
    /// It is not made and fails with EIO.
    Fail,
    /// As a disk that is full says.
    Full,
    /// It takes so many seconds longer.
    Delay(u32),
}

/// One deed, at some calls of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Injection {
    /// The call, by strace's name for it; several with commas.
    pub call: &'static str,
    /// At which call of a thread.
    pub at: u64,
    /// Whether at each later one, too.
    pub onwards: bool,
    /// What happens.
    pub deed: Deed,
    /// Only on this file or folder.
    pub path: Option<PathBuf>,
}

/// The calls at which a kill may leave something half done, and up to which one a live collector makes within
/// a second or so.
const LIVE: [(&str, u64); 9] = [
    ("pwrite64", 120),
    ("fdatasync", 120),
    ("fsync", 30),
    ("rename", 6),
    ("unlink", 4),
    ("ftruncate", 4),
    ("fallocate", 4),
    ("openat", 90),
    ("write", 400),
];

/// The same of one that starts.
const STARTING: [(&str, u64); 9] = [
    ("pwrite64", 3),
    ("fdatasync", 3),
    ("fsync", 16),
    ("rename", 4),
    ("unlink", 3),
    ("ftruncate", 3),
    ("fallocate", 3),
    ("openat", 90),
    ("fadvise64", 2),
];

impl Injection {
    /// A kill at a call that a live collector makes.
    #[must_use]
    pub fn live(dice: &mut Dice) -> Self {
        Self::kill_at(dice, &LIVE)
    }

    /// A kill at a call that a starting collector makes.
    #[must_use]
    pub fn starting(dice: &mut Dice) -> Self {
        Self::kill_at(dice, &STARTING)
    }

    fn kill_at(dice: &mut Dice, calls: &[(&'static str, u64)]) -> Self {
        let (call, most) = *dice.pick(calls);
        // The product of two: early ones come more often, and nearly every run reaches these.
        let at = 1 + dice.within(0, most) * dice.within(0, most) / most;
        Self { call, at, onwards: false, deed: Deed::Kill, path: None }
    }

    /// The arguments of strace before the command it runs.
    #[must_use]
    pub fn arguments(&self, output: &Path) -> Vec<String> {
        let Self { call, at, onwards, deed, path } = self;
        let plus = if *onwards { "+" } else { "" };
        let deed = match deed {
            Deed::Kill => "signal=KILL".to_owned(),
            Deed::Fail => "error=EIO".to_owned(),
            Deed::Full => "error=ENOSPC".to_owned(),
            Deed::Delay(seconds) => format!("delay_enter={}", u64::from(*seconds) * 1_000_000),
        };
        let mut arguments: Vec<String> =
            ["-D", "-f", "-qq", "-y", "-s", "8", "-e", "signal=none", "-o"]
                .map(str::to_owned)
                .into();
        arguments.push(output.display().to_string());
        if let Some(path) = path {
            arguments.extend(["-P".to_owned(), path.display().to_string()]);
        }
        if matches!(self.deed, Deed::Delay(_)) {
            // Where only the wanted calls stop the process it is as fast as ever; signals need the slow way, and so
            // does letting go of it.
            arguments.push("--seccomp-bpf".to_owned());
        }
        arguments.extend(["-e".to_owned(), format!("trace={call}")]);
        arguments.extend(["-e".to_owned(), format!("inject={call}:{deed}:when={at}{plus}")]);
        arguments
    }
}

/// What a collector was at when it died.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Work {
    /// Nothing: no request was on its way.
    Idle,
    /// Requests were on their way; it is not known more.
    Ingest,
    /// Writing or flushing blocks of the log.
    Append,
    /// Closing a segment and making the next.
    Roll,
    /// Removing segments.
    Retention,
    /// Writing, merging or removing runs of ids.
    Ids,
    /// Committing states.
    Checkpoint,
    /// Dead letters.
    Letters,
    /// Anything else: libraries, settings, keys.
    Other,
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Idle => "idle",
            Self::Ingest => "ingest",
            Self::Append => "append",
            Self::Roll => "roll",
            Self::Retention => "retention",
            Self::Ids => "dedup",
            Self::Checkpoint => "checkpoint",
            Self::Letters => "dead letters",
            Self::Other => "other",
        })
    }
}

/// The work that a call belongs to, by the last line of strace's output.
#[must_use]
pub fn work_of(line: &str) -> Work {
    let is = |call: &str| line.contains(&format!("{call}("));
    if line.contains("/dedup") {
        return Work::Ids;
    }
    if line.contains("/state") {
        return Work::Checkpoint;
    }
    if line.contains("/dead-letters") {
        return Work::Letters;
    }
    if line.contains("/log") && (is("unlink") || is("unlinkat")) {
        return Work::Retention;
    }
    if line.contains("/log") && (is("pwrite64") || is("fdatasync")) && !line.contains(".new") {
        return Work::Append;
    }
    if line.contains("/data/shop/log") { Work::Roll } else { Work::Other }
}
