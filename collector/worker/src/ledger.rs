//! The loss ledger of a worker's partitions: a row for each installation, kept with the partition's
//! cursor like the states of persons, and the sums that are asked for.
//!
//! Whatever happens here follows from the reports of one partition in their order alone, so that a
//! replay makes the same rows.
use crate::limits::SWEEP_EVERY_MS;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use parking_lot::{Mutex, MutexGuard};
use sillage_ledger::limits::{SILENCE_MS_MAX, SOURCES_MAX, UNKNOWN};
use sillage_ledger::{Balance, Counted, Report, Row, Source, Tally, Told, Total};
use sillage_model::{Corrupt, Fact, Partition, ReceiptMillis};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the subject of an installation's report begins with, and the name of its state.
pub(crate) const INSTALL: &str = "i:";

/// The ledger of a worker, to be read while it runs.
///
/// # Guarantees
/// Everything read at once is of one moment, after a whole report.
#[derive(Debug, Clone)]
pub struct LedgerHandle(Arc<Mutex<Ledger>>);

impl LedgerHandle {
    pub(crate) fn new(partitions: u16) -> Self {
        Self(Arc::new(Mutex::new(Ledger::new(partitions))))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.0.lock()
    }

    /// Has what `other` has from now on; both are the same then.
    pub(crate) fn take_over(&self, other: &mut Self) {
        std::mem::swap(&mut *self.0.lock(), &mut *other.0.lock());
        *other = self.clone();
    }

    /// Adds what each source comes to.
    ///
    /// # Cost
    /// In sources, not in installations.
    pub fn add_to(&self, sources: &mut BTreeMap<Source, Total>) {
        for (source, total) in &self.lock().totals {
            if total.is_empty() {
                continue;
            }
            let known = sources.contains_key(source) || sources.len() < SOURCES_MAX;
            let source = if known { Source::clone(source) } else { Source::other() };
            sources.entry(source).or_default().merge(total);
        }
    }

    /// One installation, if it has told something and is not forgotten.
    #[must_use]
    pub fn install(&self, id: &str) -> Option<(Source, Balance)> {
        let ledger = self.lock();
        let entry = ledger.parts.iter().find_map(|part| part.rows.get(id))?;
        Some((Source::clone(&entry.source), entry.row.balance()))
    }
}

#[derive(Debug)]
pub(crate) struct Ledger {
    parts: Vec<Part>,
    totals: BTreeMap<Arc<Source>, Total>,
    dirty: Vec<(Partition, Box<str>)>,
    gone: Vec<(Partition, Box<str>)>,
}

/// One partition.
#[derive(Debug, Default)]
struct Part {
    rows: HashMap<Box<str>, Entry, RandomState>,
    /// What has no row: counted by the collector alone, or of installations that were forgotten.
    kept: BTreeMap<Source, Total>,
    /// The day of receipt on which it was last looked for silent installations.
    swept: i64,
    /// Whether `kept` or `swept` are not in a checkpoint yet.
    changed: bool,
}

#[derive(Debug)]
struct Entry {
    row: Row,
    source: Arc<Source>,
    dirty: bool,
}

impl Entry {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(96);
        self.source.encode(&mut out);
        self.row.encode(&mut out);
        out
    }
}

impl Ledger {
    fn new(partitions: u16) -> Self {
        let parts = (0..partitions).map(|_| Part::default()).collect();
        Self { parts, totals: BTreeMap::new(), dirty: Vec::new(), gone: Vec::new() }
    }

    /// Folds one report.
    pub(crate) fn fold(&mut self, partition: Partition, fact: &Fact<'_>) -> Result<(), Corrupt> {
        let at = fact.received;
        self.check(partition)?;
        self.sweep(partition, at);
        match (Report::decode(fact.props.as_bytes())?, fact.subject.strip_prefix(INSTALL)) {
            (Report::Told(told, tally), Some(install)) => {
                self.told(partition, install, (&told, tally), at);
                Ok(())
            }
            (Report::Counted(counted), None) => {
                self.counted(partition, &counted, at);
                Ok(())
            }
            _ => Err(Corrupt("a report about somebody else")),
        }
    }

