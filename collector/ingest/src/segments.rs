//! What a device may be told of itself with the answer to its batch.
use sillage_eventlog::Cursor;
use std::future::Future;
use std::pin::Pin;

/// A device, as its batch names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedOf {
    /// The user, if the batch names one; else empty.
    pub user_id: String,
    /// The device.
    pub anonymous_id: String,
    /// Where the batch ends in the log: the answer is to know it, if that can be waited for.
    pub end: Cursor,
}

/// The keys of segments, in order; `None` if nothing can be said now.
pub type SegmentsTold<'a> = Pin<Box<dyn Future<Output = Option<Vec<String>>> + Send + 'a>>;

/// Who knows in which segments a device is. This room knows neither rules nor states.
pub trait PublicSegments: Send + Sync {
    /// The public segments that the person of this device is in.
    ///
    /// # Guarantees
    /// Waits a bounded time, and gives what is known then.
    fn of(&self, asked: AskedOf) -> SegmentsTold<'_>;
}
