//! Plays the live part: a real HTTP client that sends gzip'd batches at a compressed pace.
use super::retail::ShopEvent;
use crate::http_client::HttpClient;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Events in one request, as client libraries send.
const BATCH_EVENTS: usize = 100;
/// How often the player looks which events are due.
const BEAT: Duration = Duration::from_millis(20);

/// How far the player is; read by the screen.
#[derive(Debug, Default)]
pub(crate) struct Played {
    pub(crate) events: AtomicU64,
    pub(crate) requests: AtomicU64,
    /// The shop's time that is being played, milliseconds since the epoch.
    pub(crate) shop_time: AtomicU64,
}

/// The longest stretch without events that is played; nights are cut to it.
const QUIET_MS: i64 = 20 * 60_000;

/// Sends `events` (in order of time) so that they take `span` in all.
///
/// # Errors
/// The first request that was not answered with success.
pub(crate) async fn play(
    address: SocketAddr,
    key: &str,
    events: &[ShopEvent],
    span: Duration,
    played: &Arc<Played>,
) -> anyhow::Result<()> {
    let score = score(events);
    let Some(&length) = score.last() else { return Ok(()) };
    let mut client = HttpClient::connect(address).await?;
    let pace = length.max(1) as f64 / span.as_millis().max(1) as f64;
    let started = Instant::now();
    let mut sent = 0;
    while sent < events.len() {
        let reached = (started.elapsed().as_millis() as f64 * pace) as i64;
        let due = score.partition_point(|&place| place <= reached);
        let batch = &events[sent..due.min(sent + BATCH_EVENTS)];
        let Some(last) = batch.last() else {
            tokio::time::sleep(BEAT).await;
            continue;
        };
        client.post_batch(key, packed(batch)?).await?;
        played.shop_time.store(u64::try_from(last.at).unwrap_or(0), Ordering::Relaxed);
        played.events.fetch_add(batch.len() as u64, Ordering::Relaxed);
        played.requests.fetch_add(1, Ordering::Relaxed);
        sent += batch.len();
    }
    Ok(())
}

/// When each event is played, in milliseconds of the shop's time from the beginning on.
fn score(events: &[ShopEvent]) -> Vec<i64> {
    let mut place = 0;
    let steps = events.iter().zip(events.iter().skip(1));
    let later = steps.map(|(before, event)| {
        place += (event.at - before.at).min(QUIET_MS);
        place
    });
    events.first().map(|_| 0).into_iter().chain(later).collect()
}

/// A batch as it goes over the wire.
fn packed(events: &[ShopEvent]) -> std::io::Result<Vec<u8>> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(b"{\"batch\":[")?;
    for (index, event) in events.iter().enumerate() {
        if index > 0 {
            gzip.write_all(b",")?;
        }
        gzip.write_all(event.json.as_bytes())?;
    }
    gzip.write_all(b"]}")?;
    gzip.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nights_are_cut_short_and_the_order_is_kept() {
        let event = |at| ShopEvent { at, json: String::new() };
        let events = [event(0), event(60_000), event(12 * 3_600_000), event(12 * 3_600_000)];
        let played = 60_000 + QUIET_MS;
        assert_eq!(score(&events), [0, 60_000, played, played]);
        assert!(score(&[]).is_empty());
    }
}
