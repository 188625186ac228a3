//! Reads the real files beside the examples into plain events, and says what is asked of each.
//!
//! This is the tests' own reading. It shares nothing with the importer, so it can be held against it.
mod calendar;
mod onlineshop;
mod readers;
mod retail;

use crate::oracle::Rules;
use crate::oracle::calendar::UTC;
use crate::oracle::event::Event;
use crate::oracle::rule::{Decimal, Fold, Literal, Op, Rule, Select, Term};
use std::io;
use std::path::PathBuf;

/// One day in milliseconds.
pub const DAY_MS: i64 = 86_400_000;

/// A file with the settings under which it is looked at.
#[derive(Debug)]
pub struct File {
    /// Its folder below `examples/`.
    pub name: &'static str,
    /// Its events in the order of the file, each received when it happened.
    pub events: Vec<Event>,
    /// Settings and segments.
    pub rules: Rules,
}

impl File {
    /// Moments at which to compare: the end of the file, and some time after it.
    #[must_use]
    pub fn asks(&self) -> [i64; 3] {
        let end = self.events.iter().map(|e| e.at).max().unwrap_or_default();
        [end, end + DAY_MS + 1, end + 45 * DAY_MS]
    }
}

/// The invoices of an online retailer.
///
/// # Errors
/// If the file cannot be read as it is documented.
pub fn retail() -> io::Result<File> {
    let path = "retail/online_retail_2010-12_to_2011-06.csv.gz";
    Ok(File { name: "retail", events: retail::events(rows(path)?)?, rules: retail::rules() })
}

/// The clickstream of an online shop.
///
/// # Errors
/// If the file cannot be read as it is documented.
pub fn onlineshop() -> io::Result<File> {
    let events = onlineshop::events(rows("onlineshop/simple_onlineshop_35k.csv.gz")?)?;
    Ok(File { name: "onlineshop", events, rules: onlineshop::rules() })
}

/// The page views of ten thousand readers.
///
/// # Errors
/// If the file cannot be read as it is documented.
pub fn readers() -> io::Result<File> {
    let events = readers::events(rows("readers/wikipedia_readers_63k.csv.gz")?)?;
    Ok(File { name: "readers", events, rules: readers::rules() })
}

type Rows = csv::Reader<flate2::read::GzDecoder<std::fs::File>>;

fn rows(path: &str) -> io::Result<Rows> {
    let examples = PathBuf::from("../../examples");
    let file = std::fs::File::open(examples.join(path))?;
    Ok(csv::Reader::from_reader(flate2::read::GzDecoder::new(file)))
}

/// The field of a row, or where it is missing.
fn field(row: &csv::StringRecord, index: usize) -> io::Result<&str> {
    row.get(index).ok_or_else(|| unreadable(row, "a field is missing"))
}

fn unreadable(row: &csv::StringRecord, why: &str) -> io::Error {
    let line = row.position().map_or(0, csv::Position::line);
    io::Error::new(io::ErrorKind::InvalidData, format!("line {line}: {why}"))
}

/// Settings as a project has them by default, without weights and segments.
fn defaults() -> Rules {
    Rules {
        idle_ms: 30 * 60_000,
        max_ms: DAY_MS,
        lateness_ms: 3 * DAY_MS,
        split_on_campaign: false,
        conversions: vec!["Order Completed".into()],
        half_life_ms: 7 * DAY_MS,
        scale: 20.0,
        weights: Vec::new(),
        engaged_second: 0.0,
        segments: Vec::new(),
        zone: UTC,
    }
}

fn events_named(name: &str, within_days: Option<i64>) -> Select {
    let select = Select::named(name);
    match within_days {
        None => select,
        Some(days) => select.within(days * DAY_MS),
    }
}

fn whole(number: i64) -> Literal {
    Literal::Number(Decimal(number * 1_000_000))
}

fn compare(term: Term, op: Op, literal: Literal) -> Rule {
    Rule::Compare(term, op, literal.into())
}

fn fold(fold: Fold, path: &str, select: Select) -> Term {
    Term::Fold(fold, path.into(), select)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_hold_what_their_notices_say() {
        let counts = |file: io::Result<File>| {
            let events = file.expect("the file lies beside the examples").events;
            let count = |name: &str| events.iter().filter(|e| *e.name == *name).count();
            let orders = ["Product Added", "Order Completed", "Order Refunded"].map(count);
            (events.len(), orders)
        };
        assert_eq!(counts(onlineshop()), (35_381, [0, 706, 0]));
        assert_eq!(counts(readers()), (63_524, [0, 0, 0]));
        let (_, [lines, _, _]) = counts(retail());
        assert_eq!(lines, 241_409);
    }
}
