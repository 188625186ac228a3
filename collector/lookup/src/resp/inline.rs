//! Splits a line that a person typed into arguments, with Redis' quoting.
//!
//! Double quotes know `\n \r \t \b \a \xHH` and any other escaped byte; single quotes know `\'`
//! alone. A closing quote must be followed by a space or the end.
use bytes::Bytes;

/// The arguments of a line; `None` if its quotes are not balanced.
pub(crate) fn split_arguments(line: &[u8]) -> Option<Vec<Bytes>> {
    let mut arguments = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_ascii_start();
        if rest.is_empty() {
            return Some(arguments);
        }
        let mut argument = Vec::new();
        rest = take_argument(rest, &mut argument)?;
        arguments.push(Bytes::from(argument));
    }
}

fn take_argument<'a>(mut rest: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    while let [first, tail @ ..] = rest {
        match first {
            b'"' => return take_quoted(tail, out, unescape_double),
            b'\'' => return take_quoted(tail, out, unescape_single),
            b' ' | b'\t' | b'\r' | b'\n' | 0 => return Some(tail),
            other => out.push(*other),
        }
        rest = tail;
    }
    Some(rest)
}

/// What stands at the front of a quoted text: a byte and how many bytes it took, or the end.
enum Quoted {
    Byte(u8, usize),
    End,
}

fn take_quoted<'a>(
    mut rest: &'a [u8],
    out: &mut Vec<u8>,
    unescape: fn(&[u8]) -> Option<Quoted>,
) -> Option<&'a [u8]> {
    loop {
        match unescape(rest)? {
            Quoted::Byte(byte, taken) => {
                out.push(byte);
                rest = rest.get(taken..)?;
            }
            Quoted::End => {
                let tail = rest.get(1..)?;
                return tail.first().is_none_or(u8::is_ascii_whitespace).then_some(tail);
            }
        }
    }
}

fn unescape_double(rest: &[u8]) -> Option<Quoted> {
    Some(match rest {
        [] => return None,
        [b'"', ..] => Quoted::End,
        [b'\\', b'x', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
            Quoted::Byte(hex(*high) << 4 | hex(*low), 4)
        }
        [b'\\', escaped, ..] => {
            let byte = match escaped {
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'b' => 0x08,
                b'a' => 0x07,
                other => *other,
            };
            Quoted::Byte(byte, 2)
        }
        [byte, ..] => Quoted::Byte(*byte, 1),
    })
}

fn unescape_single(rest: &[u8]) -> Option<Quoted> {
    Some(match rest {
        [] => return None,
        [b'\'', ..] => Quoted::End,
        [b'\\', b'\'', ..] => Quoted::Byte(b'\'', 2),
        [byte, ..] => Quoted::Byte(*byte, 1),
    })
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit - b'A' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoting_is_that_of_redis() {
        type Case<'a> = (&'a [u8], Option<&'a [&'a [u8]]>);
        let cases: &[Case<'_>] = &[
            (b"", Some(&[])),
            (b"  a  b ", Some(&[b"a", b"b"])),
            (b"\"a\\x41\\n\" 'b\\'\\n'", Some(&[b"aA\n", b"b'\\n"])),
            (b"foo\\x", Some(&[b"foo\\x"])),
            (b"\"\"", Some(&[b""])),
            (b"a\"b c\"", Some(&[b"ab c"])),
            (b"\"a\"b", None),
            (b"\"a", None),
            (b"'a", None),
            (b"\"\\xzz\"", Some(&[b"xzz"])),
        ];
        for (line, want) in cases {
            let got = split_arguments(line);
            let got: Option<Vec<&[u8]>> =
                got.as_ref().map(|all| all.iter().map(AsRef::as_ref).collect());
            assert_eq!(got.as_deref(), *want, "{}", String::from_utf8_lossy(line));
        }
    }
}
