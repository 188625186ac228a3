//! The body of a batch.
use crate::clock::Bound;
use crate::counts::Counts;
use crate::event::{Queued, members, message_id};
use crate::heads::Head;
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
    /// Members of the context that are said at the time of sending, each beginning with a comma.
    pub(crate) consent: &'a [u8],
}

/// Writes a batch of events that share `head`.
pub(crate) fn write<'q>(
    envelope: &Envelope<'_>,
    head: Option<&Head>,
    events: impl Iterator<Item = &'q Queued>,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(b"{\"sentAt\":");
    push_time(out, envelope.sent_at);
    out.extend_from_slice(b",\"sillage\":{\"batchId\":");
    push_string(out, envelope.batch_id);
    for (name, id) in [("install", envelope.install), ("boot", envelope.boot)] {
        push_name(out, name);
        out.push(b'"');
        out.extend_from_slice(&id.text());
        out.push(b'"');
    }
    push_count(out, "seq", envelope.counts.created);
    push_count(out, "acknowledged", envelope.counts.acknowledged);
    push_counts(out, "rejected", envelope.counts.rejected());
    push_counts(out, "dropped", envelope.counts.dropped());
    push_counts(out, "unsure", envelope.counts.unsure());
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
    out.push(b'}');
    if let Some(head) = head {
        if !head.ids.is_empty() {
            out.push(b',');
            out.extend_from_slice(&head.ids);
        }
        push_context(out, &head.context, envelope.consent);
    }
    out.extend_from_slice(b",\"batch\":[");
    for (index, event) in events.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_event(out, event);
    }
    out.extend_from_slice(b"]}");
}

fn push_event(out: &mut Vec<u8>, event: &Queued) {
    out.push(b'{');
    out.extend_from_slice(members(&event.record));
    out.extend_from_slice(b",\"messageId\":\"");
    out.extend_from_slice(&message_id(&event.record).text());
    out.extend_from_slice(b"\",\"timestamp\":");
    push_time(out, event.at);
    push_count(out, "seq", event.seq);
    out.push(b'}');
}

fn push_context(out: &mut Vec<u8>, context: &[u8], consent: &[u8]) {
    let consent = if context.is_empty() { consent.get(1..).unwrap_or_default() } else { consent };
    if !context.is_empty() || !consent.is_empty() {
        out.extend_from_slice(b",\"context\":{");
        out.extend_from_slice(context);
        out.extend_from_slice(consent);
        out.push(b'}');
    }
}

fn push_time(out: &mut Vec<u8>, ms: i64) {
    let mut text = String::with_capacity(24);
    sillage_wire::format_time_ms(ms, &mut text);
    push_string(out, &text);
}

fn push_name(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

fn push_count(out: &mut Vec<u8>, name: &str, count: u64) {
    push_name(out, name);
    push_u64(out, count);
}

fn push_counts<'c>(out: &mut Vec<u8>, name: &str, counts: impl Iterator<Item = (&'c str, u64)>) {
    let mut counts = counts.peekable();
    if counts.peek().is_none() {
        return;
    }
    push_name(out, name);
    out.push(b'{');
    for (index, (reason, count)) in counts.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_string(out, reason);
        out.push(b':');
        push_u64(out, count);
    }
    out.push(b'}');
}
