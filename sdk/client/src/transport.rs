//! Carries a body to the collector and its answer back. Follows no redirect, reads no more of an answer
//! than the core looks at, and says of every failure whether the request may have arrived.
use crate::courier::Arrived;
use crate::endpoint::{Endpoint, Parcel};
use crate::limits::{CONNECT_TIMEOUT, IDLE_CONNECTIONS_MAX, REQUEST_TIMEOUT};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderValue, RETRY_AFTER};
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use sdk_core::limits::REPLY_BYTES_MAX;
use std::sync::{Mutex, PoisonError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Connections to one collector.
#[derive(Debug)]
#[cfg_attr(not(feature = "tls"), derive(Default))]
pub(crate) struct Transport {
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
    #[cfg(feature = "tls")]
    tls: crate::tls::Tls,
}

/// A connection in which bytes flow both ways.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Transport {
    #[cfg(feature = "tls")]
    pub(crate) fn new(tls: crate::tls::Tls) -> Self {
        Self { idle: Mutex::default(), tls }
    }

    /// Posts a parcel.
    pub(crate) async fn post(&self, endpoint: &Endpoint, parcel: Parcel) -> Arrived {
        match timeout(REQUEST_TIMEOUT, self.exchange(endpoint, &parcel)).await {
            Ok(arrived) => arrived,
            Err(_) => Arrived::Lost,
        }
    }

    async fn exchange(&self, endpoint: &Endpoint, parcel: &Parcel) -> Arrived {
        // A kept connection may have been closed meanwhile; that is found out before anything is sent.
        if let Some(mut sender) = self.take_idle()
            && sender.ready().await.is_ok()
        {
            match sender.try_send_request(request(endpoint, parcel)).await {
                Ok(answer) => return self.read(answer, sender).await,
                Err(error) if error.message().is_none() => return Arrived::Lost,
                // Given back unsent.
                Err(_) => {}
            }
        }
        let Ok(Some(mut sender)) = timeout(CONNECT_TIMEOUT, self.connect(endpoint)).await else {
            return Arrived::Unsent;
        };
        match sender.send_request(request(endpoint, parcel)).await {
            Ok(answer) => self.read(answer, sender).await,
            Err(_) => Arrived::Lost,
        }
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

    async fn connect(&self, endpoint: &Endpoint) -> Option<SendRequest<Full<Bytes>>> {
        let host = endpoint.authority.host().trim_matches(['[', ']']);
        let port = endpoint.authority.port_u16().unwrap_or(if endpoint.secure { 443 } else { 80 });
        let stream = TcpStream::connect((host, port)).await.ok()?;
        stream.set_nodelay(true).ok();
        let stream: Box<dyn Stream> = if endpoint.secure {
            #[cfg(feature = "tls")]
            let secured = Box::new(self.tls.secure(host, stream).await?);
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

fn request(endpoint: &Endpoint, parcel: &Parcel) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(parcel.body.clone()));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = endpoint.path.parse().unwrap_or_default();
    *request.headers_mut() = parcel.headers.clone();
    if let Ok(host) = HeaderValue::from_str(endpoint.authority.as_str()) {
        request.headers_mut().insert(HOST, host);
    }
    request
}
