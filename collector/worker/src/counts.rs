//! How often each event name was folded, per partition: kept with the partition's cursor, so that a
//! crash neither loses nor doubles a count.
use crate::limits::EVENT_NAMES;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use sillage_model::{Corrupt, Map, MapWriter, Partition, Value};
use std::collections::BTreeMap;

const OTHER: &str = "(other)";

#[derive(Debug, Default)]
pub(crate) struct EventCounts {
    ids: HashMap<Box<str>, usize, RandomState>,
    names: Vec<Box<str>>,
    by_partition: Vec<PartitionCounts>,
    /// Counts since they were last taken for the totals.
    recent: Vec<u64>,
}

#[derive(Debug, Default, Clone)]
struct PartitionCounts {
    by_name: Vec<u64>,
    changed: bool,
}

impl EventCounts {
    pub(crate) fn new(partitions: u16) -> Self {
        let by_partition = vec![PartitionCounts::default(); usize::from(partitions)];
        Self { by_partition, ..Self::default() }
    }

    pub(crate) fn count(&mut self, partition: Partition, name: &str) {
        self.add(partition, name, 1);
    }

    /// Adds the counts since the last call to `totals`.
    pub(crate) fn drain_into(&mut self, totals: &mut BTreeMap<String, u64>) {
        for (id, count) in self.recent.iter_mut().enumerate().filter(|(_, c)| **c > 0) {
            let name = self.names[id].as_ref();
            match totals.get_mut(name) {
                Some(total) => *total += *count,
                None => {
                    totals.insert(name.to_owned(), *count);
                }
            }
            *count = 0;
        }
    }

    /// The notes of the partitions that changed since the last call.
    pub(crate) fn take_notes(&mut self) -> Vec<(String, Vec<u8>)> {
        let names = &self.names;
        let changed = self.by_partition.iter_mut().enumerate().filter(|(_, p)| p.changed);
        changed
            .map(|(index, counts)| {
                counts.changed = false;
                let mut body = MapWriter::new();
                for (id, &count) in counts.by_name.iter().enumerate().filter(|(_, c)| **c > 0) {
                    let count = i64::try_from(count).unwrap_or(i64::MAX);
                    body.push(&names[id], Value::Int(count));
                }
                (note_name(index), body.into_bytes())
            })
            .collect()
    }

    pub(crate) fn restore(&mut self, partition: Partition, bytes: &[u8]) -> Result<(), Corrupt> {
        let map = Map::from_bytes(bytes);
        map.check()?;
        for (name, value) in map.iter() {
            let Value::Int(count) = value else {
                return Err(Corrupt("an event count that is not a number"));
            };
            let count = u64::try_from(count).map_err(|_| Corrupt("a negative event count"))?;
            self.add(partition, name, count);
        }
        if let Some(counts) = self.by_partition.get_mut(usize::from(partition.0)) {
            counts.changed = false;
        }
        Ok(())
    }

    fn add(&mut self, partition: Partition, name: &str, count: u64) {
        let id = match self.ids.get(name) {
            Some(&id) => id,
            None if self.names.len() < EVENT_NAMES => self.intern(name),
            None => self.ids.get(OTHER).copied().unwrap_or_else(|| self.intern(OTHER)),
        };
        self.recent[id] += count;
        if let Some(counts) = self.by_partition.get_mut(usize::from(partition.0)) {
            if counts.by_name.len() <= id {
                counts.by_name.resize(id + 1, 0);
            }
            counts.by_name[id] += count;
            counts.changed = true;
        }
    }

    fn intern(&mut self, name: &str) -> usize {
        let id = self.names.len();
        self.names.push(name.into());
        self.recent.push(0);
        self.ids.insert(name.into(), id);
        id
    }
}

pub(crate) fn note_name(partition: usize) -> String {
    format!("events/{partition}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_survive_as_notes() {
        let mut counts = EventCounts::new(4);
        for name in ["Viewed", "Viewed", "Added"] {
            counts.count(Partition(3), name);
        }
        let notes = counts.take_notes();
        assert_eq!(notes.len(), 1);
        assert_eq!(notes[0].0, "events/3");
        assert!(counts.take_notes().is_empty(), "nothing changed since");
        let mut restored = EventCounts::new(4);
        assert_eq!(restored.restore(Partition(3), &notes[0].1), Ok(()));
        assert!(restored.take_notes().is_empty(), "what was restored is stored already");
        let mut total = BTreeMap::new();
        restored.drain_into(&mut total);
        restored.drain_into(&mut total);
        assert_eq!(total, BTreeMap::from([("Added".to_owned(), 1), ("Viewed".to_owned(), 2)]));
    }

    #[test]
    fn names_beyond_the_limit_are_counted_together() {
        let mut counts = EventCounts::new(1);
        for n in 0..EVENT_NAMES + 5 {
            counts.count(Partition(0), &format!("e{n}"));
        }
        let mut total = BTreeMap::new();
        counts.drain_into(&mut total);
        assert_eq!(total.get(OTHER), Some(&5));
        assert_eq!(total.values().sum::<u64>(), EVENT_NAMES as u64 + 5);
    }
}
