//! Replies, and their bytes in both versions of the protocol.
//!
//! Leaves are written by the codec crate. Aggregate heads are written here, because the crate's maps
//! are hash maps, and the order of a reply is part of it.
use bytes::BytesMut;
use redis_protocol::error::RedisProtocolError;
use redis_protocol::{resp2, resp3};

/// The version of the protocol that a connection speaks; HELLO changes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Resp2,
    Resp3,
}

impl Protocol {
    pub(crate) fn number(self) -> i64 {
        match self {
            Self::Resp2 => 2,
            Self::Resp3 => 3,
        }
    }
}

/// What a command answers. Maps, sets and doubles become what RESP2 has in their place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reply {
    Status(&'static str),
    Error(String),
    Integer(i64),
    Double(f64),
    Bulk(Vec<u8>),
    /// A bulk string that is part of the program.
    Label(&'static str),
    /// Text that RESP3 marks as text, such as INFO's.
    Verbatim(String),
    Null,
    /// The null that stands for an absent array.
    NullArray,
    Array(Vec<Reply>),
    Map(Vec<(Reply, Reply)>),
    Set(Vec<Reply>),
}

impl Reply {
    pub(crate) const OK: Self = Self::Status("OK");

    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Bulk(text.into().into_bytes())
    }

    pub(crate) fn count(count: usize) -> Self {
        Self::Integer(i64::try_from(count).unwrap_or(i64::MAX))
    }

    pub(crate) fn error(text: impl Into<String>) -> Self {
        Self::Error(text.into())
    }

    pub(crate) fn syntax_error() -> Self {
        Self::error("ERR syntax error")
    }

    pub(crate) fn not_an_integer() -> Self {
        Self::error("ERR value is not an integer or out of range")
    }

    pub(crate) fn wrong_type() -> Self {
        Self::error("WRONGTYPE Operation against a key holding the wrong kind of value")
    }

    /// Appends the bytes of this reply.
    pub(crate) fn encode(&self, protocol: Protocol, out: &mut BytesMut) {
        let encoded = match protocol {
            Protocol::Resp2 => self.encode_resp2(out),
            Protocol::Resp3 => self.encode_resp3(out),
        };
        // The codec fails only on a buffer that is too short, and it lengthens this one itself.
        encoded.expect("the buffer grows as the codec asks");
    }

    fn encode_resp2(&self, out: &mut BytesMut) -> Result<(), RedisProtocolError> {
        use resp2::types::BorrowedFrame as Frame;
        let frame = match self {
            Self::Status(text) => Frame::SimpleString(text.as_bytes()),
            Self::Error(text) => Frame::Error(text),
            Self::Integer(number) => Frame::Integer(*number),
            Self::Double(number) => {
                return Self::text(print_double(*number)).encode_resp2(out);
            }
            Self::Bulk(bytes) => Frame::BulkString(bytes),
            Self::Label(text) => Frame::BulkString(text.as_bytes()),
            Self::Verbatim(text) => Frame::BulkString(text.as_bytes()),
            Self::Null => Frame::Null,
            Self::NullArray => {
                out.extend_from_slice(b"*-1\r\n");
                return Ok(());
            }
            Self::Array(items) | Self::Set(items) => {
                head(out, b'*', items.len());
                return items.iter().try_for_each(|item| item.encode_resp2(out));
            }
            Self::Map(pairs) => {
                head(out, b'*', pairs.len() * 2);
                return pairs.iter().try_for_each(|(key, value)| {
                    key.encode_resp2(out)?;
                    value.encode_resp2(out)
                });
            }
        };
        resp2::encode::extend_encode_borrowed(out, &frame, false).map(drop)
    }

    fn encode_resp3(&self, out: &mut BytesMut) -> Result<(), RedisProtocolError> {
        use resp3::types::{BorrowedFrame as Frame, VerbatimStringFormat};
        let attributes = None;
        let frame = match self {
            Self::Status(text) => Frame::SimpleString { data: text.as_bytes(), attributes },
            Self::Error(text) => Frame::SimpleError { data: text, attributes },
            Self::Integer(number) => Frame::Number { data: *number, attributes },
            Self::Double(number) => Frame::Double { data: *number, attributes },
            Self::Bulk(bytes) => Frame::BlobString { data: bytes, attributes },
            Self::Label(text) => Frame::BlobString { data: text.as_bytes(), attributes },
            Self::Verbatim(text) => Frame::VerbatimString {
                data: text.as_bytes(),
                format: VerbatimStringFormat::Text,
                attributes,
            },
            Self::Null | Self::NullArray => Frame::Null,
            Self::Array(items) => {
                head(out, b'*', items.len());
                return items.iter().try_for_each(|item| item.encode_resp3(out));
            }
            Self::Set(items) => {
                head(out, b'~', items.len());
                return items.iter().try_for_each(|item| item.encode_resp3(out));
            }
            Self::Map(pairs) => {
                head(out, b'%', pairs.len());
                return pairs.iter().try_for_each(|(key, value)| {
                    key.encode_resp3(out)?;
                    value.encode_resp3(out)
                });
            }
        };
        resp3::encode::complete::extend_encode_borrowed(out, &frame, false).map(drop)
    }
}

fn head(out: &mut BytesMut, kind: u8, count: usize) {
    out.extend_from_slice(&[kind]);
    out.extend_from_slice(count.to_string().as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// A score as Redis prints it in RESP2.
pub(crate) fn print_double(number: f64) -> String {
    if number.is_infinite() {
        return if number < 0.0 { "-inf" } else { "inf" }.to_owned();
    }
    number.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reply_has_its_bytes_in_both_protocols() {
        let map = Reply::Map(vec![
            (Reply::Label("b"), Reply::Integer(-1)),
            (Reply::Label("a"), Reply::Double(1.5)),
        ]);
        let cases = [
            (Reply::OK, "+OK\r\n", "+OK\r\n"),
            (Reply::error("ERR x"), "-ERR x\r\n", "-ERR x\r\n"),
            (Reply::Null, "$-1\r\n", "_\r\n"),
            (Reply::NullArray, "*-1\r\n", "_\r\n"),
            (Reply::Double(1.7e12), "$13\r\n1700000000000\r\n", ",1700000000000\r\n"),
            (Reply::text(""), "$0\r\n\r\n", "$0\r\n\r\n"),
            (Reply::Verbatim("x".into()), "$1\r\nx\r\n", "=5\r\ntxt:x\r\n"),
            (Reply::Set(vec![Reply::OK]), "*1\r\n+OK\r\n", "~1\r\n+OK\r\n"),
            (
                map,
                "*4\r\n$1\r\nb\r\n:-1\r\n$1\r\na\r\n$3\r\n1.5\r\n",
                "%2\r\n$1\r\nb\r\n:-1\r\n$1\r\na\r\n,1.5\r\n",
            ),
        ];
        for (reply, resp2, resp3) in cases {
            for (protocol, want) in [(Protocol::Resp2, resp2), (Protocol::Resp3, resp3)] {
                let mut out = BytesMut::from(&b"before"[..]);
                reply.encode(protocol, &mut out);
                assert_eq!(String::from_utf8_lossy(&out), format!("before{want}"), "{reply:?}");
            }
        }
    }
}
