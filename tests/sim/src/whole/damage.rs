//! A copy of the disk with one thing wrong on it: a bit, a sector that was never written, that is an
//! old one, or another's. The log on it opens and gives what was there, or names the damage.
use super::Violation;
use super::disk::SECTOR_BYTES;
use super::world::World;
use sillage_eventlog::{EventLog as _, FileLog, LogError};
use std::sync::Arc;

/// Damages a copy and looks at what a log makes of it.
pub(super) fn check(world: &mut World) -> Result<(), Violation> {
    if world.ground.disk.is_dead() {
        return Ok(());
    }
    let copy = world.ground.disk.copy();
    let extension = if world.rng.chance(70) { "log" } else { "run" };
    let files: Vec<_> = copy
        .files(extension)
        .into_iter()
        .filter(|(path, _)| !path.starts_with("letters"))
        .collect();
    if files.is_empty() {
        return Ok(());
    }
    let (path, good) = world.rng.pick(&files).clone();
    let mut bad = good.clone();
    let (what, damaged_to) = spoil(world, &mut bad);
    if bad == good {
        return Ok(());
    }
    world.met.one(what);
    copy.corrupt(&path, bad);
    let opened = FileLog::open_by_hand(world.ground.log_config(&world.plan), Arc::new(copy));
    let log = match opened {
        Ok(log) => log,
        Err(LogError::Corrupt { .. }) => {
            world.met.one("damage: named when opened");
            return Ok(());
        }
        Err(error) => return Err(Violation::new("P7: damage is named", error.to_string())),
    };
    // The name of a file of the log is the position of its first block, behind 64 bytes of header.
    let base = path.file_stem().and_then(|stem| stem.to_str()?.parse::<u64>().ok());
    let proof = base.map(|base| base + (damaged_to as u64).saturating_sub(64));
    read(world, &log, proof)
}

/// Puts something wrong into a file's bytes.
fn spoil(world: &mut World, bytes: &mut [u8]) -> (&'static str, usize) {
    let sectors = bytes.len().div_ceil(SECTOR_BYTES);
    if bytes.is_empty() {
        return ("", 0);
    }
    let span =
        |sector: usize, len: usize| sector * SECTOR_BYTES..((sector + 1) * SECTOR_BYTES).min(len);
    let written = bytes.iter().rposition(|&byte| byte != 0).unwrap_or(0);
    let at = world.rng.index(written + 1);
    let sector_end = (at / SECTOR_BYTES + 1) * SECTOR_BYTES;
    match world.rng.index(3) {
        0 => {
            bytes[at] ^= 1 << world.rng.index(8);
            ("damage: a bit", at + 1)
        }
        1 => {
            let len = bytes.len();
            bytes[span(at / SECTOR_BYTES, len)].fill(0);
            ("damage: a sector that was never written", sector_end)
        }
        _ => {
            let (from, len) = (world.rng.index(sectors), bytes.len());
            let source = bytes[span(from, len)].to_vec();
            let target = &mut bytes[span(at / SECTOR_BYTES, len)];
            let len = source.len().min(target.len());
            target[..len].copy_from_slice(&source[..len]);
            ("damage: a sector of another place", sector_end)
        }
    }
}

/// What can be read must be what was there, in order, and complete unless the damage lies behind
/// everything that is proven. `proof` is where a block must begin to be whole, and so able to prove
/// what was damaged; `None` if no block was.
fn read(world: &mut World, log: &FileLog, proof: Option<u64>) -> Result<(), Violation> {
    let oldest = log.oldest();
    let mut found: Vec<(u64, Vec<u8>)> = Vec::new();
    let mut at = oldest;
    let named = loop {
        let next = log.read(at, 1 << 16, &mut |record| {
            found.push((record.block.0, record.body.to_vec()));
        });
        match next {
            Ok(next) if next == at => break false,
            Ok(next) => at = next,
            Err(LogError::Corrupt { .. }) => break true,
            Err(error) => return Err(Violation::new("P7: damage is named", error.to_string())),
        }
    };
    let known: Vec<(u64, &[u8])> =
        world.tape.bodies().filter(|(block, _)| *block >= oldest.0).collect();
    for ((block, body), (known_block, known_body)) in found.iter().zip(&known) {
        if block != known_block || body != known_body {
            let seen = format!("at {block} and not at {known_block}");
            return Err(Violation::new("P7: never a wrong record", seen));
        }
    }
    if named {
        world.met.one("damage: named when read");
        return Ok(());
    }
    if found.len() < known.len() {
        world.met.one("damage: taken for a torn end");
        let lost = known.get(found.len()).map_or(0, |(block, _)| *block);
        let last = world.tape.last_start();
        let is_proven = proof.is_none_or(|proof| {
            known.iter().any(|(block, _)| *block >= proof.max(last)) && lost < last
        });
        if is_proven {
            let seen = format!("{} of {} are there", found.len(), known.len());
            return Err(Violation::new("P7: acknowledged data is not cut off", seen));
        }
        return Ok(());
    }
    world.met.one(if proof.is_none() {
        "damage: ids read again"
    } else {
        "damage: did not matter"
    });
    Ok(())
}
