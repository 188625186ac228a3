//! The engine's records driven directly, with the worker's part (linking) done in a few lines here.
use crate::encode::{Encoded, render, rule_set};
use crate::oracle::Rules;
use crate::oracle::event::Event;
use crate::oracle::session::{Reason, Session};
use crate::rng::Rng;
use crate::subject::{Brief, Change, Held, Look, Subject};
use sillage_engine::{EndReason, Plan, Record, StartReason};
use sillage_model::{
    EventTime, Map, PersonKey, Profile, ReceiptMillis, SegmentChange, SessionBrief, Transition,
};
use std::collections::{BTreeMap, BTreeSet};

/// How the records are treated between facts; none of it may show.
#[derive(Debug)]
pub enum Handling {
    /// They stay in memory and are advanced only when a wake is due.
    Gentle,
    /// They are written and read back at random, and advanced whether anything is due or not.
    Rough(Rng),
}

/// The engine without worker, log and store.
#[derive(Debug)]
pub struct Engine {
    plan: Plan,
    records: BTreeMap<String, Record>,
    known: BTreeSet<u64>,
    handling: Handling,
}

impl Engine {
    /// An engine with these settings and nobody in it.
    ///
    /// # Errors
    /// What the compiler says of the rules.
    pub fn new(rules: &Rules, handling: Handling) -> Result<Self, String> {
        let rule_set = rule_set(rules);
        let plan = Plan::compile(&rule_set).map_err(|found| {
            let said = found.iter().map(|d| {
                let source = rule_set.segments.iter().find(|s| s.key == d.segment);
                let when = source.map_or("", |s| s.when.as_str());
                let place = when.get(d.span.clone()).unwrap_or_default();
                format!("{}: {} ({}) at `{place}` in: {when}", d.segment, d.message, d.label)
            });
            said.collect::<Vec<_>>().join("\n")
        })?;
        Ok(Self { plan, records: BTreeMap::new(), known: BTreeSet::new(), handling })
    }

    /// What each person's facts made of them, byte for byte.
    #[must_use]
    pub fn fingerprints(&self) -> BTreeMap<String, Vec<u8>> {
        let bytes = |record: &Record| {
            let mut bytes = Vec::new();
            record.state_bytes(&mut bytes);
            bytes
        };
        self.records.iter().map(|(owner, record)| (owner.clone(), bytes(record))).collect()
    }

    fn record(&mut self, owner: &str) -> &mut Record {
        self.records.entry(owner.to_owned()).or_insert_with_key(blank)
    }

    /// The person to whom facts about `subject` go.
    fn owner(&self, subject: &str) -> String {
        let linked = self.records.get(subject).and_then(Record::linked_to);
        linked.map_or_else(|| subject.to_owned(), |person| person.as_str().to_owned())
    }

    fn link(&mut self, device: &str, person: &str, received: i64) -> Result<Vec<Change>, String> {
        let key = format!("a:{device}");
        let from = self.record(&key);
        if from.linked_to().is_some() {
            return Ok(Vec::new());
        }
        let exported = from.export();
        let person_key = PersonKey::parse(person).expect("links lead to user keys");
        let mut unreported = Vec::new();
        from.leave_tombstone(&person_key, &mut unreported);
        if !from.members().is_empty() {
            return Err(format!("the tombstone of {device} is still a member"));
        }
        let mut out = Vec::new();
        let record = self.records.entry(person.to_owned()).or_insert_with_key(blank);
        record
            .absorb(&self.plan, device, &exported, ReceiptMillis(received), &mut out)
            .map_err(|corrupt| corrupt.to_string())?;
        Ok(self.changes(person, &out))
    }

    fn changes(&self, owner: &str, transitions: &[Transition]) -> Vec<Change> {
        let change = |t: &Transition| Change {
            owner: owner.to_owned(),
            segment: self.plan.segments()[usize::from(t.segment.0)].key.to_string(),
            enters: t.change == SegmentChange::Enter,
            at: t.at.0,
        };
        transitions.iter().map(change).collect()
    }

    fn handle_roughly(&mut self, owner: &str) -> Result<(), String> {
        let Handling::Rough(rng) = &mut self.handling else { return Ok(()) };
        if rng.chance(30) {
            let record = self.records.entry(owner.to_owned()).or_insert_with_key(blank);
            let mut bytes = Vec::new();
            record.encode(&mut bytes);
            *record = Record::decode(&bytes).map_err(|corrupt| corrupt.to_string())?;
        }
        Ok(())
    }
}

