//! What every end-to-end test needs: the real binary as a process, and small blocking clients for
//! its HTTP and Redis faces. Nothing here knows how the collector works inside.

mod cluster;
mod collector;
pub mod device;
pub mod hostile;
mod http;
pub mod kept;
mod line;
mod mirror;
pub mod outage;
mod proxy;
mod redis;
mod sentinel;
pub mod torture;

pub use cluster::RedisCluster;
pub use collector::{Collector, Project, binary, free_port};
pub use http::{Answer, Http};
pub use line::{Line, Weather};
pub use mirror::{Crowd, Keys, Watcher, differences, until_logged, until_mirrored};
pub use proxy::{Fate, Proxy};
pub use redis::{RedisServer, Reply, Resp};
pub use sentinel::RedisSentinels;

/// Milliseconds since the epoch.
///
/// # Panics
/// If the clock is before 1970.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "these tests run in real time")]
pub fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(since.expect("after 1970").as_millis()).expect("this century")
}

/// Asks until `ask` gives something or a minute is over.
///
/// # Panics
/// If nothing came; `what` says what was waited for.
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let started = std::time::Instant::now();
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(started.elapsed().as_secs() < 60, "waited 60 s for {what}");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}
