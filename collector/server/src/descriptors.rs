//! How many descriptors the process may have, and what that leaves for connections. A log that cannot open
//! its next file has failed for good, so connections must never take the last descriptors.
use crate::config::Config;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sillage_lookup::resp::CLIENTS_MAX;

/// Descriptors of the process itself: the runtime, listeners, clients, standard streams.
const OWN: u64 = 64;
/// Descriptors of one project: segments of its log, files of ids, tables of states. About 40 are open with
/// little data; the states' store keeps more files open as it grows.
const PER_PROJECT: u64 = 192;
/// Fewer connections than this are no service; it is said, and tried.
const CONNECTIONS_MIN: usize = 16;

/// Connections at once of both faces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Connections {
    pub(crate) http: usize,
    pub(crate) redis: usize,
}

/// The connections that are served at once: as many as are configured, if there are descriptors for them.
/// Raises the process's own limit as far as it may.
pub(crate) fn fitting(config: &Config) -> Connections {
    let redis = if config.redis.listen.is_empty() { 0 } else { CLIENTS_MAX };
    let wanted = Connections { http: config.server.connections_max, redis };
    let Some(limit) = raised() else { return wanted };
    let kept = OWN + PER_PROJECT.saturating_mul(config.projects.len() as u64);
    let fitting = share(limit.saturating_sub(kept), wanted);
    if fitting != wanted {
        let why = "the limit of open files (ulimit -n) leaves fewer connections than configured";
        let (http, redis) = (fitting.http, fitting.redis);
        tracing::warn!(open_files = limit, http, redis, "{why}");
    }
    fitting
}

/// The limit of open files after it was raised; `None` if there is none.
fn raised() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return current;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => maximum,
        Err(error) => {
            tracing::warn!(%error, "the limit of open files cannot be raised");
            current
        }
    }
}

/// Three of four to HTTP, which strangers reach, if there are not enough for both.
fn share(descriptors: u64, wanted: Connections) -> Connections {
    let descriptors = usize::try_from(descriptors).unwrap_or(usize::MAX).max(CONNECTIONS_MIN);
    let redis = wanted.redis.min(descriptors.saturating_sub(wanted.http).max(descriptors / 4));
    Connections { http: wanted.http.min(descriptors - redis), redis }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_for_files() {
        for (descriptors, wanted, got) in [
            (1 << 20, (10_000, 10_000), (10_000, 10_000)),
            (768, (10_000, 10_000), (576, 192)),
            (768, (500, 10_000), (500, 268)),
            (768, (10_000, 0), (768, 0)),
            (0, (10_000, 10_000), (12, 4)),
            (0, (1, 0), (1, 0)),
        ] {
            let of = |(http, redis)| Connections { http, redis };
            assert_eq!(share(descriptors, of(wanted)), of(got), "{descriptors}");
        }
    }
}
