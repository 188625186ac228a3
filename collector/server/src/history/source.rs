//! History as a running collector looks at it for whoever asks over HTTP: on threads of its own, one
//! at a time, and no longer than somebody waits for the answer.
use super::definition::Definition;
use super::{Refusal, Watch, audit, explain, moment, preview};
use sillage_engine::RuleSet;
use sillage_eventlog::{Clock, FileLog};
use sillage_lookup::{ExplainAsked, HistoryAnswer, HistoryProblem, HistorySource};
use sillage_store::Shown;
use sillage_worker::history::Whom;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use tokio::sync::Semaphore;

/// Gives the rules that are in force.
pub(crate) type RulesNow = Arc<dyn Fn() -> RuleSet + Send + Sync>;

/// Looks at the history of one project.
pub(crate) struct Historian {
    project: String,
    rules: RulesNow,
    /// Weak, because who looks must not keep the log open when the project closes.
    log: Weak<FileLog>,
    view: Arc<Shown>,
    clock: Clock,
    started: i64,
    /// A survey has the states of all persons in memory a second time, so there is one.
    surveying: Arc<Semaphore>,
    /// An explanation reads the whole log, so there is one.
    explaining: Arc<Semaphore>,
}

impl Historian {
    pub(crate) fn new(
        project: &str,
        rules: RulesNow,
        log: &Arc<FileLog>,
        view: Arc<Shown>,
        clock: Clock,
    ) -> Self {
        Self {
            project: project.to_owned(),
            rules,
            log: Arc::downgrade(log),
            view,
            started: clock.now_ms(),
            clock,
            surveying: Arc::new(Semaphore::new(1)),
            explaining: Arc::new(Semaphore::new(1)),
        }
    }

    /// Does `job` on a thread of its own and gives its JSON. The slot is free again once the job has
    /// ended, not when its asker has gone.
    fn answer<T: serde::Serialize + Send + 'static>(
        &self,
        slots: &Arc<Semaphore>,
        job: impl FnOnce(&FileLog, Watch<'_>) -> Result<T, Refusal> + Send + 'static,
    ) -> HistoryAnswer<'_> {
        let slot = Arc::clone(slots).try_acquire_owned();
        let log = self.log.upgrade();
        Box::pin(async move {
            let slot = slot.map_err(|_| HistoryProblem::Busy)?;
            let gone = Gone(Arc::new(AtomicBool::new(false)));
            let given_up = Arc::clone(&gone.0);
            let work = tokio::task::spawn_blocking(move || {
                let _slot = slot;
                let closed = || HistoryProblem::Unavailable("the project is closing".to_owned());
                let log = log.ok_or_else(closed)?;
                let mut watch = |_| match given_up.load(Ordering::Relaxed) {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                };
                let found = job(&log, &mut watch).map_err(problem)?;
                serde_json::to_vec(&found).map_err(|e| HistoryProblem::Unavailable(e.to_string()))
            });
            let done = work.await;
            drop(gone);
            done.map_err(|error| HistoryProblem::Unavailable(error.to_string()))?
        })
    }
}

/// Gives the work up when it is dropped: nobody waits any more.
struct Gone(Arc<AtomicBool>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl HistorySource for Historian {
    fn preview(&self, definition: Vec<u8>) -> HistoryAnswer<'_> {
        let (project, rules) = (self.project.clone(), (self.rules)());
        let now = self.clock.now_ms();
        self.answer(&self.surveying, move |log, watch| {
            let definition = Definition::read(&definition)?;
            let until = moment(definition.at.as_deref(), now)?;
            let (rules, segment) = definition.among(rules)?;
            preview::preview(log, &preview::Asked { project, rules, segment, until }, watch)
        })
    }

    fn audit(&self, at: Option<String>) -> HistoryAnswer<'_> {
        let (project, rules) = (self.project.clone(), (self.rules)());
        let now = self.clock.now_ms();
        let view = self.view.view();
        let reads = rules.segments.iter().map(|s| (s.key.clone(), view.reads().of(&s.key)));
        let reads = Some((reads.collect(), self.started));
        self.answer(&self.surveying, move |log, watch| {
            let until = moment(at.as_deref(), now)?;
            audit::audit(log, &audit::Asked { project, rules, until, reads }, watch)
        })
    }

    fn explain(&self, asked: ExplainAsked) -> HistoryAnswer<'_> {
        let (project, rules) = (self.project.clone(), (self.rules)());
        let now = self.clock.now_ms();
        self.answer(&self.explaining, move |log, watch| {
            let until = moment(asked.at.as_deref(), now)?;
            let whom = Whom { member: asked.member, ids: asked.ids };
            let segment = asked.segment;
            explain::explain(log, &explain::Asked { project, rules, whom, segment, until }, watch)
        })
    }
}

