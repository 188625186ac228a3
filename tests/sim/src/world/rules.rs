//! Settings and rules drawn from the grammar, so that every form of the language is reached.
use crate::oracle::rule::{Decimal, Fold, Literal, Op, Rule, Select, Term};
use crate::oracle::{Rules, Weight};
use crate::rng::Rng;
use std::collections::BTreeMap;

/// Names of the events that carry shop properties.
pub(super) const SHOP_EVENTS: &[&str] =
    &["Product Viewed", "Product Added", "Order Completed", "Order Refunded", "Content Shared"];

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// How many segments a world has.
const SEGMENTS: usize = 6;
/// How deep `and`, `or` and `not` nest.
const DEPTH_MAX: u32 = 2;

type Forms = BTreeMap<&'static str, usize>;

/// Settings, how often each form occurs in them, and all spans of time that rules wait for.
pub(super) fn generate(rng: &mut Rng) -> (Rules, Forms, Vec<i64>) {
    let mut rules = settings(rng);
    let mut grammar = Grammar { rng, forms: Forms::new(), spans: Vec::new(), earlier: Vec::new() };
    for index in 0..SEGMENTS {
        let key = format!("s{index}");
        let rule = grammar.rule(0);
        grammar.earlier.push(key.clone());
        rules.segments.push((key, rule));
    }
    (rules, grammar.forms, grammar.spans)
}

fn settings(rng: &mut Rng) -> Rules {
    let idle_ms = *rng.pick(&[30 * MINUTE_MS, 30 * MINUTE_MS, 5 * MINUTE_MS]);
    let capped = rng.chance(40);
    let lateness_ms = if capped { 72 * HOUR_MS } else { *rng.pick(&[72 * HOUR_MS, 2 * HOUR_MS]) };
    let max_ms = *rng.pick(&[24 * HOUR_MS, 24 * HOUR_MS, HOUR_MS]);
    Rules {
        idle_ms,
        max_ms,
        lateness_ms,
        split_on_campaign: rng.chance(30),
        conversions: vec!["Order Completed".into()],
        half_life_ms: *rng.pick(&[7 * DAY_MS, 7 * DAY_MS, DAY_MS]),
        scale: *rng.pick(&[20.0, 5.0]),
        weights: weights(rng, capped),
        engaged_second: *rng.pick(&[0.0, 0.1]),
        segments: Vec::new(),
    }
}

/// Weights; `capped` ones may have caps.
fn weights(rng: &mut Rng, capped: bool) -> Vec<Weight> {
    let mut weights = Vec::new();
    let mut add = |event: &str, weight, property: Option<&str>, cap_per_day: Option<u32>| {
        let cap_per_day = cap_per_day.filter(|_| capped);
        let property = property.map(Into::into);
        weights.push(Weight { event: event.into(), weight, property, cap_per_day });
    };
    add("Product Viewed", 1.0, None, rng.chance(50).then_some(2));
    add("Product Added", 4.0, None, rng.chance(30).then_some(1));
    add("Order Completed", 0.25, rng.chance(50).then_some("price"), None);
    add("Order Refunded", -6.0, None, None);
    add("Page Viewed", 0.5, None, rng.chance(50).then_some(3));
    weights
}

struct Grammar<'a> {
    rng: &'a mut Rng,
    forms: Forms,
    spans: Vec<i64>,
    earlier: Vec<String>,
}

