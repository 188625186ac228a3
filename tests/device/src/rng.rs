//! The one source of chance: a seed names a world for ever.

/// A stream of numbers that depends on its seed alone.
///
/// # Source
/// PCG-XSH-RR with 64 bits of state (O'Neill, "PCG: A Family of Simple Fast Space-Efficient
/// Statistically Good Algorithms for Random Number Generation", 2014).
#[derive(Debug, Clone)]
pub struct Rng {
    state: u64,
    stream: u64,
}

impl Rng {
    /// The numbers of `seed` for one `purpose`: two purposes never share numbers, so that drawing
    /// more for one leaves the other as it was.
    #[must_use]
    pub fn new(seed: u64, purpose: u64) -> Self {
        let mut rng = Self { state: 0, stream: purpose.wrapping_mul(2) | 1 };
        rng.next_u32();
        rng.state = rng.state.wrapping_add(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        rng.next_u32();
        rng
    }

    fn next_u32(&mut self) -> u32 {
        let old = self.state;
        self.state = old.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(self.stream);
        let mixed = u32::try_from((((old >> 18) ^ old) >> 27) & 0xffff_ffff).expect("masked");
        mixed.rotate_right(u32::try_from(old >> 59).expect("five bits"))
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        u64::from(self.next_u32()) << 32 | u64::from(self.next_u32())
    }

    /// A number from `low` to `high`, both included.
    pub fn range(&mut self, low: u64, high: u64) -> u64 {
        let span = high.saturating_sub(low).saturating_add(1);
        low + self.bits() % span
    }

    /// As [`Rng::range`], for indexes and counts.
    pub fn count(&mut self, low: usize, high: usize) -> usize {
        usize::try_from(self.range(low as u64, high as u64)).expect("not above `high`")
    }

    /// A number from `low` to `high` whose magnitude is as likely to be small as large.
    pub fn magnitude(&mut self, low: u64, high: u64) -> u64 {
        let bits = (high / low.max(1)).max(1).ilog2();
        let top = low.max(1) << self.range(0, bits.into());
        self.range(low, top.saturating_mul(2).clamp(low, high))
    }

    /// True in so many of a thousand cases.
    pub fn per_mille(&mut self, rate: u64) -> bool {
        rate > 0 && self.bits() % 1_000 < rate
    }

    /// One of the items.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.count(0, items.len() - 1)]
    }

    /// A number in `[0, 1)`.
    #[allow(clippy::cast_precision_loss, reason = "53 bits are exact")]
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A number of the standard normal distribution (Box and Muller, 1958).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// Entropy as a system would give it.
    pub fn entropy(&mut self) -> [u8; 32] {
        let mut out = [0; 32];
        for chunk in out.chunks_mut(8) {
            chunk.copy_from_slice(&self.bits().to_le_bytes());
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_and_a_purpose_name_a_stream() {
        let draw = |seed, purpose| {
            let mut rng = Rng::new(seed, purpose);
            (0..8).map(|_| rng.bits()).collect::<Vec<_>>()
        };
        assert_eq!(draw(1, 2), draw(1, 2));
        assert_ne!(draw(1, 2), draw(2, 2));
        assert_ne!(draw(1, 2), draw(1, 3));
    }

    #[test]
    fn numbers_stay_in_their_range_and_reach_its_ends() {
        let mut rng = Rng::new(7, 0);
        let drawn: Vec<u64> = (0..2_000).map(|_| rng.range(3, 9)).collect();
        assert_eq!((drawn.iter().min(), drawn.iter().max()), (Some(&3), Some(&9)));
        assert!((0..2_000).map(|_| rng.magnitude(10, 5_000)).all(|n| (10..=5_000).contains(&n)));
        let heads = (0..10_000).filter(|_| rng.per_mille(250)).count();
        assert!((2_200..2_800).contains(&heads), "{heads}");
    }
}
