//! Whether a request can be taken now: what its key may still send, whether what it would wait behind
//! is short enough, and whether it can be decoded soon. Asked before the body is read.
use crate::auth::Sender;
use crate::limits::{HEAVY_DECODES_PER_CORE, HEAVY_WAITING_PER_TURN};
use crate::pass::Pass;
use crate::quota::{Bucket, Quota};
use crate::{Refusal, Valve};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What bounds the work of all requests together.
#[derive(Debug)]
pub(crate) struct Load {
    /// One for each write key.
    buckets: Vec<Bucket>,
    /// One for each project.
    valves: Vec<Valve>,
    pass: Pass,
    heavy: Arc<Semaphore>,
    heavy_waiting: AtomicUsize,
    heavy_waiting_max: usize,
}

impl Load {
    /// Of projects with these quotas, and write keys of these projects.
    pub(crate) fn new(quotas: &[Option<Quota>], writers: &[usize]) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let turns = cores * HEAVY_DECODES_PER_CORE;
        let quota = |&project: &usize| Bucket::new(quotas.get(project).copied().flatten());
        Self {
            buckets: writers.iter().map(quota).collect(),
            valves: quotas.iter().map(|_| Valve::default()).collect(),
            pass: Pass::new(quotas.len(), cores),
            heavy: Arc::new(Semaphore::new(turns)),
            heavy_waiting: AtomicUsize::new(0),
            heavy_waiting_max: turns * HEAVY_WAITING_PER_TURN,
        }
    }

    pub(crate) fn valve(&self, project: usize) -> Option<&Valve> {
        self.valves.get(project)
    }

    /// Whether a request may be read. Who sends it is unknown if only its body says so.
    ///
    /// # Errors
    /// [`Refusal::RateLimited`] or [`Refusal::Overloaded`].
    pub(crate) fn admit(&self, sender: Option<Sender>) -> Result<(), Refusal> {
        let closed = match sender {
            Some(Sender { project, writer }) => {
                let bucket = self.buckets.get(writer);
                bucket.map_or(Ok(()), Bucket::check).map_err(Refusal::RateLimited)?;
                self.valves.get(project).is_some_and(Valve::is_closed)
            }
            None => self.valves.iter().all(Valve::is_closed),
        };
        match closed || !self.pass.admits(sender.map(|sender| sender.project)) {
            true => Err(Refusal::Overloaded),
            false => Ok(()),
        }
    }

    /// Counts what was decoded on the reactor's threads.
    pub(crate) fn spend(&self, project: Option<usize>, decoded: usize) {
        self.pass.spend(project, decoded);
    }

    /// Takes the events of a decoded batch from the quota of its key, at least one: a batch without
    /// any has cost as much. Whoever was not known before the body is judged as [`Load::admit`] does.
    ///
    /// # Errors
    /// As [`Load::admit`]; nothing of the batch is to be kept then.
    pub(crate) fn charge(&self, sender: Sender, known: bool, events: u64) -> Result<(), Refusal> {
        if !known && self.valves.get(sender.project).is_some_and(Valve::is_closed) {
            return Err(Refusal::Overloaded);
        }
        let taken = self.buckets.get(sender.writer).map(|bucket| bucket.take(events.max(1)));
        taken.unwrap_or(Ok(())).map_err(Refusal::RateLimited)
    }

    /// Whether a heavy body can be decoded soon.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] if too many wait already.
    pub(crate) fn check_heavy(&self) -> Result<(), Refusal> {
        match self.heavy_waiting.load(Ordering::Relaxed) >= self.heavy_waiting_max {
            true => Err(Refusal::Overloaded),
            false => Ok(()),
        }
    }

    /// Waits for the turn of a heavy body.
    ///
    /// # Errors
    /// As [`Load::check_heavy`].
    pub(crate) async fn heavy_turn(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        self.check_heavy()?;
        let _waiting = Waiting::one(&self.heavy_waiting);
        let turn = Arc::clone(&self.heavy).acquire_owned().await;
        turn.map_err(|_| Refusal::Draining)
    }
}

/// Counts one who waits, also if it is given up.
struct Waiting<'w>(&'w AtomicUsize);

impl<'w> Waiting<'w> {
    fn one(count: &'w AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
