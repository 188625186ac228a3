//! Makes changes of segments, one at a time: takes one, prepares its states beside the ones that are
//! served, and exchanges them.
use super::answer::{detail, read};
use super::saved::{Edit, Saved};
use crate::config::{ProjectConfig, SegmentConfig};
use crate::diagnose::diagnoses;
use crate::project::{Progress, next_generation, view_config};
use parking_lot::Mutex;
use sillage_engine::Plan;
use sillage_eventlog::{Clock, Cursor, EventLog as _, FileLog};
use sillage_lookup::{EditAnswer, EditRefused, Edited, SegmentDetail, SegmentState, Segments};
use sillage_model::PARTITIONS_EMBEDDED;
use sillage_store::{PersonStore, Shown};
use sillage_worker::{Halter, Rebuild, RebuildProgress, Switched, WorkerError};
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

/// What an editor works with.
pub(crate) struct Parts {
    pub(crate) config: ProjectConfig,
    pub(crate) path: PathBuf,
    pub(crate) saved: Saved,
    pub(crate) plan: Arc<Plan>,
    pub(crate) generation: u32,
    /// Weak, as is the store: who answers requests must not keep a project's files open.
    pub(crate) log: Weak<FileLog>,
    pub(crate) store: Weak<dyn PersonStore>,
    pub(crate) shown: Arc<Shown>,
    pub(crate) workers: Vec<Halter>,
    pub(crate) progress: Progress,
    pub(crate) clock: Clock,
}

/// The segments of a running project, and the one who changes them.
pub(crate) struct Editor {
    parts: Parts,
    now: Mutex<Now>,
}

/// What holds now. Changes together with the view that is shown.
struct Now {
    saved: Saved,
    segments: Vec<SegmentConfig>,
    plan: Arc<Plan>,
    generation: u32,
    making: Option<Making>,
    /// The segment whose last change was given up, and why.
    failed: Option<(String, String)>,
    stopping: bool,
    thread: Option<JoinHandle<()>>,
}

/// A change that is being made.
#[derive(Clone)]
struct Making {
    edit: Edit,
    next: Saved,
    segments: Vec<SegmentConfig>,
    plan: Arc<Plan>,
    progress: Arc<RebuildProgress>,
    /// Whether it holds, while its states still go to the store.
    holds: bool,
}

impl Editor {
    /// Starts with what is saved, and goes on with a change that was taken before.
    pub(crate) fn open(parts: Parts) -> Arc<Self> {
        let now = Now {
            segments: parts.saved.over(&parts.config.segments),
            saved: parts.saved.clone(),
            plan: Arc::clone(&parts.plan),
            generation: parts.generation,
            making: None,
            failed: None,
            stopping: false,
            thread: None,
        };
        let editor = Arc::new(Self { parts, now: Mutex::new(now) });
        let pending = editor.now.lock().saved.pending.clone();
        if let Some(edit) = pending {
            editor.resume(edit);
        }
        editor
    }

    /// The rules that hold now.
    pub(crate) fn plan(&self) -> Arc<Plan> {
        Arc::clone(&self.now.lock().plan)
    }

