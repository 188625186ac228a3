//! How somebody stands in a view at a moment: enough to tell later whether anything has changed.
use super::{Entry, View};
use sillage_model::Profile;
use std::sync::Arc;

/// What a view had of one id, and whether a Redis writer was still to be given some of it.
#[derive(Debug)]
pub(crate) struct Standing {
    /// What was known under the id itself.
    own: Option<Entry>,
    /// The person that a linked device resolves to.
    person: Option<Arc<Profile>>,
    marked: bool,
}

impl Standing {
    /// Whether something of it waits to be written, or to be published.
    pub(crate) fn is_marked(&self) -> bool {
        self.marked
    }

    /// Whether nothing was published between the two. Profiles are compared by place: while this
    /// holds them, no other can be where they are.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let own = match (&self.own, &other.own) {
            (None, None) => true,
            (Some(Entry::Person(a)), Some(Entry::Person(b))) => Arc::ptr_eq(a, b),
            (Some(Entry::Linked(a)), Some(Entry::Linked(b))) => Arc::ptr_eq(a, b),
            (None | Some(_), None | Some(_)) => false,
        };
        let person = match (&self.person, &other.person) {
            (None, None) => true,
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None | Some(_), None | Some(_)) => false,
        };
        own && person
    }
}

impl View {
    /// How this member stands now.
    pub(crate) fn standing(&self, member: &str) -> Standing {
        let (own, marked) = self.look(member);
        match &own {
            Some(Entry::Linked(link)) => {
                let (person, person_marked) = self.look(link.person.as_str());
                let person = match person {
                    Some(Entry::Person(profile)) => Some(profile),
                    Some(Entry::Linked(_)) | None => None,
                };
                // The link is there a moment before the person's profile tells of it.
                let told = |profile: &Arc<Profile>| {
                    profile.devices.iter().any(|device| **device == *link.device.id())
                };
                let is_told = person.as_ref().is_some_and(told);
                let marked = marked || person_marked || !is_told;
                Standing { own, person, marked }
            }
            Some(Entry::Person(_)) | None => Standing { own, person: None, marked },
        }
    }

    fn look(&self, member: &str) -> (Option<Entry>, bool) {
        let (shard, hash) = self.place(member);
        let shard = self.shards[shard].read();
        (shard.entry(hash, member).cloned(), shard.is_marked(hash, member))
    }
}
