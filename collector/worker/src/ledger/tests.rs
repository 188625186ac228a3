//! The ledger of a log, read in one go, or with a restart from a checkpoint anywhere in between.
use super::*;
use crate::checkpoint;
use crate::fold::Folder;
use crate::replay::replay;
use sillage_engine::{Plan, RuleSet};
use sillage_eventlog::contract::append_now;
use sillage_eventlog::{Append, AppendRecord, Cursor, EventLog, MemoryLog};
use sillage_ledger::Counts;
use sillage_model::{EventId, EventTime, FactKind, Map, PARTITIONS_EMBEDDED, partition_of};
use sillage_store::{MemoryStore, PersonStore, StoreMeta};

const DAY: i64 = 86_400_000;
const NOON: i64 = 20_000 * DAY + DAY / 2;

fn report(subject: &str, at: i64, props: &[u8]) -> (AppendRecord, Vec<u8>) {
    let fact = Fact {
        kind: FactKind::Report,
        subject,
        device: "",
        at: EventTime(at),
        received: ReceiptMillis(at),
        seq: None,
        name: "",
        message_id: "",
        context: Map::default(),
        props: Map::from_bytes(props),
    };
    let mut body = Vec::new();
    fact.encode(None, &mut body);
    let partition = partition_of(subject, PARTITIONS_EMBEDDED);
    let end = u32::try_from(body.len()).expect("small");
    (AppendRecord { id: EventId(0), partition, body: (0, end), companion: false }, body)
}

/// An installation tells how it stands.
fn tell(log: &MemoryLog, install: &str, at: i64, told: &Told<'_>) {
    let mut props = Vec::new();
    told.encode(&mut props);
    let (record, bodies) = report(&format!("i:{install}"), at, &props);
    append_now(log, Append { bodies, records: vec![record], tally: Some(0), ..Append::default() });
}

fn count(log: &MemoryLog, at: i64, counted: &Counted<'_>) {
    let mut props = Vec::new();
    counted.encode(&mut props);
    let (record, bodies) = report(&format!("s:{}", counted.source.0), at, &props);
    let mut record = record;
    record.id = EventId(u128::from(log.end().0) + 1);
    append_now(log, Append { bodies, records: vec![record], ..Append::default() });
}

