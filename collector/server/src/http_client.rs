//! A small HTTP/1.1 client for the commands that speak to a running collector.
use anyhow::Context as _;
use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use tokio::net::TcpStream;

/// The largest answer that is read.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// One connection, kept open.
pub(crate) struct HttpClient {
    address: SocketAddr,
    sender: SendRequest<Full<Bytes>>,
}

impl HttpClient {
    pub(crate) async fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address)
            .await
            .with_context(|| format!("nobody answers at {address}"))?;
        stream.set_nodelay(true)?;
        let (sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended");
            }
        });
        Ok(Self { address, sender })
    }

    /// Reads a resource with a bearer token; the status and the body.
    pub(crate) async fn get(
        &mut self,
        path: &str,
        token: &str,
    ) -> anyhow::Result<(StatusCode, Bytes)> {
        let request = Request::get(path)
            .header(header::HOST, self.address.to_string())
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .body(Full::default())?;
        self.send(request).await
    }

    /// Posts JSON with a bearer token; the status and the body.
    pub(crate) async fn post_json(
        &mut self,
        path: &str,
        token: &str,
        json: Vec<u8>,
    ) -> anyhow::Result<(StatusCode, Bytes)> {
        let request = Request::post(path)
            .header(header::HOST, self.address.to_string())
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::from(json))?;
        self.send(request).await
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> anyhow::Result<(StatusCode, Bytes)> {
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| anyhow::anyhow!("cannot read the answer: {error}"))?;
        Ok((status, body.to_bytes()))
    }
}
