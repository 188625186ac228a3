//! One file as HTTP hands it out: coded as asked, not again if it is known, in parts if wanted.
use crate::coding::{self, Coding};
use crate::range::{self, Part};
use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};

/// A file and its compressed forms.
#[derive(Debug, Clone)]
pub struct File {
    media_type: HeaderValue,
    /// Changes with the content; the name of the coding makes it an `ETag`.
    stamp: String,
    plain: Bytes,
    gzip: Option<Bytes>,
    brotli: Option<Bytes>,
}

impl File {
    /// A file that is only sent as it is, under this `Content-Type`. `stamp` must change whenever `plain` does.
    ///
    /// # Panics
    /// If the type or the stamp cannot stand in a header.
    #[must_use]
    pub fn new(media_type: &str, stamp: &str, plain: Bytes) -> Self {
        let media_type = HeaderValue::from_str(media_type).expect("a media type is plain text");
        assert!(HeaderValue::from_str(stamp).is_ok() && !stamp.contains('"'), "{stamp:?}");
        Self { media_type, stamp: stamp.to_owned(), plain, gzip: None, brotli: None }
    }

    /// The same, also compressed.
    #[must_use]
    pub fn with_codings(self, gzip: Option<Bytes>, brotli: Option<Bytes>) -> Self {
        Self { gzip, brotli, ..self }
    }

    /// Answers `GET`, and `HEAD` with the same, of which the server sends the head; anything else gets
    /// a 405. `cache` is what `Cache-Control` says.
    ///
    /// # Guarantees
    /// Each coding has an `ETag` of its own, and `Vary` says that there are several.
    #[must_use]
    pub fn answer(
        &self,
        method: &Method,
        headers: &HeaderMap,
        cache: &'static str,
    ) -> Response<Bytes> {
        if method != Method::GET && method != Method::HEAD {
            return refuse_method();
        }
        let coding = coding::choose(headers, self.brotli.is_some(), self.gzip.is_some());
        let bytes = match coding {
            Coding::Brotli => self.brotli.as_ref(),
            Coding::Gzip => self.gzip.as_ref(),
            Coding::Plain => None,
        };
        let bytes = bytes.unwrap_or(&self.plain);
        let etag = self.etag(coding);
        let mut answer = if known(headers, &etag) {
            status(StatusCode::NOT_MODIFIED, Bytes::new())
        } else {
            let mut answer = self.content(method, headers, &etag, bytes);
            if let Some(name) = coding.name() {
                answer.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(name));
            }
            answer
        };
        let told = answer.headers_mut();
        told.insert(ETAG, HeaderValue::try_from(etag).expect("the stamp was looked at"));
        told.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
        told.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        told.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        answer
    }

    fn content(
        &self,
        method: &Method,
        headers: &HeaderMap,
        etag: &str,
        bytes: &Bytes,
    ) -> Response<Bytes> {
        // A range of `HEAD` has no meaning (RFC 9110, 14.2).
        let part = match *method {
            Method::GET => range::part(headers, etag, bytes.len()),
            _ => Part::Whole,
        };
        let (mut answer, place) = match part {
            Part::Whole => (status(StatusCode::OK, bytes.clone()), None),
            Part::Of(part) => {
                let place = format!("bytes {}-{}/{}", part.start, part.end - 1, bytes.len());
                (status(StatusCode::PARTIAL_CONTENT, bytes.slice(part)), Some(place))
            }
            Part::Beyond => {
                let place = format!("bytes */{}", bytes.len());
                (status(StatusCode::RANGE_NOT_SATISFIABLE, Bytes::new()), Some(place))
            }
        };
        let told = answer.headers_mut();
        told.insert(CONTENT_TYPE, self.media_type.clone());
        told.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        if let Some(place) = place {
            told.insert(CONTENT_RANGE, HeaderValue::try_from(place).expect("digits"));
        }
        answer
    }

    fn etag(&self, coding: Coding) -> String {
        match coding.name() {
            Some(name) => format!("\"{}-{name}\"", self.stamp),
            None => format!("\"{}\"", self.stamp),
        }
    }
}

/// Whether the request names what it would get. By the weak comparison, for a proxy that recompresses
/// on the way weakens what it passes on.
fn known(headers: &HeaderMap, etag: &str) -> bool {
    let lists = headers.get_all(IF_NONE_MATCH).into_iter().filter_map(|value| value.to_str().ok());
    let mut members = lists.flat_map(|list| list.split(',')).map(str::trim);
    members.any(|member| member == "*" || member.strip_prefix("W/").unwrap_or(member) == etag)
}

fn status(status: StatusCode, body: Bytes) -> Response<Bytes> {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    answer
}

fn refuse_method() -> Response<Bytes> {
    let mut answer =
        problem(StatusCode::METHOD_NOT_ALLOWED, "method_refused", "this path is for reading");
    answer.headers_mut().insert(http::header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    answer
}

/// A problem of RFC 9457, never kept by anybody. `code` and `detail` are written as they are: they
/// must not hold quotes, backslashes or control characters.
#[must_use]
pub fn problem(status_code: StatusCode, code: &str, detail: &str) -> Response<Bytes> {
    debug_assert!(!detail.contains(['"', '\\']) && !detail.contains(char::is_control), "{detail}");
    let (title, number) =
        (status_code.canonical_reason().unwrap_or_default(), status_code.as_u16());
    let body = format!(
        "{{\"type\":\"about:blank\",\"title\":\"{title}\",\"status\":{number},\
         \"code\":\"{code}\",\"detail\":\"{detail}\"}}"
    );
    let mut answer = status(status_code, Bytes::from(body));
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}
