//! Where one request ends and what its arguments are.
//!
//! The shape is checked here before the codec sees it, because a codec for any frame would follow
//! nesting and counts as far as the sender likes. What passes is an array of bulk strings with a
//! bounded count, or one inline line. The refusals are Redis' own words.
use crate::limits::{
    ARGUMENT_BYTES_BEFORE_AUTH_MAX, ARGUMENTS_BEFORE_AUTH_MAX, ARGUMENTS_MAX, HEADER_BYTES_MAX,
    INLINE_BYTES_MAX, QUERY_BYTES_MAX,
};
use crate::resp::inline::split_arguments;
use bytes::{Buf, Bytes, BytesMut};
use redis_protocol::resp2::decode::decode_bytes;
use redis_protocol::resp2::types::BytesFrame;

/// Whether the sender has said who it is; before, it may send only little.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    Known,
    Unknown,
}

/// Why a connection cannot go on. The text goes to the client, then the connection is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Not the Redis protocol.
    Protocol(String),
    /// The first line of an HTTP request: a browser was led here by a foreign page. Closed unanswered.
    Http,
}

impl Refusal {
    fn protocol(text: &str) -> Self {
        Self::Protocol(format!("ERR Protocol error: {text}"))
    }
}

/// Takes the next request off the front of `buffer`; `None` if it is not complete yet.
///
/// An empty request (an empty line, `*0`) is swallowed. Cost: looks at each argument's header once
/// per call, not at its bytes.
pub(crate) fn take_request(
    buffer: &mut BytesMut,
    trust: Trust,
) -> Result<Option<Vec<Bytes>>, Refusal> {
    while let Some(&first) = buffer.first() {
        let taken = if first == b'*' { take_array(buffer, trust)? } else { take_inline(buffer)? };
        match taken {
            Some(arguments) if arguments.is_empty() => {}
            other => return Ok(other),
        }
    }
    Ok(None)
}

fn take_array(buffer: &mut BytesMut, trust: Trust) -> Result<Option<Vec<Bytes>>, Refusal> {
    let Some(request) = measure_array(buffer, trust)? else {
        return if buffer.len() >= QUERY_BYTES_MAX {
            Err(Refusal::protocol("request exceeds the query buffer"))
        } else {
            Ok(None)
        };
    };
    let bytes = buffer.split_to(request.bytes).freeze();
    if request.arguments == 0 {
        return Ok(Some(Vec::new()));
    }
    match decode_bytes(&bytes) {
        Ok(Some((BytesFrame::Array(frames), _))) => frames
            .into_iter()
            .map(|frame| match frame {
                BytesFrame::BulkString(argument) => Ok(argument),
                _ => Err(Refusal::protocol("expected '$'")),
            })
            .collect::<Result<_, _>>()
            .map(Some),
        _ => Err(Refusal::protocol("invalid multibulk length")),
    }
}

struct Measured {
    bytes: usize,
    arguments: usize,
}

fn measure_array(buffer: &[u8], trust: Trust) -> Result<Option<Measured>, Refusal> {
    let Some((line, mut at)) = header(buffer, 0, "too big mbulk count string")? else {
        return Ok(None);
    };
    let count = number(line).filter(|&n| n <= ARGUMENTS_MAX as i64);
    let count = count.ok_or_else(|| Refusal::protocol("invalid multibulk length"))?;
    let arguments = usize::try_from(count).unwrap_or(0);
    if trust == Trust::Unknown && arguments > ARGUMENTS_BEFORE_AUTH_MAX {
        return Err(Refusal::protocol("unauthenticated multibulk length"));
    }
    for _ in 0..arguments {
        match buffer.get(at) {
            None => return Ok(None),
            Some(b'$') => {}
            Some(&other) => {
                let shown = char::from(other);
                return Err(Refusal::protocol(&format!("expected '$', got '{shown}'")));
            }
        }
        let Some((line, next)) = header(buffer, at, "too big bulk count string")? else {
            return Ok(None);
        };
        let length = number(line)
            .and_then(|n| usize::try_from(n).ok())
            .filter(|&n| n <= QUERY_BYTES_MAX)
            .ok_or_else(|| Refusal::protocol("invalid bulk length"))?;
        if trust == Trust::Unknown && length > ARGUMENT_BYTES_BEFORE_AUTH_MAX {
            return Err(Refusal::protocol("unauthenticated bulk length"));
        }
        at = next + length + 2;
        if at > QUERY_BYTES_MAX {
            return Err(Refusal::protocol("request exceeds the query buffer"));
        }
    }
    Ok((at <= buffer.len()).then_some(Measured { bytes: at, arguments }))
}

/// The line at `at` without its first byte and its line end, and where the next one begins.
fn header<'b>(
    buffer: &'b [u8],
    at: usize,
    too_big: &str,
) -> Result<Option<(&'b [u8], usize)>, Refusal> {
    let rest = buffer.get(at + 1..).unwrap_or_default();
    let window = rest.get(..HEADER_BYTES_MAX).unwrap_or(rest);
    let Some(end) = window.iter().position(|&b| b == b'\r') else {
        return if rest.len() > HEADER_BYTES_MAX {
            Err(Refusal::protocol(too_big))
        } else {
            Ok(None)
        };
    };
    match rest.get(end + 1) {
        None => Ok(None),
        Some(b'\n') => Ok(Some((&rest[..end], at + 1 + end + 2))),
        // Not a number then, which the caller reports in its own words.
        Some(_) => Ok(Some((b"", at + 1 + end + 2))),
    }
}

