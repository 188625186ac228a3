//! The bytes of stored values: whole numbers of variable length (LEB128) and text with its length.
use alloc::string::String;
use alloc::vec::Vec;

/// Appends bytes. One copy of this for the whole crate is a tenth of what it takes in each place.
#[inline(never)]
pub(crate) fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(bytes);
}

pub(crate) fn put_u64(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        put(out, &[low_byte(number) | 0x80]);
        number >>= 7;
    }
    put(out, &[low_byte(number)]);
}

/// Zigzag, so that small negative numbers are short too.
pub(crate) fn put_i64(out: &mut Vec<u8>, number: i64) {
    put_u64(out, (number << 1 ^ number >> 63).cast_unsigned());
}

pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_u64(out, text.len() as u64);
    put(out, text.as_bytes());
}

#[allow(clippy::cast_possible_truncation, reason = "that is what it is for")]
pub(crate) fn low_byte(number: u64) -> u8 {
    number as u8
}

/// Takes values off the front. Once something does not fit, all that follows is zero or empty, and
/// [`Source::is_whole`] is false: one check at the end instead of one at each value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    rest: &'a [u8],
    torn: bool,
}

impl<'a> Source<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, torn: false }
    }

    /// Whether all that was asked for was there.
    pub(crate) fn is_whole(&self) -> bool {
        !self.torn
    }

    /// Makes the whole worthless unless something holds.
    pub(crate) fn must(&mut self, holds: bool) {
        self.torn |= !holds;
        if self.torn {
            self.rest = &[];
        }
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn bytes(&mut self, len: usize) -> &'a [u8] {
        self.must(len <= self.rest.len());
        let (taken, rest) = self.rest.split_at_checked(len).unwrap_or_default();
        self.rest = rest;
        taken
    }

    /// A number of so many bytes, little-endian.
    pub(crate) fn fixed(&mut self, len: usize) -> u64 {
        self.bytes(len).iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    pub(crate) fn id(&mut self) -> [u8; 16] {
        self.bytes(16).try_into().unwrap_or_default()
    }

    pub(crate) fn u64(&mut self) -> u64 {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = self.fixed(1);
            self.must(shift < 63 || byte < 2);
            number |= (byte & 0x7f) << shift;
            if byte < 0x80 || self.torn {
                return number;
            }
            shift += 7;
        }
    }

    pub(crate) fn u32(&mut self) -> u32 {
        let number = u32::try_from(self.u64());
        self.must(number.is_ok());
        number.unwrap_or_default()
    }

    pub(crate) fn i64(&mut self) -> i64 {
        let folded = self.u64();
        (folded >> 1).cast_signed() ^ -(folded & 1).cast_signed()
    }

    /// A number of things that follow, each of at least one byte: never more than there are bytes.
    pub(crate) fn len(&mut self) -> usize {
        let len = self.u64();
        self.must(len <= self.rest.len() as u64);
        usize::try_from(len).unwrap_or_default().min(self.rest.len())
    }

    pub(crate) fn text(&mut self) -> String {
        let len = self.len();
        let text = core::str::from_utf8(self.bytes(len));
        self.must(text.is_ok());
        String::from(text.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn values_read_back(numbers in prop::collection::vec(any::<(u64, i64)>(), 0..20), text in ".*") {
            let mut out = Vec::new();
            for &(unsigned, signed) in &numbers {
                put_u64(&mut out, unsigned);
                put_i64(&mut out, signed);
            }
            put_text(&mut out, &text);
            let mut source = Source::new(&out);
            for (unsigned, signed) in numbers {
                prop_assert_eq!(source.u64(), unsigned);
                prop_assert_eq!(source.i64(), signed);
            }
            prop_assert_eq!(source.text(), text);
            prop_assert!(source.is_whole() && source.rest().is_empty());
        }

        #[test]
        fn foreign_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut source = Source::new(&bytes);
            while source.is_whole() {
                source.text();
                source.i64();
            }
            prop_assert_eq!((source.u64(), source.len(), source.text()), (0, 0, String::new()));
        }
    }
}
