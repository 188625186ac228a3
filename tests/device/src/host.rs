//! What a host does: inputs in, units to storage, requests out; and how it dies.
use crate::call::{Kind, Said, Shape};
use crate::lane::{Lane, Posted, Process, Request, fnv};
use crate::plan::Act;
use crate::polite::Polite;
use crate::reason::Cause;
use crate::store::{Death, Disk, Op, Records};
use crate::truth::{Check, Gate, Made, Person, Rule, Violation, hold};
use crate::watch::{Turn, check_restart};
use crate::world::{Event, Reply, World};
use sdk_core::{
    Action, Config, Input, Key, Ledger, Lifecycle, Object, Outcome, Restored, Tracker, Value, Way,
};
use std::collections::BTreeMap;
use std::rc::Rc;

/// A request is given up by the core after so long, in milliseconds.
const FLIGHT_MS: u64 = 90_000;

impl Lane {
    /// An installation that has never run.
    #[must_use]
    pub fn new(device: usize, config: Config, disk: Box<dyn Disk>) -> Self {
        Self {
            device,
            config,
            disk,
            shown: Records::new(),
            witness: 0,
            witness_synced: 0,
            process: None,
            generation: 0,
            person: Person::default(),
            snapshots: BTreeMap::new(),
            install: String::new(),
            life: 0,
            lives: 0,
            rotten: false,
        }
    }
}

impl World {
    fn clock(&self, lane: usize) -> sdk_core::Now {
        self.devices[self.lanes[lane].device].clocks.now(self.now)
    }

    /// A process begins; storage is read meanwhile.
    pub(crate) fn start(&mut self, lane: usize) -> Check {
        if self.lanes[lane].process.is_some() {
            return Ok(());
        }
        let back = self.devices[self.lanes[lane].device].off_until;
        if back > self.now {
            self.at(back, Event::Start { lane });
            return Ok(());
        }
        let now = self.clock(lane);
        let entropy = self.host_rng.entropy();
        let network = self.devices[self.lanes[lane].device].network;
        let own = &mut self.lanes[lane];
        own.generation += 1;
        let generation = own.generation;
        let mut polite = Polite::default();
        let mut tracker = Tracker::new(own.config.clone(), entropy, now);
        if !network {
            tracker.handle(now, Input::Lifecycle(Lifecycle::Offline));
            polite.offline = true;
        }
        own.person.gpc = false;
        own.person.dnt = false;
        own.process = Some(Process {
            tracker,
            generation,
            unit: Vec::new(),
            sends: Vec::new(),
            write_due: false,
            in_flight: BTreeMap::new(),
            polite,
            restored: false,
            early: Vec::new(),
            calls: 0,
            ledger: Ledger::default(),
            waited: 0,
            too_large: None,
            wake: None,
        });
        let reading = *self.host_rng.pick(&[0, 0, 3, 400]);
        self.at(self.now + reading, Event::Restore { lane, generation });
        Ok(())
    }

