//! What may be wrong with a Redis, in words that say what to do about it.
use redis::{ErrorKind, RedisError, ServerErrorKind};

/// Why a Redis is not as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RedisTrouble {
    /// Nobody answers at the address, or the connection broke.
    Unreachable,
    /// An answer did not come in time.
    Slow,
    /// The two do not trust each other's certificates.
    Certificate,
    /// It wants another name or password.
    Login,
    /// The user may not do what is needed.
    Permission,
    /// Its memory is full.
    Memory,
    /// It evicts keys, ours among them.
    Evicting,
    /// It has become a replica.
    ReadOnly,
    /// It has fewer replicas than it was told to require.
    Replicas,
    /// It cannot save its data.
    Persistence,
    /// It is reading its data.
    Loading,
    /// A script keeps it busy.
    Busy,
    /// It has no room for another connection.
    Connections,
    /// A cluster lacks servers for some slots.
    ClusterDown,
    /// The Sentinels name no master that is one.
    NoMaster,
    /// The address says another kind of Redis than is there.
    Topology,
    /// Another collector writes the same keys.
    Rival,
    /// Something else was refused.
    Refused,
}

impl RedisTrouble {
    /// What an error means.
    pub(super) fn of(error: &RedisError) -> Self {
        let said = error.to_string();
        let has = |part: &str| said.contains(part);
        match error.code() {
            Some("OOM") => return Self::Memory,
            Some("NOAUTH" | "WRONGPASS") => return Self::Login,
            Some("NOPERM") => return Self::Permission,
            Some("READONLY") => return Self::ReadOnly,
            Some("NOREPLICAS") => return Self::Replicas,
            Some("MISCONF") => return Self::Persistence,
            Some("LOADING") => return Self::Loading,
            Some("BUSY") => return Self::Busy,
            Some("CLUSTERDOWN" | "MASTERDOWN" | "TRYAGAIN") => return Self::ClusterDown,
            Some("FENCED") => return Self::Rival,
            Some("MOVED" | "ASK" | "CROSSSLOT") => return Self::Topology,
            _ => {}
        }
        match error.kind() {
            _ if has("max number of clients") => Self::Connections,
            _ if has("user executing the script") || has("no permissions") => Self::Permission,
            _ if has("cluster support disabled") || has("non-local key") => Self::Topology,
            ErrorKind::AuthenticationFailed => Self::Login,
            ErrorKind::ClusterConnectionNotFound => Self::ClusterDown,
            ErrorKind::MasterNameNotFoundBySentinel => Self::NoMaster,
            ErrorKind::Server(ServerErrorKind::ResponseError) => Self::Refused,
            ErrorKind::Io if has("certificate") || has("TLS") || has("fatal alert") => {
                Self::Certificate
            }
            ErrorKind::Io if error.is_timeout() => Self::Slow,
            ErrorKind::Io | ErrorKind::Parse => Self::Unreachable,
            _ => Self::Refused,
        }
    }

    /// A word for metrics and answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Slow => "slow",
            Self::Certificate => "certificate",
            Self::Login => "login",
            Self::Permission => "permission",
            Self::Memory => "memory",
            Self::Evicting => "evicting",
            Self::ReadOnly => "read_only",
            Self::Replicas => "replicas",
            Self::Persistence => "persistence",
            Self::Loading => "loading",
            Self::Busy => "busy",
            Self::Connections => "connections",
            Self::ClusterDown => "cluster_down",
            Self::NoMaster => "no_master",
            Self::Topology => "topology",
            Self::Rival => "rival",
            Self::Refused => "refused",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::Unreachable => {
                "see whether it runs, whether redis.url leads there, and whether it has room for \
                 another connection (maxclients)"
            }
            Self::Slow => "see whether it hangs, is paused, or the network to it is slow",
            Self::Certificate => {
                "name in redis.ca who signed its certificate, and in redis.cert and redis.key ours \
                 if it asks for one; its name must be in its certificate"
            }
            Self::Login => "correct user and password in redis.url",
            Self::Permission => {
                "give the user of redis.url the rights in examples/redis/sillage.acl"
            }
            Self::Memory => "raise its maxmemory or use a larger server",
            Self::Evicting => {
                "set its maxmemory-policy to noeviction and raise maxmemory: it drops keys that \
                 readers then take for memberships that ended"
            }
            Self::ReadOnly => {
                "it has become a replica: let redis.url name the Sentinels or the new master"
            }
            Self::Replicas => "mend its replicas or lower its min-replicas-to-write",
            Self::Persistence => "see in its log why it cannot save; its disk may be full",
            Self::Loading => "nothing: it reads its data and will answer then",
            Self::Busy => "end the script that blocks it (SCRIPT KILL)",
            Self::Connections => "raise its maxclients or close connections",
            Self::ClusterDown => "nothing if a failover is under way, else mend the cluster",
            Self::NoMaster => "see what the Sentinels say; nothing if a failover is under way",
            Self::Topology => {
                "use redis+cluster:// in redis.url for a cluster, and redis:// for none"
            }
            Self::Rival => {
                "let one collector only write a project's keys; nothing if another is just ending"
            }
            Self::Refused => "see what it says; keys of ours may be of another type there",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_of_a_server_is_known_for_what_it_is() {
        let table = [
            ("OOM command not allowed when used memory > 'maxmemory'.", RedisTrouble::Memory),
            ("READONLY You can't write against a read only replica.", RedisTrouble::ReadOnly),
            ("NOREPLICAS Not enough good replicas to write.", RedisTrouble::Replicas),
            ("MISCONF Redis is configured to save RDB snapshots", RedisTrouble::Persistence),
            ("NOPERM this user has no permissions to run the 'hset'", RedisTrouble::Permission),
            ("ERR The user executing the script can't run this", RedisTrouble::Permission),
            ("NOAUTH Authentication required.", RedisTrouble::Login),
            ("WRONGPASS invalid username-password pair", RedisTrouble::Login),
            ("LOADING Redis is loading the dataset in memory", RedisTrouble::Loading),
            ("BUSY Redis is busy running a script.", RedisTrouble::Busy),
            ("ERR max number of clients reached", RedisTrouble::Connections),
            ("CLUSTERDOWN The cluster is down", RedisTrouble::ClusterDown),
            ("MOVED 3999 127.0.0.1:6381", RedisTrouble::Topology),
            ("ERR This instance has cluster support disabled", RedisTrouble::Topology),
            ("FENCED 7", RedisTrouble::Rival),
            ("WRONGTYPE Operation against a key", RedisTrouble::Refused),
        ];
        for (line, trouble) in table {
            let value = redis::parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap();
            let error = value.extract_error().expect_err(line);
            assert_eq!(RedisTrouble::of(&error), trouble, "{line}: {error}");
            assert!(!trouble.advice().is_empty() && !trouble.name().is_empty());
        }
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        assert_eq!(RedisTrouble::of(&refused.into()), RedisTrouble::Unreachable);
        let late = std::io::Error::from(std::io::ErrorKind::TimedOut);
        assert_eq!(RedisTrouble::of(&late.into()), RedisTrouble::Slow);
    }
}
