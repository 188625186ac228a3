//! Properties, traits and context as bytes that can be read in place.
//!
//! # Limits
//! A value is at most `u32::MAX` bytes. Depth is bounded where values are made, at admission.
//!
//! # Layout
//! One tag byte, then: `0` null, `1` false, `2` true (nothing); `3` integer (8 bytes LE, i64);
//! `4` number (8 bytes LE, f64, finite); `5` string (u32 LE length, UTF-8 bytes); `6` list and
//! `7` map (u32 LE length of what follows, then the items; a map's item is a key (u16 LE length,
//! UTF-8 bytes) and a value).
//!
//! # Operation
//! A reader skips what it does not want by its length, so finding one property costs one look at
//! each sibling key. Keys keep the order in which they came; the first of two equal keys wins.
use crate::Corrupt;
use alloc::vec::Vec;

const NULL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const INT: u8 = 3;
const FLOAT: u8 = 4;
const STR: u8 = 5;
const LIST: u8 = 6;
const MAP: u8 = 7;

/// One value, borrowed from the bytes that hold it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// JSON null; rules treat it as missing.
    Null,
    /// A truth value.
    Bool(bool),
    /// A number written without fraction or exponent that fits 64 bits.
    Int(i64),
    /// Any other number; always finite.
    Float(f64),
    /// Text.
    Str(&'a str),
    /// Values in order.
    List(List<'a>),
    /// Named values.
    Map(Map<'a>),
}

impl Value<'_> {
    /// The number, if it is one. Integers beyond 2^53 lose their last digits.
    #[must_use]
    pub fn as_number(&self) -> Option<f64> {
        match *self {
            #[allow(clippy::cast_precision_loss, reason = "documented above")]
            Value::Int(n) => Some(n as f64),
            Value::Float(n) => Some(n),
            Value::Null | Value::Bool(_) | Value::Str(_) | Value::List(_) | Value::Map(_) => None,
        }
    }
}

/// The items of a list, borrowed. The bytes were checked when the enclosing fact was decoded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct List<'a>(&'a [u8]);

impl<'a> List<'a> {
    /// The values in order.
    pub fn iter(&self) -> impl Iterator<Item = Value<'a>> + use<'a> {
        let mut rest = self.0;
        core::iter::from_fn(move || read_value(&mut rest).ok())
    }
}

/// Named values, borrowed. An empty slice is the empty map.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Map<'a>(&'a [u8]);

impl<'a> Map<'a> {
    /// Takes the body bytes of a map as [`MapWriter`] or [`Map::as_bytes`] gave them.
    #[must_use]
    pub fn from_bytes(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The body bytes, to be kept and read again with [`Map::from_bytes`].
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value under `key`, if any. Cost: one comparison per sibling before it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Value<'a>> {
        let mut rest = self.0;
        while !rest.is_empty() {
            let name = read_key(&mut rest).ok()?;
            if name == key.as_bytes() {
                return read_value(&mut rest).ok();
            }
            skip_value(&mut rest).ok()?;
        }
        None
    }

    /// The value at a dotted path such as `page.url`. A key that itself holds the dots wins.
    #[must_use]
    pub fn get_path(&self, path: &str) -> Option<Value<'a>> {
        if let Some(found) = self.get(path) {
            return Some(found);
        }
        let mut map = *self;
        let mut rest = path;
        while let Some((head, tail)) = rest.split_once('.') {
            match map.get(head)? {
                Value::Map(inner) => map = inner,
                _ => return None,
            }
            rest = tail;
        }
        map.get(rest)
    }

    /// The text at a dotted path, if it is text and not empty.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<&'a str> {
        match self.get_path(path)? {
            Value::Str(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    /// All pairs in the order they came.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, Value<'a>)> + use<'a> {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let key = core::str::from_utf8(read_key(&mut rest).ok()?).ok()?;
            Some((key, read_value(&mut rest).ok()?))
        })
    }

    /// Checks every byte once, so that later reads cannot meet a surprise.
    ///
    /// # Errors
    /// [`Corrupt`] if a length runs past the end, a tag is unknown or text is not UTF-8.
    pub fn check(&self) -> Result<(), Corrupt> {
        let mut rest = self.0;
        while !rest.is_empty() {
            let key = read_key(&mut rest)?;
            core::str::from_utf8(key).map_err(|_| Corrupt("a key is not UTF-8"))?;
            read_value(&mut rest)?;
        }
        Ok(())
    }
}

