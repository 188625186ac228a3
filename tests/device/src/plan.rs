//! What a seed stands for: devices, their apps, their people, and everything that goes wrong.
use crate::call::{Kind, Said, Shape};
use crate::clock::{Clocks, WorldMs};
use crate::net::{Fault, Weather};
use crate::rng::Rng;
use crate::store::Death;
use sdk_core::{Choice, Config, Lifecycle, PrivacySignal};

/// All of a world, drawn before it runs.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The devices.
    pub devices: Vec<DevicePlan>,
    /// The network.
    pub weather: Weather,
    /// What the collector takes while things go wrong: bytes of a body, events of a batch.
    pub collector: (usize, usize),
    /// How long things go wrong.
    pub active_ms: WorldMs,
    /// How the hosts work.
    pub host: HostPlan,
}

/// How a host works, within the contract.
#[derive(Debug, Clone, Default)]
pub struct HostPlan {
    /// The longest it leaves a unit unwritten, in milliseconds; units polled meanwhile are joined.
    pub write_ms_max: u64,
    /// In a thousand writes, how many the process does not survive.
    pub die_writing: u64,
    /// Of those deaths, how many in a thousand are power cuts.
    pub power_cuts: u64,
    /// Whether each unit is synced at once, not only before a request leaves.
    pub sync_always: bool,
}

/// One device.
#[derive(Debug, Clone)]
pub struct DevicePlan {
    /// Its clocks.
    pub clocks: Clocks,
    /// When it sleeps, ascending: nothing happens on it.
    pub sleeps: Vec<(WorldMs, WorldMs)>,
    /// When it has no network, and whether its apps are told.
    pub offline: Vec<(WorldMs, WorldMs, bool)>,
    /// Its processes.
    pub lanes: Vec<LanePlan>,
}

/// One process, from its installation on.
#[derive(Debug, Clone)]
pub struct LanePlan {
    /// Its settings.
    pub config: Config,
    /// What happens to it, ascending.
    pub acts: Vec<(WorldMs, Act)>,
}

