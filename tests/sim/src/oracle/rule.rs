//! The rule language as a tree. It prints itself as rule text, see `print`.
//!
//! The engine reads the text, the oracle walks the tree, so the two share no parser and no
//! evaluation.
use super::pattern::Pattern;

/// A whole number of millionths; prints as a decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal(pub i64);

/// What something is compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// A number.
    Number(Decimal),
    /// Text.
    Text(String),
    /// A truth value.
    Bool(bool),
    /// A span of time, in milliseconds.
    Span(i64),
    /// An instant, in milliseconds since the epoch; printed as a date.
    Instant(i64),
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
}

/// Which time an aggregate looks at. Times in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// Everything ever.
    All,
    /// From so long ago, without that moment, to now.
    Within(i64),
    /// From so long ago, without that moment, to the nearer moment, which belongs to it.
    Ago {
        /// The far end.
        older: i64,
        /// The near end.
        newer: i64,
    },
    /// The latest session.
    Session,
    /// The current local day.
    Today,
    /// The current local week, from Monday.
    Week,
    /// The current local month.
    Month,
}

/// Which events an aggregate looks at.
#[derive(Debug, Clone, PartialEq)]
pub struct Select {
    /// Names; empty for any event.
    pub names: Vec<String>,
    /// What must hold of the event.
    pub condition: Option<Box<Rule>>,
    /// When it must have happened.
    pub window: Window,
}

/// What an aggregate makes of the property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fold {
    /// Total of the numbers.
    Sum,
    /// Smallest number.
    Min,
    /// Largest number.
    Max,
    /// Mean of the numbers.
    Avg,
    /// How many different values.
    Distinct,
    /// The earliest value.
    First,
    /// The latest value.
    Last,
}

/// What the latest context said of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Area {
    /// The device.
    Device,
    /// Its operating system.
    Os,
    /// The application.
    App,
    /// The place.
    Geo,
    /// The campaign.
    Campaign,
    /// What the person agreed to.
    Consent,
}

/// Something that has a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Term {
    /// What it says.
    Literal(Literal),
    /// A property of the event at hand; only inside a `where`.
    Property(String),
    /// A trait of the person.
    Trait(String),
    /// What the latest context that names it says.
    Context(Area, String),
    /// A field of the person's latest session.
    Session(&'static str),
    /// The engagement score.
    Engagement,
    /// The instant itself.
    Now,
    /// The person's place from 0 to 99.99 under a salt.
    Bucket(String),
    /// How many events.
    Count(Select),
    /// Something made of a property of events.
    Fold(Fold, String, Select),
    /// Time since the latest event.
    TimeSince(Select),
    /// Time since the earliest event.
    TimeSinceFirst(Select),
    /// How many local days have such an event.
    DaysActive(Select),
    /// How many sessions have an event in the last so many milliseconds, or at all.
    Sessions(Option<i64>),
    /// How many local days in a row have such an event, up to today or yesterday.
    Streak(Select),
    /// How many periods of so many milliseconds, of so many back from now, have such an event.
    Periods(Select, i64, i64),
    /// One number divided by another.
    Ratio(Box<Term>, Box<Term>),
}

/// One step of a sequence.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Whether there must be no such event.
    pub forbidden: bool,
    /// Names; empty for any event.
    pub names: Vec<String>,
    /// What must hold of the event.
    pub condition: Option<Box<Rule>>,
    /// How soon.
    pub within_ms: Option<i64>,
    /// Properties that are the same in all events of the sequence.
    pub same: Vec<String>,
}

/// A condition.
#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    /// All of them.
    And(Vec<Rule>),
    /// Any of them.
    Or(Vec<Rule>),
    /// Not.
    Not(Box<Rule>),
    /// The value is `true`.
    Is(Term),
    /// A comparison.
    Compare(Term, Op, Term),
    /// One of a list.
    In(Term, Vec<Literal>),
    /// Text holds text, or a list holds a value.
    Contains(Term, Literal),
    /// Text begins so.
    StartsWith(Term, String),
    /// Text ends so.
    EndsWith(Term, String),
    /// Text looks so.
    Matches(Term, &'static Pattern),
    /// Between two values, both included.
    Between(Term, Term, Term),
    /// The value is not missing.
    Present(Term),
    /// There is such an event.
    Exists(Select),
    /// The first such event ever is in the window.
    FirstTime(Select),
    /// There is such an event, but none in the window.
    Stopped(Select),
    /// There is such an event in the window that came after a gap of at least so long.
    Resumed(Select, i64),
    /// Events in this order.
    Sequence(Vec<Step>),
    /// The person is in another segment.
    Segment(String),
}

/// A segment: a rule and what stands beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// Its key.
    pub key: String,
    /// Who is in it.
    pub when: Rule,
    /// Who leaves it; without it, for whom `when` is false.
    pub exit: Option<Rule>,
    /// The shortest stay, in milliseconds.
    pub min_stay_ms: i64,
    /// How many hundredths of a percent are held out of it.
    pub holdout: u16,
    /// The purpose to which one must have agreed.
    pub requires_consent: Option<String>,
}

impl Segment {
    /// A segment that is nothing but its rule.
    #[must_use]
    pub fn plain(key: &str, when: Rule) -> Self {
        Self {
            key: key.to_owned(),
            when,
            exit: None,
            min_stay_ms: 0,
            holdout: 0,
            requires_consent: None,
        }
    }

    /// Whether who is in it depends on who was in it.
    #[must_use]
    pub fn has_memory(&self) -> bool {
        self.exit.is_some() || self.min_stay_ms > 0
    }

    /// Its rules.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        std::iter::once(&self.when).chain(&self.exit)
    }
}

impl Select {
    /// All events of one name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self { names: vec![name.to_owned()], condition: None, window: Window::All }
    }

    /// The same events of the last so many milliseconds.
    #[must_use]
    pub fn within(self, ms: i64) -> Self {
        Self { window: Window::Within(ms), ..self }
    }

    /// The same events that satisfy a condition.
    #[must_use]
    pub fn having(self, condition: Rule) -> Self {
        Self { condition: Some(Box::new(condition)), ..self }
    }
}

impl From<Literal> for Term {
    fn from(literal: Literal) -> Self {
        Self::Literal(literal)
    }
}

impl Op {
    /// Whether an ordering satisfies it.
    #[must_use]
    pub fn holds(self, ordering: std::cmp::Ordering) -> bool {
        match self {
            Self::Eq => ordering.is_eq(),
            Self::Ne => ordering.is_ne(),
            Self::Lt => ordering.is_lt(),
            Self::Le => ordering.is_le(),
            Self::Gt => ordering.is_gt(),
            Self::Ge => ordering.is_ge(),
        }
    }

    /// Whether it asks for more than being equal.
    #[must_use]
    pub fn needs_order(self) -> bool {
        !matches!(self, Self::Eq | Self::Ne)
    }
}

impl Area {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Device, Self::Os, Self::App, Self::Geo, Self::Campaign, Self::Consent];

    /// Its word in the language.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Os => "os",
            Self::App => "app",
            Self::Geo => "geo",
            Self::Campaign => "campaign",
            Self::Consent => "consent",
        }
    }

    /// Where it lies in the context of an event.
    #[must_use]
    pub fn place(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Os => "os",
            Self::App => "app",
            Self::Geo => "location",
            Self::Campaign => "campaign",
            Self::Consent => "consent.categoryPreferences",
        }
    }
}
