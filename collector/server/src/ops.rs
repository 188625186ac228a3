//! What orchestrators and monitors ask: is it alive, is it ready, what are its numbers.
use crate::metrics::{self, Exhausted};
use crate::project::{Progress, Project};
use anyhow::Context as _;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use sillage_eventlog::{DeadLetters, FileLog};
use sillage_ingest::Ingest;
use sillage_store::{RedisCheck, Shown};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

/// Connections of the listener of its own. Orchestrators and monitors are few.
const CONNECTIONS_MAX: usize = 64;

/// Time for a request's head, and between two requests: a monitor asks each 15 s or so.
const HEADER_TIMEOUT: Duration = Duration::from_secs(60);

/// Answers on a socket of its own, by a thread of its own, until it is stopped: whatever the other
/// listener is busy with, who asks whether the process is alive is told.
pub(crate) fn serve(
    listener: TcpListener,
    ops: Ops,
    mut stopped: watch::Receiver<bool>,
) -> anyhow::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the thread of server.ops_listen")?;
    let listener = listener.into_std().context("server.ops_listen")?;
    let accepting = async move {
        let listener = match TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => return tracing::error!(%error, "health cannot be listened for"),
        };
        tokio::select! {
            () = accept(&listener, Arc::new(ops)) => {}
            // The sender lives in `Running`; if it is gone, so is the collector.
            _ = stopped.wait_for(|&stop| stop) => {}
        }
    };
    // Answers are made in one go, so that none is open when the runtime ends.
    Ok(tokio::task::spawn_blocking(move || runtime.block_on(accepting)))
}

async fn accept(listener: &TcpListener, ops: Arc<Ops>) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    loop {
        let slot = Arc::clone(&slots).acquire_owned().await.expect("it is never closed");
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let ops = Arc::clone(&ops);
        let service = service_fn(move |request: Request<Incoming>| {
            let answer = ops.alone(request.method(), request.uri().path());
            async move { Ok::<_, Infallible>(answer) }
        });
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        tokio::spawn(async move {
            // Who goes away ends it; there is nothing to do about that.
            drop(connection.await);
            drop(slot);
        });
    }
}

/// Answers `/healthz`, `/readyz` and `/metrics`.
pub(crate) struct Ops {
    projects: Vec<Watched>,
    ingest: Arc<Ingest<FileLog>>,
}

/// One project as it is watched.
pub(crate) struct Watched {
    pub(crate) name: String,
    pub(crate) progress: Progress,
    pub(crate) log: Arc<FileLog>,
    pub(crate) dead_letters: Arc<DeadLetters>,
    pub(crate) view: Arc<Shown>,
    /// The Redis it is written to, if there is one.
    pub(crate) redis: Option<RedisCheck>,
}

impl Ops {
    /// `checks` are of the projects in their order; none where nobody writes to a Redis.
    pub(crate) fn new(
        projects: &[Project],
        checks: &[RedisCheck],
        ingest: &Arc<Ingest<FileLog>>,
    ) -> Self {
        let watched = projects.iter().enumerate().map(|(index, project)| Watched {
            name: project.config.name.clone(),
            progress: project.progress(),
            log: Arc::clone(&project.log),
            dead_letters: Arc::clone(&project.dead_letters),
            view: Arc::clone(&project.shown),
            redis: checks.get(index).cloned(),
        });
        Self { projects: watched.collect(), ingest: Arc::clone(ingest) }
    }

    /// The answer where there is nothing else.
    fn alone(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        let nothing = || text(StatusCode::NOT_FOUND, "nothing here\n".to_owned());
        self.answer(method, path).unwrap_or_else(nothing)
    }

    /// The answer, if the path is one of these.
    pub(crate) fn answer(&self, method: &Method, path: &str) -> Option<Response<Full<Bytes>>> {
        if !matches!(path, "/healthz" | "/readyz" | "/metrics") {
            return None;
        }
        if method != Method::GET && method != Method::HEAD {
            let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "GET or HEAD\n".to_owned());
            answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return Some(answer);
        }
        Some(match path {
            "/healthz" => text(StatusCode::OK, "alive\n".to_owned()),
            "/readyz" => self.ready(),
            _ => self.numbers(),
        })
    }

    /// Ready once everything known before the start is readable, and nothing that is needed has failed.
    fn ready(&self) -> Response<Full<Bytes>> {
        for project in &self.projects {
            let name = &project.name;
            if project.progress.failed() {
                let why = format!("a worker of {name} has failed; the log says why\n");
                return text(StatusCode::SERVICE_UNAVAILABLE, why);
            }
            if project.log.stats().failed {
                let why = format!(
                    "the log of {name} has failed; it is opened anew once its disk is well\n"
                );
                return text(StatusCode::SERVICE_UNAVAILABLE, why);
            }
            if project.dead_letters.stats().failed {
                let why = format!(
                    "the dead letters of {name} have failed; opened anew once the disk is well\n"
                );
                return text(StatusCode::SERVICE_UNAVAILABLE, why);
            }
            if !project.progress.recovered() {
                let why = format!("{name} is folding its log\n");
                return text(StatusCode::SERVICE_UNAVAILABLE, why);
            }
        }
        if self.ingest.is_disk_full() {
            let why = "the disk is nearly full; make room\n".to_owned();
            return text(StatusCode::SERVICE_UNAVAILABLE, why);
        }
        if self.ingest.is_memory_full() {
            let why = "memory is full; give more of it\n".to_owned();
            return text(StatusCode::SERVICE_UNAVAILABLE, why);
        }
        text(StatusCode::OK, "ready\n".to_owned())
    }

    fn numbers(&self) -> Response<Full<Bytes>> {
        let exhausted =
            Exhausted { disk: self.ingest.is_disk_full(), memory: self.ingest.is_memory_full() };
        match metrics::render(&self.projects, &self.ingest.signals().snapshot(), exhausted) {
            Ok(numbers) => {
                let mut answer = text(StatusCode::OK, numbers);
                let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
                let kind = HeaderValue::from_static(kind);
                answer.headers_mut().insert(header::CONTENT_TYPE, kind);
                answer
            }
            Err(error) => {
                tracing::error!(%error, "metrics cannot be written");
                text(StatusCode::INTERNAL_SERVER_ERROR, "metrics cannot be written\n".to_owned())
            }
        }
    }
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::from(body));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}
