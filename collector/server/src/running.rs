//! A collector that runs: every project, the HTTP face, the Redis face, the Redis writers. Started
//! and stopped as one, by `serve` and by the demo alike.
use crate::accept;
use crate::config::Config;
use crate::definitions::Door;
use crate::demo::Site;
use crate::history::source::Historian;
use crate::ops::Ops;
use crate::project::{Progress, Project};
use crate::told::Teller;
use anyhow::Context as _;
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use sillage_engine::RuleSet;
use sillage_eventlog::{Clock, Cursor, DeadLetters, FileLog, ListOrder};
use sillage_ingest::{Ingest, IngestConfig, Intake, ProjectIngest, PublicSegments};
use sillage_ledger::{Balance, Source, Total};
use sillage_lookup::resp::{RespConfig, RespProject};
use sillage_lookup::{
    DeadLetter, DeadLetterPage, DeadLetterSource, LedgerSource, Lookup, LookupProject, SourceError,
    SummaryParts,
};
use sillage_store::RedisWriter;
use sillage_tag::Tag;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How often the log is told what it may forget; retention itself works in whole segments.
const RELEASE_EVERY: Duration = Duration::from_secs(10);

/// How often it is written what came of senders that tell nothing about themselves: what a kill may
/// take of their counts.
const COUNTS_EVERY: Duration = Duration::from_millis(500);

/// A running collector.
pub(crate) struct Running {
    /// Where HTTP listens.
    pub(crate) http: SocketAddr,
    /// Where the Redis face listens, if it does.
    pub(crate) resp: Option<SocketAddr>,
    pub(crate) projects: Vec<Project>,
    ingest: Arc<Ingest<FileLog>>,
    writers: Vec<RedisWriter>,
    stop: watch::Sender<bool>,
    faces: Vec<JoinHandle<()>>,
}

/// What answers a request.
struct Faces {
    ingest: Arc<Ingest<FileLog>>,
    lookup: Lookup,
    ops: Ops,
    tag: Tag,
    site: Option<Site>,
}

impl Faces {
    async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Full<Bytes>> {
        let is_head = *request.method() == Method::HEAD;
        let answer = self.whole_answer(request, peer).await;
        if is_head { accept::head_of(answer) } else { answer }
    }

    async fn whole_answer(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Response<Full<Bytes>> {
        let path = request.uri().path();
        if let Some(answer) = self.ops.answer(request.method(), path) {
            return answer;
        }
        if let Some(answer) = self.tag.answer(request.method(), path, request.headers()) {
            return answer.map(Full::new);
        }
        let asked = |site: &Site| site.answer(request.method(), path, request.headers());
        if let Some(answer) = self.site.as_ref().and_then(asked) {
            return answer.map(Full::new);
        }
        if self.lookup.edits(request.method(), path) {
            return self.lookup.edit(request).await;
        }
        if self.lookup.looks_back(request.method(), path) {
            return self.lookup.look_back(request).await;
        }
        if self.lookup.matches(path) {
            return self.lookup.respond(request).await;
        }
        self.ingest.respond(request, peer).await
    }
}

impl Running {
    /// Opens every project and starts to listen. Must be called within a tokio runtime. A site is served
    /// beside the collector's own paths.
    pub(crate) async fn start(
        config: Config,
        clock: Clock,
        site: Option<Site>,
    ) -> anyhow::Result<Self> {
        let listener = accept::bind(config.server.listen)
            .with_context(|| format!("cannot listen on {}", config.server.listen))?;
        let http = listener.local_addr()?;
        let mut projects = Vec::new();
        for project in &config.projects {
            projects.push(Project::open(&config, project, &clock)?);
        }
        let intakes = projects.iter().map(answering).collect();
        let limits = IngestConfig {
            in_flight_bytes_max: config.server.in_flight_bytes_max as u64,
            trusted_proxies: config.server.trusted_proxies.clone(),
            ..IngestConfig::default()
        };
        let ingest = Arc::new(Ingest::new(limits, intakes, clock)?);
        let mut writers = Vec::new();
        if let Some(address) = config.redis.address().context("redis.url")? {
            for project in &projects {
                let (shown, progress) = (Arc::clone(&project.shown), project.progress());
                let ready = move || progress.recovered();
                writers.push(RedisWriter::spawn(address.clone(), shown, ready));
            }
        }
        let (stop, stopped) = watch::channel(false);
        let (resp, mut faces) = (start_resp(&config, &projects, &stopped).await?, Vec::new());
        let answering = Arc::new(Faces {
            ingest: Arc::clone(&ingest),
            lookup: Lookup::new(projects.iter().map(lookup).collect()),
            ops: Ops::new(&projects, &ingest),
            tag: Tag::embedded(),
            site,
        });
        let mut stopping = stopped.clone();
        let serving = accept::serve(
            listener,
            config.server.connections_max,
            move |request, peer| {
                let answering = Arc::clone(&answering);
                async move { answering.answer(request, peer).await }
            },
            async move {
                // The sender lives in `Running`; if it is gone, so is the collector.
                drop(stopping.wait_for(|&stop| stop).await);
            },
            config.server.drain.duration(),
        );
        faces.push(tokio::spawn(serving));
        for project in &projects {
            faces.push(tokio::spawn(release_log(project, stopped.clone())));
        }
        faces.push(tokio::spawn(write_counts(Arc::clone(&ingest), stopped.clone())));
        let resp = resp.map(|(address, face)| {
            faces.push(face);
            address
        });
        tracing::info!(%http, resp = ?resp, projects = projects.len(), "listening");
        Ok(Self { http, resp, projects, ingest, writers, stop, faces })
    }