    /// Storage has been read.
    pub(crate) fn restore(&mut self, lane: usize) -> Check {
        let now = self.clock(lane);
        let own = &mut self.lanes[lane];
        let Some(process) = own.process.as_mut().filter(|p| !p.restored) else { return Ok(()) };
        process.restored = true;
        let records = own.disk.open().map_err(|seen| Violation {
            rule: Rule::Durable,
            seen: format!("lane {lane}: {seen}"),
        })?;
        let state = records.get(&Key::State).map(|record| fnv(record));
        let snapshot = state.and_then(|state| own.snapshots.get(&state)).cloned();
        hold(Rule::Durable, own.rotten || state.is_none() == snapshot.is_none(), || {
            format!("lane {lane}: storage holds a state that nobody wrote")
        })?;
        if self.told {
            for (key, record) in &records {
                eprintln!("{:>10} {lane} holds {key:?} {}", self.now, record.escape_ascii());
            }
        }
        let witness = own.witness;
        let known = snapshot.is_some();
        let snapshot = snapshot.unwrap_or_default();
        let stated = snapshot.ledger.created;
        let seqs = || {
            records.keys().filter_map(|key| match key {
                Key::Event(seq) => Some(*seq),
                _ => None,
            })
        };
        let later = seqs().filter(|seq| *seq > stated).count() as u64;
        let base = stated.max(witness).max(seqs().max().unwrap_or(0));
        let base = if known { base } else { 0 };
        let said = std::mem::take(&mut own.person);
        own.person = Person { gpc: said.gpc, dnt: said.dnt, ..snapshot.person.clone() };
        own.person.choices.extend(said.choices);
        own.shown = records.clone();
        let events = records.iter().filter_map(|(key, value)| match key {
            Key::Event(seq) => Some((*seq, &**value)),
            _ => None,
        });
        let life = if known { snapshot.life } else { own.lives + 1 };
        own.lives = own.lives.max(life);
        if life != own.life {
            // A power cut may bring back an installation that had been given up.
            let name = std::mem::take(&mut own.install);
            own.install = self.truth.change_life(lane, (own.life, name), life);
            own.life = life;
        }
        self.truth.lanes[lane].restart(events, base);
        let early = process.early.len() as u64;
        process.calls += base;
        let given =
            Restored { records: records.into_iter().collect(), witness, ..Restored::default() };
        process.tracker.handle(now, Input::Restored(given));
        own.person.user = process.tracker.user_id().to_owned();
        let same = early > 0 || own.person.user == snapshot.person.user || own.rotten;
        hold(Rule::Content, same, || format!("lane {lane}: another user after a restart"))?;
        self.drain(lane, Cause::Restored)?;
        self.met.one(if known { "host: went on from storage" } else { "host: began anew" });
        if early > 0 {
            self.met.one("host: calls before storage was read");
        }
        let own = &self.lanes[lane];
        let Some(process) = own.process.as_ref() else { return Ok(()) };
        if known && !own.rotten {
            let lost = base - stated - later;
            self.met.many("events: died before they were written", lost);
            check_restart(lane, lost, &snapshot.ledger, &process.tracker.ledger())?;
        }
        Ok(())
    }

    /// Something of the plan happens.
    pub(crate) fn act(&mut self, lane: usize, act: Act) -> Check {
        match act {
            Act::Call(said) => self.call(lane, said),
            Act::Reset => self.reset(lane),
            Act::Consent(chosen) => {
                self.met.one("person: chose");
                let Some(process) = self.lanes[lane].process.as_ref() else { return Ok(()) };
                let restored = process.restored;
                self.lanes[lane].person.choose(&chosen);
                self.input(lane, Input::Consent(&chosen), Cause::Choice)?;
                if restored { self.withdrawn(lane) } else { Ok(()) }
            }
            Act::Privacy { gpc, dnt } => {
                self.met.one("person: privacy signal");
                if self.lanes[lane].process.is_none() {
                    return Ok(());
                }
                (self.lanes[lane].person.gpc, self.lanes[lane].person.dnt) = (gpc, dnt);
                self.input(lane, Input::Privacy { gpc, dnt }, Cause::Choice)
            }
            Act::Context { number, bad } => {
                self.met.one(if bad {
                    "app: context that no collector takes"
                } else {
                    "app: context"
                });
                let deep = format!("{}1{}", "[".repeat(12), "]".repeat(12));
                let number = i64::try_from(number).unwrap_or_default();
                let library = [("name", Value::Str("sim")), ("version", Value::Int(number))];
                let value = if bad { Value::Json(&deep) } else { Value::Str("en") };
                let fields = [("library", Value::Map(&library)), ("locale", value)];
                self.input(lane, Input::Context(Object::Fields(&fields)), Cause::Other)
            }
            Act::Life(life) => self.life(lane, life),
            Act::Die(how, pause) => {
                self.met.one(if how == Death::Kill { "host: killed" } else { "host: power cut" });
                self.end(lane, how, pause, None);
                Ok(())
            }
            Act::Rot => {
                self.die(lane, Death::Kill, None);
                let hit = self.lanes[lane].disk.rot(&mut self.host_rng);
                self.lanes[lane].rotten |= hit;
                self.met.many("disk: rotten", hit.into());
                self.at(self.now + 50, Event::Start { lane });
                Ok(())
            }
            Act::DiskFull(full) => {
                self.met.one(if full { "disk: full" } else { "disk: room again" });
                self.lanes[lane].disk.set_full(full && !self.healed);
                Ok(())
            }
        }
    }

