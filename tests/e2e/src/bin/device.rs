//! A device that tracks without end, to be killed: `device ENDPOINT FOLDER JOURNAL FIRST durable|soon|drain`.
//!
//! Event n is of person `p<n>`, so that the collector can say which arrived. The journal gets a line when
//! an event is begun and another once `track` has come back (in durable mode: once it is durable); it is
//! written without buffers, so that a kill leaves what was done.
use sillage_e2e::Project;
use sillage_sdk::{Client, Config, Durability, Object, Options, Subject};
use std::io::Write as _;
use std::time::Duration;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, endpoint, folder, journal, first, mode] = arguments.as_slice() else {
        panic!("device ENDPOINT FOLDER JOURNAL FIRST durable|soon|drain");
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
    let mut journal =
        std::fs::File::options().append(true).create(true).open(journal).expect("a file");
    for number in first.parse::<u64>().expect("a number").. {
        writeln!(journal, "begun {number}").expect("the journal is writable");
        let person = format!("p{number}");
        let subject = Some(Subject { user_id: &person, anonymous_id: "" });
        let options = Options { subject, ..Options::default() };
        client.track_with("Tried", Object::Fields(&[("n", 1.into())]), options);
        let word = if !durable || client.wait_durable() { "done" } else { "unsure" };
        writeln!(journal, "{word} {number}").expect("the journal is writable");
        std::thread::sleep(Duration::from_millis(2));
    }
}
