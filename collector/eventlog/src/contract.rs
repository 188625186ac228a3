//! The suite that every [`EventLog`] passes. A backend's own tests call [`contract`] and then test
//! what only they promise: durability, damage, retention.
//!
//! # Panics
//! Every function here panics where a log breaks its promise; that is what it is for.
use crate::{Append, AppendRecord, Appended, Cursor, EventLog, LogError};
use sillage_model::{EventId, Partition};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

/// Longer than any of this takes, so that a hung log is noticed.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the whole suite, each part on a new, empty log.
///
/// # Panics
/// If the log breaks the contract.
pub fn contract<L: EventLog>(make: impl Fn() -> L) {
    what_was_appended_is_read_back_in_order(&make());
    a_retried_append_is_written_once(&make());
    duplicates_within_an_append_are_found(&make());
    a_companion_shares_the_fate_of_its_record(&make());
    a_tally_tells_what_was_new_and_is_always_written(&make());
    of_concurrent_duplicates_one_is_written(make());
    reading_goes_on_where_it_stopped(&make());
    a_reader_is_woken_by_an_append(make());
    a_malformed_append_is_refused_and_changes_nothing(&make());
    a_cursor_past_the_end_is_refused(&make());
    tasks_that_append_together_lose_nothing(make());
}

/// One record as the suite compares it: id, partition, shared bytes, body.
pub type Seen = (u128, u16, Vec<u8>, Vec<u8>);

/// An append of one record for each `(id, partition, body)`.
#[must_use]
pub fn append_of(shared: &[u8], records: &[(u128, u16, &[u8])]) -> Append {
    let mut append = Append { shared: shared.to_vec(), ..Append::default() };
    for (id, partition, body) in records {
        let start = u32::try_from(append.bodies.len()).expect("the suite appends little");
        append.bodies.extend_from_slice(body);
        let end = u32::try_from(append.bodies.len()).expect("the suite appends little");
        let (id, partition) = (EventId(*id), Partition(*partition));
        append.records.push(AppendRecord { id, partition, body: (start, end), companion: false });
    }
    append
}

/// Everything a log holds from `from` on, read in small steps.
///
/// # Panics
/// If the log cannot be read.
pub fn read_all<L: EventLog>(log: &L, from: Cursor) -> Vec<Seen> {
    let mut seen = Vec::new();
    let mut at = from;
    loop {
        let mut visit = |r: crate::LogRecord<'_>| {
            seen.push((r.id.0, r.partition.0, r.shared.to_vec(), r.body.to_vec()));
        };
        let next = log.read(at, 1_000, &mut visit).expect("an undamaged log reads");
        if next == at {
            return seen;
        }
        at = next;
    }
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).build().expect("the system gives threads")
}

/// Appends and waits on a thread of its own runtime.
///
/// # Panics
/// If the append is refused.
pub fn append_now<L: EventLog>(log: &L, append: Append) -> Appended {
    block_on(log.append(append)).expect("an undamaged log takes an append")
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    Builder::new_current_thread().build().expect("the system gives a runtime").block_on(future)
}

fn what_was_appended_is_read_back_in_order<L: EventLog>(log: &L) {
    assert_eq!((log.oldest(), log.end()), (Cursor::START, Cursor::START));
    assert_eq!(read_all(log, Cursor::START), []);
    let first = append_now(log, append_of(b"s1", &[(1, 7, b"one"), (2, 0, b""), (3, 7, b"three")]));
    let second = append_now(log, append_of(b"", &[(4, 63, b"four")]));
    assert!(first.duplicates.is_empty() && second.duplicates.is_empty());
    assert!(Cursor::START < first.end && first.end < second.end && second.end <= log.end());
    let s1 = b"s1".to_vec();
    let expected = [
        (1, 7, s1.clone(), b"one".to_vec()),
        (2, 0, s1.clone(), b"".to_vec()),
        (3, 7, s1, b"three".to_vec()),
        (4, 63, b"".to_vec(), b"four".to_vec()),
    ];
    assert_eq!(read_all(log, Cursor::START), expected);
    assert_eq!(read_all(log, first.end), expected[3..]);
    let nothing = append_now(log, Append::default());
    assert!(nothing.duplicates.is_empty());
    assert_eq!(read_all(log, Cursor::START).len(), 4);
}

