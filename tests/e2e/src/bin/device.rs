//! A device that tracks: `device ENDPOINT FOLDER JOURNAL FIRST durable|soon|drain|burst:THREADS:EACH`. Every
//! language that is bound has one of the same arguments.
//!
//! Event n is of person `p<n>`, so that the collector can say which arrived. The journal gets a line when
//! an event is begun and another once `track` has come back (in durable mode: once it is durable); it is
//! written without buffers, so that a kill leaves what was done.
use serde_json::{Value, json};
use sillage_e2e::Project;
use sillage_sdk::{Client, Config, Durability, Notice, Object, Options, Signal, Subject};
use std::collections::BTreeSet;
use std::io::Write as _;
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, endpoint, folder, journal, first, mode] = arguments.as_slice() else {
        panic!("device ENDPOINT FOLDER JOURNAL FIRST durable|soon|drain|burst:THREADS:EACH");
    };
    let durable = mode == "durable";
    // Small batches, often: the faults are to meet as many as there can be.
    let config = Config { batch_events: 10, batch_age_ms: 100, ..Config::native() };
    let client = Client::builder(Project::WRITE_KEY, endpoint)
        .folder(folder)
        .config(config)
        .durability(if durable { Durability::BeforeReturn } else { Durability::Soon })
        .start()
        .expect("the arguments are good");
    if mode == "drain" {
        // By then it has looked for what others left behind.
        std::thread::sleep(Duration::from_secs(2));
        let left = client.shutdown_blocking(Duration::from_secs(60));
        assert_eq!(left.pending, 0, "{:?}", client.ledger());
        return;
    }
    let first = first.parse::<u64>().expect("a number");
    if let Some(size) = mode.strip_prefix("burst:") {
        let (threads, each) = size.split_once(':').expect("two numbers");
        let count = |text: &str| text.parse::<u64>().expect("a number");
        return burst(&client, first, count(threads), count(each));
    }
    let mut journal =
        std::fs::File::options().append(true).create(true).open(journal).expect("a file");
    // In one piece, or a kill leaves a part of a line.
    let mut note = |word: &str, number: u64| {
        let line = format!("{word} {number}\n");
        journal.write_all(line.as_bytes()).expect("the journal is writable");
    };
    for number in first.. {
        note("begun", number);
        track(&client, number);
        note(if !durable || client.wait_durable() { "done" } else { "unsure" }, number);
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn track(client: &Client, number: u64) {
    let person = format!("p{number}");
    let subject = Some(Subject { user_id: &person, anonymous_id: "" });
    let options = Options { subject, ..Options::default() };
    client.track_with("Tried", Object::Fields(&[("n", 1.into())]), options);
}

/// Threads that begin together; then everything is delivered, and what became of it is printed.
#[allow(clippy::print_stdout, reason = "the ledger is what it is run for")]
fn burst(client: &Client, first: u64, threads: u64, each: u64) {
    let heard = Arc::new(Mutex::new(BTreeSet::new()));
    let hearing = Arc::clone(&heard);
    client.on_signal(move |signal| {
        hearing.lock().expect("nobody panics").insert(name(signal));
    });
    let begin = Barrier::new(usize::try_from(threads).expect("few"));
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let begin = &begin;
            scope.spawn(move || {
                begin.wait();
                (0..each).for_each(|n| track(client, first + thread * each + n));
            });
        }
    });
    let left = client.flush_blocking(Duration::from_secs(60)).pending;
    let ledger = client.ledger();
    client.shutdown_blocking(Duration::from_secs(5));
    let counts = |counts: &[(String, u64)]| -> Value {
        counts.iter().map(|(name, count)| (name.clone(), json!(count))).collect()
    };
    let told = json!({
        "created": ledger.created, "acknowledged": ledger.acknowledged, "pending": left,
        "rejected": counts(&ledger.rejected), "dropped": counts(&ledger.dropped),
        "unsure": counts(&ledger.unsure), "signals": *heard.lock().expect("nobody panics"), "threw": 0,
    });
    println!("{told}");
}

/// In camel case, as every language names it.
fn name(signal: &Signal) -> &'static str {
    match signal {
        Signal::StorageFailed(_) => "storageFailed",
        Signal::Disabled => "disabled",
        Signal::Notice(Notice::Delivered(_)) => "delivered",
        Signal::Notice(Notice::Rejected { .. }) => "rejected",
        Signal::Notice(Notice::Dropped { .. }) => "dropped",
        Signal::Notice(Notice::ForeignAnswer { .. }) => "foreignAnswer",
        Signal::Notice(Notice::Held { .. }) => "held",
        Signal::Notice(Notice::Stopped) => "stopped",
        _ => "other",
    }
}
