//! The Redis protocol, for reading: the same keys that a real Redis would hold, served by the
//! collector itself.
//!
//! Speaks RESP2 and RESP3. Knows no command that writes, no transaction, no subscription and no
//! second database; who needs those reads from a real Redis instead.
mod client;
mod command;
mod connection;
mod connection_commands;
mod describe;
mod glob;
mod hash;
mod inline;
mod keys;
mod keyspace;
mod reply;
mod request;
mod sorted_set;
mod stream;
mod stream_id;
mod writes;

use crate::limits::ACCEPT_PAUSE;
pub use crate::limits::CLIENTS_MAX;
use crate::resp::reply::{Protocol, Reply};
use bytes::BytesMut;
use sillage_store::Shown;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// One project as it is served here.
#[derive(Clone)]
pub struct RespProject {
    /// What is read.
    pub view: Arc<Shown>,
    /// Whether everything known before the start has been published again. Until then every
    /// command that reads keys gets `-LOADING`.
    pub ready: Arc<dyn Fn() -> bool + Send + Sync>,
}

/// What is served, and to whom.
pub struct RespConfig {
    /// By the name in `sl:<project>:`.
    pub projects: BTreeMap<String, RespProject>,
    /// What AUTH must say; `None` lets everyone in who can connect.
    pub password: Option<String>,
    /// Connections at a time; the next one is told so and closed.
    pub clients_max: usize,
    started: Instant,
}

impl RespConfig {
    /// Serves these projects with the limits that Redis has by default.
    #[must_use]
    pub fn new(projects: BTreeMap<String, RespProject>, password: Option<String>) -> Self {
        Self { projects, password, clients_max: CLIENTS_MAX, started: Instant::now() }
    }
}

/// Accepts connections until `shutdown` says true or its sender is gone; returns once the last
/// connection has ended, which each does at once.
pub async fn serve(
    listener: TcpListener,
    config: Arc<RespConfig>,
    mut shutdown: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(config.clients_max));
    let next_id = AtomicI64::new(1);
    let everyone = u32::try_from(config.clients_max).unwrap_or(u32::MAX);
    let stop = shutdown.clone();
    let mut stopped = std::pin::pin!(shutdown.wait_for(|&stop| stop));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = &mut stopped => break,
        };
        let (mut stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Too many open files, mostly; accepting again at once would only spin.
                tracing::warn!(%error, "a Redis connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            let mut text = BytesMut::new();
            Reply::error("ERR max number of clients reached").encode(Protocol::Resp2, &mut text);
            // One small write into an empty socket buffer; a client that is gone need not read it.
            drop(stream.try_write(&text));
            drop(stream.shutdown().await);
            continue;
        };
        let id = next_id.fetch_add(1, Ordering::Relaxed);
        let seat = Seat { id, places: Arc::clone(&places), _place: place };
        tokio::spawn(connection::run(stream, peer, seat, Arc::clone(&config), stop.clone()));
    }
    // Every connection watches for the same word; all places are free once they are gone.
    drop(places.acquire_many(everyone).await);
}

/// A connection's place among all of them.
struct Seat {
    id: i64,
    places: Arc<Semaphore>,
    _place: OwnedSemaphorePermit,
}

impl Seat {
    fn taken(&self, clients_max: usize) -> usize {
        clients_max.saturating_sub(self.places.available_permits())
    }
}
