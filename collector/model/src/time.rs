/// When something happened on the device, corrected once at admission. Milliseconds since the Unix
/// epoch, UTC. There is no conversion from or to [`ReceiptMillis`]: mixing the two is the classic bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct EventTime(pub i64);

/// When the collector received something. Milliseconds since the Unix epoch, UTC. For imported
/// history it is the event time, as if the collector had been there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ReceiptMillis(pub i64);
