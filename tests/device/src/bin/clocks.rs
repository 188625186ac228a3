//! Measures how well event times are corrected: `clocks [--devices N] [--seed S]`.
//!
//! Real trackers on devices with wrong and drifting clocks send through networks of every kind; the
//! real admission corrects their times. Beside it, on the same transmissions, the formula of the
//! Segment family: `timestamp + (receivedAt − sentAt)`.
#![allow(clippy::print_stdout, reason = "a command speaks to the terminal")]
use sdk_core::{Action, Config, Input, Outcome, Restored, SendId, Tracker};
use sillage_device_sim::call::{Said, canaries};
use sillage_device_sim::clock::{Clocks, EPOCH_MS, WorldMs};
use sillage_device_sim::collector::Collector;
use sillage_device_sim::net::{Answer, HOST_TIMEOUT_MS};
use sillage_device_sim::rng::Rng;
use sillage_device_sim::store::Records;
use std::collections::BTreeMap;

/// How long a request or an answer is on its way, in milliseconds.
#[derive(Clone, Copy)]
enum Way {
    LogNormal { median: f64, sigma: f64 },
    Uniform { most: u64 },
}

struct Network {
    name: &'static str,
    up: Way,
    down: Way,
    /// Both directions of one request take the same time.
    alike: bool,
    /// In a thousand: requests in a time of congestion, in which each way takes up to a minute.
    congested: u64,
}

const FAST: Way = Way::LogNormal { median: 40.0, sigma: 0.8 };
const MOBILE: Way = Way::LogNormal { median: 300.0, sigma: 1.2 };
const SLOW: Way = Way::Uniform { most: 60_000 };

const NETWORKS: [Network; 7] = [
    Network { name: "fixed line", up: FAST, down: FAST, alike: false, congested: 0 },
    Network { name: "mobile", up: MOBILE, down: MOBILE, alike: false, congested: 0 },
    Network {
        name: "mobile, alike both ways",
        up: MOBILE,
        down: MOBILE,
        alike: true,
        congested: 0,
    },
    Network {
        name: "mobile, a fifth congested",
        up: MOBILE,
        down: MOBILE,
        alike: false,
        congested: 200,
    },
    Network { name: "slow there, 0 to 60 s", up: SLOW, down: FAST, alike: false, congested: 0 },
    Network { name: "slow back, 0 to 60 s", up: FAST, down: SLOW, alike: false, congested: 0 },
    Network { name: "slow both ways, 0 to 60 s", up: SLOW, down: SLOW, alike: false, congested: 0 },
];

/// How long a device is watched, in milliseconds, and how often it starts anew meanwhile.
const LIFE_MS: u64 = 6 * 3_600_000;
const BOOTS: u64 = 4;

impl Way {
    fn draw(self, rng: &mut Rng) -> u64 {
        match self {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded")]
            Self::LogNormal { median, sigma } => {
                (median * (sigma * rng.normal()).exp()).clamp(1.0, 60_000.0) as u64
            }
            Self::Uniform { most } => rng.range(0, most),
        }
    }
}

enum Event {
    Call,
    Tick(u64),
    Arrive { id: SendId, body: Vec<u8>, timeout: WorldMs, down: u64 },
    Reply { id: SendId, answer: Option<Answer> },
    Boot,
}

/// One device and what became of its events.
struct Device<'n> {
    now: WorldMs,
    boot: u64,
    clocks: Clocks,
    network: &'n Network,
    rng: Rng,
    tracker: Tracker,
    records: Records,
    collector: Collector,
    events: BTreeMap<(WorldMs, u64), (u64, Event)>,
    order: u64,
    /// When each call was made.
    made: Vec<WorldMs>,
    /// By call: the corrected time of the collector, and that of the formula.
    corrected: BTreeMap<u64, (i64, i64)>,
}

