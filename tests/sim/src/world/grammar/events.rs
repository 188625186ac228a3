//! Which events: names, `where`, windows.
use super::{DAY_MS, DEPTH_MAX, Grammar, HOUR_MS, MINUTE_MS, WINDOW_MS_MAX};
use crate::oracle::rule::{Fold, Literal, Op, Rule, Select, Term, Window};
use crate::world::SHOP_EVENTS;

impl Grammar<'_> {
    pub(super) fn names(&mut self) -> Vec<String> {
        match self.rng.range(0, 9) {
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
            3 => vec![self.rng.word(&["Screen Viewed", "Page Engaged", "Never Seen"]).into()],
            _ => vec![self.rng.word(SHOP_EVENTS).into()],
        }
    }

    /// Events of any time.
    fn ever(&mut self) -> Select {
        let names = self.names();
        let condition = self.filter(40);
        Select { names, condition, window: Window::All }
    }

    /// Events of the last so many milliseconds.
    pub(super) fn recent(&mut self) -> Select {
        let ever = self.ever();
        ever.within(self.span())
    }

    /// Events of any window.
    pub(super) fn select(&mut self) -> Select {
        let window = self.window();
        Select { window, ..self.ever() }
    }

    /// Events of a window that is made of whole days, or none.
    pub(super) fn daily(&mut self) -> Select {
        let window = loop {
            let window = self.drawn_window();
            if !matches!(window, Window::Ago { .. } | Window::Session) {
                break window;
            }
        };
        self.note_window(window);
        self.defaulting(window)
    }

    /// Events of any time, by default any.
    pub(super) fn ever_or_any(&mut self) -> Select {
        self.defaulting(Window::All)
    }

    fn defaulting(&mut self, window: Window) -> Select {
        if self.rng.chance(30) {
            self.saw("events by default");
            return Select { names: Vec::new(), condition: None, window };
        }
        Select { window, ..self.ever() }
    }

    fn window(&mut self) -> Window {
        let window = self.drawn_window();
        self.note_window(window);
        window
    }

    fn note_window(&mut self, window: Window) {
        self.saw(match window {
            Window::All => "lifetime",
            Window::Within(_) => "within",
            Window::Ago { .. } => "between … ago",
            Window::Session => "in session",
            Window::Today => "today",
            Window::Week => "this week",
            Window::Month => "this month",
        });
    }

    fn drawn_window(&mut self) -> Window {
        match self.rng.range(0, 20) {
            0..6 => Window::All,
            6..13 => Window::Within(self.span()),
            13 | 14 => {
                let (one, other) = (self.span(), self.span());
                let newer = one.min(other).min(WINDOW_MS_MAX - MINUTE_MS);
                Window::Ago { older: one.max(other).max(newer + MINUTE_MS), newer }
            }
            15 | 16 => Window::Session,
            17 => Window::Today,
            18 => Window::Week,
            _ => Window::Month,
        }
    }

    /// Periods: how long one is, and how many.
    pub(super) fn rhythm(&mut self) -> (i64, i64) {
        let periods = [90 * MINUTE_MS, HOUR_MS, 6 * HOUR_MS, DAY_MS, DAY_MS, 7 * DAY_MS];
        // What has a memory is replayed at each of these moments after each event.
        let count = if self.is_plain || self.rng.chance(90) { self.rng.range(1, 12) } else { 366 };
        (if count == 366 { DAY_MS } else { *self.rng.pick(&periods) }, count)
    }

    /// What stands in a `where`, in so many percent of cases.
    pub(super) fn filter(&mut self, percent: u64) -> Option<Box<Rule>> {
        self.rng.chance(percent).then(|| {
            self.saw("where");
            Box::new(self.event_rule(0))
        })
    }

    fn event_rule(&mut self, depth: u32) -> Rule {
        if depth < DEPTH_MAX && self.rng.chance(25) {
            return self.joined(depth, Self::event_rule);
        }
        match self.rng.range(0, 11) {
            0 => self.tags(),
            1 => self.mixed(),
            2 => {
                let term = Term::Property("gift".into());
                if self.rng.chance(50) {
                    self.saw("value alone");
                    return Rule::Is(term);
                }
                let value = Literal::Bool(self.rng.chance(50));
                self.compare(term, Op::Eq, value)
            }
            3 => {
                self.saw("property and property");
                let (one, other) = *self.rng.pick(&[
                    ("price", "cart.total"),
                    ("cart.total", "properties.score.x"),
                    ("quantity", "properties.score.x"),
                ]);
                let op = self.op();
                self.compare(Term::Property(one.into()), op, Term::Property(other.into()))
            }
            4 => {
                self.saw("exists(property)");
                let path = self.rng.word(&["price", "note", "context.device.type", "cart"]);
                Rule::Present(Term::Property(path.into()))
            }
            5 | 6 => {
                let path = self.rng.word(EVENT_NUMBERS);
                self.property_form(path);
                self.money_test(Term::Property(path.into()), false)
            }
            _ => {
                let path = self.rng.word(EVENT_TEXTS);
                self.property_form(path);
                self.test_of_text(Term::Property(path.into()), path)
            }
        }
    }

    fn property_form(&mut self, path: &str) {
        if path.starts_with("context.") {
            self.saw("where context.*");
        } else if path.starts_with("properties.") {
            self.saw("where properties.*");
        } else if path.contains('-') {
            self.saw("`name`");
        }
    }

    fn mixed(&mut self) -> Rule {
        self.saw("mixed types");
        let term = Term::Property("mixed".into());
        match self.rng.range(0, 3) {
            0 => self.compare(term, Op::Eq, Literal::Text("12".into())),
            3 => {
                self.saw("in");
                let list =
                    [Literal::Text("12".into()), super::values::whole(12), Literal::Bool(true)];
                let left_out = self.rng.index(list.len());
                let kept = list.into_iter().enumerate().filter(|(index, _)| *index != left_out);
                Rule::In(term, kept.map(|(_, literal)| literal).collect())
            }
            1 => self.compare(term, Op::Eq, super::values::whole(12)),
            _ => self.compare(term, Op::Ge, super::values::whole(12)),
        }
    }

    fn tags(&mut self) -> Rule {
        self.saw("contains (list)");
        let tag = match self.rng.word(&["new", "sale", "ne", ""]) {
            "" => super::values::whole(12),
            tag => Literal::Text(tag.into()),
        };
        Rule::Contains(Term::Property("tags".into()), tag)
    }

    /// A property made into one value.
    pub(super) fn folded(&mut self, fold: Fold, path: &str) -> Term {
        self.saw(match fold {
            Fold::Sum => "sum",
            Fold::Min => "min",
            Fold::Max => "max",
            Fold::Avg => "avg",
            Fold::Distinct => "distinct",
            Fold::First => "first",
            Fold::Last => "last",
        });
        Term::Fold(fold, path.into(), self.select())
    }
}

/// Texts in events.
const EVENT_TEXTS: &[&str] = &[
    "product_id",
    "category",
    "category",
    "note",
    "properties.product_id",
    "context.page.url",
    "context.device.type",
    "cut-rate",
];

/// Numbers in events.
const EVENT_NUMBERS: &[&str] =
    &["price", "quantity", "cart.total", "properties.score.x", "context.device.memory"];
