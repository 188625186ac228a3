//! The body of a batch.
use crate::clock::Bound;
use crate::codec::put;
use crate::counts::Counts;
use crate::event::{Queued, members, message_id};
use crate::json::{push_i64, push_string, push_u64};
use crate::random::Uuid;
use alloc::string::String;
use alloc::vec::Vec;

/// What a batch says of its device and of this try.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Envelope<'a> {
    pub(crate) batch_id: &'a str,
    pub(crate) install: Uuid,
    pub(crate) boot: Uuid,
    pub(crate) counts: &'a Counts,
    /// Steady time of sending.
    pub(crate) sent_at: i64,
    pub(crate) uptime_ms: u64,
    /// Of the boot that stamped the events.
    pub(crate) bound: Option<Bound>,
    pub(crate) resends: u64,
    /// Of the events, as [`crate::heads::Head`] has them.
    pub(crate) ids: &'a [u8],
    pub(crate) context: &'a [u8],
    /// Members of the context that are said at the time of sending, each beginning with a comma.
    pub(crate) consent: &'a [u8],
}

/// Writes what comes before the events of a batch.
pub(crate) fn open(envelope: &Envelope<'_>, out: &mut Vec<u8>) {
    put(out, b"{\"sentAt\":");
    push_time(out, envelope.sent_at);
    put(out, b",\"sillage\":{\"batchId\":");
    push_string(out, envelope.batch_id);
    push_id(out, "install", envelope.install);
    push_id(out, "boot", envelope.boot);
    push_count(out, "seq", envelope.counts.created);
    push_count(out, "acknowledged", envelope.counts.acknowledged);
    push_counts(out, "rejected", &envelope.counts.rejected());
    push_counts(out, "dropped", &envelope.counts.dropped());
    push_counts(out, "unsure", &envelope.counts.unsure());
    push_count(out, "uptimeMs", envelope.uptime_ms);
    if let Some(bound) = envelope.bound {
        let (offset, error) = bound.offset();
        push_name(out, "clockOffsetMs");
        push_i64(out, offset);
        push_count(out, "clockErrorMs", error);
    }
    if envelope.resends > 0 {
        push_count(out, "resends", envelope.resends);
    }
    put(out, b"}");
    if !envelope.ids.is_empty() {
        put(out, b",");
        put(out, envelope.ids);
    }
    push_context(out, envelope.context, envelope.consent);
    put(out, b",\"batch\":");
}

/// Writes one event, and what stands before it: `[` or a comma.
pub(crate) fn push_event(out: &mut Vec<u8>, before: &[u8], event: &Queued) {
    put(out, before);
    put(out, b"{");
    put(out, members(&event.record));
    push_id(out, "messageId", message_id(&event.record));
    push_name(out, "timestamp");
    push_time(out, event.at);
    push_count(out, "seq", event.seq);
    put(out, b"}");
}

fn push_context(out: &mut Vec<u8>, context: &[u8], consent: &[u8]) {
    let consent = if context.is_empty() { consent.get(1..).unwrap_or_default() } else { consent };
    if !context.is_empty() || !consent.is_empty() {
        put(out, b",\"context\":{");
        put(out, context);
        put(out, consent);
        put(out, b"}");
    }
}

fn push_time(out: &mut Vec<u8>, ms: i64) {
    put(out, b"\"");
    put(out, &sillage_wire::time_text(ms));
    put(out, b"\"");
}

/// Appends `,"name":`.
pub(crate) fn push_name(out: &mut Vec<u8>, name: &str) {
    put(out, b",\"");
    put(out, name.as_bytes());
    put(out, b"\":");
}

fn push_id(out: &mut Vec<u8>, name: &str, id: Uuid) {
    push_name(out, name);
    put(out, b"\"");
    id.push(out);
    put(out, b"\"");
}

fn push_count(out: &mut Vec<u8>, name: &str, count: u64) {
    push_name(out, name);
    push_u64(out, count);
}

fn push_counts(out: &mut Vec<u8>, name: &str, counts: &[(String, u64)]) {
    if counts.is_empty() {
        return;
    }
    push_name(out, name);
    let mut before: &[u8] = b"{";
    for (reason, count) in counts {
        put(out, before);
        push_string(out, reason);
        put(out, b":");
        push_u64(out, *count);
        before = b",";
    }
    put(out, b"}");
}
