//! The rule language as text.
use super::calendar::rfc3339;
use super::rule::{Decimal, Fold, Literal, Op, Rule, Select, Step, Term, Window};
use std::fmt::{self, Display, Formatter};

impl Display for Decimal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let whole = self.0.unsigned_abs() / 1_000_000;
        let fraction = format!("{:06}", self.0.unsigned_abs() % 1_000_000);
        match fraction.trim_end_matches('0') {
            "" => write!(f, "{sign}{whole}"),
            fraction => write!(f, "{sign}{whole}.{fraction}"),
        }
    }
}

/// A span of time in the largest unit that divides it.
struct Span(i64);

impl Display for Span {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        const UNITS: [(i64, &str); 5] =
            [(604_800_000, "w"), (86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")];
        match UNITS.iter().find(|(unit, _)| self.0 % unit == 0) {
            Some((unit, name)) => write!(f, "{}{name}", self.0 / unit),
            None => write!(f, "{}ms", self.0),
        }
    }
}

/// Text in quotes.
struct Quoted<'a>(&'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let escaped = |c: char| match c {
            '"' => "\\\"".to_owned(),
            '\\' => "\\\\".to_owned(),
            '\n' => "\\n".to_owned(),
            // Either way of writing it is the same text.
            c if !c.is_ascii() => format!("\\u{{{:x}}}", u32::from(c)),
            c => c.to_string(),
        };
        write!(f, "\"{}\"", self.0.chars().map(escaped).collect::<String>())
    }
}

/// A path; names with other characters than words have stand between backticks.
struct Path<'a>(&'a str);

impl Display for Path<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = |name: &str| {
            let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            if plain { name.to_owned() } else { format!("`{name}`") }
        };
        f.write_str(&self.0.split('.').map(name).collect::<Vec<_>>().join("."))
    }
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => Quoted(text).fmt(f),
            Self::Bool(value) => value.fmt(f),
            Self::Span(ms) => Span(*ms).fmt(f),
            Self::Instant(at) => Quoted(&rfc3339(*at)).fmt(f),
        }
    }
}

impl Display for Op {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Eq => "==",
            Self::Ne => "!=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
        })
    }
}

impl Display for Fold {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sum => "sum",
            Self::Min => "min",
            Self::Max => "max",
            Self::Avg => "avg",
            Self::Distinct => "distinct",
            Self::First => "first",
            Self::Last => "last",
        })
    }
}

impl Display for Window {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => Ok(()),
            Self::Within(ms) => write!(f, "within {}", Span(*ms)),
            // The two may be written in either order.
            Self::Ago { older, newer } if older % 7 < newer % 7 => {
                write!(f, "between {} and {} ago", Span(*newer), Span(*older))
            }
            Self::Ago { older, newer } => {
                write!(f, "between {} and {} ago", Span(*older), Span(*newer))
            }
            Self::Session => f.write_str("in session"),
            Self::Today => f.write_str("today"),
            Self::Week => f.write_str("this week"),
            Self::Month => f.write_str("this month"),
        }
    }
}

fn events(names: &[String]) -> String {
    match names {
        [] => "\"*\"".to_owned(),
        [name] => Quoted(name).to_string(),
        names => {
            let names: Vec<String> = names.iter().map(|n| Quoted(n).to_string()).collect();
            format!("[{}]", names.join(", "))
        }
    }
}

/// What follows the events, the window first if the condition cannot swallow it either way.
fn parts(select: &Select, first: String) -> String {
    let mut parts: Vec<String> = Some(first).filter(|f| !f.is_empty()).into_iter().collect();
    let window = Some(select.window.to_string()).filter(|w| !w.is_empty());
    let condition = select.condition.as_ref().map(|c| format!("where {c}"));
    // Either order means the same; which one is taken depends on the text, so that both occur.
    let swapped = condition.as_ref().is_some_and(|c| c.len() % 3 == 0);
    let (second, third) = if swapped { (window, condition) } else { (condition, window) };
    parts.extend(second);
    parts.extend(third);
    parts.join(" ")
}

impl Display for Select {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&parts(self, events(&self.names)))
    }
}

/// A selection whose events default to any.
fn defaulting(select: &Select) -> String {
    let named = !select.names.is_empty() || select.condition.is_some();
    parts(select, if named { events(&select.names) } else { String::new() })
}

