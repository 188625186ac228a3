//! Percent groups: a person is always in the same one, whoever computes it and wherever.
//!
//! The place of a person under a salt is FNV-1a (64 bits) over the member's text, a zero byte and
//! the salt, finished with the 64-bit mixer of MurmurHash3, modulo 10 000: hundredths of a percent.
//! FNV-1a alone leaves the low bits of similar texts alike; the mixer spreads them.

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// What the member adds to the hash of every salt.
pub(crate) fn seed(member: &str) -> u64 {
    fnv(fnv(OFFSET, member.as_bytes()), &[0])
}

/// The place under a salt, from 0 to 9 999.
pub(crate) fn place(seed: u64, salt: &str) -> u16 {
    let place = mixed(fnv(seed, salt.as_bytes())) % 10_000;
    u16::try_from(place).expect("below 10 000")
}

/// A number that says nothing about the name it comes from, so that the smallest of many are a fair
/// sample of them.
#[must_use]
pub fn spread(name: &str) -> u64 {
    mixed(fnv(OFFSET, name.as_bytes()))
}

fn fnv(state: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(state, |state, byte| (state ^ u64::from(*byte)).wrapping_mul(PRIME))
}

fn mixed(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn groups_are_balanced_and_independent_of_each_other() {
        let (mut low, mut both) = (0_u32, 0_u32);
        for number in 0..100_000 {
            let seed = seed(&format!("u:{number}"));
            let in_first = place(seed, "spring") < 1_000;
            low += u32::from(in_first);
            both += u32::from(in_first && place(seed, "autumn") < 1_000);
        }
        // Ten percent and one percent, within five standard deviations.
        assert!((9_525..10_475).contains(&low), "{low}");
        assert!((840..1_160).contains(&both), "{both}");
    }

    #[test]
    fn the_place_is_what_anybody_computes() {
        assert_eq!(fnv(OFFSET, b"a"), 0xaf63_dc4c_8601_ec8c, "the published test vector");
        assert_eq!(place(seed("u:42"), "x"), place(seed("u:42"), "x"));
    }
}