fn a_retried_append_is_written_once<L: EventLog>(log: &L) {
    let make = || append_of(b"shared", &[(1, 1, b"a"), (2, 2, b"b")]);
    append_now(log, make());
    assert_eq!(append_now(log, make()).duplicates, [0, 1]);
    let mixed = append_of(b"other", &[(2, 2, b"b"), (3, 3, b"c"), (1, 1, b"a")]);
    assert_eq!(append_now(log, mixed).duplicates, [0, 2]);
    let bodies: Vec<_> = read_all(log, Cursor::START).into_iter().map(|r| r.3).collect();
    assert_eq!(bodies, [b"a", b"b", b"c"]);
}

fn duplicates_within_an_append_are_found<L: EventLog>(log: &L) {
    let append = append_of(b"", &[(9, 1, b"first"), (9, 1, b"again"), (8, 1, b"other")]);
    assert_eq!(append_now(log, append).duplicates, [1]);
    let bodies: Vec<_> = read_all(log, Cursor::START).into_iter().map(|r| r.3).collect();
    assert_eq!(bodies, [b"first", b"other"]);
}

fn a_companion_shares_the_fate_of_its_record<L: EventLog>(log: &L) {
    let with_companions = |own: u128| {
        let mut append =
            append_of(b"", &[(1, 1, b"event"), (50, 2, b"link"), (50, 3, b"link"), (own, 4, b"x")]);
        append.records[1].companion = true;
        append.records[2].companion = true;
        append
    };
    assert_eq!(append_now(log, with_companions(2)).duplicates, []);
    // The companions go with their record; their own ids neither count nor are remembered.
    assert_eq!(append_now(log, with_companions(3)).duplicates, [0, 1, 2]);
    assert_eq!(append_now(log, append_of(b"", &[(50, 1, b"free")])).duplicates, []);
    let ids: Vec<_> = read_all(log, Cursor::START).into_iter().map(|r| r.0).collect();
    assert_eq!(ids, [1, 50, 50, 2, 3, 50]);
}

/// An append of these events with a tally as its last record, under an id of its own.
#[must_use]
pub fn append_with_tally(ids: &[u128], tally: u128) -> Append {
    let mut records: Vec<_> = ids.iter().map(|&id| (id, 1, &b"event"[..])).collect();
    records.push((tally, 2, b"told"));
    let mut append = append_of(b"", &records);
    append.tally = u32::try_from(ids.len()).ok();
    append
}

/// What the tallies in a log say, in order: how many records were new and how many duplicates.
///
/// # Panics
/// If the log cannot be read.
pub fn tallies<L: EventLog>(log: &L) -> Vec<(u32, u32)> {
    let told = |record: Seen| {
        let [n0, n1, n2, n3, d0, d1, d2, d3] = *record.3.strip_prefix(b"told")? else {
            return None;
        };
        Some((u32::from_le_bytes([n0, n1, n2, n3]), u32::from_le_bytes([d0, d1, d2, d3])))
    };
    read_all(log, Cursor::START).into_iter().filter_map(told).collect()
}

fn a_tally_tells_what_was_new_and_is_always_written<L: EventLog>(log: &L) {
    let first = append_now(log, append_with_tally(&[1, 2, 3], 70));
    assert!(first.duplicates.is_empty());
    assert_eq!(append_now(log, append_with_tally(&[2, 4, 4, 1], 70)).duplicates, [0, 2, 3]);
    let again = append_now(log, append_with_tally(&[1, 2, 3], 70));
    assert_eq!(again.duplicates, [0, 1, 2], "the tally is none, though its id was seen");
    assert!(first.end < again.end, "an append of nothing but a tally is written too");
    append_now(log, append_with_tally(&[], 70));
    let mut linked = append_of(b"", &[(5, 1, b"event"), (50, 2, b"link"), (70, 2, b"told")]);
    linked.records[1].companion = true;
    linked.tally = Some(2);
    assert_eq!(append_now(log, linked.clone()).duplicates, []);
    assert_eq!(append_now(log, linked).duplicates, [0, 1]);
    assert_eq!(tallies(log), [(3, 0), (1, 3), (0, 3), (0, 0), (1, 0), (0, 1)]);
    let event = append_now(log, append_of(b"", &[(70, 1, b"an event with the id of a tally")]));
    assert_eq!(event.duplicates, [], "a tally's id is not remembered");
}

fn of_concurrent_duplicates_one_is_written<L: EventLog>(log: L) {
    let log = Arc::new(log);
    let runtime = runtime();
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let log = Arc::clone(&log);
            runtime.spawn(async move { log.append(append_of(b"", &[(7, 7, b"one")])).await })
        })
        .collect();
    let mut written = 0;
    for task in tasks {
        let appended = runtime.block_on(task).expect("the task ends");
        let appended = appended.expect("an undamaged log takes an append");
        written += usize::from(appended.duplicates.is_empty());
        assert!(appended.end <= log.end(), "the original is readable when a duplicate is answered");
    }
    assert_eq!((written, read_all(&*log, Cursor::START).len()), (1, 1));
}

