//! What became of every event that was created.
use crate::http::problem::Problem;
use crate::http::time::rfc3339_ms;
use crate::http::{Reading, to_json};
use serde::Serialize;
use sillage_ledger::{Balance, Source, Total};
use sillage_model::ReceiptMillis;
use std::collections::BTreeMap;

/// Who keeps a project's ledger.
pub trait LedgerSource: Send + Sync {
    /// What each library comes to.
    fn sources(&self) -> BTreeMap<Source, Total>;
    /// One installation, if it is known.
    fn install(&self, id: &str) -> Option<(Source, Balance)>;
}

#[derive(Serialize)]
struct Ledger<'a> {
    project: &'a str,
    as_of: String,
    sources: Vec<Line<'a>>,
    total: Numbers,
}

#[derive(Serialize)]
struct Line<'a> {
    source: &'a str,
    version: &'a str,
    #[serde(flatten)]
    numbers: Numbers,
}

#[derive(Serialize)]
struct Install<'a> {
    project: &'a str,
    as_of: String,
    install: &'a str,
    #[serde(flatten)]
    line: Line<'a>,
}

/// Only installations know what they created, so without one some numbers are null.
#[derive(Serialize)]
struct Numbers {
    installs: u64,
    created: Option<u64>,
    received: u64,
    duplicates: u64,
    rejected: BTreeMap<String, u64>,
    dropped: BTreeMap<String, u64>,
    unsure: BTreeMap<String, u64>,
    unsure_arrived: u64,
    pending: Option<u64>,
    lost: Option<u64>,
    surplus: u64,
    /// Null before the first report.
    last_report_at: Option<String>,
}

impl Numbers {
    fn of(total: &Total) -> Self {
        let told = |number: u64| (total.installs > 0).then_some(number);
        let ReceiptMillis(last_report) = total.last_report;
        let owned = |sums: &sillage_ledger::Sums| {
            sums.iter().map(|(name, count)| (name.to_owned(), count)).collect()
        };
        Self {
            installs: total.installs,
            created: told(total.created),
            received: total.received,
            duplicates: total.duplicates,
            rejected: owned(&total.rejected),
            dropped: owned(&total.dropped),
            unsure: owned(&total.unsure),
            unsure_arrived: total.unsure_arrived,
            pending: told(total.pending),
            lost: told(total.lost),
            surplus: total.surplus,
            last_report_at: (last_report > 0).then(|| rfc3339_ms(last_report)),
        }
    }
}

pub(crate) fn ledger(reading: &Reading<'_>) -> Result<Vec<u8>, Problem> {
    let (project, now) = (reading.project, reading.view.now_ms());
    let Some(id) = reading.parameter("install")? else {
        return Ok(ledger_document(&project.name, now, &project.ledger.sources()));
    };
    let (source, balance) = project.ledger.install(&id).ok_or_else(Problem::install_unknown)?;
    let mut total = Total::default();
    total.add(&balance);
    let line =
        Line { source: &source.name, version: &source.version, numbers: Numbers::of(&total) };
    let as_of = rfc3339_ms(now);
    Ok(to_json(&Install { project: &project.name, as_of, install: &id, line }))
}

/// The answer to `GET /v1/ledger` as JSON, for whoever has a ledger without a server.
#[must_use]
pub fn ledger_document(project: &str, now_ms: i64, sources: &BTreeMap<Source, Total>) -> Vec<u8> {
    let mut total = Total::default();
    sources.values().for_each(|each| total.merge(each));
    let lines = sources.iter().map(|(source, total)| Line {
        source: &source.name,
        version: &source.version,
        numbers: Numbers::of(total),
    });
    to_json(&Ledger {
        project,
        as_of: rfc3339_ms(now_ms),
        sources: lines.collect(),
        total: Numbers::of(&total),
    })
}
