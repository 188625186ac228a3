//! Ids of stream entries as clients write them.
use crate::resp::reply::Reply;
use sillage_store::StreamId;

/// Which end of an interval an id stands for: it decides what an id without its second number means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Start,
    Stop,
}

/// Reads `<ms>` or `<ms>-<seq>`.
pub(crate) fn parse_id(text: &[u8], end: End) -> Result<StreamId, Reply> {
    let parsed = core::str::from_utf8(text).ok().and_then(|text| match text.split_once('-') {
        Some((ms, seq)) => Some(StreamId { ms: unsigned(ms)?, seq: unsigned(seq)? }),
        None => {
            let seq = if end == End::Start { 0 } else { u64::MAX };
            Some(StreamId { ms: unsigned(text)?, seq })
        }
    });
    parsed.ok_or_else(|| Reply::error("ERR Invalid stream ID specified as stream command argument"))
}

fn unsigned(text: &str) -> Option<u64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Reads an end of an interval: an id, `-`, `+`, or `(` and an id that is itself left out.
pub(crate) fn parse_interval_end(text: &[u8], end: End) -> Result<StreamId, Reply> {
    match (text, end) {
        (b"-", _) => Ok(StreamId::MIN),
        (b"+", _) => Ok(StreamId::MAX),
        ([b'(', id @ ..], End::Start) => {
            let id = parse_id(id, end)?;
            if id == StreamId::MAX {
                return Err(Reply::error("ERR invalid start ID for the interval"));
            }
            Ok(id.next())
        }
        ([b'(', id @ ..], End::Stop) => previous(parse_id(id, end)?)
            .ok_or_else(|| Reply::error("ERR invalid end ID for the interval")),
        (id, _) => parse_id(id, end),
    }
}

fn previous(id: StreamId) -> Option<StreamId> {
    match id.seq.checked_sub(1) {
        Some(seq) => Some(StreamId { ms: id.ms, seq }),
        None => Some(StreamId { ms: id.ms.checked_sub(1)?, seq: u64::MAX }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interval_ends_read_as_in_redis() {
        let id = |ms, seq| Some(StreamId { ms, seq });
        let cases = [
            ("-", End::Start, id(0, 0)),
            ("+", End::Stop, Some(StreamId::MAX)),
            ("5", End::Start, id(5, 0)),
            ("5", End::Stop, id(5, u64::MAX)),
            ("5-7", End::Stop, id(5, 7)),
            ("(5-7", End::Start, id(5, 8)),
            ("(5-7", End::Stop, id(5, 6)),
            ("(5-0", End::Stop, id(4, u64::MAX)),
            ("(0-0", End::Stop, None),
            ("(18446744073709551615-18446744073709551615", End::Start, None),
            ("", End::Start, None),
            ("5-", End::Start, None),
            ("+5", End::Start, None),
            ("a", End::Start, None),
            ("99999999999999999999", End::Start, None),
        ];
        for (text, end, want) in cases {
            assert_eq!(parse_interval_end(text.as_bytes(), end).ok(), want, "{text} {end:?}");
        }
    }
}
