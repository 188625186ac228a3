//! The table of persons: what is known under each member text, in shards by its hash.
//!
//! Nothing is ever removed from a shard, so a position in it stays what it is. Scans, refills and
//! the marks of changed persons rely on that.
use super::dirty::{Sweep, Work};
use hashbrown::{HashMap, HashTable};
use sillage_model::{PersonKey, Profile};
use std::collections::VecDeque;
use std::sync::Arc;

/// What is known under a member text.
#[derive(Debug, Clone)]
pub(crate) enum Entry {
    /// A person, or a device that is not linked.
    Person(Arc<Profile>),
    /// A device that belongs to a person.
    Linked(Arc<Link>),
}

/// Whose device it is.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) device: PersonKey,
    pub(crate) person: PersonKey,
}

impl Entry {
    pub(crate) fn member(&self) -> &PersonKey {
        match self {
            Self::Person(profile) => &profile.member,
            Self::Linked(link) => &link.device,
        }
    }
}

#[derive(Debug)]
struct Slot {
    entry: Entry,
    /// When it was changed first of what Redis has not been told, in milliseconds; [`CLEAN`] if
    /// nothing waits.
    since_ms: i64,
}

/// The time of no change: before any that a clock tells.
const CLEAN: i64 = i64::MIN;

impl Slot {
    fn is_dirty(&self) -> bool {
        self.since_ms != CLEAN
    }
}

/// How many of what are in a shard.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) persons: u64,
    pub(crate) devices: u64,
    pub(crate) linked: u64,
}

/// What became of an entry that was put.
#[derive(Debug)]
pub(crate) enum Put {
    /// It is in, at this place; the profile that was there before is given back.
    Done { slot: u32, before: Option<Arc<Profile>> },
    /// What is there is as new or newer.
    Refused,
}

/// Exits that Redis has not been told of: the segment's key and the time.
pub(crate) type Exits = Vec<(Arc<str>, i64)>;

#[derive(Debug, Default)]
pub(crate) struct Shard {
    slots: Vec<Slot>,
    by_member: HashTable<u32>,
    counts: Counts,
    /// Places of changed entries, oldest change first; each marked in its slot and here once.
    dirty: VecDeque<u32>,
    exits: HashMap<u32, Exits, foldhash::fast::RandomState>,
}

impl Shard {
    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn entry(&self, hash: u64, member: &str) -> Option<&Entry> {
        self.find(hash, member).map(|slot| &self.slots[slot as usize].entry)
    }

    /// The profiles of all persons and unlinked devices.
    pub(crate) fn profiles(&self) -> Vec<Arc<Profile>> {
        let profile = |slot: &Slot| match &slot.entry {
            Entry::Person(profile) => Some(Arc::clone(profile)),
            Entry::Linked(_) => None,
        };
        self.slots.iter().filter_map(profile).collect()
    }

    pub(crate) fn entry_at(&self, slot: usize) -> Option<&Entry> {
        self.slots.get(slot).map(|slot| &slot.entry)
    }

    /// Puts a profile unless what is there is as new, or the device is linked to a person.
    pub(crate) fn put_profile(
        &mut self,
        hash: u64,
        profile: Arc<Profile>,
        rehash: impl Fn(&str) -> u64,
    ) -> Put {
        let Some(slot) = self.find(hash, profile.member.as_str()) else {
            let counted = if profile.member.is_user() {
                &mut self.counts.persons
            } else {
                &mut self.counts.devices
            };
            *counted += 1;
            return Put::Done {
                slot: self.add(hash, Entry::Person(profile), rehash),
                before: None,
            };
        };
        match &mut self.slots[slot as usize].entry {
            Entry::Person(there) if there.version < profile.version => {
                Put::Done { slot, before: Some(std::mem::replace(there, profile)) }
            }
            Entry::Person(_) | Entry::Linked(_) => Put::Refused,
        }
    }

    /// Makes a device belong to a person. `overrule` says whether that undoes an earlier link.
    pub(crate) fn put_link(
        &mut self,
        hash: u64,
        link: Link,
        overrule: bool,
        rehash: impl Fn(&str) -> u64,
    ) -> Put {
        let Some(slot) = self.find(hash, link.device.as_str()) else {
            self.counts.devices += 1;
            self.counts.linked += 1;
            let entry = Entry::Linked(Arc::new(link));
            return Put::Done { slot: self.add(hash, entry, rehash), before: None };
        };
        let entry = &mut self.slots[slot as usize].entry;
        match entry {
            Entry::Linked(there) if !overrule || there.person == link.person => Put::Refused,
            Entry::Linked(_) => {
                *entry = Entry::Linked(Arc::new(link));
                Put::Done { slot, before: None }
            }
            Entry::Person(profile) => {
                let before = Some(Arc::clone(profile));
                *entry = Entry::Linked(Arc::new(link));
                self.counts.linked += 1;
                self.exits.remove(&slot);
                Put::Done { slot, before }
            }
        }
    }

    /// Marks an entry as changed at a time; true if it was not marked before.
    pub(crate) fn mark(&mut self, slot: u32, now_ms: i64) -> bool {
        let marked = &mut self.slots[slot as usize];
        let fresh = !marked.is_dirty();
        marked.since_ms = if fresh { now_ms } else { marked.since_ms.min(now_ms) };
        if fresh {
            self.dirty.push_back(slot);
        }
        fresh
    }

