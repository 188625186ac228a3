//! What the facts about a person come to. Nothing else ever changes it: no timer, no question.
//!
//! # Guarantees
//! The same facts give the same bytes whatever the order in which they came, as long as none is
//! older than the lateness window when it comes, and whether they came to one person from the start
//! or to devices that were united later.
use crate::atom::{Atom, tie_of, view_of};
use crate::device::Device;
use crate::limits::{AMOUNT_ABS_MAX, DEVICES_MAX, PENDING_MAX, SEAL_STEP_MS, is_sane};
use crate::pending::{self, Pending};
use crate::plan::Plan;
use crate::score::{Horizons, Score, Worth};
use crate::segment::{Features, FoldEvent, Touched};
use crate::traits::{Traits, join_group};
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sillage_model::{Corrupt, EventTime, Fact, FactKind, PersonKey};

/// One person's state.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct State {
    /// The latest receipt seen: the person's clock.
    pub(crate) receipt_max: i64,
    /// How many activity facts were folded.
    pub(crate) events: u64,
    /// Time of the earliest fact folded.
    pub(crate) first_seen: i64,
    /// Time of the latest fact folded.
    pub(crate) last_seen: i64,
    /// Sorted by id.
    pub(crate) devices: Vec<Device>,
    pub(crate) score: Score,
    pub(crate) features: Features,
    pub(crate) traits: Option<Box<Traits>>,
    /// What most persons have none of; absent while all of it is empty.
    rare: Option<Box<Rare>>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Rare {
    groups: Vec<Box<str>>,
    pending: Vec<Pending>,
    /// Devices whose history was taken in, with the time of that; in that order.
    absorbed: Vec<(i64, Box<str>)>,
    #[serde(serialize_with = "write_key", deserialize_with = "read_key")]
    linked_to: Option<PersonKey>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            receipt_max: i64::MIN,
            events: 0,
            first_seen: i64::MAX,
            last_seen: i64::MIN,
            devices: Vec::new(),
            score: Score::default(),
            features: Features::default(),
            traits: None,
            rare: None,
        }
    }
}

impl State {
    /// The state that is left of a device which belongs to a person now.
    pub(crate) fn tombstone(person: &PersonKey) -> Self {
        let rare = Rare { linked_to: Some(person.clone()), ..Rare::default() };
        Self { rare: Some(Box::new(rare)), ..Self::default() }
    }

    /// Lets the clock reach `clock`, then takes a fact in, or lets it wait if it lies after that.
    pub(crate) fn receive(
        &mut self,
        plan: &Plan,
        fact: &Fact<'_>,
        clock: i64,
        touched: &mut Touched,
    ) {
        self.ripen(plan, clock, touched);
        let waiting = self.pending().len();
        if fact.at.0 <= clock {
            self.fold(plan, fact, touched);
        } else if waiting < PENDING_MAX {
            pending::wait(&mut self.rare.get_or_insert_default().pending, Pending::of(fact));
        } else {
            // Nothing folded may lie in the future, so it happens now.
            self.fold(plan, &Fact { at: EventTime(clock), ..*fact }, touched);
        }
    }

    /// Lets the person's clock reach `clock`: folds the facts waiting for it, each at its own time.
    pub(crate) fn ripen(&mut self, plan: &Plan, clock: i64, touched: &mut Touched) {
        if let Some(rare) = &mut self.rare {
            let due = pending::due(&mut rare.pending, clock);
            for waited in &due {
                self.set_clock(plan, self.receipt_max.max(waited.at));
                let fact = waited.fact().expect("checked when it was made or read");
                self.fold(plan, &fact, touched);
            }
            self.tidy();
        }
        self.set_clock(plan, self.receipt_max.max(clock));
    }

