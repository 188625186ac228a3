//! Text with escapes, made plain.
use crate::verdict::Code;
use alloc::string::String;

/// Appends `inner` (what stood between the quotes) to `out` with its escapes resolved. Lone
/// surrogates become U+FFFD, as Python and JavaScript senders emit them.
///
/// # Errors
/// [`Code::InvalidJson`] for an escape that JSON does not know, [`Code::NulInString`] for U+0000.
#[cold]
pub(crate) fn unescape(inner: &str, out: &mut String) -> Result<(), Code> {
    let mut rest = inner;
    while let Some((plain, escape)) = rest.split_once('\\') {
        out.push_str(plain);
        let kind = *escape.as_bytes().first().ok_or(Code::InvalidJson)?;
        let plain = match kind {
            b'"' | b'\\' | b'/' => char::from(kind),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let (decoded, after) = unicode(escape)?;
                out.push(decoded);
                rest = after;
                continue;
            }
            _ => return Err(Code::InvalidJson),
        };
        out.push(plain);
        rest = escape.get(1..).ok_or(Code::InvalidJson)?;
    }
    out.push_str(rest);
    Ok(())
}

/// Reads `uXXXX`, and the second half of a pair if one follows.
fn unicode(escape: &str) -> Result<(char, &str), Code> {
    let (unit, rest) = hex_unit(escape)?;
    match unit {
        0 => Err(Code::NulInString),
        0xD800..=0xDBFF => {
            let low = rest.strip_prefix('\\').filter(|r| r.starts_with('u')).map(hex_unit);
            match low.transpose()? {
                Some((low @ 0xDC00..=0xDFFF, after)) => {
                    let code = 0x1_0000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
                    Ok((char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), after))
                }
                _ => Ok((char::REPLACEMENT_CHARACTER, rest)),
            }
        }
        _ => Ok((char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER), rest)),
    }
}

fn hex_unit(escape: &str) -> Result<(u32, &str), Code> {
    let digits = escape.as_bytes().get(1..5).ok_or(Code::InvalidJson)?;
    let mut unit = 0;
    for &digit in digits {
        unit = unit * 16 + char::from(digit).to_digit(16).ok_or(Code::InvalidJson)?;
    }
    Ok((unit, escape.get(5..).ok_or(Code::InvalidJson)?))
}