    /// The time of the oldest change that waits. Looks at all of them, for what could not be written
    /// comes back out of order.
    pub(crate) fn oldest_ms(&self) -> Option<i64> {
        self.dirty.iter().map(|&slot| self.slots[slot as usize].since_ms).min()
    }

    /// Whether this member's entry is marked as changed.
    pub(crate) fn is_marked(&self, hash: u64, member: &str) -> bool {
        self.find(hash, member).is_some_and(|slot| self.slots[slot as usize].is_dirty())
    }

    /// Marks this member's entry; true if it was not marked before.
    pub(crate) fn touch(&mut self, hash: u64, member: &str, now_ms: i64) -> bool {
        self.find(hash, member).is_some_and(|slot| self.mark(slot, now_ms))
    }

    /// Remembers exits for the writer; the latest of a segment counts.
    pub(crate) fn remember(&mut self, slot: u32, exits: impl Iterator<Item = (Arc<str>, i64)>) {
        for (segment, at) in exits {
            let known = self.exits.entry(slot).or_default();
            match known.iter_mut().find(|(s, _)| *s == segment) {
                Some(there) => there.1 = there.1.max(at),
                None => known.push((segment, at)),
            }
        }
    }

    /// Takes marked entries, oldest first, and unmarks them.
    pub(crate) fn take_dirty(&mut self, limit: usize, out: &mut Vec<Work>) {
        for _ in 0..limit {
            let Some(slot) = self.dirty.pop_front() else { return };
            let since_ms = std::mem::replace(&mut self.slots[slot as usize].since_ms, CLEAN);
            out.push(self.work(slot, since_ms));
        }
    }

    /// Takes up to `limit` entries from a place on, those marked only if `all`; gives the next
    /// place.
    pub(crate) fn sweep(
        &mut self,
        from: Sweep,
        limit: usize,
        all: bool,
        out: &mut Vec<Work>,
    ) -> usize {
        let mut at = from.slot;
        let enough = out.len() + limit;
        while at < self.slots.len() && out.len() < enough {
            if all || !self.slots[at].is_dirty() {
                out.push(self.work(to_slot(at), i64::MAX));
            }
            at += 1;
        }
        at
    }

    /// Gives back what could not be written; true if it is newly marked. Found by its name, for
    /// other rules may have brought another table since it was taken.
    pub(crate) fn put_back(&mut self, hash: u64, member: &str, exits: Exits, at_ms: i64) -> bool {
        let Some(slot) = self.find(hash, member) else { return false };
        self.remember(slot, exits.into_iter());
        self.mark(slot, at_ms)
    }

    /// Gives everybody whom `other` knows too the order they have there, and the others the places
    /// behind, so that a walk over one goes on over the other.
    pub(crate) fn order_as(&mut self, other: &Self, hash: impl Fn(&str) -> u64) {
        let mut places = vec![u32::MAX; self.slots.len()];
        let mut next = 0;
        for slot in &other.slots {
            let member = slot.entry.member().as_str();
            if let Some(at) = self.find(hash(member), member) {
                places[at as usize] = next;
                next += 1;
            }
        }
        for place in places.iter_mut().filter(|place| **place == u32::MAX) {
            *place = next;
            next += 1;
        }
        let slots = std::mem::take(&mut self.slots);
        let mut moved: Vec<(u32, Slot)> = places.iter().copied().zip(slots).collect();
        moved.sort_unstable_by_key(|(place, _)| *place);
        self.slots = moved.into_iter().map(|(_, slot)| slot).collect();
        for slot in self.by_member.iter_mut().chain(&mut self.dirty) {
            *slot = places[*slot as usize];
        }
        let exits = std::mem::take(&mut self.exits);
        self.exits = exits.into_iter().map(|(slot, e)| (places[slot as usize], e)).collect();
    }

    /// The exits that Redis has not been told of, by member, in the order of places.
    pub(crate) fn owed(&self) -> impl Iterator<Item = (&str, &Exits)> {
        let slots = if self.exits.is_empty() { &[] } else { self.slots.as_slice() };
        let owed =
            slots.iter().zip(0..).filter_map(|(slot, at)| Some((slot, self.exits.get(&at)?)));
        owed.map(|(slot, exits)| (slot.entry.member().as_str(), exits))
    }

    fn work(&mut self, slot: u32, since_ms: i64) -> Work {
        let entry = self.slots[slot as usize].entry.clone();
        Work { entry, exits: self.exits.remove(&slot).unwrap_or_default(), since_ms }
    }

    fn find(&self, hash: u64, member: &str) -> Option<u32> {
        let same = |&slot: &u32| self.slots[slot as usize].entry.member().as_str() == member;
        self.by_member.find(hash, same).copied()
    }

    fn add(&mut self, hash: u64, entry: Entry, rehash: impl Fn(&str) -> u64) -> u32 {
        let slot = to_slot(self.slots.len());
        self.slots.push(Slot { entry, since_ms: CLEAN });
        let slots = &self.slots;
        let hash_of = |&slot: &u32| rehash(slots[slot as usize].entry.member().as_str());
        self.by_member.insert_unique(hash, slot, hash_of);
        slot
    }
}

fn to_slot(index: usize) -> u32 {
    u32::try_from(index).expect("a shard holds fewer than 2^32 persons")
}