/// A number as Redis reads one: no plus, no space, no leading zero.
pub(crate) fn number(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let plain = match digits {
        [] => false,
        [b'0'] => text.len() == 1,
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if plain { core::str::from_utf8(text).ok()?.parse().ok() } else { None }
}

fn take_inline(buffer: &mut BytesMut) -> Result<Option<Vec<Bytes>>, Refusal> {
    let Some(end) = buffer.iter().take(INLINE_BYTES_MAX).position(|&b| b == b'\n') else {
        return if buffer.len() >= INLINE_BYTES_MAX {
            Err(Refusal::protocol("too big inline request"))
        } else {
            Ok(None)
        };
    };
    let line = buffer.split_to(end);
    buffer.advance(1);
    let line = line.strip_suffix(b"\r").unwrap_or(&line);
    let arguments =
        split_arguments(line).ok_or_else(|| Refusal::protocol("unbalanced quotes in request"))?;
    if arguments.len() > ARGUMENTS_MAX {
        return Err(Refusal::protocol("invalid multibulk length"));
    }
    let is = |name: &[u8]| arguments.first().is_some_and(|a| a.eq_ignore_ascii_case(name));
    if is(b"POST")
        || is(b"GET") && arguments.len() == 3 && arguments[2].starts_with(b"HTTP/")
        || is(b"Host:")
    {
        return Err(Refusal::Http);
    }
    Ok(Some(arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Result<Vec<Vec<Bytes>>, Refusal> {
        let mut buffer = BytesMut::from(bytes);
        let mut out = Vec::new();
        while let Some(request) = take_request(&mut buffer, Trust::Known)? {
            out.push(request);
        }
        Ok(out)
    }

    #[test]
    fn requests_are_found_in_any_mixture_of_forms() {
        let got = all(b"*2\r\n$4\r\nPING\r\n$2\r\n\xff\n\r\n\r\n*0\r\n*-1\r\nping \"a b\"\nx\r\n");
        let want: Vec<Vec<Bytes>> = vec![
            vec![Bytes::from_static(b"PING"), Bytes::from_static(b"\xff\n")],
            vec![Bytes::from_static(b"ping"), Bytes::from_static(b"a b")],
            vec![Bytes::from_static(b"x")],
        ];
        assert_eq!(got, Ok(want));
    }

    #[test]
    fn a_request_cut_anywhere_waits_for_its_rest() {
        let whole = b"*3\r\n$4\r\nHGET\r\n$1\r\nk\r\n$0\r\n\r\n";
        for cut in 0..whole.len() {
            let mut buffer = BytesMut::from(&whole[..cut]);
            assert_eq!(take_request(&mut buffer, Trust::Known), Ok(None), "cut at {cut}");
            buffer.extend_from_slice(&whole[cut..]);
            let request = take_request(&mut buffer, Trust::Known).unwrap().unwrap();
            assert_eq!(request.len(), 3, "cut at {cut}");
            assert!(buffer.is_empty());
        }
    }

    #[test]
    fn what_is_not_the_protocol_is_refused_in_redis_own_words() {
        let many_digits = format!("*{}\r\n", "1".repeat(100));
        let many_lengths = format!("*1\r\n${}\r\n", "1".repeat(100));
        let long_line = "x".repeat(INLINE_BYTES_MAX + 1);
        let huge = format!("*1\r\n${QUERY_BYTES_MAX}\r\n");
        let cases: &[(&[u8], &str)] = &[
            (b"*x\r\n", "invalid multibulk length"),
            (b"*01\r\n", "invalid multibulk length"),
            (b"*1\rx", "invalid multibulk length"),
            (b"*1025\r\n", "invalid multibulk length"),
            (b"*99999999999999999999\r\n", "invalid multibulk length"),
            (b"*1\r\n:1\r\n", "expected '$', got ':'"),
            (b"*1\r\n*1\r\n*1\r\n", "expected '$', got '*'"),
            (b"*1\r\n$-1\r\n", "invalid bulk length"),
            (b"*1\r\n$a\r\n", "invalid bulk length"),
            (b"*1\r\n$999999999999\r\n", "invalid bulk length"),
            (many_digits.as_bytes(), "too big mbulk count string"),
            (many_lengths.as_bytes(), "too big bulk count string"),
            (long_line.as_bytes(), "too big inline request"),
            (huge.as_bytes(), "request exceeds the query buffer"),
            (b"ping \"a\"b\r\n", "unbalanced quotes in request"),
        ];
        for (bytes, text) in cases {
            assert_eq!(all(bytes), Err(Refusal::protocol(text)), "{text}");
        }
    }

    #[test]
    fn a_stranger_may_send_only_little() {
        let check = |bytes: &[u8]| take_request(&mut BytesMut::from(bytes), Trust::Unknown);
        assert_eq!(check(b"*11\r\n"), Err(Refusal::protocol("unauthenticated multibulk length")));
        let long = check(b"*2\r\n$4\r\nAUTH\r\n$20000\r\n");
        assert_eq!(long, Err(Refusal::protocol("unauthenticated bulk length")));
    }

    #[test]
    fn a_browser_led_here_is_cut_off() {
        for line in [&b"POST / HTTP/1.1\r\n"[..], b"GET / HTTP/1.1\r\n", b"Host: a\r\n"] {
            assert_eq!(all(line), Err(Refusal::Http));
        }
    }

    proptest::proptest! {
        #[test]
        fn foreign_bytes_never_panic(bytes in proptest::collection::vec(
            proptest::prop_oneof![
                proptest::sample::select(&b"*$\r\n0123-\"'\\x "[..]),
                proptest::num::u8::ANY,
            ], 0..200))
        {
            let mut buffer = BytesMut::from(&bytes[..]);
            while let Ok(Some(request)) = take_request(&mut buffer, Trust::Known) {
                proptest::prop_assert!(!request.is_empty());
            }
        }
    }
}