    /// Everything below may index by a partition that passed this.
    fn check(&self, partition: Partition) -> Result<(), Corrupt> {
        let known = usize::from(partition.0) < self.parts.len();
        if known { Ok(()) } else { Err(Corrupt("a partition that there is not")) }
    }

    fn told(
        &mut self,
        partition: Partition,
        install: &str,
        (told, tally): (&Told<'_>, Tally),
        at: ReceiptMillis,
    ) {
        let rows = &mut self.parts[usize::from(partition.0)].rows;
        let Some(entry) = rows.get_mut(install) else {
            let source = shared(&mut self.totals, Source::new(told.source));
            let row = Row::begin(told, tally, at);
            total_of(&mut self.totals, &source).add(&row.balance());
            rows.insert(install.into(), Entry { row, source, dirty: true });
            self.dirty.push((partition, install.into()));
            return;
        };
        total_of(&mut self.totals, &entry.source).take(&entry.row.balance());
        let is_new = entry.row.fold(told, tally, at);
        // A report without events has no context to name its library in.
        let is_named = told.source.0 != UNKNOWN;
        if is_new && is_named && (&*entry.source.name, &*entry.source.version) != told.source {
            entry.source = shared(&mut self.totals, Source::new(told.source));
        }
        total_of(&mut self.totals, &entry.source).add(&entry.row.balance());
        if !std::mem::replace(&mut entry.dirty, true) {
            self.dirty.push((partition, install.into()));
        }
    }

    fn counted(&mut self, partition: Partition, counted: &Counted<'_>, at: ReceiptMillis) {
        let source = shared(&mut self.totals, Source::new(counted.source));
        total_of(&mut self.totals, &source).count(counted, at);
        let part = &mut self.parts[usize::from(partition.0)];
        part.kept(&source).count(counted, at);
        part.changed = true;
    }

    /// Once in a day of receipt: forgets who has been silent for too long.
    fn sweep(&mut self, partition: Partition, at: ReceiptMillis) {
        let part = &mut self.parts[usize::from(partition.0)];
        let day = at.0.div_euclid(SWEEP_EVERY_MS);
        if day <= part.swept {
            return;
        }
        (part.swept, part.changed) = (day, true);
        let since = at.0.saturating_sub(SILENCE_MS_MAX);
        let mut silent: Vec<(Box<str>, Entry)> =
            part.rows.extract_if(|_, entry| entry.row.last_report().0 < since).collect();
        // Beyond the bound of sources the order decides which of them is told apart.
        silent.sort_unstable_by(|left, right| left.0.cmp(&right.0));
        for (install, entry) in silent {
            let balance = entry.row.balance();
            let total = total_of(&mut self.totals, &entry.source);
            total.take(&balance);
            let balance = balance.without_pending();
            total.add(&balance);
            part.kept(&entry.source).add(&balance);
            self.gone.push((partition, format!("{INSTALL}{install}").into()));
        }
    }

    /// Rows that are not in a checkpoint yet.
    pub(crate) fn dirty(&self) -> usize {
        self.dirty.len()
    }

    /// Adds the states of up to `max` rows that changed.
    pub(crate) fn take_dirty(
        &mut self,
        max: usize,
        upserts: &mut Vec<(Partition, Box<str>, Vec<u8>)>,
    ) {
        let left = self.dirty.len().saturating_sub(max);
        for (partition, install) in self.dirty.split_off(left) {
            // It may have been forgotten since.
            let entry = self.parts[usize::from(partition.0)].rows.get_mut(&install);
            if let Some(entry) = entry.filter(|entry| entry.dirty) {
                entry.dirty = false;
                upserts.push((partition, format!("{INSTALL}{install}").into(), entry.encode()));
            }
        }
    }

    /// The states of who was forgotten since the last call.
    pub(crate) fn take_gone(&mut self) -> Vec<(Partition, Box<str>)> {
        std::mem::take(&mut self.gone)
    }

    /// The notes of the partitions that changed since the last call.
    pub(crate) fn take_notes(&mut self) -> Vec<(String, Vec<u8>)> {
        let parts = (0..).map(Partition).zip(&mut self.parts).filter(|(_, part)| part.changed);
        parts
            .map(|(partition, part)| {
                part.changed = false;
                (note_name(partition), part.note())
            })
            .collect()
    }

    pub(crate) fn restore(
        &mut self,
        partition: Partition,
        install: &str,
        mut bytes: &[u8],
    ) -> Result<(), Corrupt> {
        self.check(partition)?;
        let source = Source::decode(&mut bytes)?;
        let row = Row::decode(&mut bytes)?;
        let source = shared(&mut self.totals, source);
        total_of(&mut self.totals, &source).add(&row.balance());
        let rows = &mut self.parts[usize::from(partition.0)].rows;
        rows.insert(install.into(), Entry { row, source, dirty: false });
        Ok(())
    }

    pub(crate) fn restore_note(
        &mut self,
        partition: Partition,
        bytes: &[u8],
    ) -> Result<(), Corrupt> {
        self.check(partition)?;
        let (swept, mut rest) =
            bytes.split_first_chunk().ok_or(Corrupt("a note of the ledger is cut short"))?;
        let part = &mut self.parts[usize::from(partition.0)];
        part.swept = i64::from_le_bytes(*swept);
        while !rest.is_empty() {
            let source = Source::decode(&mut rest)?;
            let total = Total::decode(&mut rest)?;
            let known = shared(&mut self.totals, source.clone());
            total_of(&mut self.totals, &known).merge(&total);
            part.kept.insert(source, total);
        }
        Ok(())
    }

    /// The state of an installation, for comparison.
    pub(crate) fn state(&self, partition: Partition, install: &str) -> Option<Vec<u8>> {
        let rows = &self.parts.get(usize::from(partition.0))?.rows;
        rows.get(install).map(Entry::encode)
    }

    /// The note of a partition, for comparison; `None` if it has heard nothing.
    pub(crate) fn note(&self, partition: Partition) -> Option<Vec<u8>> {
        let part = self.parts.get(usize::from(partition.0))?;
        (part.swept > 0 || !part.kept.is_empty()).then(|| part.note())
    }

    /// Installations that are not forgotten.
    pub(crate) fn rows(&self) -> u64 {
        self.parts.iter().map(|part| part.rows.len() as u64).sum()
    }
}

impl Part {
    /// Where what has no row is added up.
    fn kept(&mut self, source: &Source) -> &mut Total {
        let known = self.kept.contains_key(source) || self.kept.len() < SOURCES_MAX;
        let source = if known { source.clone() } else { Source::other() };
        self.kept.entry(source).or_default()
    }

