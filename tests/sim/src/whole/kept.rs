//! The state store of a world: each commit is there whole or not at all, and the newest may be lost
//! when power is cut.
use sillage_model::Partition;
use sillage_store::{Checkpoint, PersonStore, StoreError, StoreMeta};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// States, as they were after each of the last commits.
#[derive(Debug)]
pub struct Store {
    /// The newest last; never empty.
    images: Mutex<VecDeque<Image>>,
    losable: usize,
}

#[derive(Debug, Clone, Default)]
struct Image {
    meta: Option<StoreMeta>,
    states: BTreeMap<Partition, BTreeMap<Box<str>, Vec<u8>>>,
    cursors: BTreeMap<Partition, u64>,
    notes: BTreeMap<String, Vec<u8>>,
}

impl Store {
    /// An empty store that may lose so many of its newest commits.
    #[must_use]
    pub fn new(losable: usize) -> Self {
        Self { images: Mutex::new(VecDeque::from([Image::default()])), losable }
    }

    fn images(&self) -> MutexGuard<'_, VecDeque<Image>> {
        self.images.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn newest<T>(&self, look: impl FnOnce(&Image) -> T) -> T {
        look(self.images().back().expect("there always is one"))
    }

    fn change(&self, act: impl FnOnce(&mut Image)) {
        let mut images = self.images();
        let mut image = images.back().expect("there always is one").clone();
        act(&mut image);
        images.push_back(image);
        while images.len() > self.losable + 1 {
            images.pop_front();
        }
    }

    /// Power is cut: the newest `commits` are gone, as far as they can be. How many were.
    pub fn lose(&self, commits: usize) -> usize {
        let mut images = self.images();
        let lost = commits.min(images.len() - 1);
        let left = images.len() - lost;
        images.truncate(left);
        lost
    }

    /// The position before which no image that may come back needs the log, for so many partitions.
    #[must_use]
    pub fn committed(&self, partitions: u16) -> u64 {
        let of = |image: &Image| {
            let cursor = |p| image.cursors.get(&Partition(p)).copied().unwrap_or(0);
            (0..partitions).map(cursor).min().unwrap_or(0)
        };
        self.images().iter().map(of).min().unwrap_or(0)
    }

    /// Where each partition stands in the newest image.
    #[must_use]
    pub fn cursors(&self) -> Vec<(Partition, u64)> {
        self.newest(|image| image.cursors.iter().map(|(p, at)| (*p, *at)).collect())
    }
}

impl PersonStore for Store {
    fn meta(&self) -> Result<Option<StoreMeta>, StoreError> {
        Ok(self.newest(|image| image.meta))
    }

    fn begin(&self, notes: &[(String, Vec<u8>)]) -> Result<(), StoreError> {
        let notes = notes.iter().cloned().collect();
        self.change(|image| *image = Image { notes, ..Image::default() });
        Ok(())
    }

    fn complete(&self, meta: StoreMeta) -> Result<(), StoreError> {
        self.change(|image| image.meta = Some(meta));
        Ok(())
    }

    fn load(
        &self,
        partitions: &[Partition],
        visit: &mut dyn FnMut(Partition, &str, &[u8]),
    ) -> Result<Vec<(Partition, u64)>, StoreError> {
        Ok(self.newest(|image| {
            for partition in partitions {
                for (member, bytes) in image.states.get(partition).into_iter().flatten() {
                    visit(*partition, member, bytes);
                }
            }
            let at = |p: &Partition| image.cursors.get(p).map(|cursor| (*p, *cursor));
            partitions.iter().filter_map(at).collect()
        }))
    }

    fn note(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.newest(|image| image.notes.get(name).cloned()))
    }

    fn commit(&self, checkpoint: &Checkpoint) -> Result<(), StoreError> {
        self.change(|image| {
            for (partition, member) in &checkpoint.removals {
                if let Some(states) = image.states.get_mut(partition) {
                    states.remove(member);
                }
            }
            for (partition, member, bytes) in &checkpoint.upserts {
                let states = image.states.entry(*partition).or_default();
                states.insert(member.clone(), bytes.clone());
            }
            image.cursors.extend(checkpoint.cursors.iter().copied());
            image.notes.extend(checkpoint.notes.iter().cloned());
        });
        Ok(())
    }
}
