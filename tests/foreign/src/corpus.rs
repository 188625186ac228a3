//! Inputs that were kept, and new ones made of them.
use crate::Target;
use std::path::PathBuf;
use std::process::Command;

/// The kept inputs of a target, unpacked: what a fuzzer found to reach new code, and what once failed.
///
/// # Panics
/// If they cannot be unpacked.
#[must_use]
pub fn kept(target: Target) -> Vec<Vec<u8>> {
    let archive = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus"));
    let archive = archive.join(format!("{}.tar.gz", target.name));
    if !archive.exists() {
        return Vec::new();
    }
    let folder = tempfile::tempdir().expect("a folder can be made");
    let tar = Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(folder.path()).status();
    assert!(tar.expect("tar is installed").success());
    let files = std::fs::read_dir(folder.path().join(target.name)).expect("it was unpacked");
    let mut paths: Vec<PathBuf> = files.map(|file| file.expect("readable").path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).expect("readable")).collect()
}

/// Random numbers that are the same in every run (xorshift64*).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Dice that fall as this seed says.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `bound`; 0 for a bound of 0.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let drawn = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(drawn).unwrap_or(0) % bound.max(1)
    }

    fn byte(&mut self) -> u8 {
        const TELLING: [u8; 12] =
            [0, 1, 0x7f, 0x80, 0xff, b'"', b'\\', b'{', b'[', b'%', b'\r', b'\n'];
        match self.below(3) {
            0 => TELLING[self.below(TELLING.len())],
            _ => u8::try_from(self.below(256)).unwrap_or(0),
        }
    }

    /// A new input made of kept ones: cut, joined, doubled, flipped.
    pub fn mutate(&mut self, inputs: &[Vec<u8>], bytes_max: usize) -> Vec<u8> {
        let any =
            |dice: &mut Self| inputs.get(dice.below(inputs.len())).cloned().unwrap_or_default();
        let mut made = any(self);
        for _ in 0..=self.below(4) {
            let (at, byte) = (self.below(made.len() + 1), self.byte());
            match self.below(8) {
                0 => made.truncate(at),
                1 => made.insert(at, byte),
                2 if at < made.len() => drop(made.remove(at)),
                3 => {
                    let other = any(self);
                    let from = self.below(other.len() + 1);
                    made.truncate(at);
                    made.extend_from_slice(&other[from..]);
                }
                4 => {
                    let end = (at + self.below(40)).min(made.len());
                    made.extend_from_within(at..end);
                }
                5 if at + 4 <= made.len() => {
                    let number = [0, 1, 255, 65_535, u32::MAX, u32::MAX - 7][self.below(6)];
                    made[at..at + 4].copy_from_slice(&number.to_le_bytes());
                }
                _ => {
                    if let Some(place) = made.get_mut(at) {
                        *place = byte;
                    }
                }
            }
        }
        made.truncate(bytes_max);
        made
    }
}
