//! What has been read of the log, remembered: whatever was once readable or answered for must be
//! there for ever, as it was, once.
use super::Violation;
use super::met::Met;
use super::sender::{Made, Sort};
use sillage_eventlog::{Cursor, EventLog, LogError};
use sillage_ledger::Report;
use sillage_model::{FactKind, SharedContexts};
use std::collections::BTreeMap;

/// One record as it was first read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    block: u64,
    partition: u16,
    id: u128,
    body: Vec<u8>,
}

/// What the log says of one installation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Told {
    /// Events written.
    pub new: u64,
    /// Events that came again.
    pub again: u64,
}

/// Everything that was ever read of the log.
#[derive(Debug, Default)]
pub struct Tape {
    records: Vec<Seen>,
    end: u64,
    /// Where the newest of it began.
    last_start: u64,
    /// When it was last read to the end of the log.
    followed_at: i64,
    /// When each id was written last, at the earliest.
    written: BTreeMap<u128, i64>,
    /// The id of each event, by message. A fact that a worker forwards to a person has another.
    originals: BTreeMap<String, u128>,
    /// Facts that workers have forwarded.
    pub forwarded: u64,
    /// By installation, as the reports count.
    pub told: BTreeMap<String, Told>,
    /// By installation, as the records count.
    pub new: BTreeMap<String, u64>,
    /// By name, as the records count.
    pub names: BTreeMap<String, u64>,
    /// Every event that was ever made, by message.
    pub made: BTreeMap<String, Made>,
    /// Ids written more than once, each time outside of the window.
    pub again_after_window: u64,
}

impl Tape {
    /// Reads what is new.
    ///
    /// # Errors
    /// What must not be in a log.
    pub fn follow(
        &mut self,
        log: &impl EventLog,
        now: i64,
        window_ms: i64,
    ) -> Result<(), Violation> {
        let (records, end) = match read(log, Cursor(self.end)) {
            Ok(read) => read,
            // A disk that refuses to be read says nothing about what it holds.
            Err(LogError::Io { .. } | LogError::Failed { .. }) => return Ok(()),
            Err(error) => {
                return Err(Violation::new("what is durable can be read", error.to_string()));
            }
        };
        if end > self.end {
            self.last_start = std::mem::replace(&mut self.end, end);
        }
        for (seen, shared) in records {
            self.take(seen, &shared, (self.followed_at, now), window_ms)?;
        }
        self.followed_at = now;
        Ok(())
    }

    /// Reads everything again, after a restart, and holds it to what was read before.
    ///
    /// # Errors
    /// What is missing or differs.
    pub fn recheck(
        &mut self,
        log: &impl EventLog,
        now: i64,
        window_ms: i64,
        met: &mut Met,
    ) -> Result<(), Violation> {
        let oldest = log.oldest();
        let lost = |seen: String| Violation::new("I1: what was readable stays", seen);
        if log.end().0 < self.end {
            return Err(lost(format!("the log ends at {} before {}", log.end().0, self.end)));
        }
        let (found, end) = match read(log, oldest) {
            Ok(read) => read,
            Err(LogError::Io { .. } | LogError::Failed { .. }) => return Ok(()),
            Err(error) => return Err(lost(error.to_string())),
        };
        let kept: Vec<&Seen> = self.records.iter().filter(|r| r.block >= oldest.0).collect();
        if kept.len() > found.len() {
            return Err(lost(format!("{} of {} records are there", found.len(), kept.len())));
        }
        for (kept, (found, _)) in kept.iter().zip(&found) {
            if **kept != *found {
                return Err(lost(format!("{kept:?} was there, and {found:?} is")));
            }
        }
        let new = kept.len();
        met.many("log: written but never answered, and kept", (found.len() - new) as u64);
        for (seen, shared) in found.into_iter().skip(new) {
            // It may have been there for long: what was written and not flushed cannot be read.
            self.take(seen, &shared, (i64::MIN, now), window_ms)?;
        }
        if end > self.end {
            self.last_start = std::mem::replace(&mut self.end, end);
        }
        self.followed_at = now;
        Ok(())
    }

