//! One connection to Redis, from its opening until it breaks.
use super::address::RedisAddress;
use super::link::Link;
use super::refill::{Batch, Refill};
use super::script::{Mode, Scripts, Writing};
use super::spread::{Goal, Spread};
use super::trouble::RedisTrouble;
use super::watched::{Eviction, Watched, bear, mark};
use super::{Pause, Shared};
use crate::keys::PREFIX;
use crate::limits::{
    REDIS_BATCH_PERSONS, REDIS_CHECK_EVERY_MS, REDIS_DRAIN_MS, REDIS_MASTER_EVERY_MS,
    SEGMENT_SHARDS,
};
use crate::view::{View, Work};
use redis::{ErrorKind, RedisError, RedisResult};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// How a session ended.
pub(super) enum End {
    /// Because it was asked to.
    Stopped,
    /// Redis failed; there must be another session.
    Broken(RedisError),
}

impl From<RedisError> for End {
    fn from(error: RedisError) -> Self {
        Self::Broken(error)
    }
}

pub(super) struct Writer {
    address: RedisAddress,
    scripts: Arc<Scripts>,
    shared: Arc<Shared>,
    stopped: watch::Receiver<bool>,
    writing: Writing,
    /// Tells this process from all others.
    instance: u64,
    /// Counts the refills, so that the marker of a finished one is not that of the next.
    refills: u64,
    refill: Option<Refill>,
    /// Whether this refill's marker is in Redis.
    marked: bool,
    /// Persons that Redis refused while it took others; tried again at the next check.
    parked: Vec<Work>,
    watched: Watched,
    spread: Spread,
    /// When the Sentinels were last asked.
    named: Instant,
}

impl Writer {
    pub(super) fn new(
        address: RedisAddress,
        shared: Arc<Shared>,
        stopped: watch::Receiver<bool>,
    ) -> Self {
        let scripts = Arc::new(Scripts::new());
        let writing = Writing::new(Arc::clone(&scripts), &shared.view());
        let instance = RandomState::new().hash_one(0);
        Self {
            address,
            scripts,
            shared,
            stopped,
            writing,
            instance,
            refills: 0,
            refill: None,
            marked: false,
            parked: Vec::new(),
            watched: Watched::default(),
            spread: Spread::default(),
            named: Instant::now(),
        }
    }

