//! What the kernel says of a collector, and may be told about it.
use crate::Collector;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Ticks of the kernel's clock in a second: fixed for programs since ever.
const TICKS_PER_SECOND: u64 = 100;

/// Processor time that it has used so far, all threads together.
///
/// # Panics
/// If it does not run.
#[must_use]
pub fn cpu_time(collector: &Collector) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", collector.pid()));
    let stat = stat.expect("a process");
    // The second field may hold anything, and ends with the last parenthesis.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 =
        fields.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND)
}

/// Open descriptors of a process.
///
/// # Panics
/// If it does not run.
#[must_use]
pub fn descriptors(pid: u32) -> usize {
    let folder = format!("/proc/{pid}/fd");
    std::fs::read_dir(folder).expect("a process").count()
}

/// Sets how many files a process may have open.
///
/// # Panics
/// If `prlimit` is missing or the system refuses.
pub fn limit_open_files(pid: u32, files: u64) {
    let mut command = Command::new("prlimit");
    command.arg(format!("--pid={pid}")).arg(format!("--nofile={files}:{files}"));
    let done = command.status().expect("prlimit is installed (package util-linux)");
    assert!(done.success(), "the limit of open files of {pid} becomes {files}");
}

/// A process that is killed when this is dropped, whatever a test finds.
#[derive(Debug)]
pub struct Brief(Child);

impl Brief {
    /// Its number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Brief {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The process of a collector that was stopped, under a limit of open files that it cannot raise.
///
/// # Panics
/// If it does not become ready.
#[must_use]
pub fn starved(collector: &Collector, files: u64) -> Brief {
    let log = std::fs::File::options().append(true).open(collector.log_file());
    let mut command = Command::new("prlimit");
    command.arg(format!("--nofile={files}:{files}")).arg(crate::binary());
    command.arg("serve").arg("--config").arg(collector.config());
    command.stdout(Stdio::null()).stderr(log.expect("it has logged"));
    let child = Brief(command.spawn().expect("prlimit is installed (package util-linux)"));
    collector.wait_until_ready();
    child
}

/// Starts a collector with these keys of `[server]` beside the tests' own.
///
/// # Panics
/// If it does not become ready.
#[must_use]
pub fn tuned(folder: &std::path::Path, server_keys: &str) -> Collector {
    let mut collector = Collector::start(folder, "", "");
    assert!(collector.stop(), "{}", collector.log());
    let config = std::fs::read_to_string(collector.config()).expect("it was written");
    let tuned = config.replacen("[server]\n", &format!("[server]\n{server_keys}\n"), 1);
    std::fs::write(collector.config(), tuned).expect("the folder is writable");
    collector.restart();
    collector
}
