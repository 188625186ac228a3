//! The part of the grammar between the parentheses of a function, and paths.
use super::ast::{Aggregate, Events, Function, Kind, Path, Spanned, Window};
use super::diagnostic::{Fault, Span};
use super::limits::{WINDOW_MS_MAX, WINDOW_MS_MIN};
use super::parse::{Parser, quoted};
use super::token::TokenKind;
use super::word;
use crate::zone::Unit;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

impl Parser {
    /// A function's name, `(`, what it takes, `)`.
    pub(super) fn call(&mut self, name: &str) -> Result<Kind, Fault> {
        let name_span = self.take().span;
        let opened = self.take().span;
        let function = Function::ALL.into_iter().find(|f| f.name() == name);
        let kind = match (function, name) {
            (Some(Function::Exists), _) if !self.at_events() => {
                let operand = self.deeper(Self::operand)?;
                Kind::Present(Box::new(operand))
            }
            (Some(function), _) => Kind::Aggregate(self.aggregate(function, name_span)?),
            (None, "segment") => self.segment()?,
            (None, "sequence") => Kind::Sequence(self.sequence()?),
            (None, "sessions") => Kind::Sessions(self.sessions()?),
            (None, "ratio") => self.ratio()?,
            (None, "bucket") => self.bucket()?,
            (None, _) => return Err(unknown_function(name_span, name)),
        };
        self.close(")", opened)?;
        Ok(kind)
    }

    fn at_events(&self) -> bool {
        matches!(self.peek(), TokenKind::Text(_) | TokenKind::Symbol("["))
    }

    fn aggregate(&mut self, function: Function, function_span: Span) -> Result<Aggregate, Fault> {
        let property = self.property(function)?;
        let events = if function.defaults_to_any() && !self.at_events() {
            Events::Any
        } else {
            self.events()?
        };
        let mut predicate = None;
        let mut step_ms = None;
        let mut window = Spanned { span: function_span, value: Window::Lifetime };
        loop {
            let start = self.span();
            if self.at_word("where") && predicate.is_none() {
                self.take();
                predicate = Some(Box::new(self.any()?));
            } else if self.at_window() && window.value == Window::Lifetime {
                let value = self.window()?;
                window = Spanned { span: start.to(self.last_span()), value };
            } else if function.step_word().is_some_and(|w| self.at_word(w)) && step_ms.is_none() {
                self.take();
                let value = self.window_length()?;
                step_ms = Some(Spanned { span: start.to(self.last_span()), value });
            } else if self.at_symbol("->") {
                let message = "`->` stands between the steps of a sequence";
                let fault = Fault::new(start, message, "not expected here");
                return Err(fault.help("write sequence(\"A\" -> \"B\" within 1h)"));
            } else if self.at_symbol(")") || self.peek() == &TokenKind::End {
                break;
            } else {
                return Err(self.expected("`where`, `within` or `)`"));
            }
        }
        let aggregate =
            Aggregate { function, function_span, property, events, predicate, window, step_ms };
        needs(&aggregate).map_or(Ok(aggregate), Err)
    }

    fn at_window(&self) -> bool {
        self.at_word("within")
            || self.at_word("today")
            || self.at_word("this")
            || self.at_word("in") && self.second_is("session")
            || self.at_ago()
    }

    /// `within 7d`, `between 30d and 7d ago`, `in session`, `today`, `this week`, `this month`.
    fn window(&mut self) -> Result<Window, Fault> {
        let first = self.take();
        match first.kind {
            TokenKind::Word(word) if word == "within" => Ok(Window::Within(self.window_length()?)),
            TokenKind::Word(word) if word == "in" => {
                self.take();
                Ok(Window::Session)
            }
            TokenKind::Word(word) if word == "between" => {
                let one = self.window_length()?;
                self.take();
                let other = self.window_length()?;
                let span = first.span.to(self.take().span);
                if one == other {
                    let fault = Fault::new(span, "nothing is between two equal times", "equal");
                    return Err(fault.help("write for example `between 30d and 7d ago`"));
                }
                Ok(Window::Ago { from: one.max(other), to: one.min(other) })
            }
            TokenKind::Word(word) if word == "today" => Ok(Window::Calendar(Unit::Day)),
            _ if self.take_word("week") => Ok(Window::Calendar(Unit::Week)),
            _ if self.take_word("month") => Ok(Window::Calendar(Unit::Month)),
            _ if self.at_word("day") => {
                let fault = Fault::new(self.span(), "this day is `today`", "not a window");
                Err(fault.help("write `today`"))
            }
            _ => Err(self.expected("`week` or `month` after `this`")),
        }
    }

