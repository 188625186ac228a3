//! Holds a real Redis against what is shown, and puts it right.
//!
//! Everything is compared, both ways: every hash with its time to live, every member of every sorted
//! set, and every key that Redis has of the project. Both sides go on changing meanwhile, so a
//! difference counts only once it has outlived the writing of its person. It is asked for by people;
//! nothing here runs by itself, and the change stream is left alone, for it is history.
mod mend;
mod progress;
mod reader;
mod report;
mod suspect;
mod walk;

pub use progress::{RedisPhase, RedisProgress};
pub use report::{Difference, Fault, RedisReport};

use crate::limits::{
    REDIS_CHECK_PAUSE_MS, REDIS_CHECK_SETTLE_MS, REDIS_CHECK_STALL_MS, REDIS_CHECK_WALKS_MAX,
};
use crate::redis_writer::Shared;
use crate::{RedisAddress, RedisStats, Shown, StoreError, View};
use reader::Reader;
use redis::RedisError;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use walk::{Purpose, Stop, Walk};

/// Compares one project with its Redis.
#[derive(Clone)]
pub struct RedisCheck {
    address: RedisAddress,
    shown: Arc<Shown>,
    writer: Option<Arc<Shared>>,
}

impl RedisCheck {
    /// Compares what is shown with a Redis while nobody writes to it.
    #[must_use]
    pub fn alone(address: RedisAddress, shown: Arc<Shown>) -> Self {
        Self { address, shown, writer: None }
    }

    pub(crate) fn beside(address: RedisAddress, writer: Arc<Shared>) -> Self {
        let shown = Arc::clone(&writer.shown);
        Self { address, shown, writer: Some(writer) }
    }

    /// How the writer is doing; `None` if there is none.
    #[must_use]
    pub fn stats(&self) -> Option<RedisStats> {
        self.writer.as_ref().map(|writer| writer.stats())
    }

    /// Compares everything. Changes nothing.
    ///
    /// # Guarantees
    /// Bounded memory: a page of either side at a time. What is reported as different was so after its
    /// person had been written, except what is counted as [`Fault::Unsettled`].
    ///
    /// # Errors
    /// [`StoreError::Redis`] if Redis fails, [`StoreError::RedisBehind`] if the writer does not come
    /// to hold everybody, [`StoreError::RulesChanging`] if rules change again and again.
    ///
    /// # Cost
    /// A read of every key; about four seconds for 100 000 persons, beside a load on the same two cores.
    pub async fn verify(&self, progress: &RedisProgress) -> Result<RedisReport, StoreError> {
        self.walks(Purpose::Compare, progress).await
    }

    /// Has everybody written again, removes what nobody shows, then compares everything.
    ///
    /// # Errors
    /// As [`RedisCheck::verify`]; [`StoreError::RedisBehind`] also if there is no writer.
    pub async fn rebuild(&self, progress: &RedisProgress) -> Result<RedisReport, StoreError> {
        let writer = self.writer.as_ref().ok_or(StoreError::RedisBehind)?;
        self.clear_way().await?;
        writer.ask_rebuild();
        let mended = self.walks(Purpose::Mend, progress).await?;
        let report = self.walks(Purpose::Compare, progress).await?;
        let took = mended.took + report.took;
        Ok(RedisReport { mended: mended.differences(), took, ..report })
    }

    /// Removes the two single keys if they are of another type, for then nothing can be written.
    async fn clear_way(&self) -> Result<(), StoreError> {
        let mut redis = self.connect().await?;
        redis.clear_way(&self.shown.view()).await.map_err(failed)
    }

    /// Walks until a walk was not overtaken by other rules or a refill.
    async fn walks(
        &self,
        purpose: Purpose,
        progress: &RedisProgress,
    ) -> Result<RedisReport, StoreError> {
        let began = Instant::now();
        for _ in 0..REDIS_CHECK_WALKS_MAX {
            self.filled(progress).await?;
            let view = self.shown.view();
            let phase = match purpose {
                Purpose::Compare => RedisPhase::Comparing,
                Purpose::Mend => RedisPhase::Mending,
            };
            progress.begin(phase, size_of(&view));
            let mut redis = self.connect().await?;
            let walk = Walk {
                view,
                writer: self.writer.as_deref(),
                is_shown: &|view| Arc::ptr_eq(view, &self.shown.view()),
                redis: &mut redis,
                purpose,
                progress,
                patience: Duration::from_millis(REDIS_CHECK_SETTLE_MS),
                report: RedisReport::default(),
            };
            match walk.run().await {
                Ok(report) => return Ok(RedisReport { took: began.elapsed(), ..report }),
                Err(Stop::Redis(error)) => return Err(failed(error)),
                Err(Stop::Moved) => {}
            }
        }
        Err(StoreError::RulesChanging)
    }

    /// Waits until the writer holds everybody, as long as it gets on.
    async fn filled(&self, progress: &RedisProgress) -> Result<(), StoreError> {
        let Some(writer) = &self.writer else { return Ok(()) };
        let done = |stats: RedisStats| stats.writes + stats.refused;
        let first = done(writer.stats());
        progress.begin(RedisPhase::Writing, size_of_table(&self.shown.view()));
        let (mut last, mut since) = (first, Instant::now());
        while !writer.is_filled() {
            let now = done(writer.stats());
            if now != last {
                (last, since) = (now, Instant::now());
            }
            if since.elapsed() >= Duration::from_millis(REDIS_CHECK_STALL_MS) {
                return Err(StoreError::RedisBehind);
            }
            progress.reach(now - first);
            tokio::time::sleep(Duration::from_millis(REDIS_CHECK_PAUSE_MS)).await;
        }
        Ok(())
    }

    async fn connect(&self) -> Result<Reader, StoreError> {
        Reader::open(&self.address).await.map_err(failed)
    }
}

fn failed(error: RedisError) -> StoreError {
    StoreError::Redis(Box::new(error))
}

/// How many entries the table has: what the writer writes in a refill.
fn size_of_table(view: &View) -> u64 {
    let summary = view.summary();
    summary.persons + summary.devices
}

/// How much there is to compare.
fn size_of(view: &View) -> u64 {
    let summary = view.summary();
    summary.persons + summary.devices + summary.members.iter().sum::<u64>()
}
