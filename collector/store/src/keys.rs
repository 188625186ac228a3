//! The names of the Redis keys, as the key contract fixes them, and the shard of a member.
//!
//! Their content is rendered in `fields.rs`; the same functions serve the Redis writer and the
//! collector's own Redis face, so both print the same.
use crate::Labels;
use crate::limits::SEGMENT_SHARDS;
use sillage_model::SegmentIndex;

/// What every key starts with, before the project's name.
pub const PREFIX: &str = "sl:";

/// A key of one project, parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key<'a> {
    /// `sl:<p>:meta`, a hash.
    Meta,
    /// `sl:<p>:changes`, a stream.
    Changes,
    /// `sl:<p>:u:<id>` or `sl:<p>:a:<id>`, a hash; holds the member text, `u:<id>` or `a:<id>`.
    Profile(&'a str),
    /// `sl:<p>:seg:<key>:<shard>`, a sorted set.
    Segment(SegmentIndex, u8),
}

impl Key<'_> {
    /// What `TYPE` answers for it.
    #[must_use]
    pub fn redis_type(&self) -> &'static str {
        match self {
            Self::Meta | Self::Profile(_) => "hash",
            Self::Changes => "stream",
            Self::Segment(..) => "zset",
        }
    }
}

/// Splits a key into the project it belongs to and the rest; `None` if it is none of ours.
#[must_use]
pub fn split_project(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix(PREFIX)?.split_once(':')
}

/// Reads what follows `sl:<p>:`; `None` if the contract has no such key.
#[must_use]
pub fn parse<'a>(rest: &'a str, labels: &Labels) -> Option<Key<'a>> {
    if rest.starts_with("u:") || rest.starts_with("a:") {
        return Some(Key::Profile(rest));
    }
    match rest {
        "meta" => Some(Key::Meta),
        "changes" => Some(Key::Changes),
        _ => {
            let (key, shard) = rest.strip_prefix("seg:")?.rsplit_once(':')?;
            let segment = labels.segment_index(key)?;
            (0..SEGMENT_SHARDS)
                .find(|s| shard == s.to_string())
                .map(|shard| Key::Segment(segment, shard))
        }
    }
}

/// Writes the whole name of a key.
#[must_use]
pub fn name(project: &str, key: &Key<'_>, labels: &Labels) -> String {
    match key {
        Key::Meta => format!("{PREFIX}{project}:meta"),
        Key::Changes => format!("{PREFIX}{project}:changes"),
        Key::Profile(member) => format!("{PREFIX}{project}:{member}"),
        Key::Segment(segment, shard) => {
            let key = labels.segment(*segment).map_or("", |label| label.key.as_str());
            format!("{PREFIX}{project}:seg:{key}:{shard}")
        }
    }
}

/// The sorted set of a segment that lists this member: CRC16 as Redis Cluster takes it of a key,
/// with its rule that only a non-empty part within the first braces counts, modulo 16.
#[must_use]
pub fn segment_shard(member: &str) -> u8 {
    let shard = hash_of(member.as_bytes()) % u16::from(SEGMENT_SHARDS);
    u8::try_from(shard).expect("the remainder is below 16")
}

/// The slot of a key in a Redis Cluster.
pub(crate) fn key_slot(key: &[u8]) -> u16 {
    hash_of(key) % CLUSTER_SLOTS
}

/// Slots of a Redis Cluster. Source: Redis Cluster specification.
pub(crate) const CLUSTER_SLOTS: u16 = 16_384;

fn hash_of(bytes: &[u8]) -> u16 {
    let tag = bytes.iter().position(|&b| b == b'{').and_then(|open| {
        let after = bytes.get(open + 1..)?;
        let len = after.iter().position(|&b| b == b'}').filter(|&len| len > 0)?;
        after.get(..len)
    });
    crc16(tag.unwrap_or(bytes))
}

/// CRC-16/XMODEM: polynomial 0x1021, start 0, nothing reflected. Source: Redis Cluster
/// specification, appendix A, which also gives the check value used in the tests.
fn crc16(bytes: &[u8]) -> u16 {
    let step = |crc: u16, &byte: &u8| {
        let [high, _] = crc.to_be_bytes();
        (crc << 8) ^ CRC_TABLE[usize::from(high ^ byte)]
    };
    bytes.iter().fold(0, step)
}

const CRC_TABLE: [u16; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < table.len() {
        #[allow(clippy::cast_possible_truncation, reason = "the index is below 256")]
        let mut crc = (index as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn the_checksum_is_the_one_of_redis_cluster() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        // CLUSTER KEYSLOT of a server gives the same numbers modulo 16384.
        assert_eq!(crc16(b"foo") % 16_384, 12_182);
        assert_eq!(crc16(b"somekey") % 16_384, 11_058);
    }

    #[test]
    fn only_the_part_in_braces_counts() {
        assert_eq!(segment_shard("u:{tag}rest"), segment_shard("tag"));
        assert_eq!(segment_shard("u:{}rest"), u8::try_from(crc16(b"u:{}rest") % 16).unwrap());
        assert_eq!(segment_shard("u:{open"), u8::try_from(crc16(b"u:{open") % 16).unwrap());
        assert_eq!(segment_shard("{a}{b}"), segment_shard("a"));
    }

    #[test]
    fn names_read_back_as_written() {
        let labels = sample::labels();
        for key in [
            Key::Meta,
            Key::Changes,
            Key::Profile("u:42"),
            Key::Profile("a:d:1"),
            Key::Segment(SegmentIndex(1), 15),
        ] {
            let text = name("shop", &key, &labels);
            let (project, rest) = split_project(&text).unwrap();
            assert_eq!(("shop", Some(key)), (project, parse(rest, &labels)), "{text}");
        }
    }

    #[test]
    fn foreign_names_are_no_keys() {
        let labels = sample::labels();
        for rest in ["", "x", "seg:hot-cart", "seg:hot-cart:16", "seg:hot-cart:01", "seg:none:1"] {
            assert_eq!(parse(rest, &labels), None, "{rest}");
        }
        assert_eq!(split_project("other:shop:u:1"), None);
        assert_eq!(split_project("sl:shop"), None);
    }
}
