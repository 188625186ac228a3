//! What an answer means. Only a collector's own word ends anything; whatever else comes back from a
//! network (a captive portal's page, a proxy's error, half an answer) leaves the events where they are.
use crate::input::Outcome;
use crate::json::{Reader, count, member, text, whole};
use crate::limits::{
    HOLD_FOREIGN_MS, HOLD_MS, REPLY_BYTES_MAX, RETRY_AFTER_MAX_MS, RETRY_AFTER_MIN_MS,
};
use crate::notice::DropReason;
use alloc::string::String;

/// What is to be done about a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict<'a> {
    /// Each of its events is settled.
    Settled(Settled<'a>),
    /// It cannot be taken as it is: try with fewer events, and give a single one up.
    Split(DropReason),
    /// Try again, after what the collector asks for.
    Again { after_ms: Option<u64>, may_have_arrived: bool },
    /// As [`Verdict::Again`]; the answer was not a collector's.
    Foreign { after_ms: Option<u64>, status: u16 },
    /// Try again much later: the key or the address is wrong, which a person must mend.
    Hold { for_ms: u64, status: u16 },
    /// Never try again.
    Stop,
}

/// A collector's verdict on each event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Settled<'a> {
    /// The list of refused events, checked; [`refusal`] reads its items.
    pub(crate) rejected: &'a [u8],
    /// When the batch arrived, by the collector's clock.
    pub(crate) received_at: Option<i64>,
    /// The list of the device's public segments; empty if the project does not tell them.
    pub(crate) segments: &'a [u8],
}

/// Judges the outcome of sending `events` events as `batch_id`.
pub(crate) fn judge<'a>(outcome: &Outcome<'a>, batch_id: &str, events: usize) -> Verdict<'a> {
    let Outcome::Answer { status, content_type, retry_after, body } = *outcome else {
        let may_have_arrived = matches!(outcome, Outcome::Lost);
        return Verdict::Again { after_ms: None, may_have_arrived };
    };
    let after_ms = wait(retry_after);
    let answer = if body.len() <= REPLY_BYTES_MAX { whole(body) } else { None };
    let answer = answer.filter(|body| core::str::from_utf8(body).is_ok()).unwrap_or_default();
    let problem = member(answer, "type").starts_with(b"\"urn:sillage:problem:")
        && is_media(content_type, "application/problem+json");
    // Every event of the batch is refused, each by name.
    let all = problem && status == 422 && refusals(answer, events) == Some(events);
    let ours = is_media(content_type, "application/json") && member(answer, "success") == b"true";
    match status {
        200 | 422 if all || status == 200 => {
            let settled = if all || ours { settled(answer, batch_id, events) } else { None };
            settled.map_or(Verdict::Foreign { after_ms, status }, Verdict::Settled)
        }
        413 => Verdict::Split(DropReason::TooLarge),
        400 | 414 | 415 | 422 | 431 if problem => Verdict::Split(DropReason::Refused),
        401 | 403 | 404 | 405 => {
            let for_ms = if problem { HOLD_MS } else { HOLD_FOREIGN_MS };
            Verdict::Hold { for_ms, status }
        }
        410 => Verdict::Stop,
        429 => Verdict::Again { after_ms, may_have_arrived: !problem },
        408 | 425 | 500..=599 => Verdict::Again { after_ms, may_have_arrived: true },
        _ => Verdict::Foreign { after_ms, status },
    }
}

/// What an answer says of the events, if it is to this very try and accounts for each of them.
fn settled<'a>(answer: &'a [u8], batch_id: &str, events: usize) -> Option<Settled<'a>> {
    let taken = count_of(answer, "accepted")? + count_of(answer, "duplicates")?;
    let judged = taken + refusals(answer, events)? as u64;
    if text(member(answer, "batchId"))? != batch_id || judged != events as u64 {
        return None;
    }
    let received = text(member(answer, "receivedAt"));
    Some(Settled {
        rejected: member(answer, "rejected"),
        received_at: received.and_then(|time| sillage_wire::parse_own_time_ms(&time)),
        segments: member(answer, "segments"),
    })
}

/// How many events are refused. A collector lists them in order, each once.
fn refusals(answer: &[u8], events: usize) -> Option<usize> {
    let mut items = Reader::inside(member(answer, "rejected"));
    let (mut refused, mut next) = (0, 0);
    while let Some(item) = items.item() {
        let (index, _) = refusal(item)?;
        if index < next || index >= events {
            return None;
        }
        next = index + 1;
        refused += 1;
    }
    Some(refused)
}

/// Which event of the batch is refused, and the code of the reason.
pub(crate) fn refusal(item: &[u8]) -> Option<(usize, String)> {
    let index = usize::try_from(count(member(item, "index"))?).ok()?;
    Some((index, text(member(item, "code"))?.into_owned()))
}

fn count_of(answer: &[u8], name: &str) -> Option<u64> {
    let value = member(answer, name);
    if value.is_empty() { Some(0) } else { count(value) }
}

/// Whether a `Content-Type` is of this media type, whatever its parameters.
fn is_media(content_type: &str, name: &str) -> bool {
    let content_type = content_type.as_bytes().trim_ascii();
    let Some((media, rest)) = content_type.split_at_checked(name.len()) else { return false };
    let whole = matches!(rest.trim_ascii().first(), None | Some(b';'));
    media.eq_ignore_ascii_case(name.as_bytes()) && whole
}

