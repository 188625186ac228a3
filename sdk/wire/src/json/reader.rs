//! A cursor over JSON text: one token or one skipped value at a time.
use super::scan;
use super::unescape::unescape;
use crate::verdict::{Code, Fault};
use alloc::borrow::Cow;
use alloc::string::String;
use core::ops::Range;

/// Reads forward only; a copy is a bookmark.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    text: &'a str,
    at: usize,
}

/// Text between two quotes, as written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Token<'a> {
    pub(crate) inner: &'a str,
    pub(crate) escaped: bool,
}

/// A value that is neither text nor a container.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Scalar {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
}

impl<'a> Token<'a> {
    /// The text meant.
    pub(crate) fn text(self) -> Result<Cow<'a, str>, Code> {
        if !self.escaped {
            return Ok(Cow::Borrowed(self.inner));
        }
        let mut plain = String::with_capacity(self.inner.len());
        unescape(self.inner, &mut plain)?;
        Ok(Cow::Owned(plain))
    }
}

impl<'a> Reader<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    #[inline(always)]
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    #[inline(always)]
    pub(crate) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    #[inline(always)]
    pub(crate) fn advance(&mut self) {
        self.at += 1;
    }

    /// Passes over `text` if it stands here, and says where it lay.
    #[inline(always)]
    pub(crate) fn pass(&mut self, text: &str) -> Option<Range<usize>> {
        let rest = self.text.as_bytes().get(self.at..)?;
        if !rest.starts_with(text.as_bytes()) {
            return None;
        }
        let start = self.at;
        self.at += text.len();
        Some(start..self.at)
    }

    /// The text of a range that this reader gave out.
    #[inline(always)]
    pub(crate) fn slice(&self, range: Range<usize>) -> &'a str {
        self.text.get(range).unwrap_or_default()
    }

    #[inline(always)]
    pub(crate) fn fault(&self, code: Code) -> Fault {
        Fault { code, at: self.at.min(self.text.len()) }
    }

    /// Skips white space and says what follows.
    #[inline(always)]
    pub(crate) fn next_byte(&mut self) -> Option<u8> {
        loop {
            match self.peek() {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                other => return other,
            }
        }
    }

    #[inline(always)]
    pub(crate) fn expect(&mut self, byte: u8) -> Result<(), Fault> {
        if self.next_byte() != Some(byte) {
            return Err(self.fault(Code::InvalidJson));
        }
        self.at += 1;
        Ok(())
    }

    /// Reads the text that starts here with its opening quote.
    #[inline(always)]
    pub(crate) fn string(&mut self) -> Result<Token<'a>, Fault> {
        self.expect(b'"')?;
        let start = self.at;
        let stop = scan::text_stop(self.text.as_bytes(), start);
        if self.text.as_bytes().get(stop) == Some(&b'"') {
            self.at = stop + 1;
            return Ok(Token { inner: self.slice(start..stop), escaped: false });
        }
        // Handed over by value: a reader whose address never leaves lives in registers.
        let (token, at) = escaped_string(self.text, start, stop)?;
        self.at = at;
        Ok(token)
    }

    /// Visits the pairs of the object that starts here. `visit` gets the key's bytes and must read
    /// exactly the value.
    #[inline(always)]
    pub(crate) fn object(
        &mut self,
        mut visit: impl FnMut(&[u8], &mut Self) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.expect(b'{')?;
        if self.next_byte() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.next_byte();
            let key = self.string()?;
            self.expect(b':')?;
            self.next_byte();
            if key.escaped {
                let key = key.text().map_err(|code| self.fault(code))?;
                visit(key.as_bytes(), self)?;
            } else {
                visit(key.inner.as_bytes(), self)?;
            }
            match self.next_byte() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return Err(self.fault(Code::InvalidJson)),
            }
        }
        self.at += 1;
        Ok(())
    }

    /// Passes over one value and says where it lay. Only the balance of brackets and quotes is
    /// looked at, not which bracket closes which, so the place where a broken value ends does not
    /// depend on how it is broken.
    #[inline(always)]
    pub(crate) fn skip_value(&mut self) -> Result<Range<usize>, Fault> {
        let start = self.at;
        match self.peek() {
            Some(b'{' | b'[') => self.at = container_end(self.text.as_bytes(), self.at)?,
            Some(b'"') => self.at = text_end(self.text.as_bytes(), self.at + 1)?,
            _ => {
                while let Some(b) = self.peek()
                    && !matches!(b, b',' | b']' | b'}' | b':' | b'"' | b'{' | b'[' | ..=b' ')
                {
                    self.at += 1;
                }
                if self.at == start {
                    return Err(self.fault(Code::InvalidJson));
                }
            }
        }
        Ok(start..self.at)
    }

    /// Reads a number, a truth value, null, or one of the words that stand for no number.
    #[inline(always)]
    pub(crate) fn scalar(&mut self) -> Result<Scalar, Fault> {
        let (scalar, at) = match self.peek() {
            Some(b'0'..=b'9') => number(self.text, self.at)?,
            _ => word(self.text, self.at)?,
        };
        self.at = at;
        Ok(scalar)
    }
}