impl Grammar<'_> {
    fn saw(&mut self, form: &'static str) {
        *self.forms.entry(form).or_default() += 1;
    }

    fn rule(&mut self, depth: u32) -> Rule {
        if depth < DEPTH_MAX && self.rng.chance(45) {
            return match self.rng.range(0, 2) {
                0 => {
                    self.saw("and");
                    Rule::And((0..2).map(|_| self.rule(depth + 1)).collect())
                }
                1 => {
                    self.saw("or");
                    let count = self.rng.range(2, 3);
                    Rule::Or((0..count).map(|_| self.rule(depth + 1)).collect())
                }
                _ => {
                    self.saw("not");
                    Rule::Not(Box::new(self.rule(depth + 1)))
                }
            };
        }
        match self.rng.range(0, 13) {
            0..2 => {
                self.saw("exists(events)");
                Rule::Exists(self.select())
            }
            2..5 => self.count(),
            5..8 => self.fold(),
            8..10 => self.since(),
            10 => self.about(false),
            11 => self.session(),
            12 => self.score(),
            _ => self.segment(),
        }
    }

    fn segment(&mut self) -> Rule {
        if self.earlier.is_empty() {
            return self.about(false);
        }
        self.saw("segment()");
        Rule::Segment(self.rng.pick(&self.earlier).clone())
    }

    fn score(&mut self) -> Rule {
        self.saw("score.engagement");
        let op = self.order();
        let threshold = self.rng.range(1, 90);
        self.compare(Term::Engagement, op, whole(threshold))
    }

    fn count(&mut self) -> Rule {
        self.saw("count");
        let term = Term::Count(self.select());
        self.against_whole(term, 4)
    }

    fn against_whole(&mut self, term: Term, high: i64) -> Rule {
        match self.rng.range(0, 5) {
            0 => {
                self.saw("between");
                let low = self.rng.range(0, high);
                Rule::Between(term, whole(low), whole(low + self.rng.range(0, 3)))
            }
            1 => {
                self.saw("in");
                let count = self.rng.range(1, 3);
                let items = (0..count).map(|_| whole(self.rng.range(0, high))).collect();
                Rule::In(term, items)
            }
            _ => {
                let op = self.op();
                let literal = whole(self.rng.range(0, high));
                self.compare(term, op, literal)
            }
        }
    }

    fn fold(&mut self) -> Rule {
        let (fold, form) = *self.rng.pick(&[
            (Fold::Sum, "sum"),
            (Fold::Min, "min"),
            (Fold::Max, "max"),
            (Fold::Avg, "avg"),
            (Fold::Distinct, "distinct"),
            (Fold::First, "first"),
            (Fold::Last, "last"),
        ]);
        self.saw(form);
        let select = self.select();
        match fold {
            Fold::Distinct => {
                let path = self.rng.word(&["product_id", "category"]);
                let term = Term::Fold(fold, path.into(), select);
                self.against_whole(term, 4)
            }
            Fold::First | Fold::Last if self.rng.chance(70) => {
                let path = self.rng.word(TEXTS);
                let term = Term::Fold(fold, path.into(), select);
                self.text(term, path)
            }
            Fold::Sum | Fold::Min | Fold::Max | Fold::Avg | Fold::First | Fold::Last => {
                let path = self.rng.word(NUMBERS);
                let term = Term::Fold(fold, path.into(), select);
                self.number(term)
            }
        }
    }

    fn since(&mut self) -> Rule {
        let first = self.rng.chance(40);
        self.saw(if first { "time_since_first" } else { "time_since" });
        let select = self.select();
        let term = if first { Term::TimeSinceFirst(select) } else { Term::TimeSince(select) };
        if self.rng.chance(10) {
            self.saw("exists(value)");
            return Rule::Present(term);
        }
        let low = self.span();
        if self.rng.chance(15) {
            self.saw("between");
            let high = self.span();
            return Rule::Between(term, Literal::Span(low.min(high)), Literal::Span(low.max(high)));
        }
        let op = self.order();
        self.compare(term, op, Literal::Span(low))
    }

    fn session(&mut self) -> Rule {
        let field = self.rng.word(SESSION_FIELDS);
        self.saw(SESSION_FORMS[SESSION_FIELDS.iter().position(|f| *f == field).unwrap_or(0)]);
        let term = Term::Session(field);
        match field {
            "bounced" => {
                let value = Literal::Bool(self.rng.chance(50));
                self.compare(term, Op::Eq, value)
            }
            "engaged_ms" | "duration_ms" => {
                let op = self.order();
                let literal = whole(self.rng.range(0, 60_000));
                self.compare(term, op, literal)
            }
            "revenue" => self.number(term),
            "entry_page" | "exit_page" | "referrer" | "campaign" => self.text(term, field),
            _ => self.against_whole(term, 6),
        }
    }

    /// A condition on a property of an event, or else on a trait.
    fn about(&mut self, event: bool) -> Rule {
        let term = |path: &str| {
            if event { Term::Property(path.into()) } else { Term::Trait(path.into()) }
        };
        if !event {
            self.saw("trait.*");
        }
        if self.rng.chance(12) {
            self.saw("exists(value)");
            let path = if event { "price" } else { "plan" };
            return Rule::Present(term(path));
        }
        match (event, self.rng.range(0, 5)) {
            (true, 0) => self.tags(),
            (true, 1) => {
                self.saw("mixed types");
                match self.rng.range(0, 2) {
                    0 => self.compare(term("mixed"), Op::Eq, Literal::Text("12".into())),
                    1 => self.compare(term("mixed"), Op::Eq, whole(12)),
                    _ => self.compare(term("mixed"), Op::Ge, whole(12)),
                }
            }
            (_, 2) => {
                let path = if event { "gift" } else { "vip" };
                let value = Literal::Bool(self.rng.chance(50));
                self.compare(term(path), Op::Eq, value)
            }
            (true, 3) => {
                let path = self.rng.word(NUMBERS);
                self.number(term(path))
            }
            (false, 3) => self.number(term("age")),
            (true, _) => {
                let path = self.rng.word(TEXTS);
                self.text(term(path), path)
            }
            (false, _) => {
                let path = self.rng.word(&["plan", "address.city"]);
                self.text(term(path), path)
            }
        }
    }

    fn tags(&mut self) -> Rule {
        self.saw("contains (list)");
        let tag = self.rng.word(&["new", "sale", "ne"]);
        Rule::Contains(Term::Property("tags".into()), Literal::Text(tag.into()))
    }

    fn text(&mut self, term: Term, path: &str) -> Rule {
        let value = |rng: &mut Rng| {
            let values: &[&'static str] = match path {
                "product_id" => &["sku-1", "sku-2", "sku-3", "sku-9"],
                "category" => &["shoes", "bags", "hats"],
                "plan" => &["free", "pro", "team"],
                "address.city" => &["Lyon", "Lille", "Nantes"],
                "campaign" => &["spring", "autumn"],
                "referrer" => &["https://search.example/", "https://news.example/a"],
                _ => &["https://shop.example/", "https://shop.example/cart"],
            };
            rng.word(values).to_owned()
        };
        let text = value(self.rng);
        match self.rng.range(0, 5) {
            0 => {
                self.saw("in");
                let other = value(self.rng);
                Rule::In(term, vec![Literal::Text(text), Literal::Text(other)])
            }
            1 => {
                self.saw("contains (text)");
                Rule::Contains(term, Literal::Text(part(&text, 1, 3)))
            }
            2 => {
                self.saw("starts with");
                Rule::StartsWith(term, part(&text, 0, text.len() - 1))
            }
            3 => {
                self.saw("ends with");
                Rule::EndsWith(term, part(&text, text.len() - 2, text.len()))
            }
            _ => {
                let op = if self.rng.chance(60) { Op::Eq } else { Op::Ne };
                self.compare(term, op, Literal::Text(text))
            }
        }
    }

    fn number(&mut self, term: Term) -> Rule {
        let low = match self.rng.range(0, 4) {
            0..2 => self.rng.range(-2, 6) * 1_000_000,
            2 => self.rng.range(0, 120) * 1_000_000,
            _ => self.rng.range(0, 12_000) * 10_000,
        };
        if self.rng.chance(20) {
            self.saw("between");
            let high = low + self.rng.range(0, 60) * 1_000_000;
            return Rule::Between(term, decimal(low), decimal(high));
        }
        if !is_total(&term) && self.rng.chance(8) {
            self.saw("exists(value)");
            return Rule::Present(term);
        }
        let op = self.order();
        self.compare(term, op, decimal(low))
    }

    fn compare(&mut self, term: Term, op: Op, literal: Literal) -> Rule {
        self.saw(match op {
            Op::Eq => "==",
            Op::Ne => "!=",
            Op::Lt => "<",
            Op::Le => "<=",
            Op::Gt => ">",
            Op::Ge => ">=",
        });
        Rule::Compare(term, op, literal)
    }

    fn op(&mut self) -> Op {
        *self.rng.pick(&[Op::Eq, Op::Ne, Op::Lt, Op::Le, Op::Gt, Op::Ge, Op::Ge, Op::Gt])
    }

    fn order(&mut self) -> Op {
        *self.rng.pick(&[Op::Lt, Op::Le, Op::Gt, Op::Ge])
    }

    fn select(&mut self) -> Select {
        let names: Vec<String> = match self.rng.range(0, 9) {
            0 => {
                self.saw("\"*\"");
                Vec::new()
            }
            1 => {
                self.saw("[names]");
                let at = self.rng.index(SHOP_EVENTS.len() - 1);
                SHOP_EVENTS[at..at + 2].iter().map(|&n| n.into()).collect()
            }
            2 => vec!["Page Viewed".into()],
            _ => vec![self.rng.word(SHOP_EVENTS).into()],
        };
        let condition = self.rng.chance(40).then(|| {
            self.saw("where");
            Box::new(self.condition(0))
        });
        let within_ms = self.rng.chance(60).then(|| {
            self.saw("within");
            self.span()
        });
        if within_ms.is_none() {
            self.saw("lifetime");
        }
        Select { names, condition, within_ms }
    }

    /// What stands in a `where`.
    fn condition(&mut self, depth: u32) -> Rule {
        if depth < DEPTH_MAX && self.rng.chance(30) {
            return match self.rng.range(0, 2) {
                0 => Rule::And((0..2).map(|_| self.condition(depth + 1)).collect()),
                1 => Rule::Or((0..2).map(|_| self.condition(depth + 1)).collect()),
                _ => Rule::Not(Box::new(self.condition(depth + 1))),
            };
        }
        self.about(true)
    }

    fn span(&mut self) -> i64 {
        let span = match self.rng.range(0, 9) {
            0 => 1500,
            1 => 90_000,
            2 => self.rng.range(1, 20) * DAY_MS + 1,
            3..5 => self.rng.range(1, 48) * HOUR_MS,
            5 => 7 * DAY_MS,
            _ => self.rng.range(1, 30) * DAY_MS,
        };
        self.spans.push(span);
        span
    }
}