    /// A process ends and comes back; a power cut ends every process of the device.
    fn end(&mut self, lane: usize, how: Death, pause: u64, torn: Option<&[Op]>) {
        let (device, back) = (self.lanes[lane].device, self.now + pause);
        self.die(lane, how, torn);
        self.at(back, Event::Start { lane });
        if how == Death::Kill {
            return;
        }
        self.devices[device].power_cut(back);
        for other in 0..self.lanes.len() {
            if other != lane && self.lanes[other].device == device {
                self.die(other, Death::PowerCut, None);
                self.at(back, Event::Start { lane: other });
            }
        }
    }

    fn call(&mut self, lane: usize, said: Said) -> Check {
        let own = &mut self.lanes[lane];
        let Some(process) = own.process.as_mut() else {
            self.met.one("app: call while nobody runs");
            return Ok(());
        };
        let number = said.number;
        let restored = process.restored;
        process.calls += 1;
        if !restored {
            process.early.push(number);
        }
        let names_user = matches!(said.kind, Kind::Identify | Kind::Alias);
        if restored && names_user && said.about.is_none() && !said.is_invalid() {
            own.person.user = said.name.clone();
        }
        let shaped = match said.shape {
            Shape::Fields | Shape::Text => "app: call",
            Shape::Long(bytes) if bytes > 65_536 => "app: call beyond an event's size",
            Shape::Long(_) | Shape::Deep => "app: call that a collector refuses",
            Shape::Broken | Shape::List => "app: call that is no JSON object",
        };
        self.met.one(shaped);
        let gate = own.person.gate(&own.config, &said);
        let waits = !restored || gate == Gate::Unknown;
        if gate == Gate::Unknown {
            self.met.one("app: call that waits for consent");
        }
        let made = Made {
            lane,
            at: self.now,
            generation: process.generation,
            user: restored.then(|| own.person.user.clone()),
            device: restored.then(|| process.tracker.anonymous_id().to_owned()),
            order: self.truth.calls.len() as u64 + 1,
            waited: waits,
            seq: None,
            taken: false,
            said: said.clone(),
        };
        self.truth.calls.insert(number, made);
        said.with_input(|input| self.input(lane, input, Cause::Call(&said, gate)))?;
        let own = &self.lanes[lane];
        let user = own.process.as_ref().map_or("", |process| process.tracker.user_id());
        hold(Rule::Content, !restored || user == own.person.user, || {
            format!("lane {lane}: {user} is not {} after call {number}", own.person.user)
        })
    }

    fn reset(&mut self, lane: usize) -> Check {
        let own = &mut self.lanes[lane];
        let Some(process) = own.process.as_ref().filter(|p| p.restored) else { return Ok(()) };
        let before = process.tracker.anonymous_id().to_owned();
        own.person.user.clear();
        self.met.one("person: reset");
        self.input(lane, Input::Reset, Cause::Other)?;
        let process = self.lanes[lane].process.as_ref();
        let after = process.map(|p| p.tracker.anonymous_id().to_owned()).unwrap_or_default();
        hold(Rule::Content, !after.is_empty() && after != before, || {
            format!("lane {lane}: still {after} after a reset")
        })
    }

    /// The app or its network changes.
    pub(crate) fn life(&mut self, lane: usize, life: Lifecycle) -> Check {
        let Some(process) = self.lanes[lane].process.as_mut() else { return Ok(()) };
        match life {
            Lifecycle::Offline => process.polite.offline = true,
            Lifecycle::Online => {
                process.polite.offline = false;
                process.polite.nudge();
            }
            _ => process.polite.nudge(),
        }
        let what = match life {
            Lifecycle::Background => "app: background",
            Lifecycle::Foreground => "app: foreground",
            Lifecycle::Flush => "app: flush",
            _ => "app: told of the network",
        };
        self.met.one(what);
        self.input(lane, Input::Lifecycle(life), Cause::Other)
    }

    pub(crate) fn tick(&mut self, lane: usize, mono: u64) -> Check {
        let now = self.clock(lane);
        let Some(process) = self.lanes[lane].process.as_mut() else { return Ok(()) };
        if process.wake != Some(mono) {
            return Ok(());
        }
        if now.mono.0 < mono {
            self.wake_at(lane, mono);
            return Ok(());
        }
        process.wake = None;
        self.input(lane, Input::Tick, Cause::Other)
    }

