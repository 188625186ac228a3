mod crash;
mod damage;
mod model;

use super::*;
use crate::contract::{append_now, append_of, contract, read_all};
use crate::wrapped::{Hooks, Wrapped};
use crate::{DiskFile, EventLog, LogRecord};
use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::AtomicI64;
use std::thread;
use tempfile::TempDir;
use tokio::runtime::Builder;

/// A directory, a clock and limits small enough to be reached.
struct World {
    _dir: TempDir,
    clock: Arc<AtomicI64>,
    config: FileLogConfig,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = FileLogConfig::new(dir.path().join("log"), dir.path().join("dedup"));
        let clock = Arc::new(AtomicI64::new(1_000_000));
        let shown = Arc::clone(&clock);
        let config = FileLogConfig {
            segment_bytes: 4_096,
            dedup_window_ms: 8_000,
            dedup_generation_ids: 16,
            clock: Clock::new(move || shown.load(Ordering::SeqCst)),
            ..config
        };
        Self { _dir: dir, clock, config }
    }

    fn open(&self) -> FileLog {
        FileLog::open(self.config.clone()).unwrap()
    }

    fn pass(&self, ms: i64) {
        self.clock.fetch_add(ms, Ordering::SeqCst);
    }

    fn segments(&self) -> Vec<PathBuf> {
        let files = crate::segment::list(&FileSystem, &self.config.dir).unwrap();
        files.segments.into_iter().map(|(_, path)| path).collect()
    }
}

fn append_result(log: &FileLog, append: Append) -> Result<Appended, LogError> {
    Builder::new_current_thread().build().unwrap().block_on(log.append(append))
}

/// One record with a recognisable body.
fn one(id: u128, body_bytes: usize) -> Append {
    append_of(b"shared", &[(id, 1, &vec![id.to_le_bytes()[0]; body_bytes])])
}

fn ids(log: &FileLog) -> Vec<u128> {
    read_all(log, log.oldest()).into_iter().map(|seen| seen.0).collect()
}

#[test]
fn it_keeps_the_contract() {
    for durability in [Durability::Fsync, Durability::Os] {
        let worlds = std::cell::RefCell::new(Vec::new());
        contract(|| {
            let mut world = World::new();
            world.config.durability = durability;
            let log = world.open();
            worlds.borrow_mut().push(world);
            log
        });
    }
}

#[test]
fn everything_is_there_after_a_restart_across_segments() {
    let world = World::new();
    let log = world.open();
    let ends: Vec<_> = (0..40).map(|n| append_now(&log, one(n, 500)).end).collect();
    assert!(log.stats().segments > 4);
    let before = read_all(&log, Cursor::START);
    drop(log);
    let log = world.open();
    assert_eq!(read_all(&log, Cursor::START), before);
    for (n, end) in (0..40).zip(&ends) {
        assert_eq!(append_now(&log, one(n, 500)).duplicates, [0], "{n}");
        assert_eq!(read_all(&log, *end), before[usize::try_from(n).unwrap() + 1..]);
    }
    append_now(&log, one(99, 10));
    assert_eq!(ids(&log).last(), Some(&99));
}

#[test]
fn a_block_larger_than_a_segment_gets_one_of_its_own() {
    let world = World::new();
    let log = world.open();
    for (id, bytes) in [(1, 10), (2, 50_000), (3, 10)] {
        append_now(&log, one(id, bytes));
    }
    drop(log);
    assert_eq!(ids(&world.open()), [1, 2, 3]);
    let too_large = append_result(&world.open(), one(4, limits::BLOCK_BYTES_MAX));
    assert!(matches!(too_large, Err(LogError::Refused(_))));
}

#[test]
fn a_log_is_open_once() {
    let world = World::new();
    let log = world.open();
    assert!(matches!(FileLog::open(world.config.clone()), Err(LogError::Locked { .. })));
    drop(log);
    world.open();
}

