//! Strict JSON (RFC 8259), read forward, one value at a time, without recursion.
use alloc::string::String;

/// Containers that may lie in one another. Collectors take 8; this only bounds a word of bits.
const DEPTH_MAX: u32 = 64;

/// The text is no JSON, or nests too deeply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

/// A cursor over JSON text.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    text: &'a str,
    at: usize,
}

/// Whether `text` is one JSON object and nothing else. Numbers may exceed any range, and an escaped
/// lone surrogate passes: such text harms nobody else in a batch.
#[must_use]
pub fn is_object(text: &str) -> bool {
    let mut reader = Reader::new(text);
    reader.peek() == Some(b'{') && reader.value().is_ok() && reader.end().is_ok()
}

/// Whether `text` is what stands between the braces of an object, perhaps nothing.
pub(crate) fn are_members(text: &str) -> bool {
    let mut reader = Reader::new(text);
    reader.peek().is_none() || reader.members().is_ok()
}

impl<'a> Reader<'a> {
    /// Starts before the first value.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The first byte of what follows, white space left out.
    pub fn peek(&mut self) -> Option<u8> {
        while matches!(self.byte(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
        self.byte()
    }

    /// Nothing but white space follows.
    ///
    /// # Errors
    /// [`Malformed`] if something does.
    pub fn end(&mut self) -> Result<(), Malformed> {
        if self.peek().is_none() { Ok(()) } else { Err(Malformed) }
    }

    /// Passes over one value of any kind and gives its text.
    ///
    /// # Errors
    /// [`Malformed`] if it is no value.
    pub fn value(&mut self) -> Result<&'a str, Malformed> {
        let start = self.peek().map(|_| self.at).ok_or(Malformed)?;
        // One bit for each open container: whether it is an object.
        let mut objects = 0u64;
        let mut depth = 0u32;
        loop {
            match self.peek().ok_or(Malformed)? {
                open @ (b'{' | b'[') => {
                    let object = open == b'{';
                    self.at += 1;
                    if self.peek() == Some(if object { b'}' } else { b']' }) {
                        self.at += 1;
                    } else {
                        if depth == DEPTH_MAX {
                            return Err(Malformed);
                        }
                        depth += 1;
                        objects = objects << 1 | u64::from(object);
                        if object {
                            self.key()?;
                        }
                        continue;
                    }
                }
                b'"' => drop(self.raw_string()?),
                b't' => self.word("true")?,
                b'f' => self.word("false")?,
                b'n' => self.word("null")?,
                _ => self.number()?,
            }
            // A value has ended; so may its containers.
            loop {
                if depth == 0 {
                    return self.text.get(start..self.at).ok_or(Malformed);
                }
                let object = objects & 1 == 1;
                match self.peek() {
                    Some(b',') => {
                        self.at += 1;
                        if object {
                            self.key()?;
                        }
                        break;
                    }
                    Some(b'}') if object => self.at += 1,
                    Some(b']') if !object => self.at += 1,
                    _ => return Err(Malformed),
                }
                depth -= 1;
                objects >>= 1;
            }
        }
    }

    /// Reads an object; `member` gets each key as written (escapes not resolved) and must read
    /// exactly its value.
    ///
    /// # Errors
    /// [`Malformed`] if it is no object, or what `member` gives.
    pub fn object(
        &mut self,
        mut member: impl FnMut(&'a str, &mut Self) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        self.expect(b'{')?;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            let key = self.key()?;
            member(key, self)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(Malformed),
            }
        }
    }

    /// Reads a list; `item` must read exactly one value.
    ///
    /// # Errors
    /// [`Malformed`] if it is no list, or what `item` gives.
    pub fn list(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        self.expect(b'[')?;
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            item(self)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(Malformed),
            }
        }
    }

    /// Reads text.
    ///
    /// # Errors
    /// [`Malformed`] if it is none. A lone surrogate is one too here: the text could not be kept.
    pub fn string(&mut self) -> Result<String, Malformed> {
        if self.peek() != Some(b'"') {
            return Err(Malformed);
        }
        let raw = self.raw_string()?;
        let mut out = String::with_capacity(raw.len());
        let mut rest = raw.chars();
        while let Some(next) = rest.next() {
            out.push(if next == '\\' { unescape(&mut rest)? } else { next });
        }
        Ok(out)
    }

    /// Reads a whole number that is not negative.
    ///
    /// # Errors
    /// [`Malformed`] if it is none, or has a fraction or more than 64 bits.
    pub fn count(&mut self) -> Result<u64, Malformed> {
        self.value()?.parse().map_err(|_| Malformed)
    }

    /// Members up to the end of the text.
    fn members(&mut self) -> Result<(), Malformed> {
        loop {
            if self.peek() != Some(b'"') {
                return Err(Malformed);
            }
            self.key()?;
            self.value()?;
            match self.peek() {
                None => return Ok(()),
                Some(b',') => self.at += 1,
                Some(_) => return Err(Malformed),
            }
        }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn expect(&mut self, byte: u8) -> Result<(), Malformed> {
        if self.peek() != Some(byte) {
            return Err(Malformed);
        }
        self.at += 1;
        Ok(())
    }

    fn key(&mut self) -> Result<&'a str, Malformed> {
        if self.peek() != Some(b'"') {
            return Err(Malformed);
        }
        let key = self.raw_string()?;
        self.expect(b':')?;
        Ok(key)
    }

    fn word(&mut self, word: &str) -> Result<(), Malformed> {
        let rest = self.text.as_bytes().get(self.at..).ok_or(Malformed)?;
        if !rest.starts_with(word.as_bytes()) {
            return Err(Malformed);
        }
        self.at += word.len();
        Ok(())
    }

    /// What stands between two quotes, its escapes checked but not resolved.
    fn raw_string(&mut self) -> Result<&'a str, Malformed> {
        self.at += 1;
        let start = self.at;
        loop {
            match self.byte().ok_or(Malformed)? {
                b'"' => {
                    let raw = self.text.get(start..self.at);
                    self.at += 1;
                    return raw.ok_or(Malformed);
                }
                b'\\' => {
                    self.at += 1;
                    match self.byte().ok_or(Malformed)? {
                        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 1,
                        b'u' => {
                            let digits = self.text.as_bytes().get(self.at + 1..self.at + 5);
                            let digits = digits.ok_or(Malformed)?;
                            if !digits.iter().all(u8::is_ascii_hexdigit) {
                                return Err(Malformed);
                            }
                            self.at += 5;
                        }
                        _ => return Err(Malformed),
                    }
                }
                0..=0x1f => return Err(Malformed),
                _ => self.at += 1,
            }
        }
    }

    fn digits(&mut self) -> Result<(), Malformed> {
        let start = self.at;
        while self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { Err(Malformed) } else { Ok(()) }
    }

    fn number(&mut self) -> Result<(), Malformed> {
        if self.byte() == Some(b'-') {
            self.at += 1;
        }
        if self.byte() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.byte(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }
}

