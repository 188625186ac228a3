//! Where a list of members goes on, as text that a reader only hands back.
use crate::http::problem::Problem;
use sillage_store::Listed;
use std::fmt::Write as _;

/// Hexadecimal of the member that came last: the time of entry, then the member.
pub(crate) fn encode(last: &Listed) -> String {
    let mut out = String::with_capacity(16 + last.member.len() * 2);
    let time = last.entered_at.to_be_bytes();
    for byte in time.iter().chain(last.member.as_bytes()) {
        write!(out, "{byte:02x}").expect("writing to a String does not fail");
    }
    out
}

pub(crate) fn decode(text: &str) -> Result<Listed, Problem> {
    let wrong = || Problem::malformed("the cursor is not one that a page has given");
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    let digits = digits.filter(|d| d.len() % 2 == 0).ok_or_else(wrong)?;
    let bytes: Vec<u8> = digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    let (time, member) = bytes.split_first_chunk().ok_or_else(wrong)?;
    let member = core::str::from_utf8(member).map_err(|_| wrong())?;
    Ok(Listed { entered_at: i64::from_be_bytes(*time), member: member.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_others_are_refused() {
        for (entered_at, member) in [(0, ""), (-5, "u:1"), (i64::MAX, "a:Zoë")] {
            let last = Listed { entered_at, member: member.into() };
            assert_eq!(decode(&encode(&last)), Ok(last));
        }
        for text in ["", "00", "zz", "0000000000000000f", "0000000000000000ff", "é"] {
            assert_eq!(decode(text).map_err(|p| p.code), Err("malformed"), "{text}");
        }
    }
}
