//! The store on disk, on the `fjall` storage engine.
//!
//! Keyspaces: `states` (partition as u16 big-endian, then the member → the state's bytes),
//! `cursors` (partition as u16 big-endian → u64 little-endian), `notes` (name → bytes), `meta`
//! (`store` → version byte, digest, generation, partitions, little-endian). A commit is one batch
//! over all of them, followed by one fsync of the journal.
//!
//! The version byte stands for all of it but the states of persons, which carry their own: cursors,
//! notes and the rows of the ledger change their form only with that byte.
use crate::limits::{STORE_CACHE_BYTES, STORE_JOURNAL_BYTES, STORE_MEMTABLE_BYTES};
use crate::{Checkpoint, PersonStore, StoreError, StoreMeta};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use sillage_model::Partition;
use std::collections::BTreeSet;
use std::path::Path;

const FORMAT: u8 = 1;
const META_KEY: &str = "store";
const META_BYTES: usize = 15;

/// Keeps states in a directory of its own.
pub struct FjallStore {
    db: Database,
    states: Keyspace,
    cursors: Keyspace,
    notes: Keyspace,
    meta: Keyspace,
}

impl FjallStore {
    /// Opens the store in `dir`, creating it if it is not there.
    ///
    /// # Errors
    /// [`StoreError::Locked`] if another process has it open, otherwise what the disk said.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        check_engine(dir)?;
        let failed = |source: fjall::Error| match source {
            fjall::Error::Locked => StoreError::Locked(dir.display().to_string()),
            other if is_of_the_system(&other) => {
                StoreError::Failed { doing: "open", source: Box::new(other) }
            }
            other => {
                tracing::error!(error = %other, "the state store cannot be recovered");
                StoreError::Damaged("its files are not whole")
            }
        };
        let db = Database::builder(dir)
            .cache_size(STORE_CACHE_BYTES)
            .max_journaling_size(STORE_JOURNAL_BYTES)
            .worker_threads(1)
            .open()
            .map_err(failed)?;
        let options = || KeyspaceCreateOptions::default().max_memtable_size(STORE_MEMTABLE_BYTES);
        let open = |name| db.keyspace(name, options).map_err(failed);
        let (states, cursors) = (open("states")?, open("cursors")?);
        let (notes, meta) = (open("notes")?, open("meta")?);
        Ok(Self { db, states, cursors, notes, meta })
    }

    fn begin_all(&self, notes: &[(String, Vec<u8>)]) -> Result<(), fjall::Error> {
        // Without its meta the store counts as empty, so a crash half-way is a reset to be redone.
        // The notes change with the same write, for they tell what that reset must know.
        let mut batch = self.db.batch().durability(Some(PersistMode::SyncAll));
        batch.remove(&self.meta, META_KEY);
        for row in self.notes.iter() {
            batch.remove(&self.notes, row.key()?);
        }
        for (name, bytes) in notes {
            batch.insert(&self.notes, name.as_str(), bytes.as_slice());
        }
        batch.commit()?;
        self.states.clear()?;
        self.cursors.clear()
    }

    fn complete_all(&self, meta: StoreMeta) -> Result<(), fjall::Error> {
        let mut batch = self.db.batch().durability(Some(PersistMode::SyncAll));
        batch.insert(&self.meta, META_KEY, encode_meta(meta));
        batch.commit()
    }
}

impl PersonStore for FjallStore {
    fn meta(&self) -> Result<Option<StoreMeta>, StoreError> {
        let bytes = self.meta.get(META_KEY).map_err(failed_to("read its description"))?;
        bytes.map(|bytes| decode_meta(&bytes)).transpose()
    }

    fn begin(&self, notes: &[(String, Vec<u8>)]) -> Result<(), StoreError> {
        self.begin_all(notes).map_err(failed_to("empty"))
    }

    fn complete(&self, meta: StoreMeta) -> Result<(), StoreError> {
        self.complete_all(meta).map_err(failed_to("complete"))
    }

    fn load(
        &self,
        partitions: &[Partition],
        visit: &mut dyn FnMut(Partition, &str, &[u8]),
    ) -> Result<Vec<(Partition, u64)>, StoreError> {
        let mut cursors = Vec::new();
        for &partition in partitions {
            let prefix = partition.0.to_be_bytes();
            for row in self.states.prefix(prefix) {
                let (key, bytes) = row.into_inner().map_err(failed_to("read states"))?;
                let member = key.get(prefix.len()..).unwrap_or_default();
                let member = str::from_utf8(member)
                    .map_err(|_| StoreError::Damaged("a member's key is not text"))?;
                visit(partition, member, &bytes);
            }
            if let Some(bytes) = self.cursors.get(prefix).map_err(failed_to("read cursors"))? {
                let bytes = <[u8; 8]>::try_from(bytes.as_ref())
                    .map_err(|_| StoreError::Damaged("a cursor has a wrong length"))?;
                cursors.push((partition, u64::from_le_bytes(bytes)));
            }
        }
        Ok(cursors)
    }

    fn note(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let bytes = self.notes.get(name).map_err(failed_to("read a note"))?;
        Ok(bytes.map(|bytes| bytes.to_vec()))
    }

