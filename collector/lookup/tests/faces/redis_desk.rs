//! Who may have Redis compared, and what is answered.
use crate::http::project;
use http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::Value;
use sillage_lookup::{Lookup, RedisDesk, RedisRun, RedisRunState, RedisTask};
use sillage_store::{RedisPhase, RedisReport, RedisStats};
use std::sync::Arc;

/// A desk where a rebuild can be begun and a verification is under way already.
struct Busy;

impl RedisDesk for Busy {
    fn stats(&self) -> RedisStats {
        RedisStats { connected: true, dirty: 3, lag_ms: 40, writes: 7, ..RedisStats::default() }
    }

    fn run(&self) -> Option<RedisRun> {
        let report = RedisReport { persons: 5, ..RedisReport::default() };
        let state = RedisRunState::Done(report);
        Some(RedisRun { id: 4, task: RedisTask::Verify, began_ms: 1_700_000_000_000, state })
    }

    fn begin(&self, task: RedisTask) -> Result<RedisRun, RedisTask> {
        if task == RedisTask::Verify {
            return Err(RedisTask::Rebuild);
        }
        let state = RedisRunState::Running { phase: RedisPhase::Writing, done: 1, total: 9 };
        Ok(RedisRun { id: 5, task, began_ms: 1_700_000_000_000, state })
    }
}

fn ask(method: &str, path: &str, token: &str) -> (StatusCode, Value) {
    let mut shop = project("shop", 7, 0);
    shop.redis = Some(Arc::new(Busy));
    let lookup = Lookup::new(vec![shop, project("bare", 7, 0)]);
    assert!(lookup.is_redis(path));
    let request = Request::builder().method(method).uri(path);
    let request = request.header(header::AUTHORIZATION, format!("Bearer {token}")).body(());
    let (head, body) = lookup.redis(&request.unwrap()).into_parts();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let body = runtime.block_on(body.collect()).unwrap().to_bytes();
    (head.status, serde_json::from_slice(&body).unwrap())
}

#[test]
fn only_an_admin_has_redis_compared_and_one_task_runs_at_a_time() {
    let cases = [
        ("GET", "/v1/redis", "read-shop", 403, "scope"),
        ("POST", "/v1/redis/rebuild", "read-shop", 403, "scope"),
        ("POST", "/v1/redis/rebuild", "nobody", 401, "token_unknown"),
        ("GET", "/v1/redis/rebuild", "admin-shop", 405, "method_refused"),
        ("POST", "/v1/redis", "admin-shop", 405, "method_refused"),
        ("POST", "/v1/redis/verify", "admin-shop", 409, "redis_busy"),
        ("GET", "/v1/redis", "admin-bare", 404, "redis_absent"),
    ];
    for (method, path, token, status, code) in cases {
        let (answered, body) = ask(method, path, token);
        assert_eq!((answered.as_u16(), &body["code"]), (status, &code.into()), "{method} {path}");
    }
    let (status, body) = ask("POST", "/v1/redis/rebuild", "admin-shop");
    assert_eq!(status, StatusCode::ACCEPTED);
    assert_eq!((&body["run"]["state"], &body["run"]["total"]), (&"running".into(), &9.into()));
    let (status, body) = ask("GET", "/v1/redis", "admin-shop");
    assert_eq!((status, &body["redis"]["lag_ms"]), (StatusCode::OK, &40.into()));
    assert_eq!((&body["redis"]["writes"], &body["redis"]["filled"]), (&7.into(), &false.into()));
    let report = &body["run"]["report"];
    assert_eq!((&report["clean"], &report["persons"]), (&true.into(), &5.into()), "{body}");
    assert_eq!((&report["missing"], &report["unsettled"]), (&0.into(), &0.into()), "{body}");
}
