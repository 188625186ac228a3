//! A world: everything that is there, and the order in which it happens.
use crate::clock::{Clocks, WorldMs};
use crate::collector::Collector;
use crate::lane::{Lane, Request, fnv};
use crate::met::Met;
use crate::net::{Answer, Fault};
use crate::plan::{Act, HostPlan, Plan};
use crate::rng::Rng;
use crate::store::{Death, Disk};
use crate::truth::{Check, LaneTruth, Truth};
use sdk_core::{Lifecycle, SendId};
use std::collections::BTreeMap;
use std::rc::Rc;

/// One thing that will happen.
pub(crate) enum Event {
    /// A process starts.
    Start { lane: usize },
    /// Storage has been read.
    Restore { lane: usize, generation: u32 },
    /// Something of the plan.
    Act { lane: usize, act: Act },
    /// The host's timer.
    Tick { lane: usize, generation: u32, mono: u64 },
    /// The host's worker comes to its turn.
    Write { lane: usize, generation: u32 },
    /// A request reaches the collector.
    Arrive { request: Rc<Request>, fault: Option<Fault>, first: bool },
    /// The host has an answer or gives up waiting.
    Reply { request: Rc<Request>, reply: Reply },
    /// The network of a device goes or comes.
    Network { device: usize, there: bool, told: bool },
    /// Nothing goes wrong any more.
    Heal,
}

/// What the host tells the core of a request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Answer { answer: Answer, ours: bool },
    Lost,
    Unsent,
}

pub(crate) struct Device {
    pub(crate) clocks: Clocks,
    pub(crate) sleeps: Vec<(WorldMs, WorldMs)>,
    pub(crate) network: bool,
    /// Without power until then.
    pub(crate) off_until: WorldMs,
}

impl Device {
    /// Power is back at a moment, and with it a monotonic clock that begins anew.
    pub(crate) fn power_cut(&mut self, back: WorldMs) {
        self.off_until = back;
        self.clocks.boots.retain(|boot| *boot < back);
        self.clocks.boots.push(back);
    }
}

/// A world that runs.
pub struct World {
    pub(crate) now: WorldMs,
    pub(crate) host: HostPlan,
    pub(crate) weather: crate::net::Weather,
    pub(crate) devices: Vec<Device>,
    pub(crate) lanes: Vec<Lane>,
    pub(crate) collector: Collector,
    pub(crate) truth: Truth,
    /// What was met.
    pub met: Met,
    /// A hash of everything that happened.
    pub trace: u64,
    pub(crate) net_rng: Rng,
    pub(crate) host_rng: Rng,
    pub(crate) healed: bool,
    pub(crate) told: bool,
    pub(crate) first_waits: Vec<u64>,
    events: BTreeMap<(WorldMs, u64), Event>,
    order: u64,
}

/// Virtual time that a world gets to come to rest once nothing goes wrong any more: two holds of an
/// hour, and the backoff of a device in the background.
const REST_MS: u64 = 8 * 3_600_000;

/// Whether somebody follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    /// Nobody does.
    Silent,
    /// Everything that happens is told on standard error.
    Told,
}

/// How one world ended.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The broken promise, if one was.
    pub violation: Option<crate::truth::Violation>,
    /// What was met.
    pub met: Met,
    /// A hash of everything that happened.
    pub trace: u64,
    /// Waits after a first failure, in milliseconds.
    pub first_waits: Vec<u64>,
}

/// Runs the world of a seed, on disks that `disk` makes.
pub fn run(seed: u64, disk: &dyn Fn() -> Box<dyn Disk>, follow: Follow) -> Outcome {
    let mut world = World::new(seed, disk);
    world.told = follow == Follow::Told;
    let mut violation = world.play().err();
    if let Some(violation) = &mut violation {
        violation.seen = format!("at {} ms: {}", world.now, violation.seen);
    }
    let World { met, trace, mut first_waits, lanes, .. } = world;
    let processes = lanes.into_iter().filter_map(|lane| lane.process);
    first_waits.extend(processes.flat_map(|process| process.polite.first_waits));
    Outcome { violation, met, trace, first_waits }
}

