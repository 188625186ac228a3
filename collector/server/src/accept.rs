//! Accepts HTTP/1.1 and HTTP/2 connections under limits, and lets them finish when the process
//! stops. What a request means it does not know.
use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// Time for a request's head, from its first byte. Source: research on slow clients; the field's
/// servers that left it out could be held open by anyone.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for the first byte on a new connection, above a load balancer's usual 60 s.
const FIRST_BYTE_TIMEOUT: Duration = Duration::from_secs(75);
/// Largest request head, and the buffer that reads it.
const HEADER_BYTES_MAX: usize = 16 << 10;
const HEADERS_MAX: usize = 64;
const STREAMS_MAX: u32 = 100;
/// Connections that the system completes before they are accepted.
const BACKLOG: i32 = 1024;

/// Binds a listening socket that a restarted process can bind again at once.
pub(crate) fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = socket2::Socket::new(
        socket2::Domain::for_address(address),
        socket2::Type::STREAM,
        Some(socket2::Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Serves connections until `stop` resolves. What is open then goes on for the time that it resolves to, is
/// told to end after it, and has `drain` for that.
pub(crate) async fn serve<F, R>(
    listener: TcpListener,
    connections_max: usize,
    answer: F,
    stop: impl Future<Output = Duration>,
    drain: Duration,
) where
    F: Fn(Request<Incoming>, SocketAddr) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let slots = Arc::new(Semaphore::new(connections_max));
    let builder = Arc::new(builder());
    let graceful = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    let grace = loop {
        let slot = Arc::clone(&slots).acquire_owned().await.expect("the semaphore is never closed");
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of descriptors or the like: others may end meanwhile, so wait a little.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            grace = &mut stop => break grace,
        };
        let (builder, answer) = (Arc::clone(&builder), answer.clone());
        let watcher = graceful.watcher();
        tokio::spawn(async move {
            if first_byte(&stream).await {
                let service = service_fn(move |request| {
                    let answer = answer(request, peer);
                    async move { Ok::<_, Infallible>(answer.await) }
                });
                let io = TokioIo::new(stream);
                let connection = builder.serve_connection(io, service).into_owned();
                if let Err(error) = watcher.watch(connection).await {
                    tracing::debug!(%error, "connection ended");
                }
            }
            drop(slot);
        });
    };
    drop(listener);
    let everyone = u32::try_from(connections_max).unwrap_or(u32::MAX);
    // All slots are free once nobody is connected.
    drop(tokio::time::timeout(grace, slots.acquire_many(everyone)).await);
    if tokio::time::timeout(drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("some connections did not finish in time and were closed");
    }
}

/// What `HEAD` gets of the answer to `GET`. Over HTTP/1.1 hyper leaves the body away by itself, over HTTP/2
/// it sends it, which clients take for an error of the protocol.
pub(crate) fn head_of(answer: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    let (mut head, body) = answer.into_parts();
    let length = body.size_hint().exact().filter(|&length| length > 0);
    if let Some(length) = length {
        head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    Response::from_parts(head, Full::default())
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEADER_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .keep_alive(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(16 << 10)
        .max_pending_accept_reset_streams(20)
        .keep_alive_interval(Some(Duration::from_secs(30)))
        .keep_alive_timeout(Duration::from_secs(10));
    builder
}

/// Waits for something to read, so that silent connections cannot be held for ever.
async fn first_byte(stream: &TcpStream) -> bool {
    // Answers are small and complete: waiting to fill a packet would only delay them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    matches!(tokio::time::timeout(FIRST_BYTE_TIMEOUT, stream.readable()).await, Ok(Ok(())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_tells_the_length_of_what_it_does_not_send() {
        let head = head_of(Response::new(Full::from("twelve bytes")));
        assert_eq!(head.headers()[header::CONTENT_LENGTH], "12");
        assert!(head.body().is_end_stream());
        let known = head_of(Response::new(Full::default()));
        assert!(
            known.headers().is_empty(),
            "a 304 has no body, and says nothing of the file's length"
        );
    }
}