/// Appends values to a buffer, container by container, without building a tree.
///
/// The caller opens and closes containers in order; an unclosed container is a bug of the caller
/// and leaves a zero length behind.
#[derive(Debug)]
pub struct ValueWriter<'b> {
    out: &'b mut Vec<u8>,
}

/// Where a container began; given back to close it.
#[derive(Debug)]
#[must_use]
pub struct Opened(usize);

impl<'b> ValueWriter<'b> {
    /// Writes at the end of `out`.
    pub fn new(out: &'b mut Vec<u8>) -> Self {
        Self { out }
    }

    /// Writes a null.
    pub fn null(&mut self) {
        self.out.push(NULL);
    }

    /// Writes a truth value.
    pub fn bool(&mut self, value: bool) {
        self.out.push(if value { TRUE } else { FALSE });
    }

    /// Writes an integer.
    pub fn int(&mut self, value: i64) {
        self.out.push(INT);
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    /// Writes a number; one that is not finite becomes null.
    pub fn float(&mut self, value: f64) {
        if value.is_finite() {
            self.out.push(FLOAT);
            self.out.extend_from_slice(&value.to_le_bytes());
        } else {
            self.null();
        }
    }

    /// Writes text.
    ///
    /// # Panics
    /// If it is longer than `u32::MAX` bytes, which the admission limits exclude.
    pub fn str(&mut self, text: &str) {
        self.out.push(STR);
        let len = u32::try_from(text.len()).expect("admission bounds text far below 4 GiB");
        self.out.extend_from_slice(&len.to_le_bytes());
        self.out.extend_from_slice(text.as_bytes());
    }

    /// Writes a value that is already encoded elsewhere; containers are copied whole.
    pub fn value(&mut self, value: Value<'_>) {
        write_value(self, value);
    }

    /// Opens a list; write its values, then [`ValueWriter::close`].
    pub fn open_list(&mut self) -> Opened {
        self.open(LIST)
    }

    /// Opens a map; write [`ValueWriter::key`] and a value for each pair, then close it.
    pub fn open_map(&mut self) -> Opened {
        self.open(MAP)
    }

    /// Writes the key of the next value in a map. Keys beyond 65 535 bytes are cut at a character.
    pub fn key(&mut self, key: &str) {
        write_key(self.out, key);
    }

    /// Closes the container that was opened last.
    pub fn close(&mut self, opened: Opened) {
        let len = self.out.len() - opened.0 - 4;
        let len = u32::try_from(len).expect("admission bounds a value far below 4 GiB");
        self.out[opened.0..opened.0 + 4].copy_from_slice(&len.to_le_bytes());
    }

    fn open(&mut self, tag: u8) -> Opened {
        self.out.push(tag);
        let at = self.out.len();
        self.out.extend_from_slice(&[0; 4]);
        Opened(at)
    }
}

/// Builds the body of one map in a buffer of its own; for callers off the hot path and for tests.
#[derive(Debug, Default, Clone)]
pub struct MapWriter {
    body: Vec<u8>,
}

impl MapWriter {
    /// An empty map.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a pair.
    #[must_use]
    pub fn with(mut self, key: &str, value: Value<'_>) -> Self {
        self.push(key, value);
        self
    }

    /// Adds a pair.
    pub fn push(&mut self, key: &str, value: Value<'_>) {
        write_key(&mut self.body, key);
        write_value(&mut ValueWriter::new(&mut self.body), value);
    }

    /// The map so far.
    #[must_use]
    pub fn as_map(&self) -> Map<'_> {
        Map(&self.body)
    }

    /// The body bytes.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.body
    }
}

fn write_value(out: &mut ValueWriter<'_>, value: Value<'_>) {
    match value {
        Value::Null => out.null(),
        Value::Bool(b) => out.bool(b),
        Value::Int(n) => out.int(n),
        Value::Float(n) => out.float(n),
        Value::Str(s) => out.str(s),
        Value::List(list) => write_container(out, LIST, list.0),
        Value::Map(map) => write_container(out, MAP, map.0),
    }
}

/// Copies the bytes of a container that is already encoded.
fn write_container(out: &mut ValueWriter<'_>, tag: u8, body: &[u8]) {
    let opened = out.open(tag);
    out.out.extend_from_slice(body);
    out.close(opened);
}

