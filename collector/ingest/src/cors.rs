//! Which web pages may send and read the answer. Only for the paths of this room.
//!
//! An answer without these headers is worse than none: the events are stored, the page sees an
//! error, and its SDK sends them again. So errors carry them too.
use crate::limits::PREFLIGHT_MAX_AGE_S;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue};

/// The origins of one project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origins {
    /// Pages from anywhere.
    Any,
    /// Only pages of these origins, in lower case and without a slash at the end.
    Listed(Vec<Box<[u8]>>),
}

impl Origins {
    /// Reads a project's list; an empty one allows any origin.
    #[must_use]
    pub fn new(origins: &[String]) -> Self {
        if origins.is_empty() {
            return Self::Any;
        }
        let plain = |origin: &String| origin.trim_end_matches('/').to_ascii_lowercase();
        Self::Listed(origins.iter().map(|o| plain(o).into_bytes().into_boxed_slice()).collect())
    }

    /// Whether pages of this origin may send and read.
    #[must_use]
    pub fn allow(&self, origin: &HeaderValue) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(list) => {
                list.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin.as_bytes()))
            }
        }
    }
}

/// What an answer says about the origin of its request.
#[derive(Debug, Clone, Default)]
pub struct Grant(Option<HeaderValue>);

impl Grant {
    /// The grant for a request, given whether its origin is allowed.
    #[must_use]
    pub fn new(request: &HeaderMap, allow: impl FnOnce(&HeaderValue) -> bool) -> Self {
        Self(request.get(ORIGIN).filter(|origin| allow(origin)).cloned())
    }

    /// Adds the headers that every answer needs.
    pub fn apply(&self, headers: &mut HeaderMap) {
        headers.insert(VARY, HeaderValue::from_static("Origin"));
        let Some(origin) = &self.0 else { return };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Retry-After"));
        // `null` is the origin of sandboxed frames and files: anyone's, so it gets no credentials.
        if origin != "null" {
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
    }

    /// Adds the headers of the answer to a preflight.
    pub fn apply_preflight(
        &self,
        request: &HeaderMap,
        methods: &'static str,
        headers: &mut HeaderMap,
    ) {
        self.apply(headers);
        headers.append(VARY, HeaderValue::from_static("Access-Control-Request-Headers"));
        if self.0.is_none() {
            return;
        }
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(methods));
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from(PREFLIGHT_MAX_AGE_S));
        if let Some(wanted) = request.get(ACCESS_CONTROL_REQUEST_HEADERS) {
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
        }
    }
}
