use crate::bytes::{cut, put_number, put_text, take_number, take_text};
use crate::limits::{OTHER, REASON_BYTES_MAX, REASONS_MAX};
use crate::{Balance, Counted, Counts};
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use sillage_model::{Corrupt, ReceiptMillis};

/// The sum of balances. What was added can be taken away again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Total {
    /// Installations.
    pub installs: u64,
    /// As in [`Balance`], and so on for all of these.
    pub created: u64,
    /// Events made durable.
    pub received: u64,
    /// Events that came again.
    pub duplicates: u64,
    /// Events refused, by code.
    pub rejected: Sums,
    /// Events given up on devices, by reason.
    pub dropped: Sums,
    /// Events given up on devices that may have arrived, by reason.
    pub unsure: Sums,
    /// How many of these arrived.
    pub unsure_arrived: u64,
    /// Events that wait on devices.
    pub pending: u64,
    /// Events lost.
    pub lost: u64,
    /// Events beyond those created.
    pub surplus: u64,
    /// When the latest report came; stays when its row is taken away.
    pub last_report: ReceiptMillis,
}

/// Counts of many installations by name. A name that once came stays, and what comes beyond the bound
/// is one name, so that what is taken away is taken from where it was added.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sums(BTreeMap<Box<str>, u64>);

impl Sums {
    /// All names with a count, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().filter(|(_, count)| **count > 0).map(|(name, count)| (&**name, *count))
    }

    /// Under all names.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.0.values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    fn change(&mut self, name: &str, act: impl FnOnce(u64) -> u64) {
        let name = cut(name, REASON_BYTES_MAX);
        if let Some(count) = self.0.get_mut(name) {
            *count = act(*count);
            return;
        }
        let name = if self.0.len() < REASONS_MAX { name } else { OTHER };
        let count = self.0.entry(name.into()).or_default();
        *count = act(*count);
    }

    fn add(&mut self, counts: &Counts) {
        for (name, count) in counts.iter() {
            self.change(name, |known| known.saturating_add(count));
        }
    }

    fn take(&mut self, counts: &Counts) {
        for (name, count) in counts.iter() {
            self.change(name, |known| known.saturating_sub(count));
        }
    }

    fn merge(&mut self, other: &Self) {
        for (name, count) in other.iter() {
            self.change(name, |known| known.saturating_add(count));
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        put_number(self.iter().count() as u64, out);
        for (name, count) in self.iter() {
            put_text(name, out);
            put_number(count, out);
        }
    }

    fn decode(rest: &mut &[u8]) -> Result<Self, Corrupt> {
        let mut sums = Self::default();
        for _ in 0..take_number(rest)? {
            let name = take_text(rest)?;
            let count = take_number(rest)?;
            sums.change(name, |known| known.saturating_add(count));
        }
        Ok(sums)
    }
}

impl Total {
    /// Adds an installation.
    pub fn add(&mut self, balance: &Balance) {
        for (sum, number) in self.numbers().into_iter().zip(numbers_of(balance)) {
            *sum = sum.saturating_add(number);
        }
        self.rejected.add(&balance.rejected);
        self.dropped.add(&balance.dropped);
        self.unsure.add(&balance.unsure);
        self.last_report = self.last_report.max(balance.last_report);
    }

    /// Takes away what was added.
    pub fn take(&mut self, balance: &Balance) {
        for (sum, number) in self.numbers().into_iter().zip(numbers_of(balance)) {
            *sum = sum.saturating_sub(number);
        }
        self.rejected.take(&balance.rejected);
        self.dropped.take(&balance.dropped);
        self.unsure.take(&balance.unsure);
    }

    /// Adds what the collector alone counted.
    pub fn count(&mut self, counted: &Counted<'_>, at: ReceiptMillis) {
        self.received = self.received.saturating_add(counted.received);
        self.duplicates = self.duplicates.saturating_add(counted.duplicates);
        self.rejected.add(&counted.rejected);
        self.dropped.add(&counted.dropped);
        self.last_report = self.last_report.max(at);
    }

    /// Adds another total.
    pub fn merge(&mut self, other: &Self) {
        let mut theirs = other.clone();
        for (sum, number) in self.numbers().into_iter().zip(theirs.numbers()) {
            *sum = sum.saturating_add(*number);
        }
        self.rejected.merge(&other.rejected);
        self.dropped.merge(&other.dropped);
        self.unsure.merge(&other.unsure);
        self.last_report = self.last_report.max(other.last_report);
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let numbers = self.clone().numbers().into_iter().all(|number| *number == 0);
        numbers && [&self.rejected, &self.dropped, &self.unsure].iter().all(|sums| sums.sum() == 0)
    }

    /// Appends its bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.clone().numbers().into_iter().for_each(|number| put_number(*number, out));
        for sums in [&self.rejected, &self.dropped, &self.unsure] {
            sums.encode(out);
        }
        out.extend_from_slice(&self.last_report.0.to_le_bytes());
    }

    /// Reads what [`Total::encode`] wrote, and leaves what follows.
    ///
    /// # Errors
    /// [`Corrupt`] if these are other bytes.
    pub fn decode(rest: &mut &[u8]) -> Result<Self, Corrupt> {
        let mut total = Self::default();
        for number in total.numbers() {
            *number = take_number(rest)?;
        }
        total.rejected = Sums::decode(rest)?;
        total.dropped = Sums::decode(rest)?;
        total.unsure = Sums::decode(rest)?;
        let short = Corrupt("a total of the ledger is cut short");
        let (last_report, tail) = rest.split_first_chunk().ok_or(short)?;
        *rest = tail;
        total.last_report = ReceiptMillis(i64::from_le_bytes(*last_report));
        Ok(total)
    }

    fn numbers(&mut self) -> [&mut u64; 8] {
        [
            &mut self.installs,
            &mut self.created,
            &mut self.received,
            &mut self.duplicates,
            &mut self.unsure_arrived,
            &mut self.pending,
            &mut self.lost,
            &mut self.surplus,
        ]
    }
}

/// In the order of [`Total::numbers`].
fn numbers_of(balance: &Balance) -> [u64; 8] {
    [
        balance.installs,
        balance.created,
        balance.received,
        balance.duplicates,
        balance.unsure_arrived,
        balance.pending,
        balance.lost,
        balance.surplus,
    ]
}
