use crate::bytes::{put_number, take_number};
use crate::{Balance, Counts, Tally, Told};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cmp::Ordering;
use sillage_model::{Corrupt, ReceiptMillis};

/// One installation, as far as it is known.
///
/// # Guarantees
/// Reports may come in any order and more than once: what is told is cumulative, so the largest of
/// each count is the newest. The first one folded must be one of the first sent, which holds of a
/// log: nothing is acknowledged to a device before the report that came with it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    created: u64,
    acknowledged: u64,
    rejected: Counts,
    dropped: Counts,
    unsure: Counts,
    received: u64,
    duplicates: u64,
    /// Events of the newest batch.
    last_batch: u64,
    /// What was refused of the newest batch.
    last_rejected: Counts,
    /// When the latest report came.
    last_report: ReceiptMillis,
    /// What had become of its events before this row began, if it began in the middle.
    before: Option<Box<Before>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Before {
    acknowledged: u64,
    rejected: Counts,
    dropped: Counts,
    unsure: Counts,
}

impl Before {
    fn settled(&self) -> u64 {
        self.acknowledged + self.rejected.sum() + self.dropped.sum() + self.unsure.sum()
    }
}

/// What follows a row's numbers.
const WHOLE: u8 = 0;
const BEGUN_BEFORE: u8 = 1;

impl Row {
    /// The row of an installation that was not known, from its first report.
    ///
    /// If that says that events were acknowledged already, the row begins in the middle: the
    /// installation was forgotten, or the log no longer holds its beginning. What was settled until
    /// then is left out, here as in all later balances, for whoever acknowledged it has counted it.
    #[must_use]
    pub fn begin(told: &Told<'_>, tally: Tally, at: ReceiptMillis) -> Self {
        let before = (told.acknowledged > 0).then(|| Before {
            acknowledged: told.acknowledged,
            rejected: told.rejected.clone(),
            dropped: told.dropped.clone(),
            unsure: told.unsure.clone(),
        });
        let mut row = Self {
            created: 0,
            acknowledged: 0,
            rejected: Counts::new(),
            dropped: Counts::new(),
            unsure: Counts::new(),
            received: 0,
            duplicates: 0,
            last_batch: 0,
            last_rejected: Counts::new(),
            last_report: at,
            before: before.map(Box::new),
        };
        row.fold(told, tally, at);
        row
    }

    /// Takes one more report; whether it is no older than what is known.
    pub fn fold(&mut self, told: &Told<'_>, tally: Tally, at: ReceiptMillis) -> bool {
        self.received += u64::from(tally.accepted);
        self.duplicates += u64::from(tally.duplicates);
        let age = match told.created.cmp(&self.created) {
            Ordering::Less => Ordering::Less,
            order => match told.settled().cmp(&self.settled()) {
                Ordering::Less => Ordering::Less,
                settled => order.max(settled),
            },
        };
        match age {
            // A delayed one: what it says of its batch has been counted by the device since.
            Ordering::Less => {}
            // The same moment of the device, so perhaps the same batch: what is not told yet adds up.
            Ordering::Equal => {
                self.last_batch = self.last_batch.max(told.last_batch);
                self.last_rejected.raise(&told.last_rejected);
            }
            Ordering::Greater => {
                self.last_batch = told.last_batch;
                self.last_rejected.clone_from(&told.last_rejected);
            }
        }
        self.created = self.created.max(told.created);
        self.acknowledged = self.acknowledged.max(told.acknowledged);
        self.rejected.raise(&told.rejected);
        self.dropped.raise(&told.dropped);
        self.unsure.raise(&told.unsure);
        self.last_report = self.last_report.max(at);
        age != Ordering::Less
    }

    /// When the latest report came.
    #[must_use]
    pub fn last_report(&self) -> ReceiptMillis {
        self.last_report
    }

    /// Events whose fate the device knows, or has given up to know.
    fn settled(&self) -> u64 {
        let given_up = self.rejected.sum() + self.dropped.sum() + self.unsure.sum();
        self.acknowledged.saturating_add(given_up)
    }

    /// What it comes to.
    #[must_use]
    pub fn balance(&self) -> Balance {
        let before = self.before.as_deref();
        let since = |counts: &Counts, before: Option<&Counts>| match before {
            Some(before) => counts.beyond(before),
            None => counts.clone(),
        };
        let waiting = self.created.saturating_sub(self.settled());
        let mut rejected = since(&self.rejected, before.map(|b| &b.rejected));
        self.last_rejected.iter().for_each(|(code, count)| rejected.add(code, count));
        let mut balance = Balance {
            installs: 1,
            created: self.created.saturating_sub(before.map_or(0, Before::settled)),
            received: self.received,
            duplicates: self.duplicates,
            rejected,
            dropped: since(&self.dropped, before.map(|b| &b.dropped)),
            unsure: since(&self.unsure, before.map(|b| &b.unsure)),
            last_report: self.last_report,
            ..Balance::default()
        };
        balance.settle(waiting.saturating_sub(self.last_batch));
        balance
    }

    /// Appends its bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(if self.before.is_some() { BEGUN_BEFORE } else { WHOLE });
        out.extend_from_slice(&self.last_report.0.to_le_bytes());
        let numbers =
            [self.created, self.acknowledged, self.received, self.duplicates, self.last_batch];
        numbers.into_iter().for_each(|number| put_number(number, out));
        for counts in [&self.rejected, &self.dropped, &self.unsure, &self.last_rejected] {
            counts.encode(out);
        }
        if let Some(before) = &self.before {
            put_number(before.acknowledged, out);
            for counts in [&before.rejected, &before.dropped, &before.unsure] {
                counts.encode(out);
            }
        }
    }

    /// Reads what [`Row::encode`] wrote, and leaves what follows.
    ///
    /// # Errors
    /// [`Corrupt`] if these are other bytes.
    pub fn decode(rest: &mut &[u8]) -> Result<Self, Corrupt> {
        let short = Corrupt("a row of the ledger is cut short");
        let (&[head], tail) = rest.split_first_chunk().ok_or(short)?;
        let (last_report, tail) = tail.split_first_chunk().ok_or(short)?;
        *rest = tail;
        let mut number = || take_number(rest);
        let (created, acknowledged, received) = (number()?, number()?, number()?);
        let (duplicates, last_batch) = (number()?, number()?);
        let mut counts = || Counts::decode(rest);
        let (rejected, dropped, unsure, last_rejected) =
            (counts()?, counts()?, counts()?, counts()?);
        let before = match head {
            WHOLE => None,
            BEGUN_BEFORE => Some(Box::new(Before {
                acknowledged: take_number(rest)?,
                rejected: Counts::decode(rest)?,
                dropped: Counts::decode(rest)?,
                unsure: Counts::decode(rest)?,
            })),
            _ => return Err(Corrupt("a row of the ledger of an unknown kind")),
        };
        Ok(Self {
            created,
            acknowledged,
            rejected,
            dropped,
            unsure,
            received,
            duplicates,
            last_batch,
            last_rejected,
            last_report: ReceiptMillis(i64::from_le_bytes(*last_report)),
            before,
        })
    }
}