impl World {
    fn new(seed: u64, disk: &dyn Fn() -> Box<dyn Disk>) -> Self {
        let plan = Plan::new(seed);
        let mut world = Self {
            now: 0,
            host: plan.host,
            weather: plan.weather,
            devices: Vec::new(),
            lanes: Vec::new(),
            collector: Collector::new(plan.collector.0, plan.collector.1),
            truth: Truth::default(),
            met: Met::default(),
            trace: 0,
            net_rng: Rng::new(seed, 2),
            host_rng: Rng::new(seed, 3),
            healed: false,
            told: false,
            first_waits: Vec::new(),
            events: BTreeMap::new(),
            order: 0,
        };
        for (device, planned) in plan.devices.into_iter().enumerate() {
            let crate::plan::DevicePlan { clocks, sleeps, offline, lanes } = planned;
            world.devices.push(Device { clocks, sleeps, network: true, off_until: 0 });
            for (from, to, told) in offline {
                world.at(from, Event::Network { device, there: false, told });
                world.at(to, Event::Network { device, there: true, told });
            }
            for planned in lanes {
                let lane = world.lanes.len();
                world.at(0, Event::Start { lane });
                for (at, act) in planned.acts {
                    world.at(at, Event::Act { lane, act });
                }
                world.lanes.push(Lane::new(device, planned.config, disk()));
                world.truth.lanes.push(LaneTruth::default());
            }
        }
        world.at(plan.active_ms, Event::Heal);
        world
    }

    pub(crate) fn at(&mut self, at: WorldMs, event: Event) {
        self.order += 1;
        self.events.insert((at.max(self.now), self.order), event);
    }

    /// The next thing, whenever it is.
    pub(crate) fn pop(&mut self) -> Option<Event> {
        let ((at, _), event) = self.events.pop_first()?;
        self.now = at;
        Some(event)
    }

    pub(crate) fn note(&mut self, what: &[u64]) {
        for number in what {
            let bytes = (self.trace.rotate_left(17) ^ number).to_le_bytes();
            self.trace = fnv(&bytes);
        }
    }

    fn play(&mut self) -> Check {
        let mut rest_until = WorldMs::MAX;
        while let Some(((at, _), event)) = self.events.pop_first() {
            if at > rest_until {
                break;
            }
            self.now = at;
            if let Some(wakes) = self.asleep(&event) {
                self.at(wakes, event);
                continue;
            }
            if matches!(event, Event::Heal) {
                rest_until = at + REST_MS;
            }
            self.happen(event)?;
            if self.healed && self.is_at_rest() {
                break;
            }
        }
        self.settle()
    }

    /// When the device wakes on which this would happen, if it sleeps.
    fn asleep(&self, event: &Event) -> Option<WorldMs> {
        let lane = match event {
            Event::Start { lane }
            | Event::Restore { lane, .. }
            | Event::Act { lane, .. }
            | Event::Tick { lane, .. }
            | Event::Write { lane, .. } => *lane,
            Event::Reply { request, .. } => request.lane,
            Event::Arrive { .. } | Event::Network { .. } | Event::Heal => return None,
        };
        if self.healed {
            return None;
        }
        let device = self.devices.get(self.lanes[lane].device)?;
        let sleep = device.sleeps.iter().find(|(from, to)| (*from..*to).contains(&self.now));
        sleep.map(|(_, to)| *to)
    }

    fn happen(&mut self, event: Event) -> Check {
        if self.told {
            eprintln!("{:>10} {}", self.now, self.describe(&event));
        }
        match event {
            Event::Start { lane } => self.start(lane),
            Event::Restore { lane, generation } if self.runs(lane, generation) => {
                self.restore(lane)
            }
            Event::Act { .. } if self.healed => Ok(()),
            Event::Act { lane, act } => self.act(lane, act),
            Event::Tick { lane, generation, mono } if self.runs(lane, generation) => {
                self.tick(lane, mono)
            }
            Event::Write { lane, generation } if self.runs(lane, generation) => self.write(lane),
            Event::Restore { .. } | Event::Tick { .. } | Event::Write { .. } => Ok(()),
            Event::Arrive { request, fault, first } => self.arrive(&request, fault, first),
            Event::Reply { request, reply } if self.runs(request.lane, request.generation) => {
                self.reply(&request, reply)
            }
            Event::Reply { .. } => Ok(()),
            Event::Network { device, there, told } => self.network(device, there, told),
            Event::Heal => self.heal(),
        }
    }

