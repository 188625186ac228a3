//! The part of the grammar between the parentheses of a function, and paths.
use super::ast::{Aggregate, Events, Function, Kind, Path, Spanned, Window};
use super::diagnostic::{Fault, Span};
use super::limits::{WINDOW_MS_MAX, WINDOW_MS_MIN};
use super::parse::{Parser, quoted};
use super::token::TokenKind;
use super::word;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

impl Parser {
    /// A function's name, `(`, what it takes, `)`.
    pub(super) fn call(&mut self, name: &str) -> Result<Kind, Fault> {
        let name_span = self.take().span;
        if word::is_later_function(name) {
            return Err(word::not_supported(name_span, name));
        }
        let opened = self.take().span;
        let function = Function::ALL.into_iter().find(|f| f.name() == name);
        let kind = match function {
            Some(Function::Exists) if !self.at_events() => {
                let operand = self.deeper(Self::operand)?;
                Kind::Present(Box::new(operand))
            }
            Some(function) => Kind::Aggregate(self.aggregate(function, name_span)?),
            None if name == "segment" => self.segment()?,
            None => return Err(unknown_function(name_span, name)),
        };
        self.close(")", opened)?;
        Ok(kind)
    }

    fn at_events(&self) -> bool {
        matches!(self.peek(), TokenKind::Text(_) | TokenKind::Symbol("["))
    }

    fn aggregate(&mut self, function: Function, function_span: Span) -> Result<Aggregate, Fault> {
        let property = self.property(function)?;
        let events = self.events()?;
        let mut predicate = None;
        let mut window = Spanned { span: function_span, value: Window::Lifetime };
        loop {
            let start = self.span();
            if self.at_word("where") && predicate.is_none() {
                self.take();
                predicate = Some(Box::new(self.any()?));
            } else if self.at_word("within") && window.value == Window::Lifetime {
                self.take();
                let value = self.window()?;
                window = Spanned { span: start.to(self.last_span()), value };
            } else if self.at_word("between") {
                return Err(word::not_supported(start, "between … ago"));
            } else if self.at_word("in") {
                return Err(word::not_supported(start, "in session"));
            } else if self.at_symbol("->") {
                return Err(word::not_supported(start, "->"));
            } else if self.at_symbol(")") || self.peek() == &TokenKind::End {
                break;
            } else {
                return Err(self.expected("`where`, `within` or `)`"));
            }
        }
        Ok(Aggregate { function, function_span, property, events, predicate, window })
    }

    /// The `p of` of `sum(p of "E")`.
    fn property(&mut self, function: Function) -> Result<Option<Spanned<Path>>, Fault> {
        let name = function.name();
        let is_path = matches!(self.peek(), TokenKind::Word(_) | TokenKind::Name(_));
        if !function.takes_property() {
            if !is_path {
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
    fn events(&mut self) -> Result<Events, Fault> {
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

    /// What follows `within`.
    fn window(&mut self) -> Result<Window, Fault> {
        let span = self.span();
        let ms = match *self.peek() {
            TokenKind::Duration(ms) => ms,
            TokenKind::Number(n) => {
                let fault = Fault::new(span, "a window needs a unit", "a bare number");
                return Err(fault.help(format!("write `{n}d` for days; units are ms s m h d w")));
            }
            _ => return Err(self.expected("a duration such as `7d` after `within`")),
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
        Ok(Window::Within(ms))
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

fn unknown_function(span: Span, name: &str) -> Fault {
    let known = Function::ALL.iter().map(|f| f.name()).chain(["segment"]);
    Fault::new(span, format!("unknown function `{name}`"), "not a function").near(name, known)
}
