//! The bytes of stored values: whole numbers of variable length (LEB128) and text with its length.
use alloc::string::String;
use alloc::vec::Vec;

pub(crate) fn put_u64(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(u8::try_from(number & 0x7f).unwrap_or_default() | 0x80);
        number >>= 7;
    }
    out.push(u8::try_from(number).unwrap_or_default());
}

/// Zigzag, so that small negative numbers are short too.
pub(crate) fn put_i64(out: &mut Vec<u8>, number: i64) {
    put_u64(out, (number << 1 ^ number >> 63).cast_unsigned());
}

pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_u64(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Takes values off the front; `None` once something does not fit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a>(pub(crate) &'a [u8]);

impl<'a> Source<'a> {
    pub(crate) fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return None;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.u64()?.try_into().ok()
    }

    pub(crate) fn i64(&mut self) -> Option<i64> {
        let folded = self.u64()?;
        Some((folded >> 1).cast_signed() ^ -(folded & 1).cast_signed())
    }

    /// A number of things that follow, each of at least one byte: never more than there are bytes.
    pub(crate) fn len(&mut self) -> Option<usize> {
        let len = usize::try_from(self.u64()?).ok()?;
        (len <= self.0.len()).then_some(len)
    }

    pub(crate) fn text(&mut self) -> Option<String> {
        let len = self.len()?;
        core::str::from_utf8(self.bytes(len)?).ok().map(String::from)
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
            let mut source = Source(&out);
            for (unsigned, signed) in numbers {
                prop_assert_eq!(source.u64(), Some(unsigned));
                prop_assert_eq!(source.i64(), Some(signed));
            }
            let read = source.text().unwrap();
            prop_assert_eq!(&*read, text.as_str());
            prop_assert!(source.0.is_empty());
        }

        #[test]
        fn foreign_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut source = Source(&bytes);
            while source.text().is_some() || source.i64().is_some() {}
        }
    }
}
