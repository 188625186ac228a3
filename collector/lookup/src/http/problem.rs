//! Errors as RFC 9457 problem documents.
use http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// Why a request was not answered; everything that the reader gets to know about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) detail: Cow<'static, str>,
    /// A header that belongs to the status: `Allow`, `WWW-Authenticate`, `Retry-After`.
    pub(crate) header: Option<(http::HeaderName, &'static str)>,
    /// A member of the document beside the usual ones.
    pub(crate) more: Option<Box<(&'static str, Value)>>,
}

#[derive(Serialize)]
struct Document<'a> {
    r#type: &'static str,
    title: &'a str,
    status: u16,
    code: &'a str,
    detail: &'a str,
    #[serde(flatten)]
    more: Map<String, Value>,
}

impl Problem {
    pub(crate) fn new(
        status: StatusCode,
        code: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { status, code, detail: detail.into(), header: None, more: None }
    }

    pub(crate) fn with(mut self, name: http::HeaderName, value: &'static str) -> Self {
        self.header = Some((name, value));
        self
    }

    pub(crate) fn malformed(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", detail)
    }

    pub(crate) fn token_missing() -> Self {
        Self::unauthorized("token_missing", "send a read or admin token: Authorization: Bearer …")
    }

    pub(crate) fn token_unknown() -> Self {
        Self::unauthorized("token_unknown", "no project has this token")
    }

    fn unauthorized(code: &'static str, detail: &'static str) -> Self {
        let challenge = "Bearer realm=\"sillage\"";
        Self::new(StatusCode::UNAUTHORIZED, code, detail)
            .with(http::header::WWW_AUTHENTICATE, challenge)
    }

    pub(crate) fn write_key() -> Self {
        let detail = "this is a write key, and write keys only ingest; reading takes a read token";
        Self::new(StatusCode::FORBIDDEN, "scope", detail)
    }

    pub(crate) fn read_token() -> Self {
        let detail = "this token only reads; this takes an admin token";
        Self::new(StatusCode::FORBIDDEN, "scope", detail)
    }

    pub(crate) fn person_unknown() -> Self {
        let detail = "no event of a person with this id has been seen";
        Self::new(StatusCode::NOT_FOUND, "person_unknown", detail)
    }

    pub(crate) fn person_unknown_then() -> Self {
        let detail = "no event of a person with this id had been received by then, or the log no \
                      longer holds any";
        Self::new(StatusCode::NOT_FOUND, "person_unknown", detail)
    }

    pub(crate) fn install_unknown() -> Self {
        let detail = "no installation with this id has reported, or it was silent for 90 days";
        Self::new(StatusCode::NOT_FOUND, "install_unknown", detail)
    }

    pub(crate) fn segment_unknown(key: &str) -> Self {
        let detail = format!("the project defines no segment with the key {key:?}");
        Self::new(StatusCode::NOT_FOUND, "segment_unknown", detail)
    }

    pub(crate) fn path_unknown() -> Self {
        Self::new(StatusCode::NOT_FOUND, "path_unknown", "there is nothing at this path")
    }

    pub(crate) fn method_refused() -> Self {
        let detail = "this path is for reading";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_refused", detail)
            .with(http::header::ALLOW, "GET, HEAD")
    }

    pub(crate) fn post_wanted() -> Self {
        let detail = "this path begins something: POST";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_refused", detail)
            .with(http::header::ALLOW, "POST")
    }

    pub(crate) fn redis_absent() -> Self {
        let detail = "this collector writes to no Redis: set redis.url, or read from its own face";
        Self::new(StatusCode::NOT_FOUND, "redis_absent", detail)
    }

    pub(crate) fn redis_busy(task: &str) -> Self {
        let detail = format!("a {task} of this Redis is under way; GET /v1/redis tells how far");
        Self::new(StatusCode::CONFLICT, "redis_busy", detail).with(http::header::RETRY_AFTER, "2")
    }

    pub(crate) fn busy() -> Self {
        let detail = "the project's history is being looked at for somebody else; one at a time";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail)
            .with(http::header::RETRY_AFTER, "2")
    }

    pub(crate) fn unavailable(detail: &'static str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
            .with(http::header::RETRY_AFTER, "1")
    }

    pub(crate) fn body(&self) -> Vec<u8> {
        let document = Document {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or_default(),
            status: self.status.as_u16(),
            code: self.code,
            detail: &self.detail,
            more: self.more.iter().map(|more| (more.0.to_owned(), more.1.clone())).collect(),
        };
        serde_json::to_vec(&document).expect("strings and a number are always JSON")
    }
}
