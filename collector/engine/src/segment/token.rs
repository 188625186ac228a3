//! Cuts the text of a rule into tokens that remember their place.
//!
//! It stops at the first character that cannot begin or end a token; it knows no grammar.
use super::diagnostic::{Fault, Span};
use super::limits::RULE_BYTES_MAX;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// A token and its place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) span: Span,
    pub(super) kind: TokenKind,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum TokenKind {
    /// A bare word: a keyword, a function or a name.
    Word(String),
    /// A name between backticks; never a keyword.
    Name(String),
    /// A string, unescaped.
    Text(String),
    /// A number.
    Number(f64),
    /// A number with a unit, in milliseconds.
    Duration(f64),
    /// `== != < <= > >= ( ) [ ] , . - ->`.
    Symbol(&'static str),
    /// After the last token.
    End,
}

/// The two-character symbols come first, so that the longest wins.
const SYMBOLS: [&str; 14] =
    ["==", "!=", "<=", ">=", "->", "<", ">", "(", ")", "[", "]", ",", ".", "-"];

/// Units of durations, in milliseconds.
pub(super) const UNITS: [(&str, f64); 6] = [
    ("ms", 1.0),
    ("s", 1_000.0),
    ("m", 60_000.0),
    ("h", 3_600_000.0),
    ("d", 86_400_000.0),
    ("w", 604_800_000.0),
];

/// All tokens of `text`, the last of which is [`TokenKind::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Fault> {
    if text.len() > RULE_BYTES_MAX {
        let start = text.floor_char_boundary(RULE_BYTES_MAX);
        let span = Span { start, end: text.len() };
        let message = format!("a rule has at most {RULE_BYTES_MAX} bytes");
        let help = "give parts of it keys of their own and refer to them with segment(\"key\")";
        return Err(Fault::new(span, message, "too long from here on").help(help));
    }
    let mut scanner = Scanner { text, at: 0 };
    let mut found = Vec::new();
    loop {
        let token = scanner.token()?;
        let last = token.kind == TokenKind::End;
        found.push(token);
        if last {
            return Ok(found);
        }
    }
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Scanner<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).expect("the scanner stops at character boundaries")
    }

    fn token(&mut self) -> Result<Token, Fault> {
        self.take_while(char::is_whitespace);
        let start = self.at;
        let rest = self.rest();
        let kind = match rest.chars().next() {
            None => TokenKind::End,
            Some(c) if begins_word(c) => TokenKind::Word(self.take_while(in_word).into()),
            Some(c) if c.is_ascii_digit() => self.number()?,
            Some('"') => TokenKind::Text(self.string()?),
            Some('`') => TokenKind::Name(self.name()?),
            Some(c) => match SYMBOLS.iter().find(|s| rest.starts_with(**s)) {
                Some(symbol) => {
                    self.at += symbol.len();
                    TokenKind::Symbol(symbol)
                }
                None => return Err(self.unknown(c)),
            },
        };
        Ok(Token { span: Span { start, end: self.at }, kind })
    }

    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let len = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
        self.at += len;
        rest.get(..len).expect("find gives character boundaries")
    }

    fn since(&self, start: usize) -> Span {
        Span { start, end: self.at }
    }

    fn number(&mut self) -> Result<TokenKind, Fault> {
        let start = self.at;
        self.take_while(|c| c.is_ascii_digit());
        self.fraction();
        self.exponent();
        let digits = self.text.get(start..self.at).unwrap_or_default();
        let number: f64 = digits.parse().unwrap_or(f64::INFINITY);
        if !number.is_finite() {
            let message = "this number is too large";
            return Err(Fault::new(self.since(start), message, "not a finite number"));
        }
        let unit_start = self.at;
        let unit = self.take_while(in_word);
        if unit.is_empty() {
            return Ok(TokenKind::Number(number));
        }
        let Some((_, ms)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(unknown_unit(self.since(unit_start), digits, unit));
        };
        let duration = number * ms;
        if duration > 9e15 || libm::trunc(duration) != duration {
            let message = "a duration is a whole number of milliseconds";
            return Err(Fault::new(self.since(start), message, "not a whole number"));
        }
        Ok(TokenKind::Duration(duration))
    }

    /// Takes `.` and digits; a dot without digits is left for the parser.
    fn fraction(&mut self) {
        let mut after = self.rest().chars();
        if after.next() == Some('.') && after.next().is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
            self.take_while(|c| c.is_ascii_digit());
        }
    }

    /// Takes `e` with an optional sign, if digits follow.
    fn exponent(&mut self) {
        let rest = self.rest();
        let Some(tail) = rest.strip_prefix(['e', 'E']) else { return };
        let digits = tail.strip_prefix(['+', '-']).unwrap_or(tail);
        if digits.starts_with(|c: char| c.is_ascii_digit()) {
            self.at += rest.len() - digits.len();
            self.take_while(|c| c.is_ascii_digit());
        }
    }

    fn string(&mut self) -> Result<String, Fault> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            text.push_str(self.take_while(|c| !matches!(c, '"' | '\\' | '\n')));
            match self.rest().chars().next() {
                Some('"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some('\\') => text.push(self.escape()?),
                _ => {
                    let span = Span { start, end: self.at };
                    let fault = Fault::new(span, "this string has no end", "opened here");
                    return Err(fault.help("close it with `\"`; a line break is written `\\n`"));
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, Fault> {
        let start = self.at;
        self.at += 1;
        let letter = self.rest().chars().next();
        self.at += letter.map_or(0, char::len_utf8);
        match letter {
            Some('n') => return Ok('\n'),
            Some('t') => return Ok('\t'),
            Some('r') => return Ok('\r'),
            Some(c @ ('"' | '\\' | '/')) => return Ok(c),
            Some('u') => {
                if let Some(c) = self.code_point() {
                    return Ok(c);
                }
            }
            _ => {}
        }
        let fault = Fault::new(self.since(start), "unknown escape in a string", "not an escape");
        Err(fault.help("known are \\\" \\\\ \\/ \\n \\t \\r and \\u{e9}"))
    }

    /// `{`, one to six hexadecimal digits, `}`.
    fn code_point(&mut self) -> Option<char> {
        self.at += self.rest().strip_prefix('{').map(|_| 1)?;
        let digits = self.take_while(|c| c.is_ascii_hexdigit());
        self.at += self.rest().strip_prefix('}').map(|_| 1)?;
        if digits.len() > 6 {
            return None;
        }
        u32::from_str_radix(digits, 16).ok().and_then(char::from_u32)
    }

    fn name(&mut self) -> Result<String, Fault> {
        let start = self.at;
        self.at += 1;
        let name = self.take_while(|c| !matches!(c, '`' | '\n'));
        if name.is_empty() || !self.rest().starts_with('`') {
            let fault = Fault::new(self.since(start), "this name has no end", "opened here");
            return Err(fault.help("a name with other characters goes between two backticks"));
        }
        self.at += 1;
        Ok(name.into())
    }

    fn unknown(&self, c: char) -> Fault {
        let rest = self.rest();
        let (len, help) = match c {
            '=' => (1, "write `==` to compare"),
            '!' => (1, "write `not`, or `!=` to compare"),
            '&' => (if rest.starts_with("&&") { 2 } else { 1 }, "write `and`"),
            '|' => (if rest.starts_with("||") { 2 } else { 1 }, "write `or`"),
            '\'' | '“' | '”' | '«' | '’' => {
                (c.len_utf8(), "text goes between double quotes `\"`")
            }
            '+' | '*' | '/' | '%' => (1, "the language compares values, it does no arithmetic"),
            _ => (c.len_utf8(), ""),
        };
        let span = Span { start: self.at, end: self.at + len };
        let written = rest.get(..len).unwrap_or_default();
        let fault =
            Fault::new(span, format!("`{written}` has no meaning here"), "not part of a rule");
        if help.is_empty() { fault } else { fault.help(help) }
    }
}

fn unknown_unit(span: Span, digits: &str, unit: &str) -> Fault {
    let fault = Fault::new(span, format!("unknown unit `{unit}`"), "not a unit of time");
    let meant = match unit.to_ascii_lowercase().as_str() {
        "sec" | "secs" | "second" | "seconds" => Some("s"),
        "min" | "mins" | "minute" | "minutes" => Some("m"),
        "hr" | "hrs" | "hour" | "hours" => Some("h"),
        "day" | "days" => Some("d"),
        "week" | "weeks" => Some("w"),
        other => UNITS.iter().map(|(name, _)| *name).find(|name| *name == other),
    };
    match meant {
        Some(unit) => fault.help(format!("write `{digits}{unit}`")),
        None => fault.help("units are ms, s, m (minutes), h, d and w"),
    }
}

fn begins_word(c: char) -> bool {
    c.is_alphabetic() || c == '_' || c == '$'
}

fn in_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}
