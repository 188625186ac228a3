//! Numbers and short texts as bytes.
use alloc::vec::Vec;
use sillage_model::Corrupt;

/// Appends a number, seven bits a byte, the lowest first.
pub(crate) fn put_number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

pub(crate) fn take_number(rest: &mut &[u8]) -> Result<u64, Corrupt> {
    let mut number = 0_u64;
    for shift in (0..u64::BITS).step_by(7) {
        let (&byte, tail) = rest.split_first().ok_or(Corrupt("a count is cut short"))?;
        *rest = tail;
        let bits = u64::from(byte & 0x7f);
        number |= bits.checked_shl(shift).filter(|n| n >> shift == bits).ok_or(TOO_LARGE)?;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err(TOO_LARGE)
}

const TOO_LARGE: Corrupt = Corrupt("a count is too large");

/// Appends a text of at most 255 bytes; the rest is cut at a character.
pub(crate) fn put_text(text: &str, out: &mut Vec<u8>) {
    let text = cut(text, usize::from(u8::MAX));
    out.push(u8::try_from(text.len()).expect("cut to a byte above"));
    out.extend_from_slice(text.as_bytes());
}

pub(crate) fn take_text<'a>(rest: &mut &'a [u8]) -> Result<&'a str, Corrupt> {
    let short = Corrupt("a name is cut short");
    let (&len, tail) = rest.split_first().ok_or(short)?;
    let (text, tail) = tail.split_at_checked(usize::from(len)).ok_or(short)?;
    *rest = tail;
    core::str::from_utf8(text).map_err(|_| Corrupt("a name is not UTF-8"))
}

/// The beginning of a text, in whole characters.
pub(crate) fn cut(text: &str, bytes_max: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes_max)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_read_back_as_written(number in any::<u64>(), shift in 0..64) {
            let number = number >> shift;
            let mut out = Vec::new();
            put_number(number, &mut out);
            prop_assert!(out.len() <= 10);
            let mut rest = out.as_slice();
            prop_assert_eq!(take_number(&mut rest), Ok(number));
            prop_assert!(rest.is_empty());
            for len in 0..out.len() {
                prop_assert!(take_number(&mut &out[..len]).is_err());
            }
        }
    }

    #[test]
    fn a_number_beyond_64_bits_is_none() {
        assert!(take_number(&mut &[0xff; 9][..]).is_err());
        let mut beyond = [0xff; 10];
        beyond[9] = 2;
        assert!(take_number(&mut &beyond[..]).is_err());
    }
}