    /// Gives up what is not decided yet, and waits for the rest. A change that was taken stays saved.
    pub(crate) fn stop(&self) {
        let thread = {
            let mut now = self.now.lock();
            now.stopping = true;
            if let Some(making) = &now.making {
                making.progress.cancel();
            }
            now.thread.take()
        };
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that changes segments panicked");
        }
    }

    fn resume(self: &Arc<Self>, edit: Edit) {
        let mut now = self.now.lock();
        match self.prepare(&now, &edit) {
            Ok(making) => {
                tracing::info!(segment = edit.key(), "going on with a change of the segments");
                self.begin(&mut now, making);
            }
            Err(why) => {
                let why = format!("{why:?}");
                tracing::warn!(segment = edit.key(), why, "a saved change can no longer be made");
                now.failed = Some((edit.key().to_owned(), why));
                now.saved.pending = None;
                self.save(&now.saved);
            }
        }
    }

    fn take(self: &Arc<Self>, edit: Edit, partial: bool) -> Result<Edited, EditRefused> {
        let mut now = self.now.lock();
        if now.stopping {
            return Err(EditRefused::Unavailable("the collector is stopping"));
        }
        if now.making.is_some() {
            return Err(EditRefused::Busy);
        }
        let making = self.prepare(&now, &edit)?;
        if making.plan.digest() == now.plan.digest() {
            // Names and the like: no state depends on them.
            if !self.save(&making.next) {
                return Err(EditRefused::Unavailable(CANNOT_SAVE));
            }
            (now.saved, now.segments, now.plan) = (making.next, making.segments, making.plan);
            let detail = now.details().into_iter().find(|detail| detail.key == edit.key());
            let detail = detail.ok_or(EditRefused::Unknown)?;
            return Ok(Edited { detail, done: true });
        }
        let log = self.parts.log.upgrade().ok_or(EditRefused::Unavailable(CLOSED))?;
        if log.oldest() > Cursor::START && !partial {
            return Err(EditRefused::HistoryIncomplete);
        }
        let mut pending = now.saved.clone();
        pending.pending = Some(edit.clone());
        if !self.save(&pending) {
            return Err(EditRefused::Unavailable(CANNOT_SAVE));
        }
        now.saved = pending;
        now.failed = None;
        let told = making.clone();
        self.begin(&mut now, making);
        let detail = told
            .detail()
            .or_else(|| now.details().into_iter().find(|detail| detail.key == edit.key()));
        Ok(Edited { detail: detail.ok_or(EditRefused::Unknown)?, done: false })
    }

    /// Checks a change against all segments together.
    fn prepare(&self, now: &Now, edit: &Edit) -> Result<Making, EditRefused> {
        if let Edit::Remove(key) = edit
            && now.segments.iter().all(|segment| segment.key != *key)
        {
            return Err(EditRefused::Unknown);
        }
        let configured = &self.parts.config.segments;
        let next = now.saved.with(edit, configured, self.parts.clock.now_ms());
        let segments = next.over(configured);
        let config = ProjectConfig { segments, ..self.parts.config.clone() };
        match (Plan::compile(&config.rule_set()), edit) {
            (Ok(plan), _) => Ok(Making {
                edit: edit.clone(),
                next,
                segments: config.segments,
                plan: Arc::new(plan),
                progress: Arc::default(),
                holds: false,
            }),
            (Err(found), Edit::Put(_)) => {
                Err(EditRefused::Invalid(diagnoses(&config.rule_set().segments, &found)))
            }
            (Err(found), Edit::Remove(_)) => {
                // All was well with it, so what is wrong without it refers to it.
                let mut by: Vec<String> = found.into_iter().map(|d| d.segment).collect();
                by.sort();
                by.dedup();
                Err(EditRefused::Referred(by))
            }
        }
    }

    fn begin(self: &Arc<Self>, now: &mut Now, making: Making) {
        let (editor, copy) = (Arc::clone(self), making.clone());
        now.making = Some(making);
        let name = "segments".to_owned();
        let started = std::thread::Builder::new().name(name).spawn(move || editor.make(&copy));
        match started {
            // The one before has nothing left to do.
            Ok(thread) => now.thread = Some(thread),
            Err(error) => {
                tracing::error!(%error, "no thread for a change of the segments; a start makes it");
                now.making = None;
            }
        }
    }

    /// Makes a change, on a thread of its own.
    fn make(&self, making: &Making) {
        let result = self.rebuild(making);
        let mut now = self.now.lock();
        let key = making.edit.key();
        let holds = now.making.take().is_some_and(|making| making.holds);
        match result {
            Ok(()) => tracing::info!(segment = key, "the change of the segments is made"),
            Err(WorkerError::GivenUp) if now.stopping => {
                tracing::info!(segment = key, "a start goes on with the change of the segments");
            }
            Err(error) => {
                tracing::error!(segment = key, %error, holds, "the segments could not be changed");
                now.failed = Some((key.to_owned(), error.to_string()));
                if !holds {
                    now.saved.pending = None;
                    self.save(&now.saved);
                }
            }
        }
    }

    fn rebuild(&self, making: &Making) -> Result<(), WorkerError> {
        let parts = &self.parts;
        while !parts.progress.recovered() {
            if self.now.lock().stopping || parts.progress.failed() {
                return Err(WorkerError::GivenUp);
            }
            std::thread::sleep(RECOVERY_POLL);
        }
        let (Some(log), Some(store)) = (parts.log.upgrade(), parts.store.upgrade()) else {
            return Err(WorkerError::GivenUp);
        };
        let generation = next_generation(Some(self.now.lock().generation), parts.clock.now_ms());
        let config = view_config(&parts.config, &making.plan, generation, &parts.clock);
        let view = parts.shown.view().beside(config, making.next.gone());
        let rebuild = Rebuild {
            plan: Arc::clone(&making.plan),
            generation,
            partitions: PARTITIONS_EMBEDDED,
            log,
            store,
            view: Arc::clone(&view),
            clock: parts.clock.clone(),
            workers: parts.workers.clone(),
            progress: Arc::clone(&making.progress),
        };
        rebuild.run(&mut |moment| {
            let mut next = making.next.clone();
            next.generation = generation;
            if !self.save(&next) {
                return Switched::No;
            }
            let mut now = self.now.lock();
            let told = parts.shown.swap(&view, moment);
            tracing::info!(segment = making.edit.key(), told, generation, "the segments changed");
            now.saved = next;
            now.segments.clone_from(&making.segments);
            now.plan = Arc::clone(&making.plan);
            now.generation = generation;
            if let Some(making) = &mut now.making {
                making.holds = true;
            }
            Switched::Yes
        })
    }

    fn save(&self, saved: &Saved) -> bool {
        let stored = saved.store(&self.parts.path);
        if let Err(error) = &stored {
            tracing::error!(error = format!("{error:#}"), "the definitions cannot be saved");
        }
        stored.is_ok()
    }
}