    pub(crate) fn reply(&mut self, request: &Rc<Request>, reply: Reply) -> Check {
        let lane = request.lane;
        if !self.landed(lane, request.id) {
            return Ok(());
        }
        let mono = self.clock(lane).mono.0;
        let Some(process) = self.lanes[lane].process.as_mut() else { return Ok(()) };
        match &reply {
            Reply::Answer { answer, .. } if request.at + FLIGHT_MS <= self.now => {
                self.met.one("net: answer after the core gave up");
                process.polite.answered_late(mono, answer);
            }
            Reply::Answer { answer, ours } => process.polite.answered(mono, answer, *ours),
            Reply::Lost | Reply::Unsent => process.polite.fail(mono),
        }
        let asked = request.told["batch"].as_array().map_or(0, Vec::len);
        let cause = match &reply {
            Reply::Answer { answer, .. } => Cause::Answer(answer.status, asked),
            Reply::Lost | Reply::Unsent => Cause::Other,
        };
        process.too_large = None;
        if let Cause::Answer(413, 2..) = cause
            && request.at + FLIGHT_MS > self.now
            && let Some(first) = request.told["batch"][0]["seq"].as_u64()
        {
            process.too_large = Some((first, asked));
        }
        let outcome = match &reply {
            Reply::Answer { answer, .. } => Outcome::Answer {
                status: answer.status,
                content_type: &answer.content_type,
                retry_after: &answer.retry_after,
                body: &answer.body,
            },
            Reply::Lost => Outcome::Lost,
            Reply::Unsent => Outcome::Unsent,
        };
        self.input(lane, Input::Reply { send: request.id, outcome }, cause)?;
        let stopped = |process: &Process| process.polite.stopped;
        if self.healed && self.lanes[lane].process.as_ref().is_some_and(stopped) {
            self.end(lane, Death::Kill, 1_000, None);
        }
        Ok(())
    }

    /// Steps 1 and 2 of the contract.
    fn input(&mut self, lane: usize, input: Input<'_>, cause: Cause<'_>) -> Check {
        let now = self.clock(lane);
        let Some(process) = self.lanes[lane].process.as_mut() else { return Ok(()) };
        process.tracker.handle(now, input);
        if process.restored {
            self.lanes[lane].witness = process.tracker.witness();
        }
        self.drain(lane, cause)
    }

    /// What could not be written must not be sent: it is as if there were no network.
    fn unsent(&mut self, lane: usize, sends: Vec<Posted>) -> Check {
        for Posted { id, .. } in sends {
            let mono = self.clock(lane).mono.0;
            let Some(process) = self.lanes[lane].process.as_mut() else { return Ok(()) };
            process.polite.fail(mono);
            self.input(lane, Input::Reply { send: id, outcome: Outcome::Unsent }, Cause::Other)?;
        }
        Ok(())
    }

    /// Polls everything there is to do, keeps it for the write, and looks at it.
    fn drain(&mut self, lane: usize, cause: Cause<'_>) -> Check {
        let now = self.clock(lane);
        let mut wake = None;
        let mut turn = Turn::default();
        let own = &mut self.lanes[lane];
        let Some(process) = own.process.as_mut() else { return Ok(()) };
        while let Some(action) = process.tracker.poll_action() {
            match action {
                Action::Persist { key, value } => turn.ops.push(Op::Put(key, value)),
                Action::Forget { key } => turn.ops.push(Op::Remove(key)),
                Action::Send { id, body, way } => {
                    turn.bodies.push(body.clone());
                    process.polite.send(now.mono.0).map_err(|mut violation| {
                        violation.seen = format!("lane {lane}: {}", violation.seen);
                        violation
                    })?;
                    process.sends.push(Posted { id, body, way, at: self.now });
                }
                Action::WakeAt(mono) => wake = Some(mono.0),
                Action::Notice(notice) => turn.notices.push(notice),
                _ => {}
            }
        }
        if process.restored {
            own.witness = process.tracker.witness();
        }
        process.unit.extend(turn.ops.iter().cloned());
        let due = !process.unit.is_empty() || !process.sends.is_empty();
        let generation = process.generation;
        if due && !process.write_due {
            process.write_due = true;
            let wait = self.host_rng.range(0, self.host.write_ms_max);
            self.at(self.now + wait, Event::Write { lane, generation });
        }
        if let Some(mono) = wake {
            self.wake_at(lane, mono);
        }
        self.watch(lane, cause, &turn)
    }