impl<'n> Device<'n> {
    fn new(network: &'n Network, seed: u64) -> Self {
        let mut rng = Rng::new(seed, 9);
        let offsets = [0, 0, 300_000, -300_000, 40_000, -2_000, 3 * 86_400_000, -3 * 86_400_000];
        let drift_ppm = rng.range(0, 400).cast_signed() - 200;
        let clocks = Clocks {
            offset_ms: *rng.pick(&offsets),
            drift_ppm,
            jumps: Vec::new(),
            boots: Vec::new(),
        };
        let tracker = Tracker::new(Config::native(), rng.entropy(), clocks.now(0));
        let mut device = Self {
            now: 0,
            boot: 0,
            clocks,
            network,
            rng,
            tracker,
            records: Records::new(),
            collector: Collector::new(1 << 20, 2_500),
            events: BTreeMap::new(),
            order: 0,
            made: Vec::new(),
            corrected: BTreeMap::new(),
        };
        let mut at = 0;
        while at < LIFE_MS {
            device.at(at, Event::Call);
            at += device.rng.magnitude(200, 240_000);
        }
        for boot in 1..BOOTS {
            device.at(LIFE_MS * boot / BOOTS, Event::Boot);
        }
        device
    }

    fn at(&mut self, at: WorldMs, event: Event) {
        self.order += 1;
        self.events.insert((at.max(self.now), self.order), (self.boot, event));
    }

    fn live(mut self) -> Self {
        self.feed(Input::Restored(Restored::default()));
        while let Some(((at, _), (boot, event))) = self.events.pop_first() {
            if at > LIFE_MS * 2 {
                break;
            }
            self.now = at;
            self.happen(boot, event);
        }
        self
    }

    fn happen(&mut self, boot: u64, event: Event) {
        match event {
            Event::Call => {
                let number = self.made.len() as u64;
                self.made.push(self.now);
                let said = Said { number, ..Said::plain() };
                let now = self.clocks.now(self.now);
                said.with_input(|input| self.tracker.handle(now, input));
                self.drain();
            }
            Event::Boot => {
                self.boot += 1;
                // Every other time the device itself starts anew, not only the app.
                if self.boot.is_multiple_of(2) {
                    self.clocks.boots.push(self.now);
                }
                let now = self.clocks.now(self.now);
                self.tracker = Tracker::new(Config::native(), self.rng.entropy(), now);
                let records = self.records.clone().into_iter().collect();
                self.feed(Input::Restored(Restored { records, ..Restored::default() }));
            }
            Event::Arrive { id, body, timeout, down } => {
                let answer = self.arrive(&body);
                if self.now + down < timeout {
                    let answer = Some(answer);
                    self.order += 1;
                    let key = (self.now + down, self.order);
                    self.events.insert(key, (boot, Event::Reply { id, answer }));
                }
            }
            Event::Tick(mono) if boot == self.boot => {
                if self.clocks.now(self.now).mono.0 >= mono {
                    self.feed(Input::Tick);
                }
            }
            Event::Reply { id, answer } if boot == self.boot => {
                let outcome = answer.as_ref().map_or(Outcome::Lost, |answer| Outcome::Answer {
                    status: answer.status,
                    content_type: &answer.content_type,
                    retry_after: &answer.retry_after,
                    body: &answer.body,
                });
                self.feed(Input::Reply { send: id, outcome });
            }
            Event::Tick(_) | Event::Reply { .. } => {}
        }
    }

    fn arrive(&mut self, body: &[u8]) -> Answer {
        let received = self.collector.receive(self.now, body, None, &mut self.rng);
        let received = received.expect("a tracker writes JSON");
        let told: serde_json::Value = serde_json::from_slice(body).expect("read above");
        let time = |text: &serde_json::Value| {
            sillage_wire::parse_time_ms(text.as_str().unwrap_or_default()).unwrap_or_default()
        };
        let delta = EPOCH_MS + self.now.cast_signed() - time(&told["sentAt"]);
        for taken in &received.taken {
            let mut sent = told["batch"].as_array().into_iter().flatten();
            let own = sent.find(|event| event["seq"].as_u64() == taken.seq);
            let formula = own.map_or(0, |event| time(&event["timestamp"]) + delta);
            if let Some(number) = canaries(taken.props.to_string().as_bytes()).first() {
                self.corrected.insert(*number, (taken.at, formula));
            }
        }
        received.answer
    }