#[test]
fn old_segments_go_when_nobody_needs_them() {
    let mut world = World::new();
    world.config.retention_bytes = 10_000;
    world.config.dedup_generation_ids = 4;
    let log = world.open();
    for n in 0..40 {
        append_now(&log, one(n, 500));
    }
    assert_eq!(log.oldest(), Cursor::START, "the owner has not spoken yet");
    log.set_keep_from(log.end());
    for n in 40..60 {
        append_now(&log, one(n, 500));
    }
    assert!(log.stats().kept_bytes <= 10_000 + 2 * world.config.segment_bytes);
    let read = log.read(Cursor::START, 1_000, &mut |_: LogRecord<'_>| {});
    let oldest = log.oldest();
    assert!(matches!(read, Err(LogError::Retained { oldest: o }) if o == oldest));
    let kept = ids(&log);
    drop(log);
    let log = world.open();
    assert_eq!((ids(&log), log.oldest()), (kept, oldest));
    let duplicates = (0..60).filter(|n| append_now(&log, one(*n, 500)).duplicates == [0]);
    assert_eq!(duplicates.count(), 60, "ids outlive their segments");
}

#[test]
fn segments_whose_ids_are_in_no_run_yet_stay() {
    let mut world = World::new();
    world.config.retention_bytes = 10_000;
    world.config.dedup_generation_ids = 1_000;
    let log = world.open();
    log.set_keep_from(Cursor(u64::MAX));
    (0..60).for_each(|n| drop(append_now(&log, one(n, 500))));
    drop(log);
    let log = world.open();
    assert!((0..60).all(|n| append_now(&log, one(n, 500)).duplicates == [0]));
}

#[test]
fn segments_go_by_age() {
    let mut world = World::new();
    world.config.retention_age_ms = 5_000;
    world.config.dedup_generation_ids = 4;
    let log = world.open();
    log.set_keep_from(Cursor(u64::MAX));
    (0..20).for_each(|n| drop(append_now(&log, one(n, 500))));
    assert_eq!(log.oldest(), Cursor::START);
    world.pass(5_001);
    (20..40).for_each(|n| drop(append_now(&log, one(n, 500))));
    assert!(ids(&log).first().unwrap() >= &14);
    assert_eq!(ids(&log).last(), Some(&39));
}

#[test]
fn too_much_in_flight_is_refused_as_overload() {
    let mut world = World::new();
    world.config.in_flight_bytes_max = 1_000;
    let gate = Arc::new(Gate::default());
    let log = FileLog::open_on(world.config.clone(), Wrapped::disk(&gate)).unwrap();
    let closed = gate.0.lock();
    let runtime = Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let log = Arc::new(log);
    let first = {
        let log = Arc::clone(&log);
        runtime.spawn(async move { log.append(one(1, 900)).await })
    };
    while log.stats().in_flight_bytes == 0 {
        thread::yield_now();
    }
    let refused = append_result(&log, one(2, 900));
    assert!(matches!(refused, Err(LogError::Overloaded { .. })));
    drop(closed);
    assert!(runtime.block_on(first).unwrap().is_ok());
    assert!(append_result(&log, one(2, 900)).unwrap().duplicates.is_empty());
}

/// A device that writes only while nobody holds its lock.
#[derive(Debug, Default)]
struct Gate(parking_lot::Mutex<()>);

impl Hooks for Gate {
    fn write_at(&self, file: &dyn DiskFile, bytes: &[u8], offset: u64) -> io::Result<()> {
        let _open = self.0.lock();
        file.write_all_at(bytes, offset)
    }

    fn sync(&self, file: &dyn DiskFile) -> io::Result<()> {
        file.sync_data()
    }
}

#[test]
fn appends_that_wait_together_share_one_flush() {
    let world = World::new();
    let gate = Arc::new(Gate::default());
    let log = Arc::new(FileLog::open_on(world.config.clone(), Wrapped::disk(&gate)).unwrap());
    let runtime = Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let closed = gate.0.lock();
    let tasks: Vec<_> = (0..10u128)
        .map(|n| {
            let log = Arc::clone(&log);
            runtime.spawn(async move { log.append(one(n, 10)).await })
        })
        .collect();
    let one_bytes = block::bytes_of(&one(0, 10)) as u64;
    while log.stats().in_flight_bytes < 10 * one_bytes {
        thread::yield_now();
    }
    drop(closed);
    tasks.into_iter().for_each(|task| drop(runtime.block_on(task).unwrap().unwrap()));
    let stats = log.stats();
    assert!(stats.groups <= 2 && stats.fsyncs <= 2, "{stats:?}");
    assert_eq!((stats.appends, stats.records), (10, 10));
}
