//! What is answered: the verdict on a batch, a problem, an image, a settings document.
use crate::judge::{Echo, Refused};
use crate::limits::SETTINGS_MAX_AGE_S;
use crate::{Refusal, Rejected};
use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode, Version};
use http_body_util::Full;
use sillage_wire::json::write_string;
use sillage_wire::{format_time_ms, write_rejected, write_reply};
use std::fmt::Write;

/// An answer, complete.
pub(crate) type Reply = Response<Full<Bytes>>;

/// The smallest transparent GIF.
const PIXEL: &[u8] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff\x21\xf9\x04\
\x01\x00\x00\x00\x00\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00\x3b";

/// What became of a batch, ready to be told.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) echo: Echo,
    pub(crate) accepted: u64,
    pub(crate) duplicates: u64,
    pub(crate) rejected: Vec<Rejected>,
    pub(crate) sent_at: String,
    pub(crate) segments: Option<Vec<String>>,
}

impl Verdict {
    pub(crate) fn reply(&self) -> Reply {
        let mut out = String::with_capacity(160 + 160 * self.rejected.len());
        let told = sillage_wire::Reply {
            batch_id: &self.echo.batch_id,
            accepted: self.accepted,
            duplicates: self.duplicates,
            rejected: &on_the_wire(&self.rejected),
            received_at: self.echo.received.0,
            sent_at: &self.sent_at,
            segments: self.segments.as_deref(),
        };
        write_reply(&mut out, &told);
        with_type(StatusCode::OK, "application/json", out)
    }
}

fn on_the_wire(rejected: &[Rejected]) -> Vec<sillage_wire::Rejected<'_>> {
    rejected
        .iter()
        .map(|event| sillage_wire::Rejected {
            index: event.index,
            message_id: &event.message_id,
            code: event.code,
            message: &event.message,
        })
        .collect()
}

/// A refusal as a problem of RFC 9457, with the members `code`, `retryable` and `request_id`, and
/// `message`, because SDKs of the Segment family look for `code` and `message` in every error. Where
/// the body was understood, `batchId` and `receivedAt` say whose request it answers.
pub(crate) fn problem(refused: &Refused, request_id: u64, version: Version) -> Reply {
    let Refused { refusal, rejected, echo, .. } = refused;
    let face = refusal.face();
    let detail = refusal.to_string();
    let mut out = String::with_capacity(320 + 160 * rejected.len());
    out.push_str("{\"type\":");
    write_string(&mut out, &format!("urn:sillage:problem:{}", face.code));
    push_member(&mut out, "title", face.title);
    write!(out, ",\"status\":{}", face.status.as_u16()).expect("writing to a String succeeds");
    push_member(&mut out, "detail", &detail);
    push_member(&mut out, "code", face.code);
    push_member(&mut out, "message", &detail);
    write!(out, ",\"retryable\":{}", face.retryable).expect("writing to a String succeeds");
    push_member(&mut out, "request_id", &format!("{request_id:016x}"));
    if let Some(echo) = echo {
        if !echo.batch_id.is_empty() {
            push_member(&mut out, "batchId", &echo.batch_id);
        }
        out.push_str(",\"receivedAt\":\"");
        format_time_ms(echo.received.0, &mut out);
        out.push('"');
    }
    if !rejected.is_empty() {
        out.push_str(",\"rejected\":");
        write_rejected(&mut out, &on_the_wire(rejected));
    }
    out.push('}');
    let mut reply = with_type(face.status, "application/problem+json", out);
    let headers = reply.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(after_s) = face.retry_after_s {
        let later = jitter(refusal, after_s, request_id);
        headers.insert(RETRY_AFTER, HeaderValue::from(after_s + later));
    }
    if let Refusal::MethodNotAllowed(allow) = refusal {
        headers.insert(ALLOW, HeaderValue::from_static(allow));
    }
    if face.status == StatusCode::UNAUTHORIZED {
        // Not `Basic`: a browser would ask the visitor for a password.
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("WriteKey"));
    }
    if refusal.ends_connection() && version <= Version::HTTP_11 {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    reply
}

/// Seconds more for some, so that those who were sent away together do not come back together: up
/// to half of what all wait.
fn jitter(refusal: &Refusal, after_s: u32, request_id: u64) -> u32 {
    if !matches!(refusal, Refusal::Overloaded | Refusal::RateLimited(_)) {
        return 0;
    }
    // Numbers of requests follow each other; multiplied by 2^64 over the golden ratio they spread.
    let drawn = request_id.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    let most = u64::from(after_s.div_ceil(2)) + 1;
    u32::try_from(drawn % most).unwrap_or(0)
}

pub(crate) fn preflight(allow: &'static str) -> Reply {
    let mut reply = Response::new(Full::default());
    *reply.status_mut() = StatusCode::NO_CONTENT;
    reply.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    reply
}

pub(crate) fn pixel() -> Reply {
    let mut reply = Response::new(Full::new(Bytes::from_static(PIXEL)));
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("image/gif"));
    let never = "no-store, no-cache, must-revalidate, private";
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(never));
    reply
}

/// What browser SDKs of the Segment family load first; its `apiKey` becomes the key of all events.
pub(crate) fn settings(write_key: &str) -> Reply {
    let mut out = String::from("{\"integrations\":{\"Segment.io\":{\"apiKey\":");
    write_string(&mut out, write_key);
    out.push_str("}},\"metrics\":{\"sampleRate\":0}}");
    let mut reply = with_type(StatusCode::OK, "application/json", out);
    let age = HeaderValue::try_from(format!("public, max-age={SETTINGS_MAX_AGE_S}"));
    let age = age.expect("digits are a header value");
    reply.headers_mut().insert(CACHE_CONTROL, age);
    reply
}

fn with_type(status: StatusCode, media_type: &'static str, body: String) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::from(body)));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    let nosniff = HeaderValue::from_static("nosniff");
    reply.headers_mut().insert(http::header::X_CONTENT_TYPE_OPTIONS, nosniff);
    reply
}

/// Appends `,"name":"text"`.
fn push_member(out: &mut String, name: &str, text: &str) {
    write!(out, ",\"{name}\":").expect("writing to a String succeeds");
    write_string(out, text);
}
