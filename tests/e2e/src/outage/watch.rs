//! Watches versions in Redis all the time: within one set of data none may ever go back.
//!
//! A set of data is what one run of one server has. A kill ends it, for a file may miss the last second,
//! and so do an empty start and a promotion, for a replica may miss what it was not sent. The first look
//! at a new set may show older versions than were seen before it (counted as rolled back); from there on
//! nothing goes back, and in the end everything is at least where it ever was.
use crate::Project;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// What was seen.
#[derive(Debug, Default, Clone, Copy)]
pub struct Versions {
    /// Versions that were read.
    pub seen: u64,
    /// Different ones.
    pub distinct: u64,
    /// Versions lower than one seen before in the same set of data: must be none.
    pub regressions: u64,
    /// Keys that were first seen in a new set of data with an older version than before: what was lost
    /// with the old one.
    pub rolled_back: u64,
    /// Keys that ended below the highest version ever seen of them: must be none.
    pub never_healed: u64,
}

/// What watchers share with who makes the outage.
#[derive(Debug, Default)]
pub(super) struct Watched {
    /// Which set of data is shown now.
    pub(super) epoch: AtomicU64,
    /// Whether it is over.
    pub(super) over: AtomicBool,
}

/// What is known of one key.
#[derive(Debug, Default, Clone, Copy)]
struct Known {
    highest: u64,
    last: u64,
    epoch: u64,
}

/// Watches `keys` at these servers, each of which may be away, until told that it is over.
#[must_use]
pub(super) fn watch(servers: &[SocketAddr], keys: &[String], watched: &Watched) -> Versions {
    let mut versions = Versions::default();
    // Of each server, for a replica is behind the one it follows.
    let mut known: Vec<BTreeMap<usize, Known>> = servers.iter().map(|_| BTreeMap::new()).collect();
    let mut highest = vec![0; keys.len()];
    let mut wires: Vec<Option<Wire>> = servers.iter().map(|_| None).collect();
    while !watched.over.load(Ordering::SeqCst) {
        for (place, server) in servers.iter().enumerate() {
            let epoch = watched.epoch.load(Ordering::SeqCst);
            let wire = wires[place].take().or_else(|| Wire::open(*server));
            let Some(mut wire) = wire else { continue };
            let Some(found) = wire.versions(keys) else { continue };
            wires[place] = Some(wire);
            // What was read while the data was being exchanged may be of either.
            if epoch != watched.epoch.load(Ordering::SeqCst) {
                continue;
            }
            for (key, version) in found.into_iter().enumerate() {
                let Some(version) = version else { continue };
                let known = known[place].entry(key).or_default();
                let is_new = known.epoch != epoch;
                versions.rolled_back += u64::from(is_new && version < highest[key]);
                highest[key] = version.max(highest[key]);
                note(known, version, epoch, &mut versions);
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    versions.never_healed = unhealed(&known);
    versions
}

fn note(known: &mut Known, version: u64, epoch: u64, versions: &mut Versions) {
    versions.seen += 1;
    versions.distinct += u64::from(version > known.highest);
    versions.regressions += u64::from(known.epoch == epoch && version < known.last);
    *known = Known { highest: known.highest.max(version), last: version, epoch };
}

/// How many keys are nowhere as high as they were anywhere.
fn unhealed(known: &[BTreeMap<usize, Known>]) -> u64 {
    let mut best: BTreeMap<usize, (u64, u64)> = BTreeMap::new();
    for (key, known) in known.iter().flatten() {
        let (highest, last) = best.entry(*key).or_default();
        (*highest, *last) = ((*highest).max(known.highest), (*last).max(known.last));
    }
    best.values().filter(|(highest, last)| last < highest).count() as u64
}

/// A connection that may break.
struct Wire {
    stream: BufReader<TcpStream>,
}

impl Wire {
    fn open(server: SocketAddr) -> Option<Self> {
        let stream = TcpStream::connect_timeout(&server, Duration::from_millis(200)).ok()?;
        stream.set_read_timeout(Some(Duration::from_millis(500))).ok()?;
        Some(Self { stream: BufReader::new(stream) })
    }

    /// The version of each key; none where it is absent or elsewhere.
    fn versions(&mut self, keys: &[String]) -> Option<Vec<Option<u64>>> {
        let mut commands = String::new();
        for key in keys {
            commands
                .push_str(&format!("*3\r\n$4\r\nHGET\r\n${}\r\n{key}\r\n$1\r\nv\r\n", key.len()));
        }
        self.stream.get_mut().write_all(commands.as_bytes()).ok()?;
        keys.iter().map(|_| self.version()).collect()
    }

    fn version(&mut self) -> Option<Option<u64>> {
        let mut line = String::new();
        if self.stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let Some(length) = line.strip_prefix('$') else { return Some(None) };
        let Ok(length) = length.trim().parse::<usize>() else { return Some(None) };
        let mut text = vec![0; length + 2];
        self.stream.read_exact(&mut text).ok()?;
        Some(std::str::from_utf8(&text).ok()?.trim().parse().ok())
    }
}

/// The key of a person of the load.
#[must_use]
pub(super) fn key_of(person: u64) -> String {
    format!("sl:{}:u:p{person}", Project::NAME)
}
