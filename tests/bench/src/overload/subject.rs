//! The collector under load: on a core of its own, with a cap on its memory where the system has
//! control groups for that (version 1), and its resident memory written down every second.
use anyhow::{Context as _, bail};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub(crate) struct Subject {
    child: Child,
    group: Option<PathBuf>,
    over: Arc<AtomicBool>,
    sampler: Option<JoinHandle<Vec<u64>>>,
}

/// Binds the calling thread, and those that it starts later, to a core.
pub(crate) fn pin(core: usize) -> anyhow::Result<()> {
    let (me, core) = (std::process::id().to_string(), core.to_string());
    let done = Command::new("taskset").args(["-pc", &core, &me]).stdout(Stdio::null()).status();
    let done = done.context("taskset is part of util-linux")?;
    if done.success() { Ok(()) } else { bail!("there is no core {core} to bind to") }
}

impl Subject {
    /// Starts the collector. `core` and `memory_mib` are left out where they are `None`.
    pub(crate) fn start(
        binary: &Path,
        config: &Path,
        http: SocketAddr,
        (core, memory_mib): (Option<usize>, Option<u64>),
    ) -> anyhow::Result<Self> {
        let group = memory_mib.map(group).transpose()?.flatten();
        let mut script = String::new();
        if let Some(group) = &group {
            script += &format!("echo $$ > {}/cgroup.procs; ", group.display());
        }
        script += "exec ";
        if let Some(core) = core {
            script += &format!("taskset -c {core} ");
        }
        script += &format!("{} serve --config {}", binary.display(), config.display());
        let child = Command::new("sh").args(["-c", &script]).env("RUST_LOG", "warn").spawn()?;
        let over = Arc::new(AtomicBool::new(false));
        let mut subject = Self { child, group, over, sampler: None };
        let started = Instant::now();
        while std::net::TcpStream::connect(http).is_err() {
            if started.elapsed() > Duration::from_secs(20) || subject.child.try_wait()?.is_some() {
                bail!("the collector does not listen at {http}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let (pid, over) = (subject.child.id(), Arc::clone(&subject.over));
        subject.sampler = Some(std::thread::spawn(move || sample(pid, &over)));
        Ok(subject)
    }

    pub(crate) fn is_capped(&self) -> bool {
        self.group.is_some()
    }

    /// Sends it a signal by its name.
    pub(crate) fn signal(&self, name: &str) -> anyhow::Result<()> {
        let done =
            Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status()?;
        if done.success() { Ok(()) } else { bail!("it has ended") }
    }

    /// Stops it in order. Gives its resident MiB, second by second.
    pub(crate) fn end(mut self) -> anyhow::Result<Vec<u64>> {
        self.signal("TERM")?;
        let ended = self.child.wait()?;
        self.over.store(true, Ordering::Relaxed);
        let samples = self.sampler.take().and_then(|sampler| sampler.join().ok());
        if !ended.success() {
            bail!("the collector ended with {ended}");
        }
        Ok(samples.unwrap_or_default())
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // Already over if it was ended in order.
        drop(self.child.kill());
        drop(self.child.wait());
        if let Some(group) = &self.group {
            drop(std::fs::remove_dir(group));
        }
    }
}

/// A control group with this much memory; `None` where the system has none to give.
fn group(memory_mib: u64) -> anyhow::Result<Option<PathBuf>> {
    let name = format!("sillage-overload-{}", std::process::id());
    let group = Path::new("/sys/fs/cgroup/memory").join(name);
    if std::fs::create_dir(&group).is_err() {
        return Ok(None);
    }
    std::fs::write(group.join("memory.limit_in_bytes"), (memory_mib << 20).to_string())?;
    Ok(Some(group))
}

fn sample(pid: u32, over: &AtomicBool) -> Vec<u64> {
    let mut samples = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        samples.extend(kib.map(|kib| kib / 1_024));
        std::thread::sleep(Duration::from_secs(1));
    }
    samples
}
