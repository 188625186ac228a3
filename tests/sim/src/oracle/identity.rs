//! Who owns each event, from the list of arrivals alone: first link of a device wins, and whatever
//! the device did before belongs to the person from then on.
use super::event::{Event, Kind};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// An event of a person, and whether it came too late to change sessions.
#[derive(Debug, Clone, Copy)]
pub struct Owned<'a> {
    /// The event.
    pub event: &'a Event,
    /// Whether, when it arrived, it was older than its person's lateness allows.
    pub late: bool,
}

/// Everything that arrived up to some point, sorted out by person.
#[derive(Debug, Default)]
pub struct People<'a> {
    /// Events by person key, in order of arrival. Linked devices have no entry of their own.
    pub events: BTreeMap<String, Vec<Owned<'a>>>,
    /// The person of each linked device.
    pub links: BTreeMap<Arc<str>, String>,
    /// The largest receipt time seen by each person.
    pub newest: BTreeMap<String, i64>,
}

impl<'a> People<'a> {
    /// Sorts out the arrivals, which are in the order in which they were logged.
    #[must_use]
    pub fn of(arrivals: impl Iterator<Item = &'a Event>, lateness_ms: i64) -> Self {
        let mut people = Self::default();
        let mut known = BTreeSet::new();
        for event in arrivals.filter(|e| known.insert(e.message)) {
            let owner = people.owner(&event.subject());
            let seen = people.newest.entry(owner.clone()).or_insert(i64::MIN);
            *seen = (*seen).max(event.received);
            let late = event.at < seen.saturating_sub(lateness_ms);
            let events = people.events.entry(owner).or_default();
            if event.kind != Kind::Alias {
                events.push(Owned { event, late });
            }
            if let Some((device, person)) = event.link() {
                people.link(&device, &person);
            }
        }
        people
    }

    /// The key under which what is about `subject` lies now.
    #[must_use]
    pub fn owner(&self, subject: &str) -> String {
        let linked = subject.strip_prefix("a:").and_then(|device| self.links.get(device));
        linked.cloned().unwrap_or_else(|| subject.to_owned())
    }

    /// The devices linked to a person.
    #[must_use]
    pub fn devices(&self, owner: &str) -> BTreeSet<Arc<str>> {
        let linked = self.links.iter().filter(|(_, person)| *person == owner);
        linked.map(|(device, _)| device.clone()).collect()
    }

    fn link(&mut self, device: &Arc<str>, person: &str) {
        if self.links.contains_key(device) {
            return;
        }
        self.links.insert(device.clone(), person.to_owned());
        let key = format!("a:{device}");
        let moved = self.events.remove(&key).unwrap_or_default();
        self.events.entry(person.to_owned()).or_default().extend(moved);
        let device_newest = self.newest.remove(&key).unwrap_or(i64::MIN);
        let person_newest = self.newest.entry(person.to_owned()).or_insert(i64::MIN);
        *person_newest = (*person_newest).max(device_newest);
    }
}
