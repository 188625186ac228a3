//! Damaged files: named, never answered for, never cut off when acknowledged.
use super::*;

/// A copy of the log as a power cut would leave it now.
fn image(world: &World) -> World {
    let copy = World::new();
    for (from, to) in
        [(&world.config.dir, &copy.config.dir), (&world.config.dedup_dir, &copy.config.dedup_dir)]
    {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }
    copy
}

/// What a copy with these bytes in its last segment opens to.
fn opened(world: &World, last_segment: &[u8]) -> Result<Vec<u128>, LogError> {
    fs::write(world.segments().last().unwrap(), last_segment).unwrap();
    let log = FileLog::open(world.config.clone())?;
    Ok(ids(&log))
}

#[test]
fn a_torn_last_block_is_cut_off_wherever_it_was_torn() {
    let world = World::new();
    let log = world.open();
    let first = append_now(&log, one(1, 40)).end;
    let end = append_now(&log, one(2, 40)).end;
    let copy = image(&world);
    let whole = fs::read(copy.segments().last().unwrap()).unwrap();
    let at = |cursor: Cursor| usize::try_from(cursor.0).unwrap() + 64;
    for cut in at(first)..=at(end) {
        let mut zeroed = whole.clone();
        zeroed[cut..].fill(0);
        let mut garbled = whole.clone();
        garbled[cut..at(end)].fill(0xa5);
        for torn in [&zeroed[..], &garbled, &whole[..cut]] {
            // The padding of the block is zero anyway.
            let is_whole =
                torn.len() > cut && torn[..at(end)] == whole[..at(end)] || cut == at(end);
            let expected: &[u128] = if is_whole { &[1, 2] } else { &[1] };
            assert_eq!(opened(&copy, torn).unwrap(), expected, "cut at {cut}");
            assert_eq!(ids(&copy.open()), expected, "and once more");
        }
    }
    drop(log);
}

#[test]
fn what_was_cut_off_never_comes_back() {
    let world = World::new();
    let log = world.open();
    let kept = append_now(&log, one(1, 40)).end;
    // Two appends of one group: the first torn, the second whole behind it.
    let copy = image(&world);
    let path = copy.segments().pop().unwrap();
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    let seed = {
        let header =
            crate::segment::Segment::open(&FileSystem, path, Kind::Facts, 0).unwrap().header;
        block::Seed::from_salt(header.salt)
    };
    let mut blocks = Vec::new();
    for id in [2, 3] {
        let position = kept.0 + blocks.len() as u64;
        let stamp = block::Stamp { position, durable: kept.0, received: 1_000_000 };
        block::encode(seed, stamp, &one(id, 40), &[], &mut blocks);
    }
    let second = blocks.len() / 2;
    file.write_all_at(&blocks[second..], kept.0 + 64 + second as u64).unwrap();
    let log = copy.open();
    assert_eq!(ids(&log), [1], "neither was answered, so the tail is torn and not damaged");
    // The block that takes the place of the torn one is exactly as long: the stale one would follow.
    append_now(&log, one(4, 40));
    assert_eq!(ids(&log), [1, 4]);
    assert_eq!(ids(&image(&copy).open()), [1, 4]);
}