impl Subject for Engine {
    fn deliver(&mut self, event: &Event) -> Result<Vec<Change>, String> {
        if !self.known.insert(event.message) {
            return Ok(Vec::new());
        }
        let encoded = Encoded::new(event);
        let owner = self.owner(encoded.subject());
        self.handle_roughly(&owner)?;
        let mut out = Vec::new();
        let record = self.records.entry(owner.clone()).or_insert_with_key(blank);
        record.step(&self.plan, &encoded.fact(&owner), &mut out);
        let mut changes = self.changes(&owner, &out);
        if let Some((device, person)) = event.link() {
            changes.extend(self.link(&device, &person, event.received)?);
        }
        Ok(changes)
    }

    fn advance(&mut self, now: i64) -> Vec<Change> {
        let mut changes = Vec::new();
        let owners: Vec<String> = self.records.keys().cloned().collect();
        let always = matches!(self.handling, Handling::Rough(_));
        for owner in owners {
            let record = self.records.entry(owner.clone()).or_insert_with_key(blank);
            if always || record.wake_at().is_some_and(|at| at <= now) {
                let mut out = Vec::new();
                record.advance(&self.plan, now, &mut out);
                assert!(record.wake_at().is_none_or(|at| at > now), "{owner} overslept {now}");
                changes.extend(self.changes(&owner, &out));
            }
        }
        changes
    }

    fn tells_changes(&self) -> bool {
        true
    }

    fn look(&self, now: i64) -> BTreeMap<String, Look> {
        let people = self.records.iter().filter(|(_, record)| record.linked_to().is_none());
        people
            .map(|(owner, record)| (owner.clone(), look(&self.plan, owner, record, now)))
            .collect()
    }
}

/// What a record looks like from outside.
#[allow(clippy::ptr_arg, reason = "what the map hands over")]
fn blank(owner: &String) -> Record {
    Record::of(&PersonKey::parse(owner).expect("owners are members"))
}

fn look(plan: &Plan, owner: &str, record: &Record, now: i64) -> Look {
    let member = PersonKey::parse(owner).expect("records lie under person keys");
    let profile = record.profile(plan, &member, now, 1);
    let sessions = record.sessions(plan).into_iter().map(session).collect();
    Look {
        held: Some(Held { count: record.session_count(), sessions }),
        ..look_of_profile(plan, &profile)
    }
}

/// What a published profile shows.
#[must_use]
pub fn look_of_profile(plan: &Plan, profile: &Profile) -> Look {
    let key = |index: u16| plan.segments()[usize::from(index)].key.to_string();
    let traits = Map::from_bytes(&profile.traits).iter();
    Look {
        segments: profile.segments.iter().map(|m| (key(m.segment.0), m.entered_at.0)).collect(),
        held_out: profile.held_out.iter().map(|m| (key(m.segment.0), m.entered_at.0)).collect(),
        engagement: profile.scores.first().copied().unwrap_or(f64::NAN),
        as_of: profile.as_of,
        latest: profile.session.as_ref().map(brief),
        devices: profile.devices.iter().map(ToString::to_string).collect(),
        traits: traits.map(|(key, value)| (key.to_owned(), render(value))).collect(),
        held: None,
    }
}

fn brief(brief: &SessionBrief) -> Brief {
    let EventTime(start) = brief.start;
    let EventTime(end) = brief.last;
    let engaged_ms = i64::try_from(brief.engaged_ms).expect("engaged times are short");
    Brief { start, end, events: brief.events, views: brief.pages, engaged_ms }
}

fn session(of: sillage_engine::Session) -> Session {
    let text = |text: &str| (!text.is_empty()).then(|| text.into());
    let session = Session {
        device: (*of.device).into(),
        start: of.start,
        end: of.end,
        start_reason: match of.start_reason {
            StartReason::First => Reason::Edge,
            StartReason::Idle => Reason::Idle,
            StartReason::Max => Reason::Max,
            StartReason::Campaign => Reason::Campaign,
        },
        end_reason: match of.end_reason {
            EndReason::Open => Reason::Edge,
            EndReason::Idle => Reason::Idle,
            EndReason::Max => Reason::Max,
            EndReason::Campaign => Reason::Campaign,
        },
        events: of.events,
        pages: of.pages,
        screens: of.screens,
        entry_page: text(&of.entry_page),
        exit_page: text(&of.exit_page),
        referrer: text(&of.referrer),
        campaign: text(&of.campaign),
        engaged_ms: i64::try_from(of.engaged_ms).expect("engaged times are short"),
        conversions: of.conversions,
        revenue_micros: of.revenue_micros.into(),
    };
    assert_eq!(session.bounced(), of.bounced, "{session:?}");
    session
}
