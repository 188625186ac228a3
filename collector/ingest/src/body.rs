//! Reading a body whole: bounded in size, in time, and in what all bodies together may hold.
//!
//! Does not decode it, and does not look into it.
use crate::Refusal;
use crate::flight::Held;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Body;
use sillage_wire::Limits;
use std::pin::pin;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Reads the body to its end.
///
/// # Guarantees
/// A body whose declared length exceeds the limit, or for which there is no room, is refused
/// before its first byte is read, so a sender that waits for `100 Continue` never sends it.
///
/// # Errors
/// [`Refusal::BodyTooLarge`], [`Refusal::Overloaded`], [`Refusal::BodyTimeout`] or, if the
/// connection or its framing breaks, [`Refusal::BadBody`].
///
/// # Cost
/// No copy of a body that came in one piece.
pub async fn collect<B>(body: B, limits: &Limits, held: &mut Held) -> Result<Bytes, Refusal>
where
    B: Body<Data = Bytes>,
{
    let mut body = pin!(body);
    let bytes_max = limits.body_bytes_max as u64;
    let declared = body.size_hint().lower();
    if declared > bytes_max {
        return Err(Refusal::BodyTooLarge(bytes_max));
    }
    held.grow(declared)?;
    let mut room = declared;
    let end = Instant::now() + Duration::from_millis(limits.body_total_ms);
    let mut first = Bytes::new();
    let mut joined: Vec<u8> = Vec::new();
    let mut len = 0_u64;
    loop {
        let until = end.min(Instant::now() + Duration::from_millis(limits.body_gap_ms));
        let frame = timeout_at(until, body.frame()).await.map_err(|_| Refusal::BodyTimeout)?;
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|_| Refusal::BadBody)?;
        let Ok(data) = frame.into_data() else { continue };
        len += data.len() as u64;
        if len > bytes_max {
            return Err(Refusal::BodyTooLarge(bytes_max));
        }
        if len > room {
            held.grow(len - room)?;
            room = len;
        }
        if first.is_empty() {
            first = data;
        } else {
            if joined.is_empty() {
                joined.reserve(usize::try_from(room).unwrap_or_default().max(2 * first.len()));
                joined.extend_from_slice(&first);
            }
            joined.extend_from_slice(&data);
        }
    }
    Ok(if joined.is_empty() { first } else { Bytes::from(joined) })
}
