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
    messages: BTreeSet<u64>,
}

impl<'a> People<'a> {
    /// Sorts out the arrivals, which are in the order in which they were logged.
    #[must_use]
    pub fn of(arrivals: impl Iterator<Item = &'a Event>, lateness_ms: i64) -> Self {
        let mut people = Self::default();
        for event in arrivals {
            if people.is_new(event) {
                people.take(event, lateness_ms);
                people.unite(event);
            }
        }
        people
    }

    /// Whether this is the first arrival of the event.
    pub fn is_new(&mut self, event: &Event) -> bool {
        self.messages.insert(event.message)
    }

    /// Gives the event to whom it is about.
    pub fn take(&mut self, event: &'a Event, lateness_ms: i64) {
        let owner = self.owner(&event.subject());
        let seen = self.newest.entry(owner.clone()).or_insert(i64::MIN);
        *seen = (*seen).max(event.received);
        let late = event.at < seen.saturating_sub(lateness_ms);
        let events = self.events.entry(owner).or_default();
        if event.kind != Kind::Alias {
            events.push(Owned { event, late });
        }
    }

    /// The link that the event makes, unless the device has one already.
    #[must_use]
    pub fn new_link(&self, event: &Event) -> Option<(Arc<str>, String)> {
        event.link().filter(|(device, _)| !self.links.contains_key(device))
    }

    /// Follows the link of an event: what was the device's is the person's from now on.
    pub fn unite(&mut self, event: &Event) {
        let Some((device, person)) = self.new_link(event) else { return };
        self.links.insert(device.clone(), person.clone());
        let key = format!("a:{device}");
        let moved = self.events.remove(&key).unwrap_or_default();
        self.events.entry(person.clone()).or_default().extend(moved);
        let device_newest = self.newest.remove(&key).unwrap_or(i64::MIN);
        let person_newest = self.newest.entry(person).or_insert(i64::MIN);
        *person_newest = (*person_newest).max(device_newest);
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
}
