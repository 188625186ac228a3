//! Carries a body to the collector and its answer back. Follows no redirect, reads no more of an answer
//! than the core looks at, and says of every failure whether the request may have arrived.
use crate::limits::{COMPRESSED_BYTES_MIN, CONNECT_TIMEOUT, IDLE_CONNECTIONS_MAX, REQUEST_TIMEOUT};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{
    CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
    USER_AGENT,
};
use http::{Method, Request, Response, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use sdk_core::Outcome;
use sdk_core::limits::REPLY_BYTES_MAX;
use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// What came back, owned.
#[derive(Debug)]
pub(crate) enum Arrived {
    Answer { status: u16, content_type: String, retry_after: String, body: Bytes },
    Lost,
    Unsent,
}

impl Arrived {
    /// The same for the core.
    pub(crate) fn outcome(&self) -> Outcome<'_> {
        match self {
            Self::Lost => Outcome::Lost,
            Self::Unsent => Outcome::Unsent,
            Self::Answer { status, content_type, retry_after, body } => {
                Outcome::Answer { status: *status, content_type, retry_after, body }
            }
        }
    }
}

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

/// The way to one collector.
#[derive(Debug)]
pub(crate) struct Transport {
    host: String,
    port: u16,
    secure: bool,
    path: String,
    headers: HeaderMap,
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
    #[cfg(feature = "tls")]
    tls: crate::tls::Tls,
}

/// A connection in which bytes flow both ways.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Transport {
    pub(crate) fn new(
        endpoint: &str,
        write_key: &str,
        #[cfg(feature = "tls")] tls: crate::tls::Tls,
    ) -> Result<Self, EndpointError> {
        let invalid = || EndpointError::Invalid(endpoint.to_owned());
        let uri: Uri = endpoint.parse().map_err(|_| invalid())?;
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(invalid()),
        };
        if secure && cfg!(not(feature = "tls")) {
            return Err(EndpointError::WithoutTls(endpoint.to_owned()));
        }
        let authority = uri.authority().ok_or_else(invalid)?;
        let port = authority.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let mut headers = HeaderMap::new();
        let key = HeaderValue::from_str(write_key).map_err(|_| EndpointError::WriteKey)?;
        headers.insert(HeaderName::from_static("x-write-key"), key);
        let named = HeaderValue::from_str(authority.as_str()).map_err(|_| invalid())?;
        headers.insert(HOST, named);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        Ok(Self {
            host,
            port,
            secure,
            path: format!("{}/v1/batch", uri.path().trim_end_matches('/')),
            headers,
            idle: Mutex::new(Vec::new()),
            #[cfg(feature = "tls")]
            tls,
        })
    }

    /// Posts a body, which is compressed if that pays.
    pub(crate) async fn post(self: Arc<Self>, body: Vec<u8>) -> Arrived {
        let mut headers = self.headers.clone();
        let body = if body.len() >= COMPRESSED_BYTES_MIN {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            compress(&body)
        } else {
            Bytes::from(body)
        };
        match timeout(REQUEST_TIMEOUT, self.exchange(&headers, &body)).await {
            Ok(arrived) => arrived,
            Err(_) => Arrived::Lost,
        }
    }

    async fn exchange(&self, headers: &HeaderMap, body: &Bytes) -> Arrived {
        // A kept connection may have been closed meanwhile; that is found out before anything is sent.
        if let Some(mut sender) = self.take_idle()
            && sender.ready().await.is_ok()
        {
            match sender.try_send_request(self.request(headers, body)).await {
                Ok(answer) => return self.read(answer, sender).await,
                Err(error) if error.message().is_none() => return Arrived::Lost,
                // Given back unsent.
                Err(_) => {}
            }
        }
        let Ok(Some(mut sender)) = timeout(CONNECT_TIMEOUT, self.connect()).await else {
            return Arrived::Unsent;
        };
        match sender.send_request(self.request(headers, body)).await {
            Ok(answer) => self.read(answer, sender).await,
            Err(_) => Arrived::Lost,
        }
    }

    fn request(&self, headers: &HeaderMap, body: &Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.path.parse().unwrap_or_default();
        *request.headers_mut() = headers.clone();
        request
    }

    async fn read(&self, answer: Response<Incoming>, sender: SendRequest<Full<Bytes>>) -> Arrived {
        let text = |name| {
            let value = answer.headers().get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let (content_type, retry_after) = (text(CONTENT_TYPE), text(RETRY_AFTER));
        let status = answer.status().as_u16();
        let body = match Limited::new(answer.into_body(), REPLY_BYTES_MAX).collect().await {
            Ok(body) => {
                self.keep(sender);
                body.to_bytes()
            }
            // Too long, or cut off: not ours in either case, but its status still counts. As long as
            // the bound, so that the core knows that there was more.
            Err(error) if error.is::<http_body_util::LengthLimitError>() => {
                Bytes::from(vec![b' '; REPLY_BYTES_MAX])
            }
            Err(_) => Bytes::new(),
        };
        Arrived::Answer { status, content_type, retry_after, body }
    }

    async fn connect(&self) -> Option<SendRequest<Full<Bytes>>> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await.ok()?;
        stream.set_nodelay(true).ok();
        let stream: Box<dyn Stream> = if self.secure {
            #[cfg(feature = "tls")]
            let secured = Box::new(self.tls.secure(&self.host, stream).await?);
            #[cfg(not(feature = "tls"))]
            let secured = Box::new(stream);
            secured
        } else {
            Box::new(stream)
        };
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
        tokio::spawn(async move {
            // How a connection ends is seen by whoever waits for an answer in it.
            connection.await.ok();
        });
        Some(sender)
    }

    fn take_idle(&self) -> Option<SendRequest<Full<Bytes>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn keep(&self, sender: SendRequest<Full<Bytes>>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|kept| !kept.is_closed());
        if idle.len() < IDLE_CONNECTIONS_MAX && !sender.is_closed() {
            idle.push(sender);
        }
    }
}

const AGENT: &str = concat!("sillage-rust/", env!("CARGO_PKG_VERSION"));

fn compress(body: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::default());
    let written = encoder.write_all(body);
    let done = written.and_then(|()| encoder.finish());
    Bytes::from(done.expect("a vector takes all bytes"))
}