    pub(crate) fn runs(&self, lane: usize, generation: u32) -> bool {
        self.lanes[lane].process.as_ref().is_some_and(|p| p.generation == generation)
    }

    /// One line about what happens, for a person who follows a world.
    fn describe(&self, event: &Event) -> String {
        match event {
            Event::Start { lane } => format!("{lane} starts"),
            Event::Restore { lane, .. } => format!("{lane} reads storage"),
            Event::Act { lane, act } => format!("{lane} {act:?}"),
            Event::Tick { lane, .. } => format!("{lane} ticks"),
            Event::Write { lane, .. } => format!("{lane} writes"),
            Event::Arrive { request, fault, .. } => {
                let (lane, id, say) = (request.lane, request.id, &request.told["sillage"]);
                let seqs = request.told["batch"].as_array().into_iter().flatten();
                let seqs: Vec<_> = seqs.map(|event| event["seq"].to_string()).collect();
                format!("{lane} {id:?} arrives with {seqs:?} {fault:?} {say}")
            }
            Event::Reply { request, reply } => {
                let reply = match reply {
                    Reply::Answer { answer, ours } => format!(
                        "{} {} {} {ours}",
                        answer.status,
                        answer.retry_after,
                        String::from_utf8_lossy(&answer.body)
                    ),
                    other => format!("{other:?}"),
                };
                format!("{} {:?} is answered: {reply}", request.lane, request.id)
            }
            Event::Network { device, there, told } => {
                format!("device {device} has a network: {there}, told: {told}")
            }
            Event::Heal => "everything heals".to_owned(),
        }
    }

    fn network(&mut self, device: usize, there: bool, told: bool) -> Check {
        if self.healed {
            return Ok(());
        }
        self.devices[device].network = there;
        self.met.one(if there { "device: network back" } else { "device: network gone" });
        for lane in 0..self.lanes.len() {
            if told && self.lanes[lane].device == device {
                let life = if there { Lifecycle::Online } else { Lifecycle::Offline };
                self.life(lane, life)?;
            }
        }
        Ok(())
    }

    fn heal(&mut self) -> Check {
        self.healed = true;
        self.collector.set_caps((1 << 20, 2_500));
        for device in &mut self.devices {
            device.network = true;
            if device.off_until > self.now {
                device.power_cut(self.now);
            }
        }
        for lane in 0..self.lanes.len() {
            self.lanes[lane].disk.set_full(false);
            let stopped = |p: &crate::lane::Process| p.polite.stopped;
            if self.lanes[lane].process.as_ref().is_some_and(stopped) {
                self.die(lane, Death::Kill, None);
            }
            if self.lanes[lane].process.is_none() {
                self.start(lane)?;
                self.restore(lane)?;
            }
            self.act(lane, Act::Privacy { gpc: false, dnt: false })?;
            let granted = ["analytics", "ads"].map(|c| (c, sdk_core::Choice::Granted));
            self.act(lane, Act::Consent(granted.to_vec()))?;
            // Whose context no collector takes is mended too.
            self.act(lane, Act::Context { number: 1, bad: false })?;
            self.life(lane, Lifecycle::Online)?;
            self.life(lane, Lifecycle::Foreground)?;
        }
        Ok(())
    }