impl Display for Term {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(literal) => literal.fmt(f),
            Self::Property(path) => Path(path).fmt(f),
            Self::Trait(path) => write!(f, "trait.{}", Path(path)),
            Self::Context(area, path) => write!(f, "{}.{}", area.word(), Path(path)),
            Self::Session(field) => write!(f, "session.{field}"),
            Self::Engagement => f.write_str("score.engagement"),
            Self::Now => f.write_str("now"),
            Self::Bucket(salt) => write!(f, "bucket({})", Quoted(salt)),
            Self::Count(select) => write!(f, "count({select})"),
            Self::Fold(fold, path, select) => write!(f, "{fold}({} of {select})", Path(path)),
            Self::TimeSince(select) => write!(f, "time_since({select})"),
            Self::TimeSinceFirst(select) => write!(f, "time_since_first({select})"),
            Self::DaysActive(select) => write!(f, "days_active({})", defaulting(select)),
            Self::Sessions(None) => f.write_str("sessions()"),
            Self::Sessions(Some(ms)) => write!(f, "sessions(within {})", Span(*ms)),
            Self::Streak(select) => write!(f, "streak({})", defaulting(select)),
            Self::Periods(select, every, count) => {
                write!(f, "periods({select} every {} within {})", Span(*every), Span(every * count))
            }
            Self::Ratio(one, other) => write!(f, "ratio({one}, {other})"),
        }
    }
}

impl Display for Step {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.forbidden {
            f.write_str("no ")?;
        }
        f.write_str(&events(&self.names))?;
        if let Some(condition) = &self.condition {
            write!(f, " where {condition}")?;
        }
        if !self.same.is_empty() {
            let paths: Vec<String> = self.same.iter().map(|p| Path(p).to_string()).collect();
            let comma = if self.condition.is_none() { "," } else { "" };
            write!(f, "{comma} same({})", paths.join(", "))?;
        }
        if let Some(ms) = self.within_ms {
            write!(f, " within {}", Span(ms))?;
        }
        Ok(())
    }
}

impl Display for Rule {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(rules) => join(f, rules, " and ", |r| matches!(r, Self::Or(_))),
            Self::Or(rules) => join(f, rules, " or ", |_| false),
            Self::Not(rule) if matches!(**rule, Self::And(_) | Self::Or(_)) => {
                write!(f, "not ({rule})")
            }
            Self::Not(rule) => write!(f, "not {rule}"),
            Self::Is(term) => term.fmt(f),
            Self::Compare(term, op, other) => write!(f, "{term} {op} {other}"),
            Self::In(term, literals) => {
                let literals: Vec<String> = literals.iter().map(ToString::to_string).collect();
                write!(f, "{term} in [{}]", literals.join(", "))
            }
            Self::Contains(term, literal) => write!(f, "{term} contains {literal}"),
            Self::StartsWith(term, text) => write!(f, "{term} starts with {}", Quoted(text)),
            Self::EndsWith(term, text) => write!(f, "{term} ends with {}", Quoted(text)),
            Self::Matches(term, pattern) => write!(f, "{term} matches {}", Quoted(pattern.text)),
            Self::Between(term, low, high) => write!(f, "{term} between {low} and {high}"),
            Self::Present(term) => write!(f, "exists({term})"),
            Self::Exists(select) => write!(f, "exists({select})"),
            Self::FirstTime(select) => write!(f, "first_time({select})"),
            Self::Stopped(select) => write!(f, "stopped({select})"),
            Self::Resumed(select, after) => {
                let gap = format!("after {}", Span(*after));
                write!(f, "resumed({})", resumed(select, &gap))
            }
            Self::Sequence(steps) => {
                let steps: Vec<String> = steps.iter().map(ToString::to_string).collect();
                write!(f, "sequence({})", steps.join(" -> "))
            }
            Self::Segment(key) => write!(f, "segment({})", Quoted(key)),
        }
    }
}

/// The events, then the gap, then the window.
fn resumed(select: &Select, gap: &str) -> String {
    let before = Select { window: Window::All, ..select.clone() };
    format!("{before} {gap} {}", select.window)
}

fn join(
    f: &mut Formatter<'_>,
    rules: &[Rule],
    word: &str,
    wrapped: fn(&Rule) -> bool,
) -> fmt::Result {
    for (index, rule) in rules.iter().enumerate() {
        if index > 0 {
            f.write_str(word)?;
        }
        if wrapped(rule) { write!(f, "({rule})")? } else { rule.fmt(f)? }
    }
    Ok(())
}