    /// Resolves if a worker fails: its persons stand still, and only a restart can mend that.
    pub(crate) async fn failed(&self) {
        let progress: Vec<Progress> = self.projects.iter().map(Project::progress).collect();
        while !progress.iter().any(Progress::failed) {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// Finishes what was begun: open requests, the fold, the last writes and checkpoints.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.ingest.drain();
        self.stop.send_replace(true);
        for face in self.faces {
            face.await.context("a listener ended by a fault of its own")?;
        }
        // Once more, for the requests that were answered last.
        self.ingest.write_counts().await;
        for writer in self.writers {
            writer.shutdown().await;
        }
        drop(self.ingest);
        let mut failed = None;
        for project in self.projects {
            let closed = tokio::task::spawn_blocking(|| project.close()).await?;
            failed = closed.err().or(failed);
        }
        failed.map_or(Ok(()), Err)
    }
}

/// Tells the log from time to time which of its segments retention may remove: none that holds facts
/// which are in no checkpoint yet.
fn release_log(
    project: &Project,
    mut stopped: watch::Receiver<bool>,
) -> impl Future<Output = ()> + use<> {
    let (log, progress) = (Arc::clone(&project.log), project.progress());
    async move {
        loop {
            let pause = tokio::time::sleep(RELEASE_EVERY);
            tokio::select! {
                () = pause => {}
                _ = stopped.wait_for(|&stop| stop) => return,
            }
            log.set_keep_from(Cursor(progress.committed()));
        }
    }
}

/// Writes from time to time what came of senders that tell nothing about themselves.
async fn write_counts(ingest: Arc<Ingest<FileLog>>, mut stopped: watch::Receiver<bool>) {
    loop {
        let pause = tokio::time::sleep(COUNTS_EVERY);
        tokio::select! {
            () = pause => {}
            _ = stopped.wait_for(|&stop| stop) => return,
        }
        ingest.write_counts().await;
    }
}

async fn start_resp(
    config: &Config,
    projects: &[Project],
    stopped: &watch::Receiver<bool>,
) -> anyhow::Result<Option<(SocketAddr, JoinHandle<()>)>> {
    if config.redis.listen.is_empty() {
        return Ok(None);
    }
    let address: SocketAddr = config.redis.listen.parse().context("redis.listen")?;
    let listener = accept::bind(address).with_context(|| format!("cannot listen on {address}"))?;
    let address = listener.local_addr()?;
    let served: BTreeMap<String, RespProject> = projects
        .iter()
        .map(|project| {
            let progress = project.progress();
            let ready = Arc::new(move || progress.recovered());
            let view = Arc::clone(&project.shown);
            (project.config.name.clone(), RespProject { view, ready })
        })
        .collect();
    let password = Some(config.redis.password.clone()).filter(|p| !p.is_empty());
    let resp = Arc::new(RespConfig::new(served, password));
    let face = tokio::spawn(sillage_lookup::resp::serve(listener, resp, stopped.clone()));
    Ok(Some((address, face)))
}

/// As [`intake`], with answers that tell segments where the project wants that.
fn answering(project: &Project) -> Intake<FileLog> {
    let segments: Option<Arc<dyn PublicSegments>> = match project.config.segments_in_answers {
        true => Some(Arc::new(Teller::of(project))),
        false => None,
    };
    Intake { segments, ..intake(project) }
}

/// What a project accepts, and where it goes.
pub(crate) fn intake(project: &Project) -> Intake<FileLog> {
    let config = &project.config;
    Intake {
        project: ProjectIngest {
            name: config.name.clone(),
            write_keys: config.write_keys.clone(),
            other_tokens: [config.read_tokens.clone(), config.admin_tokens.clone()].concat(),
            origins: config.origins.clone(),
            consent_required: config.consent.required.clone(),
            ip_truncation: !config.keep_ip,
            id_key: project.id_key,
        },
        log: Arc::clone(&project.log),
        dead_letters: Arc::clone(&project.dead_letters),
        segments: None,
    }
}

fn lookup(project: &Project) -> LookupProject {
    let config = &project.config;
    let (lag, ready, counts) = (project.progress(), project.progress(), project.progress());
    LookupProject {
        name: config.name.clone(),
        view: Arc::clone(&project.shown),
        read_tokens: config.read_tokens.clone(),
        admin_tokens: config.admin_tokens.clone(),
        write_keys: config.write_keys.clone(),
        segments: Arc::new(Door(Arc::clone(&project.editor))),
        lag: Arc::new(move || lag.lag_ms()),
        ready: Arc::new(move || ready.recovered()),
        counts: Arc::new(move || SummaryParts {
            sessions: counts.sessions(),
            events: counts.events_by_name().into_iter().collect(),
        }),
        dead_letters: Arc::new(Shelf(Arc::clone(&project.dead_letters))),
        ledger: Arc::new(Books(project.progress())),
        history: Arc::new(historian(project)),
    }
}

/// Who looks at a project's history.
fn historian(project: &Project) -> Historian {
    let (config, editor) = (project.config.clone(), Arc::clone(&project.editor));
    // Everything but the segments is as it was configured; these may have been changed since.
    let rules = Arc::new(move || {
        let segments = editor.plan().sources().to_vec();
        RuleSet { segments, ..config.rule_set() }
    });
    let (view, clock) = (Arc::clone(&project.shown), project.clock.clone());
    Historian::new(&project.config.name, rules, &project.log, view, clock)
}

/// The ledger as lookups read it.
struct Books(Progress);

impl LedgerSource for Books {
    fn sources(&self) -> BTreeMap<Source, Total> {
        self.0.ledger()
    }

    fn install(&self, id: &str) -> Option<(Source, Balance)> {
        self.0.install(id)
    }
}

/// The dead letters as lookups read them.
struct Shelf(Arc<DeadLetters>);

impl DeadLetterSource for Shelf {
    fn list(&self, after: Option<u64>, limit: usize) -> DeadLetterPage<'_> {
        let shelf = Arc::clone(&self.0);
        Box::pin(async move {
            let read = tokio::task::spawn_blocking(move || list(&shelf, after, limit)).await;
            read.map_err(|error| SourceError(error.to_string()))?
        })
    }
}

fn list(
    shelf: &DeadLetters,
    after: Option<u64>,
    limit: usize,
) -> Result<Vec<DeadLetter>, SourceError> {
    let after = after.map(sillage_eventlog::DeadLetterId);
    let stored = shelf
        .list(after, limit, ListOrder::OldestFirst)
        .map_err(|error| SourceError(error.to_string()))?;
    let letters = stored.into_iter().map(|stored| DeadLetter {
        position: stored.id.0,
        received_ms: stored.letter.received.0,
        code: stored.letter.code,
        message: stored.letter.message,
        raw: stored.letter.raw,
    });
    Ok(letters.collect())
}