fn reading_goes_on_where_it_stopped<L: EventLog>(log: &L) {
    let ends: Vec<_> = (0..20u16)
        .map(|n| append_now(log, append_of(&[0; 100], &[(u128::from(n), n, &[1; 300])])).end)
        .collect();
    let mut at = Cursor::START;
    for (n, end) in (0u16..).zip(ends) {
        let mut seen = Vec::new();
        at = log
            .read(at, 0, &mut |r| seen.push((r.block, r.partition.0)))
            .expect("an undamaged log reads");
        assert_eq!((at, seen.len()), (end, 1), "a read gives one block however small its bound is");
        assert_eq!(seen[0].1, n);
    }
    let next = log.read(at, 1_000, &mut |_| panic!("there is nothing more"));
    assert_eq!(next.expect("the end reads"), at);
    let mut count = 0;
    let next = log.read(Cursor::START, usize::MAX, &mut |_| count += 1);
    assert_eq!((next.expect("an undamaged log reads"), count), (at, 20));
}

fn a_reader_is_woken_by_an_append<L: EventLog>(log: L) {
    let log = Arc::new(log);
    let started = Instant::now();
    log.wait_past(Cursor::START, Duration::from_millis(1));
    let waiter = {
        let log = Arc::clone(&log);
        std::thread::spawn(move || log.wait_past(Cursor::START, PATIENCE * 2))
    };
    let end = append_now(&*log, append_of(b"", &[(1, 1, b"")])).end;
    waiter.join().expect("the waiter ends");
    log.wait_past(Cursor::START, PATIENCE * 2);
    assert!(started.elapsed() < PATIENCE && end <= log.end());
}

fn a_malformed_append_is_refused_and_changes_nothing<L: EventLog>(log: &L) {
    let mut outside = append_of(b"", &[(1, 1, b"body")]);
    outside.records[0].body.1 += 1;
    let mut backwards = append_of(b"", &[(1, 1, b"body")]);
    backwards.records[0].body = (3, 2);
    let mut alone = append_of(b"", &[(1, 1, b"body")]);
    alone.records[0].companion = true;
    let mut no_record = append_of(b"", &[(1, 1, b"body")]);
    no_record.tally = Some(1);
    let mut with_companion = append_of(b"", &[(1, 1, b"body"), (2, 1, b"link")]);
    with_companion.records[1].companion = true;
    with_companion.tally = Some(0);
    for bad in [outside, backwards, alone, no_record, with_companion] {
        assert!(matches!(block_on(log.append(bad)), Err(LogError::Refused(_))));
    }
    assert_eq!(append_now(log, append_of(b"", &[(1, 1, b"body")])).duplicates, []);
}

fn a_cursor_past_the_end_is_refused<L: EventLog>(log: &L) {
    append_now(log, append_of(b"", &[(1, 1, b"body")]));
    let past = Cursor(log.end().0 + 1_000);
    let read = log.read(past, 1_000, &mut |_| panic!("there is nothing"));
    assert!(matches!(read, Err(LogError::Ahead { .. })));
}

fn tasks_that_append_together_lose_nothing<L: EventLog>(log: L) {
    let log = Arc::new(log);
    let runtime = runtime();
    let tasks: Vec<_> = (0..8u16)
        .map(|task| {
            let log = Arc::clone(&log);
            runtime.spawn(async move {
                let mut last = Cursor::START;
                for n in 0..50u16 {
                    let id = u128::from(task) << 16 | u128::from(n);
                    let append = append_of(b"", &[(id, task, &n.to_le_bytes())]);
                    let appended = log.append(append).await.expect("the log takes an append");
                    assert!(last < appended.end && appended.end <= log.end());
                    last = appended.end;
                }
            })
        })
        .collect();
    for task in tasks {
        runtime.block_on(task).expect("the task ends");
    }
    let all = read_all(&*log, Cursor::START);
    assert_eq!(all.iter().map(|r| r.0).collect::<HashSet<_>>().len(), 400);
    assert_eq!(all.len(), 400);
    for task in 0..8u16 {
        let bodies: Vec<_> = all.iter().filter(|r| r.1 == task).map(|r| r.3.clone()).collect();
        let expected: Vec<_> = (0..50u16).map(|n| n.to_le_bytes().to_vec()).collect();
        assert_eq!(bodies, expected, "one partition reads in the order of its answers");
    }
}
