use super::*;
use crate::testing::{Call, Death, SimDisk};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::io::ErrorKind;

type Map = BTreeMap<u64, Vec<u8>>;

/// Small enough that a few units fill and clean segments.
const SMALL: Bounds = Bounds { segment_bytes: 400, disk_bytes_max: 8_000 };

fn open(disk: &SimDisk) -> (Spool<SimDisk>, Map, Damage) {
    let opened = Spool::open(disk.clone(), SMALL).expect("a disk that lists opens");
    let records = opened.records.iter().map(|(key, value)| (key.to_u64(), value.to_vec()));
    (opened.spool, records.collect(), opened.damage)
}

fn put(seq: u64, value: &[u8]) -> Op {
    Op::Put(Key::Event(seq), Arc::from(value))
}

fn remove(seq: u64) -> Op {
    Op::Remove(Key::Event(seq))
}

fn after(mut map: Map, unit: &[Op]) -> Map {
    for op in unit {
        match op {
            Op::Put(key, value) => map.insert(key.to_u64(), value.to_vec()),
            Op::Remove(key) => map.remove(&key.to_u64()),
        };
    }
    map
}

/// A queue: each unit adds an event and the state, and removes an old event.
fn queue_units(count: u64) -> Vec<Vec<Op>> {
    (0..count)
        .map(|n| {
            let state = Op::Put(Key::State, Arc::from(n.to_le_bytes()));
            let event =
                put(n, format!("event number {n}, {}", "x".repeat((n % 50) as usize)).as_bytes());
            let old = n.checked_sub(5).map(remove);
            [event, state].into_iter().chain(old).collect()
        })
        .collect()
}

fn states(units: &[Vec<Op>]) -> Vec<Map> {
    let mut states = vec![Map::new()];
    states.extend(units.iter().scan(Map::new(), |map, unit| {
        *map = after(std::mem::take(map), unit);
        Some(map.clone())
    }));
    states
}

#[test]
fn what_was_written_is_there_again() {
    let (disk, units) = (SimDisk::new(), queue_units(40));
    let states = states(&units);
    for (unit, expected) in units.iter().zip(&states[1..]) {
        let (mut spool, ..) = open(&disk);
        spool.write(unit).unwrap();
        let (_, restored, damage) = open(&disk);
        assert_eq!((&restored, damage), (expected, Damage::default()));
    }
}

#[test]
fn a_queue_is_cleaned_and_stays_small() {
    let disk = SimDisk::new();
    let (mut spool, ..) = open(&disk);
    for unit in queue_units(2_000) {
        spool.write(&unit).unwrap();
        assert_eq!(spool.disk_bytes(), disk.bytes());
        assert!(disk.bytes() < 3_000, "{} bytes for six events", disk.bytes());
    }
    assert!(disk.bytes_written() < 3 * 2_000 * 100, "{} bytes written", disk.bytes_written());
}

#[test]
fn a_torn_end_is_cut_to_the_last_whole_unit() {
    let (disk, units) = (SimDisk::new(), queue_units(4));
    let (mut spool, ..) = open(&disk);
    let mut ends = vec![0];
    for unit in &units {
        spool.write(unit).unwrap();
        ends.push(disk.bytes());
    }
    let states = states(&units);
    for length in 0..disk.bytes() {
        let torn = SimDisk::new();
        let (mut spool, ..) = open(&torn);
        torn.die(Death::AfterBytes(length));
        let written = units.iter().take_while(|unit| spool.write(unit).is_ok()).count();
        torn.revive();
        let (mut spool, restored, damage) = open(&torn);
        assert_eq!(restored, states[written], "cut at {length}");
        assert_eq!(damage.skipped_frames, 0);
        spool.write(&units[written]).unwrap();
        assert_eq!(open(&torn).1, states[written + 1], "goes on behind a cut at {length}");
        assert_eq!(open(&torn).2, Damage::default());
    }
}

