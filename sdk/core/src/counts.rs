//! What became of every event, by reason.
use crate::codec::{Source, put_text, put_u64};
use crate::limits::SEQ_MAX;
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
    pub(crate) fn rejected(&self) -> Vec<(String, u64)> {
        self.rejected.clone()
    }

    pub(crate) fn dropped(&self) -> Vec<(String, u64)> {
        named(&self.dropped)
    }

    pub(crate) fn unsure(&self) -> Vec<(String, u64)> {
        named(&self.unsure)
    }

    /// Whether any event may have arrived that is given up.
    pub(crate) fn are_unsure(&self) -> bool {
        self.unsure != [0; REASONS]
    }

    pub(crate) fn reject(&mut self, code: &str) {
        let place = |code| self.rejected.iter().position(|(known, _)| known == code);
        let full = self.rejected.len() >= CODES_MAX;
        let code = if full && place(code).is_none() { "other" } else { code };
        match place(code).and_then(|place| self.rejected.get_mut(place)) {
            Some((_, count)) => *count += 1,
            None => self.rejected.push((String::from(code), 1)),
        }
    }

    /// Counts events given up; `tried`: they may have arrived nevertheless.
    pub(crate) fn drop(&mut self, reason: DropReason, tried: bool, count: u64) {
        let counters = if tried { &mut self.unsure } else { &mut self.dropped };
        counters[reason as usize] += count;
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
        let mut sum = 0u64;
        for (_, count) in &self.rejected {
            sum = sum.wrapping_add(*count);
        }
        for (dropped, unsure) in self.dropped.iter().zip(&self.unsure) {
            sum = sum.wrapping_add(*dropped).wrapping_add(*unsure);
        }
        sum
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

    pub(crate) fn decode(source: &mut Source<'_>) -> Self {
        let mut counts =
            Self { created: source.u64(), acknowledged: source.u64(), ..Self::default() };
        for _ in 0..source.len() {
            counts.rejected.push((source.text(), count(source)));
        }
        for counters in [&mut counts.dropped, &mut counts.unsure] {
            // A later version may know more reasons; an earlier one knew fewer.
            let len = source.len();
            source.must(len <= REASONS);
            for counter in counters.iter_mut().take(len) {
                *counter = count(source);
            }
        }
        source.must(counts.created < SEQ_MAX && counts.acknowledged < SEQ_MAX);
        counts
    }
}

fn count(source: &mut Source<'_>) -> u64 {
    let count = source.u64();
    source.must(count < SEQ_MAX);
    count
}

fn named(counters: &[u64; REASONS]) -> Vec<(String, u64)> {
    let mut named = Vec::new();
    for (reason, count) in DropReason::ALL.iter().zip(counters) {
        if *count > 0 {
            named.push((String::from(reason.as_str()), *count));
        }
    }
    named
}
