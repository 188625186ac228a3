//! Events that say themselves what they must look like when they are read back.
use std::fmt::Write as _;

/// Persons of a world: enough that partitions and workers all have some, few enough to ask for each.
pub const PERSONS: u64 = 500;

/// Longest filling of an event, in bytes: with it segments of one MiB fill within seconds.
const FILLING_BYTES_MAX: u64 = 900;

/// Whoever wants numbers that a seed decides: a Weyl sequence through the finaliser of splitmix64.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Begins.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next word.
    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// From `least` to before `end`.
    ///
    /// # Panics
    /// If that is nothing.
    pub fn within(&mut self, least: u64, end: u64) -> u64 {
        least + self.word() % (end - least)
    }

    /// True once in so many times.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.word().is_multiple_of(times)
    }

    /// One of these.
    ///
    /// # Panics
    /// If there is none.
    pub fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        let index = self.word() % all.len() as u64;
        &all[usize::try_from(index).expect("below a length")]
    }
}

fn mix(word: u64) -> u64 {
    let word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ word >> 31
}

/// One event of a world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its number, which no other event of the world has.
    pub number: u64,
    /// Whose it is.
    pub person: u64,
    filling: String,
}

impl Event {
    /// The event with this number of the world with this seed.
    #[must_use]
    pub fn new(seed: u64, number: u64) -> Self {
        let mut dice = Dice::new(seed ^ mix(number));
        let person = dice.within(0, PERSONS);
        let mut filling = String::new();
        let bytes = dice.within(0, FILLING_BYTES_MAX);
        while (filling.len() as u64) < bytes {
            write!(filling, "{:016x}", dice.word()).expect("a string takes all");
        }
        Self { number, person, filling }
    }

    /// What must come back: of all that the event says.
    #[must_use]
    pub fn hash(&self) -> u64 {
        hash(self.number, self.person, &self.filling)
    }

    /// As it is sent.
    #[must_use]
    pub fn json(&self) -> String {
        let Self { number, person, filling } = self;
        let hash = self.hash();
        format!(
            "{{\"type\":\"track\",\"event\":\"Tried\",\"userId\":\"p{person}\",\"messageId\":\"m{number}\",\
             \"properties\":{{\"n\":{number},\"filling\":\"{filling}\",\"hash\":\"{hash:016x}\"}}}}"
        )
    }
}

/// FNV-1a of an event's parts, as they were sent or as they were read.
#[must_use]
pub fn hash(number: u64, person: u64, filling: &str) -> u64 {
    let text = format!("{number} {person} {filling}");
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
