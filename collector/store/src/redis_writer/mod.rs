//! Keeps a real Redis equal to a view: the same keys that the collector serves itself.
//!
//! Redis is told versions, not events: what is kept for it is the set of changed persons, so an
//! outage of any length costs one write per changed person. A Redis that lost its data, or was
//! replaced by another, is noticed by its marker or its run id and refilled without being asked.
//! It is never read for the truth.
mod address;
pub(crate) mod link;
mod refill;
mod script;
mod sentinel;
mod session;
mod slots;
mod spread;
mod stats;
#[cfg(test)]
mod tests;
mod trouble;
mod watched;

pub use address::{RedisAddress, RedisTls, RedisTopology};
pub use stats::RedisStats;
pub use trouble::RedisTrouble;

use crate::limits::{REDIS_BACKOFF_MAX_MS, REDIS_BACKOFF_MIN_MS};
use crate::{RedisCheck, Shown, View};
use session::{End, Writer};
use stats::Counters;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

/// The task that writes a view to a Redis.
pub struct RedisWriter {
    address: RedisAddress,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// What the handle and the task both see.
pub(crate) struct Shared {
    pub(crate) shown: Arc<Shown>,
    counters: Counters,
    rebuild: AtomicBool,
    asked: Notify,
    /// Changes whenever something was done, so that waiting is not polling.
    progress: watch::Sender<u64>,
}

impl Shared {
    pub(crate) fn stats(&self) -> RedisStats {
        let view = self.view();
        // What is held is asked for last: what a batch takes meanwhile was counted as held before.
        let dirty = (view.dirty_count(), view.dirty_since_ms());
        self.counters.read(dirty, view.now_ms())
    }

    /// The view that is shown now. What is taken from it must be written by its own labels.
    fn view(&self) -> Arc<View> {
        self.shown.view()
    }

    /// Whether Redis holds everybody, changes of the last moments apart.
    pub(crate) fn is_filled(&self) -> bool {
        self.counters.is_filled()
    }

    /// Whether Redis refused somebody who is given again at the next check.
    pub(crate) fn has_parked(&self) -> bool {
        self.counters.parked() > 0
    }

    /// How many writes failed and were marked again.
    pub(crate) fn retries(&self) -> u64 {
        self.counters.retries()
    }

    /// Waits until the batch that is under way now has ended: its persons are written, or marked.
    pub(crate) async fn batch_ended(&self) {
        let mut progress = self.progress.subscribe();
        let (begun, _) = self.counters.batches();
        while self.counters.batches().1 < begun {
            if progress.changed().await.is_err() {
                return;
            }
        }
    }

    pub(crate) fn ask_rebuild(&self) {
        self.rebuild.store(true, Ordering::SeqCst);
        self.counters.set_filled(false);
        self.asked.notify_one();
    }

    fn progressed(&self) {
        self.progress.send_modify(|count| *count = count.wrapping_add(1));
    }
}

impl RedisWriter {
    /// Starts writing what is shown to the Redis at `address`. Must be called within a tokio runtime.
    /// Whether Redis can be reached makes no difference: the task goes on trying. Nothing is written
    /// before `ready` says true: a view that is still being filled would take memberships away that
    /// nobody has lost.
    #[must_use]
    pub fn spawn(
        address: RedisAddress,
        shown: Arc<Shown>,
        ready: impl Fn() -> bool + Send + 'static,
    ) -> Self {
        let shared = Arc::new(Shared {
            shown,
            counters: Counters::new(address.topology()),
            rebuild: AtomicBool::new(false),
            asked: Notify::new(),
            progress: watch::Sender::new(0),
        });
        let (stop, stopped) = watch::channel(false);
        let writer = Writer::new(address.clone(), Arc::clone(&shared), stopped);
        let task = tokio::spawn(keep_writing(writer, Arc::clone(&shared), ready));
        Self { address, shared, stop, task }
    }

    /// Asks for everybody to be compared with what Redis holds and written again.
    pub fn rebuild(&self) {
        self.shared.ask_rebuild();
    }

    /// Compares this Redis with what is shown, whenever asked.
    #[must_use]
    pub fn check(&self) -> RedisCheck {
        RedisCheck::beside(self.address.clone(), Arc::clone(&self.shared))
    }

    /// How it goes.
    #[must_use]
    pub fn stats(&self) -> RedisStats {
        self.shared.stats()
    }

    /// Waits until `enough` says so; it is asked after every step of the writer.
    pub async fn wait_until(&self, mut enough: impl FnMut(&RedisStats) -> bool) {
        let mut progress = self.shared.progress.subscribe();
        while !enough(&self.stats()) {
            if progress.changed().await.is_err() {
                return;
            }
        }
    }

    /// Waits until Redis holds everything that had been published when this was called.
    pub async fn settled(&self) {
        self.wait_until(|stats| stats.filled && stats.dirty == 0).await;
    }

    /// Writes what is changed, for a few seconds at most, and ends the task.
    pub async fn shutdown(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the Redis writer ended by a fault of its own");
        }
    }
}

/// How often a view that is being filled is asked whether it is ready.
const READY_POLL: Duration = Duration::from_millis(20);

/// One connection after the other, with pauses between them.
async fn keep_writing(mut writer: Writer, shared: Arc<Shared>, ready: impl Fn() -> bool) {
    while !ready() {
        if writer.wait(READY_POLL).await {
            shared.progressed();
            return;
        }
    }
    shared.view().mark_changes();
    let mut pause = Pause::new();
    loop {
        // Servers that do not answer must not hold up a process that ends.
        let overdue = writer.overdue();
        let end = tokio::select! {
            end = writer.session(&mut pause) => end,
            () = overdue => End::Stopped,
        };
        shared.counters.set_connected(false);
        shared.counters.set_filled(false);
        let End::Broken(error) = end else { break };
        shared.counters.broke_off();
        let trouble = RedisTrouble::of(&error);
        // Once for each kind, however often it is tried.
        if shared.counters.is_news(trouble) {
            let (kind, advice) = (trouble.name(), trouble.advice());
            tracing::warn!(
                kind, %error, advice,
                "Redis cannot be written; changes are kept and it is tried again"
            );
        }
        shared.progressed();
        if writer.wait(pause.next()).await {
            break;
        }
    }
    shared.progressed();
}

/// How long to wait before the next try: doubled each time, the upper half of it by chance, so
/// that collectors do not come back all at once.
struct Pause {
    next_ms: u64,
    chance: RandomState,
}

impl Pause {
    fn new() -> Self {
        Self { next_ms: REDIS_BACKOFF_MIN_MS, chance: RandomState::new() }
    }

    fn is_first(&self) -> bool {
        self.next_ms == REDIS_BACKOFF_MIN_MS
    }

    fn reset(&mut self) {
        self.next_ms = REDIS_BACKOFF_MIN_MS;
    }

    fn next(&mut self) -> Duration {
        let ms = self.next_ms;
        self.next_ms = (ms * 2).min(REDIS_BACKOFF_MAX_MS);
        self.chance = RandomState::new();
        let half = ms / 2;
        Duration::from_millis(half + self.chance.hash_one(ms) % (half + 1))
    }
}