fn told(version: &'static str, created: u64, acknowledged: u64) -> Told<'static> {
    Told { source: ("sdk", version), created, acknowledged, ..Told::default() }
}

/// A history in which installations come, change their version, are silent and come again.
fn history() -> MemoryLog {
    let log = MemoryLog::new();
    let dropped: Counts = [("queue_full", 2)].into_iter().collect();
    for n in 0..6 {
        tell(&log, &format!("in-{n}"), NOON + n, &told("1", 10, 0));
        tell(&log, &format!("in-{n}"), NOON + 60_000, &told("1", 12, 10));
    }
    let web = Counted { source: ("web", "3"), received: 7, duplicates: 1, ..Counted::default() };
    count(&log, NOON, &web);
    tell(&log, "in-1", NOON + DAY, &Told { dropped, ..told("2", 15, 10) });
    tell(&log, "in-1", NOON + DAY - 1, &told("1", 12, 10));
    count(&log, NOON + 2 * DAY, &Counted { received: 3, ..web });
    // In each partition somebody speaks after three months, so that the silent are looked for.
    for n in 0..300 {
        tell(&log, &format!("late-{n}"), NOON + 100 * DAY, &told("2", 1, 0));
    }
    tell(&log, "in-2", NOON + 101 * DAY, &told("2", 20, 14));
    let nameless = Told { source: ("", ""), ..told("", 20, 14) };
    tell(&log, "in-2", NOON + 101 * DAY, &nameless);
    log
}

fn folder() -> Folder {
    let plan = Plan::compile(&RuleSet::default()).expect("no rule is wrong");
    Folder::new(Arc::new(plan), PARTITIONS_EMBEDDED)
}

/// Folds what lies between; gives the positions of all blocks on the way.
fn fold(folder: &mut Folder, log: &MemoryLog, from: Cursor, to: Cursor) -> Vec<Cursor> {
    let (mut at, mut stops) = (from, Vec::new());
    while at < to {
        let read = log.read(at, 1, &mut |record| folder.fold(&record).expect("a good report"));
        at = read.expect("memory reads");
        stops.push(at);
    }
    stops
}

fn all_partitions() -> Vec<Partition> {
    (0..PARTITIONS_EMBEDDED).map(Partition).collect()
}

fn commit(folder: &mut Folder, store: &MemoryStore, at: Cursor) {
    let checkpoint = checkpoint::collect(folder, &all_partitions(), at.0);
    store.commit(&checkpoint).expect("memory takes it");
}

fn restored(store: &MemoryStore) -> Folder {
    let mut folder = folder();
    let mut visit = |partition, member: &str, bytes: &[u8]| {
        folder.restore(partition, member, bytes).expect("a good state");
    };
    store.load(&all_partitions(), &mut visit).expect("memory reads");
    for partition in all_partitions() {
        if let Some(bytes) = store.note(&note_name(partition)).expect("memory reads") {
            folder.ledger.lock().restore_note(partition, &bytes).expect("a good note");
        }
    }
    folder
}

fn sums(folder: &Folder) -> BTreeMap<Source, Total> {
    let mut sums = BTreeMap::new();
    folder.ledger.add_to(&mut sums);
    sums
}

#[test]
fn a_restart_anywhere_changes_nothing() {
    let log = history();
    let mut whole = folder();
    let stops = fold(&mut whole, &log, Cursor::START, log.end());
    let want = sums(&whole);
    assert!(stops.len() > 300);
    for stop in stops.into_iter().step_by(7) {
        let store = MemoryStore::new();
        let mut before = folder();
        let middle = Cursor(stop.0 / 2);
        let middle = fold(&mut before, &log, Cursor::START, middle).last().copied();
        commit(&mut before, &store, middle.unwrap_or_default());
        fold(&mut before, &log, middle.unwrap_or_default(), stop);
        commit(&mut before, &store, stop);
        let mut after = restored(&store);
        assert_eq!(sums(&after), sums(&before), "as of the checkpoint");
        fold(&mut after, &log, stop, log.end());
        assert_eq!(sums(&after), want, "restarted at {stop:?}");
        commit(&mut after, &store, log.end());
        let mut replayed = replay(&whole.plan, &log, &[], None, &mut |_| {}).expect("it reads");
        let compared = replayed.compare(&store, 0).expect("it compares");
        assert!(compared.is_equal(), "{compared:?}");
        assert_eq!(compared.rows, 301, "the forgotten are gone from the store");
    }
}

#[test]
fn a_replay_notices_a_row_that_is_not_what_the_log_makes() {
    let log = history();
    let mut whole = folder();
    fold(&mut whole, &log, Cursor::START, log.end());
    let store = MemoryStore::new();
    store.reset(StoreMeta { digest: 1, generation: 1, partitions: 64 }).expect("memory");
    let partition = partition_of("i:late-7", PARTITIONS_EMBEDDED);
    whole.ledger.lock().told(
        partition,
        "late-7",
        (&told("2", 2, 0), Tally { accepted: 1, duplicates: 0 }),
        ReceiptMillis(NOON),
    );
    commit(&mut whole, &store, log.end());
    let mut replayed = replay(&whole.plan, &log, &[], None, &mut |_| {}).expect("it reads");
    let compared = replayed.compare(&store, 0).expect("it compares");
    assert_eq!((compared.rows_differ, &*compared.named), (1, &["i:late-7".to_owned()][..]));
}

#[test]
fn balances_follow_the_version_and_the_forgotten_stay_in_the_sums() {
    let log = history();
    let mut whole = folder();
    fold(&mut whole, &log, Cursor::START, log.end());
    let sums = sums(&whole);
    let of = |source| sums.get(&Source::new(source)).cloned().unwrap_or_default();
    let web = of(("web", "3"));
    assert_eq!((web.installs, web.received, web.duplicates), (0, 10, 2));
    // All six were forgotten, one of them with its newer version; what waited was left out.
    let (old, new) = (of(("sdk", "1")), of(("sdk", "2")));
    assert_eq!((old.installs, old.created, old.lost, old.pending), (5, 50, 50, 0));
    let (forgotten, late, again) = (1, 300, 1);
    assert_eq!(new.installs, forgotten + late + again);
    assert_eq!((new.dropped.sum(), new.lost), (2, 10), "who comes again is not counted twice");
    assert_eq!((new.created, new.pending), (12 + 300 + 6, 300 + 6));
    assert!(whole.ledger.install("in-1").is_none(), "forgotten");
    let (source, balance) = whole.ledger.install("in-2").expect("it came again");
    assert_eq!((&*source.version, balance.created, balance.pending), ("2", 6, 6));
}

#[test]
fn sources_beyond_the_bound_are_added_up_together_and_taken_away_again() {
    let mut ledger = Ledger::new(1);
    let name = |n: usize| format!("lib-{n:05}");
    let tally = Tally { accepted: 1, duplicates: 0 };
    for round in 1..4_u64 {
        for n in 0..SOURCES_MAX + 50 {
            let name = name(n);
            let version = round.to_string();
            let told = Told { source: (&name, &version), created: round, ..Told::default() };
            ledger.told(Partition(0), &name, (&told, tally), ReceiptMillis(NOON));
        }
    }
    assert!(ledger.totals.len() <= 2 * SOURCES_MAX + 1, "{}", ledger.totals.len());
    let total = ledger.totals.values().fold(Total::default(), |mut sum, total| {
        sum.merge(total);
        sum
    });
    let all = (SOURCES_MAX + 50) as u64;
    assert_eq!((total.installs, total.created, total.received), (all, all * 3, all * 3));
    let other = ledger.totals.get(&Source::other()).map(|total| total.installs);
    assert_eq!(other, Some(50), "libraries that came too late");
}

#[test]
fn a_row_is_small() {
    let mut ledger = Ledger::new(1);
    let install = "0190a1b2-0000-7000-8000-000000000001";
    let told = Told { created: 1_000_000, acknowledged: 0, last_batch: 20, ..told("0.1.0", 1, 0) };
    ledger.told(Partition(0), install, (&told, Tally::default()), ReceiptMillis(NOON));
    let entry = size_of::<Entry>() + size_of::<Box<str>>();
    let stored = ledger.state(Partition(0), install).expect("it was told").len();
    println!("{entry} bytes and the id in memory, {stored} and the id in the store");
    assert!(entry + install.len() <= 240, "{entry} bytes and the id in memory");
    assert!(stored <= 40, "{stored} bytes and the id in the store");
}
