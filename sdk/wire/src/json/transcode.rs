//! Tells the pairs of an object to a sink, checking every limit on the way.
use super::reader::{Reader, Scalar, Token};
use super::unescape::unescape;
use crate::json::Raw;
use crate::limits::{DEPTH_CEILING, DUPLICATE_KEYS_COMPARED, Limits};
use crate::verdict::{Code, EventError, Fault};
use alloc::string::String;

/// Takes values in the order they are written. Calls are balanced: every `begin_*` has its `end_*`,
/// and inside a map every value is preceded by its key, unless the transcoding ends in an error.
pub trait ValueSink {
    /// A null, or a word that stands for no number.
    fn null(&mut self);
    /// A truth value.
    fn bool(&mut self, value: bool);
    /// A number without fraction or exponent that fits.
    fn int(&mut self, value: i64);
    /// Any other number; finite.
    fn float(&mut self, value: f64);
    /// Text, unescaped.
    fn str(&mut self, text: &str);
    /// A list begins.
    fn begin_list(&mut self);
    /// The list that began last ends.
    fn end_list(&mut self);
    /// A map begins.
    fn begin_map(&mut self);
    /// The key of the next value.
    fn key(&mut self, key: &str);
    /// The map that began last ends.
    fn end_map(&mut self);
}

/// Tells the pairs of `raw` to `sink`, without `begin_map` and `end_map` for `raw` itself. Nothing
/// is told for an absent object.
///
/// # Errors
/// What is wrong with it. The sink has then been told a part, which the caller must discard.
///
/// # Cost
/// One pass; allocates only for text with escapes.
pub fn transcode_object<'a>(
    raw: Raw<'a>,
    limits: &Limits,
    sink: &mut impl ValueSink,
) -> Result<(), EventError<'a>> {
    if raw.is_empty() {
        return Ok(());
    }
    // Whatever is indexed or handed to a function lives beside the transcoder, so that the rest of it
    // lives in registers.
    let mut scratch = String::new();
    let mut counts = [0; DEPTH_CEILING];
    let mut seen = SeenKeys { marks: 0, count: 0, keys: [""; DUPLICATE_KEYS_COMPARED] };
    let mut transcoder = Transcoder {
        reader: Reader::new(raw.as_str()),
        limits,
        depth_max: limits.depth_max.min(DEPTH_CEILING),
        sink,
        scratch: &mut scratch,
        counts: &mut counts,
        seen: &mut seen,
        depth: 0,
        maps: 0,
        count: 0,
    };
    transcoder.run().map_err(|fault| EventError::at(fault, raw.as_bytes()))
}

struct Transcoder<'a, 's, S> {
    reader: Reader<'a>,
    limits: &'s Limits,
    depth_max: usize,
    sink: &'s mut S,
    scratch: &'s mut String,
    /// Items so far in each container around the innermost.
    counts: &'s mut [u32; DEPTH_CEILING],
    seen: &'s mut SeenKeys<'a>,
    /// Containers open around the reader.
    depth: usize,
    /// One bit per open container, the innermost lowest: set for a map.
    maps: u32,
    /// Items so far in the innermost container.
    count: u32,
}

/// The keys of the outermost object, to find a duplicate.
struct SeenKeys<'a> {
    /// One bit per hash of a key seen: an unset bit proves a key new without comparing.
    marks: u64,
    count: usize,
    keys: [&'a str; DUPLICATE_KEYS_COMPARED],
}

impl<'a> SeenKeys<'a> {
    /// Whether `key` is new; remembers it.
    #[inline(always)]
    fn admit(&mut self, key: &'a str) -> bool {
        if self.count == DUPLICATE_KEYS_COMPARED {
            return true;
        }
        let bytes = key.as_bytes();
        let (first, last) = (bytes.first().unwrap_or(&0), bytes.last().unwrap_or(&0));
        let hash = key.len() ^ usize::from(*first) ^ (usize::from(*last) << 2);
        let mark = 1 << (hash % 64);
        if self.marks & mark != 0 && self.keys[..self.count].contains(&key) {
            return false;
        }
        self.marks |= mark;
        self.keys[self.count] = key;
        self.count += 1;
        true
    }
}

/// What stands at the reader after a value or an opening bracket.
enum Step {
    Item,
    Done,
}