impl Now {
    fn details(&self) -> Vec<SegmentDetail> {
        let infos = self.plan.segments();
        let mut told: Vec<SegmentDetail> = self
            .segments
            .iter()
            .zip(infos)
            .map(|(segment, info)| {
                let key = &segment.key;
                let age = (self.saved.version(key), self.saved.saved_at_ms(key));
                detail(segment, info, age)
            })
            .collect();
        if let Some(making) = self.making.as_ref().filter(|making| !making.holds) {
            let (state, key) = (making.state(), making.edit.key());
            match told.iter_mut().find(|detail| detail.key == key) {
                Some(known) => {
                    known.state = state;
                    known.progress = Some(making.progress.share());
                }
                None => told.extend(making.detail()),
            }
        }
        if let Some((key, why)) = &self.failed {
            let failed = told.iter_mut().filter(|detail| detail.key == *key);
            failed.for_each(|detail| detail.failed = Some(why.clone()));
        }
        told
    }
}

impl Making {
    fn state(&self) -> SegmentState {
        match self.edit {
            Edit::Put(_) => SegmentState::Building,
            Edit::Remove(_) => SegmentState::Removing,
        }
    }

    /// The segment as it will be; `None` if it is removed.
    fn detail(&self) -> Option<SegmentDetail> {
        let key = self.edit.key();
        let (segment, info) =
            self.segments.iter().zip(self.plan.segments()).find(|(s, _)| s.key == key)?;
        let age = (self.next.version(key), self.next.saved_at_ms(key));
        let progress = Some(self.progress.share());
        Some(SegmentDetail { state: self.state(), progress, ..detail(segment, info, age) })
    }
}

/// What a request asks of an editor, which lives as long as the project.
pub(crate) struct Door(pub(crate) Arc<Editor>);

impl Segments for Door {
    fn list(&self) -> Vec<SegmentDetail> {
        self.0.now.lock().details()
    }

    fn put(&self, key: String, definition: Vec<u8>, partial: bool) -> EditAnswer<'_> {
        let editor = Arc::clone(&self.0);
        blocking(move || editor.take(Edit::Put(read(&key, &definition)?), partial))
    }

    fn remove(&self, key: String, partial: bool) -> EditAnswer<'_> {
        let editor = Arc::clone(&self.0);
        blocking(move || editor.take(Edit::Remove(key), partial))
    }
}

/// Runs what waits for the disk where it holds up nobody.
fn blocking(
    act: impl FnOnce() -> Result<Edited, EditRefused> + Send + 'static,
) -> EditAnswer<'static> {
    Box::pin(async move {
        let done = tokio::task::spawn_blocking(act).await;
        done.unwrap_or_else(|error| {
            tracing::error!(%error, "a change of the segments failed");
            Err(EditRefused::Unavailable("the change could not be taken"))
        })
    })
}

const CANNOT_SAVE: &str = "the definitions cannot be saved now";
const CLOSED: &str = "the project is being closed";

/// How often it is asked whether what was known before the start is readable.
const RECOVERY_POLL: Duration = Duration::from_millis(20);
