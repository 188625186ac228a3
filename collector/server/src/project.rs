//! One project, wired: its log, its state, its workers and its view. Nothing here decides; it opens
//! things in the right order and closes them in the reverse one.
use crate::config::{Config, Durability, ProjectConfig};
use crate::definitions::{self, Editor, Saved};
use crate::id_key;
use anyhow::{Context as _, bail};
use sillage_engine::{Plan, Record};
use sillage_eventlog::{
    Clock, Cursor, DeadLetterConfig, DeadLetters, EventLog as _, FileLog, FileLogConfig, FileSystem,
};
use sillage_ledger::{Balance, Source, Total};
use sillage_model::{PARTITIONS_EMBEDDED, Partition};
use sillage_store::{
    FjallStore, PersonStore, SegmentLabel, Shown, StoreError, StoreMeta, View, ViewConfig,
};
use sillage_wire::Limits;
use sillage_worker::{LedgerHandle, Parts, WorkerConfig, WorkerHandle, WorkerStats};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// A project that is running.
pub(crate) struct Project {
    pub(crate) config: ProjectConfig,
    /// The segments as they are now, and who changes them.
    pub(crate) editor: Arc<Editor>,
    pub(crate) log: Arc<FileLog>,
    pub(crate) dead_letters: Arc<DeadLetters>,
    pub(crate) shown: Arc<Shown>,
    pub(crate) clock: Clock,
    pub(crate) id_key: [u8; 16],
    /// What its events may be.
    pub(crate) limits: Limits,
    /// Where the log ended when it was opened: until it is folded, readers are told to wait.
    known_end: u64,
    workers: Vec<WorkerHandle>,
}

/// Where a project's files lie.
pub(crate) struct Folders {
    pub(crate) log: PathBuf,
    pub(crate) dedup: PathBuf,
    pub(crate) state: PathBuf,
    pub(crate) dead_letters: PathBuf,
    pub(crate) id_key: PathBuf,
    pub(crate) segments: PathBuf,
}

impl Folders {
    pub(crate) fn of(data_dir: &Path, project: &str) -> Self {
        let base = data_dir.join(project);
        Self {
            log: base.join("log"),
            dedup: base.join("dedup"),
            state: base.join("state"),
            dead_letters: base.join("dead-letters"),
            id_key: base.join("id.key"),
            segments: base.join("segments.json"),
        }
    }

    /// Refuses files that a later version wrote, but for the segments, which are loaded before anything
    /// is written, and the states, whose engine must open them.
    fn check_forms(&self) -> anyhow::Result<()> {
        for folder in [&self.log, &self.dedup, &self.dead_letters] {
            sillage_eventlog::check_forms(&FileSystem, folder)?;
        }
        id_key::kept(&self.id_key).map(drop)
    }
}

/// Compiles a project's rules, or says in full what is wrong with them.
pub(crate) fn compile(config: &ProjectConfig) -> anyhow::Result<Arc<Plan>> {
    match Plan::compile(&config.rule_set()) {
        Ok(plan) => Ok(Arc::new(plan)),
        Err(diagnostics) => bail!(
            "the segments of project {} cannot be used:\n{}",
            config.name,
            crate::diagnose::render(config, &diagnostics)
        ),
    }
}

/// Looks for what would keep a project from being opened, as far as that can be seen while another process
/// has it open.
pub(crate) fn check(config: &Config, project: &ProjectConfig) -> anyhow::Result<()> {
    let saved = Saved::load(&Folders::of(&config.server.data_dir, &project.name).segments)?;
    let segments = saved.over(&project.segments);
    compile(&ProjectConfig { segments, ..project.clone() }).map(drop)
}

/// Opens the log of a project alone, for commands that read it.
pub(crate) fn open_log(
    config: &Config,
    project: &ProjectConfig,
    clock: &Clock,
) -> anyhow::Result<FileLog> {
    let folders = Folders::of(&config.server.data_dir, &project.name);
    let durability = match config.server.durability {
        Durability::Fsync => sillage_eventlog::Durability::Fsync,
        Durability::Os => sillage_eventlog::Durability::Os,
    };
    let log = FileLogConfig {
        segment_bytes: project.log.segment_mib << 20,
        durability,
        retention_bytes: project.log.retention_mib << 20,
        retention_age_ms: project.log.retention_age.ms(),
        dedup_window_ms: project.log.dedup.ms(),
        clock: clock.clone(),
        ..FileLogConfig::new(folders.log, folders.dedup)
    };
    FileLog::open(log).with_context(|| format!("the log of project {}", project.name))
}

