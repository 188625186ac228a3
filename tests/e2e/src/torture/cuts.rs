//! Worlds in which the power goes, while the collector works and while it recovers; and the control, in which an
//! answer does not wait for the disk, so that a cut must cost something.
use super::check::{Findings, Oracle};
use super::event::Dice;
use super::journal::Journal;
use super::kills::PACE;
use super::load::Load;
use super::node::{Node, Settings, Start};
use super::report::{Stage, Tally};
use super::trace::Work;
use super::volume::Volume;
use std::sync::Arc;
use std::time::Duration;

/// Size of the disk: dead letters and states take 80 MiB ahead.
const DISK_MIB: u64 = 320;

/// What the control has met.
#[derive(Debug, Default)]
pub struct Control {
    /// Cuts.
    pub cuts: u64,
    /// Events acknowledged.
    pub acked: u64,
    /// Of these, how many were gone.
    pub lost: u64,
    /// Cuts after which something was gone.
    pub losing: u64,
    /// Cuts after which the collector came up by itself.
    pub recovered: u64,
    /// What it said when it did not.
    pub said: String,
}

/// Runs one world with so many cuts.
///
/// # Panics
/// If the machine does not let it.
#[must_use]
pub fn world(seed: u64, cuts: u64) -> Tally {
    let mut dice = Dice::new(seed);
    let folder = tempfile::tempdir().expect("a folder");
    let mut volume = Volume::create(folder.path(), DISK_MIB, &[]);
    let retention_mib = if dice.once_in(2) { 16 } else { 0 };
    let workers = if dice.once_in(2) { 1 } else { 2 };
    let settings = Settings { retention_mib, workers, ..Settings::default() };
    let mut node = Node::new(folder.path(), &volume.path().join("data"), &settings);
    let journal = Arc::new(Journal::create(&folder.path().join("journal")));
    let mut oracle = Oracle::new(&journal);
    let load = Load::start(node.http, seed, &journal, PACE);
    let mut tally = Tally { worlds: 1, ..Tally::default() };
    while tally.count() < cuts && oracle.findings.is_clean() {
        node.start(None);
        let (stage, work) = live(&mut node, &mut dice, &load, &mut tally, &mut oracle);
        let since = volume.cut();
        node.kill();
        journal.was_dark_since(since);
        volume.restore();
        tally.died(stage, work, "power cut");
        oracle.look_at_log(&node);
    }
    if oracle.findings.is_clean() {
        node.start_ready();
        std::thread::sleep(Duration::from_millis(200));
    }
    let met = load.stop();
    tally.recognised = met.recognised;
    if met.forgotten > 0 {
        oracle.findings.break_down(|| format!("{} acknowledged events came anew", met.forgotten));
    }
    if oracle.findings.is_clean() {
        node.settle();
        let since = volume.cut();
        node.kill();
        journal.was_dark_since(since);
        volume.restore();
        oracle.look_at_log(&node);
        node.start_ready();
        oracle.look_at_views(&node, None);
        node.kill();
    }
    if retention_mib == 0 && oracle.findings.is_clean() {
        let (equal, said) = node.replay();
        if !equal {
            oracle.findings.break_down(|| said);
        }
    }
    (tally.acked, tally.unknown) = (oracle.acked, (oracle.unknown, oracle.unknown_there));
    tally.findings = oracle.findings.clone();
    tally
}

/// Lives until the power is to be cut: now and then not until it is ready.
fn live(
    node: &mut Node,
    dice: &mut Dice,
    load: &Load,
    tally: &mut Tally,
    oracle: &mut Oracle,
) -> (Stage, Work) {
    if dice.once_in(3) && tally.count() > 0 {
        std::thread::sleep(Duration::from_millis(dice.within(0, 120)));
        let stage = if node.is_ready() { Stage::Live } else { Stage::Recovering };
        return (stage, Work::Other);
    }
    match node.wait_ready() {
        Start::Ready(after) => tally.started(after),
        Start::Ended(status) => {
            let tail = node.tail();
            oracle.findings.break_down(|| format!("it ended with {status}:\n{tail}"));
            return (Stage::Recovering, Work::Other);
        }
    }
    std::thread::sleep(Duration::from_millis(dice.within(20, 800)));
    let work = if load.in_flight() > 0 { Work::Ingest } else { Work::Idle };
    (Stage::Live, work)
}

/// Runs so many cuts of a collector that answers before the disk has the events, each on a disk of its own.
///
/// # Panics
/// If the machine does not let it.
#[must_use]
pub fn control(seed: u64, cuts: u64) -> Control {
    let mut control = Control { cuts, ..Control::default() };
    let mut dice = Dice::new(seed);
    for _ in 0..cuts {
        let folder = tempfile::tempdir().expect("a folder");
        let mut volume = Volume::create(folder.path(), DISK_MIB, &[]);
        let settings = Settings { durability: "os", ..Settings::default() };
        let mut node = Node::new(folder.path(), &volume.path().join("data"), &settings);
        let journal = Arc::new(Journal::create(&folder.path().join("journal")));
        let mut oracle = Oracle::new(&journal);
        node.start_ready();
        let load = Load::start(node.http, dice.word(), &journal, PACE);
        std::thread::sleep(Duration::from_millis(dice.within(500, 2_500)));
        let since = volume.cut();
        node.kill();
        journal.was_dark_since(since);
        volume.restore();
        drop(load.stop());
        oracle.look_at_log(&node);
        control.acked += oracle.acked;
        control.lost += oracle.findings.lost;
        control.losing += u64::from(oracle.findings.lost > 0);
        node.start(None);
        match node.wait_ready() {
            Start::Ready(_) => {
                oracle.findings = Findings::default();
                oracle.look_at_views(&node, None);
                // A worker that cannot go on takes the collector with it within a second.
                std::thread::sleep(Duration::from_secs(1));
                let stands = oracle.findings.is_clean() && node.ended().is_none();
                control.recovered += u64::from(stands);
                if !stands {
                    control.said = format!("{:?}\n{}", oracle.findings.notes, node.tail());
                }
            }
            Start::Ended(_) => control.said = node.tail(),
        }
    }
    control
}
