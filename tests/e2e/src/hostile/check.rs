use super::wire::{Heard, Wire};
use super::{After, Row, good, post};
use crate::{Collector, Project};
use std::collections::BTreeMap;
use std::time::Duration;

/// Memory that the collector may hold above what it began with, in bytes: buffers of a few bodies of 10 MiB,
/// and no more after any number of rows.
const GROWTH_MAX: u64 = 96 << 20;
/// How long a connection may take to be closed that is to be closed.
const CLOSING: Duration = Duration::from_secs(10);

/// The collector's own account of events, as it stood last.
#[derive(Debug)]
pub struct Books {
    numbers: BTreeMap<String, u64>,
    /// The last dead letter that was seen.
    letter: Option<u64>,
    memory: u64,
    good: u64,
}

/// What came of a row: nothing, or what is wrong.
pub type Outcome = Result<(), String>;

impl Books {
    /// Opens them.
    #[must_use]
    pub fn open(collector: &Collector) -> Self {
        let (numbers, memory) = (BTreeMap::new(), collector.memory());
        let mut books = Self { numbers, letter: None, memory, good: 0 };
        books.reopen(collector);
        books
    }

    /// Goes on from where things stand.
    pub fn reopen(&mut self, collector: &Collector) {
        self.turn(collector);
        self.letters(collector);
    }

    /// The codes of the letters that came since.
    fn letters(&mut self, collector: &Collector) -> Vec<String> {
        let mut codes = Vec::new();
        loop {
            let after = self.letter.map_or_else(String::new, |last| format!("&after={last}"));
            let path = format!("/v1/dead-letters?limit=500{after}");
            let page = collector.http().get(&path, Project::READ_TOKEN).json();
            let letters = page["dead_letters"].as_array().cloned().unwrap_or_default();
            for letter in &letters {
                self.letter = letter["position"].as_u64();
                codes.push(letter["code"].as_str().unwrap_or_default().to_owned());
            }
            if page["next_after"].is_null() {
                codes.sort();
                return codes;
            }
        }
    }

    /// What was counted since, nothing that stayed as it was.
    fn turn(&mut self, collector: &Collector) -> BTreeMap<String, u64> {
        let now = numbers(collector);
        let before = std::mem::replace(&mut self.numbers, now.clone());
        let risen = now.into_iter().map(|(name, count)| {
            let risen = count - before.get(&name).copied().unwrap_or(0);
            (name, risen)
        });
        risen.filter(|(_, risen)| *risen > 0).collect()
    }
}

/// All counters of ingest by name and label.
fn numbers(collector: &Collector) -> BTreeMap<String, u64> {
    let text = String::from_utf8(collector.http().get("/metrics", "").body).unwrap_or_default();
    let lines = text.lines().filter(|line| line.starts_with("sillage_ingest_"));
    let counters = lines.filter_map(|line| line.rsplit_once(' '));
    let counters = counters.filter(|(name, _)| name.contains("_total"));
    let plain = |name: &str| name.strip_suffix("{}").unwrap_or(name).to_owned();
    counters.map(|(name, value)| (plain(name), value.parse().unwrap_or(0))).collect()
}

/// Sends a row on a connection of its own and looks at everything that it may have touched.
///
/// # Errors
/// What is not as the row wants it.
pub fn check(collector: &Collector, books: &mut Books, row: &Row) -> Outcome {
    let mut wire = Wire::connect(collector.http);
    wire.send(&row.bytes);
    if row.ends {
        wire.end();
    }
    let heard = wire.hear();
    answered(row, heard.as_ref())?;
    let mut goods = 0;
    let mut id = |books: &mut Books| {
        books.good += 1;
        goods += 1;
        post("", good(&format!("good-{}", books.good)))
    };
    match row.want.after {
        After::Either => {}
        After::Closes => match wire.rest(CLOSING) {
            None => return Err("the connection stays open".to_owned()),
            Some(rest) if rest.is_empty() => {}
            Some(rest) => return Err(format!("more came: {}", String::from_utf8_lossy(&rest))),
        },
        After::Stays => {
            wire.send(&id(books));
            served("the next request on this connection", wire.hear())?;
        }
    }
    drop(wire);
    let mut next = Wire::connect(collector.http);
    next.send(&id(books));
    served("the next request on another connection", next.hear())?;
    accounted(collector, books, row, goods)
}

