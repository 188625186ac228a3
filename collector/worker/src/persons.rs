use foldhash::fast::RandomState;
use hashbrown::HashTable;
use sillage_engine::Record;
use sillage_model::{Partition, PersonKey, Transition};
use std::hash::BuildHasher;

/// A person or an unlinked device with its record, as the worker holds it.
#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) key: PersonKey,
    pub(crate) partition: Partition,
    pub(crate) record: Record,
    /// When the record is to be woken, as the wake index knows it.
    pub(crate) armed: Option<i64>,
    /// Transitions since the last publication.
    pub(crate) transitions: Vec<Transition>,
    /// Changed since the last publication, so listed in [`Persons::unpublished`].
    pub(crate) unpublished: bool,
    /// Changed since the last checkpoint, so listed in [`Persons::dirty`].
    pub(crate) dirty: bool,
}

/// All persons of a worker's partitions.
#[derive(Debug, Default)]
pub(crate) struct Persons {
    slots: Vec<Person>,
    by_key: HashTable<u32>,
    hasher: RandomState,
    pub(crate) unpublished: Vec<u32>,
    pub(crate) dirty: Vec<u32>,
}

impl Persons {
    /// The slot of this member, made empty if it is new.
    pub(crate) fn slot(&mut self, member: &str, partition: Partition) -> Option<u32> {
        let hash = self.hasher.hash_one(member);
        let same = |&slot: &u32| self.slots[slot as usize].key.as_str() == member;
        if let Some(&slot) = self.by_key.find(hash, same) {
            return Some(slot);
        }
        let key = PersonKey::parse(member)?;
        let record = Record::of(&key);
        let slot = u32::try_from(self.slots.len()).expect("memory ends before 2^32 persons");
        self.slots.push(Person {
            key,
            partition,
            record,
            armed: None,
            transitions: Vec::new(),
            unpublished: false,
            dirty: false,
        });
        let Self { slots, by_key, hasher, .. } = self;
        by_key.insert_unique(hash, slot, |&s| hasher.hash_one(slots[s as usize].key.as_str()));
        Some(slot)
    }

    pub(crate) fn at(&mut self, slot: u32) -> &mut Person {
        &mut self.slots[slot as usize]
    }

    pub(crate) fn len(&self) -> u64 {
        self.slots.len() as u64
    }

    pub(crate) fn slots(&self) -> std::ops::Range<u32> {
        0..u32::try_from(self.slots.len()).expect("slots are u32")
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Person> {
        self.slots.iter()
    }

    /// Notes that a person must be published and be part of the next checkpoint.
    pub(crate) fn changed(&mut self, slot: u32) {
        let person = &mut self.slots[slot as usize];
        if !person.unpublished {
            person.unpublished = true;
            self.unpublished.push(slot);
        }
        if !person.dirty {
            person.dirty = true;
            self.dirty.push(slot);
        }
    }
}
