//! Disks that are full, read-only, failing or stuck, under load. Whatever happens, what was acknowledged is there
//! afterwards; who is not acknowledged is told to come again; nobody waits for ever.
use super::check::Oracle;
use super::journal::Journal;
use super::kills::PACE;
use super::load::{Load, Met};
use super::node::{Node, Settings, Start};
use super::trace::{Deed, Injection};
use super::volume::Volume;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Size of the disk: dead letters and states take 80 MiB ahead.
const DISK_MIB: u64 = 256;

/// The longest that a refusal may take: five seconds for a disk that hangs, and what a busy machine adds.
const REFUSED_WITHIN_MS: u64 = 7_500;

/// The most that a collector may grow while its disk hangs, in bytes.
const GROWTH_MAX: u64 = 96 << 20;

/// Inodes that are left when hardly one is.
const INODES_LEFT: u64 = 32;

/// One fault, and what the collector made of it.
#[derive(Debug)]
pub struct Case {
    /// What was done to it.
    pub fault: String,
    /// What it did, or what was wrong with that.
    pub outcome: Result<String, String>,
}

/// A collector on a disk of its own, under load.
struct Rig {
    // Dropped in this order: who uses the disk before the disk, and that before its folder.
    load: Option<Load>,
    node: Node,
    volume: Volume,
    journal: Arc<Journal>,
    _folder: TempDir,
}

impl Rig {
    fn new(seed: u64, settings: &Settings, format: &[&str], injection: Option<&Injection>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let format: Vec<&str> = [&["-m", "0"], format].concat();
        let volume = Volume::create(folder.path(), DISK_MIB, &format);
        let mut node = Node::new(folder.path(), &volume.path().join("data"), settings);
        let journal = Arc::new(Journal::create(&folder.path().join("journal")));
        node.start(injection);
        let start = node.wait_ready();
        assert!(matches!(start, Start::Ready(_)), "{start:?}\n{}", node.tail());
        let load = Some(Load::start(node.http, seed, &journal, PACE));
        Self { load, node, volume, journal, _folder: folder }
    }

    fn met(&self) -> Met {
        self.load.as_ref().expect("it runs").met()
    }

    fn acked(&self) -> u64 {
        self.met().acked
    }

    /// Waits until some hundred events more are acknowledged.
    fn flows(&self) -> Result<(), String> {
        let before = self.acked();
        self.comes("events to be acknowledged", || self.acked() >= before + 200)
    }