    fn take(
        &mut self,
        seen: Seen,
        shared: &[u8],
        (since, now): (i64, i64),
        window_ms: i64,
    ) -> Result<(), Violation> {
        let broken = |rule, what: String| Err(Violation::new(rule, what));
        let fact = sillage_model::Fact::decode(SharedContexts::from_bytes(shared), &seen.body);
        let Ok(fact) = fact else {
            return broken("P7: no wrong record", format!("{seen:?} is no fact"));
        };
        match fact.kind {
            FactKind::Report => self.report(fact.subject, fact.props.as_bytes())?,
            FactKind::Linked | FactKind::Absorb => {}
            _ => {
                let message = fact.message_id;
                let Some(made) = self.made.get(message) else {
                    return broken("I2: nothing that nobody sent", message.to_owned());
                };
                let name = if made.sort == Sort::Identify { "" } else { &made.name };
                if fact.name != name || fact.device != made.device || fact.at.0 > now {
                    return broken("P7: no wrong record", format!("{made:?} became {fact:?}"));
                }
                if !matches!(made.sort, Sort::Plain | Sort::Identify) {
                    return broken("I9: nothing that was refused", message.to_owned());
                }
                let original = *self.originals.entry(message.to_owned()).or_insert(seen.id);
                if original == seen.id {
                    *self.new.entry(made.device.clone()).or_default() += 1;
                    *self.names.entry(fact.name.to_owned()).or_default() += 1;
                } else {
                    self.forwarded += 1;
                }
                // It was written after that and before now.
                let after = fact.received.0.max(since);
                if let Some(last) = self.written.insert(seen.id, after) {
                    if now - last <= window_ms {
                        let seen = format!("{message} after {last} and before {now}");
                        return broken("I3: an id once in its window", seen);
                    }
                    self.again_after_window += 1;
                }
            }
        }
        self.records.push(seen);
        Ok(())
    }

    fn report(&mut self, subject: &str, props: &[u8]) -> Result<(), Violation> {
        let report = Report::decode(props);
        let tally = match report {
            Ok(Report::Told(_, tally)) => tally,
            // Of batches that may name no installation.
            Ok(Report::Counted(_)) => return Ok(()),
            Err(error) => return Err(Violation::new("P7: no wrong record", error.to_string())),
        };
        let install = subject.strip_prefix("i:").unwrap_or_default();
        let told = self.told.entry(install.to_owned()).or_default();
        told.new += u64::from(tally.accepted);
        told.again += u64::from(tally.duplicates);
        Ok(())
    }

    /// Whether an event is there.
    #[must_use]
    pub fn holds(&self, message: &str) -> bool {
        self.originals.contains_key(message)
    }

    /// Events that are there more or less often than the tallies say.
    ///
    /// # Errors
    /// The first installation of which it is so.
    pub fn account(&self) -> Result<(), Violation> {
        for (install, new) in &self.new {
            let told = self.told.get(install).map_or(0, |told| told.new);
            if told != *new {
                let seen = format!("{install} has {new} records, and its tallies say {told}");
                return Err(Violation::new("I7: the tallies count every record once", seen));
            }
        }
        Ok(())
    }

    /// Records read.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether nothing was read yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Where what was read last began: nothing behind it need prove it.
    pub(super) fn last_start(&self) -> u64 {
        self.last_start
    }

    /// Up to where it was read.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.end
    }

    /// The bodies of what was read, in order, with their places.
    pub(super) fn bodies(&self) -> impl Iterator<Item = (u64, &[u8])> + '_ {
        self.records.iter().map(|seen| (seen.block, &*seen.body))
    }
}

type Records = Vec<(Seen, Vec<u8>)>;

fn read(log: &impl EventLog, from: Cursor) -> Result<(Records, u64), LogError> {
    let mut records = Vec::new();
    let mut at = from;
    loop {
        let next = log.read(at, 1 << 16, &mut |record| {
            let seen = Seen {
                block: record.block.0,
                partition: record.partition.0,
                id: record.id.0,
                body: record.body.to_vec(),
            };
            records.push((seen, record.shared.to_vec()));
        })?;
        if next == at {
            return Ok((records, at.0));
        }
        at = next;
    }
}
