//! Percent-encoding, undone.
use crate::http::problem::Problem;

/// The text that a path segment or a query value stands for.
pub(crate) fn decode(text: &str) -> Result<String, Problem> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            out.push(*first);
            continue;
        }
        let [high, low, tail @ ..] = rest else {
            return Err(malformed());
        };
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
        let (Some(high), Some(low)) = (digit(*high), digit(*low)) else {
            return Err(malformed());
        };
        out.push(high << 4 | low);
        rest = tail;
    }
    String::from_utf8(out).map_err(|_| malformed())
}

fn malformed() -> Problem {
    Problem::malformed("the path or query is not percent-encoded UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_decode_or_are_refused() {
        let cases = [
            ("42", Some("42")),
            ("a%20b%2Fc", Some("a b/c")),
            ("Zo%C3%ab", Some("Zoë")),
            ("a+b", Some("a+b")),
            ("%", None),
            ("%4", None),
            ("%zz", None),
            ("%ff", None),
        ];
        for (text, want) in cases {
            assert_eq!(decode(text).ok().as_deref(), want, "{text}");
        }
    }
}
