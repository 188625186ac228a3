//! The Redis that is written to: how it is doing, and whether it equals what is shown.
//!
//! A comparison takes longer than a request should, so it is begun by one and looked at by others.
use crate::http::auth::authorize_admin;
use crate::http::problem::Problem;
use crate::http::time::rfc3339_ms;
use crate::http::{Lookup, json, refuse, to_json};
use ::http::header::{HeaderValue, LOCATION};
use ::http::{Method, Request, Response, StatusCode};
use bytes::Bytes;
use http_body_util::Full;
use serde::Serialize;
use sillage_store::{Fault, RedisPhase, RedisReport, RedisStats, RedisTrouble};
use std::collections::BTreeMap;

/// What can be asked of a Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedisTask {
    /// That it is compared with what is shown.
    Verify,
    /// That everybody is written again, strangers are removed, and then it is compared.
    Rebuild,
}

impl RedisTask {
    const fn name(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Rebuild => "rebuild",
        }
    }
}

/// A task that was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisRun {
    /// Its number since the start of the process.
    pub id: u64,
    /// What it does.
    pub task: RedisTask,
    /// When it was begun, in milliseconds since the epoch.
    pub began_ms: i64,
    /// How it stands.
    pub state: RedisRunState,
}

/// How a task stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedisRunState {
    /// It goes on.
    Running {
        /// What is being done.
        phase: RedisPhase,
        /// How much of it is done.
        done: u64,
        /// About how much there is.
        total: u64,
    },
    /// It has compared everything.
    Done(RedisReport),
    /// It could not; says why, and what to do.
    Failed(String),
}

/// Who writes to the Redis of one project, and compares it.
pub trait RedisDesk: Send + Sync {
    /// How the writer is doing.
    fn stats(&self) -> RedisStats;
    /// The last task that was begun.
    fn run(&self) -> Option<RedisRun>;
    /// Begins one.
    ///
    /// # Errors
    /// What is under way: there is one at a time.
    fn begin(&self, task: RedisTask) -> Result<RedisRun, RedisTask>;
}

/// The writer as readers of a summary see it.
#[derive(Serialize)]
pub(crate) struct Writer {
    connected: bool,
    filled: bool,
    lag_ms: u64,
    dirty: u64,
}

impl From<RedisStats> for Writer {
    fn from(stats: RedisStats) -> Self {
        let RedisStats { connected, filled, lag_ms, dirty, .. } = stats;
        Self { connected, filled, lag_ms, dirty }
    }
}

#[derive(Serialize)]
struct Document<'a> {
    project: &'a str,
    redis: Redis,
    run: Option<Run<'a>>,
}

#[derive(Serialize)]
struct Redis {
    topology: &'static str,
    #[serde(flatten)]
    writer: Writer,
    /// A word for what is wrong and what to do about it; both `null` while all is well.
    trouble: Option<&'static str>,
    advice: Option<&'static str>,
    writes: u64,
    refused: u64,
    retries: u64,
    outages: u64,
    refills: u64,
}

#[derive(Serialize)]
struct Run<'a> {
    id: u64,
    task: &'static str,
    began_at: String,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    phase: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    done: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<Report<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

#[derive(Serialize)]
struct Report<'a> {
    clean: bool,
    persons: u64,
    devices: u64,
    keys: u64,
    members: u64,
    /// Differences by kind.
    #[serde(flatten)]
    counts: BTreeMap<&'static str, u64>,
    mended: u64,
    seconds: f64,
    /// The first differences; keys hold ids.
    first: Vec<Named<'a>>,
}

#[derive(Serialize)]
struct Named<'a> {
    kind: &'static str,
    key: &'a str,
    what: &'a str,
}

impl<'a> Run<'a> {
    fn of(run: &'a RedisRun) -> Self {
        let (mut phase, mut done, mut total, mut report, mut error) =
            (None, None, None, None, None);
        let state = match &run.state {
            RedisRunState::Running { phase: now, done: so_far, total: of } => {
                (phase, done, total) = (Some(now.name()), Some(*so_far), Some(*of));
                "running"
            }
            RedisRunState::Done(found) => {
                report = Some(Report::of(found));
                "done"
            }
            RedisRunState::Failed(why) => {
                error = Some(why.as_str());
                "failed"
            }
        };
        let (id, task, began_at) = (run.id, run.task.name(), rfc3339_ms(run.began_ms));
        Self { id, task, began_at, state, phase, done, total, report, error }
    }
}

