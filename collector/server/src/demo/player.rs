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
    let (Some(first), Some(last)) = (events.first(), events.last()) else {
        return Ok(());
    };
    let mut client = HttpClient::connect(address).await?;
    let pace = (last.at - first.at) as f64 / span.as_millis().max(1) as f64;
    let started = Instant::now();
    let mut rest = events;
    while !rest.is_empty() {
        let elapsed = started.elapsed().as_millis() as f64;
        let shop_time = (first.at as f64 + elapsed * pace) as i64;
        played.shop_time.store(u64::try_from(shop_time).unwrap_or(0), Ordering::Relaxed);
        let due = rest.partition_point(|event| event.at <= shop_time);
        let (batch, after) = rest.split_at(due.min(BATCH_EVENTS));
        if batch.is_empty() {
            tokio::time::sleep(BEAT).await;
            continue;
        }
        client.post_batch(key, packed(batch)?).await?;
        played.events.fetch_add(batch.len() as u64, Ordering::Relaxed);
        played.requests.fetch_add(1, Ordering::Relaxed);
        rest = after;
    }
    Ok(())
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
