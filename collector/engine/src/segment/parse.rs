//! Tokens to tree, by recursive descent with a depth cap; one function per line of the grammar.
//!
//! It stops at the first fault: what follows a wrong token is guesswork. It knows which words take
//! which kind of argument, but nothing of types or of which facts exist.
use super::ast::{CompareOp, Expr, Kind, Literal, Spanned, TextTest};
use super::diagnostic::{Fault, Span};
use super::limits::RULE_DEPTH_MAX;
use super::token::{Token, TokenKind, tokens};
use super::word;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

type Parsed<T> = Result<T, Fault>;

/// Reads a whole rule.
pub(super) fn parse(text: &str) -> Parsed<Expr> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0 };
    if parser.peek() == &TokenKind::End {
        let fault = Fault::new(parser.span(), "the rule is empty", "a condition is needed here");
        return Err(fault.help("for example: count(\"Product Viewed\" within 7d) >= 3"));
    }
    let rule = parser.any()?;
    match parser.peek() {
        TokenKind::End => Ok(rule),
        _ => Err(parser.expected("`and`, `or` or the end of the rule")),
    }
}

/// The tokens and how far they have been read. Aggregates are read in `parse_aggregate`.
pub(super) struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser {
    pub(super) fn peek(&self) -> &TokenKind {
        &self.tokens[self.at].kind
    }

    pub(super) fn peek_second(&self) -> &TokenKind {
        &self.tokens[(self.at + 1).min(self.tokens.len() - 1)].kind
    }

    pub(super) fn span(&self) -> Span {
        self.tokens[self.at].span
    }

    /// The place of the token that was taken last.
    pub(super) fn last_span(&self) -> Span {
        self.tokens[self.at.saturating_sub(1)].span
    }

    /// Takes the next token; the end can be taken any number of times.
    pub(super) fn take(&mut self) -> Token {
        let token = self.tokens[self.at].clone();
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        token
    }

    pub(super) fn second_is(&self, word: &str) -> bool {
        matches!(self.peek_second(), TokenKind::Word(w) if w == word)
    }

    /// Whether `between a and b ago` comes next.
    pub(super) fn at_ago(&self) -> bool {
        let is_word = |ahead: usize, word: &str| {
            let token = self.tokens.get(self.at + ahead).map(|token| &token.kind);
            matches!(token, Some(TokenKind::Word(w)) if w == word)
        };
        is_word(0, "between") && is_word(2, "and") && is_word(4, "ago")
    }

    pub(super) fn at_word(&self, word: &str) -> bool {
        matches!(self.peek(), TokenKind::Word(w) if w == word)
    }

    pub(super) fn at_symbol(&self, symbol: &str) -> bool {
        matches!(self.peek(), TokenKind::Symbol(s) if *s == symbol)
    }

    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let there = self.at_word(word);
        if there {
            self.take();
        }
        there
    }

    pub(super) fn take_symbol(&mut self, symbol: &str) -> bool {
        let there = self.at_symbol(symbol);
        if there {
            self.take();
        }
        there
    }

    pub(super) fn close(&mut self, symbol: &'static str, opened: Span) -> Parsed<()> {
        if self.take_symbol(symbol) {
            return Ok(());
        }
        if self.peek() == &TokenKind::End {
            let fault = Fault::new(opened, format!("`{symbol}` is missing"), "opened here");
            return Err(fault.help(format!("close it with `{symbol}`")));
        }
        Err(self.expected(&format!("`{symbol}`")))
    }

    /// "expected this, found that" at the next token, or "not supported yet" if it is a word of the
    /// language that has no meaning so far.
    pub(super) fn expected(&self, what: &str) -> Fault {
        let (written, label) = match self.peek() {
            TokenKind::End => ("the end of the rule".into(), "the rule ends here"),
            TokenKind::Word(w) if word::is_setting(w) => {
                let message = format!("`{w}` is a setting of the segment, not part of its rule");
                let fault = Fault::new(self.span(), message, "not expected here");
                return fault.help(format!("write it on a line of its own: {w} = …"));
            }
            TokenKind::Word(w) | TokenKind::Name(w) => (format!("`{w}`"), "not expected here"),
            TokenKind::Text(_) => ("a string".into(), "not expected here"),
            TokenKind::Number(_) => ("a number".into(), "not expected here"),
            TokenKind::Duration(_) => ("a duration".into(), "not expected here"),
            TokenKind::Symbol(s) => (format!("`{s}`"), "not expected here"),
        };
        let fault = Fault::new(self.span(), format!("expected {what}, found {written}"), label);
        match self.peek() {
            TokenKind::Word(w) => fault.near(w, word::KEYWORDS),
            TokenKind::Symbol("-") if self.at > 0 => fault.help(
                "a name with other characters than letters and digits goes between \
                            backticks: trait.`first-name`",
            ),
            _ => fault,
        }
    }

    /// Runs `read` one level deeper.
    pub(super) fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth == RULE_DEPTH_MAX {
            let message = format!("a rule nests at most {RULE_DEPTH_MAX} levels deep");
            let help = "give the inner part a key of its own and refer to it with segment(\"key\")";
            return Err(Fault::new(self.span(), message, "too deep from here on").help(help));
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }

    /// `all { "or" all }`
    pub(super) fn any(&mut self) -> Parsed<Expr> {
        self.deeper(|p| p.chain("or", Self::all, Kind::Any))
    }

    /// `not { "and" not }`
    fn all(&mut self) -> Parsed<Expr> {
        self.chain("and", Self::not, Kind::All)
    }

    fn chain(
        &mut self,
        word: &str,
        part: fn(&mut Self) -> Parsed<Expr>,
        of: fn(Vec<Expr>) -> Kind,
    ) -> Parsed<Expr> {
        let first = part(self)?;
        if !self.at_word(word) {
            return Ok(first);
        }
        let mut parts = alloc::vec![first];
        while self.take_word(word) {
            parts.push(part(self)?);
        }
        let span = parts[0].span.to(self.last_span());
        Ok(Expr { span, kind: of(parts) })
    }

    /// `"not" not | condition`
    fn not(&mut self) -> Parsed<Expr> {
        let start = self.span();
        if !self.take_word("not") {
            return self.condition();
        }
        let inner = self.deeper(Self::not)?;
        Ok(Expr { span: start.to(inner.span), kind: Kind::Not(Box::new(inner)) })
    }

    /// An operand and at most one test of it.
    fn condition(&mut self) -> Parsed<Expr> {
        let operand = self.operand()?;
        let start = operand.span;
        let kind = if let Some(op) = self.compare_op() {
            let op_span = self.take().span;
            let right = self.operand()?;
            if let Some(second) = self.compare_op() {
                let span = self.span();
                let message =
                    format!("comparisons do not chain: `{}` follows one", second.symbol());
                let fault = Fault::new(span, message, "a second comparison");
                return Err(fault.help("join two comparisons with `and`, or use `between a and b`"));
            }
            Kind::Compare { op, op_span, left: Box::new(operand), right: Box::new(right) }
        } else {
            self.word_test(operand)?
        };
        Ok(Expr { span: start.to(self.last_span()), kind })
    }

    fn compare_op(&self) -> Option<CompareOp> {
        let TokenKind::Symbol(symbol) = self.peek() else { return None };
        Some(match *symbol {
            "==" => CompareOp::Equal,
            "!=" => CompareOp::NotEqual,
            "<" => CompareOp::Less,
            "<=" => CompareOp::AtMost,
            ">" => CompareOp::Greater,
            ">=" => CompareOp::AtLeast,
            _ => return None,
        })
    }

    /// The tests that are words; the operand as it is, if none follows.
    fn word_test(&mut self, operand: Expr) -> Parsed<Kind> {
        let TokenKind::Word(word) = self.peek().clone() else { return Ok(operand.kind) };
        let how = match word.as_str() {
            // `count("A" where x in session)` could only mean the window.
            "in" if !self.second_is("session") => return self.membership(operand),
            // So could `where x between 30d and 7d ago`.
            "between" if !self.at_ago() => return self.between(operand),
            "matches" => TextTest::Matches,
            "not" if self.second_is("in") => {
                let span = self.span();
                let fault =
                    Fault::new(span, "`not` stands before the whole condition", "misplaced");
                return Err(fault.help("write `not (x in [...])`"));
            }
            "contains" => TextTest::Contains,
            "starts" => TextTest::StartsWith,
            "ends" => TextTest::EndsWith,
            _ => return Ok(operand.kind),
        };
        self.take();
        let is_two_words = matches!(how, TextTest::StartsWith | TextTest::EndsWith);
        if is_two_words && !self.take_word("with") {
            return Err(self.expected(&format!("`with` after `{word}`")));
        }
        let needle = self.literal(how.words())?;
        Ok(Kind::Text { how, operand: Box::new(operand), needle })
    }

    fn membership(&mut self, operand: Expr) -> Parsed<Kind> {
        self.take();
        let opened = self.span();
        if !self.take_symbol("[") {
            let fault = self.expected("a list such as [\"a\", \"b\"] after `in`");
            return Err(fault.or_help("values go between `[` and `]`, separated by commas"));
        }
        let mut list = Vec::new();
        while !self.at_symbol("]") {
            list.push(self.literal("a list")?);
            if !self.take_symbol(",") {
                break;
            }
        }
        self.close("]", opened)?;
        if list.is_empty() {
            let span = opened.to(self.last_span());
            return Err(Fault::new(span, "nothing is in an empty list", "no values"));
        }
        Ok(Kind::In { operand: Box::new(operand), list })
    }

    fn between(&mut self, operand: Expr) -> Parsed<Kind> {
        self.take();
        let low = self.operand()?;
        if !self.take_word("and") {
            return Err(self.expected("`and` and the upper bound of `between`"));
        }
        let high = self.operand()?;
        let (low, high) = (Box::new(low), Box::new(high));
        Ok(Kind::Between { operand: Box::new(operand), low, high })
    }

    /// A literal, a path, a call, or a whole condition between parentheses.
    pub(super) fn operand(&mut self) -> Parsed<Expr> {
        let start = self.span();
        let kind = match self.peek() {
            TokenKind::Symbol("(") => {
                self.take();
                let inner = self.any()?;
                self.close(")", start)?;
                return Ok(Expr { span: start.to(self.last_span()), kind: inner.kind });
            }
            TokenKind::Word(w) if self.peek_second() == &TokenKind::Symbol("(") => {
                let name = w.clone();
                self.call(&name)?
            }
            TokenKind::Word(w) if word::KEYWORDS.contains(&w.as_str()) && !is_truth(w) => {
                return Err(self.expected("a value or a condition"));
            }
            TokenKind::Word(w) if !is_truth(w) => Kind::Path(self.path()?.value),
            TokenKind::Name(_) => Kind::Path(self.path()?.value),
            _ => Kind::Literal(self.literal("a value or a condition")?.value),
        };
        Ok(Expr { span: start.to(self.last_span()), kind })
    }

    /// A literal; `place` says what needs one.
    fn literal(&mut self, place: &str) -> Parsed<Spanned<Literal>> {
        let start = self.span();
        let sign = if self.at_symbol("-") && is_number(self.peek_second()) {
            self.take();
            -1.0
        } else {
            1.0
        };
        let value = match self.peek().clone() {
            TokenKind::Number(n) | TokenKind::Duration(n) => Literal::Number(sign * n + 0.0),
            TokenKind::Text(text) => Literal::Text(text),
            TokenKind::Word(w) if is_truth(&w) => Literal::Bool(w == "true"),
            _ if place.starts_with("a value") => return Err(self.expected(place)),
            TokenKind::Word(w) => {
                let fault = self.expected(&format!("a literal for {place}"));
                return Err(fault.or_help(format!("text goes between double quotes: \"{w}\"")));
            }
            _ => return Err(self.expected(&format!("a literal for {place}"))),
        };
        self.take();
        Ok(Spanned { span: start.to(self.last_span()), value })
    }

    /// `segment("key")`.
    pub(super) fn segment(&mut self) -> Parsed<Kind> {
        match self.peek().clone() {
            TokenKind::Text(value) => {
                let span = self.take().span;
                Ok(Kind::Segment(Spanned { span, value }))
            }
            TokenKind::Word(w) => {
                let fault = self.expected("the key of a segment in quotes");
                Err(fault.or_help(format!("write segment(\"{w}\")")))
            }
            _ => Err(self.expected("the key of a segment in quotes")),
        }
    }
}

/// Whether a word is a truth value.
fn is_truth(word: &str) -> bool {
    matches!(word, "true" | "false")
}

fn is_number(token: &TokenKind) -> bool {
    matches!(token, TokenKind::Number(_) | TokenKind::Duration(_))
}

/// What `expected` calls a word when it offers a quoted form.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}
