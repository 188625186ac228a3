//! Every bound that is not a setting, with its unit and where it comes from.

/// Bytes of one segment file of the spool. Small enough that removing what is delivered frees disk
/// soon and cleaning blocks for milliseconds; large enough that creating files is rare.
pub const SEGMENT_BYTES: u64 = 1 << 20;

/// Bytes on disk of one spool. Three times the core's 20 MiB of queued events: those, as much
/// garbage again, and room to clean.
pub const DISK_BYTES_MAX: u64 = 64 << 20;

/// Bytes that are moved in one frame when a segment is cleaned.
pub const MOVED_BYTES_MAX: usize = 256 << 10;

/// Segments that one write cleans at most, so that no write takes unboundedly long.
pub const CLEANED_PER_WRITE_MAX: usize = 2;

/// Bytes that are checked as possible frames behind a damaged place of one segment. Real damage
/// needs about as many as the segment has; only bytes made for it need more.
pub const RESYNC_BYTES_MAX: usize = 64 << 20;

/// Time to a connection, TLS included. Longer waits than this end in success for few.
pub const CONNECT_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);

/// Time for a whole exchange: what a collector gives a body, and its answer besides. Less than the 90 s
/// after which the core stops waiting.
pub const REQUEST_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(40);

/// Connections kept open between batches: as many as leave at once.
pub const IDLE_CONNECTIONS_MAX: usize = 4;

/// Bodies below are sent as they are; compression would save a packet's fraction.
pub const COMPRESSED_BYTES_MIN: usize = 1_024;

/// From a call until its event is handed to the system, at most, unless the disk hangs: what calls in
/// the meantime is written with it, so that a busy app writes a hundred times a second at most.
pub const WRITE_DELAY: std::time::Duration = std::time::Duration::from_millis(10);

/// From a write until it is durable, at most, unless the disk hangs.
pub const SYNC_DELAY: std::time::Duration = std::time::Duration::from_secs(1);

/// A call in durable mode gives up waiting for a disk that hangs after this time.
pub const DURABLE_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);

/// Between two looks for events that another process has left behind.
pub const ADOPTION_INTERVAL: std::time::Duration = std::time::Duration::from_secs(60);

/// How long dropping the last client waits for its last write.
pub const DROP_TIMEOUT: std::time::Duration = std::time::Duration::from_millis(500);

/// Flushes that may wait at once; later ones are answered with what is pending.
pub const COMMANDS_MAX: usize = 64;

/// Signals that are kept for the first who listens; a start has two or three.
pub const SIGNALS_MISSED_MAX: usize = 16;

/// How long a start waits for what is on disk to be read. A full queue takes some 50 ms; a disk that
/// hangs must not keep an app from starting.
pub const OPEN_TIMEOUT: std::time::Duration = std::time::Duration::from_millis(250);
