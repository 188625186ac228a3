//! Bytes between a page and the core: one field after the other, each its length (4 bytes, little
//! endian) and its content. Numbers are written in decimal.
use alloc::vec::Vec;
use sdk_core::json::push_u64;

/// Reads fields. What is not there is empty: the page is trusted to write what it means.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn bytes(&mut self) -> &'a [u8] {
        let Some((len, rest)) = self.0.split_first_chunk::<4>() else {
            self.0 = &[];
            return &[];
        };
        let len = (u32::from_le_bytes(*len) as usize).min(rest.len());
        let (field, rest) = rest.split_at(len);
        self.0 = rest;
        field
    }

    /// Empty if it is no UTF-8, which a `TextEncoder` never writes.
    pub(crate) fn text(&mut self) -> &'a str {
        core::str::from_utf8(self.bytes()).unwrap_or_default()
    }

    /// 0 if it is empty.
    pub(crate) fn number(&mut self) -> u64 {
        let digit = |sum: u64, byte: &u8| {
            sum.wrapping_mul(10).wrapping_add(u64::from(byte.wrapping_sub(b'0')))
        };
        self.bytes().iter().fold(0, digit)
    }

    pub(crate) fn count(&mut self) -> usize {
        usize::try_from(self.number()).unwrap_or(usize::MAX)
    }

    /// A time that a page may have; what is beyond 2^63 is no time.
    pub(crate) fn millis(&mut self) -> i64 {
        i64::try_from(self.number()).unwrap_or_default()
    }

    /// 16 bytes in 32 hexadecimal digits, with or without dashes; `None` if it is empty.
    pub(crate) fn uuid(&mut self) -> Option<[u8; 16]> {
        let text = self.bytes();
        let digit = |byte: &u8| match byte {
            b'-' => None,
            b'0'..=b'9' => Some(byte - b'0'),
            _ => Some((byte | 0x20).wrapping_sub(b'a' - 10) & 15),
        };
        let digits = text.iter().filter_map(digit);
        let uuid = digits.fold(0u128, |sum, digit| sum << 4 | u128::from(digit));
        (!text.is_empty()).then(|| uuid.to_be_bytes())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

pub(crate) fn put(out: &mut Vec<u8>, field: &[u8]) {
    let len = u32::try_from(field.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(field);
}

pub(crate) fn put_number(out: &mut Vec<u8>, number: u64) {
    let at = out.len();
    put(out, &[]);
    push_u64(out, number);
    let len = u32::try_from(out.len() - at - 4).unwrap_or_default();
    if let Some(head) = out.get_mut(at..at + 4) {
        head.copy_from_slice(&len.to_le_bytes());
    }
}