impl Project {
    /// Opens everything of a project and starts its workers. When this returns, the last checkpoint
    /// is readable; the rest of the log is being folded.
    pub(crate) fn open(
        config: &Config,
        project: &ProjectConfig,
        clock: &Clock,
    ) -> anyhow::Result<Self> {
        let folders = Folders::of(&config.server.data_dir, &project.name);
        // Before anything is opened, for opening may write.
        folders.check_forms()?;
        let saved = Saved::load(&folders.segments)?;
        let segments = saved.over(&project.segments);
        let project = &ProjectConfig { segments, ..project.clone() };
        let plan = compile(project)?;
        let log = Arc::new(open_log(config, project, clock)?);
        warn_of_missing(&log, project);
        let dead_letters = DeadLetters::open(DeadLetterConfig::new(&folders.dead_letters))
            .with_context(|| format!("the dead letters of project {}", project.name))?;
        let store = open_store(&folders.state, &project.name)
            .with_context(|| format!("the state of project {}", project.name))?;
        let store: Arc<dyn PersonStore> = Arc::new(store);
        let generation = prepare(
            store.as_ref(),
            &plan,
            (&project.name, &log),
            (saved.generation, clock.now_ms()),
        )?;
        let view = View::without(view_config(project, &plan, generation, clock), saved.gone());
        let shown = Shown::new(Arc::clone(&view));
        let known_end = log.end().0;
        let count = worker_count(config.server.workers);
        let mut workers = Vec::new();
        for index in 0..count {
            let parts = Parts {
                plan: Arc::clone(&plan),
                log: Arc::clone(&log),
                store: Arc::clone(&store),
                view: Arc::clone(&view),
                clock: clock.clone(),
            };
            let worker = WorkerConfig {
                index,
                count,
                generation,
                checkpoint_every: config.server.checkpoint.duration(),
                ..WorkerConfig::single()
            };
            workers.push(sillage_worker::spawn(worker, parts)?);
        }
        let id_key = id_key::load_or_draw(&folders.id_key)?;
        let editor = Editor::open(definitions::Parts {
            config: project.clone(),
            path: folders.segments,
            saved,
            plan,
            generation,
            log: Arc::downgrade(&log),
            store: Arc::downgrade(&store),
            shown: Arc::clone(&shown),
            workers: workers.iter().map(WorkerHandle::halter).collect(),
            progress: progress_of(&workers, &log, clock, known_end),
            clock: clock.clone(),
        });
        Ok(Self {
            config: project.clone(),
            editor,
            log,
            dead_letters: Arc::new(dead_letters),
            shown,
            clock: clock.clone(),
            id_key,
            limits: config.limits.limits(),
            known_end,
            workers,
        })
    }

    /// The rules that hold now.
    pub(crate) fn plan(&self) -> Arc<Plan> {
        self.editor.plan()
    }

    pub(crate) fn stats(&self) -> impl Iterator<Item = &Arc<WorkerStats>> {
        self.workers.iter().map(WorkerHandle::stats)
    }

    /// What lookups need to know about the workers, without the workers.
    pub(crate) fn progress(&self) -> Progress {
        progress_of(&self.workers, &self.log, &self.clock, self.known_end)
    }