#[test]
fn a_flipped_bit_takes_its_own_unit_and_no_other() {
    let (disk, units) = (SimDisk::new(), queue_units(3));
    let (mut spool, ..) = open(&disk);
    units.iter().for_each(|unit| spool.write(unit).unwrap());
    let without = |lost: usize| {
        let left = units.iter().enumerate().filter(|(at, _)| *at != lost);
        left.fold(Map::new(), |map, (_, unit)| after(map, unit))
    };
    let whole = states(&units).pop().unwrap();
    for bit in 0..disk.bytes() * 8 {
        assert!(disk.flip(bit));
        let copy = SimDisk::new();
        let bytes = disk
            .clone()
            .segments()
            .unwrap()
            .into_iter()
            .map(|id| (id, disk.clone().read(id, 9_999).unwrap()));
        bytes.for_each(|(id, bytes)| copy.clone().append(id, &bytes).unwrap());
        let (_, restored, damage) = open(&copy);
        let lost = (0..units.len()).find(|&lost| restored == without(lost));
        assert!(lost.is_some() || restored == whole, "bit {bit}");
        assert!(lost.is_none() || damage != Damage::default(), "bit {bit} is noticed");
        assert!(disk.flip(bit));
    }
}

#[test]
fn what_does_not_fit_waits_and_is_never_overtaken() {
    let disk = SimDisk::new();
    let (mut spool, ..) = open(&disk);
    spool.write(&[put(1, b"one")]).unwrap();
    disk.full_at(Some(disk.bytes() + 5));
    assert!(matches!(spool.write(&[put(2, b"two")]), Err(SpoolError::Full)));
    assert!(matches!(spool.write(&[put(3, b"three"), remove(1)]), Err(SpoolError::Full)));
    assert!(!spool.is_written());
    assert_eq!(open(&disk).1.len(), 1, "nothing of it is there");
    disk.full_at(None);
    spool.write(&[]).unwrap();
    assert!(spool.is_written());
    let expected = [(2, b"two".to_vec()), (3, b"three".to_vec())];
    let expected = expected.map(|(seq, value)| (Key::Event(seq).to_u64(), value));
    assert_eq!(open(&disk).1, Map::from(expected));
}

#[test]
fn its_own_bound_holds_and_deliveries_make_room_again() {
    let disk = SimDisk::new();
    let (mut spool, ..) = open(&disk);
    let mut seq = 0;
    while spool.write(&[put(seq, &[b'x'; 100])]).is_ok() {
        seq += 1;
    }
    assert!(disk.bytes() <= SMALL.disk_bytes_max);
    assert!(seq > 50, "only {seq} events of 100 bytes fit");
    let delivered: Vec<Op> = (0..seq / 2).map(remove).collect();
    spool.write(&delivered).unwrap();
    assert!(spool.is_written());
    assert_eq!(open(&disk).1.len() as u64, seq + 1 - seq / 2);
    assert!(disk.bytes() <= SMALL.disk_bytes_max);
}

#[test]
fn what_a_failed_sync_lost_is_written_anew() {
    let disk = SimDisk::new();
    let (mut spool, ..) = open(&disk);
    let units = queue_units(20);
    units.iter().for_each(|unit| spool.write(unit).unwrap());
    disk.fail_next(Call::Sync, ErrorKind::Other);
    disk.fail_next(Call::Sync, ErrorKind::Other);
    assert!(spool.sync().is_err());
    assert!(!spool.is_synced());
    assert!(spool.sync().is_err(), "the second failure is met by the small frame");
    spool.sync().unwrap();
    assert!(spool.is_synced());
    disk.power_cut(|_| 0);
    assert_eq!(open(&disk).1, *states(&units).last().unwrap());
}