/// What follows a backslash, which the reader has checked.
fn unescape(rest: &mut core::str::Chars<'_>) -> Result<char, Malformed> {
    Ok(match rest.next().ok_or(Malformed)? {
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => {
            let first = hex4(rest)?;
            match char::from_u32(first) {
                Some(char) => char,
                None => {
                    // Half of a pair; the other must follow.
                    if rest.next() != Some('\\') || rest.next() != Some('u') {
                        return Err(Malformed);
                    }
                    let second = hex4(rest)?;
                    if !(0xd800..0xdc00).contains(&first) || !(0xdc00..0xe000).contains(&second) {
                        return Err(Malformed);
                    }
                    let point = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                    char::from_u32(point).ok_or(Malformed)?
                }
            }
        }
        plain => plain,
    })
}

fn hex4(rest: &mut core::str::Chars<'_>) -> Result<u32, Malformed> {
    let mut point = 0;
    for _ in 0..4 {
        let digit = rest.next().and_then(|digit| digit.to_digit(16)).ok_or(Malformed)?;
        point = point << 4 | digit;
    }
    Ok(point)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    fn check(text: &str) {
        let ours = {
            let mut reader = Reader::new(text);
            reader.value().is_ok() && reader.end().is_ok()
        };
        let theirs = serde_json::from_str::<IgnoredAny>(text).is_ok();
        assert_eq!(ours, theirs, "{text:?}");
    }

    #[test]
    fn what_is_json_is_what_serde_json_says() {
        for text in [
            "",
            " ",
            "{}",
            "[]",
            "[1,2]",
            "[1,]",
            "{\"a\":1}",
            "{\"a\":1,}",
            "{\"a\"}",
            "{a:1}",
            "nul",
            "null ",
            "truex",
            "-",
            "-0",
            "01",
            "1.",
            "1.5",
            ".5",
            "1e",
            "1e5",
            "1E+5",
            "1e-",
            "\"",
            "\"a",
            "\"\\",
            "\"\\u12\"",
            "\"\\u12zf\"",
            "\"\\x\"",
            "\"a\u{1}b\"",
            "\"é\"",
            "{\"a\":[{\"b\":null}]}",
            "[[]",
            "[}",
            "{]",
            "1 2",
            "[1 2]",
            "{\"a\":1 \"b\":2}",
            "\u{feff}1",
            "--1",
            "+1",
            "1e999",
            "\"\\ud800\"",
        ] {
            check(text);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn mixed_tokens_are_judged_as_by_serde_json(
            tokens in prop::collection::vec(prop::sample::select(vec![
                "{", "}", "[", "]", ",", ":", "\"a\"", "\"\\n\"", "1", "-0.5e3", "true", "null", " ", "\\", "\"", "0",
            ]), 0..14)
        ) {
            check(&tokens.concat());
        }

        #[test]
        fn text_is_read_as_by_serde_json(text in "\\PC*", escaped in any::<String>()) {
            for text in [serde_json::to_string(&text).unwrap(), serde_json::to_string(&escaped).unwrap()] {
                let theirs: String = serde_json::from_str(&text).unwrap();
                prop_assert_eq!(Reader::new(&text).string(), Ok(theirs));
            }
        }
    }

    #[test]
    fn members_are_what_makes_an_object_between_braces() {
        for (text, are) in [
            ("", true),
            (" ", true),
            ("\"a\":1", true),
            ("\"a\":1, \"b\":[{}]", true),
            ("\"a\":1,", false),
            ("\"a\"", false),
            ("1", false),
            ("\"a\":1}", false),
            ("\"a\":1},{\"b\":2", false),
        ] {
            assert_eq!(are_members(text), are, "{text}");
            assert_eq!(is_object(&format!("{{{text}}}")), are, "{text}");
        }
    }

    #[test]
    fn members_and_items_are_handed_out_one_by_one() {
        let mut reader =
            Reader::new(r#" {"a": 12, "b": ["x", "\ud83d\ude00"], "c": {"d": null}} "#);
        let (mut count, mut items, mut other) = (0, Vec::new(), "");
        let read = reader.object(|key, reader| match key {
            "a" => reader.count().map(|n| count = n),
            "b" => reader.list(|reader| reader.string().map(|text| items.push(text))),
            _ => reader.value().map(|text| other = text),
        });
        assert_eq!(read.and_then(|()| reader.end()), Ok(()));
        assert_eq!((count, items, other), (12, vec!["x".into(), "😀".into()], r#"{"d": null}"#));
        assert!(Reader::new(r#""\ud83d""#).string().is_err());
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| "[".repeat(depth) + "1" + &"]".repeat(depth);
        assert!(Reader::new(&nested(64)).value().is_ok());
        assert!(Reader::new(&nested(65)).value().is_err());
    }
}
