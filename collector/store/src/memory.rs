//! A store that ends with the process; for tests and for trying things out.
use crate::{Checkpoint, PersonStore, StoreError, StoreMeta};
use parking_lot::Mutex;
use sillage_model::Partition;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Keeps states in memory. A clone is another handle on the same states.
#[derive(Debug, Default, Clone)]
pub struct MemoryStore(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    meta: Option<StoreMeta>,
    states: BTreeMap<Partition, BTreeMap<Box<str>, Vec<u8>>>,
    cursors: BTreeMap<Partition, u64>,
    notes: BTreeMap<String, Vec<u8>>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl PersonStore for MemoryStore {
    fn meta(&self) -> Result<Option<StoreMeta>, StoreError> {
        Ok(self.0.lock().meta)
    }

    fn begin(&self, notes: &[(String, Vec<u8>)]) -> Result<(), StoreError> {
        *self.0.lock() = Kept { notes: notes.iter().cloned().collect(), ..Kept::default() };
        Ok(())
    }

    fn complete(&self, meta: StoreMeta) -> Result<(), StoreError> {
        self.0.lock().meta = Some(meta);
        Ok(())
    }

    fn load(
        &self,
        partitions: &[Partition],
        visit: &mut dyn FnMut(Partition, &str, &[u8]),
    ) -> Result<Vec<(Partition, u64)>, StoreError> {
        let kept = self.0.lock();
        let mut cursors = Vec::new();
        for partition in partitions {
            for (member, bytes) in kept.states.get(partition).into_iter().flatten() {
                visit(*partition, member, bytes);
            }
            cursors.extend(kept.cursors.get(partition).map(|&cursor| (*partition, cursor)));
        }
        Ok(cursors)
    }

    fn note(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.lock().notes.get(name).cloned())
    }

    fn commit(&self, checkpoint: &Checkpoint) -> Result<(), StoreError> {
        let mut kept = self.0.lock();
        for (partition, member) in &checkpoint.removals {
            if let Some(states) = kept.states.get_mut(partition) {
                states.remove(member);
            }
        }
        for (partition, member, bytes) in &checkpoint.upserts {
            kept.states.entry(*partition).or_default().insert(member.clone(), bytes.clone());
        }
        kept.cursors.extend(checkpoint.cursors.iter().copied());
        kept.notes.extend(checkpoint.notes.iter().cloned());
        Ok(())
    }
}