impl<'a, S: ValueSink> Transcoder<'a, '_, S> {
    #[inline(always)]
    fn run(&mut self) -> Result<(), Fault> {
        if self.reader.next_byte() != Some(b'{') {
            return Err(self.reader.fault(Code::NotAnObject));
        }
        self.enter(Kind::Map)?;
        let mut step = self.after_opening()?;
        while let Step::Item = step {
            if self.in_map() {
                self.key()?;
            }
            self.count_item()?;
            step = match self.reader.next_byte() {
                Some(b'"') => {
                    let token = self.reader.string()?;
                    self.text(token)?;
                    self.after_value()?
                }
                Some(b'{') => {
                    self.enter(Kind::Map)?;
                    self.sink.begin_map();
                    self.after_opening()?
                }
                Some(b'[') => {
                    self.enter(Kind::List)?;
                    self.sink.begin_list();
                    self.after_opening()?
                }
                _ => {
                    self.scalar()?;
                    self.after_value()?
                }
            };
        }
        match self.reader.next_byte() {
            None => Ok(()),
            Some(_) => Err(self.reader.fault(Code::InvalidJson)),
        }
    }

    #[inline(always)]
    fn in_map(&self) -> bool {
        self.maps & 1 == 1
    }

    #[inline(always)]
    fn enter(&mut self, kind: Kind) -> Result<(), Fault> {
        if self.depth >= self.depth_max {
            return Err(self.reader.fault(Code::TooDeep));
        }
        self.counts[self.depth] = self.count;
        self.count = 0;
        self.depth += 1;
        self.maps = self.maps << 1 | u32::from(kind == Kind::Map);
        self.reader.advance();
        Ok(())
    }

    /// An empty container closes at once; a comma is not looked for.
    #[inline(always)]
    fn after_opening(&mut self) -> Result<Step, Fault> {
        match self.reader.next_byte() {
            Some(b'}' | b']') => self.after_value(),
            _ => Ok(Step::Item),
        }
    }

    /// Closes what ends here; a comma promises another item.
    #[inline(always)]
    fn after_value(&mut self) -> Result<Step, Fault> {
        loop {
            let in_map = self.in_map();
            match self.reader.next_byte() {
                Some(b',') => {
                    self.reader.advance();
                    return Ok(Step::Item);
                }
                Some(b'}') if in_map => {}
                Some(b']') if !in_map => {}
                _ => return Err(self.reader.fault(Code::InvalidJson)),
            }
            self.reader.advance();
            self.depth -= 1;
            self.count = self.counts[self.depth];
            self.maps >>= 1;
            if self.depth == 0 {
                return Ok(Step::Done);
            }
            if in_map { self.sink.end_map() } else { self.sink.end_list() }
        }
    }

    #[inline(always)]
    fn count_item(&mut self) -> Result<(), Fault> {
        self.count += 1;
        let (max, code) = if self.maps & 1 == 1 {
            (self.limits.properties_max, Code::TooManyProperties)
        } else {
            (self.limits.list_items_max, Code::ArrayTooLong)
        };
        if self.count as usize > max { Err(self.reader.fault(code)) } else { Ok(()) }
    }

    #[inline(always)]
    fn key(&mut self) -> Result<(), Fault> {
        let token = self.reader.string()?;
        if token.escaped {
            self.unescape(token)?;
            if self.scratch.len() > self.limits.key_bytes_max {
                return Err(self.reader.fault(Code::KeyTooLong));
            }
            self.sink.key(self.scratch);
        } else {
            if token.inner.len() > self.limits.key_bytes_max {
                return Err(self.reader.fault(Code::KeyTooLong));
            }
            if self.depth == 1 && !self.seen.admit(token.inner) {
                return Err(self.reader.fault(Code::DuplicateKey));
            }
            self.sink.key(token.inner);
        }
        self.reader.expect(b':')
    }

    #[inline(always)]
    fn text(&mut self, token: Token<'a>) -> Result<(), Fault> {
        let max = self.limits.string_bytes_max;
        if token.escaped {
            self.unescape(token)?;
            if self.scratch.len() > max {
                return Err(self.reader.fault(Code::StringTooLong));
            }
            self.sink.str(self.scratch);
        } else {
            if token.inner.len() > max {
                return Err(self.reader.fault(Code::StringTooLong));
            }
            self.sink.str(token.inner);
        }
        Ok(())
    }

    #[inline(always)]
    fn unescape(&mut self, token: Token<'a>) -> Result<(), Fault> {
        self.scratch.clear();
        unescape(token.inner, self.scratch).map_err(|code| self.reader.fault(code))
    }

    #[inline(always)]
    fn scalar(&mut self) -> Result<(), Fault> {
        match self.reader.scalar()? {
            Scalar::Null => self.sink.null(),
            Scalar::Bool(value) => self.sink.bool(value),
            Scalar::Int(value) => self.sink.int(value),
            Scalar::Float(value) => self.sink.float(value),
        }
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Map,
    List,
}
