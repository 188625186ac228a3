//! Devices that fail: nothing is answered that is not durable, and failing is final.
use super::*;
use crate::contract::Seen;
use parking_lot::Mutex;
use std::sync::atomic::AtomicUsize;

/// Fails the n-th flush or write, and counts what is tried after that.
#[derive(Debug, Default)]
struct Failing {
    flush_at: usize,
    write_at: usize,
    flushes: AtomicUsize,
    writes: AtomicUsize,
}

impl Hooks for Failing {
    fn write_at(&self, file: &dyn DiskFile, bytes: &[u8], offset: u64) -> io::Result<()> {
        if self.writes.fetch_add(1, Ordering::SeqCst) + 1 == self.write_at {
            return Err(io::ErrorKind::StorageFull.into());
        }
        file.write_all_at(bytes, offset)
    }

    fn sync(&self, file: &dyn DiskFile) -> io::Result<()> {
        if self.flushes.fetch_add(1, Ordering::SeqCst) + 1 == self.flush_at {
            return Err(io::Error::other("the device is gone"));
        }
        file.sync_data()
    }
}

#[test]
fn a_failed_flush_or_write_is_final_and_never_tried_again() {
    for (flush_at, write_at) in [(2, 0), (0, 2)] {
        let world = World::new();
        let device = Arc::new(Failing { flush_at, write_at, ..Failing::default() });
        let log = FileLog::open_on(world.config.clone(), Wrapped::disk(&device)).unwrap();
        let end = append_now(&log, one(1, 10)).end;
        for id in [2, 2, 3, 1] {
            let refused = append_result(&log, one(id, 10));
            assert!(matches!(refused, Err(LogError::Failed { .. })), "{refused:?}");
        }
        assert_eq!((ids(&log), log.end()), (vec![1], end), "readers see what is durable");
        assert!(log.stats().failed);
        drop(log);
        let tried = (device.flushes.load(Ordering::SeqCst), device.writes.load(Ordering::SeqCst));
        assert_eq!(tried, if flush_at > 0 { (2, 2) } else { (1, 2) });
        let log = world.open();
        append_now(&log, one(2, 10));
        append_now(&log, one(3, 10));
        assert_eq!(ids(&log), [1, 2, 3], "whatever was left of 2, it is there once");
    }
}

#[test]
fn an_answer_comes_only_after_the_flush() {
    let world = World::new();
    let journal = Arc::new(Witness::default());
    let log = FileLog::open_on(world.config.clone(), Wrapped::disk(&journal)).unwrap();
    for n in 0..30 {
        append_now(&log, one(n, 500));
        assert_eq!(journal.0.lock().last(), Some(&"flush"), "append {n}");
    }
}

/// Remembers what was done.
#[derive(Debug, Default)]
struct Witness(Mutex<Vec<&'static str>>);

impl Hooks for Witness {
    fn write_at(&self, file: &dyn DiskFile, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.lock().push("write");
        file.write_all_at(bytes, offset)
    }

    fn sync(&self, file: &dyn DiskFile) -> io::Result<()> {
        file.sync_data()?;
        self.0.lock().push("flush");
        Ok(())
    }
}

#[test]
fn without_durability_the_flush_is_left_to_the_system() {
    let mut world = World::new();
    world.config.durability = Durability::Os;
    world.config.segment_bytes = 1 << 20;
    let witness = Arc::new(Witness::default());
    let log = FileLog::open_on(world.config.clone(), Wrapped::disk(&witness)).unwrap();
    append_now(&log, one(1, 10));
    assert_eq!(witness.0.lock().first(), Some(&"write"));
    assert_eq!(log.stats().groups, 1);
    drop(log);
    assert_eq!(witness.0.lock().last(), Some(&"flush"), "closing flushes");
    assert_eq!(ids(&world.open()), [1]);
}

#[test]
fn a_crash_between_creating_and_naming_a_segment_leaves_the_log_whole() {
    let world = World::new();
    let log = world.open();
    let end = append_now(&log, one(1, 500)).end;
    drop(log);
    let unfinished = world.config.dir.join(format!("{:020}.new", end.0));
    fs::write(&unfinished, b"half a header").unwrap();
    let log = world.open();
    (2..30).for_each(|n| drop(append_now(&log, one(n, 500))));
    assert!(!unfinished.exists());
    assert_eq!(ids(&log), (1..30).collect::<Vec<_>>());
}

#[test]
fn records_keep_their_shared_bytes_and_bodies_over_a_restart() {
    let world = World::new();
    let log = world.open();
    append_now(&log, append_of(b"ctx", &[(1, 3, b"kept"), (2, 60, b"")]));
    append_now(&log, append_of(b"other", &[(1, 3, b"again"), (3, 3, b"new")]));
    drop(log);
    let expected: [Seen; 3] = [
        (1, 3, b"ctx".to_vec(), b"kept".to_vec()),
        (2, 60, b"ctx".to_vec(), b"".to_vec()),
        (3, 3, b"other".to_vec(), b"new".to_vec()),
    ];
    assert_eq!(read_all(&world.open(), Cursor::START), expected);
}
