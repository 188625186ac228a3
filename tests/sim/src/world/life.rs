//! What the persons of a world do, and how it arrives: late, early, twice, shuffled.
use crate::oracle::Rules;
use crate::oracle::event::{Event, Kind, Props, Val};
use crate::rng::Rng;
use std::collections::BTreeSet;
use std::sync::Arc;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// The most that an event may lie ahead of its receipt; admission clamps what is beyond.
const FUTURE_MS_MAX: i64 = 5 * MINUTE_MS;
/// First moment of every world: 2024-01-01T00:00:00Z, so that days of months stay readable.
const EPOCH_MS: i64 = 1_704_067_200_000;

/// How events reach the collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// As they happen, each with a delay of its own.
    Live,
    /// As history: receipt is event time, and the order is a little mixed up.
    Imported,
    /// As history in no order at all. Devices do not name users here: what a device and its user
    /// sent apart is only joined if the link arrives within the lateness.
    Shuffled,
}

impl Style {
    /// A style for a world with these rules. Engaged time is not shuffled: beyond the lateness a
    /// view is only remembered for a while, which the tests of limits assert by themselves.
    pub(super) fn generate(rng: &mut Rng, rules: &Rules) -> Self {
        match rng.range(0, 9) {
            0 => Self::Imported,
            1 if rules.engaged_second == 0.0 => Self::Shuffled,
            _ => Self::Live,
        }
    }
}

/// All arrivals of a world, in order.
pub(super) fn generate(rng: &mut Rng, rules: &Rules, style: Style) -> Vec<Event> {
    let days = if has_caps(rules) { 2 } else { *rng.pick(&[1, 3, 10, 30]) };
    let mut life = Life {
        rng,
        rules,
        style,
        span_ms: days * DAY_MS,
        taken: BTreeSet::new(),
        events: Vec::new(),
        views: 0,
    };
    let persons = life.rng.range(1, 3);
    for person in 0..persons {
        for device in 0..life.rng.range(1, 3) {
            life.live_on(person, &format!("d{person}-{device}").into(), persons);
        }
        life.serve(&format!("p{person}").into());
    }
    let events = life.events;
    deliver(rng, events, rules, style)
}

/// Whether the score has caps, which settle once a day is older than the lateness. Such worlds are
/// shorter than the lateness and hold nothing too late; what happens beyond is asserted by itself,
/// in the tests of limits.
fn has_caps(rules: &Rules) -> bool {
    rules.weights.iter().any(|weight| weight.cap_per_day.is_some())
}

fn deliver(rng: &mut Rng, events: Vec<Event>, rules: &Rules, style: Style) -> Vec<Event> {
    let lateness_ms = rules.lateness_ms;
    let kinds = if has_caps(rules) { 25..=99 } else { 0..=99 };
    let mut arrivals = Vec::new();
    for mut event in events {
        let copies = if rng.chance(10) { 2 } else { 1 };
        for _ in 0..copies {
            event.received = match (style, rng.range(*kinds.start(), *kinds.end())) {
                (Style::Imported | Style::Shuffled, _) => event.at,
                (Style::Live, _) if event.link().is_some() => event.at + rng.range(0, 5000),
                (Style::Live, 0..10) => event.at + rng.range(lateness_ms, lateness_ms * 2),
                (Style::Live, 10..15) => event.at + lateness_ms + rng.range(-2, 2),
                (Style::Live, 25..40) => event.at + rng.range(0, lateness_ms / 2),
                (Style::Live, 40..50) => event.at - rng.range(0, FUTURE_MS_MAX),
                (Style::Live, _) => event.at + rng.range(0, 5000),
            };
            arrivals.push(event.clone());
        }
    }
    match style {
        Style::Live => arrivals.sort_by_key(|e| e.received),
        Style::Imported => {
            arrivals.sort_by_cached_key(|e| e.at + rng.range(0, lateness_ms / 2));
        }
        Style::Shuffled => {
            for last in (1..arrivals.len()).rev() {
                arrivals.swap(last, rng.index(last + 1));
            }
        }
    }
    arrivals
}

/// Which ids a device sends.
struct Sender {
    user: Option<Arc<str>>,
    device: Option<Arc<str>>,
}

struct Life<'a> {
    rng: &'a mut Rng,
    rules: &'a Rules,
    style: Style,
    span_ms: i64,
    taken: BTreeSet<i64>,
    events: Vec<Event>,
    views: u64,
}

