use super::*;
use crate::contract::{append_now, append_of};
use crate::{Clock, Cursor, EventLog, FileLog, FileLogConfig};
use std::fs;
use std::sync::atomic::{AtomicI64, Ordering};
use tempfile::TempDir;

const WINDOW_MS: i64 = 80_000;
const GENERATION_IDS: usize = 8;

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
            dedup_window_ms: WINDOW_MS,
            dedup_generation_ids: GENERATION_IDS,
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

    fn files(&self, extension: &str) -> Vec<PathBuf> {
        let files = fs::read_dir(&self.config.dedup_dir).unwrap().map(|f| f.unwrap().path());
        let mut files: Vec<_> = files.filter(|p| p.extension().unwrap() == extension).collect();
        files.sort();
        files
    }
}

fn is_duplicate(log: &FileLog, id: u128) -> bool {
    append_now(log, append_of(b"", &[(id, 1, b"body")])).duplicates == [0]
}

/// Ids as a keyed hash makes them.
fn id(n: u64) -> u128 {
    u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
}

fn append_new(log: &FileLog, ids: std::ops::Range<u64>) {
    for n in ids {
        assert!(!is_duplicate(log, id(n)), "{n} is new");
    }
}

fn assert_known(log: &FileLog, ids: std::ops::Range<u64>) {
    for n in ids {
        assert!(is_duplicate(log, id(n)), "{n} is known");
    }
}

#[test]
fn ids_are_known_in_memory_in_runs_and_after_restarts() {
    let world = World::new();
    let log = world.open();
    append_new(&log, 0..300);
    assert_known(&log, 0..300);
    assert_eq!(log.stats().dedup_ids, 300);
    drop(log);
    for _ in 0..2 {
        let log = world.open();
        assert_eq!(log.stats().dedup_ids, 300);
        assert_known(&log, 0..300);
    }
    let log = world.open();
    append_new(&log, 300..310);
    assert_known(&log, 0..310);
}

#[test]
fn few_runs_are_searched_however_many_ids_there_are() {
    let world = World::new();
    let log = world.open();
    append_new(&log, 0..2_000);
    drop(log);
    let log = world.open();
    append_new(&log, 2_000..2_500);
    // 2 500 ids are 313 generations: at most seven of each of the tiers 1, 8, 64 and 512, and those
    // that wait for the merge in progress.
    assert!(log.stats().dedup_runs < 60, "{:?}", log.stats());
    assert_known(&log, 0..2_500);
}

#[test]
fn ids_are_known_for_the_window_and_forgotten_after_it() {
    let world = World::new();
    let log = world.open();
    append_new(&log, 0..20);
    world.pass(WINDOW_MS);
    assert_known(&log, 0..20);
    world.pass(WINDOW_MS / 8 + 2);
    // Two appends: the first makes the old generation go, the second finds it gone.
    append_new(&log, 100..130);
    drop(log);
    let log = world.open();
    append_new(&log, 200..230);
    append_new(&log, 0..20);
}

#[test]
fn what_the_runs_do_not_cover_is_read_from_the_log_again() {
    let world = World::new();
    let log = world.open();
    append_new(&log, 0..200);
    drop(log);
    // Whichever file is lost or damaged, and even all of them.
    let count = world.files("run").len();
    assert!(count > 2);
    for index in 0..count {
        let Some(path) = world.files("run").into_iter().nth(index) else { break };
        if index % 2 == 0 {
            fs::remove_file(&path).unwrap();
        } else {
            let mut bytes = fs::read(&path).unwrap();
            bytes[20] ^= 1;
            fs::write(&path, bytes).unwrap();
        }
        assert_known(&world.open(), 0..200);
    }
    world.files("run").iter().for_each(|path| fs::remove_file(path).unwrap());
    assert_known(&world.open(), 0..200);
}

#[test]
fn a_run_damaged_while_in_use_stops_the_log_and_is_rebuilt() {
    let world = World::new();
    let log = world.open();
    append_new(&log, 0..20);
    drop(log);
    for path in world.files("run") {
        let mut bytes = fs::read(&path).unwrap();
        bytes[4_096 + 20] ^= 1;
        fs::write(&path, bytes).unwrap();
    }
    let runs = world.files("run").len();
    assert!(runs > 0);
    for _ in 0..runs {
        let log = world.open();
        let append = || append_of(b"", &[(id(0), 1, b"body"), (id(10), 1, b"body")]);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        if let Err(error) = runtime.block_on(log.append(append())) {
            assert!(matches!(error, LogError::Corrupt { .. }), "{error:?}");
        }
    }
    assert!(!world.files("damaged").is_empty());
    assert_known(&world.open(), 0..20);
}

#[test]
fn the_ids_of_companions_are_not_known_after_a_restart_either() {
    let world = World::new();
    let mut append = append_of(b"", &[(id(1), 1, b"event"), (id(2), 2, b"link")]);
    append.records[1].companion = true;
    append_now(&world.open(), append);
    assert!(!is_duplicate(&world.open(), id(2)));
    assert_known(&world.open(), 1..3);
}

#[test]
fn the_ids_of_tallies_are_not_known_after_a_restart_either() {
    let world = World::new();
    let mut append = append_of(b"", &[(id(1), 1, b"event"), (id(2), 2, b"told")]);
    append.tally = Some(1);
    append_now(&world.open(), append);
    assert!(!is_duplicate(&world.open(), id(2)));
    assert_known(&world.open(), 1..3);
}

#[test]
fn ids_of_another_log_are_refused() {
    let world = World::new();
    let log = world.open();
    append_new(&log, 0..20);
    drop(log);
    fs::remove_dir_all(&world.config.dir).unwrap();
    let opened = FileLog::open(world.config.clone());
    assert!(matches!(opened, Err(LogError::Corrupt { .. })), "{opened:?}");
}

#[test]
fn a_crash_between_merging_and_removing_leaves_each_id_once() {
    let world = World::new();
    let log = world.open();
    append_new(&log, 0..60);
    drop(log);
    let parts: Vec<_> =
        world.files("run").iter().map(|p| (p.clone(), fs::read(p).unwrap())).collect();
    let log = world.open();
    append_new(&log, 60..200);
    let ids = log.stats().dedup_ids;
    drop(log);
    for (path, bytes) in parts {
        fs::write(path, bytes).unwrap();
    }
    fs::write(world.config.dedup_dir.join("half.tmp"), b"half").unwrap();
    let log = world.open();
    assert_eq!(log.stats().dedup_ids, ids);
    assert_known(&log, 0..200);
    assert!(!world.config.dedup_dir.join("half.tmp").exists());
}

#[test]
fn an_append_larger_than_a_generation_is_taken() {
    let world = World::new();
    let log = world.open();
    let records: Vec<_> = (0..100).map(|n| (id(n), 1, &b"body"[..])).collect();
    assert!(append_now(&log, append_of(b"", &records)).duplicates.is_empty());
    assert_eq!(append_now(&log, append_of(b"", &records)).duplicates.len(), 100);
    drop(log);
    let log = world.open();
    assert_known(&log, 0..100);
    assert_eq!(log.oldest(), Cursor::START);
}
