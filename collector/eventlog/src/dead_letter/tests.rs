use super::*;
use sillage_model::ReceiptMillis;
use std::path::Path;
use tokio::runtime::Builder;

fn letter(n: usize, raw_bytes: usize) -> DeadLetter {
    let received = ReceiptMillis(i64::try_from(n).unwrap());
    DeadLetter::new(received, "event_name_missing", format!("letter {n}"), vec![b'x'; raw_bytes])
}

fn open(dir: &Path, bytes_max: u64) -> DeadLetters {
    DeadLetters::open(DeadLetterConfig { bytes_max, ..DeadLetterConfig::new(dir) }).unwrap()
}

fn put(letters: &DeadLetters, letter: DeadLetter) -> DeadLetterId {
    let runtime = Builder::new_current_thread().build().unwrap();
    runtime.block_on(letters.append(letter)).unwrap()
}

fn numbers(listed: &[StoredDeadLetter]) -> Vec<i64> {
    listed.iter().map(|stored| stored.letter.received.0).collect()
}

#[test]
fn letters_are_listed_from_both_ends_and_survive_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut letters = open(dir.path(), 1 << 20);
    let ids: Vec<_> = (0..5).map(|n| put(&letters, letter(n, 10))).collect();
    assert!(ids.is_sorted());
    for _ in 0..2 {
        let newest = letters.list(None, 2, ListOrder::NewestFirst).unwrap();
        assert_eq!(numbers(&newest), [4, 3]);
        let older = letters.list(Some(newest[1].id), 9, ListOrder::NewestFirst).unwrap();
        assert_eq!(numbers(&older), [2, 1, 0]);
        let oldest = letters.list(None, 2, ListOrder::OldestFirst).unwrap();
        assert_eq!(numbers(&oldest), [0, 1]);
        assert_eq!(oldest[0].letter, letter(0, 10));
        let newer = letters.list(Some(oldest[1].id), 9, ListOrder::OldestFirst).unwrap();
        assert_eq!(numbers(&newer), [2, 3, 4]);
        assert!(letters.list(Some(newer[2].id), 9, ListOrder::OldestFirst).unwrap().is_empty());
        drop(letters);
        letters = open(dir.path(), 1 << 20);
    }
}

#[test]
fn the_oldest_letters_make_room_and_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let letters = open(dir.path(), 64 << 10);
    for n in 0..300 {
        put(&letters, letter(n, 1_000));
    }
    let kept = numbers(&letters.list(None, 1_000, ListOrder::OldestFirst).unwrap());
    let stats = letters.stats();
    assert_eq!(kept.last(), Some(&299));
    assert_eq!((stats.stored, stats.dropped + kept.len() as u64), (300, 300));
    assert!(stats.dropped > 200 && stats.kept_bytes <= 64 << 10, "{stats:?}");
    let newest = numbers(&letters.list(None, 1_000, ListOrder::NewestFirst).unwrap());
    assert!(newest.iter().rev().eq(&kept));
}

#[test]
fn a_letter_that_is_too_long_is_cut_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let letters = open(dir.path(), 64 << 20);
    let mut long = letter(1, limits::DEAD_LETTER_RAW_BYTES_MAX + 1);
    long.message = "é".repeat(limits::DEAD_LETTER_TEXT_BYTES_MAX);
    put(&letters, long);
    let listed = letters.list(None, 1, ListOrder::NewestFirst).unwrap();
    assert!(listed[0].letter.cut);
    assert_eq!(listed[0].letter.raw.len(), limits::DEAD_LETTER_RAW_BYTES_MAX);
    assert_eq!(listed[0].letter.message.len(), limits::DEAD_LETTER_TEXT_BYTES_MAX);
    assert_eq!(letters.stats().cut, 1);
}

#[test]
fn letters_of_one_request_are_kept_together() {
    let dir = tempfile::tempdir().unwrap();
    let letters = open(dir.path(), 1 << 20);
    let runtime = Builder::new_current_thread().build().unwrap();
    let ids = runtime.block_on(letters.append_all((0..3).map(|n| letter(n, 1)).collect())).unwrap();
    let listed = letters.list(None, 9, ListOrder::OldestFirst).unwrap();
    assert_eq!(listed.iter().map(|s| s.id).collect::<Vec<_>>(), ids);
    assert_eq!(runtime.block_on(letters.append_all(Vec::new())).unwrap(), []);
}
