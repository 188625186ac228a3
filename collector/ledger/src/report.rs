use crate::Counts;
use crate::bytes::{cut, put_number, put_text, take_number, take_text};
use crate::limits::{SOURCE_BYTES_MAX, UNKNOWN};
use alloc::vec::Vec;
use sillage_model::Corrupt;

/// What an installation told with one batch, and what the collector refused of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Told<'a> {
    /// The library that speaks, and its version.
    pub source: (&'a str, &'a str),
    /// Events created since the installation.
    pub created: u64,
    /// Events that it knows to be accepted or duplicates.
    pub acknowledged: u64,
    /// Events that it knows to be refused.
    pub rejected: Counts,
    /// Events that it gave up and that never arrived.
    pub dropped: Counts,
    /// Events that it gave up and that may have arrived.
    pub unsure: Counts,
    /// Events of this batch.
    pub last_batch: u64,
    /// Events of this batch that were refused, which it cannot have counted when it sent it.
    pub last_rejected: Counts,
}

/// What the collector alone counted of senders that tell nothing about themselves, since it last did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counted<'a> {
    /// The library that speaks, and its version.
    pub source: (&'a str, &'a str),
    /// Events accepted.
    pub received: u64,
    /// Events that were there already.
    pub duplicates: u64,
    /// Events refused.
    pub rejected: Counts,
    /// Events that they say they dropped.
    pub dropped: Counts,
}

/// What of a batch was new when the log wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Events that were written.
    pub accepted: u32,
    /// Events that were there already.
    pub duplicates: u32,
}

/// What the properties of a fact of kind `Report` hold.
///
/// # Layout
/// version (1 byte, `1`), what it is (1 byte: 0 told, 1 counted), the source's name and version, the
/// numbers and counts in the order of the fields; a tally (two u32 LE) behind what was told. Numbers
/// are seven bits a byte, texts have their length in a byte before them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report<'a> {
    /// An installation speaks.
    Told(Told<'a>, Tally),
    /// Only the collector does.
    Counted(Counted<'a>),
}

const VERSION: u8 = 1;
const TOLD: u8 = 0;
const COUNTED: u8 = 1;

impl Told<'_> {
    /// Events whose fate it knows, or has given up to know.
    #[must_use]
    pub fn settled(&self) -> u64 {
        let given_up = self.rejected.sum() + self.dropped.sum() + self.unsure.sum();
        self.acknowledged.saturating_add(given_up)
    }

    /// Appends all but the tally, which the log adds.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_head(TOLD, self.source, out);
        for number in [self.created, self.acknowledged, self.last_batch] {
            put_number(number, out);
        }
        for counts in [&self.rejected, &self.dropped, &self.unsure, &self.last_rejected] {
            counts.encode(out);
        }
    }
}

impl Counted<'_> {
    /// Appends the whole report.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_head(COUNTED, self.source, out);
        put_number(self.received, out);
        put_number(self.duplicates, out);
        self.rejected.encode(out);
        self.dropped.encode(out);
    }
}

impl<'a> Report<'a> {
    /// Reads what was encoded, and of what was told the tally behind it.
    ///
    /// # Errors
    /// [`Corrupt`] if these are other bytes.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, Corrupt> {
        let Some((&[version, what], rest)) = bytes.split_first_chunk() else {
            return Err(Corrupt("a report is cut short"));
        };
        if version != VERSION {
            return Err(Corrupt("a report of an unknown version"));
        }
        let mut rest = rest;
        let source = (take_text(&mut rest)?, take_text(&mut rest)?);
        let report = match what {
            TOLD => {
                let mut number = || take_number(&mut rest);
                let (created, acknowledged, last_batch) = (number()?, number()?, number()?);
                let mut counts = || Counts::decode(&mut rest);
                let (rejected, dropped) = (counts()?, counts()?);
                let (unsure, last_rejected) = (counts()?, counts()?);
                let tally = take_tally(&mut rest)?;
                let told = Told {
                    source,
                    created,
                    acknowledged,
                    rejected,
                    dropped,
                    unsure,
                    last_batch,
                    last_rejected,
                };
                Self::Told(told, tally)
            }
            COUNTED => Self::Counted(Counted {
                source,
                received: take_number(&mut rest)?,
                duplicates: take_number(&mut rest)?,
                rejected: Counts::decode(&mut rest)?,
                dropped: Counts::decode(&mut rest)?,
            }),
            _ => return Err(Corrupt("a report of an unknown kind")),
        };
        if rest.is_empty() {
            Ok(report)
        } else {
            Err(Corrupt("a report has more bytes than it needs"))
        }
    }
}

fn put_head(what: u8, (name, version): (&str, &str), out: &mut Vec<u8>) {
    out.extend_from_slice(&[VERSION, what]);
    for text in [name, version] {
        let text = if text.is_empty() { UNKNOWN } else { text };
        put_text(cut(text, SOURCE_BYTES_MAX), out);
    }
}

fn take_tally(rest: &mut &[u8]) -> Result<Tally, Corrupt> {
    let short = Corrupt("a report without its tally");
    let (accepted, tail) = rest.split_first_chunk().ok_or(short)?;
    let (duplicates, tail) = tail.split_first_chunk().ok_or(short)?;
    *rest = tail;
    let (accepted, duplicates) = (u32::from_le_bytes(*accepted), u32::from_le_bytes(*duplicates));
    Ok(Tally { accepted, duplicates })
}