fn write_key(out: &mut Vec<u8>, key: &str) {
    let key = key.get(..key.floor_char_boundary(usize::from(u16::MAX))).unwrap_or_default();
    let len = u16::try_from(key.len()).expect("cut to a u16 above");
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(key.as_bytes());
}

fn read_key<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Corrupt> {
    let len = u16::from_le_bytes(*take_array(rest)?);
    take(rest, usize::from(len))
}

fn read_value<'a>(rest: &mut &'a [u8]) -> Result<Value<'a>, Corrupt> {
    let tag = take(rest, 1)?[0];
    Ok(match tag {
        NULL => Value::Null,
        FALSE => Value::Bool(false),
        TRUE => Value::Bool(true),
        INT => Value::Int(i64::from_le_bytes(*take_array(rest)?)),
        FLOAT => Value::Float(f64::from_le_bytes(*take_array(rest)?)),
        STR => Value::Str(
            core::str::from_utf8(take_sized(rest)?).map_err(|_| Corrupt("text is not UTF-8"))?,
        ),
        LIST => Value::List(List(take_sized(rest)?)),
        MAP => Value::Map(Map(take_sized(rest)?)),
        _ => return Err(Corrupt("unknown value tag")),
    })
}

fn skip_value(rest: &mut &[u8]) -> Result<(), Corrupt> {
    match take(rest, 1)?[0] {
        NULL | FALSE | TRUE => {}
        INT | FLOAT => {
            take(rest, 8)?;
        }
        STR | LIST | MAP => {
            take_sized(rest)?;
        }
        _ => return Err(Corrupt("unknown value tag")),
    }
    Ok(())
}

fn take_sized<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Corrupt> {
    let len = u32::from_le_bytes(*take_array(rest)?);
    take(rest, usize::try_from(len).map_err(|_| Corrupt("a length exceeds the address space"))?)
}

pub(crate) fn take<'a>(rest: &mut &'a [u8], len: usize) -> Result<&'a [u8], Corrupt> {
    let (head, tail) = rest.split_at_checked(len).ok_or(Corrupt("a length runs past the end"))?;
    *rest = tail;
    Ok(head)
}

pub(crate) fn take_array<'a, const N: usize>(rest: &mut &'a [u8]) -> Result<&'a [u8; N], Corrupt> {
    let (head, tail) = rest.split_first_chunk().ok_or(Corrupt("cut short"))?;
    *rest = tail;
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_read_back_as_written() {
        let page = MapWriter::new().with("url", Value::Str("https://a/b"));
        let map = MapWriter::new()
            .with("price", Value::Float(12.5))
            .with("quantity", Value::Int(-3))
            .with("page", Value::Map(page.as_map()))
            .with("gift", Value::Bool(true))
            .with("note", Value::Null);
        let map = map.as_map();
        assert_eq!(map.get("price"), Some(Value::Float(12.5)));
        assert_eq!(map.get("quantity").and_then(|v| v.as_number()), Some(-3.0));
        assert_eq!(map.text("page.url"), Some("https://a/b"));
        assert_eq!(map.get("gift"), Some(Value::Bool(true)));
        assert_eq!(map.get("note"), Some(Value::Null));
        assert_eq!(map.get("absent"), None);
        assert_eq!(map.get_path("page.absent"), None);
        assert_eq!(map.get_path("price.url"), None);
        assert_eq!(map.iter().count(), 5);
        assert_eq!(map.check(), Ok(()));
    }

    #[test]
    fn lists_keep_their_order() {
        let mut bytes = Vec::new();
        let mut writer = ValueWriter::new(&mut bytes);
        writer.key("tags");
        let list = writer.open_list();
        writer.str("a");
        writer.int(2);
        writer.close(list);
        let Some(Value::List(tags)) = Map::from_bytes(&bytes).get("tags") else {
            panic!("a list was written");
        };
        assert_eq!(tags.iter().collect::<Vec<_>>(), [Value::Str("a"), Value::Int(2)]);
    }

    #[test]
    fn a_number_that_is_not_finite_is_null() {
        let map = MapWriter::new().with("x", Value::Float(f64::NAN));
        assert_eq!(map.as_map().get("x"), Some(Value::Null));
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let map = Map::from_bytes(&bytes);
            let checked = map.check();
            let read = map.iter().count();
            let found = map.get_path("a.b");
            prop_assert!(checked.is_ok() || read < bytes.len() + 1 || found.is_none());
        }
    }
}