    /// The state with the waiting facts up to `now` folded, for looking at. Marks what those after
    /// `since` touch.
    pub(crate) fn as_of(
        &self,
        plan: &Plan,
        now: i64,
        since: i64,
        touched: &mut Touched,
    ) -> Cow<'_, Self> {
        let mut due = self.pending().iter().take_while(|waited| waited.at <= now).peekable();
        if due.peek().is_none() {
            return Cow::Borrowed(self);
        }
        let mut state = self.clone();
        let mut ignored = Touched::default();
        for waited in due {
            state.set_clock(plan, state.receipt_max.max(waited.at));
            let fact = waited.fact().expect("checked when it was made or read");
            let touched = if waited.at > since { &mut *touched } else { &mut ignored };
            state.fold(plan, &fact, touched);
        }
        Cow::Owned(state)
    }

    fn fold(&mut self, plan: &Plan, fact: &Fact<'_>, touched: &mut Touched) {
        match fact.kind {
            FactKind::Track | FactKind::Page | FactKind::Screen => {
                self.fold_activity(plan, fact, touched);
            }
            FactKind::Identify => {
                self.traits.get_or_insert_default().fold(fact.at.0, tie_of(fact), fact.props);
                plan.rules.touch_traits(touched);
                self.fold_features(plan, fact, touched);
            }
            FactKind::Group => {
                join_group(&mut self.rare.get_or_insert_default().groups, fact.name);
                self.tidy();
                self.fold_features(plan, fact, touched);
            }
            // These move histories between persons, which the record sees to, or are about nobody.
            FactKind::Linked | FactKind::Absorb | FactKind::Report => return,
        }
        self.first_seen = self.first_seen.min(fact.at.0);
        self.last_seen = self.last_seen.max(fact.at.0);
    }

    fn fold_activity(&mut self, plan: &Plan, fact: &Fact<'_>, touched: &mut Touched) {
        self.events = self.events.saturating_add(1);
        let tie = tie_of(fact);
        let uses = plan.use_of(fact.name);
        let view = if uses.is_engagement { view_of(fact) } else { None };
        if self.shapes_sessions(plan, fact) {
            let atom = Atom::of(fact, tie, view, uses);
            if self.device(fact.device).fold(&plan.session, &atom) {
                plan.rules.touch_session(touched);
            }
        }
        let horizons = self.horizons(plan);
        let mut is_scored = false;
        for (weight, planned) in plan.weights(uses) {
            let factor = match &planned.property {
                None => 1.0,
                Some(path) => match fact.props.get_path(path).and_then(|v| v.as_number()) {
                    Some(factor) => factor,
                    None => continue,
                },
            };
            let amount = (planned.weight * factor).clamp(-AMOUNT_ABS_MAX, AMOUNT_ABS_MAX);
            let worth = Worth { weight, amount, cap: planned.cap, at: fact.at.0, tie };
            self.score.add(&plan.engagement, horizons, worth);
            is_scored = true;
        }
        if let Some(view) = view.filter(|_| plan.engagement.engaged_second != 0.0) {
            self.score.engage(&plan.engagement, horizons, fact.at.0, view);
            is_scored = true;
        }
        if is_scored {
            plan.rules.touch_score(plan.only_raises_scores(), touched);
        }
        self.fold_features(plan, fact, touched);
    }

    /// Whether a fact comes in time to shape a session.
    fn shapes_sessions(&self, plan: &Plan, fact: &Fact<'_>) -> bool {
        let limit = self.receipt_max.saturating_sub(plan.session.lateness_ms);
        fact.kind.is_activity() && fact.at.0 >= limit
    }

    /// Takes what rules ask of a fact.
    fn fold_features(&mut self, plan: &Plan, fact: &Fact<'_>, touched: &mut Touched) {
        let event = FoldEvent {
            name: fact.name,
            is_activity: fact.kind.is_activity(),
            at: fact.at.0,
            tie: tie_of(fact),
            props: fact.props,
            context: fact.context,
            device: fact.device,
            shapes_sessions: self.shapes_sessions(plan, fact),
        };
        plan.rules.fold(&mut self.features, &event, self.receipt_max, touched);
    }

    fn device(&mut self, id: &str) -> &mut Device {
        let find = |devices: &[Device], id: &str| devices.binary_search_by(|d| (*d.id).cmp(id));
        let (id, found) = match find(&self.devices, id) {
            Err(_) if self.devices.len() >= DEVICES_MAX => ("", find(&self.devices, "")),
            found => (id, found),
        };
        let index = found.unwrap_or_else(|index| {
            if self.devices.len() == self.devices.capacity() {
                self.devices.reserve_exact(1 + self.devices.len() / 2);
            }
            self.devices.insert(index, Device::new(id));
            index
        });
        &mut self.devices[index]
    }

    fn horizons(&self, plan: &Plan) -> Horizons {
        Horizons { receipt_max: self.receipt_max, sealed: sealed(plan, self.receipt_max) }
    }

    /// Moves the clock and lets go of what can no longer change.
    fn set_clock(&mut self, plan: &Plan, receipt_max: i64) {
        if receipt_max == self.receipt_max {
            return;
        }
        let before = self.horizons(plan);
        self.receipt_max = receipt_max;
        let after = self.horizons(plan);
        let half_life_ms = plan.engagement.half_life_ms;
        let bucket = |horizons: Horizons| horizons.receipt_max.div_euclid(half_life_ms);
        if before.sealed != after.sealed || bucket(before) != bucket(after) {
            self.score.seal(&plan.engagement, after);
        }
        plan.rules.prune(&mut self.features, receipt_max);
        if before.sealed != after.sealed {
            self.devices.iter_mut().for_each(|device| device.seal(&plan.session, after.sealed));
        }
    }

    /// Unites two histories. Both clocks must have reached the same moment.
    pub(crate) fn merge(&mut self, plan: &Plan, other: &Self) {
        let horizons = self.horizons(plan);
        self.events = self.events.saturating_add(other.events);
        self.first_seen = self.first_seen.min(other.first_seen);
        self.last_seen = self.last_seen.max(other.last_seen);
        for device in &other.devices {
            self.device(&device.id).merge(&plan.session, device);
        }
        self.score.merge(&plan.engagement, horizons, &other.score, |weight| plan.cap(weight));
        plan.rules.merge(&mut self.features, &other.features, self.receipt_max);
        if let Some(theirs) = &other.traits {
            self.traits.get_or_insert_default().merge(theirs);
        }
        if let Some(theirs) = &other.rare {
            let rare = self.rare.get_or_insert_default();
            theirs.groups.iter().for_each(|group| join_group(&mut rare.groups, group));
            theirs.pending.iter().for_each(|fact| pending::wait(&mut rare.pending, fact.clone()));
            for (at, device) in &theirs.absorbed {
                rare.note_absorbed(*at, device);
            }
        }
        self.tidy();
    }

    pub(crate) fn note_absorbed(&mut self, at: i64, device: &str) {
        self.rare.get_or_insert_default().note_absorbed(at, device);
    }

    pub(crate) fn has_absorbed(&self, device: &str) -> bool {
        self.absorbed().any(|known| &**known == device)
    }

    /// The devices whose history was taken in, oldest first.
    pub(crate) fn absorbed(&self) -> impl Iterator<Item = &Box<str>> {
        self.rare.iter().flat_map(|rare| &rare.absorbed).map(|(_, device)| device)
    }

    pub(crate) fn pending(&self) -> &[Pending] {
        self.rare.as_ref().map_or(&[], |rare| &rare.pending)
    }

    pub(crate) fn groups(&self) -> &[Box<str>] {
        self.rare.as_ref().map_or(&[], |rare| &rare.groups)
    }

    pub(crate) fn linked_to(&self) -> Option<&PersonKey> {
        self.rare.as_ref()?.linked_to.as_ref()
    }

    /// The device with the latest session.
    pub(crate) fn latest_device(&self) -> Option<&Device> {
        let recency = |device: &&Device| device.latest().map(|run| (run.last, run.start));
        self.devices.iter().filter(|device| device.latest().is_some()).max_by_key(recency)
    }

    /// How many sessions had an event after an instant, and when the first of them ended.
    pub(crate) fn sessions_after(&self, after: i64) -> (u64, Option<i64>) {
        if after == i64::MIN {
            return (self.devices.iter().map(Device::session_count).sum(), None);
        }
        let ends = self.devices.iter().flat_map(Device::ends).filter(|end| *end > after);
        ends.fold((0, None), |(count, first), end| {
            (count + 1, Some(first.map_or(end, |first: i64| first.min(end))))
        })
    }

    fn tidy(&mut self) {
        if self.rare.as_ref().is_some_and(|rare| **rare == Rare::default()) {
            self.rare = None;
        }
    }

    /// Checks what reading in place relies on.
    pub(crate) fn check(&self) -> Result<(), Corrupt> {
        let seen = [self.receipt_max, self.first_seen, self.last_seen];
        let is_blank = |at: &i64| *at == i64::MIN || *at == i64::MAX;
        let counts = i64::try_from(self.events).is_ok_and(is_sane);
        if !counts || !seen.iter().all(|at| is_blank(at) || is_sane(*at)) {
            return Err(Corrupt("a time or a count that no event gives"));
        }
        self.features.check()?;
        self.devices.iter().try_for_each(Device::check)?;
        if !self.devices.is_sorted_by(|a, b| a.id < b.id) {
            return Err(Corrupt("devices are out of order"));
        }
        self.traits.iter().try_for_each(|traits| traits.check())?;
        self.pending().iter().try_for_each(Pending::check)?;
        if self.pending().is_sorted() {
            Ok(())
        } else {
            Err(Corrupt("waiting facts are out of order"))
        }
    }
}

impl Rare {
    fn note_absorbed(&mut self, at: i64, device: &str) {
        let known = self.absorbed.iter().position(|(_, known)| &**known == device);
        let at = known.map_or(at, |index| self.absorbed.remove(index).0.min(at));
        let entry = (at, device.into());
        let index = self.absorbed.partition_point(|other| *other < entry);
        self.absorbed.insert(index, entry);
    }
}

/// Before this no event shapes sessions any more.
fn sealed(plan: &Plan, receipt_max: i64) -> i64 {
    let horizon = receipt_max.saturating_sub(plan.session.lateness_ms);
    horizon.saturating_sub(horizon.rem_euclid(SEAL_STEP_MS))
}

fn write_key<S: Serializer>(key: &Option<PersonKey>, serializer: S) -> Result<S::Ok, S::Error> {
    key.as_ref().map(PersonKey::as_str).serialize(serializer)
}

fn read_key<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PersonKey>, D::Error> {
    let Some(text) = Option::<&str>::deserialize(deserializer)? else {
        return Ok(None);
    };
    PersonKey::parse(text).map(Some).ok_or_else(|| de::Error::custom("a person key was expected"))
}
