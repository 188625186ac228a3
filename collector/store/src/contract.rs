//! The suite that every state store passes. A store is given as a function that opens it, so that
//! the suite can close it and open it again.
use crate::{Checkpoint, FjallStore, MemoryStore, PersonStore, StoreError, StoreMeta};
use sillage_model::Partition;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

type Open<'a> = &'a dyn Fn() -> Box<dyn PersonStore>;

const META: StoreMeta = StoreMeta { digest: 0xfeed_0000_0000_0001, generation: 3, partitions: 64 };
const ALL: [Partition; 3] = [Partition(0), Partition(1), Partition(256)];

fn in_memory(suite: fn(Open<'_>)) {
    let store = MemoryStore::new();
    suite(&|| Box::new(store.clone()));
}

fn on_disk(suite: fn(Open<'_>)) {
    let dir = tempfile::tempdir().unwrap();
    suite(&|| Box::new(FjallStore::open(dir.path()).unwrap()));
}

macro_rules! contract {
    ($($suite:ident),* $(,)?) => {
        mod memory {
            $(#[test] fn $suite() { super::in_memory(super::$suite); })*
        }
        mod embedded {
            $(#[test] fn $suite() { super::on_disk(super::$suite); })*
        }
    };
}

contract!(
    a_new_store_is_empty,
    what_was_committed_is_loaded_by_partition,
    a_later_commit_replaces_only_what_it_names,
    what_is_removed_is_gone_unless_it_comes_again,
    everything_is_there_after_reopening,
    a_reset_leaves_nothing_but_its_meta,
    what_was_begun_counts_once_it_is_complete,
    any_bytes_and_any_member_are_kept,
    an_empty_commit_changes_nothing,
);

#[derive(Debug, Default, PartialEq)]
struct Loaded {
    states: Vec<(u16, String, Vec<u8>)>,
    cursors: Vec<(u16, u64)>,
}

fn load(store: &dyn PersonStore, partitions: &[Partition]) -> Loaded {
    let mut states = Vec::new();
    let visit = &mut |p: Partition, member: &str, bytes: &[u8]| {
        states.push((p.0, member.to_owned(), bytes.to_vec()));
    };
    let cursors = store.load(partitions, visit).unwrap();
    Loaded { states, cursors: cursors.into_iter().map(|(p, cursor)| (p.0, cursor)).collect() }
}

fn checkpoint(states: &[(u16, &str, &str)], cursors: &[(u16, u64)], note: &str) -> Checkpoint {
    Checkpoint {
        removals: Vec::new(),
        upserts: states
            .iter()
            .map(|&(p, member, bytes)| (Partition(p), member.into(), bytes.as_bytes().to_vec()))
            .collect(),
        cursors: cursors.iter().map(|&(p, cursor)| (Partition(p), cursor)).collect(),
        notes: vec![("events".to_owned(), note.as_bytes().to_vec())],
    }
}

fn loaded(states: &[(u16, &str, &str)], cursors: &[(u16, u64)]) -> Loaded {
    let state = |&(p, member, bytes): &(u16, &str, &str)| (p, member.into(), bytes.into());
    Loaded { states: states.iter().map(state).collect(), cursors: cursors.to_vec() }
}

fn a_new_store_is_empty(open: Open<'_>) {
    let store = open();
    assert_eq!(store.meta().unwrap(), None);
    assert_eq!(load(store.as_ref(), &ALL), Loaded::default());
    assert_eq!(store.note("events").unwrap(), None);
}

fn what_was_committed_is_loaded_by_partition(open: Open<'_>) {
    let store = open();
    store.reset(META).unwrap();
    let states = [(0, "u:2", "b"), (0, "u:1", "a"), (1, "u:1", "other"), (256, "a:x", "c")];
    store.commit(&checkpoint(&states, &[(0, 5), (256, u64::MAX)], "n")).unwrap();
    assert_eq!(
        load(store.as_ref(), &[Partition(256), Partition(0)]),
        loaded(&[(256, "a:x", "c"), (0, "u:1", "a"), (0, "u:2", "b")], &[(256, u64::MAX), (0, 5)]),
    );
    // 1 is a prefix of 256 in little-endian bytes; it must not bring it along.
    assert_eq!(load(store.as_ref(), &[Partition(1)]), loaded(&[(1, "u:1", "other")], &[]));
}

fn a_later_commit_replaces_only_what_it_names(open: Open<'_>) {
    let store = open();
    store.reset(META).unwrap();
    store
        .commit(&checkpoint(&[(0, "u:1", "1"), (0, "u:2", "2")], &[(0, 1), (1, 1)], "n1"))
        .unwrap();
    store.commit(&checkpoint(&[(0, "u:1", "1b")], &[(0, 2)], "n2")).unwrap();
    assert_eq!(
        load(store.as_ref(), &ALL),
        loaded(&[(0, "u:1", "1b"), (0, "u:2", "2")], &[(0, 2), (1, 1)]),
    );
    assert_eq!(store.note("events").unwrap().as_deref(), Some(&b"n2"[..]));
    assert_eq!(store.note("event").unwrap(), None);
}

fn what_is_removed_is_gone_unless_it_comes_again(open: Open<'_>) {
    let first = open();
    first.reset(META).unwrap();
    let states = [(0, "i:1", "1"), (0, "i:2", "2"), (1, "i:1", "other")];
    first.commit(&checkpoint(&states, &[(0, 1)], "n")).unwrap();
    let remove = |member: &str| (Partition(0), member.into());
    let mut next = checkpoint(&[(0, "i:2", "again")], &[(0, 2)], "n");
    next.removals = vec![remove("i:1"), remove("i:2"), remove("i:never")];
    first.commit(&next).unwrap();
    let want = loaded(&[(0, "i:2", "again"), (1, "i:1", "other")], &[(0, 2)]);
    assert_eq!(load(first.as_ref(), &ALL), want);
    drop(first);
    assert_eq!(load(open().as_ref(), &ALL), want);
}

fn everything_is_there_after_reopening(open: Open<'_>) {
    let first = open();
    first.reset(META).unwrap();
    first.commit(&checkpoint(&[(1, "u:1", "x")], &[(1, 9)], "n")).unwrap();
    drop(first);
    let second = open();
    assert_eq!(second.meta().unwrap(), Some(META));
    assert_eq!(load(second.as_ref(), &ALL), loaded(&[(1, "u:1", "x")], &[(1, 9)]));
    assert_eq!(second.note("events").unwrap().as_deref(), Some(&b"n"[..]));
}

fn a_reset_leaves_nothing_but_its_meta(open: Open<'_>) {
    let first = open();
    first.reset(META).unwrap();
    first.commit(&checkpoint(&[(1, "u:1", "x")], &[(1, 9)], "n")).unwrap();
    let next = StoreMeta { generation: 4, ..META };
    first.reset(next).unwrap();
    assert_eq!(load(first.as_ref(), &ALL), Loaded::default());
    first.commit(&checkpoint(&[(0, "u:3", "y")], &[], "after")).unwrap();
    drop(first);
    let second = open();
    assert_eq!(second.meta().unwrap(), Some(next));
    assert_eq!(load(second.as_ref(), &ALL), loaded(&[(0, "u:3", "y")], &[]));
    assert_eq!(second.note("events").unwrap().as_deref(), Some(&b"after"[..]));
}

fn what_was_begun_counts_once_it_is_complete(open: Open<'_>) {
    let next = StoreMeta { digest: 9, generation: 4, ..META };
    let first = open();
    first.reset(META).unwrap();
    first.commit(&checkpoint(&[(0, "u:1", "old")], &[(0, 7)], "old")).unwrap();
    first.begin(&[("kept".to_owned(), b"all along".to_vec())]).unwrap();
    first.commit(&checkpoint(&[(1, "u:2", "new")], &[], "new")).unwrap();
    drop(first);
    let second = open();
    assert_eq!(second.meta().unwrap(), None, "a crash here is a reset to be redone");
    assert_eq!(second.note("kept").unwrap().as_deref(), Some(&b"all along"[..]));
    second.commit(&checkpoint(&[(1, "u:2", "newer")], &[(1, 8)], "newer")).unwrap();
    second.complete(next).unwrap();
    drop(second);
    let third = open();
    assert_eq!(third.meta().unwrap(), Some(next));
    assert_eq!(load(third.as_ref(), &ALL), loaded(&[(1, "u:2", "newer")], &[(1, 8)]));
    assert_eq!(third.note("kept").unwrap().as_deref(), Some(&b"all along"[..]));
}

fn any_bytes_and_any_member_are_kept(open: Open<'_>) {
    let store = open();
    store.reset(META).unwrap();
    let long = format!("u:{}", "é".repeat(128));
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let member = |text: &str| (Partition(0), text.into(), bytes.clone());
    let upserts = vec![member("a:\u{0}\u{1f600} :/{}"), member(&long), member("u:")];
    store.commit(&Checkpoint { upserts, ..Checkpoint::default() }).unwrap();
    let states = load(store.as_ref(), &ALL).states;
    let members: Vec<&str> = states.iter().map(|(_, member, _)| member.as_str()).collect();
    assert_eq!(members, ["a:\u{0}\u{1f600} :/{}", "u:", long.as_str()]);
    assert!(states.iter().all(|(_, _, kept)| *kept == bytes));
}

fn an_empty_commit_changes_nothing(open: Open<'_>) {
    let store = open();
    store.reset(META).unwrap();
    store.commit(&checkpoint(&[(0, "u:1", "1")], &[(0, 1)], "n")).unwrap();
    store.commit(&Checkpoint::default()).unwrap();
    assert_eq!(load(store.as_ref(), &ALL), loaded(&[(0, "u:1", "1")], &[(0, 1)]));
}

#[test]
fn a_directory_in_use_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let _first = FjallStore::open(dir.path()).unwrap();
    assert!(matches!(FjallStore::open(dir.path()), Err(StoreError::Locked(_))));
}

/// The journal is cut at every byte of the last commit, as a crash in the middle of its write
/// would leave it; each time all of that commit is there, or nothing.
#[test]
fn a_commit_cut_short_by_a_crash_is_all_there_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let store = FjallStore::open(dir.path()).unwrap();
    store.reset(META).unwrap();
    store
        .commit(&checkpoint(&[(0, "u:1", "old"), (1, "u:2", "old")], &[(0, 1), (1, 1)], "n1"))
        .unwrap();
    let from = written(dir.path()).len();
    store
        .commit(&checkpoint(&[(0, "u:1", "new"), (1, "u:2", "new")], &[(0, 2), (1, 2)], "n2"))
        .unwrap();
    let whole = written(dir.path());
    let to = whole.len();
    assert!(to > from);
    let before = loaded(&[(0, "u:1", "old"), (1, "u:2", "old")], &[(0, 1), (1, 1)]);
    let after = loaded(&[(0, "u:1", "new"), (1, "u:2", "new")], &[(0, 2), (1, 2)]);
    for cut in from..=to {
        let copy = tempfile::tempdir().unwrap();
        copy_with(dir.path(), copy.path(), &whole[..cut]);
        let reopened = FjallStore::open(copy.path()).unwrap();
        let (expected, note) = if cut == to { (&after, b"n2") } else { (&before, b"n1") };
        assert_eq!(&load(&reopened, &ALL), expected, "cut at {cut} of {from}..{to}");
        assert_eq!(reopened.note("events").unwrap().as_deref(), Some(&note[..]));
    }
}

#[test]
fn a_flipped_bit_in_a_commit_is_named_and_never_loaded() {
    let dir = tempfile::tempdir().unwrap();
    let store = FjallStore::open(dir.path()).unwrap();
    store.reset(META).unwrap();
    store.commit(&checkpoint(&[(0, "u:1", "a state of some length")], &[(0, 1)], "n")).unwrap();
    let mut bytes = written(dir.path());
    let state = b"a state of some length";
    let at = bytes.windows(state.len()).rposition(|window| window == state).unwrap();
    bytes[at] ^= 1;
    let copy = tempfile::tempdir().unwrap();
    copy_with(dir.path(), copy.path(), &bytes);
    assert!(matches!(FjallStore::open(copy.path()), Err(StoreError::Damaged(_))));
}

/// Where the store keeps its one journal.
fn journal(dir: &Path) -> PathBuf {
    let is_journal = |path: &PathBuf| path.extension().is_some_and(|e| e == "jnl");
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(is_journal).max().expect("the store has one journal")
}

/// Up to the last byte that is not zero; the rest of the journal is preallocated.
fn written(dir: &Path) -> Vec<u8> {
    let mut bytes = fs::read(journal(dir)).unwrap();
    bytes.truncate(bytes.iter().rposition(|&byte| byte != 0).unwrap() + 1);
    bytes
}

/// Copies the store, with this for its journal, up to the length it was preallocated with.
fn copy_with(from: &Path, to: &Path, written: &[u8]) {
    let original = journal(from);
    let mut pending = vec![(from.to_owned(), to.to_owned())];
    while let Some((from, to)) = pending.pop() {
        fs::create_dir_all(&to).unwrap();
        for entry in fs::read_dir(&from).unwrap().map(Result::unwrap) {
            let target = to.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                pending.push((entry.path(), target));
            } else if entry.path() != original {
                fs::copy(entry.path(), target).unwrap();
            }
        }
    }
    let copy = to.join(original.file_name().unwrap());
    fs::write(&copy, written).unwrap();
    let whole = original.metadata().unwrap().len();
    OpenOptions::new().write(true).open(copy).unwrap().set_len(whole).unwrap();
}
