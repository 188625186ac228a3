//! A collector that runs: every project, the HTTP face, the Redis face, the Redis writers. Started
//! and stopped as one, by `serve` and by the demo alike.
use crate::accept::{self, Bounds};
use crate::config::Config;
use crate::definitions::Door;
use crate::demo::Site;
use crate::descriptors;
use crate::handover::{Offer, Parting, Sockets};
use crate::history::source::Historian;
use crate::linger::Lingering;
use crate::memory::Memory;
use crate::ops::{self, Ops};
use crate::pressure;
use crate::project::{Progress, Project};
use crate::redis_desk::Desk;
use crate::reopen::Reopening;
use crate::reserve::Reserve;
use crate::told::Teller;
use anyhow::Context as _;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, Version, header};
use http_body_util::Full;
use hyper::body::Incoming;
use sillage_engine::RuleSet;
use sillage_eventlog::{Clock, Cursor, DeadLetters, FileLog, ListOrder};
use sillage_ingest::{Ingest, IngestConfig, Intake, ProjectIngest, PublicSegments};
use sillage_ledger::{Balance, Source, Total};
use sillage_lookup::resp::{RespConfig, RespProject};
use sillage_lookup::{
    DeadLetter, DeadLetterPage, DeadLetterSource, LedgerSource, Lookup, LookupProject, RedisDesk,
    SourceError, SummaryParts,
};
use sillage_store::{RedisCheck, RedisWriter};
use sillage_tag::Tag;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How often the log is told what it may forget, at most after each checkpoint; retention itself works in
/// whole segments.
const RELEASE_EVERY: Duration = Duration::from_secs(10);

/// How often it is written what came of senders that tell nothing about themselves: what a kill may
/// take of their counts.
const COUNTS_EVERY: Duration = Duration::from_millis(500);

/// How long open connections go on after the listening sockets were handed over. Every answer then asks for
/// its connection to be closed, so that who is in the middle of something ends by itself; only who says
/// nothing in this time is closed, as after any silence.
const PARTING_GRACE: Duration = Duration::from_secs(1);

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
    /// When HTTP stops, and how long open connections go on.
    stop_http: watch::Sender<Option<Duration>>,
    is_parting: Arc<AtomicBool>,
    http_face: JoinHandle<()>,
    faces: Vec<JoinHandle<()>>,
    sockets: Sockets,
    /// None if the data folder cannot hold a socket file.
    offer: Option<Offer>,
}

/// What answers a request.
struct Faces {
    ingest: Arc<Ingest<FileLog>>,
    lingering: Lingering,
    lookup: Lookup,
    ops: Ops,
    tag: Tag,
    site: Option<Site>,
    is_parting: Arc<AtomicBool>,
}

