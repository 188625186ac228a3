//! A blocked Bloom filter: says for most ids, with one cache miss, that a run does not hold them.
//!
//! It never decides that an id is a duplicate; that takes the run's exact list.
//!
//! # Source
//! F. Putze, P. Sanders, J. Singler, "Cache-, hash- and space-efficient Bloom filters" (2007); one
//! bit in each of the eight words of a cache line, as in Apache Parquet's split block filter.
use crate::limits;

const BLOCK_WORDS: usize = 8;
const BLOCK_BITS: u64 = 512;
/// Odd constants that pick an independent bit for each word.
const SALTS: [u64; BLOCK_WORDS] = [
    0x9e37_79b9_7f4a_7c15,
    0xbf58_476d_1ce4_e5b9,
    0x94d0_49bb_1331_11eb,
    0xd6e8_feb8_6659_fd93,
    0xa076_1d64_78bd_642f,
    0xe703_7ed1_a0b4_28db,
    0x8ebc_6af0_9c88_c6e3,
    0x5895_65f7_b2a4_8c1d,
];

/// The filter of one run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter(Vec<[u64; BLOCK_WORDS]>);

impl Filter {
    pub(crate) fn for_ids(count: u64) -> Self {
        let blocks = (count * limits::FILTER_BITS_PER_ID).div_ceil(BLOCK_BITS).max(1);
        Self(vec![[0; BLOCK_WORDS]; usize::try_from(blocks).expect("a run fits the memory")])
    }

    pub(crate) fn insert(&mut self, id: u128) {
        let hash = mix(id);
        let block = self.block_of(hash);
        for (word, bit) in self.0[block].iter_mut().zip(bits(hash)) {
            *word |= bit;
        }
    }

    pub(crate) fn may_contain(&self, id: u128) -> bool {
        let hash = mix(id);
        let block = &self.0[self.block_of(hash)];
        block.iter().zip(bits(hash)).fold(0, |missing, (word, bit)| missing | (!word & bit)) == 0
    }

    fn block_of(&self, hash: u64) -> usize {
        let scaled = (u128::from(hash) * self.0.len() as u128) >> 64;
        usize::try_from(scaled).expect("below the count of blocks")
    }

    pub(crate) fn bytes(&self) -> impl Iterator<Item = [u8; 8]> + '_ {
        self.0.iter().flatten().map(|word| word.to_le_bytes())
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        let (words, _) = bytes.as_chunks::<8>();
        let (blocks, _) = words.as_chunks::<BLOCK_WORDS>();
        Self(blocks.iter().map(|block| block.map(u64::from_le_bytes)).collect())
    }

    /// The bytes of the filter for so many ids, as a file holds them.
    pub(crate) fn bytes_for(count: u64) -> u64 {
        (count * limits::FILTER_BITS_PER_ID).div_ceil(BLOCK_BITS).max(1) * (BLOCK_BITS / 8)
    }
}

fn bits(hash: u64) -> impl Iterator<Item = u64> {
    SALTS.into_iter().map(move |salt| 1 << (hash.wrapping_mul(salt) >> 58))
}

/// Spreads an id over 64 bits. Ids are keyed hashes already, but that is another room's word, and
/// every bit of the result must depend on all of them.
pub(crate) fn mix(id: u128) -> u64 {
    #[expect(clippy::cast_possible_truncation, reason = "the halves are what is wanted")]
    let (low, high) = (id as u64, (id >> 64) as u64);
    let folded = u128::from(low ^ SALTS[0]) * u128::from(high ^ SALTS[1]);
    #[expect(clippy::cast_possible_truncation, reason = "the halves are what is wanted")]
    let hash = (folded as u64) ^ ((folded >> 64) as u64);
    (hash ^ hash >> 32).wrapping_mul(SALTS[2]) ^ low.rotate_left(29)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inserted_id_is_found_and_few_others_are() {
        for spread in [1u128, 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835] {
            let id = |n: u128| n.wrapping_mul(spread);
            let mut filter = Filter::for_ids(20_000);
            (0..20_000).for_each(|n| filter.insert(id(n)));
            assert!((0..20_000).all(|n| filter.may_contain(id(n))));
            let wrong = (20_000..120_000).filter(|&n| filter.may_contain(id(n))).count();
            assert!(wrong < 2_500, "{wrong} of 100 000 with spread {spread:x}");
            let bytes: Vec<u8> = filter.bytes().flatten().collect();
            assert_eq!(bytes.len() as u64, Filter::bytes_for(20_000));
            assert_eq!(Filter::from_bytes(&bytes), filter);
        }
    }
}
