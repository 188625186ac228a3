//! The interface of every state store; `contract.rs` is the suite that each of them passes.
//!
//! A store keeps bytes for workers between two runs. It does not know what the bytes mean.
use crate::StoreError;
use sillage_model::Partition;

/// What the states of a store depend on. States made under another `digest` are of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreMeta {
    /// The digest of everything in the configuration that shapes states.
    pub digest: u64,
    /// Grows by one with every reset; the high half of published versions.
    pub generation: u32,
    /// How many partitions there are.
    pub partitions: u16,
}

/// What changed since the last commit.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Checkpoint {
    /// Members whose state is to be removed, before the new ones are taken.
    pub removals: Vec<(Partition, Box<str>)>,
    /// New states, by partition and member.
    pub upserts: Vec<(Partition, Box<str>, Vec<u8>)>,
    /// How far each partition's log has been folded into the states.
    pub cursors: Vec<(Partition, u64)>,
    /// Small named values that belong to the same moment, such as counters.
    pub notes: Vec<(String, Vec<u8>)>,
}

/// Keeps states.
pub trait PersonStore: Send + Sync {
    /// What the states depend on; `None` for an empty store, or one whose reset was cut short.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read.
    fn meta(&self) -> Result<Option<StoreMeta>, StoreError>;

    /// Empties states, cursors and notes but for `notes`, which it holds from then on. It has no meta
    /// until [`PersonStore::complete`], so what is committed before that counts for nothing if the
    /// process ends. Durable on return.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be written. [`PersonStore::meta`] is then `None` or as before;
    /// where it is `None`, `notes` are there.
    fn begin(&self, notes: &[(String, Vec<u8>)]) -> Result<(), StoreError>;

    /// Takes `meta`: what was committed since [`PersonStore::begin`] is whole. Durable on return.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be written.
    fn complete(&self, meta: StoreMeta) -> Result<(), StoreError>;

    /// Empties states, cursors and notes, then takes `meta`. Durable on return.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be written. [`PersonStore::meta`] is then `None` or as before.
    fn reset(&self, meta: StoreMeta) -> Result<(), StoreError> {
        self.begin(&[])?;
        self.complete(meta)
    }

    /// Visits every state of these partitions, each once, in the order of members within a
    /// partition, and gives their cursors; a partition that was never committed has none.
    ///
    /// # Errors
    /// [`StoreError`] if something cannot be read; what was visited so far is then incomplete.
    fn load(
        &self,
        partitions: &[Partition],
        visit: &mut dyn FnMut(Partition, &str, &[u8]),
    ) -> Result<Vec<(Partition, u64)>, StoreError>;

    /// The value that was committed last under this name.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read.
    fn note(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Takes all of it or nothing. Durable on return.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be written.
    fn commit(&self, checkpoint: &Checkpoint) -> Result<(), StoreError>;
}
