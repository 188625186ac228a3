//! A hash of everything that happened, in order: equal for two runs of one seed, or the world is not
//! one but two.

/// FNV-1a over what is told to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace(u64);

impl Default for Trace {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Trace {
    /// Takes in what happened.
    pub fn tell(&mut self, what: &str, numbers: &[u64]) {
        self.bytes(what.as_bytes());
        for number in numbers {
            self.bytes(&number.to_le_bytes());
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    /// The hash so far.
    #[must_use]
    pub fn hash(self) -> u64 {
        self.0
    }
}