impl Life<'_> {
    /// Everything one device does in its visits.
    fn live_on(&mut self, person: i64, device: &Arc<str>, persons: i64) {
        let visits = self.rng.range(1, 7);
        let mut starts: Vec<i64> =
            (0..visits).map(|_| EPOCH_MS + self.rng.range(0, self.span_ms)).collect();
        starts.sort_unstable();
        let numbered = self.rng.chance(70);
        let keeps_user = self.rng.chance(60) && self.style != Style::Shuffled;
        let mut links_in = self.rng.range(-1, visits);
        let mut sender = Sender { user: None, device: Some(device.clone()) };
        if self.rng.chance(10) {
            sender.user = Some(format!("p{person}").into());
            links_in = -1;
        }
        let mut at = 0;
        let mut seq = 0;
        for (visit, start) in (0..).zip(starts) {
            at = start.max(at + 1);
            let from = self.events.len();
            if visit == links_in {
                self.identify(&sender, person, at);
                if keeps_user {
                    sender.user = Some(format!("p{person}").into());
                }
            } else if visit > links_in && links_in >= 0 && self.rng.chance(8) {
                let other = self.rng.range(0, persons - 1);
                self.identify(&sender, other, at);
            } else if self.rng.chance(15) {
                let traits = self.traits();
                self.push(&sender, Kind::Identify, ("", traits, Props::new()), at);
            }
            at = self.visit(&sender, at, numbered);
            for event in &mut self.events[from..] {
                seq += 1;
                event.seq = numbered.then_some(seq);
            }
        }
    }

    fn identify(&mut self, sender: &Sender, person: i64, at: i64) {
        let user = Some(format!("p{person}").into());
        let sender = Sender { user, device: sender.device.clone() };
        let (kind, traits) = if self.rng.chance(25) {
            (Kind::Alias, Props::new())
        } else {
            (Kind::Identify, self.traits())
        };
        self.push(&sender, kind, ("", traits, Props::new()), at);
    }

    /// What a server of the shop reports about a person, without any device.
    fn serve(&mut self, user: &Arc<str>) {
        let sender = Sender { user: Some(user.clone()), device: None };
        for _ in 0..self.rng.range(0, 3) {
            let at = EPOCH_MS + self.rng.range(0, self.span_ms);
            if self.rng.chance(50) {
                let traits = self.traits();
                self.push(&sender, Kind::Identify, ("", traits, Props::new()), at);
            } else {
                let props = self.shop_props("Order Completed");
                self.push(&sender, Kind::Track, ("Order Completed", props, Props::new()), at);
            }
        }
    }

    /// One visit from `at` on; gives the time of its last event.
    fn visit(&mut self, sender: &Sender, at: i64, may_tie: bool) -> i64 {
        let mut at = at;
        let mut last = at;
        let busy = if self.rng.chance(10) { 40 } else { 8 };
        let mut context = self.arrival_context();
        for _ in 0..self.rng.range(1, busy) {
            at += self.pause();
            let count = self.events.len();
            match self.rng.range(0, 9) {
                0..4 => self.page(sender, std::mem::take(&mut context), at),
                4 => {
                    let name = vec![("name", Val::text(self.rng.word(&["Home", "Basket"])))];
                    self.push(sender, Kind::Screen, ("Screen Viewed", name, vec![]), at);
                }
                _ => {
                    let name = self.rng.word(super::rules::SHOP_EVENTS);
                    let props = self.shop_props(name);
                    self.push(sender, Kind::Track, (name, props, Props::new()), at);
                }
            }
            at = self.events.last().map_or(at, |e| e.at);
            if may_tie && self.rng.chance(5) && self.events.len() > count {
                let props = self.shop_props("Product Added");
                self.push(sender, Kind::Track, ("Product Added", props, Props::new()), at);
                self.tie(at);
            }
            last = at;
        }
        last
    }

    /// Puts the latest event at the same time as the one before it.
    fn tie(&mut self, at: i64) {
        if let Some(event) = self.events.last_mut() {
            self.taken.remove(&event.at);
            event.at = at;
        }
    }

    fn pause(&mut self) -> i64 {
        let idle = self.rules.idle_ms;
        match self.rng.range(0, 19) {
            0 => idle,
            1 => idle + 1,
            2 => self.rng.range(idle / 2, idle * 2),
            3..7 => self.rng.range(1, idle),
            _ => self.rng.range(1, MINUTE_MS),
        }
    }

    /// A page view and some reports of how long it was looked at.
    fn page(&mut self, sender: &Sender, mut context: Props, at: i64) {
        let url = format!("https://shop.example/{}", self.rng.word(&["", "shoes", "bags", "cart"]));
        let page = vec![("url", Val::text(&url))];
        match context.iter_mut().find(|(key, _)| *key == "page") {
            Some((_, Val::Map(inner))) => inner.extend(page.clone()),
            _ => context.push(("page", Val::Map(page.clone()))),
        }
        if self.rng.chance(5) {
            context.retain(|(key, _)| *key != "campaign");
            context.push(self.campaign());
        }
        self.push(sender, Kind::Page, ("Page Viewed", page, context), at);
        self.views += 1;
        let view = format!("v{}", self.views);
        let mut engaged_ms = 0;
        let mut at = at;
        for _ in 0..self.rng.range(0, 2) {
            at += self.rng.range(1, 5 * MINUTE_MS);
            engaged_ms += self.rng.range(0, 20_000);
            let props = vec![("view_id", Val::text(&view)), ("engaged_ms", Val::Int(engaged_ms))];
            self.push(sender, Kind::Track, ("Page Engaged", props, Props::new()), at);
        }
    }

    fn arrival_context(&mut self) -> Props {
        let mut context = Props::new();
        if self.rng.chance(30) {
            context.push(self.campaign());
        }
        if self.rng.chance(40) {
            let from = self.rng.word(&["https://search.example/", "https://news.example/a"]);
            context.push(("page", Val::Map(vec![("referrer", Val::text(from))])));
        }
        context
    }

    fn campaign(&mut self) -> (&'static str, Val) {
        let name = self.rng.word(&["spring", "autumn"]);
        let inner = vec![("name", Val::text(name)), ("source", Val::text("newsletter"))];
        ("campaign", Val::Map(inner))
    }

    /// Traits of which each may be missing or empty.
    fn traits(&mut self) -> Props {
        let plan = Val::text(self.rng.word(&["free", "pro", "team"]));
        let age = Val::Int(self.rng.range(18, 80));
        let vip = Val::Bool(self.rng.chance(50));
        let city = Val::text(self.rng.word(&["Lyon", "Lille", "Nantes"]));
        let city = Val::Map(vec![("city", city)]);
        self.thinned(vec![("plan", plan), ("age", age), ("vip", vip), ("address", city)])
    }

    /// Properties of which each may be missing or empty.
    fn shop_props(&mut self, name: &str) -> Props {
        let price = self.price();
        let total = self.price();
        let product = format!("sku-{}", self.rng.range(1, 6));
        let tags = self.rng.range(0, 2);
        let tags = (0..tags).map(|_| Val::text(self.rng.word(&["new", "sale"]))).collect();
        let gift = self.rng.chance(50);
        let mixed = if gift { Val::text("12") } else { Val::Int(12) };
        let mut props = vec![
            ("product_id", Val::text(&product)),
            ("category", Val::text(self.rng.word(&["shoes", "bags", "hats"]))),
            ("price", price),
            ("quantity", Val::Int(self.rng.range(-2, 5))),
            ("gift", Val::Bool(gift)),
            ("tags", Val::List(tags)),
            ("cart", Val::Map(vec![("total", total)])),
            ("mixed", mixed),
        ];
        if name.starts_with("Order") {
            let key = if gift { "revenue" } else { "total" };
            props.push((key, self.price()));
        }
        self.thinned(props)
    }

    #[allow(clippy::cast_precision_loss, reason = "prices are small")]
    fn price(&mut self) -> Val {
        if self.rng.chance(30) {
            Val::Int(self.rng.range(0, 120))
        } else {
            Val::Float(self.rng.range(0, 12_000) as f64 / 100.0)
        }
    }

    fn thinned(&mut self, mut props: Props) -> Props {
        props.retain(|_| !self.rng.chance(10));
        for (_, value) in &mut props {
            if self.rng.chance(6) {
                *value = Val::Null;
            }
        }
        props
    }

    /// Adds an event at the first free moment from `at` on.
    fn push(&mut self, sender: &Sender, kind: Kind, what: (&str, Props, Props), at: i64) {
        let mut at = at;
        while !self.taken.insert(at) {
            at += 1;
        }
        let (name, props, context) = what;
        self.events.push(Event {
            kind,
            message: u64::try_from(self.events.len()).expect("few events"),
            user: sender.user.clone(),
            device: sender.device.clone(),
            at,
            received: at,
            seq: None,
            name: name.into(),
            props,
            context,
        });
    }
}
