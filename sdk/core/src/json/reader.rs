//! Strict JSON (RFC 8259), read forward, one value at a time, without recursion.
use crate::codec::put;
use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::str::from_utf8;

/// Containers that may lie in one another. Collectors take 8; this only bounds a word of bits.
const DEPTH_MAX: u32 = 64;

/// A cursor over JSON text.
///
/// Values are handed out as the text that they are, checked as a whole; [`Reader::inside`] reads on
/// in that of a list or an object.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

/// The one value that `text` is; `None` if it is none, or more.
#[must_use]
pub fn whole(text: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader::new(text);
    let value = reader.value()?;
    reader.is_at_end().then_some(value)
}

/// Whether `text` is one JSON object and nothing else. Numbers may exceed any range, and an escaped
/// lone surrogate passes: such text harms nobody else in a batch.
#[must_use]
pub fn is_object(text: &str) -> bool {
    whole(text.as_bytes()).is_some_and(|value| value.starts_with(b"{"))
}

/// Whether `text` is what stands between the braces of an object, perhaps nothing.
pub(crate) fn are_members(text: &[u8]) -> bool {
    let object = [b"{", text, b"}"].concat();
    let mut reader = Reader::new(&object);
    from_utf8(text).is_ok() && reader.pass(0).is_some() && reader.is_at_end()
}

/// The text that a value stands for, `None` if it is none. A lone surrogate is none either: the text
/// could not be kept.
#[must_use]
pub fn text(value: &[u8]) -> Option<Cow<'_, str>> {
    if value.first() != Some(&b'"') {
        return None;
    }
    let inner = value.get(1..value.len() - 1)?;
    let mut out = Vec::new();
    let rest = unescape(inner, &mut out)?;
    if out.is_empty() {
        return from_utf8(rest).ok().map(Cow::Borrowed);
    }
    put(&mut out, rest);
    String::from_utf8(out).ok().map(Cow::Owned)
}

/// The whole number of at most 18 digits that a value is.
#[must_use]
pub fn count(value: &[u8]) -> Option<u64> {
    if value.is_empty() || value.len() > 18 {
        return None;
    }
    let mut count = 0;
    for byte in value {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        count = count * 10 + u64::from(digit);
    }
    Some(count)
}

/// The value of the member of this name (the first, as it is written) of an object that has been
/// checked; empty if there is none.
#[must_use]
pub fn member<'a>(object: &'a [u8], name: &str) -> &'a [u8] {
    let mut members = Reader::inside(object);
    while let Some(key) = members.item() {
        let value = members.item().unwrap_or_default();
        if key.get(1..key.len() - 1) == Some(name.as_bytes()) {
            return value;
        }
    }
    &[]
}

/// The texts of a list that has been checked, sorted, each once; `None` if it is none of texts.
#[must_use]
pub fn texts(list: &[u8]) -> Option<Vec<String>> {
    if list.first() != Some(&b'[') {
        return None;
    }
    let mut sorted: Vec<String> = Vec::new();
    let mut items = Reader::inside(list);
    while let Some(item) = items.item() {
        let item = text(item)?;
        let at = sorted.partition_point(|other| **other < *item);
        if sorted.get(at).is_none_or(|other| *other != item) {
            sorted.insert(at, item.into_owned());
        }
    }
    Some(sorted)
}

/// What [`Reader::peek`] gives at the end; no value begins with it.
const END: u8 = 0;

