//! Whether the servers still are those that were filled, and hold what they were given.
use super::link::Link;
use super::script::Writing;
use crate::keys::key_slot;
use crate::limits::{REDIS_MARK_TRIES_MAX, REDIS_MEND_EVERY_MS};
use redis::{Cmd, InfoDict, RedisResult};
use std::time::Duration;
use tokio::time::Instant;

/// The field that tells who filled a server: in `sl:<p>:meta`, and in a cluster also in a hash on
/// each of its servers, for any one of them can lose its data.
const MARKER: &str = "writer";

/// What was found of the servers so far.
#[derive(Default)]
pub(super) struct Watched {
    /// The runs of the servers that were written last.
    runs: Vec<String>,
    evicted: u64,
    /// Whether something was evicted that has not been written again.
    holes: bool,
    mended: Option<Instant>,
}

/// What eviction asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Eviction {
    /// Nothing.
    None,
    /// Keys are being dropped.
    Seen,
    /// It has stopped, and what was dropped is to be written again.
    Mend,
}

impl Watched {
    /// Whether a server serves that is not one of those before.
    pub(super) fn are_others(&mut self, link: &Link) -> bool {
        let runs: Vec<String> = link.runs().into_iter().flatten().collect();
        let known = std::mem::replace(&mut self.runs, runs);
        // At first the marker tells.
        !known.is_empty() && self.runs.iter().any(|run| !known.contains(run))
    }

    /// Whether a server of a new connection does not tell its run: it may be another each time.
    pub(super) fn are_unnamed(link: &Link) -> bool {
        link.runs().iter().any(Option::is_none)
    }

    /// Looks whether keys were evicted since the last time. Servers that do not tell have none.
    pub(super) async fn eviction(&mut self, link: &mut Link) -> Eviction {
        let mut evicted = 0;
        for node in link.primaries() {
            let mut ask = redis::cmd("INFO");
            let told = link.ask_at::<InfoDict>(node, ask.arg("stats")).await.ok();
            evicted += told.and_then(|told| told.get::<u64>("evicted_keys")).unwrap_or(0);
        }
        let before = std::mem::replace(&mut self.evicted, evicted);
        let every = Duration::from_millis(REDIS_MEND_EVERY_MS);
        if evicted > before {
            self.holes = true;
            return Eviction::Seen;
        }
        if !self.holes || self.mended.is_some_and(|mended| mended.elapsed() < every) {
            return Eviction::None;
        }
        self.holes = false;
        self.mended = Some(Instant::now());
        Eviction::Mend
    }
}

/// Whether all servers bear this marker.
pub(super) async fn bear(link: &mut Link, writing: &Writing, marker: &str) -> RedisResult<bool> {
    let asked = places(link, writing).into_iter().map(|key| {
        let mut ask = redis::cmd("HGET");
        ask.arg(key).arg(MARKER).take()
    });
    let asked: Vec<Cmd> = asked.collect();
    let mut all = true;
    for answer in link.ask_all(asked).await {
        let found: Option<String> = redis::from_redis_value(answer?)?;
        all &= found.as_deref() == Some(marker);
    }
    Ok(all)
}

/// Leaves the marker on all servers, in `meta` together with what else is to be known.
pub(super) async fn mark(
    link: &mut Link,
    writing: &Writing,
    marker: &str,
    fields: &[(&str, String)],
) -> RedisResult<()> {
    let mut commands = Vec::new();
    for (index, key) in places(link, writing).into_iter().enumerate() {
        let mut command = redis::cmd("HSET");
        command.arg(key).arg(MARKER).arg(marker);
        if index == 0 {
            for (field, value) in fields {
                command.arg(field).arg(value);
            }
        }
        commands.push(command);
    }
    for answer in link.ask_all(commands).await {
        answer?;
    }
    Ok(())
}

/// `meta`, and a key on each server of a cluster.
fn places(link: &Link, writing: &Writing) -> Vec<String> {
    let mut places = vec![format!("{}meta", writing.prefix())];
    if link.is_cluster() {
        let primaries = link.primaries();
        let mut without = primaries;
        for number in 0..REDIS_MARK_TRIES_MAX {
            if without.is_empty() {
                break;
            }
            let key = format!("{}mark:{{{number}}}", writing.prefix());
            let owner = link.owner_of_slot(key_slot(key.as_bytes()));
            if let Some(found) = without.iter().position(|node| Some(*node) == owner) {
                without.swap_remove(found);
                places.push(key);
            }
        }
    }
    places
}
