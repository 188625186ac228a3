//! One fixed, seedless hash: the same on every machine and in every run.
//!
//! It names leaves, values and plans, gives ids and orders, and spreads event names over tables
//! whose keys come from the rules, not from the network. It is no defence against chosen input: a
//! collision only merges two things of one person.
use core::hash::{BuildHasher, Hasher};

/// The builder that hash tables of the engine take.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct FixedHash;

impl BuildHasher for FixedHash {
    type Hasher = Mixer;

    fn build_hasher(&self) -> Mixer {
        Mixer::default()
    }
}

/// Eight bytes at a time through a bijective step, then the finaliser of MurmurHash3 (Appleby,
/// public domain). Each write closes with its length, so that the borders between writes count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mixer(u64);

impl Default for Mixer {
    fn default() -> Self {
        Self(0x9E37_79B9_7F4A_7C15)
    }
}

impl Mixer {
    fn step(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(0xFF51_AFD7_ED55_8CCD).rotate_left(29);
        self.0 ^= self.0 >> 32;
    }
}

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.step(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        // The length in the last word tells "a" from "a\0".
        self.step(u64::from_le_bytes(last));
        self.step(bytes.len() as u64);
    }

    fn finish(&self) -> u64 {
        let mut h = self.0;
        h = (h ^ (h >> 33)).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
        h = (h ^ (h >> 33)).wrapping_mul(0xC4CE_B9FE_1A85_EC53);
        h ^ (h >> 33)
    }
}

/// The hash of some bytes; `kind` keeps hashes of different things apart.
pub(crate) fn hash_bytes(kind: u8, bytes: &[u8]) -> u64 {
    let mut mixer = Mixer::default();
    mixer.step(u64::from(kind));
    mixer.write(bytes);
    mixer.finish()
}

#[cfg(test)]
mod tests {
    use super::hash_bytes;
    use std::collections::BTreeSet;

    #[test]
    fn hashes_tell_near_things_apart() {
        let mut seen = BTreeSet::new();
        for kind in 0..3 {
            for n in 0..50_000_u32 {
                assert!(seen.insert(hash_bytes(kind, &n.to_le_bytes())));
                assert!(seen.insert(hash_bytes(kind, n.to_string().as_bytes())));
            }
        }
        assert!(seen.insert(hash_bytes(1, b"")));
        assert!(seen.insert(hash_bytes(1, b"\0")));
    }

    #[test]
    fn hashes_are_frozen() {
        // They are in states on disk: distinct values, ids and ties come from them.
        assert_eq!(hash_bytes(1, b"Product Viewed"), 4_979_142_327_095_736_959);
    }
}
