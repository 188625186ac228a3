//! How many events one write key may send: a bucket that fills at a rate and may be overdrawn by one
//! batch. Knows no key and no project.
use crate::limits::{RETRY_AFTER_QUOTA_MAX_S, RETRY_AFTER_QUOTA_MIN_S};
use parking_lot::Mutex;
use std::time::Duration;
use tokio::time::Instant;

/// What each write key of a project may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Events a second, sustained; above 0.
    pub events_per_second: u32,
    /// Events at once after a pause; above 0.
    pub burst: u32,
}

/// The bucket of one key. Instead of a level it keeps when it would be full again, which needs no
/// clock that ticks, and no division while events flow.
#[derive(Debug)]
pub(crate) struct Bucket {
    quota: Option<Quota>,
    full_at: Mutex<Option<Instant>>,
}

impl Bucket {
    /// A full one; without a quota it never empties.
    pub(crate) fn new(quota: Option<Quota>) -> Self {
        Self { quota, full_at: Mutex::new(None) }
    }

    /// Whether anything is left.
    ///
    /// # Errors
    /// After how many seconds there will be.
    pub(crate) fn check(&self) -> Result<(), u32> {
        self.take(0)
    }

    /// Takes `events` if anything is left, even if that is less: a batch is taken whole or not at
    /// all, and one that exceeds the burst must be possible. What is overdrawn is waited for later.
    ///
    /// # Errors
    /// After how many seconds there will be anything; nothing is taken then.
    pub(crate) fn take(&self, events: u64) -> Result<(), u32> {
        let Some(quota) = self.quota else { return Ok(()) };
        let now = Instant::now();
        let mut full_at = self.full_at.lock();
        let missing = full_at.map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
        let holds = quota.time_of(u64::from(quota.burst));
        if missing >= holds {
            let wait = missing.saturating_sub(holds).as_secs().saturating_add(1);
            let wait = u32::try_from(wait).unwrap_or(u32::MAX);
            return Err(wait.clamp(RETRY_AFTER_QUOTA_MIN_S, RETRY_AFTER_QUOTA_MAX_S));
        }
        *full_at = now.checked_add(missing.saturating_add(quota.time_of(events)));
        Ok(())
    }
}

impl Quota {
    /// How long the rate takes for so many events.
    fn time_of(self, events: u64) -> Duration {
        let nanos = u128::from(events) * 1_000_000_000 / u128::from(self.events_per_second.max(1));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTA: Quota = Quota { events_per_second: 100, burst: 500 };

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_and_then_the_rate_does() {
        let bucket = Bucket::new(Some(QUOTA));
        assert_eq!(bucket.take(499), Ok(()));
        assert_eq!(bucket.take(1), Ok(()));
        assert_eq!(bucket.check(), Err(1));
        let (mut taken, started) = (0, Instant::now());
        while started.elapsed() < Duration::from_secs(60) {
            match bucket.take(10) {
                Ok(()) => taken += 10,
                Err(_) => tokio::time::advance(Duration::from_millis(10)).await,
            }
        }
        assert!((5_990..=6_010).contains(&taken), "{taken} in a minute at 100 a second");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_overdrawn_is_waited_for() {
        let bucket = Bucket::new(Some(QUOTA));
        // A batch five times the burst is possible, once.
        assert_eq!(bucket.take(2_500), Ok(()));
        assert_eq!(bucket.check(), Err(20), "2 000 too many, at 100 a second");
        tokio::time::advance(Duration::from_millis(19_500)).await;
        assert_eq!(bucket.check(), Err(1));
        tokio::time::advance(Duration::from_millis(501)).await;
        assert_eq!(bucket.check(), Ok(()));
        assert_eq!(bucket.take(1_000_000), Ok(()));
        assert_eq!(bucket.check(), Err(20), "longer waits are not told");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_saves_up_no_more_than_the_burst() {
        let bucket = Bucket::new(Some(QUOTA));
        tokio::time::advance(Duration::from_secs(86_400)).await;
        assert_eq!(bucket.take(500), Ok(()));
        assert_eq!(bucket.check(), Err(1));
    }

    #[tokio::test]
    async fn without_a_quota_nothing_is_counted() {
        let bucket = Bucket::new(None);
        for _ in 0..100 {
            assert_eq!(bucket.take(u64::MAX), Ok(()));
        }
    }
}
