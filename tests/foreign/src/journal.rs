//! Logs, files of ids and dead letters that somebody else has written into.
use crate::files::{Files, Harm};
use crate::places::folder;
use sillage_eventlog::{
    Append, AppendRecord, Clock, DeadLetter, DeadLetterConfig, DeadLetters, Durability,
    EventLog as _, FileLog, FileLogConfig, ListOrder, LogError, StoredDeadLetter,
};
use sillage_model::{EventId, Partition, ReceiptMillis};
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;
use tokio::runtime::Runtime;

const NOW: i64 = 1_795_341_600_000;
const APPENDS: u32 = 24;
const RECORDS_EACH: u32 = 3;

/// A record as it was read: where, of whom, what it shares with its append, and its bytes.
type Found = (u64, u128, u16, Vec<u8>, Vec<u8>);

struct Base {
    files: Files,
    records: Vec<Found>,
}

fn config(root: &Path) -> FileLogConfig {
    FileLogConfig {
        durability: Durability::Os,
        segment_bytes: 2_048,
        dedup_generation_ids: 20,
        clock: Clock::new(|| NOW),
        ..FileLogConfig::new(root.join("log"), root.join("ids"))
    }
}

fn append(number: u32) -> Append {
    let body = [u8::try_from(number).expect("small"); 90];
    let bodies = body.repeat(usize::try_from(RECORDS_EACH).expect("small"));
    let record = |index: u32| AppendRecord {
        id: EventId(u128::from(number * RECORDS_EACH + index + 1) << 100 | 7),
        partition: Partition(u16::try_from(number % 64).expect("small")),
        body: (index * 90, index * 90 + 90),
        companion: index == 2,
    };
    let records = (0..RECORDS_EACH).map(record).collect();
    Append { shared: vec![9; 20], bodies, records, tally: None }
}

static BASE: LazyLock<Base> = LazyLock::new(|| {
    let root = folder();
    let log = FileLog::open(config(root.path())).expect("a new log");
    for number in 0..APPENDS {
        RUNTIME.block_on(log.append(append(number))).expect("a sound append");
    }
    let (records, ended) = read(&log);
    assert!(
        ended.is_ok() && records.len() == usize::try_from(APPENDS * RECORDS_EACH).expect("small")
    );
    // Files of ids are written beside the appends.
    let runs = || std::fs::read_dir(root.path().join("ids")).expect("made").count();
    for _ in 0..2_000 {
        if runs() > 1 {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(log);
    assert!(runs() > 0, "there are files of ids");
    Base { files: Files::read(root.path(), &["log", "ids"]), records }
});

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
});

fn read(log: &FileLog) -> (Vec<Found>, Result<(), LogError>) {
    let mut found = Vec::new();
    let mut at = log.oldest();
    loop {
        let next = log.read(at, 700, &mut |record| {
            let (shared, body) = (record.shared.to_vec(), record.body.to_vec());
            found.push((record.block.0, record.id.0, record.partition.0, shared, body));
        });
        match next {
            Ok(next) if next == at => return (found, Ok(())),
            Ok(next) => at = next,
            Err(error) => return (found, Err(error)),
        }
    }
}

/// Errors that name damage. Others would be of a disk, and this one has none.
fn names_damage(error: &LogError) -> bool {
    matches!(error, LogError::Corrupt { .. } | LogError::Newer { .. })
}