/// One thing that happens to a process.
#[derive(Debug, Clone)]
pub enum Act {
    /// The app says something.
    Call(Said),
    /// The person leaves.
    Reset,
    /// The person chooses.
    Consent(Vec<(&'static str, Choice)>),
    /// The browser says how it stands.
    Privacy {
        /// Global Privacy Control.
        gpc: bool,
        /// Do Not Track.
        dnt: bool,
    },
    /// The app sets its context; one that no collector takes, if `bad`.
    Context {
        /// Which of several.
        number: u64,
        /// Whether it is nested too deeply.
        bad: bool,
    },
    /// The app or its network changes.
    Life(Lifecycle),
    /// The process ends; a new one starts so much later, in milliseconds.
    Die(Death, u64),
    /// Something in storage changes by itself, and the process ends.
    Rot,
    /// Whether the disk is full from now on.
    DiskFull(bool),
}

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const CATEGORIES: [&str; 2] = ["analytics", "ads"];

impl Plan {
    /// The world of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed, 1);
        let active_ms = rng.magnitude(2 * MINUTE, 4 * DAY);
        let mut number = 0;
        let devices = (0..*rng.pick(&[1, 1, 2, 3]))
            .map(|_| device(active_ms, &mut number, &mut rng))
            .collect();
        let collector = match rng.range(0, 9) {
            0 => (rng.count(900, 6_000), 2_500),
            1 => (1 << 20, rng.count(1, 30)),
            _ => (1 << 20, 2_500),
        };
        let host = HostPlan {
            write_ms_max: *rng.pick(&[0, 0, 5, 50, 1_000]),
            die_writing: *rng.pick(&[0, 0, 5, 30]),
            power_cuts: *rng.pick(&[0, 200]),
            sync_always: rng.per_mille(300),
        };
        Self { devices, weather: weather(active_ms, &mut rng), collector, active_ms, host }
    }
}

fn weather(active_ms: u64, rng: &mut Rng) -> Weather {
    let mut weather = Weather {
        transit_ms_max: *rng.pick(&[50, 2_000, 20_000, 60_000]),
        until: active_ms,
        ..Weather::default()
    };
    if rng.per_mille(100) {
        return weather;
    }
    for (fault, _) in Fault::NAMES {
        let common = fault != Fault::Gone;
        if common && rng.per_mille(250) {
            weather.rates.push((fault, *rng.pick(&[10, 50, 150, 400])));
        }
        if common && rng.per_mille(60) {
            let from = rng.range(0, active_ms);
            let to = from + rng.magnitude(10_000, active_ms.max(20_000));
            weather.storms.push((from, to, fault));
        }
    }
    if rng.per_mille(60) {
        weather.rates.push((Fault::Gone, 50));
    }
    weather
}

fn device(active_ms: u64, number: &mut u64, rng: &mut Rng) -> DevicePlan {
    let offsets = [0, 0, 40, -900, 90_000, -600_000, 3 * 86_400_000, -400 * 86_400_000];
    let mut jumps = Vec::new();
    if rng.per_mille(300) {
        for _ in 0..rng.range(1, 3) {
            let by = *rng.pick(&[86_400_000, -86_400_000, 3_600_000, -500, 120_000]);
            jumps.push((rng.range(0, active_ms), by));
        }
        jumps.sort_unstable();
    }
    let clocks = Clocks {
        offset_ms: *rng.pick(&offsets),
        drift_ppm: *rng.pick(&[0, 0, 20, -20, 80, -90]),
        jumps,
        boots: Vec::new(),
    };
    let mut spans = |chance, longest: u64| {
        let mut spans: Vec<(u64, u64)> = Vec::new();
        if rng.per_mille(chance) {
            for _ in 0..rng.range(1, 4) {
                let from = rng.range(0, active_ms);
                spans.push((from, from + rng.magnitude(1_000, longest)));
            }
        }
        spans.sort_unstable();
        spans
    };
    let sleeps = spans(200, 6 * HOUR);
    let offline = spans(350, active_ms.clamp(2_000, 2 * DAY));
    let offline = offline.into_iter().map(|(from, to)| (from, to, rng.per_mille(600))).collect();
    let lanes = (0..*rng.pick(&[1, 1, 1, 2])).map(|_| lane(active_ms, number, rng)).collect();
    DevicePlan { clocks, sleeps, offline, lanes }
}

fn config(rng: &mut Rng) -> Config {
    let mut config = if rng.per_mille(500) { Config::web() } else { Config::native() };
    if rng.per_mille(400) {
        config.queue_events_max = rng.count(8, 50);
    }
    if rng.per_mille(100) {
        config.queue_bytes_max = rng.count(4_000, 40_000);
    }
    if rng.per_mille(200) {
        config.waiting_events_max = rng.count(2, 20);
        config.waiting_bytes_max = rng.count(1_500, 20_000);
    }
    if rng.per_mille(400) {
        config.batch_events = rng.count(1, 30);
        config.batch_age_ms = rng.magnitude(200, 120_000);
        config.batch_events_max = rng.count(1, 100);
    }
    if rng.per_mille(200) {
        config.batch_bytes_max = rng.count(700, 9_000);
    }
    if rng.per_mille(150) {
        config.queue_age_max_ms = rng.magnitude(MINUTE, 12 * HOUR);
    }
    if rng.per_mille(200) {
        config.leaving_batches_max = rng.count(0, 3);
    }
    if rng.per_mille(150) {
        config.sampling = vec![("Sampled".to_owned(), *rng.pick(&[0.0, 0.3, 0.5, 1.0]))];
    }
    if rng.per_mille(350) {
        let categories = CATEGORIES.iter().take(rng.count(0, 2));
        config.consent_required = categories.map(|c| (*c).to_owned()).collect();
        config.consent_by_event = vec![
            ("Exempt".to_owned(), Vec::new()),
            ("Product Viewed".to_owned(), vec!["ads".to_owned()]),
        ];
        let meanings = [PrivacySignal::Ignore, PrivacySignal::Record, PrivacySignal::Deny];
        config.gpc = *rng.pick(&meanings);
        config.dnt = *rng.pick(&meanings);
    }
    config
}

fn lane(active_ms: u64, number: &mut u64, rng: &mut Rng) -> LanePlan {
    let config = config(rng);
    let mut acts = Vec::new();
    let bad = *rng.pick(&[0, 0, 30, 300]);
    let servers = rng.per_mille(150);
    let mut call = |at: u64, rng: &mut Rng| {
        *number += 1;
        (at, Act::Call(Said::random(*number, bad, servers, rng)))
    };
    let early = if rng.per_mille(300) { rng.range(1, 12) } else { 0 };
    acts.extend((0..early).map(|_| call(0, rng)));
    let bursts = rng.range(1, 12);
    for _ in 0..bursts {
        let mut at = rng.range(0, active_ms);
        let pause = rng.magnitude(5, 30_000);
        for _ in 0..rng.magnitude(1, 40) {
            at = (at + rng.range(0, pause)).min(active_ms);
            acts.push(call(at, rng));
        }
    }
    if rng.per_mille(20) {
        flood(rng.range(0, active_ms), number, &mut acts, rng);
    }
    let consents = !config.consent_required.is_empty() || !config.consent_by_event.is_empty();
    if consents {
        choices(active_ms, &mut acts, rng);
    }
    let mut some = |chance: u64, most: u64, act: &mut dyn FnMut(&mut Rng) -> Act| {
        if rng.per_mille(chance) {
            for _ in 0..rng.range(1, most) {
                let at = rng.range(0, active_ms);
                let act = act(rng);
                acts.push((at, act));
            }
        }
    };
    some(200, 3, &mut |_| Act::Reset);
    some(500, 3, &mut |rng| Act::Context { number: rng.range(1, 3), bad: rng.per_mille(30) });
    some(600, 6, &mut |rng| {
        let (front, back) = (Lifecycle::Foreground, Lifecycle::Background);
        Act::Life(*rng.pick(&[front, back, back, Lifecycle::Flush]))
    });
    some(450, 4, &mut |rng| {
        let how = if rng.per_mille(250) { Death::PowerCut } else { Death::Kill };
        Act::Die(how, rng.magnitude(50, 8 * HOUR))
    });
    some(50, 2, &mut |_| Act::Rot);
    some(120, 2, &mut |_| Act::DiskFull(true));
    some(120, 2, &mut |_| Act::DiskFull(false));
    acts.sort_by_key(|(at, _)| *at);
    LanePlan { config, acts }
}

/// An app that says far more at once than a batch holds; sometimes nothing that can be taken.
fn flood(at: WorldMs, number: &mut u64, acts: &mut Vec<(WorldMs, Act)>, rng: &mut Rng) {
    let hopeless = *rng.pick(&[None, Some(Shape::Deep), Some(Shape::Fields)]);
    for _ in 0..700 {
        *number += 1;
        let mut said = Said::random(*number, 0, false, rng);
        if let Some(shape) = hopeless {
            // An alias of somebody without a device has nothing to give up.
            let alias = shape == Shape::Fields;
            said.kind = if alias { Kind::Alias } else { Kind::Track };
            said.name = if alias { format!("user-{number}") } else { "Deep".to_owned() };
            said.about = alias.then(|| "person-1".to_owned());
            said.shape = shape;
        }
        acts.push((at, Act::Call(said)));
    }
}

/// What the person chooses in the course of time.
fn choices(active_ms: u64, acts: &mut Vec<(WorldMs, Act)>, rng: &mut Rng) {
    for _ in 0..rng.range(0, 4) {
        let at = if rng.per_mille(300) { 0 } else { rng.range(0, active_ms) };
        let mut chosen = Vec::new();
        for category in CATEGORIES {
            if rng.per_mille(650) {
                let choice = if rng.per_mille(650) { Choice::Granted } else { Choice::Denied };
                chosen.push((category, choice));
            }
        }
        acts.push((at, Act::Consent(chosen)));
    }
    if rng.per_mille(250) {
        let signal = Act::Privacy { gpc: rng.per_mille(600), dnt: rng.per_mille(300) };
        acts.push((rng.range(0, active_ms), signal));
    }
}
