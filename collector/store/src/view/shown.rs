//! Which view is shown now, and how another takes its place at one instant.
use super::changes::Told;
use super::shard::Entry;
use super::{Shard, View};
use crate::limits::TABLE_SHARDS;
use parking_lot::RwLock;
use sillage_model::{Membership, Profile, SegmentChange};
use std::sync::Arc;

/// The view that readers are given. Take it once for each answer: then the answer is of one set of
/// rules, whatever happens meanwhile.
pub struct Shown {
    view: RwLock<Arc<View>>,
}

impl Shown {
    /// Shows this view.
    #[must_use]
    pub fn new(view: Arc<View>) -> Arc<Self> {
        Arc::new(Self { view: RwLock::new(view) })
    }

    /// The view that is shown now. It stays whole while somebody holds it.
    #[must_use]
    pub fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.read())
    }

    /// Shows `next`, which was made with [`View::beside`] and filled, from now on. Gives how many
    /// changes were told.
    ///
    /// What differs between the two goes to the change stream: an entry with the time that the new
    /// view knows, an exit with `now_ms`. Who is a member in both is not told of, even if the time
    /// of entry differs.
    ///
    /// *Guarantees*: nobody must publish to either view meanwhile. A scan over all keys that began
    /// before goes on: who is known to both views keeps the place.
    ///
    /// # Cost
    /// Two look-ups a person, and the memory of what differs.
    pub fn swap(&self, next: &Arc<View>, now_ms: i64) -> u64 {
        let before = self.view();
        let mut told = Vec::new();
        for index in 0..TABLE_SHARDS {
            next.follow(&before, index, now_ms, &mut told);
        }
        let count = told.len() as u64;
        *self.view.write() = Arc::clone(next);
        next.changes.tell(told.into_iter(), now_ms);
        next.dirty.wake();
        count
    }
}

impl View {
    /// Takes over one shard's order and what Redis is still to be told, and tells what differs.
    fn follow(&self, before: &Self, index: usize, now_ms: i64, told: &mut Vec<Told>) {
        let old = before.shards[index].read();
        let mut new = self.shards[index].write();
        new.order_as(&old, |member| self.hash_of(member));
        for profile in old.profiles() {
            let member = profile.member.as_str();
            let after = match new.entry(self.hash_of(member), member) {
                Some(Entry::Person(after)) => Some(Arc::clone(after)),
                // Nobody left anything: the person has what the device had.
                Some(Entry::Linked(_)) => continue,
                None => None,
            };
            let from = told.len();
            self.tell_difference(before, (Some(&profile), after.as_deref()), now_ms, told);
            if self.dirty.is_on() {
                let exits = told[from..].iter().filter(|t| t.change == SegmentChange::Exit);
                let exits = exits.map(|t| (Arc::clone(&t.segment), t.at)).collect();
                self.owe(&mut new, member, exits, now_ms);
            }
        }
        for profile in new.profiles() {
            let member = profile.member.as_str();
            if old.entry(self.hash_of(member), member).is_none() {
                self.tell_difference(before, (None, Some(&profile)), now_ms, told);
            }
        }
        for (member, exits) in old.owed() {
            self.owe(&mut new, member, exits.clone(), now_ms);
        }
    }

    /// Notes exits that Redis has not been told of.
    fn owe(&self, shard: &mut Shard, member: &str, exits: Vec<(Arc<str>, i64)>, now_ms: i64) {
        if !exits.is_empty() {
            let newly = shard.put_back(self.hash_of(member), member, exits, now_ms);
            self.dirty.marked(newly);
        }
    }

    fn tell_difference(
        &self,
        before: &Self,
        (old, new): (Option<&Profile>, Option<&Profile>),
        now_ms: i64,
        told: &mut Vec<Told>,
    ) {
        let was = old.map_or(&[][..], |profile| &profile.segments);
        let is = new.map_or(&[][..], |profile| &profile.segments);
        let Some(shown) = new.or(old) else { return };
        let mut tell = |segment: &Arc<str>, change, at| {
            let member = shown.member.as_str().into();
            let segment = Arc::clone(segment);
            told.push(Told { member, segment, change, at, version: shown.version });
        };
        for key in was.iter().filter_map(|m| before.labels.segment_key(m.segment)) {
            if !is.iter().any(|m| self.is_called(m, key)) {
                tell(key, SegmentChange::Exit, now_ms);
            }
        }
        for membership in is {
            let Some(key) = self.labels.segment_key(membership.segment) else { continue };
            if !was.iter().any(|m| before.is_called(m, key)) {
                tell(key, SegmentChange::Enter, membership.entered_at.0);
            }
        }
    }

    fn is_called(&self, membership: &Membership, key: &str) -> bool {
        self.labels.segment_key(membership.segment).is_some_and(|known| **known == *key)
    }
}
