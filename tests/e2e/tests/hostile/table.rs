use sillage_e2e::hostile::{Books, ELSEWHERE, LAST, NOT_BUILT, check, rows};
use sillage_e2e::{Collector, Project};
use std::collections::BTreeSet;
use std::path::Path;

/// A shop with one page of its own, and a neighbour whose segment is nobody's business.
const RULES: &str = r#"
origins = ["https://shop.example"]
[[project]]
name = "neighbour"
write_keys = ["wk_neighbour"]
read_tokens = ["rt_neighbour"]
[[project.segment]]
key = "theirs"
when = 'exists("Tried")'
"#;

#[test]
fn every_row_of_the_list_has_its_answer() {
    let folder = tempfile::tempdir().expect("a folder");
    let collector = Collector::start(folder.path(), "", RULES);
    let mut books = Books::open(&collector);
    let (mut failed, mut listed, mut differing) = (Vec::new(), 0, 0);
    let rows = rows();
    for row in &rows {
        let outcome = check(&collector, &mut books, row);
        let line = format!("{:>3} {:<45}", row.number, row.name);
        match (&outcome, row.differs) {
            (Ok(()), None) => {
                listed += 1;
                println!("{line} as listed");
            }
            (Ok(()), Some(why)) => {
                differing += 1;
                println!("{line} differs: {why}");
            }
            (Err(what), _) => println!("{line} WRONG: {what}"),
        }
        if let Err(what) = outcome {
            failed.push(format!("{line} {what}"));
            // What went wrong is not to be found again in the next row.
            books.reopen(&collector);
        }
    }
    for (number, place) in ELSEWHERE {
        println!("{number:>3} held by {place}");
    }
    for (number, part) in NOT_BUILT {
        println!("{number:>3} not built: {part}");
    }
    println!(
        "{} inputs: {listed} as listed, {differing} otherwise on purpose, {} wrong; {} rows held elsewhere, {} \
         of parts that are not built",
        rows.len(),
        failed.len(),
        ELSEWHERE.len(),
        NOT_BUILT.len(),
    );
    assert!(failed.is_empty(), "\n{}", failed.join("\n"));
    balanced(&collector);
    no_address_of_a_stranger(folder.path());
}

#[test]
fn no_row_of_the_list_is_forgotten() {
    let here = rows().into_iter().map(|row| row.number);
    let there = ELSEWHERE.iter().chain(NOT_BUILT).map(|(number, _)| *number);
    let all: BTreeSet<u16> = here.chain(there).collect();
    let missing: Vec<u16> = (1..=LAST).filter(|number| !all.contains(number)).collect();
    assert_eq!(missing, Vec::<u16>::new());
}

/// What metrics, ledger and readers say of all events together is the same.
fn balanced(collector: &Collector) {
    collector.settle();
    let metrics = collector.http().get("/metrics", "").body;
    let metrics = String::from_utf8(metrics).expect("text");
    let sum = |name: &str| -> u64 {
        let lines = metrics.lines().filter(|line| line.starts_with(name));
        lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok()).sum()
    };
    let accepted = sum("sillage_ingest_events_accepted_total");
    sillage_e2e::until("senders without installations to be in the ledger", || {
        let total = &collector.http().get("/v1/ledger", Project::READ_TOKEN).json()["total"];
        (total["received"] == accepted).then_some(())
    });
    let summary = collector.http().get("/v1/summary", Project::READ_TOKEN).json();
    let events = summary["events"].as_object().expect("counts by name");
    let seen: u64 = events.values().filter_map(serde_json::Value::as_u64).sum();
    assert_eq!(seen, accepted, "{summary}");
    // Names and ids that look like something else are text like any other.
    let path = "/v1/users/%7Ba%7D%3A%2A%0ASET%20x%201";
    assert_eq!(collector.http().get(path, Project::READ_TOKEN).status, 200);
    let key = "sl:shop:u:{a}:*\nSET x 1";
    let exists = collector.resp().ask(&["EXISTS", key]);
    assert_eq!(exists, sillage_e2e::Reply::Integer(1));
}

/// A header that anyone can send names no address; the peer's own is there, without its last part.
fn no_address_of_a_stranger(folder: &Path) {
    let log = folder.join("data").join(Project::NAME).join("log");
    let mut bytes = Vec::new();
    for file in std::fs::read_dir(log).expect("a log") {
        bytes.extend(std::fs::read(file.expect("a file").path()).expect("a segment"));
    }
    let holds = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    assert!(holds(b"127.0.0.0"), "the peer's");
    assert!(!holds(b"198.51.100"), "the stranger's");
}
