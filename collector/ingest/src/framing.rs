//! What HTTP leaves to the one who answers: refusals of requests whose shape invites two readings.
//!
//! The HTTP library refuses broken framing itself; these requests it lets through.
use crate::Refusal;
use http::header::{CONTENT_TYPE, EXPECT, HOST, TRANSFER_ENCODING};
use http::request::Parts;
use http::{Method, Version};

/// Checks the head of a request. Belongs before any routing, on every path.
///
/// # Errors
/// A [`Refusal`] to be answered without reading the body.
pub fn check_framing(parts: &Parts, uri_bytes_max: usize) -> Result<(), Refusal> {
    if parts.method == Method::CONNECT || parts.method == Method::TRACE {
        return Err(Refusal::MethodNotAllowed("GET, HEAD, POST, PUT, DELETE, OPTIONS"));
    }
    if parts.uri.path_and_query().map_or(0, |p| p.as_str().len()) > uri_bytes_max {
        return Err(Refusal::UriTooLong(uri_bytes_max));
    }
    if parts.version <= Version::HTTP_11 {
        check_http1(parts)?;
    }
    if parts.headers.get_all(CONTENT_TYPE).iter().nth(1).is_some() {
        return Err(Refusal::BadHeader("Content-Type"));
    }
    match parts.headers.get(EXPECT) {
        Some(expect) if !expect.as_bytes().eq_ignore_ascii_case(b"100-continue") => {
            Err(Refusal::ExpectationFailed)
        }
        _ => Ok(()),
    }
}

fn check_http1(parts: &Parts) -> Result<(), Refusal> {
    let hosts = parts.headers.get_all(HOST).iter().count();
    if hosts > 1 || (hosts == 0 && parts.version == Version::HTTP_11) {
        return Err(Refusal::BadHost);
    }
    if parts.uri.scheme().is_some() || parts.uri.authority().is_some() {
        return Err(Refusal::BadTarget);
    }
    let mut codings = parts.headers.get_all(TRANSFER_ENCODING).iter();
    let Some(coding) = codings.next() else { return Ok(()) };
    if codings.next().is_some() {
        return Err(Refusal::BadFraming);
    }
    if !coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked") {
        return Err(Refusal::UnsupportedTransferCoding);
    }
    Ok(())
}