    fn comes(&self, what: &str, done: impl Fn() -> bool) -> Result<(), String> {
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(20) {
            if done() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Err(format!("waited 20 s for {what}:\n{}", self.node.tail()))
    }

    /// Whether refusals come, and `/readyz` tells why.
    fn is_refused(&self, why: &str) -> Result<(), String> {
        let before = self.met().refused;
        self.comes("refusals", || self.met().refused > before + 5)?;
        let met = self.met();
        let refusal = met.last_refusal;
        if !refusal.contains("storage_unavailable") {
            return Err(format!("the refusal does not name the disk: {refusal}"));
        }
        if met.slowest_refusal_ms > REFUSED_WITHIN_MS {
            return Err(format!("a refusal took {} ms", met.slowest_refusal_ms));
        }
        match self.node.readyz() {
            Some((503, text)) if text.contains(why) => Ok(()),
            other => Err(format!("/readyz does not tell `{why}`: {other:?}")),
        }
    }

    /// Waits until events are taken again, or until it has ended because a worker failed.
    fn recovers(&mut self) -> Result<&'static str, String> {
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(20) {
            if self.node.ended().is_some() {
                return Ok("then ended, for a supervisor to start it");
            }
            if self.node.is_ready() {
                self.flows()?;
                return Ok("then opened everything anew by itself");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Err(format!("waited 20 s for it to recover:\n{}", self.node.tail()))
    }

    /// Ends it as a power button would, mounts its disk anew, starts it and compares everything.
    fn all_is_there(mut self, what: &str) -> Result<String, String> {
        let met = self.load.take().expect("it runs").stop();
        self.node.kill();
        self.volume.restore();
        let mut oracle = Oracle::new(&self.journal);
        oracle.look_at_log(&self.node);
        self.node.start(None);
        match self.node.wait_ready() {
            Start::Ready(_) => {}
            Start::Ended(status) => return Err(format!("{status}\n{}", self.node.tail())),
        }
        oracle.look_at_views(&self.node, None);
        if !oracle.findings.is_clean() {
            return Err(format!("{:?}", oracle.findings));
        }
        let Met { refused, slowest_refusal_ms, .. } = met;
        let acked = oracle.acked;
        Ok(format!(
            "{what}; {refused} refusals, the slowest {slowest_refusal_ms} ms; all {acked} there"
        ))
    }
}

/// All faults, one after the other.
#[must_use]
pub fn all(seed: u64) -> Vec<Case> {
    let mut cases = vec![nearly_full(seed), inodes(seed), full(seed), read_only(seed), stuck(seed)];
    for call in ["pwrite64", "fdatasync"] {
        cases.extend([3, 17, 60].map(|at| failing(seed, call, at, Deed::Fail)));
    }
    cases.extend([3, 17].map(|at| failing(seed, "fsync", at, Deed::Fail)));
    cases.push(failing(seed, "fallocate", 3, Deed::Fail));
    // Each thread counts its own: the recovery reads a segment a few times, a worker for whatever is new.
    cases.push(failing(seed, "pread64", 8, Deed::Fail));
    cases.push(failing(seed, "fallocate", 2, Deed::Full));
    cases
}

/// Some of them, for a short run.
#[must_use]
pub fn some(seed: u64) -> Vec<Case> {
    vec![nearly_full(seed), failing(seed, "fdatasync", 9, Deed::Fail), stuck(seed)]
}

/// The disk fills up to the reserve; room comes back.
fn nearly_full(seed: u64) -> Case {
    let outcome = || {
        let rig = Rig::new(seed, &Settings::default(), &[], None);
        rig.flows()?;
        let filling = rig.volume.path().join("filling");
        fill(&filling, 4 << 20);
        rig.is_refused("nearly full")?;
        if rig.node.said().contains("the log has failed") {
            return Err("the log failed although there was a reserve".to_owned());
        }
        std::fs::remove_file(&filling).map_err(|e| e.to_string())?;
        rig.flows()?;
        rig.comes("ready", || rig.node.is_ready())?;
        rig.all_is_there(
            "refused while there was less than the reserve, took events again by itself",
        )
    };
    Case { fault: "disk fills up to the reserve".to_owned(), outcome: outcome() }
}

/// Hardly an inode is left; then there are some again.
fn inodes(seed: u64) -> Case {
    let outcome = || {
        let rig = Rig::new(seed, &Settings::default(), &["-N", "512"], None);
        rig.flows()?;
        let folder = rig.volume.path().join("filling");
        std::fs::create_dir(&folder).map_err(|e| e.to_string())?;
        let left = of_disk(rig.volume.path(), "iavail");
        for n in 0..left.saturating_sub(INODES_LEFT) {
            std::fs::File::create(folder.join(n.to_string())).map_err(|e| e.to_string())?;
        }
        rig.is_refused("nearly full")?;
        std::fs::remove_dir_all(&folder).map_err(|e| e.to_string())?;
        rig.flows()?;
        rig.all_is_there("refused while there were hardly any, took events again by itself")
    };
    Case { fault: "hardly an inode is left".to_owned(), outcome: outcome() }
}

/// No reserve was wanted and the disk is full to the last byte: the log fails, and is opened anew when there is room.
fn full(seed: u64) -> Case {
    let outcome = || {
        let settings = Settings { reserve_mib: Some(0), ..Settings::default() };
        let mut rig = Rig::new(seed, &settings, &[], None);
        rig.flows()?;
        let filling = rig.volume.path().join("filling");
        fill(&filling, 0);
        rig.comes("the log to fail", || rig.node.readyz().is_none_or(|(status, _)| status == 503))?;
        stands(&rig)?;
        std::fs::remove_file(&filling).map_err(|e| e.to_string())?;
        let then = rig.recovers()?;
        rig.all_is_there(&format!("stopped acknowledging; given room, {then}"))
    };
    Case { fault: "disk full to the last byte, no reserve".to_owned(), outcome: outcome() }
}

/// The file system finds a fault and becomes read-only.
fn read_only(seed: u64) -> Case {
    let outcome = || {
        let rig = Rig::new(seed, &Settings::default(), &[], None);
        rig.flows()?;
        let since = rig.volume.become_read_only();
        rig.comes("503", || rig.node.readyz().is_none_or(|(status, _)| status == 503))?;
        // Of the flush that is under way when the journal of the file system ends, the kernel may say yes
        // although its bytes are gone. Nobody can tell; it is in docs/OPERATING.md.
        rig.journal.was_dark_since(since);
        stands(&rig)?;
        rig.all_is_there("stopped acknowledging, was well after the disk was mounted anew")
    };
    Case { fault: "file system becomes read-only".to_owned(), outcome: outcome() }
}

/// Each flush takes half a minute.
fn stuck(seed: u64) -> Case {
    let outcome = || {
        let injection = Injection {
            call: "fdatasync",
            at: 25,
            onwards: true,
            deed: Deed::Delay(30),
            path: None,
        };
        let rig = Rig::new(seed, &Settings::default(), &[], Some(&injection));
        rig.comes("the disk to hang", || rig.node.deed_done() || rig.met().refused > 0)?;
        let before = rig.node.memory();
        let met = rig.met();
        rig.comes("refusals", || rig.met().refused > met.refused + 5)?;
        let after = rig.met();
        if after.slowest_refusal_ms > REFUSED_WITHIN_MS {
            return Err(format!("a refusal took {} ms", after.slowest_refusal_ms));
        }
        let growth = rig.node.memory().saturating_sub(before);
        if growth > GROWTH_MAX {
            return Err(format!("it grew by {growth} bytes"));
        }
        let text = format!("nobody waited longer, memory grew by {} KiB", growth >> 10);
        rig.all_is_there(&text)
    };
    Case { fault: "disk hangs".to_owned(), outcome: outcome() }
}

/// One call fails, once. The log must not go on as if nothing had been.
fn failing(seed: u64, call: &'static str, at: u64, deed: Deed) -> Case {
    let outcome = || {
        let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
        let volume = Volume::create(folder.path(), DISK_MIB, &[]);
        let data = volume.path().join("data");
        let mut node = Node::new(folder.path(), &data, &Settings::default());
        let journal = Arc::new(Journal::create(&folder.path().join("journal")));
        // Its first files are made without a fault, or it would not even start.
        node.start_ready();
        node.kill();
        // Of reads only those of the log's first segment: the loader makes some, too.
        let first = node.project_folder("log").join("00000000000000000000.log");
        let path = (call == "pread64").then_some(first);
        let injection = Injection { call, at, onwards: false, deed, path };
        node.start(Some(&injection));
        let start = node.wait_ready();
        let load = Load::start(node.http, seed, &journal, PACE);
        let mut rig = Rig { load: Some(load), node, volume, journal, _folder: folder };
        if matches!(start, Start::Ended(_)) {
            return rig.all_is_there("refused to start");
        }
        let due = Instant::now() + Duration::from_secs(6);
        while !rig.node.deed_done() && Instant::now() < due {
            std::thread::sleep(Duration::from_millis(5));
        }
        if !rig.node.deed_done() {
            return rig.all_is_there("was not reached");
        }
        std::thread::sleep(Duration::from_millis(400));
        let what = match rig.node.readyz() {
            None => "ended, for a supervisor to start it".to_owned(),
            Some((503, _)) => {
                stands(&rig)?;
                rig.node.end_of_deeds();
                format!("answered 503, {}", rig.recovers()?)
            }
            // It was a file that is written again, or another's.
            Some(_) => "went on".to_owned(),
        };
        rig.all_is_there(&what)
    };
    let name = if deed == Deed::Full { "ENOSPC" } else { "EIO" };
    Case { fault: format!("{name} at {call} {at}"), outcome: outcome() }
}

/// Nothing is acknowledged any more.
fn stands(rig: &Rig) -> Result<(), String> {
    // What was on its way when the disk failed has its answer by now.
    std::thread::sleep(Duration::from_millis(300));
    let before = rig.acked();
    std::thread::sleep(Duration::from_millis(700));
    match rig.acked() - before {
        0 => Ok(()),
        more => Err(format!("{more} events were acknowledged after the disk had failed")),
    }
}

fn free(folder: &Path) -> u64 {
    of_disk(folder, "avail")
}

/// What `df` says of a disk.
fn of_disk(folder: &Path, what: &str) -> u64 {
    let mut command = Command::new("df");
    command.arg(format!("--output={what}")).arg(folder);
    if what == "avail" {
        command.arg("-B1");
    }
    let output = command.output();
    let text = String::from_utf8_lossy(&output.expect("df runs").stdout).into_owned();
    text.lines().last().and_then(|line| line.trim().parse().ok()).expect("a number")
}

/// Takes all of a disk but so many bytes.
fn fill(file: &Path, leave: u64) {
    let folder = file.parent().expect("in a folder");
    let most = free(folder).saturating_sub(leave + (1 << 20)).to_string();
    let taken = Command::new("fallocate").args(["-l", &most]).arg(file).output();
    assert!(taken.expect("fallocate runs").status.success(), "there was room");
    let mut rest = std::fs::File::options().append(true).open(file).expect("it was made");
    let full = |rest: &mut std::fs::File| rest.write_all(&[0; 64 << 10]).is_err();
    while free(folder) > leave && !full(&mut rest) {}
    // The last bytes, which fit no larger piece.
    while leave == 0 && rest.write_all(&[0; 512]).is_ok() {}
}
