//! What this room must be told, once, when it is built. Reads no file and no environment.
use crate::{PublicSegments, Quota, limits};
use sillage_eventlog::DeadLetters;
use sillage_model::PARTITIONS_EMBEDDED;
use sillage_wire::Limits;
use std::net::IpAddr;
use std::sync::Arc;

/// What holds for all projects.
#[derive(Debug, Clone)]
pub struct IngestConfig {
    /// Limits of bodies, batches and events. Default: those of the wire contract.
    pub limits: Limits,
    /// Bytes held for all requests together before new ones get 503. Default: 256 MiB.
    pub in_flight_bytes_max: u64,
    /// Addresses of proxies whose `X-Forwarded-For` is believed. Default: none, because anyone can
    /// send that header.
    pub trusted_proxies: Vec<IpAddr>,
    /// How many partitions the logs have; fixed when a data directory is made. Default: 64.
    pub partitions: u16,
}

impl Default for IngestConfig {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            in_flight_bytes_max: limits::IN_FLIGHT_BYTES_MAX,
            trusted_proxies: Vec::new(),
            partitions: PARTITIONS_EMBEDDED,
        }
    }
}

/// What one project accepts, and from whom.
#[derive(Clone)]
pub struct ProjectIngest {
    /// Its name, for logs.
    pub name: String,
    /// Keys that may send events to it. Public by nature: they lie in web pages and apps.
    pub write_keys: Vec<String>,
    /// Its reading and admin tokens, known here only so that one sent by mistake is told apart
    /// (403 instead of 401).
    pub other_tokens: Vec<String>,
    /// Origins whose pages may send events and read the answer. Default: empty, any origin.
    pub origins: Vec<String>,
    /// Purposes that a person must have consented to; an event without one of them is counted and
    /// not logged. Default: none.
    pub consent_required: Vec<String>,
    /// Whether IP addresses lose their last part (/24, /48) before anything is written. Default:
    /// true, because a whole address is personal data that segments do not need.
    pub ip_truncation: bool,
    /// What each of its write keys may send. Default: none, as much as the machine can take.
    pub quota: Option<Quota>,
    /// Keys the hash that turns a `messageId` into an event's id. Drawn at random when the data
    /// directory is made and never changed, or duplicates within the window are not seen.
    pub id_key: [u8; 16],
}

impl ProjectIngest {
    /// A project that takes events from any origin with one write key, and truncates addresses.
    #[must_use]
    pub fn new(name: &str, write_key: &str, id_key: [u8; 16]) -> Self {
        Self {
            name: name.to_owned(),
            write_keys: vec![write_key.to_owned()],
            other_tokens: Vec::new(),
            origins: Vec::new(),
            consent_required: Vec::new(),
            ip_truncation: true,
            quota: None,
            id_key,
        }
    }
}

/// Keys are not printed.
impl std::fmt::Debug for ProjectIngest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProjectIngest").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A project with the places where its events go.
pub struct Intake<L> {
    /// What it accepts.
    pub project: ProjectIngest,
    /// Where accepted events go.
    pub log: Arc<L>,
    /// Where rejected ones go.
    pub dead_letters: Arc<DeadLetters>,
    /// Who tells devices in which public segments they are; `None` if they are not told.
    pub segments: Option<Arc<dyn PublicSegments>>,
}

/// Why projects cannot be served together; the configuration must be changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Events sent with such a key could go to either project.
    #[error("projects {0} and {1} share a key or token; every key must be of one project and use")]
    SharedKey(String, String),
    /// A key that is empty or too long would never match.
    #[error("project {0} has a key that is empty or longer than 256 bytes")]
    BadKey(String),
}