/// Whole seconds, bounded: a collector that asks for years would lose a device.
fn wait(retry_after: &str) -> Option<u64> {
    let seconds = count(retry_after.as_bytes().trim_ascii())?;
    Some((seconds * 1_000).clamp(RETRY_AFTER_MIN_MS, RETRY_AFTER_MAX_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer<'a>(
        status: u16,
        content_type: &'a str,
        retry_after: &'a str,
        body: &'a str,
    ) -> Outcome<'a> {
        Outcome::Answer { status, content_type, retry_after, body: body.as_bytes() }
    }

    fn judged<'a>(status: u16, content_type: &'a str, body: &'a str) -> Verdict<'a> {
        judge(&answer(status, content_type, "", body), "b", 2)
    }

    const JSON: &str = "application/json";
    const PROBLEM: &str = "application/problem+json";
    const TAKEN: &str =
        r#"{"success":true,"batchId":"b","accepted":1,"duplicates":1,"rejected":[]}"#;

    #[test]
    fn only_our_own_word_settles_a_batch() {
        let taken = Settled { rejected: b"[]", ..Settled::default() };
        assert_eq!(judged(200, JSON, TAKEN), Verdict::Settled(taken));
        assert_eq!(judged(200, "Application/JSON; charset=utf-8", TAKEN), judged(200, JSON, TAKEN));
        let foreign = |status| Verdict::Foreign { after_ms: None, status };
        let truncated = TAKEN.get(..TAKEN.len() - 1).unwrap();
        for (status, media, body) in [
            (200, "text/html", TAKEN),
            (200, JSON, "<html>"),
            (200, JSON, "{}"),
            (200, JSON, ""),
            (200, JSON, truncated),
            (200, JSON, &TAKEN.replace("\"b\"", "\"c\"")),
            (200, JSON, &TAKEN.replace("\"accepted\":1", "\"accepted\":2")),
            (200, JSON, &TAKEN.replace("true", "false")),
            (204, JSON, TAKEN),
            (302, JSON, TAKEN),
            (400, "text/html", "no"),
            (422, JSON, "{}"),
        ] {
            assert_eq!(judged(status, media, body), foreign(status), "{status} {media} {body}");
        }
    }

    #[test]
    fn verdicts_are_read_event_by_event() {
        let body = r#"{"success":true,"batchId":"b","accepted":1,"duplicates":0,
            "rejected":[{"index":1,"messageId":"m","code":"too_deep","message":"…"}],
            "receivedAt":"2026-11-22T10:00:00.123Z","segments":["vip","hot-cart"],"more":{"x":[1]}}"#;
        let Verdict::Settled(settled) = judged(200, JSON, body) else { panic!("not settled") };
        let mut rejected = Reader::inside(settled.rejected);
        assert_eq!(rejected.item().and_then(refusal), Some((1, String::from("too_deep"))));
        assert_eq!(rejected.item(), None);
        assert_eq!(settled.received_at, Some(1_795_341_600_123));
        assert_eq!(settled.segments, br#"["vip","hot-cart"]"#);
        let outside = body.replace("\"index\":1", "\"index\":2");
        assert!(matches!(judged(200, JSON, &outside), Verdict::Foreign { .. }));
        let all = r#"{"type":"urn:sillage:problem:no_valid_event","status":422,"batchId":"b",
            "rejected":[{"index":0,"code":"x"},{"index":1,"code":"y"}]}"#;
        let Verdict::Settled(settled) = judged(422, PROBLEM, all) else { panic!("not settled") };
        let mut rejected = Reader::inside(settled.rejected);
        assert!(rejected.item().is_some() && rejected.item().is_some());
    }

    #[test]
    fn each_status_has_its_remedy() {
        let ours = r#"{"type":"urn:sillage:problem:x"}"#;
        assert_eq!(judged(413, "text/html", ""), Verdict::Split(DropReason::TooLarge));
        for status in [400, 415, 422, 431] {
            assert_eq!(judged(status, PROBLEM, ours), Verdict::Split(DropReason::Refused));
        }
        for status in [401, 403, 404, 405] {
            assert_eq!(judged(status, PROBLEM, ours), Verdict::Hold { for_ms: HOLD_MS, status });
            assert_eq!(judged(status, "", ""), Verdict::Hold { for_ms: HOLD_FOREIGN_MS, status });
        }
        assert_eq!(judged(410, "", ""), Verdict::Stop);
        for status in [408, 425, 500, 502, 503, 504] {
            let again = Verdict::Again { after_ms: None, may_have_arrived: true };
            assert_eq!(judged(status, PROBLEM, ours), again);
        }
        assert_eq!(
            judge(&Outcome::Unsent, "b", 2),
            Verdict::Again { after_ms: None, may_have_arrived: false }
        );
        assert_eq!(
            judge(&Outcome::Lost, "b", 2),
            Verdict::Again { after_ms: None, may_have_arrived: true }
        );
    }

    #[test]
    fn what_a_collector_asks_for_is_bounded() {
        let after = |text| match judge(&answer(429, "", text, ""), "b", 1) {
            Verdict::Again { after_ms, .. } => after_ms,
            other => panic!("{other:?}"),
        };
        assert_eq!(after("7"), Some(7_000));
        assert_eq!(after("0"), Some(1_000));
        assert_eq!(after("1000000000"), Some(3_600_000));
        for garbage in
            ["", "-1", "soon", "Wed, 21 Oct 2026 07:28:00 GMT", "1.5", "99999999999999999999"]
        {
            assert_eq!(after(garbage), None, "{garbage}");
        }
    }
}
