//! What an append must look like, and which of its records are duplicates: the same for every
//! backend.
use crate::{Append, LogError, limits};
use sillage_model::EventId;

/// Checks that the append describes its own bytes.
pub(crate) fn check(append: &Append) -> Result<(), LogError> {
    if append.records.len() > limits::APPEND_RECORDS_MAX {
        return Err(LogError::Refused("too many records"));
    }
    if append.records.first().is_some_and(|r| r.companion) {
        return Err(LogError::Refused("a companion without a record before it"));
    }
    if let Some(tally) = append.tally {
        let tally = usize::try_from(tally).unwrap_or(usize::MAX);
        let Some(record) = append.records.get(tally) else {
            return Err(LogError::Refused("a tally that is no record"));
        };
        if record.companion || append.records.get(tally + 1).is_some_and(|next| next.companion) {
            return Err(LogError::Refused("a tally that is a companion or has one"));
        }
    }
    let inside = |(start, end): (u32, u32)| {
        start <= end && usize::try_from(end).is_ok_and(|end| end <= append.bodies.len())
    };
    if !append.records.iter().all(|r| inside(r.body)) {
        return Err(LogError::Refused("a body outside of the bodies"));
    }
    if crate::block::bytes_of(append) > limits::BLOCK_BYTES_MAX {
        return Err(LogError::Refused("too large"));
    }
    Ok(())
}

/// Gives the indices of the records that are not to be written. `insert` makes an id known and
/// says whether it was new.
pub(crate) fn duplicates<E>(
    append: &Append,
    mut insert: impl FnMut(EventId) -> Result<bool, E>,
) -> Result<Vec<u32>, E> {
    let mut duplicates = Vec::new();
    let mut leader_is_new = true;
    for (index, record) in (0u32..).zip(&append.records) {
        if append.tally == Some(index) {
            continue;
        }
        if !record.companion {
            leader_is_new = insert(record.id)?;
        }
        if !leader_is_new {
            duplicates.push(index);
        }
    }
    Ok(duplicates)
}

/// What completes the tally of an append with these duplicates.
pub(crate) fn tally(append: &Append, duplicates: &[u32]) -> [u8; TALLY_BYTES] {
    let counts = |index: u32| {
        let record = usize::try_from(index).ok().and_then(|index| append.records.get(index));
        append.tally != Some(index) && record.is_some_and(|record| !record.companion)
    };
    let of = |counted: usize| u32::try_from(counted).expect("an append's records are bounded");
    let all = of((0u32..).take(append.records.len()).filter(|&index| counts(index)).count());
    let again = of(duplicates.iter().filter(|&&index| counts(index)).count());
    let [n0, n1, n2, n3] = (all - again).to_le_bytes();
    let [d0, d1, d2, d3] = again.to_le_bytes();
    [n0, n1, n2, n3, d0, d1, d2, d3]
}

/// Bytes that the log adds to a tally's body.
pub(crate) const TALLY_BYTES: usize = 8;