    /// `sessions()` or `sessions(within 7d)`.
    fn sessions(&mut self) -> Result<Option<i64>, Fault> {
        if self.at_symbol(")") {
            return Ok(None);
        }
        if !self.take_word("within") {
            let fault = self.expected("`within` or `)`");
            return Err(fault.or_help("`sessions` counts sessions: write sessions(within 7d)"));
        }
        self.window_length().map(Some)
    }

    fn ratio(&mut self) -> Result<Kind, Fault> {
        let above = self.deeper(Self::operand)?;
        if !self.take_symbol(",") {
            return Err(self.expected("`,` and what to divide by"));
        }
        let below = self.deeper(Self::operand)?;
        Ok(Kind::Ratio(Box::new(above), Box::new(below)))
    }

    fn bucket(&mut self) -> Result<Kind, Fault> {
        match self.peek().clone() {
            TokenKind::Text(salt) => {
                self.take();
                Ok(Kind::Bucket(salt))
            }
            _ => {
                let fault = self.expected("a text that tells this draw from others");
                Err(fault.or_help("write for example bucket(\"spring-test\") < 10"))
            }
        }
    }

    /// The `p of` of `sum(p of "E")`.
    fn property(&mut self, function: Function) -> Result<Option<Spanned<Path>>, Fault> {
        let name = function.name();
        let is_path = matches!(self.peek(), TokenKind::Word(_) | TokenKind::Name(_));
        if !function.takes_property() {
            if !is_path {
                return Ok(None);
            }
            if function.defaults_to_any() && (self.at_word("where") || self.at_window()) {
                return Ok(None);
            }
            if self.at_word("where") || self.at_word("within") {
                return Err(self.expected("the name of an event in quotes"));
            }
            let path = self.path()?;
            if self.at_word("of") {
                let message = format!("`{name}` counts events, it takes no property");
                let fault = Fault::new(path.span, message, "not needed");
                return Err(
                    fault.help("use sum, min, max, avg, first, last or distinct for a property")
                );
            }
            let written = joined(&path.value);
            let fault = Fault::new(path.span, "the name of an event goes in quotes", "a bare name");
            return Err(fault.help(format!("write {name}({})", quoted(&written))));
        }
        if !is_path {
            let message = format!("`{name}` needs a property of the event");
            let fault = Fault::new(self.span(), message, "expected a property and `of`");
            return Err(fault.help(format!("write {name}(price of \"Event\")")));
        }
        let path = self.path()?;
        if !self.take_word("of") {
            return Err(self.expected("`of` and the name of an event"));
        }
        Ok(Some(path))
    }

    /// `"E"`, `"*"` or `["A", "B"]`.
    pub(super) fn events(&mut self) -> Result<Events, Fault> {
        let opened = self.span();
        let mut names = Vec::new();
        if self.take_symbol("[") {
            loop {
                names.push(self.event()?);
                if !self.take_symbol(",") || self.at_symbol("]") {
                    break;
                }
            }
            self.close("]", opened)?;
        } else {
            names.push(self.event()?);
        }
        if names.iter().any(|name| name == "*") {
            return Ok(Events::Any);
        }
        names.sort_unstable();
        names.dedup();
        Ok(Events::Named(names))
    }

