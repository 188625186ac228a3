//! Plays the live part through the SDK's native client, at a compressed pace: one program that speaks
//! of many customers, as a shop's server does.
use super::retail::ShopEvent;
use anyhow::{Context as _, bail};
use serde_json::Value;
use sillage_sdk::{Client, Config, Ledger, Notice, Object, Options, Signal, Subject};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How often the player looks which events are due.
const BEAT: Duration = Duration::from_millis(20);
/// What is still on its way after the last event is waited for this long.
const PATIENCE: Duration = Duration::from_secs(30);

/// How far the player is; read by the screen.
#[derive(Debug, Default)]
pub(crate) struct Played {
    /// Events that the collector has acknowledged.
    pub(crate) events: AtomicU64,
    /// The shop's time that is being played, milliseconds since the epoch.
    pub(crate) shop_time: AtomicU64,
}

/// The longest stretch without events that is played; nights are cut to it.
const QUIET_MS: i64 = 20 * 60_000;

/// Sends `events` (in order of time) so that they take `span` in all. Gives the client's own ledger.
///
/// # Errors
/// Not everything was acknowledged.
pub(crate) async fn play(
    address: SocketAddr,
    folder: &Path,
    events: &[ShopEvent],
    span: Duration,
    played: &Arc<Played>,
) -> anyhow::Result<Ledger> {
    // Sooner than usual: somebody is watching.
    let config = Config { batch_events: 100, batch_age_ms: 50, ..Config::native() };
    let client = Client::builder("wk_demo", &format!("http://{address}"))
        .folder(folder)
        .config(config)
        .app("demo shop", env!("CARGO_PKG_VERSION"))
        .start()?;
    let seen = Arc::clone(played);
    client.on_signal(move |signal| {
        if let Signal::Notice(Notice::Delivered(count)) = signal {
            seen.events.fetch_add(u64::from(*count), Ordering::Relaxed);
        }
    });
    perform(&client, events, span, played).await?;
    let left = client.flush(PATIENCE).await.pending;
    let ledger = client.ledger();
    client.shutdown(Duration::ZERO).await;
    if left > 0 || ledger.acknowledged != events.len() as u64 {
        bail!("of {} live events not all were acknowledged: {ledger:?}", events.len());
    }
    Ok(ledger)
}

async fn perform(
    client: &Client,
    events: &[ShopEvent],
    span: Duration,
    played: &Played,
) -> anyhow::Result<()> {
    let score = score(events);
    let length = score.last().copied().unwrap_or_default();
    let pace = length.max(1) as f64 / span.as_millis().max(1) as f64;
    let started = Instant::now();
    let mut sent = 0;
    while sent < events.len() {
        let reached = (started.elapsed().as_millis() as f64 * pace) as i64;
        let due = score.partition_point(|&place| place <= reached);
        for event in &events[sent..due] {
            track(client, event)?;
            played.shop_time.store(u64::try_from(event.at).unwrap_or(0), Ordering::Relaxed);
        }
        sent = due;
        tokio::time::sleep(BEAT).await;
    }
    Ok(())
}

fn track(client: &Client, event: &ShopEvent) -> anyhow::Result<()> {
    let told: Value = serde_json::from_str(&event.json)?;
    let text = |key: &str| told[key].as_str().unwrap_or_default();
    let properties = told["properties"].to_string();
    let name = told["event"].as_str().context("an event of the shop has a name")?;
    let subject = Some(Subject { user_id: text("userId"), anonymous_id: text("anonymousId") });
    let at = Some(sillage_sdk::DeviceMillis(event.at));
    client.track_with(
        name,
        Object::Json(&properties),
        Options { subject, at, ..Options::default() },
    );
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