#[test]
fn a_flipped_byte_under_an_acknowledged_block_is_named() {
    let world = World::new();
    let log = world.open();
    let from = append_now(&log, one(1, 30)).end;
    let to = append_now(&log, one(2, 30)).end;
    append_now(&log, one(3, 30));
    let copy = image(&world);
    let path = copy.segments().pop().unwrap();
    let whole = fs::read(&path).unwrap();
    for at in from.0 + 64..to.0 + 64 {
        for mask in [0x01, 0x80, 0xff] {
            let mut flipped = whole.clone();
            flipped[usize::try_from(at).unwrap()] ^= mask;
            match opened(&copy, &flipped) {
                Err(LogError::Corrupt { file, position, .. }) => {
                    assert_eq!((&file, position), (&path, from.0), "byte {at}");
                }
                other => panic!("byte {at}: {other:?}"),
            }
            assert_eq!(fs::read(&path).unwrap(), flipped, "refusing changes nothing");
        }
    }
    let mut zeroed = whole.clone();
    zeroed[usize::try_from(from.0).unwrap() + 64..usize::try_from(to.0).unwrap() + 64].fill(0);
    assert!(matches!(opened(&copy, &zeroed), Err(LogError::Corrupt { .. })));
    let mut swapped = whole.clone();
    let (a, b, c) =
        (64, usize::try_from(from.0).unwrap() + 64, usize::try_from(to.0).unwrap() + 64);
    swapped.copy_within(b..c, a);
    assert!(matches!(opened(&copy, &swapped), Err(LogError::Corrupt { position: 0, .. })));
    assert_eq!(opened(&copy, &whole).unwrap(), [1, 2, 3]);
}

#[test]
fn a_cleanly_closed_log_has_no_unprotected_last_block() {
    let world = World::new();
    append_now(&world.open(), one(1, 30));
    let path = world.segments().pop().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[64 + 50] ^= 1;
    assert!(matches!(opened(&world, &bytes), Err(LogError::Corrupt { position: 0, .. })));
}

#[test]
fn damage_in_an_earlier_segment_is_named_when_it_is_read() {
    let world = World::new();
    let log = world.open();
    for n in 0..20 {
        append_now(&log, one(n, 500));
    }
    let whole = ids(&log);
    let path = world.segments().swap_remove(1);
    let file = fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, 1_000).unwrap();
    file.write_all_at(&[byte[0] ^ 4], 1_000).unwrap();
    let mut seen = Vec::new();
    let mut at = Cursor::START;
    let error = loop {
        match log.read(at, usize::MAX, &mut |r| seen.push(r.id.0)) {
            Ok(next) => at = next,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, LogError::Corrupt { file, position, .. }
        if file == path && position == at.0));
    assert!(!seen.is_empty() && seen == whole[..seen.len()], "nothing wrong, nothing twice");
    drop(log);
}

/// Changes the first file, given another log's.
type Change = fn(&Path, &Path);

#[test]
fn missing_foreign_and_changed_segments_are_named() {
    let world = World::new();
    let log = world.open();
    (0..30).for_each(|n| drop(append_now(&log, one(n, 500))));
    drop(log);
    let other = World::new();
    let log = other.open();
    (0..30).for_each(|n| drop(append_now(&log, one(n, 500))));
    drop(log);
    assert!(world.segments().len() > 3);
    let changes: [(&str, Change); 4] = [
        ("missing", |segment, _| fs::remove_file(segment).unwrap()),
        ("foreign", |segment, other| {
            fs::copy(other, segment).unwrap();
        }),
        ("cut", |segment, _| {
            fs::OpenOptions::new().write(true).open(segment).unwrap().set_len(1_000).unwrap();
        }),
        ("empty", |segment, _| fs::write(segment, b"").unwrap()),
    ];
    for (name, change) in changes {
        let copy = image(&world);
        change(&copy.segments()[1], &other.segments()[1]);
        let opened = FileLog::open(copy.config.clone());
        assert!(matches!(opened, Err(LogError::Corrupt { .. })), "{name}: {opened:?}");
    }
}

#[test]
fn a_log_that_lost_data_its_ids_remember_is_refused() {
    let mut world = World::new();
    world.config.dedup_generation_ids = 4;
    let log = world.open();
    (0..10).for_each(|n| drop(append_now(&log, one(n, 50))));
    drop(log);
    let mut bytes = fs::read(&world.segments()[0]).unwrap();
    bytes[64..].fill(0);
    let opened = opened(&world, &bytes);
    assert!(matches!(opened, Err(LogError::Corrupt { position: 0, .. })), "{opened:?}");
}
