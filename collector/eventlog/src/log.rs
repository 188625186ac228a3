//! The one interface of every log backend; `contract.rs` is the suite that each of them passes.
use crate::LogError;
use sillage_model::{EventId, Partition};
use std::future::Future;

/// A position in the log. Ordered as the log is; opaque otherwise.
///
/// A cursor means "everything before this has been read", so [`Cursor::START`] has read nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Cursor(pub u64);

impl Cursor {
    /// Before the first block ever written.
    pub const START: Self = Self(0);
}

/// What one request wants appended: all of it or nothing becomes durable.
#[derive(Debug, Default, Clone)]
pub struct Append {
    /// Bytes that all records of this append may refer to (see `sillage_model::SharedContexts`).
    pub shared: Vec<u8>,
    /// The records' bodies, one after the other.
    pub bodies: Vec<u8>,
    /// Where each record lies, in order.
    pub records: Vec<AppendRecord>,
    /// Which record, by its index, is the tally. Only the log knows what of an append is new when it
    /// writes it, so it completes that record's body: after its bytes it writes, as two u32 LE, how
    /// many of the other records were new and how many were duplicates, companions not counted. A
    /// tally is always written; its id is neither compared nor remembered.
    pub tally: Option<u32>,
}

/// One record of an [`Append`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppendRecord {
    /// The key by which it is de-duplicated.
    pub id: EventId,
    /// The partition that must fold it.
    pub partition: Partition,
    /// Where its body starts and ends in [`Append::bodies`].
    pub body: (u32, u32),
    /// Follow the fate of the record before this one instead of being de-duplicated alone: a fact
    /// derived from the same event (a link beside an identify) is a duplicate when that one is.
    pub companion: bool,
}

/// The answer to an [`Append`], sent only once every new record is durable.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Appended {
    /// Indices of records that were already in the log within the window, ascending. They were
    /// not written again; the first one is durable.
    pub duplicates: Vec<u32>,
    /// The cursor after this append.
    pub end: Cursor,
}

/// One record as it is read back.
#[derive(Debug, Clone, Copy)]
pub struct LogRecord<'a> {
    /// The cursor before the block that holds it.
    pub block: Cursor,
    /// Its partition.
    pub partition: Partition,
    /// Its de-duplication key.
    pub id: EventId,
    /// The shared bytes of its append.
    pub shared: &'a [u8],
    /// Its body.
    pub body: &'a [u8],
}

/// A log of facts.
///
/// # Guarantees
/// - An append that resolved `Ok` survives the death of the process and of the machine (unless the
///   backend was opened without durability), all of it or, if it never resolved, possibly none.
/// - Records of one partition are read in the order in which their appends were answered.
/// - A record whose id was appended within the de-duplication window is not appended again.
pub trait EventLog: Send + Sync + 'static {
    /// Appends and waits for durability.
    ///
    /// # Errors
    /// [`LogError`] says whether to retry later (overload) or never on this log (failed device).
    fn append(&self, append: Append) -> impl Future<Output = Result<Appended, LogError>> + Send;

    /// Reads durable blocks from `from` on, at least one if there is one, at most about
    /// `max_bytes`, and hands their records to `visit` in order. Gives the cursor to go on from;
    /// the same cursor back means that there is nothing more yet.
    ///
    /// # Errors
    /// [`LogError::Corrupt`] names the place; acknowledged data is never skipped silently.
    /// [`LogError::Retained`] if `from` lies before the oldest block kept.
    fn read(
        &self,
        from: Cursor,
        max_bytes: usize,
        visit: &mut dyn FnMut(LogRecord<'_>),
    ) -> Result<Cursor, LogError>;

    /// Makes everything before [`EventLog::end`] durable. An append waits for that, unless the log was
    /// opened without durability; then whoever writes down how far the log is must call this before, or
    /// a power cut leaves what was written down ahead of the log. Blocks the calling thread.
    ///
    /// # Errors
    /// [`LogError::Failed`] if the device refuses: nothing since the last success is durable.
    fn flush(&self) -> Result<(), LogError> {
        Ok(())
    }

    /// The cursor before the oldest block kept.
    fn oldest(&self) -> Cursor;

    /// The cursor after the last durable block.
    fn end(&self) -> Cursor;

    /// Blocks the calling thread until [`EventLog::end`] passes `seen` or `timeout` goes by.
    fn wait_past(&self, seen: Cursor, timeout: std::time::Duration);
}
