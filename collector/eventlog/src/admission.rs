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
        if !record.companion {
            leader_is_new = insert(record.id)?;
        }
        if !leader_is_new {
            duplicates.push(index);
        }
    }
    Ok(duplicates)
}
