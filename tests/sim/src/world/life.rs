//! What the persons of a world do, and how it arrives: late, early, twice, shuffled.
use super::rules::Draft;
use crate::oracle::Rules;
use crate::oracle::event::{Event, Kind, Props, Val};
use crate::oracle::pattern::NOTES;
use crate::rng::Rng;
use std::collections::BTreeMap;
use std::sync::Arc;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
/// The most that an event may lie ahead of its receipt; admission clamps what is beyond.
const FUTURE_MS_MAX: i64 = 5 * MINUTE_MS;

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
pub(super) fn generate(rng: &mut Rng, draft: &Draft, style: Style) -> Vec<Event> {
    let mut life = Life {
        rng,
        draft,
        style,
        moments: Moments::default(),
        numbered: false,
        seq: 0,
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
    deliver(rng, events, &draft.rules, style)
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
    draft: &'a Draft,
    style: Style,
    moments: Moments,
    /// Whether the device at hand numbers its events.
    numbered: bool,
    /// The latest number; no two devices of a world use the same.
    seq: u64,
    events: Vec<Event>,
    views: u64,
}

impl Life<'_> {
    /// Everything one device does in its visits.
    fn live_on(&mut self, person: i64, device: &Arc<str>, persons: i64) {
        let visits = self.rng.range(1, 7);
        let mut starts: Vec<i64> = (0..visits).map(|_| self.start()).collect();
        starts.sort_unstable();
        self.numbered = self.rng.chance(70);
        let keeps_user = self.rng.chance(60) && self.style != Style::Shuffled;
        let mut links_in = self.rng.range(-1, visits);
        let mut sender = Sender { user: None, device: Some(device.clone()) };
        if self.rng.chance(10) {
            sender.user = Some(format!("p{person}").into());
            links_in = -1;
        }
        let mut at = 0;
        for (visit, start) in (0..).zip(starts) {
            at = start.max(at + 1);
            if visit == links_in {
                self.identify(&sender, person, at);
                if keeps_user {
                    sender.user = Some(format!("p{person}").into());
                }
            } else if visit > links_in && links_in >= 0 && self.rng.chance(8) {
                let other = self.rng.range(0, persons - 1);
                self.identify(&sender, other, at);
            } else if self.rng.chance(15) {
                let (traits, context) = (self.traits(), self.surroundings());
                self.push(&sender, Kind::Identify, ("", traits, context), at);
            } else if self.rng.chance(10) {
                self.join(&sender, at);
            }
            at = self.visit(&sender, at);
        }
        self.numbered = false;
    }

    /// When a visit begins: anywhere, or as long after an earlier event as some rule waits, or when
    /// a local day begins, give or take a millisecond.
    fn start(&mut self) -> i64 {
        let (epoch, end) = (self.draft.epoch, self.draft.epoch + self.draft.span_ms);
        let anywhere = self.rng.range(epoch, end);
        let spans: Vec<i64> = self.draft.waits.spans.iter().copied().collect();
        let start = match self.rng.range(0, 9) {
            0..4 if !self.events.is_empty() && !spans.is_empty() => {
                let before = self.rng.pick(&self.events).at;
                before + self.rng.pick(&spans)
            }
            4 | 5 => {
                let midnights = self.draft.rules.zone.midnights(epoch, end);
                if midnights.is_empty() { anywhere } else { *self.rng.pick(&midnights) }
            }
            6 if !self.draft.waits.instants.is_empty() => {
                let instants: Vec<i64> = self.draft.waits.instants.iter().copied().collect();
                *self.rng.pick(&instants)
            }
            _ => return anywhere,
        };
        let start = start + if self.rng.chance(40) { self.rng.range(-1, 1) } else { 0 };
        if (epoch..=end).contains(&start) { start } else { anywhere }
    }

    /// The sender joins a group, whose traits are not the sender's.
    fn join(&mut self, sender: &Sender, at: i64) {
        let name = self.rng.word(&["team-1", "team-2"]);
        let (traits, context) = (self.traits(), self.surroundings());
        self.push(sender, Kind::Group, (name, traits, context), at);
    }

    fn identify(&mut self, sender: &Sender, person: i64, at: i64) {
        let user = Some(format!("p{person}").into());
        let sender = Sender { user, device: sender.device.clone() };
        let (kind, traits, context) = if self.rng.chance(25) {
            (Kind::Alias, Props::new(), Props::new())
        } else {
            (Kind::Identify, self.traits(), self.surroundings())
        };
        self.push(&sender, kind, ("", traits, context), at);
    }

    /// What a server of the shop reports about a person, without any device.
    fn serve(&mut self, user: &Arc<str>) {
        let sender = Sender { user: Some(user.clone()), device: None };
        for _ in 0..self.rng.range(0, 3) {
            let at = self.start();
            match self.rng.range(0, 9) {
                0..4 => {
                    let (traits, context) = (self.traits(), self.surroundings());
                    self.push(&sender, Kind::Identify, ("", traits, context), at);
                }
                4 => self.join(&sender, at),
                _ => {
                    let props = self.shop_props("Order Completed", at);
                    self.push(&sender, Kind::Track, ("Order Completed", props, Props::new()), at);
                }
            }
        }
    }

    /// One visit from `at` on; gives the time of its last event.
    fn visit(&mut self, sender: &Sender, at: i64) -> i64 {
        let mut at = at;
        let mut last = at;
        let busy = if self.rng.chance(10) { 40 } else { 8 };
        let mut context = self.arrival_context();
        for index in 0..self.rng.range(1, busy) {
            // A visit that begins at a chosen moment has an event there.
            at += if index == 0 { 0 } else { self.pause() };
            match self.rng.range(0, 9) {
                0..4 => self.page(sender, std::mem::take(&mut context), at),
                4 => {
                    let name = vec![("name", Val::text(self.rng.word(&["Home", "Basket"])))];
                    let context = self.surroundings();
                    self.push(sender, Kind::Screen, ("Screen Viewed", name, context), at);
                }
                _ => self.act(sender, at),
            }
            at = self.events.last().map_or(at, |e| e.at);
            if self.numbered && self.rng.chance(8) {
                // Another at the very same time; the numbers tell which came first.
                self.act(sender, at);
                at = self.events.last().map_or(at, |e| e.at);
            }
            last = at;
        }
        last
    }

    /// Something done in the shop.
    fn act(&mut self, sender: &Sender, at: i64) {
        let name = self.rng.word(super::SHOP_EVENTS);
        let props = self.shop_props(name, at);
        let context = if self.rng.chance(20) { self.surroundings() } else { Props::new() };
        self.push(sender, Kind::Track, (name, props, context), at);
    }

    fn pause(&mut self) -> i64 {
        let idle = self.draft.rules.idle_ms;
        let short: Vec<i64> =
            self.draft.waits.spans.iter().copied().filter(|span| *span <= HOUR_MS).collect();
        match self.rng.range(0, 19) {
            0 => idle,
            1 => idle + 1,
            2 => self.rng.range(idle / 2, idle * 2),
            3..7 => self.rng.range(1, idle),
            7..13 if !short.is_empty() => *self.rng.pick(&short),
            13 => 0,
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
        if self.rng.chance(30) {
            context.extend(self.surroundings());
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

    /// What a sender says of the device, the place and the person's consent; each part may be
    /// missing, empty or nonsense. No campaign: that would begin a session.
    fn surroundings(&mut self) -> Props {
        let device = vec![
            ("type", Val::text(self.rng.word(&["phone", "tablet", "desktop"]))),
            ("memory", Val::Int(self.rng.range(1, 8))),
            ("mobile", Val::Bool(self.rng.chance(50))),
        ];
        let os = vec![("name", Val::text(self.rng.word(&["iOS", "Android", "Linux"])))];
        let app = vec![
            ("version", Val::text(self.rng.word(&["1.2.3", "1.10.0", "2.0.0"]))),
            ("build", Val::Int(self.rng.range(0, 6))),
        ];
        let location = vec![
            ("country", Val::text(self.rng.word(&["FR", "DE", "LB"]))),
            ("city", Val::text(self.rng.word(&["Lyon", "Lille", "Nantes"]))),
        ];
        let purposes = vec![
            ("analytics", Val::Bool(self.rng.chance(70))),
            ("marketing", Val::Bool(self.rng.chance(60))),
        ];
        let purposes = self.thinned(purposes);
        let parts = [
            ("device", device),
            ("os", os),
            ("app", app),
            ("location", location),
            ("consent", vec![("categoryPreferences", Val::Map(purposes))]),
        ];
        let mut said = Props::new();
        for (name, part) in parts {
            if self.rng.chance(45) {
                let mut part = if name == "consent" { part } else { self.thinned(part) };
                if self.rng.chance(4)
                    && let Some((_, value)) = part.first_mut()
                {
                    *value = Val::List(vec![value.clone()]);
                }
                said.push((name, Val::Map(part)));
            }
        }
        said
    }

    /// Traits of which each may be missing or empty.
    fn traits(&mut self) -> Props {
        let plan = Val::text(self.rng.word(&["free", "pro", "team"]));
        let age = Val::Int(self.rng.range(18, 80));
        let vip = Val::Bool(self.rng.chance(50));
        let city = Val::text(self.rng.word(&["Lyon", "Lille", "Nantes"]));
        let city = Val::Map(vec![("city", city)]);
        let name = Val::text(self.rng.word(&["Ada", "Zo\u{e9}", "abc"]));
        let favourite = Val::text(&format!("sku-{}", self.rng.range(1, 6)));
        self.thinned(vec![
            ("plan", plan),
            ("age", age),
            ("vip", vip),
            ("address", city),
            ("first-name", name),
            ("favourite", favourite),
        ])
    }

    /// Properties of which each may be missing or empty.
    fn shop_props(&mut self, name: &str, at: i64) -> Props {
        let price = self.price();
        let total = self.price();
        let product = format!("sku-{}", self.rng.range(1, 6));
        let tags = self.rng.range(0, 2);
        let tag = [Val::text("new"), Val::text("sale"), Val::Int(12), Val::Null];
        let tags = (0..tags).map(|_| self.rng.pick(&tag).clone()).collect();
        let gift = self.rng.chance(50);
        // Two of these are the same number.
        let mixed = [Val::text("12"), Val::Int(12), Val::Float(12.0), Val::Bool(true)];
        let mixed = self.rng.pick(&mixed).clone();
        let mut props = vec![
            ("product_id", Val::text(&product)),
            ("category", Val::text(self.rng.word(&["shoes", "bags", "hats"]))),
            ("price", price),
            ("quantity", Val::Int(self.rng.range(-2, 5))),
            ("gift", Val::Bool(gift)),
            ("tags", Val::List(tags)),
            ("cart", Val::Map(vec![("total", total)])),
            ("mixed", mixed),
            ("note", Val::text(self.rng.word(NOTES))),
            ("cut-rate", Val::text(self.rng.word(NOTES))),
            ("score", Val::Map(vec![("x", Val::Int(self.rng.range(0, 6)))])),
            ("until", Val::Int(at + self.rng.range(-2, 40) * HOUR_MS)),
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

    /// Adds an event at the first moment from `at` on at which it is not tied with another.
    fn push(&mut self, sender: &Sender, kind: Kind, what: (&str, Props, Props), at: i64) {
        let (name, props, context) = what;
        // Sessions cannot be split within a millisecond, so what names a campaign stands alone.
        let names_campaign = context.iter().any(|(key, _)| *key == "campaign");
        let may_share = self.numbered && sender.device.is_some() && !names_campaign;
        let at = self.moments.take(at, may_share);
        self.seq += 1;
        self.events.push(Event {
            kind,
            message: u64::try_from(self.events.len()).expect("few events"),
            user: sender.user.clone(),
            device: sender.device.clone(),
            at,
            received: at,
            seq: self.numbered.then_some(self.seq),
            name: name.into(),
            props,
            context,
        });
    }
}

/// Which moments are taken: by one event, or by several whose numbers tell their order.
#[derive(Default)]
struct Moments(BTreeMap<i64, bool>);

impl Moments {
    fn take(&mut self, at: i64, numbered: bool) -> i64 {
        let mut at = at;
        while self.0.get(&at).is_some_and(|others| !(numbered && *others)) {
            at += 1;
        }
        self.0.insert(at, numbered);
        at
    }
}