    fn wake_at(&mut self, lane: usize, mono: u64) {
        let own = &mut self.lanes[lane];
        let clocks = &self.devices[own.device].clocks;
        let Some(process) = own.process.as_mut() else { return };
        process.wake = Some(mono);
        let generation = process.generation;
        let at = clocks.when(sdk_core::MonoMillis(mono), self.now);
        self.at(at, Event::Tick { lane, generation, mono });
    }

    /// Step 3 of the contract: one unit, then the rest.
    pub(crate) fn write(&mut self, lane: usize) -> Check {
        let die = !self.healed && self.host_rng.per_mille(self.host.die_writing);
        let cut = self.host_rng.per_mille(self.host.power_cuts);
        let how = if cut { Death::PowerCut } else { Death::Kill };
        let own = &mut self.lanes[lane];
        let Some(process) = own.process.as_mut() else { return Ok(()) };
        process.write_due = false;
        let unit = std::mem::take(&mut process.unit);
        if die && self.host_rng.per_mille(500) {
            self.met.one("host: died while it wrote");
            let pause = self.host_rng.magnitude(50, 600_000);
            self.end(lane, how, pause, Some(&unit));
            return Ok(());
        }
        if !unit.is_empty() && !own.disk.write(&unit) {
            self.met.one("disk: unit refused");
            process.unit = unit;
            process.write_due = true;
            let generation = process.generation;
            let unsent = std::mem::take(&mut process.sends);
            self.at(self.now + 30_000, Event::Write { lane, generation });
            return self.unsent(lane, unsent);
        }
        let sends = std::mem::take(&mut process.sends);
        if !sends.is_empty() || self.host.sync_always || self.host_rng.per_mille(100) {
            own.disk.sync();
            own.witness_synced = own.witness;
        }
        if die {
            self.met.one("host: died between writing and sending");
            let pause = self.host_rng.magnitude(50, 600_000);
            self.end(lane, how, pause, None);
            return Ok(());
        }
        for posted in sends {
            self.request(lane, posted)?;
        }
        Ok(())
    }

    fn request(&mut self, lane: usize, posted: Posted) -> Check {
        let Posted { id, body, way, at } = posted;
        let told = serde_json::from_slice(&body);
        let told: serde_json::Value = told.map_err(|error| Violation {
            rule: Rule::Body,
            seen: format!("lane {lane}: {error} in {}", String::from_utf8_lossy(&body)),
        })?;
        self.note(&[self.now, lane as u64, fnv(&body)]);
        let now = self.now;
        let own = &mut self.lanes[lane];
        let Some(process) = own.process.as_mut() else { return Ok(()) };
        let first = told["batch"][0]["seq"].as_u64().unwrap_or_default();
        let many = told["batch"].as_array().map_or(0, Vec::len);
        let smaller = process.too_large.is_none_or(|(seq, count)| seq != first || many < count);
        hold(Rule::Polite, smaller, || format!("lane {lane}: {many} events were too many before"))?;
        own.install = told["sillage"]["install"].as_str().unwrap_or_default().to_owned();
        let generation = process.generation;
        let request =
            Rc::new(Request { lane, generation, id, body, told, at, caps: self.collector.caps() });
        let young = |request: &&Rc<Request>| request.at + FLIGHT_MS > now;
        let flights = process.in_flight.values().filter(young).count();
        let most = if way == Way::Leaving { own.config.leaving_batches_max.max(1) } else { 1 };
        hold(Rule::Bounds, flights < most, || {
            let others: Vec<_> = process.in_flight.values().map(|r| (r.id, r.at)).collect();
            format!("lane {lane}: {way:?} {id:?} beside {others:?}")
        })?;
        self.met.one(if way == Way::Leaving { "send: leaving" } else { "send: usual" });
        process.in_flight.insert(id, Rc::clone(&request));
        self.inspect(&request)?;
        self.send(request);
        Ok(())
    }

    /// A process ends; what it had not handed over is gone.
    pub(crate) fn die(&mut self, lane: usize, how: Death, torn: Option<&[Op]>) {
        let own = &mut self.lanes[lane];
        let Some(process) = own.process.take() else { return };
        self.first_waits.extend(&process.polite.first_waits);
        own.disk.die(how, torn, &mut self.host_rng);
        own.person = Person::default();
        if how == Death::PowerCut && self.host_rng.per_mille(500) {
            own.witness = own.witness_synced;
        }
        own.witness_synced = own.witness;
        self.note(&[self.now, lane as u64, 0xdead]);
    }
}