/// Reads on after the first `stop` in text that is not plain.
#[cold]
fn escaped_string(text: &str, start: usize, mut stop: usize) -> Result<(Token<'_>, usize), Fault> {
    let bytes = text.as_bytes();
    loop {
        match bytes.get(stop) {
            Some(b'"') => break,
            Some(b'\\') => stop = scan::text_stop(bytes, stop + 2),
            _ => return Err(Fault { code: Code::InvalidJson, at: stop.min(bytes.len()) }),
        }
    }
    let inner = text.get(start..stop).unwrap_or_default();
    Ok((Token { inner, escaped: true }, stop + 1))
}

/// Where the container that starts at `at` ends.
fn container_end(bytes: &[u8], mut at: usize) -> Result<usize, Fault> {
    let mut depth = 0_usize;
    while let Some(byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'"' => at = text_end(bytes, at)?,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return Ok(at);
                }
            }
            _ => {}
        }
    }
    Err(Fault { code: Code::InvalidJson, at: bytes.len() })
}

/// Where the text ends whose opening quote lies before `at`.
#[inline(always)]
fn text_end(bytes: &[u8], mut at: usize) -> Result<usize, Fault> {
    loop {
        at = scan::quote_or_backslash(bytes, at);
        match bytes.get(at) {
            Some(b'"') => return Ok(at + 1),
            Some(_) => at += 2,
            None => return Err(Fault { code: Code::InvalidJson, at: bytes.len() }),
        }
    }
}

fn word(text: &str, at: usize) -> Result<(Scalar, usize), Fault> {
    let rest = text.as_bytes().get(at..).unwrap_or_default();
    for (word, meaning) in WORDS {
        if rest.starts_with(word) {
            return Ok((meaning, at + word.len()));
        }
    }
    if rest.first() == Some(&b'-') {
        return number(text, at);
    }
    Err(Fault { code: Code::InvalidJson, at: at.min(text.len()) })
}

/// The last three are no JSON, but what Python and JavaScript programs write.
const WORDS: [(&[u8], Scalar); 6] = [
    (b"true", Scalar::Bool(true)),
    (b"false", Scalar::Bool(false)),
    (b"null", Scalar::Null),
    (b"NaN", Scalar::Null),
    (b"Infinity", Scalar::Null),
    (b"-Infinity", Scalar::Null),
];

fn number(text: &str, start: usize) -> Result<(Scalar, usize), Fault> {
    let bytes = text.as_bytes();
    let byte = |at: usize| bytes.get(at).copied();
    let negative = byte(start) == Some(b'-');
    let whole_start = start + usize::from(negative);
    let mut value = 0;
    let mut at = digits(bytes, whole_start, &mut value)?;
    let whole_digits = at - whole_start;
    if whole_digits > 1 && byte(whole_start) == Some(b'0') {
        return Err(Fault { code: Code::InvalidJson, at });
    }
    let mut fraction_digits = 0;
    let mut exponent = false;
    if byte(at) == Some(b'.') {
        let end = digits(bytes, at + 1, &mut value)?;
        fraction_digits = end - at - 1;
        at = end;
    }
    if let Some(b'e' | b'E') = byte(at) {
        exponent = true;
        let sign = usize::from(matches!(byte(at + 1), Some(b'+' | b'-')));
        at = digits(bytes, at + 1 + sign, &mut 0)?;
    }
    let scalar = if exponent {
        wide_number(text, start..at, Written::WithFraction)?
    } else if fraction_digits == 0 && whole_digits <= I64_DIGITS_SAFE {
        let whole = i64::try_from(value).expect("18 digits fit an i64");
        Scalar::Int(if negative { -whole } else { whole })
    } else if fraction_digits == 0 {
        wide_number(text, start..at, Written::Whole)?
    } else if whole_digits + fraction_digits <= F64_DIGITS_EXACT {
        // Both operands are exact, so one division rounds once, correctly. Source: Clinger,
        // "How to read floating point numbers accurately", 1990.
        #[allow(clippy::cast_precision_loss, reason = "at most 15 digits: below 2^53")]
        let value = value as f64 / POWERS_OF_TEN[fraction_digits];
        Scalar::Float(if negative { -value } else { value })
    } else {
        wide_number(text, start..at, Written::WithFraction)?
    };
    Ok((scalar, at))
}

#[derive(PartialEq)]
enum Written {
    Whole,
    WithFraction,
}

#[cold]
fn wide_number(text: &str, span: Range<usize>, written: Written) -> Result<Scalar, Fault> {
    let at = span.end;
    let text = text.get(span).unwrap_or_default();
    if written == Written::Whole
        && let Ok(value) = text.parse()
    {
        return Ok(Scalar::Int(value));
    }
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(Scalar::Float(value)),
        _ => Err(Fault { code: Code::NumberOutOfRange, at }),
    }
}

/// Passes over one or more digits, adding them to `value` (wrapping: the caller looks at how many
/// there were), and says where they end.
#[inline(always)]
fn digits(bytes: &[u8], start: usize, value: &mut u64) -> Result<usize, Fault> {
    let mut at = start;
    while let Some(digit @ b'0'..=b'9') = bytes.get(at) {
        *value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        at += 1;
    }
    if at == start { Err(Fault { code: Code::InvalidJson, at }) } else { Ok(at) }
}

/// Any number of so many digits fits an i64.
const I64_DIGITS_SAFE: usize = 18;
/// Any number of so many digits is an exact f64.
const F64_DIGITS_EXACT: usize = 15;
const POWERS_OF_TEN: [f64; F64_DIGITS_EXACT + 1] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
