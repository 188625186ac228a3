//! What an answer means. Only a collector's own word ends anything; whatever else comes back from a
//! network (a captive portal's page, a proxy's error, half an answer) leaves the events where they are.
use crate::input::Outcome;
use crate::json::{Reader, count, text, whole};
use crate::limits::{
    HOLD_FOREIGN_MS, HOLD_MS, REPLY_BYTES_MAX, RETRY_AFTER_MAX_MS, RETRY_AFTER_MIN_MS,
};
use crate::notice::DropReason;
use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

/// What is to be done about a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Each of its events is settled.
    Settled(Settled),
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
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Settled {
    /// Refused events, by their index in the batch.
    pub(crate) rejected: Vec<(usize, String)>,
    /// When the batch arrived, by the collector's clock.
    pub(crate) received_at: Option<i64>,
    /// The device's public segments, if the project tells them.
    pub(crate) segments: Option<Vec<String>>,
}

/// Judges the outcome of sending `events` events as `batch_id`.
pub(crate) fn judge(outcome: &Outcome<'_>, batch_id: &str, events: usize) -> Verdict {
    let Outcome::Answer { status, content_type, retry_after, body } = *outcome else {
        let may_have_arrived = matches!(outcome, Outcome::Lost);
        return Verdict::Again { after_ms: None, may_have_arrived };
    };
    let after_ms = wait(retry_after);
    let answer = if body.len() <= REPLY_BYTES_MAX { Answer::read(body) } else { None };
    let is = |name| is_media(content_type, name);
    let problem = answer.as_ref().is_some_and(|a| a.is_problem) && is("application/problem+json");
    match status {
        200 if is("application/json") => {
            settled(answer, batch_id, events).unwrap_or(Verdict::Foreign { after_ms, status })
        }
        // Every event of the batch is refused, each by name.
        422 if problem && answer.as_ref().is_some_and(|a| a.rejected.len() == events) => {
            let answer = answer.map(|a| Answer { success: true, ..a });
            settled(answer, batch_id, events).unwrap_or(Verdict::Foreign { after_ms, status })
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

/// A success, if it is ours and accounts for every event.
fn settled(answer: Option<Answer>, batch_id: &str, events: usize) -> Option<Verdict> {
    let Answer {
        success,
        batch_id: echo,
        accepted,
        duplicates,
        rejected,
        received_at,
        segments,
        ..
    } = answer?;
    let judged = accepted + duplicates + rejected.len() as u64;
    // A collector lists them in order, each once.
    let ordered = rejected.windows(2).all(|pair| matches!(pair, [a, b] if a.0 < b.0));
    let inside = rejected.last().is_none_or(|(index, _)| *index < events);
    let ours = success && echo == batch_id && judged == events as u64 && ordered && inside;
    ours.then_some(Verdict::Settled(Settled { rejected, received_at, segments }))
}

/// Whether a `Content-Type` is of this media type, whatever its parameters.
fn is_media(content_type: &str, name: &str) -> bool {
    let content_type = content_type.as_bytes().trim_ascii_start();
    let Some((media, rest)) = content_type.split_at_checked(name.len()) else { return false };
    let whole = matches!(rest.trim_ascii_start().first(), None | Some(b';'));
    media.eq_ignore_ascii_case(name.as_bytes()) && whole
}

/// Whole seconds, bounded: a collector that asks for years would lose a device.
fn wait(retry_after: &str) -> Option<u64> {
    let seconds = count(retry_after.as_bytes().trim_ascii())?;
    Some((seconds * 1_000).clamp(RETRY_AFTER_MIN_MS, RETRY_AFTER_MAX_MS))
}

/// What our answers and our problem documents say.
#[derive(Debug, Default)]
struct Answer {
    success: bool,
    is_problem: bool,
    batch_id: String,
    accepted: u64,
    duplicates: u64,
    rejected: Vec<(usize, String)>,
    received_at: Option<i64>,
    segments: Option<Vec<String>>,
}

impl Answer {
    fn read(body: &[u8]) -> Option<Self> {
        let mut answer = Self::default();
        let body = whole(core::str::from_utf8(body).ok()?.as_bytes())?;
        if body.first() != Some(&b'{') {
            return None;
        }
        let mut members = Reader::inside(body);
        while let Some(key) = members.next() {
            let value = members.next()?;
            match key {
                b"\"success\"" => answer.success = value == b"true",
                b"\"type\"" => {
                    answer.is_problem = text(value)?.starts_with("urn:sillage:problem:");
                }
                b"\"batchId\"" => answer.batch_id = owned(value)?,
                b"\"accepted\"" => answer.accepted = count(value)?,
                b"\"duplicates\"" => answer.duplicates = count(value)?,
                b"\"rejected\"" => {
                    let mut items = items(value)?;
                    while let Some(item) = items.next() {
                        answer.rejected.push(rejected(item)?);
                    }
                }
                b"\"receivedAt\"" => {
                    answer.received_at = sillage_wire::parse_own_time_ms(&text(value)?);
                }
                b"\"segments\"" => answer.segments = Some(sorted(items(value)?)?),
                _ => {}
            }
        }
        Some(answer)
    }
}

fn owned(value: &[u8]) -> Option<String> {
    text(value).map(Cow::into_owned)
}

fn items(value: &[u8]) -> Option<Reader<'_>> {
    (value.first() == Some(&b'[')).then(|| Reader::inside(value))
}

/// The texts of a list, each once.
fn sorted(mut items: Reader<'_>) -> Option<Vec<String>> {
    let mut sorted: Vec<String> = Vec::new();
    while let Some(item) = items.next() {
        let key = owned(item)?;
        let at = sorted.partition_point(|other| *other < key);
        if sorted.get(at) != Some(&key) {
            sorted.insert(at, key);
        }
    }
    Some(sorted)
}

fn rejected(item: &[u8]) -> Option<(usize, String)> {
    let (mut index, mut code) = (None, String::new());
    let mut members = Reader::inside(item);
    while let Some(key) = members.next() {
        let value = members.next()?;
        match key {
            b"\"index\"" => index = usize::try_from(count(value)?).ok(),
            b"\"code\"" => code = owned(value)?,
            _ => {}
        }
    }
    Some((index?, code))
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

    fn judged(status: u16, content_type: &str, body: &str) -> Verdict {
        judge(&answer(status, content_type, "", body), "b", 2)
    }

    const JSON: &str = "application/json";
    const PROBLEM: &str = "application/problem+json";
    const TAKEN: &str =
        r#"{"success":true,"batchId":"b","accepted":1,"duplicates":1,"rejected":[]}"#;

    #[test]
    fn only_our_own_word_settles_a_batch() {
        assert_eq!(judged(200, JSON, TAKEN), Verdict::Settled(Settled::default()));
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
        assert_eq!(settled.rejected, [(1, String::from("too_deep"))]);
        assert_eq!(settled.received_at, Some(1_795_341_600_123));
        assert_eq!(settled.segments.unwrap(), ["hot-cart", "vip"]);
        let outside = body.replace("\"index\":1", "\"index\":2");
        assert!(matches!(judged(200, JSON, &outside), Verdict::Foreign { .. }));
        let all = r#"{"type":"urn:sillage:problem:no_valid_event","status":422,"batchId":"b",
            "rejected":[{"index":0,"code":"x"},{"index":1,"code":"y"}]}"#;
        let Verdict::Settled(settled) = judged(422, PROBLEM, all) else { panic!("not settled") };
        assert_eq!(settled.rejected.len(), 2);
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
