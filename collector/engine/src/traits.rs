//! What is known about a person by name: traits, and the groups the person belongs to.
//!
//! A trait is what the latest event said, by its time and not by its arrival. Setting one to null
//! removes it; the stamp stays, so that an older event arriving later does not bring it back.
use crate::limits::{GROUPS_MAX, TRAITS_MAX};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sillage_model::{Corrupt, Map, MapWriter, Value};

/// The traits of a person.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Traits {
    /// Sorted by name.
    stamps: Vec<Stamp>,
    /// The values, in the same order, as a map body that can be handed out as it is.
    #[serde(serialize_with = "write_body", deserialize_with = "read_body")]
    body: Arc<[u8]>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    name: Box<str>,
    at: i64,
    tie: u64,
}

/// A value that wants to become a trait.
#[derive(Debug, Clone, Copy)]
struct Claim<'a> {
    name: &'a str,
    at: i64,
    tie: u64,
    value: Value<'a>,
}

impl Claim<'_> {
    /// Whether this claim stands against `other` about the same name. Equal stamps are settled by
    /// the values' bytes: any rule will do that does not look at the order of arrival.
    fn beats(&self, other: &Self) -> bool {
        let key = |claim: &Self| (claim.at, claim.tie);
        key(self)
            .cmp(&key(other))
            .then_with(|| bytes_of(self.value).cmp(&bytes_of(other.value)))
            .is_gt()
    }
}

fn bytes_of(value: Value<'_>) -> Vec<u8> {
    MapWriter::new().with("", value).into_bytes()
}

impl Traits {
    /// The values as a map.
    pub(crate) fn map(&self) -> Map<'_> {
        Map::from_bytes(&self.body)
    }

    /// The values as a map body to share.
    pub(crate) fn body(&self) -> &Arc<[u8]> {
        &self.body
    }

    /// Takes what an event at (`at`, `tie`) says about the person.
    pub(crate) fn fold(&mut self, at: i64, tie: u64, said: Map<'_>) {
        let mut claims: Vec<Claim<'_>> =
            said.iter().map(|(name, value)| Claim { name, at, tie, value }).collect();
        // The first of two equal names wins, as everywhere in a map; the sort is stable.
        claims.sort_by_key(|claim| claim.name);
        claims.dedup_by_key(|claim| claim.name);
        *self = Self::settle(&self.claims(), &claims);
    }

    /// Unites what is known from two sides.
    pub(crate) fn merge(&mut self, other: &Self) {
        *self = Self::settle(&self.claims(), &other.claims());
    }

    fn claims(&self) -> Vec<Claim<'_>> {
        let mut values = self.map().iter().peekable();
        let mut claims = Vec::with_capacity(self.stamps.len());
        for Stamp { name, at, tie } in &self.stamps {
            let value = values.next_if(|(key, _)| *key == &**name).map_or(Value::Null, |(_, v)| v);
            claims.push(Claim { name, at: *at, tie: *tie, value });
        }
        claims
    }

    fn settle(ours: &[Claim<'_>], theirs: &[Claim<'_>]) -> Self {
        let mut writer = MapWriter::new();
        let mut stamps = Vec::with_capacity(ours.len().max(theirs.len()));
        let (mut ours, mut theirs) = (ours.iter().peekable(), theirs.iter().peekable());
        while stamps.len() < TRAITS_MAX {
            let claim = match (ours.peek(), theirs.peek()) {
                (None, None) => break,
                (Some(_), None) => ours.next(),
                (None, Some(_)) => theirs.next(),
                (Some(a), Some(b)) if a.name < b.name => ours.next(),
                (Some(a), Some(b)) if a.name > b.name => theirs.next(),
                (Some(_), Some(_)) => {
                    let (a, b) = (ours.next(), theirs.next());
                    if b.zip(a).is_some_and(|(b, a)| b.beats(a)) { b } else { a }
                }
            };
            let Some(Claim { name, at, tie, value }) = claim.copied() else { break };
            stamps.push(Stamp { name: name.into(), at, tie });
            if value != Value::Null {
                writer.push(name, value);
            }
        }
        Self { stamps, body: writer.into_bytes().into() }
    }

    /// Checks what reading in place relies on.
    pub(crate) fn check(&self) -> Result<(), Corrupt> {
        self.map().check()?;
        if self.stamps.is_sorted_by(|a, b| a.name < b.name) {
            Ok(())
        } else {
            Err(Corrupt("traits are out of order"))
        }
    }
}