    /// Sends a request into the network.
    pub(crate) fn send(&mut self, request: Rc<Request>) {
        let (now, timeout) = (self.now, self.now + crate::net::HOST_TIMEOUT_MS);
        let network = self.devices[self.lanes[request.lane].device].network;
        let mut fault = self.weather.fault(now, &mut self.net_rng);
        if !network {
            fault = Some(*self.net_rng.pick(&[Fault::Unsent, Fault::LostOut]));
            self.met.one("net: sent without a network");
        }
        if let Some(fault) = fault {
            self.met.one(fault.name());
        }
        let soon = now + self.weather.transit_ms(now, &mut self.net_rng).min(5_000);
        let reply = match fault {
            Some(Fault::Unsent) => Reply::Unsent,
            Some(Fault::ResetOut) => Reply::Lost,
            Some(fault) if !fault.arrives() && fault != Fault::LostOut => {
                let answer = crate::net::foreign(fault, &mut self.net_rng);
                Reply::Answer { answer, ours: false }
            }
            _ => {
                self.at(timeout, Event::Reply { request: Rc::clone(&request), reply: Reply::Lost });
                if fault == Some(Fault::LostOut) {
                    return;
                }
                let late = if fault == Some(Fault::LateOut) {
                    self.net_rng.range(30_000, 600_000)
                } else {
                    0
                };
                let transit = self.weather.transit_ms(now, &mut self.net_rng);
                let arrive = now + late + transit;
                if fault == Some(Fault::Twice) {
                    let again = arrive + self.net_rng.magnitude(1, 300_000);
                    let request = Rc::clone(&request);
                    self.at(again, Event::Arrive { request, fault: None, first: false });
                }
                self.at(arrive, Event::Arrive { request, fault, first: true });
                return;
            }
        };
        self.at(soon, Event::Reply { request, reply });
    }

    pub(crate) fn arrive(
        &mut self,
        request: &Rc<Request>,
        fault: Option<Fault>,
        first: bool,
    ) -> Check {
        let (lane, now) = (request.lane, self.now);
        let rng = &mut self.net_rng;
        let caps = self.collector.caps();
        // Both copies of a doubled request are judged alike, or neither its sender nor the checker
        // could say that it certainly never arrived.
        self.collector.set_caps(request.caps);
        let received = self.collector.receive(now, &request.body, fault, rng);
        self.collector.set_caps(caps);
        let received = received
            .map_err(|seen| crate::truth::Violation { rule: crate::truth::Rule::Body, seen })?;
        self.note(&[now, lane as u64, received.answer.status.into(), received.taken.len() as u64]);
        self.took(request, &received)?;
        if !first {
            return Ok(());
        }
        let transit = self.weather.transit_ms(now, &mut self.net_rng);
        let back = match fault {
            Some(Fault::LateBack) => now + crate::net::HOST_TIMEOUT_MS + transit,
            _ => now + transit,
        };
        let mut answer = received.answer;
        let mut ours =
            answer.status == 200 || (answer.status == 422 && !received.refused.is_empty());
        match fault {
            Some(Fault::LostBack | Fault::CrashAfterAppend) => {
                if self.net_rng.per_mille(500) {
                    let request = Rc::clone(request);
                    self.at(back, Event::Reply { request, reply: Reply::Lost });
                }
                return Ok(());
            }
            Some(Fault::TruncatedBack) => {
                let kept = self.net_rng.count(0, answer.body.len().saturating_sub(1));
                answer.body.truncate(kept);
                ours = false;
            }
            Some(Fault::GatewayAfterAccept) => {
                answer = crate::net::foreign(Fault::GatewayAfterAccept, &mut self.net_rng);
                ours = false;
            }
            _ => {}
        }
        if answer.body.len() > sdk_core::limits::REPLY_BYTES_MAX {
            self.met.one("collector: answer longer than hosts read");
            answer.body.truncate(sdk_core::limits::REPLY_BYTES_MAX);
            ours = false;
        }
        let request = Rc::clone(request);
        self.at(back, Event::Reply { request, reply: Reply::Answer { answer, ours } });
        Ok(())
    }

    /// Forgets a request that has its outcome.
    pub(crate) fn landed(&mut self, lane: usize, id: SendId) -> bool {
        let process = self.lanes[lane].process.as_mut();
        process.is_some_and(|process| process.in_flight.remove(&id).is_some())
    }
}