/// Whether a value is never missing, so that asking whether it exists is a mistake.
fn is_total(term: &Term) -> bool {
    matches!(term, Term::Count(_) | Term::Fold(Fold::Sum | Fold::Distinct, ..) | Term::Engagement)
}

fn whole(number: i64) -> Literal {
    decimal(number * 1_000_000)
}

fn decimal(micros: i64) -> Literal {
    Literal::Number(Decimal(micros))
}

fn part(text: &str, from: usize, to: usize) -> String {
    text.get(from..to).expect("the worlds' texts are ASCII and three long").to_owned()
}

const TEXTS: &[&str] = &["product_id", "category"];
const NUMBERS: &[&str] = &["price", "quantity", "cart.total"];
const SESSION_FIELDS: &[&str] = &[
    "events",
    "pages",
    "screens",
    "engaged_ms",
    "duration_ms",
    "conversions",
    "revenue",
    "bounced",
    "entry_page",
    "exit_page",
    "referrer",
    "campaign",
];
const SESSION_FORMS: &[&str] = &[
    "session.events",
    "session.pages",
    "session.screens",
    "session.engaged_ms",
    "session.duration_ms",
    "session.conversions",
    "session.revenue",
    "session.bounced",
    "session.entry_page",
    "session.exit_page",
    "session.referrer",
    "session.campaign",
];