    fn commit(&self, checkpoint: &Checkpoint) -> Result<(), StoreError> {
        let mut batch = self.db.batch().durability(Some(PersistMode::SyncAll));
        let upserted: BTreeSet<(Partition, &str)> = if checkpoint.removals.is_empty() {
            BTreeSet::new()
        } else {
            checkpoint
                .upserts
                .iter()
                .map(|(partition, member, _)| (*partition, &**member))
                .collect()
        };
        for (partition, member) in &checkpoint.removals {
            // Within a batch the engine knows no order of two writes to one key.
            if !upserted.contains(&(*partition, member)) {
                batch.remove(&self.states, state_key(*partition, member));
            }
        }
        for (partition, member, bytes) in &checkpoint.upserts {
            batch.insert(&self.states, state_key(*partition, member), bytes.as_slice());
        }
        for (partition, cursor) in &checkpoint.cursors {
            batch.insert(&self.cursors, partition.0.to_be_bytes(), cursor.to_le_bytes());
        }
        for (name, bytes) in &checkpoint.notes {
            batch.insert(&self.notes, name.as_str(), bytes.as_slice());
        }
        batch.commit().map_err(failed_to("commit"))
    }
}

/// Whether the engine's own files are of its version. It begins its marker with three letters and a
/// number, and calls any other number unknown, be it damaged or later.
fn check_engine(dir: &Path) -> Result<(), StoreError> {
    const ENGINE: u8 = 3;
    match std::fs::read(dir.join("version")).as_deref() {
        Ok([b'F', b'J', b'L', found, ..]) if *found > ENGINE => {
            Err(StoreError::Newer { found: *found, reads: ENGINE })
        }
        // The engine says itself what else is wrong.
        _ => Ok(()),
    }
}

/// Whether the system refused, which trying again may mend. Files that are cut, missing or there too early, as
/// after a kill while the store was first made, stay as they are until they are made again.
fn is_of_the_system(error: &fjall::Error) -> bool {
    use std::error::Error as _;
    use std::io::ErrorKind::{AlreadyExists, InvalidData, NotFound, UnexpectedEof};
    let mut cause = error.source();
    while let Some(at) = cause {
        if let Some(refused) = at.downcast_ref::<std::io::Error>() {
            return !matches!(
                refused.kind(),
                AlreadyExists | InvalidData | NotFound | UnexpectedEof
            );
        }
        cause = at.source();
    }
    false
}

fn state_key(partition: Partition, member: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(2 + member.len());
    key.extend_from_slice(&partition.0.to_be_bytes());
    key.extend_from_slice(member.as_bytes());
    key
}

fn failed_to(doing: &'static str) -> impl Fn(fjall::Error) -> StoreError {
    move |source| StoreError::Failed { doing, source: Box::new(source) }
}

fn encode_meta(meta: StoreMeta) -> Vec<u8> {
    let mut out = Vec::with_capacity(META_BYTES);
    out.push(FORMAT);
    out.extend_from_slice(&meta.digest.to_le_bytes());
    out.extend_from_slice(&meta.generation.to_le_bytes());
    out.extend_from_slice(&meta.partitions.to_le_bytes());
    out
}

fn decode_meta(bytes: &[u8]) -> Result<StoreMeta, StoreError> {
    let damaged = StoreError::Damaged("its description has a wrong length");
    let Some((&[format], rest)) = bytes.split_first_chunk() else { return Err(damaged) };
    match format {
        FORMAT => {}
        0 => return Err(StoreError::Damaged("no form has the number 0")),
        found => return Err(StoreError::Newer { found, reads: FORMAT }),
    }
    let Some((digest, rest)) = rest.split_first_chunk() else { return Err(damaged) };
    let Some((generation, rest)) = rest.split_first_chunk() else { return Err(damaged) };
    let Ok(partitions) = <[u8; 2]>::try_from(rest) else { return Err(damaged) };
    Ok(StoreMeta {
        digest: u64::from_le_bytes(*digest),
        generation: u32::from_le_bytes(*generation),
        partitions: u16::from_le_bytes(partitions),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_was_half_made_is_damaged_and_not_refused_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        drop(FjallStore::open(dir.path()).unwrap());
        // The engine writes this file last.
        std::fs::remove_file(dir.path().join("version")).unwrap();
        assert!(matches!(FjallStore::open(dir.path()), Err(StoreError::Damaged(_))));
    }

    #[test]
    fn a_store_of_a_later_version_is_named_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let meta = StoreMeta { digest: 1, generation: 2, partitions: 64 };
        {
            let store = FjallStore::open(dir.path()).unwrap();
            store.reset(meta).unwrap();
            let mut later = encode_meta(meta);
            (later[0], later[14]) = (FORMAT + 1, 9);
            store.meta.insert(META_KEY, later).unwrap();
        }
        let read = FjallStore::open(dir.path()).unwrap().meta();
        assert!(matches!(read, Err(StoreError::Newer { found: 2, reads: 1 })), "{read:?}");
        let marker = dir.path().join("version");
        let mut bytes = std::fs::read(&marker).unwrap();
        bytes[3] += 1;
        std::fs::write(&marker, &bytes).unwrap();
        let opened = FjallStore::open(dir.path()).map(drop);
        assert!(matches!(opened, Err(StoreError::Newer { found: 4, reads: 3 })), "{opened:?}");
        assert_eq!(std::fs::read(&marker).unwrap(), bytes);
    }
}
