//! Facts from the near future, waiting until the record's clock reaches them.
use crate::atom::tie_of;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use sillage_model::{Corrupt, Fact, SharedContexts, SharedContextsWriter};

/// One such fact, in its own encoding. Ordered by time, tie and content.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Pending {
    pub(crate) at: i64,
    tie: u64,
    fact: Vec<u8>,
    contexts: Vec<u8>,
}

impl Pending {
    pub(crate) fn of(fact: &Fact<'_>) -> Self {
        let mut contexts = SharedContextsWriter::default();
        let context = contexts.add(|out| out.extend_from_slice(fact.context.as_bytes()));
        let mut bytes = Vec::new();
        // The subject is whoever holds the record; without it the same fact is the same bytes.
        Fact { subject: "", ..*fact }.encode(context, &mut bytes);
        let contexts = contexts.as_bytes().to_vec();
        Self { at: fact.at.0, tie: tie_of(fact), fact: bytes, contexts }
    }

    pub(crate) fn fact(&self) -> Result<Fact<'_>, Corrupt> {
        Fact::decode(SharedContexts::from_bytes(&self.contexts), &self.fact)
    }

    /// Checks that the fact can be read.
    pub(crate) fn check(&self) -> Result<(), Corrupt> {
        let fact = self.fact()?;
        fact.props.check()?;
        fact.context.check()?;
        if fact.at.0 == self.at { Ok(()) } else { Err(Corrupt("a waiting fact has two times")) }
    }
}

/// Adds a fact to those waiting, in its place.
pub(crate) fn wait(queue: &mut Vec<Pending>, fact: Pending) {
    let index = queue.partition_point(|other| *other <= fact);
    queue.insert(index, fact);
}

/// Takes those out that wait for `clock` or an earlier moment, earliest first.
pub(crate) fn due(queue: &mut Vec<Pending>, clock: i64) -> Vec<Pending> {
    let count = queue.partition_point(|fact| fact.at <= clock);
    queue.drain(..count).collect()
}