    fn feed(&mut self, input: Input<'_>) {
        self.tracker.handle(self.clocks.now(self.now), input);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(action) = self.tracker.poll_action() {
            match action {
                Action::Persist { key, value } => drop(self.records.insert(key, value)),
                Action::Forget { key } => drop(self.records.remove(&key)),
                Action::Send { id, body, .. } => self.send(id, body),
                Action::WakeAt(mono) => {
                    let at = self.clocks.when(mono, self.now);
                    self.at(at, Event::Tick(mono.0));
                }
                _ => {}
            }
        }
    }

    fn send(&mut self, id: SendId, body: Vec<u8>) {
        let congested = self.rng.per_mille(self.network.congested);
        let way = |way, rng: &mut Rng| if congested { SLOW.draw(rng) } else { Way::draw(way, rng) };
        let up = way(self.network.up, &mut self.rng);
        let down = way(self.network.down, &mut self.rng);
        let down = if self.network.alike { up } else { down };
        let timeout = self.now + HOST_TIMEOUT_MS;
        self.at(timeout, Event::Reply { id, answer: None });
        self.at(self.now + up, Event::Arrive { id, body, timeout, down });
    }
}

/// What a way of correcting gives: absolute errors, and pairs of neighbours in the wrong order.
#[derive(Default)]
struct Tally {
    errors: Vec<u64>,
    inverted: usize,
}

impl Tally {
    fn add(&mut self, times: &[(WorldMs, i64)]) {
        let truth = |at: WorldMs| EPOCH_MS + at.cast_signed();
        self.errors.extend(times.iter().map(|(at, time)| time.abs_diff(truth(*at))));
        self.inverted += times.windows(2).filter(|pair| pair[0].1 > pair[1].1).count();
    }

    fn at(&self, per_mille: usize) -> u64 {
        self.errors
            .get(self.errors.len().saturating_sub(1) * per_mille / 1_000)
            .copied()
            .unwrap_or(0)
    }

    fn row(&mut self) -> String {
        self.errors.sort_unstable();
        let quantiles = [500, 900, 990, 1_000].map(|q| self.at(q).to_string());
        quantiles.join(" / ")
    }
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let number = |name: &str, default: u64| {
        let at = args.iter().position(|arg| arg == name);
        at.and_then(|at| args.get(at + 1)?.parse().ok()).unwrap_or(default)
    };
    let (devices, seed) = (number("--devices", 100), number("--seed", 1));
    println!(
        "| network | events | ours p50 / p90 / p99 / max | formula | medians | inverted ours | formula |"
    );
    println!("|---|---|---|---|---|---|---|");
    for network in &NETWORKS {
        let (mut ours, mut formula) = (Tally::default(), Tally::default());
        for device in 0..devices {
            let Device { made, corrected, .. } = Device::new(network, seed * 1_000 + device).live();
            let times = |pick: fn(&(i64, i64)) -> i64| -> Vec<(WorldMs, i64)> {
                let known = corrected.iter().map(|(number, both)| (*number, pick(both)));
                known.map(|(n, time)| (made[usize::try_from(n).unwrap_or(0)], time)).collect()
            };
            ours.add(&times(|both| both.0));
            formula.add(&times(|both| both.1));
        }
        let (row, other) = (ours.row(), formula.row());
        let ratio = formula.at(500).max(1) * 100 / ours.at(500).max(1);
        let ratio = format!("{}.{:02}", ratio / 100, ratio % 100);
        let (name, events) = (network.name, ours.errors.len());
        println!(
            "| {name} | {events} | {row} | {other} | {ratio} | {} | {} |",
            ours.inverted, formula.inverted
        );
    }
}