impl Faces {
    async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Full<Bytes>> {
        let (is_head, version) = (*request.method() == Method::HEAD, request.version());
        let mut answer = self.whole_answer(request, peer).await;
        // HTTP/2 has a frame of its own for this, and forbids the header.
        if version <= Version::HTTP_11 && self.is_parting.load(Ordering::Relaxed) {
            answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if is_head { accept::head_of(answer) } else { answer }
    }

    async fn whole_answer(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Response<Full<Bytes>> {
        let (parts, body) = request.into_parts();
        let broken = !self.ingest.is_well_formed(&parts);
        let request = Request::from_parts(parts, body);
        if broken {
            // Whatever the path: where requests have two readings, no path is certain.
            return self.ingest.respond(self.lingering.over(request), peer).await;
        }
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
        if self.lookup.is_redis(path) {
            return self.lookup.redis(&request);
        }
        if self.lookup.matches(path) {
            return self.lookup.respond(request).await;
        }
        self.ingest.respond(self.lingering.over(request), peer).await
    }
}

impl Running {
    /// Opens every project and starts to listen, on `sockets` that fit the configuration and else on new ones.
    /// Must be called within a tokio runtime. A site is served beside the collector's own paths.
    pub(crate) async fn start(
        config: Config,
        clock: Clock,
        site: Option<Site>,
        mut sockets: Sockets,
    ) -> anyhow::Result<Self> {
        let mut kept = Sockets::default();
        let listener = listen(config.server.listen, &mut sockets, &mut kept)?;
        let http = listener.local_addr()?;
        let places = descriptors::fitting(&config);
        let open = |project| Project::open(&config, project, &clock);
        let projects = config.projects.iter().map(open).collect::<Result<Vec<_>, _>>()?;
        let ingest = Arc::new(door(&config, &projects, clock)?);
        let writers = start_writers(&config, &projects)?;
        let checks: Vec<RedisCheck> = writers.iter().map(RedisWriter::check).collect();
        let (stop, stopped) = watch::channel(false);
        let mut faces = start_chores(&config, &projects, &ingest, &stopped);
        let resp = match config.redis.listen.as_str() {
            "" => None,
            address => {
                let at = address.parse().context("redis.listen")?;
                let listener = listen(at, &mut sockets, &mut kept)?;
                let address = listener.local_addr()?;
                faces.push(start_resp(listener, &config, &projects, places.redis, &stopped));
                Some(address)
            }
        };
        if let Some(address) = config.server.ops_address()? {
            let listener = listen(address, &mut sockets, &mut kept)?;
            faces.push(ops::serve(
                listener,
                Ops::new(&projects, &checks, &ingest),
                stopped.clone(),
            )?);
        }
        let is_parting = Arc::new(AtomicBool::new(false));
        let answering = Arc::new(Faces {
            ingest: Arc::clone(&ingest),
            lingering: Lingering::default(),
            lookup: Lookup::new(lookups(&projects, &checks)),
            ops: Ops::new(&projects, &checks, &ingest),
            tag: Tag::embedded(),
            site,
            is_parting: Arc::clone(&is_parting),
        });
        let (stop_http, mut stopping) = watch::channel(None);
        let serving = accept::serve(
            listener,
            Bounds::new(&config.server, places.http),
            move |request, peer| {
                let answering = Arc::clone(&answering);
                async move { answering.answer(request, peer).await }
            },
            // The sender lives in `Running`; if it is gone, so is the collector.
            async move {
                stopping.wait_for(Option::is_some).await.map_or(None, |g| *g).unwrap_or_default()
            },
        );
        let http_face = tokio::spawn(serving);
        tracing::info!(%http, resp = ?resp, projects = projects.len(), "listening");
        Ok(Self {
            http,
            resp,
            projects,
            ingest,
            writers,
            stop,
            stop_http,
            is_parting,
            http_face,
            faces,
            offer: offer(&config, kept.try_clone()?),
            sockets: kept,
        })
    }

    /// Resolves when another process takes over; it waits for this one to end.
    pub(crate) async fn taken_over(&mut self) -> Parting {
        match &mut self.offer {
            Some(offer) => offer.taken().await,
            None => std::future::pending().await,
        }
    }

    /// Stops, and refuses nobody meanwhile: what is open is answered, what comes waits for the other process.
    pub(crate) async fn part(mut self) -> anyhow::Result<()> {
        self.is_parting.store(true, Ordering::Relaxed);
        self.stop_http.send_replace(Some(PARTING_GRACE));
        (&mut self.http_face).await.context("the HTTP listener ended by a fault of its own")?;
        self.stop().await
    }

    /// Resolves if a worker fails: its persons stand still, and only a restart can mend that.
    pub(crate) fn failed(&self) -> impl Future<Output = ()> + use<> {
        let progress: Vec<Progress> = self.projects.iter().map(Project::progress).collect();
        async move {
            while !progress.iter().any(Progress::failed) {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
    }

    /// Waits for a log that has failed to be worth opening again.
    pub(crate) fn reopening(&self, config: &Config) -> Reopening {
        let logs = self.projects.iter().map(|project| Arc::clone(&project.log)).collect();
        let letters = self.projects.iter().map(|p| Arc::clone(&p.dead_letters)).collect();
        Reopening::new(config, logs, letters, Arc::clone(&self.ingest))
    }

    /// Copies of what is listened on, for the collector that follows in this process.
    pub(crate) fn sockets(&self) -> std::io::Result<Sockets> {
        self.sockets.try_clone()
    }

    /// Finishes what was begun: open requests, the fold, the last writes and checkpoints.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.ingest.drain();
        // Their copies of the sockets would let connections in that nobody will answer.
        drop((self.offer, self.sockets));
        self.stop_http.send_if_modified(|stop| {
            let is_first = stop.is_none();
            stop.get_or_insert_default();
            is_first
        });
        self.stop.send_replace(true);
        if !self.http_face.is_finished() {
            self.http_face.await.context("the HTTP listener ended by a fault of its own")?;
        }
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

/// The way for another process to take over, where the data folder can have a socket file.
fn offer(config: &Config, sockets: Sockets) -> Option<Offer> {
    Offer::open(&config.server.data_dir, sockets)
        .inspect_err(|error| tracing::warn!(%error, "no other process will be able to take over"))
        .ok()
}

/// Those who write to a Redis of the customer's own, if there is one.
fn start_writers(config: &Config, projects: &[Project]) -> anyhow::Result<Vec<RedisWriter>> {
    let Some(address) = config.redis.address().context("redis.url")? else {
        return Ok(Vec::new());
    };
    let start = |project: &Project| {
        let (shown, progress) = (Arc::clone(&project.shown), project.progress());
        let ready = move || progress.recovered();
        RedisWriter::spawn(address.clone(), shown, ready)
    };
    Ok(projects.iter().map(start).collect())
}

/// The door of all projects.
fn door(config: &Config, projects: &[Project], clock: Clock) -> anyhow::Result<Ingest<FileLog>> {
    let intakes = projects.iter().map(answering).collect();
    let ingest = IngestConfig {
        limits: config.limits.limits(),
        in_flight_bytes_max: config.server.in_flight_bytes_max as u64,
        trusted_proxies: config.server.trusted_proxies.clone(),
        ..IngestConfig::default()
    };
    Ok(Ingest::new(ingest, intakes, clock)?)
}

/// Starts what is done from time to time.
fn start_chores(
    config: &Config,
    projects: &[Project],
    ingest: &Arc<Ingest<FileLog>>,
    stopped: &watch::Receiver<bool>,
) -> Vec<JoinHandle<()>> {
    let every = RELEASE_EVERY.min(config.server.checkpoint.duration());
    let released = projects.iter().map(|p| tokio::spawn(release_log(p, every, stopped.clone())));
    let mut chores: Vec<_> = released.collect();
    chores.push(tokio::spawn(write_counts(Arc::clone(ingest), stopped.clone())));
    chores.push(tokio::spawn(watch_pressure(config, projects, ingest, stopped.clone())));
    let reserve = Reserve::new(config, ingest);
    // Before the first request.
    reserve.look();
    chores.push(tokio::spawn(reserve.watch(stopped.clone())));
    if let Some(memory) = Memory::new(config, ingest) {
        memory.look();
        chores.push(tokio::spawn(memory.watch(stopped.clone())));
    }
    chores
}

/// Tells the log from time to time which of its segments retention may remove: none that holds facts
/// which are in no checkpoint yet.
fn release_log(
    project: &Project,
    every: Duration,
    mut stopped: watch::Receiver<bool>,
) -> impl Future<Output = ()> + use<> {
    let (log, progress) = (Arc::clone(&project.log), project.progress());
    async move {
        loop {
            let pause = tokio::time::sleep(every);
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

/// The listening socket of an address: the one that was handed over, or a new one. A copy is kept.
fn listen(
    address: SocketAddr,
    sockets: &mut Sockets,
    kept: &mut Sockets,
) -> anyhow::Result<TcpListener> {
    let listener = match sockets.take(address) {
        Some(listener) => TcpListener::from_std(listener),
        None => accept::bind(address),
    };
    let listener = listener.with_context(|| format!("cannot listen on {address}"))?;
    kept.keep(&listener)?;
    Ok(listener)
}

fn watch_pressure(
    config: &Config,
    projects: &[Project],
    ingest: &Arc<Ingest<FileLog>>,
    stopped: watch::Receiver<bool>,
) -> impl Future<Output = ()> + use<> {
    let watched = projects.iter().map(|project| pressure::Watched {
        name: project.config.name.clone(),
        log: Arc::downgrade(&project.log),
        progress: project.progress(),
    });
    let bounds = pressure::Bounds {
        lag_max: config.server.lag_max.duration(),
        wait_max: config.server.wait_max.duration(),
    };
    pressure::watch(watched.collect(), bounds, Arc::clone(ingest), stopped)
}

fn start_resp(
    listener: TcpListener,
    config: &Config,
    projects: &[Project],
    clients_max: usize,
    stopped: &watch::Receiver<bool>,
) -> JoinHandle<()> {
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
    let mut resp = RespConfig::new(served, password);
    resp.clients_max = clients_max;
    tokio::spawn(sillage_lookup::resp::serve(listener, Arc::new(resp), stopped.clone()))
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
            quota: config.quota.quota().unwrap_or_default(),
            id_key: project.id_key,
        },
        log: Arc::clone(&project.log),
        dead_letters: Arc::clone(&project.dead_letters),
        segments: None,
    }
}

/// `checks` are of the projects in their order; none where nobody writes to a Redis.
fn lookups(projects: &[Project], checks: &[RedisCheck]) -> Vec<LookupProject> {
    let desk = |(index, project): (usize, &Project)| {
        let check = checks.get(index)?.clone();
        let desk = Desk::new(&project.config.name, check, project.clock.clone());
        Some(Arc::new(desk) as Arc<dyn RedisDesk>)
    };
    let desks = projects.iter().enumerate().map(desk);
    projects.iter().zip(desks).map(|(project, desk)| lookup(project, desk)).collect()
}

fn lookup(project: &Project, redis: Option<Arc<dyn RedisDesk>>) -> LookupProject {
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
        redis,
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
