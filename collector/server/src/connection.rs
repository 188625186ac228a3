//! One HTTP connection: how long it may take to say something, to say nothing, and to take no answer.
//! Which connections there are, and what a request means, it does not know.
use bytes::Bytes;
use http::{Request, Response, Version};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tokio::time::{Instant, Sleep};

/// Time for a request's head, from its first byte. Source: research on slow clients; the field's
/// servers that left it out could be held open by anyone.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may be open without a request, new or used, above a load balancer's usual
/// 60 s: the one who closes first must not be the one to whom a request may be on its way.
pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(75);
/// How long an answer may wait for a peer that takes none of it. The field's proxies: 60 s.
const WRITE_MAX: Duration = Duration::from_secs(30);
/// How long a connection that was silent may take to end well. Over HTTP/2 an answer that the peer
/// gives no window for would hold it for ever.
const GOODBYE_MAX: Duration = Duration::from_secs(10);
/// What is written between two looks is progress from here on, in bytes; pings of ours are not.
const PROGRESS_BYTES_MIN: u64 = 1 << 10;
/// Largest request head, and the buffer that reads it.
const HEADER_BYTES_MAX: usize = 16 << 10;
const HEADERS_MAX: usize = 64;
const STREAMS_MAX: u32 = 100;
/// What every connection over HTTP/2 may begin with, and none over HTTP/1 can.
const HTTP2_PREFACE: &[u8] = b"PRI";

/// How connections are served; one for all of them.
pub(crate) fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // It would run between two requests as well, so the head has a time of its own below.
        .header_read_timeout(SILENCE_MAX + GOODBYE_MAX)
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

/// Serves a connection to its end. Once `stop` says true it takes no further request and ends as soon as
/// those that were begun are answered.
pub(crate) async fn run<S, F, R>(
    stream: S,
    builder: &auto::Builder<TokioExecutor>,
    answer: F,
    mut stop: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Fn(Request<Incoming>) -> R + Send + 'static,
    R: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let pulse = Arc::new(Pulse::default());
    let beating = Arc::clone(&pulse);
    let service = service_fn(move |request| {
        let busy = Busy::begin(&beating, &request);
        let answer = answer(request);
        async move {
            let answer = answer.await;
            drop(busy);
            Ok::<_, Infallible>(answer)
        }
    });
    let io = TokioIo::new(Paced::new(stream, Arc::clone(&pulse)));
    let connection = builder.serve_connection(io, service);
    let mut connection = std::pin::pin!(connection);
    let mut seen = pulse.seen();
    let mut next_look = Instant::now() + SILENCE_MAX;
    let mut leaving = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "connection ended");
                }
                return;
            }
            () = tokio::time::sleep_until(next_look) => {
                let now = pulse.seen();
                if !now.is_silent_since(&seen) {
                    (seen, next_look) = (now, Instant::now() + SILENCE_MAX);
                } else if leaving {
                    return;
                } else {
                    leaving = true;
                    connection.as_mut().graceful_shutdown();
                    next_look = Instant::now() + GOODBYE_MAX;
                }
            }
            _ = stop.wait_for(|&stop| stop), if !leaving => {
                leaving = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// What happens on a connection, as its reader, its writer and its watch have to know it.
#[derive(Debug, Default)]
struct Pulse {
    begun: AtomicU64,
    answered: AtomicU64,
    written: AtomicU64,
    http2: AtomicBool,
}

/// A pulse as it was felt at some moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    begun: u64,
    answered: u64,
    written: u64,
}

impl Pulse {
    fn seen(&self) -> Seen {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Seen { begun: get(&self.begun), answered: get(&self.answered), written: get(&self.written) }
    }
}

impl Seen {
    fn is_answering(&self) -> bool {
        self.begun > self.answered
    }

    fn is_silent_since(&self, before: &Self) -> bool {
        !self.is_answering()
            && (self.begun, self.answered) == (before.begun, before.answered)
            && self.written < before.written + PROGRESS_BYTES_MIN
    }
}

/// A request that is being answered, until this is dropped: also when its stream is reset.
struct Busy(Arc<Pulse>);

impl Busy {
    fn begin(pulse: &Arc<Pulse>, request: &Request<Incoming>) -> Self {
        pulse.begun.fetch_add(1, Ordering::Relaxed);
        if request.version() == Version::HTTP_2 {
            pulse.http2.store(true, Ordering::Relaxed);
        }
        Self(Arc::clone(pulse))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.answered.fetch_add(1, Ordering::Relaxed);
    }
}

/// A stream whose peer must finish the head that it began, and take the answer that it gets.
struct Paced<S> {
    stream: S,
    pulse: Arc<Pulse>,
    head: Deadline,
    /// After how many requests the head that is awaited began.
    head_of: Option<u64>,
    write: Deadline,
    has_read: bool,
}

impl<S> Paced<S> {
    fn new(stream: S, pulse: Arc<Pulse>) -> Self {
        let (head, write) = (Deadline::default(), Deadline::default());
        Self { stream, pulse, head, head_of: None, write, has_read: false }
    }

    /// Notes what came. Bytes that come while nothing is answered are of a head, which has to end in time.
    /// What comes during an answer may be the end of a body or the next head; it is left to the watch.
    fn came(&mut self, bytes: &[u8]) {
        if !self.has_read {
            self.has_read = true;
            let http2 = bytes.starts_with(HTTP2_PREFACE);
            self.pulse.http2.store(http2, Ordering::Relaxed);
        }
        let seen = self.pulse.seen();
        if !seen.is_answering() && self.head_of != Some(seen.begun) {
            self.head_of = Some(seen.begun);
            self.head.start(HEADER_TIMEOUT);
        }
    }

    fn head_is_late(&mut self, cx: &mut Context<'_>) -> bool {
        let seen = self.pulse.seen();
        let awaited = !seen.is_answering() && self.head_of == Some(seen.begun);
        awaited && !self.pulse.http2.load(Ordering::Relaxed) && self.head.poll(cx).is_ready()
    }

    /// What a write came to, and whether the peer takes too long to take it.
    fn wrote(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Pending => {
                self.write.start_once(WRITE_MAX);
                return self.write.poll(cx).map(|()| Err(late("the peer takes no answer")));
            }
            Poll::Ready(Ok(count)) => {
                self.pulse.written.fetch_add(*count as u64, Ordering::Relaxed);
            }
            Poll::Ready(Err(_)) => {}
        }
        self.write.stop();
        written
    }
}

fn late(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        match read {
            Poll::Ready(Ok(())) => {
                let new = buf.filled().get(before..).unwrap_or_default();
                if !new.is_empty() {
                    self.came(new);
                }
                // A peer that dribbles fast enough would never be waited for.
                if self.head_is_late(cx) { Poll::Ready(Err(late("a head"))) } else { read }
            }
            Poll::Pending if self.head_is_late(cx) => Poll::Ready(Err(late("a head"))),
            _ => read,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.wrote(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A moment that may be set, moved and left; made at the first need and used again.
#[derive(Debug, Default)]
struct Deadline {
    sleep: Option<Pin<Box<Sleep>>>,
    running: bool,
}

impl Deadline {
    fn start(&mut self, after: Duration) {
        self.running = true;
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().reset(Instant::now() + after),
            None => self.sleep = Some(Box::pin(tokio::time::sleep(after))),
        }
    }

    fn start_once(&mut self, after: Duration) {
        if !self.running {
            self.start(after);
        }
    }

    fn stop(&mut self) {
        self.running = false;
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.sleep {
            Some(sleep) if self.running => sleep.as_mut().poll(cx),
            _ => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests;
