//! Which server of a cluster has which of the 16 384 slots.
use super::address::Host;
use crate::keys::CLUSTER_SLOTS;
use redis::{RedisError, Value};
use std::ops::RangeInclusive;

/// The owner of each slot, as the number of a server.
pub(super) struct Slots(Vec<Option<usize>>);

impl Slots {
    pub(super) fn none() -> Self {
        Self(vec![None; usize::from(CLUSTER_SLOTS)])
    }

    pub(super) fn owner(&self, slot: u16) -> Option<usize> {
        self.0.get(usize::from(slot)).copied().flatten()
    }

    /// All servers that have slots, each once, in the order of their numbers.
    pub(super) fn owners(&self) -> Vec<usize> {
        let mut owners: Vec<usize> = self.0.iter().flatten().copied().collect();
        owners.sort_unstable();
        owners.dedup();
        owners
    }

    pub(super) fn give(&mut self, slots: RangeInclusive<u16>, owner: usize) {
        for slot in slots {
            if let Some(place) = self.0.get_mut(usize::from(slot)) {
                *place = Some(owner);
            }
        }
    }

    /// Takes over what `MOVED <slot> <host>` says.
    pub(super) fn moved(&mut self, error: &RedisError, owner: usize) {
        let slot = error.detail().and_then(|detail| detail.split(' ').next()?.parse().ok());
        if let Some(slot) = slot {
            self.give(slot..=slot, owner);
        }
    }

    /// Reads the answer to `CLUSTER SLOTS`; parts that cannot be understood are left out. A server
    /// without a name is the one that answered, `from`.
    pub(super) fn parse(told: Value, from: &str) -> Vec<(RangeInclusive<u16>, Host)> {
        let Value::Array(ranges) = told else { return Vec::new() };
        ranges.into_iter().filter_map(|range| Self::range(range, from)).collect()
    }

    fn range(range: Value, from: &str) -> Option<(RangeInclusive<u16>, Host)> {
        let Value::Array(parts) = range else { return None };
        let mut parts = parts.into_iter();
        let first = number(parts.next()?)?;
        let last = number(parts.next()?)?;
        let Value::Array(primary) = parts.next()? else { return None };
        let mut primary = primary.into_iter();
        let name = redis::from_redis_value::<Option<String>>(primary.next()?).ok()?;
        let port = number(primary.next()?)?;
        let name = name.filter(|name| !name.is_empty() && name != "?");
        Some((first..=last, Host { name: name.unwrap_or_else(|| from.to_owned()), port }))
    }
}

/// Read wide first: the client's own conversion cuts a number that is too big.
fn number(value: Value) -> Option<u16> {
    u16::try_from(redis::from_redis_value::<i64>(value).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::BulkString(text.into())
    }

    #[test]
    fn the_answer_of_a_cluster_is_read() {
        let server = |name: Value, port| Value::Array(vec![name, Value::Int(port), text("id")]);
        let range = |first, last, primary| {
            let replica = server(text("replica"), 9);
            Value::Array(vec![Value::Int(first), Value::Int(last), primary, replica])
        };
        let told = Value::Array(vec![
            range(0, 99, server(text("a"), 1)),
            range(100, 199, server(Value::Nil, 2)),
            Value::Nil,
            range(200, 70_000, server(text("b"), 3)),
        ]);
        let read = Slots::parse(told, "here");
        let host = |name: &str, port| Host { name: name.to_owned(), port };
        assert_eq!(read, [(0..=99, host("a", 1)), (100..=199, host("here", 2))]);
    }

    #[test]
    fn a_slot_has_the_owner_that_was_given_last() {
        let mut slots = Slots::none();
        slots.give(0..=CLUSTER_SLOTS - 1, 4);
        slots.give(7..=9, 2);
        assert_eq!(
            (slots.owner(6), slots.owner(7), slots.owner(CLUSTER_SLOTS)),
            (Some(4), Some(2), None)
        );
        assert_eq!(slots.owners(), [2, 4]);
    }
}
