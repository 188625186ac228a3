//! What must hold of every decoder of foreign bytes: for each a function that takes any bytes and panics
//! if it does not. The fuzzer drives them (`tests/fuzz`), and ordinary tests run the kept corpora.
//!
//! It knows all rooms by their public faces. The binary's readers of files, which have no such face, are
//! compiled here a second time.
#![allow(clippy::panic, clippy::missing_panics_doc, reason = "that is what these are for")]

pub mod corpus;
mod files;
mod history;
mod journal;
mod ledger;
mod places;
mod readers;
mod requests;
mod resp;
mod spool;
mod wire;

/// One decoder: its name, which is that of its fuzz target and of its corpus, and what must hold.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The name.
    pub name: &'static str,
    /// Panics if it does not hold for these bytes.
    pub check: fn(&[u8]),
    /// First inputs, made by the writers themselves.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Longer inputs tell no more.
    pub bytes_max: usize,
}

/// All of them.
pub const TARGETS: [Target; 12] = [
    Target { name: "body", check: wire::body, seeds: wire::bodies, bytes_max: 8_000 },
    Target { name: "inflate", check: wire::inflate, seeds: wire::packed, bytes_max: 4_000 },
    Target { name: "fact", check: wire::fact, seeds: wire::facts, bytes_max: 2_000 },
    Target { name: "ledger", check: ledger::check, seeds: ledger::seeds, bytes_max: 1_000 },
    Target { name: "journal", check: journal::check, seeds: journal::seeds, bytes_max: 200 },
    Target { name: "letters", check: journal::letters, seeds: journal::seeds, bytes_max: 200 },
    Target { name: "spool", check: spool::check, seeds: spool::seeds, bytes_max: 4_000 },
    Target { name: "ingest", check: requests::ingest, seeds: requests::asked, bytes_max: 2_000 },
    Target { name: "lookup", check: requests::lookup, seeds: requests::read, bytes_max: 1_000 },
    Target { name: "resp", check: resp::check, seeds: resp::seeds, bytes_max: 2_000 },
    Target { name: "config", check: readers::config, seeds: readers::configs, bytes_max: 3_000 },
    Target { name: "import", check: readers::import, seeds: readers::imports, bytes_max: 3_000 },
];

/// The target with this name.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn target(name: &str) -> Target {
    *TARGETS.iter().find(|target| target.name == name).expect("a target of that name")
}
