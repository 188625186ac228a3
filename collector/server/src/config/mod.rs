//! The configuration: one TOML file, typed, unknown keys refused, `SILLAGE_` variables on top.
//!
//! Every key is documented where it is declared: unit, range, default, and why that default. This is
//! the only place that reads the environment.
mod duration;
mod limits;
mod load;
mod percent;
mod project;
mod zone;

pub(crate) use duration::Span;
pub(crate) use limits::LimitsConfig;
pub(crate) use load::{ConfigError, load, parse};
pub(crate) use percent::Percent;
pub(crate) use project::{ProjectConfig, SegmentConfig, WeightConfig};

use serde::Deserialize;
use sillage_store::{RedisAddress, RedisTls, StoreError};
use std::net::SocketAddr;
use std::path::PathBuf;

/// The whole file.
#[derive(Debug, Clone, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    pub(crate) server: ServerConfig,
    pub(crate) redis: RedisConfig,
    pub(crate) limits: LimitsConfig,
    #[serde(rename = "project")]
    pub(crate) projects: Vec<ProjectConfig>,
}

/// `[server]`: the process.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ServerConfig {
    /// Address and port of HTTP. Default `127.0.0.1:8080`: nothing is reachable from outside until
    /// somebody decides so.
    pub(crate) listen: SocketAddr,
    /// Folder of logs and states, one subfolder a project. Default `./sillage-data`.
    pub(crate) data_dir: PathBuf,
    /// `fsync`: an answer leaves only after the disk has the events. `os`: after the system has
    /// them, which survives a crash of the process but not of the machine. Default `fsync`.
    pub(crate) durability: Durability,
    /// Threads that fold, per project; 1 to 64. Default 0: one per core but one, at least one,
    /// because ingest needs a core too.
    pub(crate) workers: u16,
    /// Connections at once; further ones wait in the listen queue. Default 10 000.
    pub(crate) connections_max: usize,
    /// Connections of one address (of IPv6, of one /64) at once; further ones are closed. Addresses in
    /// `trusted_proxies` are exempt, and so are 127.0.0.1 and ::1, where a proxy of this machine is.
    /// Default 200: what a large office behind one address needs, and a fiftieth of all.
    pub(crate) connections_per_ip_max: usize,
    /// Request bytes held in memory at once before new requests get 503. Default 256 MiB.
    pub(crate) in_flight_bytes_max: usize,
    /// Address and port that answer `/healthz`, `/readyz` and `/metrics` on a thread of their own,
    /// also while every connection of `listen` is taken. Default empty: only `listen` does.
    pub(crate) ops_listen: String,
    /// New events get 503 while those taken already take longer than this to become readable, as
    /// far as can be expected from what waits and how fast it is folded; `0s` takes them however
    /// late they are. Default `10s`: a burst of ten seconds' work is taken at any speed, and after an
    /// overload segments are live again within that time.
    pub(crate) lag_max: Span,
    /// New events get 503 while one waits longer than this for the log's disk; `0s` lets them wait
    /// until memory is full. Default `2s`: a disk that hangs is noticed before clients give up, and
    /// one that is slow for a moment turns nobody away.
    pub(crate) wait_max: Span,
    /// Addresses of proxies whose `X-Forwarded-For` is believed. Default none.
    pub(crate) trusted_proxies: Vec<std::net::IpAddr>,
    /// How long a stopping process finishes what it has begun. Default `10s`, as load balancers
    /// take a node out within that time.
    pub(crate) drain: Span,
    /// MiB of the disk that events must leave free: with less, or hardly an inode, they are refused
    /// until there is more. Default: a twentieth of the disk and at most 1 GiB, but no less than two
    /// segments of each project's log. A full disk would stop the logs until a restart; 0 lets it.
    pub(crate) disk_reserve_mib: Option<u64>,
    /// MiB of memory beyond which events are refused until it takes less; 0 never refuses. Default: three
    /// quarters of what the machine or its control group has. States live in memory, and who takes more
    /// than there is gets killed.
    pub(crate) memory_max_mib: Option<u64>,
    /// At most this long is a state only in the log and in memory. Default `30s`: persons who do much
    /// in that time are written once, and after a crash half a minute of log is folded again, which
    /// takes a few seconds.
    pub(crate) checkpoint: Span,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            data_dir: PathBuf::from("./sillage-data"),
            durability: Durability::Fsync,
            workers: 0,
            connections_max: 10_000,
            connections_per_ip_max: 200,
            in_flight_bytes_max: 256 << 20,
            ops_listen: String::new(),
            lag_max: Span::from_secs(10),
            wait_max: Span::from_secs(2),
            trusted_proxies: Vec::new(),
            drain: Span::from_secs(10),
            disk_reserve_mib: None,
            memory_max_mib: None,
            checkpoint: Span::from_secs(30),
        }
    }
}

impl ServerConfig {
    /// Where health is answered as well, if anywhere.
    ///
    /// # Errors
    /// It is no address.
    pub(crate) fn ops_address(&self) -> Result<Option<SocketAddr>, ConfigError> {
        if self.ops_listen.is_empty() {
            return Ok(None);
        }
        self.ops_listen.parse().map(Some).map_err(|_| ConfigError::Wrong {
            place: "server.ops_listen".to_owned(),
            message: "write an address and a port, or nothing".to_owned(),
        })
    }
}

/// What an acknowledgement is worth.
#[derive(Debug, Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Durability {
    Fsync,
    Os,
}

/// `[redis]`: where personalization engines read.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RedisConfig {
    /// A Redis to write to, such as `redis://127.0.0.1:6379/0`, `redis+sentinel://a,b,c/master` or
    /// `redis+cluster://a,b,c`, with `rediss` for TLS; `env:NAME` reads a variable. Default empty: the
    /// collector serves the same keys itself.
    pub(crate) url: String,
    /// File in PEM with the authorities that may have signed that Redis' certificate. Default empty:
    /// those of the system.
    pub(crate) ca: String,
    /// File in PEM with the certificate that is shown to that Redis, if it asks. Default empty: none.
    pub(crate) cert: String,
    /// File in PEM with the key of `cert`. Default empty.
    pub(crate) key: String,
    /// Address and port of the collector's own read-only Redis face; empty turns it off. Default
    /// `127.0.0.1:6380`, beside a real Redis on its usual port.
    pub(crate) listen: String,
    /// Password of that face; needed when it listens beyond loopback. `env:NAME` reads a variable.
    /// Default empty: none.
    pub(crate) password: String,
}

impl Default for RedisConfig {
    fn default() -> Self {
        Self {
            url: String::new(),
            ca: String::new(),
            cert: String::new(),
            key: String::new(),
            listen: "127.0.0.1:6380".to_owned(),
            password: String::new(),
        }
    }
}

impl RedisConfig {
    /// The Redis to write to, if there is one. Reads the files that are named.
    pub(crate) fn address(&self) -> Result<Option<RedisAddress>, StoreError> {
        let tls = RedisTls { ca: &self.ca, cert: &self.cert, key: &self.key };
        (!self.url.is_empty()).then(|| RedisAddress::parse(&self.url, tls)).transpose()
    }
}

#[cfg(test)]
mod documented;
