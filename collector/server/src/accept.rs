//! Accepts HTTP/1.1 and HTTP/2 connections under limits, and lets them finish when the process
//! stops. What a request means it does not know.
use crate::config::ServerConfig;
use crate::connection;
use crate::guests::Guests;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

/// Connections that the system completes before they are accepted.
const BACKLOG: i32 = 1024;
/// How long to wait after the system could not give a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

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
    bounds: Bounds,
    answer: F,
    stop: impl Future<Output = Duration>,
) where
    F: Fn(Request<Incoming>, SocketAddr) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let slots = Arc::new(Semaphore::new(bounds.connections_max));
    let builder = Arc::new(connection::builder());
    let (stopping, stopped) = watch::channel(false);
    let mut failures = 0_u64;
    let mut stop = std::pin::pin!(stop);
    let grace = loop {
        let slot = tokio::select! {
            slot = Arc::clone(&slots).acquire_owned() => slot.expect("the semaphore is never closed"),
            grace = &mut stop => break grace,
        };
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of descriptors or the like: others may end meanwhile, so wait a little.
                    failures += 1;
                    if failures.is_power_of_two() {
                        tracing::warn!(%error, failures, "cannot accept a connection");
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
            grace = &mut stop => break grace,
        };
        let Some(place) = bounds.guests.enter(peer.ip()) else {
            // Closed unanswered: who holds so many connections would not be told anything new.
            continue;
        };
        let (builder, answer, stop) = (Arc::clone(&builder), answer.clone(), stopped.clone());
        tokio::spawn(async move {
            if first_byte(&stream, stop.clone()).await {
                connection::run(stream, &builder, move |request| answer(request, peer), stop).await;
            }
            drop((slot, place));
        });
    };
    drop(listener);
    let all = u32::try_from(bounds.connections_max).unwrap_or(u32::MAX);
    // All slots are free once nobody is connected.
    drop(tokio::time::timeout(grace, slots.acquire_many(all)).await);
    stopping.send_replace(true);
    if tokio::time::timeout(bounds.drain, slots.acquire_many(all)).await.is_err() {
        tracing::warn!("some connections did not finish in time and were closed");
    }
}

/// How many connections there may be, and how long they may take to end.
pub(crate) struct Bounds {
    /// Connections at once.
    connections_max: usize,
    /// Connections of one address at once.
    guests: Guests,
    /// How long open connections may take once they are asked to end.
    drain: Duration,
}

impl Bounds {
    /// Those of the configuration, and no more connections than this.
    pub(crate) fn new(config: &ServerConfig, connections_max: usize) -> Self {
        let exempt = config.trusted_proxies.clone();
        let guests = Guests::new(config.connections_per_ip_max, exempt);
        Self { connections_max, guests, drain: config.drain.duration() }
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

/// Waits for something to read, so that silent connections are held neither for ever nor in a stop.
async fn first_byte(stream: &TcpStream, mut stop: watch::Receiver<bool>) -> bool {
    // Answers are small and complete: waiting to fill a packet would only delay them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    tokio::select! {
        // What lies there already is answered, if only with the advice to come again.
        biased;
        readable = stream.readable() => readable.is_ok(),
        () = tokio::time::sleep(connection::SILENCE_MAX) => false,
        _ = stop.wait_for(|&stop| stop) => false,
    }
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