impl<'a> Report<'a> {
    fn of(found: &'a RedisReport) -> Self {
        let named = |d: &'a sillage_store::Difference| Named {
            kind: d.fault.name(),
            key: &d.key,
            what: &d.what,
        };
        Self {
            clean: found.is_clean(),
            persons: found.persons,
            devices: found.devices,
            keys: found.keys,
            members: found.members,
            counts: Fault::ALL.map(|fault| (fault.name(), found.count(fault))).into(),
            mended: found.mended,
            seconds: found.took.as_secs_f64(),
            first: found.first.iter().map(named).collect(),
        }
    }
}

/// The document of `GET /v1/redis`, for commands that look without a collector.
#[must_use]
pub fn redis_document(project: &str, stats: RedisStats, run: Option<&RedisRun>) -> Vec<u8> {
    let RedisStats { writes, refused, retries, outages, refills, .. } = stats;
    let redis = Redis {
        topology: stats.topology.name(),
        writer: Writer::from(stats),
        trouble: stats.trouble.map(RedisTrouble::name),
        advice: stats.trouble.map(RedisTrouble::advice),
        writes,
        refused,
        retries,
        outages,
        refills,
    };
    to_json(&Document { project, redis, run: run.map(Run::of) })
}

/// What a path asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Status,
    Begin(RedisTask),
}

fn asked(path: &str) -> Option<Asked> {
    match path {
        "/v1/redis" => Some(Asked::Status),
        "/v1/redis/verify" => Some(Asked::Begin(RedisTask::Verify)),
        "/v1/redis/rebuild" => Some(Asked::Begin(RedisTask::Rebuild)),
        _ => None,
    }
}

impl Lookup {
    /// Whether this path is answered by [`Lookup::redis`].
    #[must_use]
    pub fn is_redis(&self, path: &str) -> bool {
        asked(path).is_some()
    }

    /// Answers `GET /v1/redis`, `POST /v1/redis/verify` and `POST /v1/redis/rebuild`. The body is not
    /// looked at.
    ///
    /// # Guarantees
    /// All take an admin token: the report names keys, which hold ids. 202 says that a task was begun,
    /// 409 that there is another; both have the document of `GET`, as far as that goes.
    pub fn redis<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        self.try_redis(request).unwrap_or_else(|problem| refuse(&problem))
    }

    fn try_redis<B>(&self, request: &Request<B>) -> Result<Response<Full<Bytes>>, Problem> {
        let index = authorize_admin(request.headers(), self.tokens())?;
        let project = self.projects.get(index).ok_or_else(Problem::token_unknown)?;
        let asked = asked(request.uri().path()).ok_or_else(Problem::path_unknown)?;
        let method = request.method();
        match asked {
            Asked::Status if !matches!(*method, Method::GET | Method::HEAD) => {
                return Err(Problem::method_refused());
            }
            Asked::Begin(_) if *method != Method::POST => return Err(Problem::post_wanted()),
            Asked::Status | Asked::Begin(_) => {}
        }
        let desk = project.redis.as_ref().ok_or_else(Problem::redis_absent)?;
        let document = |run: Option<&RedisRun>| redis_document(&project.name, desk.stats(), run);
        let kind = "application/json";
        match asked {
            Asked::Status => Ok(json(StatusCode::OK, kind, document(desk.run().as_ref()))),
            Asked::Begin(_) if !(project.ready)() => {
                Err(Problem::unavailable("what is known is still being loaded"))
            }
            Asked::Begin(task) => match desk.begin(task) {
                Ok(run) => {
                    let mut answer = json(StatusCode::ACCEPTED, kind, document(Some(&run)));
                    let place = HeaderValue::from_static("/v1/redis");
                    answer.headers_mut().insert(LOCATION, place);
                    Ok(answer)
                }
                Err(other) => Err(Problem::redis_busy(other.name())),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_these_paths_are_about_the_redis() {
        let cases = [
            ("/v1/redis", Some(Asked::Status)),
            ("/v1/redis/verify", Some(Asked::Begin(RedisTask::Verify))),
            ("/v1/redis/rebuild", Some(Asked::Begin(RedisTask::Rebuild))),
            ("/v1/redis/", None),
            ("/v1/redis/flush", None),
        ];
        for (path, want) in cases {
            assert_eq!(asked(path), want, "{path}");
        }
    }
}
