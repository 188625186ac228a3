//! Reads to its end what was refused before it was read, so that the sender gets its answer.
//!
//! A connection that is closed while bytes of a request wait in it is reset, and the answer may be
//! lost with it: the sender would see a broken network instead of `Retry-After`. Whoever refuses a
//! body just drops it; here the rest is read and forgotten, within bounds, while the answer leaves.
use bytes::Bytes;
use http::header::EXPECT;
use http::{Request, Version};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

/// Bodies that are read to their end at once. Each holds what the system has buffered and no more.
const BODIES_MAX: usize = 4_096;

/// Time for one, and bytes of one: what a sender that was refused may still cost.
const TIME_MAX: Duration = Duration::from_secs(5);
const BYTES_MAX: usize = 4 << 20;

/// Reads what is left of bodies.
#[derive(Debug, Default)]
pub(crate) struct Lingering(Arc<AtomicUsize>);

impl Lingering {
    /// The request, with a body that may be dropped before its end.
    pub(crate) fn over(&self, request: Request<Incoming>) -> Request<Droppable> {
        // Over HTTP/2 a stream is reset alone. Who waits for leave to send has sent nothing.
        let lingers =
            request.version() <= Version::HTTP_11 && !request.headers().contains_key(EXPECT);
        let open = lingers.then(|| Arc::clone(&self.0));
        request.map(|body| Droppable { body: Some(body), open })
    }
}

/// A body that is read on after it was dropped.
#[derive(Debug)]
pub(crate) struct Droppable {
    body: Option<Incoming>,
    open: Option<Arc<AtomicUsize>>,
}

impl Body for Droppable {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for Droppable {
    fn drop(&mut self) {
        let (Some(body), Some(open)) = (self.body.take(), self.open.take()) else { return };
        if body.is_end_stream() || body.size_hint().lower() > BYTES_MAX as u64 {
            return;
        }
        let Some(place) = Place::one_of(&open) else { return };
        // A body outlives the runtime only while it is torn down; then nobody is answered any more.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            // Whether it ended is all the same: the connection knows.
            drop(tokio::time::timeout(TIME_MAX, read_out(body)).await);
            drop(place);
        });
    }
}

async fn read_out(mut body: Incoming) {
    let mut left = BYTES_MAX;
    while let Some(Ok(frame)) = body.frame().await {
        let read = frame.data_ref().map_or(0, Bytes::len);
        let Some(rest) = left.checked_sub(read) else { return };
        left = rest;
    }
}

/// One of the bodies that are read at once.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn one_of(open: &Arc<AtomicUsize>) -> Option<Self> {
        let place = Self(Arc::clone(open));
        (place.0.fetch_add(1, Ordering::Relaxed) < BODIES_MAX).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
