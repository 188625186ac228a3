//! The log as it lies on the disk, read by what its format says and not by the collector's own reader.
//!
//! The layout is that of `collector/eventlog` (`segment`, `block`) and `collector/model` (`fact`).
use super::event::hash;
use sillage_model::{Fact, SharedContexts, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const HEADER: usize = 64;
const BLOCK_HEAD: usize = 40;
const RECORD_HEAD: usize = 24;

/// What was found of one event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found {
    /// How often it is there.
    pub times: u64,
    /// The hash of what is there.
    pub hash: u64,
}

/// What was found of the events of a world.
#[derive(Debug, Default)]
pub struct Dump {
    /// The events, by their numbers.
    pub events: BTreeMap<u64, Found>,
    /// How many events each person has.
    pub persons: BTreeMap<u64, u64>,
    /// Events that are not what was sent.
    pub altered: Vec<String>,
    /// Everything before this position was read.
    pub end: u64,
    /// The oldest position there is.
    pub oldest: u64,
}

impl Dump {
    /// Reads on in a log's folder from where it ended before. What lies behind the first block that is none, in
    /// the last segment, is not the log's yet.
    ///
    /// # Errors
    /// What is wrong with the files, or with what was read before.
    pub fn read_on(&mut self, folder: &Path) -> Result<(), String> {
        let segments = if folder.exists() { segments(folder)? } else { Vec::new() };
        if segments.is_empty() && self.end == 0 {
            // It died before it had made any.
            return Ok(());
        }
        let (Some(first), Some(last)) = (segments.first(), segments.last()) else {
            return Err("there is no segment".to_owned());
        };
        self.oldest = first.0;
        if first.0 > self.end {
            return Err(format!("the log begins at {}, {} was read", first.0, self.end));
        }
        let last = last.0;
        for (base, path) in &segments {
            let bytes = std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
            let salt = header(&bytes, *base).map_err(|e| format!("{}: {e}", path.display()))?;
            let seed = crc32c::crc32c(&salt);
            let end = base + (bytes.len() - HEADER) as u64;
            while (*base..end).contains(&self.end) {
                let at = usize::try_from(self.end - base).expect("a file fits") + HEADER;
                match block(seed, self.end, &bytes[at..]) {
                    Some(block) => {
                        self.take(block)?;
                        self.end += block.len() as u64 + 8;
                    }
                    None if *base == last => break,
                    None => return Err(format!("{}: no block at {}", path.display(), self.end)),
                }
            }
        }
        Ok(())
    }

    /// Takes the records of a block, which begins after its checksum.
    fn take(&mut self, block: &[u8]) -> Result<(), String> {
        let number = |at: usize| word(block, at) as usize;
        let (shared, count) = (number(24), number(28));
        let heads = BLOCK_HEAD - 8;
        let shared_at = heads + count * RECORD_HEAD;
        let mut body = shared_at + shared;
        let shared = SharedContexts::from_bytes(&block[shared_at..body]);
        for record in 0..count {
            let bytes = number(heads + record * RECORD_HEAD + 20);
            let fact = Fact::decode(shared, &block[body..body + bytes]);
            let fact = fact.map_err(|e| format!("a fact at {}: {e:?}", self.end))?;
            body += bytes;
            if fact.name == "Tried" {
                self.take_event(&fact);
            }
        }
        Ok(())
    }

    fn take_event(&mut self, fact: &Fact<'_>) {
        let number = fact.message_id.strip_prefix('m').and_then(|n| n.parse::<u64>().ok());
        let person = fact.subject.strip_prefix("u:p").and_then(|n| n.parse::<u64>().ok());
        let (Some(number), Some(person)) = (number, person) else {
            self.altered.push(format!("{fact:?}"));
            return;
        };
        let text = |name: &str| match fact.props.get(name) {
            Some(Value::Str(text)) => text,
            _ => "",
        };
        let found = hash(number, person, text("filling"));
        let told = u64::from_str_radix(text("hash"), 16);
        let own = fact.props.get("n").and_then(|n| n.as_number());
        #[allow(clippy::cast_precision_loss, reason = "events are few")]
        if told != Ok(found) || own != Some(number as f64) {
            self.altered.push(format!("event {number} at {}", self.end));
        }
        let event = self.events.entry(number).or_default();
        *event = Found { times: event.times + 1, hash: found };
        *self.persons.entry(person).or_default() += 1;
    }
}

/// The segments of a log, by their bases, ascending.
///
/// # Errors
/// If the folder cannot be read.
pub fn segments(folder: &Path) -> Result<Vec<(u64, PathBuf)>, String> {
    let entries = std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| e.to_string())?.path();
        let base = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
        if let (Some(base), Some("log")) = (base, path.extension().and_then(|e| e.to_str())) {
            found.push((base, path));
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn header(bytes: &[u8], base: u64) -> Result<[u8; 8], &'static str> {
    if bytes.len() < HEADER || !bytes.starts_with(b"SILLAGE\n") {
        return Err("no header");
    }
    if word(bytes, 60) != crc32c::crc32c(&bytes[..60]) || long(bytes, 16) != base {
        return Err("a damaged header");
    }
    Ok(long(bytes, 24).to_le_bytes())
}

/// The bytes of the block at the beginning, after its checksum, if one of this position lies there.
fn block(seed: u32, position: u64, bytes: &[u8]) -> Option<&[u8]> {
    let len = word(bytes.get(..8)?, 0) as usize;
    let rest = bytes.get(8..8 + len).filter(|rest| rest.len() >= BLOCK_HEAD - 8)?;
    let checksum = crc32c::crc32c_append(crc32c::crc32c_append(seed, &bytes[..4]), rest);
    (checksum == word(bytes, 4) && long(rest, 0) == position).then_some(rest)
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}
