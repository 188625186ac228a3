//! Comparisons of a project with its Redis, one at a time, begun over HTTP and looked at later.
use parking_lot::Mutex;
use sillage_eventlog::Clock;
use sillage_lookup::{RedisDesk, RedisRun, RedisRunState, RedisTask};
use sillage_store::{RedisCheck, RedisProgress, RedisReport, RedisStats, StoreError};
use std::error::Error as _;
use std::sync::Arc;

/// Who begins them.
pub(crate) struct Desk {
    project: String,
    check: RedisCheck,
    clock: Clock,
    last: Arc<Mutex<Option<Begun>>>,
}

/// The last one.
struct Begun {
    id: u64,
    task: RedisTask,
    began_ms: i64,
    progress: Arc<RedisProgress>,
    outcome: Option<Result<RedisReport, String>>,
}

impl Begun {
    fn run(&self) -> RedisRun {
        let state = match &self.outcome {
            Some(Ok(report)) => RedisRunState::Done(report.clone()),
            Some(Err(why)) => RedisRunState::Failed(why.clone()),
            None => {
                let (phase, done, total) = self.progress.read();
                RedisRunState::Running { phase, done, total }
            }
        };
        RedisRun { id: self.id, task: self.task, began_ms: self.began_ms, state }
    }
}

impl Desk {
    pub(crate) fn new(project: &str, check: RedisCheck, clock: Clock) -> Self {
        Self { project: project.to_owned(), check, clock, last: Arc::default() }
    }
}

impl RedisDesk for Desk {
    fn stats(&self) -> RedisStats {
        self.check.stats().unwrap_or_default()
    }

    fn run(&self) -> Option<RedisRun> {
        self.last.lock().as_ref().map(Begun::run)
    }

    fn begin(&self, task: RedisTask) -> Result<RedisRun, RedisTask> {
        let mut last = self.last.lock();
        if let Some(under_way) = last.as_ref().filter(|begun| begun.outcome.is_none()) {
            return Err(under_way.task);
        }
        let begun = Begun {
            id: last.as_ref().map_or(1, |before| before.id + 1),
            task,
            began_ms: self.clock.now_ms(),
            progress: Arc::default(),
            outcome: None,
        };
        let run = begun.run();
        let (check, progress) = (self.check.clone(), Arc::clone(&begun.progress));
        let (project, all) = (self.project.clone(), Arc::clone(&self.last));
        *last = Some(begun);
        tokio::spawn(async move {
            let outcome = perform(&check, task, &progress).await;
            tell(&project, &outcome);
            if let Some(begun) = all.lock().as_mut() {
                begun.outcome = Some(outcome);
            }
        });
        Ok(run)
    }
}

/// Does it; or says why not, with all causes.
pub(crate) async fn perform(
    check: &RedisCheck,
    task: RedisTask,
    progress: &RedisProgress,
) -> Result<RedisReport, String> {
    let outcome = match task {
        RedisTask::Verify => check.verify(progress).await,
        RedisTask::Rebuild => check.rebuild(progress).await,
    };
    outcome.map_err(|error| in_full(&error))
}

fn in_full(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

/// Counts only: names of keys are ids.
fn tell(project: &str, outcome: &Result<RedisReport, String>) {
    match outcome {
        Ok(report) => tracing::info!(
            project,
            keys = report.keys,
            mended = report.mended,
            differences = report.differences(),
            "Redis was compared"
        ),
        Err(error) => tracing::warn!(project, error, "Redis was not compared"),
    }
}
