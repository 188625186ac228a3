//! Files that are not what was written, found when a collector starts. Each damage is named, or does not matter:
//! never is an event served that was not sent, never are acknowledged events taken for a torn end.
use super::check::{Findings, Oracle};
use super::dump::segments;
use super::event::Dice;
use super::faults::Case;
use super::journal::Journal;
use super::load::Load;
use super::node::{Node, Settings, Start};
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// Bytes before the first block of a segment.
const HEADER: u64 = 64;

/// What is done to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// One bit of the segment's header.
    Header,
    /// One bit of a block's length, checksum or position.
    Frame,
    /// One bit anywhere in what was written.
    Bit,
    /// So many bytes are zeros.
    Zeros(u64),
    /// The file ends early.
    Cut,
    /// Two sectors have changed places.
    Swapped,
    /// The file is as it was some blocks ago.
    Stale,
    /// The file is not there.
    Gone,
    /// It is there a second time, under the name of the one after it.
    Twice,
}

/// Which segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The oldest.
    First,
    /// One between.
    Middle,
    /// The one that was written last.
    Last,
}

const DAMAGES: [Damage; 10] = [
    Damage::Header,
    Damage::Frame,
    Damage::Bit,
    Damage::Zeros(512),
    Damage::Zeros(4_096),
    Damage::Cut,
    Damage::Swapped,
    Damage::Stale,
    Damage::Gone,
    Damage::Twice,
];

/// A log as a collector left it that ended well, and what was acknowledged of it.
struct Model {
    node: Node,
    journal: Arc<Journal>,
    data: PathBuf,
    whole: PathBuf,
    dice: Dice,
    // Dropped last.
    _folder: tempfile::TempDir,
}

/// Every damage to a segment of each place, and damage to ids and states.
#[must_use]
pub fn all(seed: u64) -> Vec<Case> {
    let mut model = Model::new(seed);
    let mut cases = Vec::new();
    for which in [Which::First, Which::Middle, Which::Last] {
        cases.extend(DAMAGES.iter().map(|&damage| model.log(which, damage)));
    }
    cases.extend(["dedup", "state"].map(|folder| model.other(folder)));
    cases
}

/// Some of them, for a short run.
#[must_use]
pub fn some(seed: u64) -> Vec<Case> {
    let mut model = Model::new(seed);
    let log = [
        (Which::Middle, Damage::Bit),
        (Which::Last, Damage::Frame),
        (Which::Last, Damage::Zeros(512)),
        (Which::Last, Damage::Gone),
    ];
    let mut cases: Vec<Case> = log.map(|(which, damage)| model.log(which, damage)).into();
    cases.push(model.other("dedup"));
    cases
}

impl Model {
    fn new(seed: u64) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (data, whole) = (folder.path().join("data"), folder.path().join("whole"));
        let settings = Settings { dedup: "1m", ..Settings::default() };
        let mut node = Node::new(folder.path(), &data, &settings);
        let journal = Arc::new(Journal::create(&folder.path().join("journal")));
        node.start_ready();
        let load = Load::start(node.http, seed, &journal, Duration::from_millis(1));
        let log = node.project_folder("log");
        crate::until("four segments", || {
            let count = segments(&log).map_or(0, |found| found.len());
            let runs = std::fs::read_dir(node.project_folder("dedup")).map_or(0, Iterator::count);
            (count >= 4 && runs >= 1).then_some(())
        });
        drop(load.stop());
        assert!(node.stop(), "{}", node.tail());
        std::fs::rename(&data, &whole).expect("both are here");
        Self { node, journal, data, whole, dice: Dice::new(seed), _folder: folder }
    }

    /// Puts everything back as it was.
    fn reset(&self) {
        drop(std::fs::remove_dir_all(&self.data));
        let mut copy = Command::new("cp");
        copy.args(["-a", "--sparse=always"]).args([&self.whole, &self.data]);
        assert!(copy.status().expect("cp runs").success());
    }

    fn log(&mut self, which: Which, damage: Damage) -> Case {
        self.reset();
        let found = segments(&self.node.project_folder("log")).expect("a log");
        let at = match which {
            Which::First => 0,
            Which::Middle => 1,
            Which::Last => found.len() - 1,
        };
        let (base, path) = found[at].clone();
        let end = found.get(at + 1).map_or_else(|| used(&path), |next| next.0 - base + HEADER);
        let done = hurt(&mut self.dice, damage, &path, (base, end));
        let fault = format!("{which:?} segment: {damage:?}{done}");
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Case { fault, outcome: self.judge(&name) }
    }

    fn other(&mut self, folder: &str) -> Case {
        self.reset();
        let place = self.node.project_folder(folder);
        let mut files: Vec<PathBuf> = Vec::new();
        let mut folders = vec![place];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
                let path = entry.path();
                if path.is_dir() { folders.push(path) } else { files.push(path) }
            }
        }
        files.retain(|path| path.metadata().is_ok_and(|meta| meta.len() > 0));
        files.sort();
        let path = self.dice.pick(&files).clone();
        let end = path.metadata().expect("it is there").len();
        let at = self.dice.within(0, end.min(8_192));
        flip(&path, at, 0);
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Case { fault: format!("{folder}: one bit of {name}"), outcome: self.judge(&name) }
    }

    /// What a start and a replay make of it.
    fn judge(&mut self, name: &str) -> Result<String, String> {
        let before = self.node.said().len();
        self.node.start(None);
        let start = self.node.wait_ready();
        let mut oracle = Oracle::new(&self.journal);
        if matches!(start, Start::Ready(_)) {
            std::thread::sleep(Duration::from_millis(100));
            // Its states are whole: what is served must be what was acknowledged.
            oracle.count_by_journal();
            oracle.look_at_views(&self.node, None);
        }
        self.node.kill();
        let said = self.node.said().get(before..).unwrap_or_default().to_owned();
        // Of a file that is missing its neighbour is named, or the states and ids that know more.
        let names = |text: &str| {
            let is_place = text.contains("is damaged at position");
            let knows = ["but it ends at", "its first files are missing"];
            is_place || knows.iter().any(|words| text.contains(words)) || text.contains(name)
        };
        if matches!(start, Start::Ended(_)) {
            return if names(&said) {
                Ok(format!("no start: {}", last_line(&said)))
            } else {
                Err(format!("it does not start and does not say why: {said}"))
            };
        }
        let Findings { notes, .. } = &oracle.findings;
        if !oracle.findings.is_clean() && !names(&said) {
            return Err(format!("it serves what is not so: {notes:?}\n{said}"));
        }
        let (equal, replayed) = self.node.replay();
        match (equal, names(&replayed) || names(&said)) {
            (true, _) => Ok("harmless: log and states are equal".to_owned()),
            (false, true) => Ok(format!("replay: {}", last_line(&replayed))),
            (false, false) => Err(format!("nobody says where: {replayed}")),
        }
    }
}