fn answered(row: &Row, heard: Option<&Heard>) -> Outcome {
    let want = &row.want;
    let Some(heard) = heard else {
        let silence = want.status == 0;
        return if silence { Ok(()) } else { Err("closed unanswered".to_owned()) };
    };
    if (heard.status, heard.code().as_str()) != (want.status, want.code) {
        return Err(format!("answered {} {}", heard.status, heard.body));
    }
    let ours = want.status >= 400 && !want.code.is_empty();
    if ours && heard.header("content-type") != Some("application/problem+json") {
        return Err(format!("no problem document: {}", heard.head));
    }
    if want.status == 503 && heard.header("retry-after").is_none() {
        return Err("no Retry-After".to_owned());
    }
    if let Some((name, value)) = want.header
        && heard.header(name) != Some(value)
    {
        return Err(format!("{name} is not {value}: {}", heard.head));
    }
    if !heard.body.contains(want.says) {
        return Err(format!("does not say {:?}: {}", want.says, heard.body));
    }
    if heard.body.contains(Project::WRITE_KEY) {
        return Err("the answer repeats a key".to_owned());
    }
    Ok(())
}

fn served(what: &str, heard: Option<Heard>) -> Outcome {
    match heard {
        Some(heard) if heard.status == 200 && heard.body.contains("\"accepted\":1,") => Ok(()),
        Some(heard) => Err(format!("{what}: {} {}", heard.status, heard.body)),
        None => Err(format!("{what}: closed unanswered")),
    }
}

/// Received is accepted, duplicate, rejected and refused; what was rejected is kept; nothing else is.
fn accounted(collector: &Collector, books: &mut Books, row: &Row, goods: u64) -> Outcome {
    let want = &row.want;
    let risen = books.turn(collector);
    let mut due = BTreeMap::new();
    let mut owe = |name: String, count: u64| {
        if count > 0 {
            *due.entry(name).or_insert(0) += count;
        }
    };
    owe("sillage_ingest_events_accepted_total".to_owned(), want.accepted + goods);
    owe("sillage_ingest_events_duplicate_total".to_owned(), want.duplicates);
    for (code, count) in &want.rejected {
        owe(format!("sillage_ingest_events_rejected_total{{code=\"{code}\"}}"), *count);
    }
    if want.counted {
        owe(format!("sillage_ingest_refusals_total{{code=\"{}\"}}", want.code), 1);
    }
    let is_kept = |name: &str| {
        let kinds = ["events_accepted", "events_duplicate", "events_rejected", "refusals"];
        kinds.iter().any(|kind| name.contains(kind))
    };
    let got: BTreeMap<String, u64> =
        risen.iter().filter(|(name, _)| is_kept(name)).map(|(n, c)| (n.clone(), *c)).collect();
    if got != due {
        return Err(format!("counted {got:?}, not {due:?}"));
    }
    let sum = |of: &str| risen.iter().filter(|(n, _)| n.contains(of)).map(|(_, c)| c).sum::<u64>();
    let (requests, responses) = (sum("ingest_requests"), sum("ingest_responses"));
    if requests != responses {
        return Err(format!("{requests} requests, {responses} answers"));
    }
    let mut letters: Vec<String> = Vec::new();
    for (code, count) in &want.rejected {
        letters.extend((0..*count).map(|_| (*code).to_owned()));
    }
    letters.extend(want.kept.map(str::to_owned));
    letters.sort();
    let kept = books.letters(collector);
    if kept != letters {
        return Err(format!("kept {kept:?}, not {letters:?}"));
    }
    let grown = collector.memory().saturating_sub(books.memory);
    if grown > GROWTH_MAX {
        return Err(format!("memory has grown by {} MiB", grown >> 20));
    }
    Ok(())
}
