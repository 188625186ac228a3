//! Making a state again under other rules, without deriving twice what the log already holds.
use crate::WorkerError;
use sillage_model::Partition;
use sillage_store::{PersonStore, StoreMeta};

const NOTE: &str = "derived-before";

/// Empties the store for states of `meta`. The log is then folded from its beginning.
///
/// Facts that went from a linked device to its person are in the log as facts of the person. How far
/// that is so is where the emptied states had come, and is noted: the log's memory of ids, which
/// would recognise them, ends after its window.
///
/// # Errors
/// [`WorkerError::Store`] if the store cannot be read or written.
pub fn reset(store: &dyn PersonStore, meta: StoreMeta) -> Result<(), WorkerError> {
    let mut before = derived_before(store, meta.partitions)?;
    let partitions: Vec<Partition> = (0..meta.partitions).map(Partition).collect();
    for (partition, cursor) in store.load(&partitions, &mut |_, _, _| {})? {
        let known = &mut before[usize::from(partition.0)];
        *known = cursor.max(*known);
    }
    store.begin(&[note_of(&before)])?;
    Ok(store.complete(meta)?)
}

/// The note by which a store remembers, over being emptied, what was derived before.
pub(crate) fn note_of(before: &[u64]) -> (String, Vec<u8>) {
    let bytes = before.iter().flat_map(|cursor| cursor.to_le_bytes()).collect();
    (NOTE.to_owned(), bytes)
}

/// For each partition: up to where the log already holds what its facts led to.
pub(crate) fn derived_before(
    store: &dyn PersonStore,
    partitions: u16,
) -> Result<Vec<u64>, WorkerError> {
    let mut before = vec![0; usize::from(partitions)];
    let bytes = store.note(NOTE)?.unwrap_or_default();
    let (cursors, _) = bytes.as_chunks::<8>();
    for (known, cursor) in before.iter_mut().zip(cursors) {
        *known = u64::from_le_bytes(*cursor);
    }
    Ok(before)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sillage_store::{Checkpoint, MemoryStore};

    #[test]
    fn what_was_derived_is_remembered_over_resets() {
        let store = MemoryStore::new();
        let meta = StoreMeta { digest: 1, generation: 1, partitions: 4 };
        reset(&store, meta).expect("memory");
        let commit = |cursor| {
            let cursors = vec![(Partition(2), cursor)];
            store.commit(&Checkpoint { cursors, ..Checkpoint::default() }).expect("memory");
        };
        commit(700);
        reset(&store, StoreMeta { digest: 2, generation: 2, partitions: 4 }).expect("memory");
        assert_eq!(derived_before(&store, 4).expect("memory"), [0, 0, 700, 0]);
        commit(300);
        reset(&store, StoreMeta { digest: 3, generation: 3, partitions: 4 }).expect("memory");
        assert_eq!(derived_before(&store, 4).expect("memory"), [0, 0, 700, 0], "never less");
    }
}
