//! Every reason to refuse a whole request, with what the world sees of it in one row.
//!
//! What is wrong with a single event is not here: that is a verdict, part of a good answer.
use crate::limits::{RETRY_AFTER_DRAINING_S, RETRY_AFTER_OVERLOAD_S, RETRY_AFTER_STORAGE_S};
use http::StatusCode;
use tracing::Level;

/// Why a whole request is refused. Its text is for the sender and holds nothing that was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Send one `Host`.
    #[error("exactly one Host header is required")]
    BadHost,
    /// Send a path, not a whole address.
    #[error("the request target must be a path")]
    BadTarget,
    /// Send one framing.
    #[error("the Transfer-Encoding header is there more than once")]
    BadFraming,
    /// Send each of these headers once, in ASCII.
    #[error("the {0} header is repeated or unreadable")]
    BadHeader(&'static str),
    /// Only `chunked` is understood.
    #[error("only the transfer coding chunked is understood")]
    UnsupportedTransferCoding,
    /// Only `100-continue` can be expected.
    #[error("only 100-continue can be expected")]
    ExpectationFailed,
    /// Shorten the address; long data belongs in a body.
    #[error("the path and query exceed {0} bytes")]
    UriTooLong(usize),
    /// There is nothing here.
    #[error("there is nothing at this path")]
    NotFound,
    /// Use one of the methods named in `Allow`.
    #[error("this path allows {0}")]
    MethodNotAllowed(&'static str),
    /// Send a write key that this collector knows.
    #[error("a known write key is required")]
    InvalidKey,
    /// Send a write key; tokens for reading and administration cannot send events.
    #[error("this token cannot send events; use a write key")]
    WrongKeyType,
    /// Send one key.
    #[error("the request names two different write keys")]
    KeyMismatch,
    /// Have this origin listed in the project.
    #[error("the project does not accept events from this origin")]
    OriginNotAllowed,
    /// Try again on a better network, perhaps with a smaller batch.
    #[error("the body did not arrive in time")]
    BodyTimeout,
    /// The connection broke while the body was read.
    #[error("the body could not be read to its end")]
    BadBody,
    /// Send a body.
    #[error("the body is empty")]
    EmptyBody,
    /// Send smaller batches.
    #[error("the body exceeds {0} bytes")]
    BodyTooLarge(u64),
    /// Send smaller batches.
    #[error("the decompressed body exceeds {0} bytes")]
    DecompressedTooLarge(usize),
    /// Send fewer events at once.
    #[error("a batch may hold {0} events")]
    TooManyEvents(usize),
    /// Send fewer or smaller events at once.
    #[error("the batch is too large to be stored as one")]
    BatchTooLarge,
    /// Send JSON.
    #[error("the body must be JSON in UTF-8, whatever its media type claims")]
    UnsupportedMediaType,
    /// Use one of the codings that are understood, once.
    #[error("the body may have one coding: gzip, deflate, zstd or br")]
    UnsupportedEncoding,
    /// The coding named is not that of the body, or the body is damaged.
    #[error("the body is not valid {0}")]
    BadEncoding(&'static str),
    /// The body as a whole cannot be understood.
    #[error("{message}")]
    Malformed {
        /// Which fault, from the wire contract.
        code: &'static str,
        /// What and where.
        message: String,
    },
    /// Send events.
    #[error("the batch holds no event")]
    EmptyBatch,
    /// Look at `rejected`: every event has its own reason.
    #[error("no event of the batch is valid")]
    NoValidEvent,
    /// Send the same again later.
    #[error("the collector is busy; send the same again later")]
    Overloaded,
    /// Send the same again after so many seconds, and less at once from then on.
    #[error("this write key has used up its quota; send the same again later")]
    RateLimited(u32),
    /// Send the same again later; the operator has been told.
    #[error("events cannot be stored now; send the same again later")]
    StorageUnavailable,
    /// Send the same again later; the operator has to make room.
    #[error("the disk is nearly full and takes no more events; send the same again later")]
    DiskFull,
    /// Send the same again later; the operator has to give memory.
    #[error("the collector's memory is full and takes no more events; send the same again later")]
    MemoryFull,
    /// Send the same again later: it may have become durable and is then recognised.
    #[error("the disk has not confirmed the events in time; send the same again later")]
    DiskStuck,
    /// Send the same again on a new connection.
    #[error("this collector is shutting down; send the same again on a new connection")]
    Draining,
}

/// What the world outside sees of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Face {
    /// The HTTP status.
    pub status: StatusCode,
    /// The public code; also the label of the metric.
    pub code: &'static str,
    /// What all refusals with this code have in common.
    pub title: &'static str,
    /// How loudly it is logged.
    pub level: Level,
    /// When the same request may succeed, in seconds; `None` if never.
    pub retry_after_s: Option<u32>,
    /// Whether the same request may succeed later.
    pub retryable: bool,
}

impl Refusal {
    /// Status, code, title, log level and retry advice.
    #[must_use]
    pub fn face(&self) -> Face {
        use Level as L;
        use StatusCode as S;
        const BAD: StatusCode = StatusCode::BAD_REQUEST;
        let later = Face::later;
        let no = Face::never;
        match self {
            Self::BadHost => no(BAD, "bad_host", "Bad Host", L::DEBUG),
            Self::BadTarget => no(BAD, "bad_target", "Bad request target", L::DEBUG),
            Self::BadFraming => no(BAD, "bad_framing", "Bad framing", L::WARN),
            Self::BadHeader(_) => no(BAD, "bad_header", "Bad header", L::DEBUG),
            Self::UnsupportedTransferCoding => {
                let title = "Unsupported transfer coding";
                no(S::NOT_IMPLEMENTED, "unsupported_transfer_coding", title, L::DEBUG)
            }
            Self::ExpectationFailed => {
                no(S::EXPECTATION_FAILED, "expectation_failed", "Expectation failed", L::DEBUG)
            }
            Self::UriTooLong(_) => no(S::URI_TOO_LONG, "uri_too_long", "URI too long", L::DEBUG),
            Self::NotFound => no(S::NOT_FOUND, "not_found", "Not found", L::DEBUG),
            Self::MethodNotAllowed(_) => {
                no(S::METHOD_NOT_ALLOWED, "method_not_allowed", "Method not allowed", L::DEBUG)
            }
            Self::InvalidKey => no(S::UNAUTHORIZED, "invalid_key", "Unknown write key", L::INFO),
            Self::WrongKeyType => no(S::FORBIDDEN, "wrong_key_type", "Wrong kind of key", L::INFO),
            Self::KeyMismatch => no(BAD, "key_mismatch", "Two write keys", L::INFO),
            Self::OriginNotAllowed => {
                no(S::FORBIDDEN, "origin_not_allowed", "Origin not allowed", L::INFO)
            }
            Self::BodyTimeout => {
                later(S::REQUEST_TIMEOUT, "body_timeout", "Body too slow", L::INFO)
            }
            Self::BadBody => no(BAD, "bad_body", "Unreadable body", L::INFO),
            Self::EmptyBody => no(BAD, "empty_body", "Empty body", L::INFO),
            Self::BodyTooLarge(_) => too_large("body_too_large", "Body too large"),
            Self::DecompressedTooLarge(_) => {
                too_large("decompressed_too_large", "Decompressed body too large")
            }
            Self::TooManyEvents(_) => too_large("too_many_events", "Too many events"),
            Self::BatchTooLarge => too_large("batch_too_large", "Batch too large"),
            Self::UnsupportedMediaType => unsupported("unsupported_media_type", "Not JSON"),
            Self::UnsupportedEncoding => unsupported("unsupported_encoding", "Unknown coding"),
            Self::BadEncoding(_) => no(BAD, "bad_encoding", "Damaged body", L::INFO),
            Self::Malformed { code, .. } => no(BAD, code, "Malformed body", L::INFO),
            Self::EmptyBatch => no(BAD, "empty_batch", "Empty batch", L::INFO),
            Self::NoValidEvent => {
                no(S::UNPROCESSABLE_ENTITY, "no_valid_event", "No valid event", L::INFO)
            }
            Self::Overloaded => unavailable("overloaded", "Overloaded", RETRY_AFTER_OVERLOAD_S),
            Self::MemoryFull => unavailable("overloaded", "Overloaded", RETRY_AFTER_STORAGE_S),
            Self::RateLimited(after_s) => Face {
                retry_after_s: Some(*after_s),
                ..later(S::TOO_MANY_REQUESTS, "rate_limited", "Quota used up", L::WARN)
            },
            Self::StorageUnavailable | Self::DiskStuck => Face {
                level: L::ERROR,
                ..unavailable("storage_unavailable", "Storage unavailable", RETRY_AFTER_STORAGE_S)
            },
            // Each request would say it again; who watches the space has said it once.
            Self::DiskFull => {
                unavailable("storage_unavailable", "Storage unavailable", RETRY_AFTER_STORAGE_S)
            }
            Self::Draining => unavailable("draining", "Shutting down", RETRY_AFTER_DRAINING_S),
        }
    }

    /// Whether the connection must not carry another request: what is left of this one on it
    /// cannot be told from the next.
    #[must_use]
    pub fn ends_connection(&self) -> bool {
        matches!(
            self,
            Self::Draining | Self::BodyTimeout | Self::BadBody | Self::BadFraming | Self::BadHost
        )
    }
}

impl Face {
    fn never(status: StatusCode, code: &'static str, title: &'static str, level: Level) -> Self {
        Self { status, code, title, level, retry_after_s: None, retryable: false }
    }

    fn later(status: StatusCode, code: &'static str, title: &'static str, level: Level) -> Self {
        Self { retryable: true, ..Self::never(status, code, title, level) }
    }
}

fn too_large(code: &'static str, title: &'static str) -> Face {
    Face::never(StatusCode::PAYLOAD_TOO_LARGE, code, title, Level::INFO)
}

fn unsupported(code: &'static str, title: &'static str) -> Face {
    Face::never(StatusCode::UNSUPPORTED_MEDIA_TYPE, code, title, Level::INFO)
}

fn unavailable(code: &'static str, title: &'static str, after_s: u32) -> Face {
    let face = Face::later(StatusCode::SERVICE_UNAVAILABLE, code, title, Level::WARN);
    Face { retry_after_s: Some(after_s), ..face }
}
