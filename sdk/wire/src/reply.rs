//! What a batch is answered with.
use crate::json::write_string;
use crate::time::format_time_ms;
use alloc::string::String;
use core::fmt::Write;

/// The answer to a batch whose accepted events are durable.
#[derive(Debug, Clone, Copy)]
pub struct Reply<'a> {
    /// Echo of `sillage.batchId`; left out if empty.
    pub batch_id: &'a str,
    /// Events that are durable now and were not before.
    pub accepted: u64,
    /// Events that were durable before.
    pub duplicates: u64,
    /// Events that are refused, by ascending index.
    pub rejected: &'a [Rejected<'a>],
    /// When the request arrived, in milliseconds since 1970.
    pub received_at: i64,
    /// Echo of `sentAt` as it was written; left out if empty.
    pub sent_at: &'a str,
    /// The public segments that the sender is in, by key; left out if it is not told.
    pub segments: Option<&'a [String]>,
}

/// One refused event.
#[derive(Debug, Clone, Copy)]
pub struct Rejected<'a> {
    /// Its place in the batch, from 0.
    pub index: usize,
    /// Its `messageId`; left out if empty.
    pub message_id: &'a str,
    /// The stable name of the reason.
    pub code: &'a str,
    /// One sentence for a person.
    pub message: &'a str,
}

/// Appends the answer as JSON.
pub fn write_reply(out: &mut String, reply: &Reply<'_>) {
    out.push_str(r#"{"success":true"#);
    write_text(out, "batchId", reply.batch_id);
    write_count(out, "accepted", reply.accepted);
    write_count(out, "duplicates", reply.duplicates);
    out.push_str(r#","rejected":"#);
    write_rejected(out, reply.rejected);
    out.push_str(r#","receivedAt":""#);
    format_time_ms(reply.received_at, out);
    out.push('"');
    write_text(out, "sentAt", reply.sent_at);
    if let Some(segments) = reply.segments {
        out.push_str(r#","segments":["#);
        for (position, key) in segments.iter().enumerate() {
            if position > 0 {
                out.push(',');
            }
            write_string(out, key);
        }
        out.push(']');
    }
    out.push('}');
}

/// Appends refused events as a JSON list: part of an answer, or of the problem when none is valid.
pub fn write_rejected(out: &mut String, rejected: &[Rejected<'_>]) {
    out.push('[');
    for (position, rejected) in rejected.iter().enumerate() {
        if position > 0 {
            out.push(',');
        }
        write!(out, r#"{{"index":{}"#, rejected.index).expect("writing to a String succeeds");
        write_text(out, "messageId", rejected.message_id);
        write_text(out, "code", rejected.code);
        write_text(out, "message", rejected.message);
        out.push('}');
    }
    out.push(']');
}

fn write_count(out: &mut String, key: &str, count: u64) {
    write!(out, r#","{key}":{count}"#).expect("writing to a String succeeds");
}

fn write_text(out: &mut String, key: &str, text: &str) {
    if !text.is_empty() {
        write!(out, r#","{key}":"#).expect("writing to a String succeeds");
        write_string(out, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_json_with_every_field_of_the_contract() {
        let rejected = [
            Rejected { index: 7, message_id: "a\"b\u{1}\n", code: "missing_id", message: "né" },
            Rejected { index: 9, message_id: "", code: "x", message: "y" },
        ];
        let mut out = String::new();
        write_reply(
            &mut out,
            &Reply {
                batch_id: "b-1",
                accepted: 24,
                duplicates: 1,
                rejected: &rejected,
                received_at: 1_795_341_600_123,
                sent_at: "2026-11-22T10:00:00.123Z",
                segments: Some(&["hot-cart".into(), "vip".into()]),
            },
        );
        let read: serde_json::Value = serde_json::from_str(&out).unwrap();
        let expected = serde_json::json!({
            "success": true, "batchId": "b-1", "accepted": 24, "duplicates": 1,
            "rejected": [
                {"index": 7, "messageId": "a\"b\u{1}\n", "code": "missing_id", "message": "né"},
                {"index": 9, "code": "x", "message": "y"}
            ],
            "receivedAt": "2026-11-22T10:00:00.123Z", "sentAt": "2026-11-22T10:00:00.123Z",
            "segments": ["hot-cart", "vip"]
        });
        assert_eq!(read, expected);
    }

    #[test]
    fn no_segments_are_told_apart_from_segments_that_are_not_told() {
        let reply = |segments| {
            let mut out = String::new();
            let (batch_id, sent_at, rejected) = ("", "", &[][..]);
            let (accepted, duplicates, received_at) = (1, 0, 0);
            let reply =
                Reply { batch_id, accepted, duplicates, rejected, received_at, sent_at, segments };
            write_reply(&mut out, &reply);
            serde_json::from_str::<serde_json::Value>(&out).unwrap()
        };
        assert_eq!(reply(None).get("segments"), None);
        assert_eq!(reply(Some(&[])).get("segments"), Some(&serde_json::json!([])));
    }
}