    fn event(&mut self) -> Result<String, Fault> {
        match self.peek().clone() {
            TokenKind::Text(name) if name.is_empty() => {
                let fault = Fault::new(self.span(), "an event has a name", "empty");
                Err(fault.help("write \"*\" for any event"))
            }
            TokenKind::Text(name) => {
                self.take();
                Ok(name)
            }
            TokenKind::Word(w) => {
                let fault = self.expected("the name of an event in quotes");
                Err(fault.or_help(format!("write {}", quoted(&w))))
            }
            _ => Err(self.expected("the name of an event in quotes")),
        }
    }

    /// A duration that may be the length of a window.
    pub(super) fn window_length(&mut self) -> Result<i64, Fault> {
        let span = self.span();
        let ms = match *self.peek() {
            TokenKind::Duration(ms) => ms,
            TokenKind::Number(n) => {
                let fault = Fault::new(span, "a window needs a unit", "a bare number");
                return Err(fault.help(format!("write `{n}d` for days; units are ms s m h d w")));
            }
            _ => return Err(self.expected("a duration such as `7d`")),
        };
        #[allow(clippy::cast_possible_truncation, reason = "the scanner bounds durations by 9e15")]
        let ms = ms as i64;
        if !(WINDOW_MS_MIN..=WINDOW_MS_MAX).contains(&ms) {
            let fault =
                Fault::new(span, "a window is between 1 second and 5 years long", "outside");
            return Err(if ms < WINDOW_MS_MIN {
                fault.help("the shortest window is `1s`")
            } else {
                fault.help("the longest window is `1827d`; without `within` everything ever counts")
            });
        }
        self.take();
        Ok(ms)
    }

    /// `name { "." name }`; after a dot any word is a name.
    pub(super) fn path(&mut self) -> Result<Spanned<Path>, Fault> {
        let start = self.span();
        let mut names = alloc::vec![self.path_name()?];
        while self.take_symbol(".") {
            names.push(self.path_name()?);
        }
        Ok(Spanned { span: start.to(self.last_span()), value: Path { names } })
    }

    fn path_name(&mut self) -> Result<Spanned<String>, Fault> {
        match self.peek().clone() {
            TokenKind::Word(value) | TokenKind::Name(value) => {
                let span = self.take().span;
                Ok(Spanned { span, value })
            }
            _ => Err(self.expected("a name")),
        }
    }
}

/// The names with dots between them.
pub(super) fn joined(path: &Path) -> String {
    let names: Vec<&str> = path.names.iter().map(|name| name.value.as_str()).collect();
    names.join(".")
}

/// What an aggregate lacks, or has too much.
fn needs(aggregate: &Aggregate) -> Option<Fault> {
    let (function, window) = (aggregate.function, &aggregate.window);
    let name = function.name();
    let example = format!("for example: {}", function.example());
    if let (Some(word), None) = (function.step_word(), &aggregate.step_ms) {
        let message = format!("`{name}` needs `{word}` and a duration");
        return Some(Fault::new(aggregate.function_span, message, "incomplete").help(example));
    }
    let is_within = matches!(window.value, Window::Within(_));
    match function {
        Function::Periods | Function::FirstTime | Function::Stopped | Function::Resumed
            if !is_within =>
        {
            let message = format!("`{name}` needs `within` and a duration");
            Some(Fault::new(window.span, message, "no such window").help(example))
        }
        Function::Streak if window.value != Window::Lifetime => {
            let message = "a streak reaches back from today and takes no window";
            Some(Fault::new(window.span, message, "not needed").help(example))
        }
        Function::DaysActive if matches!(window.value, Window::Ago { .. } | Window::Session) => {
            let message = "`days_active` looks at whole days up to now";
            Some(Fault::new(window.span, message, "not this window").help(example))
        }
        _ => None,
    }
}

fn unknown_function(span: Span, name: &str) -> Fault {
    let known = Function::ALL.iter().map(|f| f.name()).chain(word::OTHER_FUNCTIONS);
    Fault::new(span, format!("unknown function `{name}`"), "not a function").near(name, known)
}
