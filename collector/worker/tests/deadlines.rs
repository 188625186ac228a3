//! What is said about a person while facts are still unread must hold when they have been read.
mod support;

use sillage_engine::{Plan, RuleSet, SegmentSource};
use sillage_eventlog::{Clock, EventLog as _, MemoryLog};
use sillage_model::SegmentChange;
use sillage_store::{MemoryStore, SegmentLabel, StreamId, View, ViewConfig};
use sillage_worker::{HandWorker, Parts, WorkerConfig};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use support::tried;

const MINUTE: i64 = 60_000;
const START: i64 = 1_795_000_000_000;

#[test]
fn no_exit_is_told_that_an_unread_event_has_prevented() {
    let rule = SegmentSource {
        key: "lately".to_owned(),
        name: "Lately".to_owned(),
        when: "exists(\"Tried\" within 10m)".to_owned(),
        ..SegmentSource::default()
    };
    let rules = RuleSet { segments: vec![rule], ..RuleSet::default() };
    let plan = Arc::new(Plan::compile(&rules).expect("a good rule"));
    let now = Arc::new(AtomicI64::new(START + 12 * MINUTE));
    let clock = Arc::clone(&now);
    let view = View::new(ViewConfig {
        project: "shop".to_owned(),
        segments: vec![SegmentLabel { key: "lately".to_owned(), name: "Lately".to_owned() }],
        scores: plan.score_names().iter().map(|&name| name.to_owned()).collect(),
        traits_shown: Vec::new(),
        half_life_ms: 1_000_000,
        digest: plan.digest(),
        generation: 1,
        clock: Arc::new(move || clock.load(Ordering::SeqCst)),
    });
    let log = Arc::new(MemoryLog::default());
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    for (id, at) in [(1, START), (2, START + 5 * MINUTE)] {
        runtime.block_on(log.append(tried(id, at))).expect("memory takes it");
    }
    let clock = Arc::clone(&now);
    let parts = Parts {
        plan,
        log: Arc::clone(&log),
        store: Arc::new(MemoryStore::new()),
        view: Arc::clone(&view),
        clock: Clock::new(move || clock.load(Ordering::SeqCst)),
    };
    // One event at a time, as a worker that is far behind reads one part at a time.
    let config = WorkerConfig { read_bytes: 1, ..WorkerConfig::single() };
    let mut worker = HandWorker::load(config, parts).expect("nothing to load");
    let end = log.end().0;
    let mut turns = 0;
    while worker.stats().cursor() < end {
        worker.turn().expect("memory reads");
        turns += 1;
    }
    assert!(turns > 1, "the events were read one after the other");
    let told = || view.changes().range(StreamId::MIN, StreamId::MAX, 10);
    let changes: Vec<_> = told().iter().map(|told| (told.change, told.at)).collect();
    assert_eq!(changes, [(SegmentChange::Enter, START)]);
    now.store(START + 15 * MINUTE, Ordering::SeqCst);
    worker.turn().expect("nothing to read");
    let changes: Vec<_> = told().iter().map(|told| (told.change, told.at)).collect();
    let exit = (SegmentChange::Exit, START + 15 * MINUTE);
    assert_eq!(changes, [(SegmentChange::Enter, START), exit]);
}