#[test]
fn a_real_folder_keeps_what_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let units = queue_units(300);
    let bounds = Bounds { segment_bytes: 2_000, disk_bytes_max: 1 << 20 };
    let mut opened = Spool::open(Folder::new(dir.path()).unwrap(), bounds).unwrap();
    for (n, unit) in units.iter().enumerate() {
        if n == 150 {
            opened = Spool::open(opened.spool.into_disk(), bounds).unwrap();
        }
        opened.spool.write(unit).unwrap();
        opened.spool.sync().unwrap();
    }
    let again = Spool::open(Folder::new(dir.path()).unwrap(), bounds).unwrap();
    let records: Map =
        again.records.iter().map(|(key, value)| (key.to_u64(), value.to_vec())).collect();
    assert_eq!((records, again.damage), (states(&units).pop().unwrap(), Damage::default()));
    assert!(again.spool.disk_bytes() < 10_000);
}

/// One step of a random history.
#[derive(Debug, Clone)]
enum Step {
    Write(Vec<Op>),
    Sync,
    Fail(Call),
    FullFor(u64),
    Room,
    Kill,
    DieAfterCalls(u64),
    DieAfterBytes(u64),
    PowerCut(u64),
}

fn step(syncs_fail: bool) -> impl Strategy<Value = Step> {
    let op = prop_oneof![
        3 => (0..12_u64, 0..120_usize).prop_map(|(seq, length)| put(seq, &vec![b'v'; length])),
        2 => (0..12_u64).prop_map(remove),
        1 => (0..60_usize).prop_map(|length| Op::Put(Key::State, Arc::from(vec![b's'; length]))),
    ];
    let syncs = if syncs_fail { 1 } else { 0 };
    let call = prop_oneof![
        2 => Just(Call::Append),
        2 => Just(Call::Cut),
        2 => Just(Call::Remove),
        2 => Just(Call::SyncNames),
        syncs => Just(Call::Sync),
    ];
    prop_oneof![
        20 => prop::collection::vec(op, 1..5).prop_map(Step::Write),
        4 => Just(Step::Sync),
        2 => call.prop_map(Step::Fail),
        1 => (0..300_u64).prop_map(Step::FullFor),
        2 => Just(Step::Room),
        1 => Just(Step::Kill),
        1 => (0..12_u64).prop_map(Step::DieAfterCalls),
        1 => (0..900_u64).prop_map(Step::DieAfterBytes),
        2 => any::<u64>().prop_map(Step::PowerCut),
    ]
}

/// What a spool must have kept: the state after any unit from the first on that may be the last one.
struct Truth {
    states: Vec<Map>,
    /// Every value that was ever given.
    ever: BTreeSet<(u64, Vec<u8>)>,
    written: usize,
    synced: usize,
}

impl Truth {
    fn new(state: Map) -> Self {
        Self { states: vec![state], ever: BTreeSet::new(), written: 0, synced: 0 }
    }

    /// The process was killed: what the system was given is there, but no more durable than before.
    fn killed(&mut self, restored: &Map, what: &Step) {
        let tail = self.states[self.written..].iter();
        let more = tail.clone().position(|state| state == restored);
        let more =
            more.unwrap_or_else(|| panic!("after {what:?}: {restored:?} is none of {tail:?}"));
        self.written += more;
        self.states.truncate(self.written + 1);
    }

    /// The machine lost power. What a failed sync has lost, of it or of what it was to replace, is a
    /// hole that nobody can see coming; but nothing that was never written is there.
    fn powerless(&mut self, restored: &Map, failed_syncs: u64, what: &Step) {
        let tail = &self.states[self.synced..];
        let known = |(key, held): (&u64, &Vec<u8>)| self.ever.contains(&(*key, held.clone()));
        let fits = tail.contains(restored) || failed_syncs > 0 && restored.iter().all(known);
        assert!(fits, "after {what:?}: {restored:?} is none of {tail:?}");
        *self = Self { ever: std::mem::take(&mut self.ever), ..Self::new(restored.clone()) };
    }
}