    fn note(&self) -> Vec<u8> {
        let mut out = self.swept.to_le_bytes().to_vec();
        for (source, total) in &self.kept {
            source.encode(&mut out);
            total.encode(&mut out);
        }
        out
    }
}

/// The source under which all its rows are added up; beyond the bound, one of its own.
fn shared(totals: &mut BTreeMap<Arc<Source>, Total>, source: Source) -> Arc<Source> {
    if let Some((known, _)) = totals.get_key_value(&source) {
        return Arc::clone(known);
    }
    let source = Arc::new(source);
    if totals.len() < SOURCES_MAX {
        totals.insert(Arc::clone(&source), Total::default());
    }
    source
}

/// Where a source is added up. A source never changes this place, so that what was added there can
/// be taken away: entries stay, and once there are too many, no other library gets one.
fn total_of<'t>(
    totals: &'t mut BTreeMap<Arc<Source>, Total>,
    source: &Arc<Source>,
) -> &'t mut Total {
    if totals.contains_key(source) {
        return totals.get_mut(source).expect("looked up above");
    }
    let first = Source { name: source.name.clone(), version: "".into() };
    let is_known = totals.range(first..).next().is_some_and(|(next, _)| next.name == source.name);
    let other = if is_known { source.other_version() } else { Source::other() };
    totals.entry(Arc::new(other)).or_default()
}

pub(crate) fn note_name(partition: Partition) -> String {
    format!("ledger/{}", partition.0)
}

#[cfg(test)]
mod tests;
