//! Files of a folder, changed as an input says.
use std::path::{Path, PathBuf};

/// A folder in memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct Files(Vec<(PathBuf, Option<Vec<u8>>)>);

/// How much of what was written must be found again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Harm {
    /// Nothing was changed.
    None,
    /// Bytes of one place were flipped: it must be found or named.
    Flipped,
    /// Files were cut, removed, forged or moved: nothing wrong may be read, but something may be gone.
    Any,
}

impl Files {
    /// What lies in these folders below `root`.
    pub(crate) fn read(root: &Path, folders: &[&str]) -> Self {
        let mut files = Vec::new();
        for folder in folders {
            for entry in std::fs::read_dir(root.join(folder)).expect("it was made") {
                let path = entry.expect("readable").path();
                if path.extension().is_some() {
                    let bytes = std::fs::read(&path).expect("readable");
                    files.push((path.strip_prefix(root).expect("below").to_owned(), Some(bytes)));
                }
            }
        }
        files.sort();
        Self(files)
    }

    pub(crate) fn write(&self, root: &Path) {
        for (path, bytes) in &self.0 {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().expect("below the root")).expect("writable");
            if let Some(bytes) = bytes {
                std::fs::write(path, bytes).expect("writable");
            }
        }
    }

    /// Does what the input says, six bytes at a time: which file, what, where and with which byte.
    pub(crate) fn harm(&mut self, input: &[u8]) -> Harm {
        let (steps, _) = input.as_chunks::<6>();
        let mut harm = Harm::None;
        for [file, what, low, high, len, byte] in steps.iter().copied().take(30) {
            let count = self.0.len();
            let (from, to) = (usize::from(file) % count, usize::from(byte) % count);
            let at = usize::from(u16::from_le_bytes([low, high]));
            let step = match what % 8 {
                0..4 => self.flip(from, at, byte),
                4 => self.change(from, |bytes| bytes.truncate(at)),
                5 => self.change(from, |bytes| {
                    let end = (at + 8 * usize::from(len)).min(bytes.len());
                    bytes[at.min(end)..end].fill(byte);
                }),
                6 if len == 0 => {
                    self.0[from].1 = None;
                    Harm::Any
                }
                6 => {
                    let taken = self.0[to].1.clone().unwrap_or_default();
                    self.change(from, |bytes| {
                        let end = (at + 8 * usize::from(len)).min(bytes.len()).min(taken.len());
                        bytes[at.min(end)..end].copy_from_slice(&taken[at.min(end)..end]);
                    })
                }
                _ => self.change(from, |bytes| seal(bytes)),
            };
            harm = match (harm, step) {
                (Harm::None, step) | (step, Harm::None) => step,
                _ => Harm::Any,
            };
        }
        harm
    }

    fn flip(&mut self, file: usize, at: usize, byte: u8) -> Harm {
        match self.0[file].1.as_mut().and_then(|bytes| bytes.get_mut(at)) {
            Some(place) if byte != 0 => {
                *place ^= byte;
                Harm::Flipped
            }
            _ => Harm::None,
        }
    }

    fn change(&mut self, file: usize, change: impl FnOnce(&mut Vec<u8>)) -> Harm {
        let Some(bytes) = &mut self.0[file].1 else { return Harm::None };
        let before = bytes.clone();
        change(bytes);
        if *bytes == before { Harm::None } else { Harm::Any }
    }
}

/// Gives a header its checksum again, so that what it says is looked at.
fn seal(bytes: &mut [u8]) {
    let sealed = if bytes.starts_with(b"SILDEDUP") { 64 } else { 60 };
    if bytes.len() >= sealed + 4 {
        let checksum = crc32c::crc32c(&bytes[..sealed]).to_le_bytes();
        bytes[sealed..sealed + 4].copy_from_slice(&checksum);
    }
}
