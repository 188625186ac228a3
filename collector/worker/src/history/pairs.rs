//! Who is in which segments together.
use super::Survey;
use crate::persons::Person;
use sillage_model::{PersonKey, SegmentIndex};

/// How the members of two segments lie to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Overlap {
    /// Members of both.
    pub both: u64,
    /// Members of the first alone.
    pub only_this: u64,
    /// Members of the second alone.
    pub only_that: u64,
}

impl Overlap {
    /// Members of both by members of either (Jaccard's index); `None` if neither has any.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a share, and persons are far below 2^53")]
    pub fn jaccard(&self) -> Option<f64> {
        let either = self.both + self.only_this + self.only_that;
        (either > 0).then(|| self.both as f64 / either as f64)
    }

    /// Pearson's correlation of the two memberships among `persons`: 1 if they are the same persons,
    /// 0 if one says nothing about the other, −1 if each is who the other is not. `None` if a
    /// segment holds nobody or everybody.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a ratio, and persons are far below 2^53")]
    pub fn phi(&self, persons: u64) -> Option<f64> {
        let Self { both, only_this, only_that } = *self;
        let neither = persons.checked_sub(both + only_this + only_that)? as f64;
        let (both, this, that) = (both as f64, only_this as f64, only_that as f64);
        let spread = (both + this) * (that + neither) * (both + that) * (this + neither);
        (spread > 0.0).then(|| (both * neither - this * that) / spread.sqrt())
    }
}

/// The overlaps of every two of some segments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pairs {
    /// How many segments there are.
    count: usize,
    /// How many members each two have in common; with itself, how many members a segment has.
    both: Vec<u64>,
}

impl Pairs {
    /// The overlap of the segments at two places.
    ///
    /// # Panics
    /// If there is no such place.
    #[must_use]
    pub fn overlap(&self, this: usize, that: usize) -> Overlap {
        let of = |a: usize, b: usize| self.both[a.min(b) * self.count + a.max(b)];
        let both = of(this, that);
        let (only_this, only_that) = (of(this, this) - both, of(that, that) - both);
        Overlap { both, only_this, only_that }
    }
}

/// A member that was chosen to be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sampled {
    /// Who.
    pub member: PersonKey,
    /// Since when, in milliseconds since the epoch.
    pub entered_at: i64,
}

impl Survey {
    /// Persons, and devices that belong to nobody.
    #[must_use]
    pub fn persons(&self) -> u64 {
        self.standing().count() as u64
    }

    /// Persons who would be in a segment, had they not been held out of it.
    ///
    /// # Cost
    /// A profile of everybody.
    #[must_use]
    pub fn held_out(&self, segment: SegmentIndex) -> u64 {
        let is_held_out = |person: &&Person| {
            let profile = person.record.profile(&self.folder.plan, &person.key, self.until, 0);
            profile.held_out.iter().any(|m| m.segment == segment)
        };
        self.standing().filter(is_held_out).count() as u64
    }

    /// How many persons are in no segment, in one, in two, and so on.
    #[must_use]
    pub fn by_memberships(&self) -> Vec<u64> {
        let mut persons = Vec::new();
        for person in self.standing() {
            let held = person.record.members().len();
            if persons.len() <= held {
                persons.resize(held + 1, 0);
            }
            persons[held] += 1;
        }
        persons
    }

    /// How the members of each segment, in the plan's order, lie to those of `this`.
    #[must_use]
    pub fn overlaps(&self, this: SegmentIndex) -> Vec<Overlap> {
        let mut overlaps = vec![Overlap::default(); self.traces.len()];
        let mut members = 0;
        for person in self.standing() {
            let is_in = person.record.members().iter().any(|m| m.segment == this);
            members += u64::from(is_in);
            for membership in person.record.members() {
                let overlap = &mut overlaps[usize::from(membership.segment.0)];
                overlap.both += u64::from(is_in);
                overlap.only_that += u64::from(!is_in);
            }
        }
        for overlap in &mut overlaps {
            overlap.only_this = members - overlap.both;
        }
        overlaps
    }

    /// The overlaps of every two of these segments, by their places in `of`.
    ///
    /// # Cost
    /// One number of 8 bytes for each two; for a person in m of them m²/2 steps.
    #[must_use]
    pub fn pairs(&self, of: &[SegmentIndex]) -> Pairs {
        let mut places = vec![None; self.traces.len()];
        for (place, segment) in of.iter().enumerate() {
            places[usize::from(segment.0)] = Some(place);
        }
        let count = of.len();
        let (mut both, mut held) = (vec![0; count * count], Vec::new());
        for person in self.standing() {
            held.clear();
            let members = person.record.members().iter();
            held.extend(members.filter_map(|m| places[usize::from(m.segment.0)]));
            for (index, &a) in held.iter().enumerate() {
                for &b in &held[index..] {
                    both[a.min(b) * count + a.max(b)] += 1;
                }
            }
        }
        Pairs { count, both }
    }

    /// Up to `count` members of a segment, the same ones each time, spread over all of them.
    #[must_use]
    pub fn sample(&self, segment: SegmentIndex, count: usize) -> Vec<Sampled> {
        let mut members: Vec<(u64, &Person, i64)> = Vec::new();
        for person in self.standing() {
            let found = person.record.members().iter().find(|m| m.segment == segment);
            if let Some(membership) = found {
                members.push((
                    sillage_engine::spread(person.key.as_str()),
                    person,
                    membership.entered_at.0,
                ));
            }
        }
        members.sort_unstable_by(|a, b| (a.0, &a.1.key).cmp(&(b.0, &b.1.key)));
        let sampled = |(_, person, entered_at): (u64, &Person, i64)| Sampled {
            member: person.key.clone(),
            entered_at,
        };
        members.into_iter().take(count).map(sampled).collect()
    }

    /// Everybody who is somebody of their own.
    fn standing(&self) -> impl Iterator<Item = &Person> {
        self.folder.persons.iter().filter(|person| person.record.linked_to().is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_correlations_are_those_of_the_textbook() {
        let same = Overlap { both: 10, only_this: 0, only_that: 0 };
        assert_eq!((same.jaccard(), same.phi(40)), (Some(1.0), Some(1.0)));
        let opposite = Overlap { both: 0, only_this: 10, only_that: 30 };
        assert_eq!((opposite.jaccard(), opposite.phi(40)), (Some(0.0), Some(-1.0)));
        let unrelated = Overlap { both: 5, only_this: 5, only_that: 15 };
        assert_eq!((unrelated.jaccard(), unrelated.phi(40)), (Some(0.2), Some(0.0)));
        let nobody = Overlap::default();
        assert_eq!((nobody.jaccard(), nobody.phi(40)), (None, None));
        assert_eq!(same.phi(10), None, "everybody is in it");
    }
}