fn problem(refusal: Refusal) -> HistoryProblem {
    match refusal {
        Refusal::Malformed(why) => HistoryProblem::Malformed(why),
        Refusal::SegmentUnknown(key) => HistoryProblem::SegmentUnknown(key),
        Refusal::PersonUnknown => HistoryProblem::PersonUnknown,
        Refusal::Rules(faults) => HistoryProblem::Rules(faults),
        Refusal::BrokenOff => HistoryProblem::Unavailable("nobody waits any more".to_owned()),
        Refusal::Log(error) => HistoryProblem::Unavailable(Refusal::Log(error).to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sillage_engine::SegmentSource;
    use sillage_eventlog::FileLogConfig;
    use sillage_store::{View, ViewConfig};

    fn historian(folder: &std::path::Path) -> (Historian, Arc<FileLog>) {
        let log = FileLogConfig::new(folder.join("log"), folder.join("dedup"));
        let log = Arc::new(FileLog::open(log).expect("a fresh folder"));
        let view = View::new(ViewConfig {
            project: "shop".to_owned(),
            segments: Vec::new(),
            scores: Vec::new(),
            traits_shown: Vec::new(),
            half_life_ms: 1,
            digest: 0,
            generation: 1,
            clock: Arc::new(|| 0),
        });
        let source = SegmentSource {
            key: "vip".to_owned(),
            when: "count(\"Order Completed\") >= 3".to_owned(),
            ..SegmentSource::default()
        };
        let rules = RuleSet { segments: vec![source], ..RuleSet::default() };
        let rules: RulesNow = Arc::new(move || rules.clone());
        (Historian::new("shop", rules, &log, Shown::new(view), Clock::new(|| 86_400_000)), log)
    }

    fn run<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("threads can be made").block_on(future)
    }

    #[test]
    fn an_empty_history_has_nobody_and_a_wrong_rule_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let (historian, _log) = historian(folder.path());
        let preview = |body: &'static [u8]| run(historian.preview(body.to_vec()));
        let found = preview(br#"{"key":"vip"}"#).expect("sound");
        let found: serde_json::Value = serde_json::from_slice(&found).expect("JSON");
        assert_eq!((&found["persons"], &found["members"]), (&0.into(), &0.into()));
        assert_eq!(found["days"].as_array().map(Vec::len), Some(90));
        assert_eq!(found["days"][89]["day"], "1970-01-02");
        let Err(HistoryProblem::Rules(faults)) = preview(br#"{"when":"true","exit":"sesion.x"}"#)
        else {
            panic!("a wrong exit must be told");
        };
        assert!(faults[0].rendered.contains("segment preview exit"), "{}", faults[0].rendered);
        let unknown = preview(br#"{"key":"nobody"}"#);
        assert_eq!(unknown, Err(HistoryProblem::SegmentUnknown("nobody".to_owned())));
        let later = preview(br#"{"key":"vip","at":"1970-02-01T00:00:00Z"}"#);
        assert!(matches!(later, Err(HistoryProblem::Malformed(_))), "the future is not known");
    }

    #[test]
    fn one_looks_at_a_time_and_whoever_goes_frees_the_place() {
        let folder = tempfile::tempdir().expect("a folder");
        let (historian, _log) = historian(folder.path());
        let slots = Arc::new(Semaphore::new(1));
        run(async {
            let (told, looking) = tokio::sync::oneshot::channel();
            let long = historian.answer(&slots, move |_, watch| {
                told.send(()).expect("the test waits");
                while watch(sillage_eventlog::Cursor(0)).is_continue() {
                    std::thread::yield_now();
                }
                Err::<(), _>(Refusal::BrokenOff)
            });
            let mut long = std::pin::pin!(long);
            tokio::select! {
                _ = long.as_mut() => panic!("it ends when nobody waits any more"),
                begun = looking => begun.expect("it began"),
            }
            let second = historian.answer(&slots, |_, _| Ok(1)).await;
            assert_eq!(second, Err(HistoryProblem::Busy));
            drop(historian.answer(&slots, |_, _| Ok(1)));
        });
        // The first was dropped with its waiter; its thread sees that and gives its place back.
        run(async {
            drop(slots.acquire().await.expect("it is never closed"));
            assert_eq!(historian.answer(&slots, |_, _| Ok(1)).await, Ok(b"1".to_vec()));
        });
    }

    #[test]
    fn a_closed_project_is_not_held_open() {
        let folder = tempfile::tempdir().expect("a folder");
        let (historian, log) = historian(folder.path());
        drop(log);
        let answer = run(historian.audit(None));
        assert!(matches!(answer, Err(HistoryProblem::Unavailable(_))));
        FileLog::open(FileLogConfig::new(folder.path().join("log"), folder.path().join("dedup")))
            .expect("nobody has it open");
    }
}
