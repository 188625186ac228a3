//! One connection to Redis, from its opening until it breaks.
use super::refill::{Batch, Refill};
use super::script::{Mode, Writing};
use super::{Pause, Shared};
use crate::keys::{Key, PREFIX};
use crate::limits::{
    REDIS_BATCH_PERSONS, REDIS_CHECK_EVERY_MS, REDIS_DRAIN_MS, REDIS_TIMEOUT_MS, SEGMENT_SHARDS,
};
use crate::view::{View, Work};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ErrorKind, RedisError, RedisResult, ServerErrorKind};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// The field of `sl:<p>:meta` that tells who filled this Redis.
const MARKER: &str = "writer";

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
    client: Client,
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
    /// The run id of the server that was written last, if it tells one.
    server: Option<String>,
}

impl Writer {
    pub(super) fn new(client: Client, shared: Arc<Shared>, stopped: watch::Receiver<bool>) -> Self {
        let writing = Writing::new(&shared.view());
        let instance = RandomState::new().hash_one(0);
        Self {
            client,
            shared,
            stopped,
            writing,
            instance,
            refills: 0,
            refill: None,
            marked: false,
            parked: Vec::new(),
            server: None,
        }
    }

    /// Waits; true if it was stopped meanwhile.
    pub(super) async fn wait(&mut self, time: Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(time) => false,
            _ = self.stopped.wait_for(|&stop| stop) => true,
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
        let mut redis = self.connect().await?;
        let mut checked = self.check(&mut redis).await?;
        self.shared.counters.set_connected(true);
        let mut stop_at = None;
        loop {
            let due = checked.elapsed() >= Duration::from_millis(REDIS_CHECK_EVERY_MS);
            if due {
                self.unpark();
                checked = self.check(&mut redis).await?;
            }
            self.take_request();
            let written = self.write_some(&mut redis).await?;
            self.shared.progressed();
            // Only now: a server may take connections and refuse every write.
            if (due || written > 0) && !pause.is_first() {
                tracing::info!("Redis can be written again");
                pause.reset();
            }
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

    async fn connect(&mut self) -> RedisResult<MultiplexedConnection> {
        let timeout = Some(Duration::from_millis(REDIS_TIMEOUT_MS));
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(timeout)
            .set_response_timeout(timeout);
        let client = &self.client;
        let mut redis = client.get_multiplexed_async_connection_with_config(&config).await?;
        self.writing.script().load_async(&mut redis).await?;
        // A server that does not tell may be another each time.
        let mut ask = redis::cmd("INFO");
        let told = ask.arg("server").query_async::<redis::InfoDict>(&mut redis).await;
        let server = told.ok().and_then(|info| info.get::<String>("run_id"));
        if server.is_none()
            || self.server.as_ref().is_some_and(|known| Some(known) != server.as_ref())
        {
            self.begin_refill(Mode::Write);
        }
        self.server = server;
        Ok(redis)
    }

    /// Looks whether Redis still is the one that was filled.
    async fn check(&mut self, redis: &mut MultiplexedConnection) -> RedisResult<Instant> {
        let found: Option<String> =
            redis::cmd("HGET").arg(self.meta_key()).arg(MARKER).query_async(redis).await?;
        if found != Some(self.marker()) {
            // A refill that has just begun has not left its marker yet and needs no other.
            if self.refill.is_none() || self.marked {
                self.begin_refill(Mode::Write);
            }
            self.mark(redis, &[]).await?;
            self.marked = true;
        }
        self.shared.counters.set_filled(self.refill.is_none());
        Ok(Instant::now())
    }

    /// Writes one batch and what follows from it; gives how many entries it had.
    async fn write_some(&mut self, redis: &mut MultiplexedConnection) -> Result<usize, End> {
        let shared = Arc::clone(&self.shared);
        let parked = self.parked.len();
        // Counted before they are taken, so that they are never in neither number.
        shared.counters.set_held(parked + REDIS_BATCH_PERSONS);
        let view = self.current();
        let batch = Batch::take(&view, self.refill.as_mut());
        let (count, changed) = (batch.len(), batch.changed.len());
        shared.counters.set_held(parked + changed);
        let written = if count == 0 { Ok(()) } else { self.write(redis, &view, batch).await };
        shared.counters.set_held(self.parked.len());
        written?;
        let dirty = view.dirty_count();
        if self.refill.as_mut().is_some_and(|refill| refill.wrote(changed, dirty)) {
            self.refill = None;
            self.forget(redis, &view).await?;
            self.mark(redis, &view.meta()).await?;
            shared.counters.set_filled(!shared.rebuild.load(Ordering::SeqCst));
            tracing::info!("Redis holds everybody");
        }
        Ok(count)
    }

    /// The view that is shown now; what it calls things is known from here on.
    fn current(&mut self) -> Arc<View> {
        let view = self.shared.view();
        if !self.writing.is_for(&view) {
            self.writing = Writing::new(&view);
            // Whoever the walk has passed was written by other rules.
            self.refill = self.refill.take().map(|refill| Refill::new(refill.mode));
        }
        view
    }

    /// Removes the sets of segments that are gone; their members are written by now.
    async fn forget(&self, redis: &mut MultiplexedConnection, view: &View) -> RedisResult<()> {
        for key in view.gone() {
            let mut command = redis::cmd("DEL");
            for shard in 0..SEGMENT_SHARDS {
                command.arg(format!("{PREFIX}{}:seg:{key}:{shard}", view.project()));
            }
            command.exec_async(redis).await?;
        }
        Ok(())
    }

    async fn write(
        &mut self,
        redis: &mut MultiplexedConnection,
        view: &View,
        batch: Batch,
    ) -> Result<(), End> {
        let mode = self.refill.as_ref().map_or(Mode::Write, |refill| refill.mode);
        let mut pipeline = redis::Pipeline::with_capacity(batch.len());
        for work in &batch.changed {
            pipeline.add_command(self.writing.command(view, work, Mode::Write));
        }
        for work in &batch.swept {
            pipeline.add_command(self.writing.command(view, work, mode));
        }
        pipeline.ignore_errors();
        match pipeline.query_async::<Vec<RedisResult<u64>>>(redis).await {
            Ok(answers) if answers.len() == batch.len() => self.settle(redis, batch, answers).await,
            Ok(_) => {
                self.undo(batch);
                Err(RedisError::from((ErrorKind::Parse, "fewer answers than commands")).into())
            }
            Err(error) => {
                self.undo(batch);
                Err(error.into())
            }
        }
    }

    /// Sorts what was written from what was not.
    async fn settle(
        &mut self,
        redis: &mut MultiplexedConnection,
        batch: Batch,
        answers: Vec<RedisResult<u64>>,
    ) -> Result<(), End> {
        let written = answers.iter().filter(|answer| matches!(answer, Ok(1))).count() as u64;
        let taken = answers.iter().filter(|answer| answer.is_ok()).count() as u64;
        self.shared.counters.wrote(written, taken - written);
        let Some(error) = answers.iter().find_map(|answer| answer.as_ref().err()).cloned() else {
            return Ok(());
        };
        if taken == 0 && !is_script_missing(&error) {
            self.undo(batch);
            return Err(error.into());
        }
        let works = batch.into_works().zip(answers);
        let failed: Vec<Work> =
            works.filter_map(|(work, answer)| answer.is_err().then_some(work)).collect();
        self.shared.counters.put_back(failed.len() as u64);
        if is_script_missing(&error) {
            self.shared.view().put_back(failed);
            self.writing.script().load_async(redis).await?;
        } else {
            tracing::warn!(%error, count = failed.len(), "Redis refuses some persons");
            self.parked.extend(failed);
        }
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
        self.shared.counters.set_held(0);
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

    fn meta_key(&self) -> String {
        self.shared.view().key_name(&Key::Meta)
    }

    /// Leaves the marker, and whatever else is to be known about the keys.
    async fn mark(
        &self,
        redis: &mut MultiplexedConnection,
        fields: &[(&str, String)],
    ) -> RedisResult<()> {
        let mut command = redis::cmd("HSET");
        command.arg(self.meta_key()).arg(MARKER).arg(self.marker());
        for (field, value) in fields {
            command.arg(field).arg(value);
        }
        command.exec_async(redis).await
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

fn is_script_missing(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}