impl<'a> Reader<'a> {
    /// Starts at the front of text that has been checked, in which items follow one another.
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }

    /// Starts before the first item of a list, or the first key of an object, that has been checked.
    /// Nothing lies in any other value.
    #[must_use]
    pub fn inside(value: &'a [u8]) -> Self {
        let contains = matches!(value.first(), Some(b'[' | b'{'));
        Self { text: if contains { value } else { &[] }, at: 1 }
    }

    /// Passes over one value of any kind, and a comma or colon before it, and gives its text; `None`
    /// if none follows.
    pub fn item(&mut self) -> Option<&'a [u8]> {
        self.peek();
        self.eat(b",:");
        self.value()
    }

    /// Passes over one value of any kind and gives its text; `None` if none follows.
    fn value(&mut self) -> Option<&'a [u8]> {
        self.peek();
        let start = self.at;
        self.pass(1)?;
        self.text.get(start..self.at)
    }

    /// Whether nothing but white space follows.
    fn is_at_end(&mut self) -> bool {
        self.peek();
        self.at == self.text.len()
    }

    /// Passes over one value that lies in `depth` others.
    fn pass(&mut self, outside: u32) -> Option<()> {
        // One bit for each open container: whether it is an object.
        let (mut objects, mut depth) = (0u64, outside);
        loop {
            let open = self.peek();
            match open {
                b'{' | b'[' => {
                    self.at += 1;
                    let object = open == b'{';
                    if self.peek() != open + 2 {
                        if depth == DEPTH_MAX {
                            return None;
                        }
                        depth += 1;
                        objects = objects << 1 | u64::from(object);
                        if object {
                            self.key()?;
                        }
                        continue;
                    }
                    self.at += 1;
                }
                b'"' => self.string()?,
                b't' => self.word(b"true")?,
                b'f' => self.word(b"false")?,
                b'n' => self.word(b"null")?,
                _ => self.number()?,
            }
            // A value has ended; so may its containers.
            while depth > outside {
                let object = objects & 1 == 1;
                let next = self.peek();
                self.at += 1;
                if next == b',' {
                    if object {
                        self.key()?;
                    }
                    break;
                }
                if next != if object { b'}' } else { b']' } {
                    return None;
                }
                depth -= 1;
                objects >>= 1;
            }
            if depth == outside {
                return Some(());
            }
        }
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> u8 {
        while self.eat(b" \n\r\t") {}
        self.byte()
    }

    fn byte(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(END)
    }

    /// Passes over one byte if it is one of these.
    #[allow(clippy::manual_contains, reason = "it searches long slices well, and takes more code")]
    fn eat(&mut self, any: &[u8]) -> bool {
        let byte = self.byte();
        let is = any.iter().any(|known| *known == byte);
        self.at += usize::from(is);
        is
    }

    fn key(&mut self) -> Option<()> {
        self.peek();
        self.string()?;
        self.peek();
        self.eat(b":").then_some(())
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        self.at += word.len();
        rest.starts_with(word).then_some(())
    }

    fn string(&mut self) -> Option<()> {
        if !self.eat(b"\"") {
            return None;
        }
        loop {
            let byte = self.byte();
            self.at += 1;
            match byte {
                b'"' => return Some(()),
                b'\\' => {
                    if self.eat(b"u") {
                        hex4(self.text.get(self.at..)?)?;
                        self.at += 4;
                    } else if !self.eat(b"\"\\/bfnrt") {
                        return None;
                    }
                }
                // The end is one of these.
                0..=0x1f => return None,
                _ => {}
            }
        }
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.byte().is_ascii_digit() {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    fn number(&mut self) -> Option<()> {
        self.eat(b"-");
        if !self.eat(b"0") {
            self.digits()?;
        }
        if self.eat(b".") {
            self.digits()?;
        }
        if self.eat(b"eE") {
            self.eat(b"+-");
            self.digits()?;
        }
        Some(())
    }
}

/// Resolves what stands before the last escape, all of which have been checked, and gives the rest.
fn unescape<'a>(mut rest: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        put(out, rest.get(..at)?);
        let plain = match *rest.get(at + 1)? {
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let mut point = hex4(rest.get(at + 2..)?)?;
                rest = rest.get(at + 6..)?;
                if point >> 10 == 0xd800 >> 10 && rest.starts_with(b"\\u") {
                    // Half of a pair; alone it is no character.
                    let low = hex4(rest.get(2..)?)?.wrapping_sub(0xdc00);
                    point =
                        if low < 0x400 { 0x1_0000 + ((point & 0x3ff) << 10) + low } else { point };
                    rest = rest.get(6..)?;
                }
                put(out, char::from_u32(point)?.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
            byte => byte,
        };
        put(out, &[plain]);
        rest = rest.get(at + 2..)?;
    }
    Some(rest)
}

fn hex4(text: &[u8]) -> Option<u32> {
    let mut point = 0;
    for byte in text.get(..4)? {
        point = point << 4 | char::from(*byte).to_digit(16)?;
    }
    Some(point)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    fn check(text: &str) {
        let ours = whole(text.as_bytes()).is_some();
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
                let ours = super::text(text.as_bytes()).map(Cow::into_owned);
                prop_assert_eq!(ours, Some(theirs));
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
            assert_eq!(are_members(text.as_bytes()), are, "{text}");
            assert_eq!(is_object(&format!("{{{text}}}")), are, "{text}");
        }
    }

    #[test]
    fn members_and_items_are_handed_out_one_by_one() {
        let object =
            whole(br#" {"a": 12, "b": ["x", "\ud83d\ude00"], "c": {"d": null}} "#).unwrap();
        let mut members = Reader::inside(object);
        assert_eq!(members.item(), Some(&b"\"a\""[..]));
        assert_eq!(members.item().and_then(count), Some(12));
        members.item();
        let mut items = Reader::inside(members.item().unwrap());
        assert_eq!(items.item().and_then(text).as_deref(), Some("x"));
        assert_eq!(items.item().and_then(text).as_deref(), Some("😀"));
        assert_eq!(items.item(), None);
        members.item();
        assert_eq!(members.item(), Some(&br#"{"d": null}"#[..]));
        assert_eq!(members.item(), None);
        assert_eq!(text(br#""\ud83d""#), None);
        assert_eq!(Reader::inside(b"12").item(), None);
    }

    #[test]
    fn counts_are_digits_and_not_too_many() {
        for (value, expected) in [
            ("0", Some(0)),
            ("999999999999999999", Some(999_999_999_999_999_999)),
            ("1000000000000000000", None),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("1e3", None),
        ] {
            assert_eq!(count(value.as_bytes()), expected, "{value}");
        }
    }

    #[test]
    fn nesting_is_bounded_and_what_passes_may_become_a_member() {
        let nested = |depth: usize| "[".repeat(depth) + "1" + &"]".repeat(depth);
        assert!(whole(nested(63).as_bytes()).is_some());
        assert!(whole(nested(64).as_bytes()).is_none());
        assert!(are_members(format!("\"a\":{}", nested(63)).as_bytes()));
    }
}