fn run(steps: &[Step]) {
    let disk = SimDisk::new();
    let mut spool = open(&disk).0;
    let mut truth = Truth::new(Map::new());
    // Failed syncs whose loss the spool has made good; one that died in between knows of none.
    let (mut healed, mut forgot) = (0, false);
    for step in steps {
        match step {
            Step::Write(unit) => {
                truth.states.push(after(truth.states.last().unwrap().clone(), unit));
                truth.ever.extend(truth.states.last().unwrap().clone());
                if spool.write(unit).is_ok() {
                    truth.written = truth.states.len() - 1;
                }
            }
            Step::Sync => {
                if spool.sync().is_ok() && !forgot {
                    (truth.synced, healed) = (truth.written, disk.failed_syncs());
                }
            }
            Step::Fail(call) => disk.fail_next(*call, ErrorKind::Other),
            Step::FullFor(more) => disk.full_at(Some(disk.bytes() + more)),
            Step::Room => {
                disk.full_at(None);
                disk.fail_no_more();
            }
            Step::DieAfterCalls(calls) => disk.die(Death::AfterCalls(*calls)),
            Step::DieAfterBytes(bytes) => disk.die(Death::AfterBytes(*bytes)),
            Step::Kill | Step::PowerCut(_) => {}
        }
        assert!(disk.bytes() <= SMALL.disk_bytes_max);
        if let Step::PowerCut(seed) = step {
            let mut seed = *seed;
            disk.power_cut(|most| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (seed >> 33) % (most + 1)
            });
        } else if !disk.is_dead() && !matches!(step, Step::Kill) {
            continue;
        }
        disk.revive();
        disk.fail_no_more();
        let (reopened, restored, _) = open(&disk);
        spool = reopened;
        match step {
            Step::PowerCut(_) => {
                truth.powerless(&restored, disk.failed_syncs() - healed, step);
                (healed, forgot) = (disk.failed_syncs(), false);
            }
            _ => {
                truth.killed(&restored, step);
                forgot |= disk.failed_syncs() > healed;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2_000, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn after_any_faults_it_holds_a_prefix_of_the_units(
        steps in prop::collection::vec(step(false), 1..120)
    ) {
        run(&steps);
    }

    #[test]
    fn a_disk_that_lies_about_syncs_makes_up_nothing(
        steps in prop::collection::vec(step(true), 1..120)
    ) {
        run(&steps);
    }

    #[test]
    fn any_bytes_are_opened(segments in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..4)) {
        let mut disk = SimDisk::new();
        for (id, bytes) in (1..).zip(&segments) {
            disk.append(id, bytes).unwrap();
        }
        let (mut spool, restored, _) = open(&disk);
        prop_assert!(restored.is_empty());
        spool.write(&[put(7, b"new")]).unwrap();
        prop_assert_eq!(open(&disk).1.len(), 1);
    }
}

/// A segment as version 1 writes it, worked out by hand from the layout in `frame`.
const VERSION_1: &str = "534c53504f4f4c01\
    19000000319247c20900000005000000\
    01000000000000000003000000c3a921\
    020700000002000000";

#[test]
fn a_segment_of_version_1_is_read_and_written_to_the_byte() {
    let digits = VERSION_1.as_bytes().chunks(2);
    let kept: Vec<u8> =
        digits.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect();
    let event = Key::Event(7).to_u64();
    let mut found = Vec::new();
    let scanned = frame::scan(&kept, 0, |key, value| found.push((key, value)));
    assert_eq!((scanned.last_ordinal, scanned.good_bytes), (5 << 32 | 9, kept.len()));
    assert_eq!(found, [(0, Some(Arc::from("é!".as_bytes()))), (event, None)]);
    let mut written = frame::MAGIC.to_vec();
    let ops = [(0, Some("é!".as_bytes())), (event, None)];
    frame::encode(5 << 32 | 9, ops.into_iter(), &mut written).unwrap();
    assert_eq!(written, kept);
}