    /// Waits; true if it was stopped meanwhile.
    pub(super) async fn wait(&mut self, time: Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(time) => false,
            _ = self.stopped.wait_for(|&stop| stop) => true,
        }
    }

    /// Resolves when a stopping writer has had its time.
    pub(super) fn overdue(&self) -> impl Future<Output = ()> + use<> {
        let mut stopped = self.stopped.clone();
        async move {
            // An error means that the handle is gone, which is the same.
            drop(stopped.wait_for(|&stop| stop).await);
            tokio::time::sleep(Duration::from_millis(REDIS_DRAIN_MS)).await;
        }
    }

    /// Writes until it is stopped or Redis fails. The connection ends with it, so that an answer
    /// that comes too late finds nobody who could mistake it.
    pub(super) async fn session(&mut self, pause: &mut Pause) -> End {
        let Err(end) = self.try_session(pause).await;
        self.unpark();
        end
    }

    async fn try_session(&mut self, pause: &mut Pause) -> Result<std::convert::Infallible, End> {
        let mut link = self.connect().await?;
        let mut checked = self.check(&mut link).await?;
        self.shared.counters.set_connected(true);
        let mut stop_at = None;
        loop {
            let due = checked.elapsed() >= Duration::from_millis(REDIS_CHECK_EVERY_MS);
            if due {
                self.unpark();
                checked = self.check(&mut link).await?;
            }
            self.take_request();
            let written = self.write_some(&mut link).await?;
            self.shared.progressed();
            // Only now: a server may take connections and refuse every write.
            if (due || written > 0) && !pause.is_first() {
                tracing::info!("Redis can be written again");
                pause.reset();
            }
            self.calm_down();
            if self.is_stopped() {
                let until = Duration::from_millis(REDIS_DRAIN_MS);
                let stop_at = *stop_at.get_or_insert_with(|| Instant::now() + until);
                if self.shared.view().dirty_count() == 0 || Instant::now() >= stop_at {
                    return Err(End::Stopped);
                }
            } else if written == 0 {
                self.idle(checked).await;
            }
        }
    }

    async fn connect(&mut self) -> RedisResult<Link> {
        let scripts = self.scripts.for_cluster(self.address.is_cluster());
        let mut link = Link::open(&self.address, scripts).await?;
        if link.is_cluster() {
            let view = self.current();
            self.spread.begin(&mut link, &self.writing, &view).await?;
            self.spread.pay(&mut link).await?;
        }
        if Watched::are_unnamed(&link) {
            self.begin_refill(Mode::Write);
        }
        self.named = Instant::now();
        Ok(link)
    }

    /// Looks whether Redis still is the one that was filled.
    async fn check(&mut self, link: &mut Link) -> RedisResult<Instant> {
        link.refresh().await?;
        if self.named.elapsed() >= Duration::from_millis(REDIS_MASTER_EVERY_MS) {
            self.named = Instant::now();
            if link.is_deposed().await {
                let kind = ErrorKind::MasterNameNotFoundBySentinel;
                return Err((kind, "the Sentinels name another master").into());
            }
        }
        self.look_for_holes(link).await;
        if self.watched.are_others(link) || self.spread.is_lost() {
            self.begin_refill(Mode::Write);
        }
        if !bear(link, &self.writing, &self.marker()).await? {
            // A refill that has just begun has not left its marker yet and needs no other.
            if self.refill.is_none() || self.marked {
                self.begin_refill(Mode::Write);
            }
            mark(link, &self.writing, &self.marker(), &[]).await?;
            self.marked = true;
        }
        // A rebuild that was just asked for has not begun yet.
        let asked = self.shared.rebuild.load(Ordering::SeqCst);
        self.shared.counters.set_filled(self.refill.is_none() && !asked);
        Ok(Instant::now())
    }

    /// Keys that were evicted are written again once that has stopped, but not over and over.
    async fn look_for_holes(&mut self, link: &mut Link) {
        let trouble = RedisTrouble::Evicting;
        match self.watched.eviction(link).await {
            Eviction::None => {}
            Eviction::Seen => self.complain(trouble, &"keys were evicted"),
            Eviction::Mend => {
                self.begin_refill(Mode::Rebuild);
                if self.shared.stats().trouble == Some(trouble) {
                    self.shared.counters.calm();
                }
            }
        }
    }

    /// Forgets what was wrong once everything is written; what was evicted is not.
    fn calm_down(&self) {
        // First what is cheap: the statistics look at every mark.
        if self.shared.view().dirty_count() > 0 {
            return;
        }
        let stats = self.shared.stats();
        if stats.dirty == 0 && stats.trouble.is_some_and(|it| it != RedisTrouble::Evicting) {
            self.shared.counters.calm();
            tracing::info!("Redis has everything again");
        }
    }

    /// Says what is wrong although Redis can be written; once, until something else is.
    fn complain(&self, trouble: RedisTrouble, error: &dyn std::fmt::Display) {
        if self.shared.counters.is_news(trouble) {
            let (kind, advice) = (trouble.name(), trouble.advice());
            tracing::warn!(kind, %error, advice, "Redis does not keep all that it is given");
        }
    }

    /// Writes one batch and what follows from it; gives how many entries it had.
    async fn write_some(&mut self, link: &mut Link) -> Result<usize, End> {
        let shared = Arc::clone(&self.shared);
        let view = self.current();
        shared.counters.begin_batch(REDIS_BATCH_PERSONS, view.dirty_since_ms());
        let batch = Batch::take(&view, self.refill.as_mut());
        let (count, changed) = (batch.len(), batch.changed.len());
        shared.counters.hold(self.parked.iter().chain(&batch.changed));
        let written = if count == 0 { Ok(()) } else { self.write(link, &view, batch).await };
        shared.counters.hold(self.parked.iter());
        shared.counters.end_batch(self.parked.len());
        written?;
        let dirty = view.dirty_count();
        if self.refill.as_mut().is_some_and(|refill| refill.wrote(changed, dirty)) {
            self.refill = None;
            self.forget(link, &view).await?;
            mark(link, &self.writing, &self.marker(), &view.meta()).await?;
            shared.counters.set_filled(!shared.rebuild.load(Ordering::SeqCst));
            tracing::info!("Redis holds everybody");
        }
        Ok(count)
    }

    /// The view that is shown now; what it calls things is known from here on.
    fn current(&mut self) -> Arc<View> {
        let view = self.shared.view();
        if !self.writing.is_for(&view) {
            self.writing = self.writing.again(&view);
            // Whoever the walk has passed was written by other rules.
            self.refill = self.refill.take().map(|refill| Refill::new(refill.mode));
        }
        view
    }

    /// Removes the sets of segments that are gone; their members are written by now.
    async fn forget(&self, link: &mut Link, view: &View) -> RedisResult<()> {
        let mut commands = Vec::new();
        for key in view.gone() {
            for shard in 0..SEGMENT_SHARDS {
                let set = format!("{PREFIX}{}:seg:{key}:{shard}", view.project());
                commands.push(redis::cmd("DEL").arg(set).take());
            }
        }
        for answer in link.ask_all(commands).await {
            answer?;
        }
        Ok(())
    }

    async fn write(&mut self, link: &mut Link, view: &View, batch: Batch) -> Result<(), End> {
        let mode = self.refill.as_ref().map_or(Mode::Write, |refill| refill.mode);
        let answers: Vec<RedisResult<u64>> = if link.is_cluster() {
            let works: Vec<(&Work, Mode)> = batch.works(mode).collect();
            let thorough = self.refill.is_some();
            self.spread.write(Goal { link, writing: &self.writing, view }, &works, thorough).await
        } else {
            let works = batch.works(mode);
            let commands = works.map(|(work, mode)| self.writing.command(view, work, mode));
            let answers = link.ask_all(commands.collect()).await;
            let number = |answer| Ok(redis::from_redis_value(answer)?);
            answers.into_iter().map(|answer| answer.and_then(number)).collect()
        };
        self.settle(batch, answers)
    }

    /// Sorts what was written from what was not.
    fn settle(&mut self, batch: Batch, answers: Vec<RedisResult<u64>>) -> Result<(), End> {
        let written = answers.iter().filter(|answer| matches!(answer, Ok(1))).count() as u64;
        let taken = answers.iter().filter(|answer| answer.is_ok()).count() as u64;
        self.shared.counters.wrote(written, taken - written);
        let Some(error) = answers.iter().find_map(|answer| answer.as_ref().err()).cloned() else {
            return Ok(());
        };
        let trouble = RedisTrouble::of(&error);
        // Another writer's epoch is not to be waited for: the next session begins one of its own.
        // Keys of another type are their persons' trouble, also if nobody else was to be written.
        let errors = || answers.iter().filter_map(|answer| answer.as_ref().err());
        let failed = taken == 0 && !errors().all(|error| error.code() == Some("WRONGTYPE"));
        if failed || trouble == RedisTrouble::Rival || is_broken(&error) {
            self.undo(batch);
            return Err(error.into());
        }
        let works = batch.into_works().zip(answers);
        let failed: Vec<Work> =
            works.filter_map(|(work, answer)| answer.is_err().then_some(work)).collect();
        self.shared.counters.put_back(failed.len() as u64);
        self.complain(trouble, &error);
        self.parked.extend(failed);
        Ok(())
    }

    fn undo(&mut self, batch: Batch) {
        self.shared.counters.put_back(batch.len() as u64);
        if let Some(refill) = &mut self.refill {
            refill.undo(&batch);
        }
        self.shared.view().put_back(batch.into_works());
    }

    fn unpark(&mut self) {
        self.shared.view().put_back(self.parked.drain(..));
        self.shared.counters.hold(std::iter::empty());
    }

    fn take_request(&mut self) {
        if self.shared.rebuild.swap(false, Ordering::SeqCst) {
            self.begin_refill(Mode::Rebuild);
        }
    }

    fn begin_refill(&mut self, mode: Mode) {
        let asked = self.refill.as_ref().is_some_and(|refill| refill.mode == Mode::Rebuild);
        self.refill = Some(Refill::new(if asked { Mode::Rebuild } else { mode }));
        self.refills += 1;
        self.marked = false;
        self.shared.counters.set_filled(false);
        self.shared.counters.refilled();
        tracing::info!("writing everybody to Redis");
    }

    fn marker(&self) -> String {
        let state = if self.refill.is_some() { "filling" } else { "filled" };
        let generation = self.shared.view().generation();
        format!("{:016x}:{generation}:{}:{state}", self.instance, self.refills)
    }

    /// Waits for something to do.
    async fn idle(&mut self, checked: Instant) {
        let next_check = checked + Duration::from_millis(REDIS_CHECK_EVERY_MS);
        let shared = Arc::clone(&self.shared);
        let view = shared.view();
        tokio::select! {
            () = view.dirtied() => {}
            () = shared.asked.notified() => {}
            () = tokio::time::sleep_until(next_check) => {}
            _ = self.stopped.wait_for(|&stop| stop) => {}
        }
    }

    /// Also true once the handle is gone.
    fn is_stopped(&self) -> bool {
        *self.stopped.borrow() || self.stopped.has_changed().is_err()
    }
}

/// Whether an error means that the connection is no more.
fn is_broken(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Io | ErrorKind::Parse)
}
