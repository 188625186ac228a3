//! What became of every event, by reason.
use crate::codec::{Source, put_text, put_u64};
use crate::notice::DropReason;
use alloc::string::String;
use alloc::vec::Vec;

/// Codes of refusal that are told apart; later ones are counted as `other`.
const CODES_MAX: usize = 32;

/// The counters of an installation. Each only grows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    pub(crate) created: u64,
    pub(crate) acknowledged: u64,
    rejected: Vec<(String, u64)>,
    dropped: [u64; REASONS],
    unsure: [u64; REASONS],
}

const REASONS: usize = DropReason::ALL.len();

impl Counts {
    pub(crate) fn rejected(&self) -> impl Iterator<Item = (&str, u64)> {
        self.rejected.iter().map(|(code, count)| (code.as_str(), *count))
    }

    pub(crate) fn dropped(&self) -> impl Iterator<Item = (&str, u64)> {
        named(&self.dropped)
    }

    pub(crate) fn unsure(&self) -> impl Iterator<Item = (&str, u64)> {
        named(&self.unsure)
    }

    pub(crate) fn reject(&mut self, code: &str) {
        let known = self.rejected.iter().position(|(name, _)| name == code);
        let full = self.rejected.len() >= CODES_MAX;
        let code = if known.is_none() && full { "other" } else { code };
        match self.rejected.iter_mut().find(|(name, _)| name == code) {
            Some((_, count)) => *count += 1,
            None => self.rejected.push((String::from(code), 1)),
        }
    }

    /// Counts events given up; `tried`: they may have arrived nevertheless.
    pub(crate) fn drop(&mut self, reason: DropReason, tried: bool, count: u64) {
        let index = DropReason::ALL.iter().position(|known| *known == reason);
        let counters = if tried { &mut self.unsure } else { &mut self.dropped };
        if let Some(counter) = index.and_then(|index| counters.get_mut(index)) {
            *counter += count;
        }
    }

    /// Adds what was counted before the counters of earlier lives were known: calls dropped at once.
    pub(crate) fn add_early(&mut self, early: &Self) {
        self.created += early.created;
        for (counter, count) in self.dropped.iter_mut().zip(early.dropped) {
            *counter += count;
        }
    }

    /// Events whose end is known without an acknowledgement: what a collector must be told.
    pub(crate) fn given_up(&self) -> u64 {
        let sum = |counters: &[u64; REASONS]| counters.iter().sum::<u64>();
        let rejected: u64 = self.rejected.iter().map(|(_, count)| count).sum();
        rejected + sum(&self.dropped) + sum(&self.unsure)
    }

    /// Events that are no longer pending; `None` if they are more than can be counted.
    pub(crate) fn known(&self) -> Option<u64> {
        let rejected = self.rejected.iter().map(|(_, count)| count);
        let mut all = rejected.chain(&self.dropped).chain(&self.unsure);
        all.try_fold(self.acknowledged, |sum, count| sum.checked_add(*count))
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        put_u64(out, self.created);
        put_u64(out, self.acknowledged);
        put_u64(out, self.rejected.len() as u64);
        for (code, count) in &self.rejected {
            put_text(out, code);
            put_u64(out, *count);
        }
        for counters in [&self.dropped, &self.unsure] {
            put_u64(out, counters.len() as u64);
            for count in counters {
                put_u64(out, *count);
            }
        }
    }

    pub(crate) fn decode(source: &mut Source<'_>) -> Option<Self> {
        let mut counts =
            Self { created: source.u64()?, acknowledged: source.u64()?, ..Self::default() };
        for _ in 0..source.len()? {
            counts.rejected.push((source.text()?, source.u64()?));
        }
        for counters in [&mut counts.dropped, &mut counts.unsure] {
            // A later version may know more reasons; an earlier one knew fewer.
            for index in 0..source.len()? {
                let count = source.u64()?;
                *counters.get_mut(index)? = count;
            }
        }
        Some(counts)
    }
}

fn named(counters: &[u64; REASONS]) -> impl Iterator<Item = (&str, u64)> {
    let named = DropReason::ALL.iter().zip(counters);
    named.filter(|(_, count)| **count > 0).map(|(reason, count)| (reason.as_str(), *count))
}
