//! The reading paths of the HTTP interface.
//!
//! The Bearer token decides which project is read, so no path names one. Nothing here answers
//! another site's pages: there are no CORS headers on reading paths.
pub(crate) mod auth;
mod cursor;
mod dead_letters;
mod definition;
mod history;
mod ledger;
mod path;
mod problem;
mod redis;
mod route;
mod segments;
mod segments_edit;
mod summary;
mod time;
mod users;

use crate::http::auth::{Tokens, authorize};
pub use crate::http::definition::{
    Diagnosis, EditAnswer, EditRefused, Edited, SegmentDetail, SegmentState, Segments,
};
pub use crate::http::history::{ExplainAsked, HistoryAnswer, HistoryProblem, HistorySource};
pub use crate::http::ledger::{LedgerSource, ledger_document};
use crate::http::problem::Problem;
pub use crate::http::redis::{RedisDesk, RedisRun, RedisRunState, RedisTask, redis_document};
use crate::http::route::Route;
use ::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use ::http::{Method, Request, Response, StatusCode};
use bytes::Bytes;
use http_body_util::Full;
use serde::Serialize;
use sillage_store::{Shown, View};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// One project as it is read over HTTP.
pub struct LookupProject {
    /// Its name.
    pub name: String,
    /// What is read.
    pub view: Arc<Shown>,
    /// Tokens that may read. An empty one never matches.
    pub read_tokens: Vec<String>,
    /// Tokens that may do more; they read too.
    pub admin_tokens: Vec<String>,
    /// Keys that only ingest. Known here so that their owner is told what is wrong.
    pub write_keys: Vec<String>,
    /// What is known of each segment beside its members, and who changes that.
    pub segments: Arc<dyn Segments>,
    /// How far the view is behind what was acknowledged, in milliseconds.
    pub lag: Arc<dyn Fn() -> i64 + Send + Sync>,
    /// Whether everything known before the start has been published again; until then the answer
    /// is 503, since an absent person may only be late.
    pub ready: Arc<dyn Fn() -> bool + Send + Sync>,
    /// What the view does not count.
    pub counts: Arc<dyn Fn() -> SummaryParts + Send + Sync>,
    /// The rejected events.
    pub dead_letters: Arc<dyn DeadLetterSource>,
    /// What became of every event that was created.
    pub ledger: Arc<dyn LedgerSource>,
    /// Who looks at its history.
    pub history: Arc<dyn HistorySource>,
    /// Who writes it to a Redis, if somebody does.
    pub redis: Option<Arc<dyn RedisDesk>>,
}

/// What a summary says beside what the view counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SummaryParts {
    /// How many sessions there have been.
    pub sessions: u64,
    /// How many events of each name, in any order.
    pub events: Vec<(String, u64)>,
}

/// An event that was refused, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its place; give the last one of a page to get the next page.
    pub position: u64,
    /// When it was received, in milliseconds since the epoch.
    pub received_ms: i64,
    /// Why it was refused: the code of its verdict.
    pub code: String,
    /// Why, in words.
    pub message: String,
    /// The event as it was sent; not always JSON, nor always UTF-8.
    pub raw: Vec<u8>,
}

/// That dead letters could not be read. The text is for the log only.
#[derive(Debug, thiserror::Error)]
#[error("dead letters cannot be read: {0}")]
pub struct SourceError(pub String);

/// What a listing of dead letters will give.
pub type DeadLetterPage<'a> =
    Pin<Box<dyn Future<Output = Result<Vec<DeadLetter>, SourceError>> + Send + 'a>>;

/// Where dead letters are kept.
pub trait DeadLetterSource: Send + Sync {
    /// Up to `limit` of them after the position `after`, or from the first on, oldest first.
    ///
    /// # Errors
    /// [`SourceError`] if they cannot be read; the reader then gets a 503.
    fn list(&self, after: Option<u64>, limit: usize) -> DeadLetterPage<'_>;
}

/// Answers the reading paths of all projects.
pub struct Lookup {
    projects: Vec<LookupProject>,
}

/// A request that found its project.
struct Reading<'a> {
    project: &'a LookupProject,
    /// What was shown when the request came; all of the answer is read from it.
    view: Arc<View>,
    query: &'a str,
}

impl Lookup {
    /// Serves these projects.
    #[must_use]
    pub fn new(projects: Vec<LookupProject>) -> Self {
        Self { projects }
    }

    /// Whether this path, without its query, is answered here. Reading paths of the contract that
    /// do not exist yet are answered too, with a 404 that only a valid token gets to see.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        route::is_reading(path)
    }

    /// Answers a request. Its body is not looked at.
    ///
    /// # Guarantees
    /// A person that cannot be looked up now is a 503, never a 404 or an empty answer. Every answer
    /// is `no-store`.
    pub async fn respond<B>(&self, request: Request<B>) -> Response<Full<Bytes>> {
        match self.answer(&request).await {
            Ok(body) => json(StatusCode::OK, "application/json", body),
            Err(problem) => refuse(&problem),
        }
    }

    fn tokens(&self) -> impl Iterator<Item = Tokens<'_>> + Clone {
        self.projects.iter().map(|project| Tokens {
            reading: &project.read_tokens,
            admin: &project.admin_tokens,
            writing: &project.write_keys,
        })
    }

    async fn answer<B>(&self, request: &Request<B>) -> Result<Vec<u8>, Problem> {
        let index = authorize(request.headers(), self.tokens())?;
        let project = self.projects.get(index).ok_or_else(Problem::token_unknown)?;
        let route = route::route(request.uri().path())?;
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(Problem::method_refused());
        }
        let view = project.view.view();
        let reading = Reading { project, view, query: request.uri().query().unwrap_or_default() };
        if route.reads_view() && !(project.ready)() {
            return Err(Problem::unavailable("what is known is still being loaded"));
        }
        match route {
            Route::User(id) => users::user(&reading, &id),
            Route::Device(id) => users::device(&reading, &id),
            Route::Segments => segments::list(&reading),
            Route::Segment(key) => segments::one(&reading, &key),
            Route::Members(key) => segments::members(&reading, &key),
            Route::Summary => summary::summary(&reading),
            Route::Ledger => ledger::ledger(&reading),
            Route::DeadLetters => dead_letters::list(&reading).await,
        }
    }
}

impl Reading<'_> {
    /// The value of a query parameter, if it is given and not empty.
    fn parameter(&self, name: &str) -> Result<Option<String>, Problem> {
        let pairs = self.query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let mut found = pairs.filter(|(key, value)| *key == name && !value.is_empty());
        found.next().map(|(_, value)| path::decode(&value.replace('+', " "))).transpose()
    }

    /// The parameter `limit`: a number from 1 to `max`.
    fn limit(&self, default: usize, max: usize) -> Result<usize, Problem> {
        match self.parameter("limit")? {
            None => Ok(default),
            Some(text) => {
                let limit = text.parse().ok().filter(|limit| (1..=max).contains(limit));
                let wrong = || Problem::malformed(format!("limit must be from 1 to {max}"));
                limit.ok_or_else(wrong)
            }
        }
    }
}

/// What is answered is built of this crate's own shapes.
fn to_json(shape: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(shape).expect("these shapes have text keys and finite numbers")
}

fn refuse(problem: &Problem) -> Response<Full<Bytes>> {
    let mut response = json(problem.status, "application/problem+json", problem.body());
    if let Some((name, value)) = &problem.header {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn json(status: StatusCode, kind: &'static str, body: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
