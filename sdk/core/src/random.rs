//! Ids and jitter from one seed.
use crate::codec::{Source, low_byte, put};
use alloc::string::String;
use alloc::vec::Vec;

/// xoshiro256++ (Blackman and Vigna, 2019): fast, small, and good far beyond what ids need. It is
/// not for secrets, and nothing here is one.
#[derive(Debug, Clone)]
pub(crate) struct Random([u64; 4]);

impl Random {
    pub(crate) fn new(entropy: [u8; 32]) -> Self {
        let mut source = Source::new(&entropy);
        let mut words = [0; 4].map(|_: u64| source.fixed(8));
        if words == [0; 4] {
            // The one state that it never leaves.
            words = [1; 4];
        }
        Self(words)
    }

    pub(crate) fn next(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.0;
        let out = a.wrapping_add(*d).rotate_left(23).wrapping_add(*a);
        let shifted = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= shifted;
        *d = d.rotate_left(45);
        out
    }

    /// Evenly from 0 to `max`, both included; the bias of the remainder is below 2^-32 for any wait.
    pub(crate) fn up_to(&mut self, max: u64) -> u64 {
        self.next() % (max + 1)
    }

    /// Evenly from 0 to 1, 1 excluded.
    pub(crate) fn share(&mut self) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "53 bits are exact")]
        let bits = (self.next() >> 11) as f64;
        bits / 9_007_199_254_740_992.0
    }

    /// 16 random characters.
    pub(crate) fn word(&mut self) -> String {
        let mut out = Vec::new();
        push_hex(&mut out, self.next(), 16);
        String::from_utf8(out).unwrap_or_default()
    }

    /// A random UUID (RFC 9562, version 4).
    pub(crate) fn uuid(&mut self) -> Uuid {
        Uuid::of(self.next(), self.next(), 4)
    }
}

/// 16 bytes, written as 36 characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Uuid(pub(crate) [u8; 16]);

impl Uuid {
    fn of(high: u64, low: u64, version: u64) -> Self {
        let high = high & !0xf000 | version << 12;
        let low = low << 2 >> 2 | 1 << 63;
        let mut bytes = [0; 16];
        for (index, byte) in bytes.iter_mut().enumerate() {
            let word = if index < 8 { high } else { low };
            *byte = low_byte(word >> (56 - index % 8 * 8));
        }
        Self(bytes)
    }

    /// Appends its 36 characters.
    pub(crate) fn push(self, out: &mut Vec<u8>) {
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                put(out, b"-");
            }
            push_hex(out, u64::from(*byte), 2);
        }
    }

    pub(crate) fn to_text(self) -> String {
        let mut out = Vec::new();
        self.push(&mut out);
        String::from_utf8(out).unwrap_or_default()
    }
}

/// Appends the last so many hexadecimal digits of a number.
pub(crate) fn push_hex(out: &mut Vec<u8>, number: u64, digits: u32) {
    for place in (0..digits).rev() {
        let digit = low_byte(number >> (4 * place) & 15);
        put(out, &[digit + if digit < 10 { b'0' } else { b'a' - 10 }]);
    }
}

/// Mints message ids: UUIDs of version 7, which sort by time.
///
/// Of the 74 bits that RFC 9562 leaves free, 46 are drawn once a boot and 28 count on from a drawn
/// start (its section 6.2 allows a counter). So ids of one boot never repeat before 2^28 events fall
/// into one millisecond, ids of two devices collide like random ones, and a batch of them compresses
/// to a third of what independent random bits would take.
#[derive(Debug)]
pub(crate) struct MessageIds {
    fixed: u64,
    counter: u64,
}

impl MessageIds {
    pub(crate) fn new(random: &mut Random) -> Self {
        Self { counter: random.next() & 0x0fff_ffff, fixed: random.next() }
    }

    pub(crate) fn mint(&mut self, at_ms: i64) -> Uuid {
        self.counter = (self.counter + 1) & 0x0fff_ffff;
        let ms = at_ms.max(0).cast_unsigned();
        Uuid::of(ms << 16 | self.counter >> 16, self.fixed << 16 | self.counter & 0xffff, 7)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_of_their_version_sort_by_time_and_never_repeat() {
        let mut random = Random::new([7; 32]);
        let mut ids = MessageIds::new(&mut random);
        let mut seen: Vec<String> = Vec::new();
        for ms in 0..200 {
            for _ in 0..50 {
                seen.push(ids.mint(1_795_341_600_000 + ms).to_text());
            }
        }
        assert!(seen.iter().all(|id| id.len() == 36 && id.as_bytes()[14] == b'7'));
        assert!(seen.iter().all(|id| matches!(id.as_bytes()[19], b'8' | b'9' | b'a' | b'b')));
        let mut sorted = seen.clone();
        sorted.sort();
        sorted.dedup();
        assert_eq!(sorted.len(), seen.len());
        // The counter may wrap once from its high to its low half; else the order is that of time.
        assert!(seen.windows(2).filter(|pair| pair[0] > pair[1]).count() <= 1);
        assert_eq!(random.uuid().to_text().as_bytes()[14], b'4');
    }

    #[test]
    fn draws_stay_in_their_bounds() {
        let mut random = Random::new([0; 32]);
        assert!((0..1_000).all(|_| random.up_to(9) < 10));
        assert!((0..1_000).all(|_| (0.0..1.0).contains(&random.share())));
        assert_eq!(random.up_to(0), 0);
    }
}