/// A changed log is refused by name, or gives what was written and nothing else. After flips of one
/// place it gives all of it, up to where it names the damage, and knows all its ids.
pub(crate) fn check(input: &[u8]) {
    let mut files = BASE.files.clone();
    let harm = files.harm(input);
    let root = folder();
    files.write(root.path());
    let log = match FileLog::open(config(root.path())) {
        Ok(log) => log,
        Err(error) => {
            assert!(harm != Harm::None && names_damage(&error), "{harm:?}: {error:?}");
            return;
        }
    };
    let (found, ended) = read(&log);
    for record in &found {
        assert!(BASE.records.contains(record), "a record that was never written: {record:?}");
    }
    assert!(found.is_sorted_by(|a, b| a.0 <= b.0 && a != b), "out of order or twice");
    if let Err(error) = &ended {
        assert!(harm != Harm::None && names_damage(error), "{harm:?}: {error:?}");
    }
    if harm == Harm::Any {
        return;
    }
    assert_eq!(found, BASE.records[..found.len()], "{harm:?}");
    assert!(ended.is_err() || found.len() == BASE.records.len(), "{harm:?}: lost without a name");
    for number in 0..APPENDS {
        match RUNTIME.block_on(log.append(append(number))) {
            Ok(done) => {
                assert_eq!(done.duplicates.len(), 3, "{harm:?}: append {number} was new again")
            }
            Err(error) => assert!(names_damage(&error) && harm == Harm::Flipped, "{error:?}"),
        }
    }
}

struct Letters {
    files: Files,
    stored: Vec<StoredDeadLetter>,
}

fn letters_in(root: &Path) -> DeadLetterConfig {
    DeadLetterConfig {
        bytes_max: 64 << 10,
        durability: Durability::Os,
        clock: Clock::new(|| NOW),
        ..DeadLetterConfig::new(root.join("letters"))
    }
}

static LETTERS: LazyLock<Letters> = LazyLock::new(|| {
    let root = folder();
    let letters = DeadLetters::open(letters_in(root.path())).expect("new letters");
    for number in 0..20_u8 {
        let raw = vec![number; 400];
        let letter = DeadLetter::new(ReceiptMillis(NOW), "too_deep", "é", raw);
        RUNTIME.block_on(letters.append(letter)).expect("kept");
    }
    let stored = letters.list(None, 100, ListOrder::OldestFirst).expect("readable");
    assert_eq!(stored.len(), 20);
    drop(letters);
    Letters { files: Files::read(root.path(), &["letters"]), stored }
});

/// Changed letters are refused by name, or are those that were kept; after flips all of them are.
pub(crate) fn letters(input: &[u8]) {
    let mut files = LETTERS.files.clone();
    let harm = files.harm(input);
    let root = folder();
    files.write(root.path());
    let letters = match DeadLetters::open(letters_in(root.path())) {
        Ok(letters) => letters,
        Err(error) => {
            assert!(harm != Harm::None && names_damage(&error), "{harm:?}: {error:?}");
            return;
        }
    };
    for order in [ListOrder::OldestFirst, ListOrder::NewestFirst] {
        match letters.list(None, 100, order) {
            Ok(listed) => {
                assert!(listed.iter().all(|letter| LETTERS.stored.contains(letter)));
                assert!(harm == Harm::Any || listed.len() == LETTERS.stored.len(), "{harm:?}");
            }
            Err(error) => assert!(harm != Harm::None && names_damage(&error), "{error:?}"),
        }
    }
    let letter = DeadLetter::new(ReceiptMillis(NOW), "a", "b", "c");
    match RUNTIME.block_on(letters.append(letter)) {
        Ok(_) => {}
        Err(error) => assert!(harm != Harm::None, "{error:?}"),
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![Vec::new()];
    for file in 0..8 {
        for at in [0_u16, 8, 12, 16, 24, 60, 64, 68, 72, 80, 88, 104, 130, 400, 1_000, 4_100, 4_112]
        {
            let [low, high] = at.to_le_bytes();
            seeds.push(vec![file, 0, low, high, 0, 1]);
            seeds.push(vec![file, 0, low, high, 0, 2, file, 7, 0, 0, 0, 0]);
            seeds.push(vec![file, 4, low, high, 0, 0]);
            seeds.push(vec![file, 5, low, high, 9, 0]);
            seeds.push(vec![file, 6, low, high, 30, 1]);
        }
        seeds.push(vec![file, 6, 0, 0, 0, 0]);
    }
    seeds
}