/// Does it; what was done, in words.
fn hurt(dice: &mut Dice, damage: Damage, path: &Path, (base, end): (u64, u64)) -> String {
    let file = || File::options().read(true).write(true).open(path).expect("it is there");
    // The block that only proves the ones before it is the last; what comes before was acknowledged.
    let acked = end.saturating_sub(40);
    match damage {
        Damage::Header => {
            let at = dice.within(0, HEADER);
            flip(path, at, dice.within(0, 8));
            format!(" at byte {at}")
        }
        Damage::Frame => {
            let (block, field) =
                (block_before(path, dice.within(HEADER, acked)), dice.within(0, 16));
            flip(path, block + field, dice.within(0, 8));
            format!(" at byte {field} of the block at {block}")
        }
        Damage::Bit => {
            let at = dice.within(HEADER, acked);
            flip(path, at, dice.within(0, 8));
            format!(" at byte {at}")
        }
        Damage::Zeros(bytes) => {
            let at = dice.within(1, (acked / bytes).max(2)) * bytes;
            let zeros = vec![0; usize::try_from(bytes).expect("few")];
            file().write_all_at(&zeros, at).expect("it can be written");
            format!(" at byte {at}")
        }
        Damage::Cut => {
            let at = dice.within(0, acked);
            file().set_len(at).expect("it can be cut");
            format!(" at byte {at}")
        }
        Damage::Swapped => {
            let (a, b) = (
                dice.within(1, acked / 1_024) * 512,
                dice.within(acked / 1_024, acked / 512) * 512,
            );
            let (mut left, mut right) = ([0; 512], [0; 512]);
            file().read_exact_at(&mut left, a).expect("it can be read");
            file().read_exact_at(&mut right, b).expect("it can be read");
            file().write_all_at(&right, a).expect("it can be written");
            file().write_all_at(&left, b).expect("it can be written");
            format!(" at bytes {a} and {b}")
        }
        Damage::Stale => {
            let at = block_before(path, dice.within(HEADER, acked));
            let zeros = vec![0; usize::try_from(end - at).expect("few")];
            file().write_all_at(&zeros, at).expect("it can be written");
            format!(", without what came after byte {at}")
        }
        Damage::Gone => {
            std::fs::remove_file(path).expect("it is there");
            String::new()
        }
        Damage::Twice => {
            let other = path.with_file_name(format!("{:020}.log", base + end - HEADER));
            std::fs::copy(path, other).expect("it can be copied");
            String::new()
        }
    }
}

fn flip(path: &Path, at: u64, bit: u64) {
    let file = File::options().read(true).write(true).open(path).expect("it is there");
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).expect("it is so long");
    file.write_all_at(&[byte[0] ^ 1 << bit], at).expect("it can be written");
}

/// Where the block begins that holds this byte, going from length to length.
fn block_before(path: &Path, byte: u64) -> u64 {
    let bytes = std::fs::read(path).expect("it is there");
    let mut at = HEADER;
    loop {
        let place = usize::try_from(at).expect("a file fits");
        let len = bytes
            .get(place..place + 4)
            .map_or(0, |len| u32::from_le_bytes(len.try_into().expect("four bytes")));
        let next = at + 8 + u64::from(len);
        if len == 0 || next > byte {
            return at;
        }
        at = next;
    }
}

/// The bytes that are used of a segment which has more.
fn used(path: &Path) -> u64 {
    block_before(path, u64::MAX)
}

fn last_line(text: &str) -> String {
    text.lines().last().unwrap_or_default().trim().to_owned()
}
