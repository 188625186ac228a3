//! Where batches go, and what each request says of itself.
use crate::limits::COMPRESSED_BYTES_MIN;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{
    CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
};
use http::uri::{Authority, Uri};
use std::io::Write as _;

/// Why an endpoint cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// It is no address, or not one of HTTP.
    #[error("`{0}` is no endpoint: write something like https://collect.example.com")]
    Invalid(String),
    /// It is `https://`, and this build has no TLS.
    #[error("`{0}` needs the feature `tls`, which this build was made without")]
    WithoutTls(String),
    /// The write key has characters that no header can carry.
    #[error("the write key has characters other than visible ASCII")]
    WriteKey,
}

/// The address of one collector's intake, and the headers of every request to it.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    pub(crate) secure: bool,
    pub(crate) authority: Authority,
    /// With the path in front of it, if a proxy has one.
    pub(crate) path: String,
    headers: HeaderMap,
}

/// A request without its address.
#[derive(Debug, Clone)]
pub(crate) struct Parcel {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Endpoint {
    /// `agent` names the library and its version, as `User-Agent` does.
    pub(crate) fn new(endpoint: &str, write_key: &str, agent: &str) -> Result<Self, EndpointError> {
        let invalid = || EndpointError::Invalid(endpoint.to_owned());
        let uri: Uri = endpoint.parse().map_err(|_| invalid())?;
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(invalid()),
        };
        let authority = uri.authority().ok_or_else(invalid)?.clone();
        let mut headers = HeaderMap::new();
        let key = HeaderValue::from_str(write_key).map_err(|_| EndpointError::WriteKey)?;
        headers.insert(HeaderName::from_static("x-write-key"), key);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Ok(agent) = HeaderValue::from_str(agent) {
            headers.insert(USER_AGENT, agent);
        }
        let path = format!("{}/v1/batch", uri.path().trim_end_matches('/'));
        Ok(Self { secure, authority, path, headers })
    }

    pub(crate) fn url(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}{}", self.authority, self.path)
    }

    /// A body with its headers, compressed if that pays.
    pub(crate) fn pack(&self, body: Vec<u8>) -> Parcel {
        let mut headers = self.headers.clone();
        if body.len() < COMPRESSED_BYTES_MIN {
            return Parcel { headers, body: Bytes::from(body) };
        }
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        Parcel { headers, body: compress(&body) }
    }
}

fn compress(body: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::default());
    let written = encoder.write_all(body);
    let done = written.and_then(|()| encoder.finish());
    Bytes::from(done.expect("a vector takes all bytes"))
}