    /// Waits until everything that is in the log now is published; `false` if a worker failed.
    pub(crate) fn settle(&self) -> bool {
        let end = self.log.end().0;
        loop {
            if self.stats().any(|s| s.failed()) {
                return false;
            }
            if self.stats().all(|s| s.cursor() >= end) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Folds what is left, commits a last checkpoint and closes.
    pub(crate) fn close(self) -> anyhow::Result<()> {
        // First, for a change that is decided needs the workers to be finished.
        self.editor.stop();
        let mut failed = None;
        for worker in self.workers {
            failed = worker.stop().err().or(failed);
        }
        match failed {
            None => Ok(()),
            Some(error) => Err(error).with_context(|| format!("project {}", self.config.name)),
        }
    }
}

fn progress_of(
    workers: &[WorkerHandle],
    log: &Arc<FileLog>,
    clock: &Clock,
    known_end: u64,
) -> Progress {
    Progress {
        stats: workers.iter().map(WorkerHandle::stats).cloned().collect(),
        events: workers.iter().map(WorkerHandle::events).collect(),
        ledgers: workers.iter().map(WorkerHandle::ledger).collect(),
        log: Arc::downgrade(log),
        clock: clock.clone(),
        known_end,
    }
}

/// How far the workers of a project are.
#[derive(Clone)]
pub(crate) struct Progress {
    stats: Vec<Arc<WorkerStats>>,
    events: Vec<Arc<parking_lot::Mutex<BTreeMap<String, u64>>>>,
    ledgers: Vec<LedgerHandle>,
    /// Weak, because who watches a project must not keep its files open.
    log: Weak<FileLog>,
    clock: Clock,
    known_end: u64,
}

impl Progress {
    /// Age of the oldest event that is not yet readable, in milliseconds.
    pub(crate) fn lag_ms(&self) -> i64 {
        let now = self.clock.now_ms();
        let end = self.log.upgrade().map_or(0, |log| log.end().0);
        // A worker that has not looked yet does not know that there is something new.
        let lag = |s: &Arc<WorkerStats>| s.lag_ms(now).max(i64::from(s.cursor() < end));
        self.stats.iter().map(lag).max().unwrap_or(0)
    }

    /// Whether everything that was known before the start is readable again.
    pub(crate) fn recovered(&self) -> bool {
        self.stats.iter().all(|s| s.cursor() >= self.known_end)
    }

    pub(crate) fn stats(&self) -> &[Arc<WorkerStats>] {
        &self.stats
    }

    /// The position before which no worker needs the log any more.
    pub(crate) fn committed(&self) -> u64 {
        self.stats.iter().map(|s| s.committed()).min().unwrap_or(0)
    }

    pub(crate) fn failed(&self) -> bool {
        self.stats.iter().any(|s| s.failed())
    }

    pub(crate) fn sessions(&self) -> u64 {
        let total: i64 = self.stats.iter().map(|s| s.sessions()).sum();
        u64::try_from(total).unwrap_or(0)
    }

    /// What became of the events of each library.
    pub(crate) fn ledger(&self) -> BTreeMap<Source, Total> {
        let mut sources = BTreeMap::new();
        self.ledgers.iter().for_each(|ledger| ledger.add_to(&mut sources));
        sources
    }

    /// What became of the events of one installation.
    pub(crate) fn install(&self, id: &str) -> Option<(Source, Balance)> {
        self.ledgers.iter().find_map(|ledger| ledger.install(id))
    }

    /// Whether everything before `position` is readable.
    pub(crate) fn reached(&self, position: Cursor) -> bool {
        self.stats.iter().all(|s| s.cursor() >= position.0)
    }

    /// Where the log ends now.
    pub(crate) fn end(&self) -> Cursor {
        self.log.upgrade().map_or(Cursor::START, |log| log.end())
    }

    pub(crate) fn events_by_name(&self) -> BTreeMap<String, u64> {
        let mut total = BTreeMap::new();
        for events in &self.events {
            for (name, count) in events.lock().iter() {
                *total.entry(name.clone()).or_default() += count;
            }
        }
        total
    }
}

/// A log from which nothing is to be removed, and that does not begin at its beginning. If retention was never
/// on, files are missing; nothing else would tell before states are made again.
fn warn_of_missing(log: &FileLog, project: &ProjectConfig) {
    let keeps_all = project.log.retention_mib == 0 && project.log.retention_age.ms() == 0;
    if keeps_all && log.oldest() > Cursor::START {
        let position = log.oldest().0;
        tracing::warn!(
            project = project.name,
            position,
            "the log begins here although nothing is to be removed from it: its first files are missing, \
             unless retention was on before"
        );
    }
}

/// The generation of the state in `store`, which is emptied first if it was made by other rules: it
/// is then made again from the log.
fn prepare(
    store: &dyn PersonStore,
    plan: &Plan,
    (name, log): (&str, &FileLog),
    (saved, now): (u32, i64),
) -> anyhow::Result<u32> {
    let digest = plan.digest();
    let known = store.meta()?;
    match known {
        Some(meta) if meta.partitions != PARTITIONS_EMBEDDED => bail!(
            "the state of project {name} has {} partitions, this program has {PARTITIONS_EMBEDDED}",
            meta.partitions
        ),
        Some(meta) if meta.digest == digest => return Ok(meta.generation),
        Some(_) => {
            tracing::info!(project = name, "rules changed: the state is made again from the log");
        }
        None => {}
    }
    refuse_later_states(store, name)?;
    if log.oldest() > Cursor::START {
        tracing::warn!(
            project = name,
            "the log no longer holds all of history; the state will not"
        );
    }
    let known = known.map(|meta| meta.generation).max((saved > 0).then_some(saved));
    let generation = next_generation(known, now);
    let meta = StoreMeta { digest, generation, partitions: PARTITIONS_EMBEDDED };
    sillage_worker::reset(store, meta)?;
    Ok(generation)
}

/// States that a later version made cannot be told from those of other rules by their digest. They
/// are not thrown away without being asked: the log may not hold all that they know.
fn refuse_later_states(store: &dyn PersonStore, name: &str) -> anyhow::Result<()> {
    for partition in (0..PARTITIONS_EMBEDDED).map(Partition) {
        let mut found = None;
        store.load(&[partition], &mut |_, member, state| {
            // An installation's row is in the store's own form.
            if !member.starts_with("i:") {
                found = found.max(state.first().copied());
            }
        })?;
        match found {
            Some(form) if form > Record::FORM => bail!(
                "the states of project {name} have form {form}, and this version reads up to {}: start \
                 the version that wrote them, or a later one; or remove the project's folder `state`: \
                 they are made again from the log, as far as that goes back",
                Record::FORM
            ),
            Some(_) => return Ok(()),
            None => {}
        }
    }
    Ok(())
}

/// Above the last one, and above any that a data directory lost since may have had: a Redis that
/// outlived it refuses lower ones. Ten-minute steps since 2026 fit the 21 bits that a version has
/// for it until 2065.
pub(crate) fn next_generation(known: Option<u32>, now: i64) -> u32 {
    const START_OF_2026: i64 = 1_767_225_600_000;
    let steps = (now - START_OF_2026).max(0) / 600_000;
    let by_time = u32::try_from(steps).unwrap_or(u32::MAX);
    known.map_or(1, |known| known + 1).max(by_time)
}

/// Opens the states. Damaged ones are set aside, not repaired: the log makes them again.
fn open_store(folder: &Path, name: &str) -> anyhow::Result<FjallStore> {
    let looked = FjallStore::open(folder).and_then(|store| store.meta().map(|_| store));
    match looked {
        Err(error @ StoreError::Damaged(_)) => {
            let aside = folder.with_extension("damaged");
            if aside.exists() {
                std::fs::remove_dir_all(&aside)?;
            }
            std::fs::rename(folder, &aside)?;
            let aside = aside.display();
            tracing::error!(project = name, %error, %aside, "states are made again from the log");
            Ok(FjallStore::open(folder)?)
        }
        opened => Ok(opened?),
    }
}

/// One per core but one, because ingest needs a core too.
fn worker_count(configured: u16) -> u16 {
    if configured > 0 {
        return configured;
    }
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
    u16::try_from(cores.saturating_sub(1).clamp(1, 16)).expect("clamped to 16")
}

/// What a view of these rules must know.
pub(crate) fn view_config(
    project: &ProjectConfig,
    plan: &Plan,
    generation: u32,
    clock: &Clock,
) -> ViewConfig {
    let clock = clock.clone();
    let label = |info: &sillage_engine::SegmentInfo| SegmentLabel {
        key: info.key.clone(),
        name: info.name.clone(),
    };
    ViewConfig {
        project: project.name.clone(),
        segments: plan.segments().iter().map(label).collect(),
        scores: plan.score_names().iter().map(|&name| name.to_owned()).collect(),
        traits_shown: project.redis_traits.clone(),
        half_life_ms: project.engagement.half_life.ms(),
        digest: plan.digest(),
        generation,
        clock: Arc::new(move || clock.now_ms()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generations_grow_even_when_the_last_one_is_forgotten() {
        let day = 86_400_000;
        let start = 1_795_000_000_000;
        let first = next_generation(None, start);
        assert_eq!(next_generation(Some(first), start), first + 1);
        assert!(next_generation(None, start + day) > first + 100, "after a lost directory");
        assert!(next_generation(None, start + 30 * 365 * day) < 1 << 21, "fits a version");
    }

    #[test]
    fn states_of_a_later_version_are_not_thrown_away() {
        let holding = |member: &str, state: u8| {
            let store = sillage_store::MemoryStore::new();
            let upserts = vec![(Partition(63), member.into(), vec![state, 0])];
            let checkpoint = sillage_store::Checkpoint { upserts, ..Default::default() };
            store.commit(&checkpoint).expect("memory");
            refuse_later_states(&store, "shop").map_err(|error| error.to_string())
        };
        assert_eq!(holding("u:1", Record::FORM), Ok(()));
        assert_eq!(holding("u:1", Record::FORM - 1), Ok(()), "made again");
        assert_eq!(holding("i:1", 200), Ok(()), "the ledger's rows are no states");
        let refused = holding("u:1", Record::FORM + 1).expect_err("refused");
        assert!(refused.contains("have form 3, and this version reads up to 2"), "{refused}");
    }
}
