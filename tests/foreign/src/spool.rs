//! What a device finds where it kept its events.
use sdk_core::Key;
use sillage_sdk::spool::{Bounds, Disk, Op, Opened, Spool};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, LazyLock};

/// Segments in memory.
#[derive(Debug, Clone, Default)]
struct Memory(BTreeMap<u64, Vec<u8>>);

impl Memory {
    fn segment(&mut self, segment: u64) -> io::Result<&mut Vec<u8>> {
        self.0.get_mut(&segment).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Disk for Memory {
    fn segments(&mut self) -> io::Result<Vec<u64>> {
        Ok(self.0.keys().copied().collect())
    }

    fn read(&mut self, segment: u64, bytes_max: u64) -> io::Result<Vec<u8>> {
        let bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
        let bytes = self.segment(segment)?;
        Ok(bytes[..bytes.len().min(bytes_max)].to_vec())
    }

    fn append(&mut self, segment: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.entry(segment).or_default().extend_from_slice(bytes);
        Ok(())
    }

    fn cut(&mut self, segment: u64, length: u64) -> io::Result<()> {
        self.segment(segment)?.truncate(usize::try_from(length).unwrap_or(usize::MAX));
        Ok(())
    }

    fn sync(&mut self, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn remove(&mut self, segment: u64) -> io::Result<()> {
        self.0.remove(&segment).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync_names(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const BOUNDS: Bounds = Bounds { segment_bytes: 200, disk_bytes_max: 4_000 };

fn open(disk: Memory) -> Opened<Memory> {
    Spool::open(disk, BOUNDS).expect("a disk in memory does not fail")
}

/// What a device left behind after it was started three times.
static LEFT: LazyLock<Memory> = LazyLock::new(|| lives().pop().expect("it lived"));

/// Any bytes open. Where only bytes were flipped, what was found then is found again, whatever is
/// written behind it; a second opening finds nothing else to mend.
pub(crate) fn check(input: &[u8]) {
    let Some((kind, input)) = input.split_first() else { return };
    let flipped = kind & 1 == 1;
    let disk = if flipped { flips(input) } else { segments(input) };
    let Opened { mut spool, records, .. } = open(disk);
    let mut expected: BTreeMap<u64, Arc<[u8]>> =
        records.iter().map(|(key, value)| (key.to_u64(), Arc::clone(value))).collect();
    let new: Arc<[u8]> = Arc::from(&b"new"[..]);
    let added = spool.write(&[Op::Put(Key::Event(77), Arc::clone(&new))]).is_ok();
    let disk = if added && spool.sync().is_ok() {
        expected.insert(Key::Event(77).to_u64(), new);
        spool.into_disk()
    } else {
        spool.into_disk()
    };
    let again = open(disk);
    let found: BTreeMap<u64, Arc<[u8]>> =
        again.records.into_iter().map(|(key, value)| (key.to_u64(), value)).collect();
    // Segments under names that are not theirs may tell of removed keys once others are gone.
    if added && flipped {
        let lost: Vec<&u64> = expected.keys().filter(|key| !found.contains_key(key)).collect();
        let risen: Vec<&u64> = found.keys().filter(|key| !expected.contains_key(key)).collect();
        assert!(lost.is_empty() && risen.is_empty(), "lost {lost:?}, risen {risen:?}");
        assert_eq!(found, expected);
    }
    assert_eq!(again.damage.cut_bytes, 0, "what was torn was cut when it was found");
}

/// Segments as the input gives them: a number, a length of two bytes, and the bytes.
fn segments(input: &[u8]) -> Memory {
    let mut disk = Memory::default();
    let mut rest = input;
    while let Some((&[id, low, high], tail)) = rest.split_first_chunk() {
        let len = usize::from(u16::from_le_bytes([low, high])).min(tail.len());
        let (bytes, tail) = tail.split_at(len);
        rest = tail;
        let id = if id == 255 { u64::MAX } else { u64::from(id) << 32 | 1 };
        disk.0.insert(id, bytes.to_vec());
    }
    disk
}

/// What was left, with bytes flipped: a segment, a place of two bytes, and with what.
fn flips(input: &[u8]) -> Memory {
    let mut disk = LEFT.clone();
    let count = disk.0.len();
    for &[segment, low, high, byte] in input.as_chunks::<4>().0 {
        let bytes = disk.0.values_mut().nth(usize::from(segment) % count);
        let at = usize::from(u16::from_le_bytes([low, high]));
        if let Some(place) = bytes.and_then(|bytes| bytes.get_mut(at)) {
            *place ^= byte;
        }
    }
    disk
}

/// The disk after each start of a device.
fn lives() -> Vec<Memory> {
    let Opened { mut spool, .. } = open(Memory::default());
    let mut lives = Vec::new();
    for number in 0..21_u64 {
        let value = Arc::from(vec![7; 30]);
        let state = Arc::from(&b"s"[..]);
        let mut unit = vec![Op::Put(Key::Event(number), value), Op::Put(Key::State, state)];
        if number % 3 == 2 {
            unit.push(Op::Remove(Key::Event(number - 1)));
        }
        spool.write(&unit).expect("memory");
        spool.sync().expect("memory");
        if number % 7 == 6 {
            let disk = spool.into_disk();
            lives.push(disk.clone());
            spool = open(disk).spool;
        }
    }
    lives
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![vec![0, 255, 3, 0, 1, 2, 3], vec![1]];
    for disk in lives() {
        let mut seed = vec![0];
        for (id, bytes) in (0..).zip(disk.0.values()) {
            seed.push(id);
            seed.extend_from_slice(&u16::try_from(bytes.len()).expect("short").to_le_bytes());
            seed.extend_from_slice(bytes);
        }
        seeds.push(seed);
    }
    for at in [0, 7, 8, 12, 16, 24, 33, 40, 70, 100, 150] {
        seeds.push(vec![1, 0, at, 0, 1, 1, at, 0, 0x80, 9, at, 0, 4]);
    }
    seeds
}