fn write_body<S: Serializer>(body: &Arc<[u8]>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(body)
}

fn read_body<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<[u8]>, D::Error> {
    Vec::<u8>::deserialize(deserializer).map(Into::into)
}

/// Adds a group, keeping the list sorted and bounded whatever the order in which groups come.
pub(crate) fn join_group(groups: &mut Vec<Box<str>>, group: &str) {
    if let Err(index) = groups.binary_search_by(|known| (**known).cmp(group)) {
        groups.insert(index, group.into());
        groups.truncate(GROUPS_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn said(pairs: &[(&str, Value<'_>)]) -> Vec<u8> {
        let mut writer = MapWriter::new();
        pairs.iter().for_each(|(key, value)| writer.push(key, *value));
        writer.into_bytes()
    }

    #[test]
    fn the_latest_event_wins_not_the_latest_arrival() {
        let mut traits = Traits::default();
        traits.fold(20, 1, Map::from_bytes(&said(&[("plan", Value::Str("pro"))])));
        traits.fold(
            10,
            1,
            Map::from_bytes(&said(&[("plan", Value::Str("free")), ("age", Value::Int(7))])),
        );
        assert_eq!(traits.map().get("plan"), Some(Value::Str("pro")));
        assert_eq!(traits.map().get("age"), Some(Value::Int(7)));
    }

    #[test]
    fn null_removes_and_stays_removed() {
        let mut traits = Traits::default();
        traits.fold(10, 1, Map::from_bytes(&said(&[("plan", Value::Str("pro"))])));
        traits.fold(30, 1, Map::from_bytes(&said(&[("plan", Value::Null)])));
        traits.fold(20, 1, Map::from_bytes(&said(&[("plan", Value::Str("late"))])));
        assert_eq!(traits.map().get("plan"), None);
        traits.fold(40, 1, Map::from_bytes(&said(&[("plan", Value::Str("new"))])));
        assert_eq!(traits.map().get("plan"), Some(Value::Str("new")));
    }

    proptest! {
        #[test]
        fn traits_do_not_depend_on_the_order_of_arrival(
            facts in prop::collection::vec((0..5_i64, 0..3_u64, 0..4_u8, prop::option::of(0..3_i64)), 1..12),
            split in 0..12_usize,
        ) {
            let all: Vec<(i64, u64, Vec<u8>)> = facts.iter().map(|(at, tie, key, value)| {
                let value = value.map_or(Value::Null, Value::Int);
                (*at, *tie, said(&[(["a", "b", "c", "d"][usize::from(*key)], value)]))
            }).collect();
            let fold = |facts: &mut dyn Iterator<Item = &(i64, u64, Vec<u8>)>| {
                let mut traits = Traits::default();
                facts.for_each(|(at, tie, said)| traits.fold(*at, *tie, Map::from_bytes(said)));
                traits
            };
            let forward = fold(&mut all.iter());
            let backward = fold(&mut all.iter().rev());
            let (head, tail) = all.split_at(split.min(all.len()));
            let mut merged = fold(&mut tail.iter());
            merged.merge(&fold(&mut head.iter()));
            for other in [backward, merged] {
                prop_assert_eq!(&forward.stamps, &other.stamps);
                prop_assert_eq!(&forward.body, &other.body);
            }
        }
    }
}
