//! Every bound on what a device may send, with its unit and where the number comes from.
//!
//! The transport's own bounds (body, ratio, headers, time) stand here too, so that a reader finds
//! all of them on one page; they are enforced by the room that reads the connection.

/// The bounds of one project. All sizes are in bytes of UTF-8 unless the name says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The JSON text of one event. Segment and RudderStack stop at 32 KiB, PostHog and Mixpanel at
    /// 1 MiB; 64 KiB keeps what Segment's clients can send and bounds the memory of a batch.
    pub event_bytes_max: usize,
    /// A body as sent, before decompression. Amplitude, Snowplow and GameAnalytics: 1 MiB.
    pub body_bytes_max: usize,
    /// A body after decompression, counted while it streams. Mixpanel: 10 MB.
    pub decompressed_bytes_max: usize,
    /// Bytes out per byte in, judged once the output exceeds [`Limits::ratio_free_bytes`]. Gzip can
    /// reach 1 029; honest batches stay under 20.
    pub ratio_max: usize,
    /// Output that is never judged by its ratio: small repetitive batches compress very well.
    pub ratio_free_bytes: usize,
    /// Events in one batch. Segment: 2 500.
    pub batch_events_max: usize,
    /// Keys in one object of properties, traits or context. Mixpanel: 255.
    pub properties_max: usize,
    /// Items in one list. Mixpanel: 255.
    pub list_items_max: usize,
    /// Containers around a value, `properties` itself being the first. Never more than
    /// [`DEPTH_CEILING`], whatever is configured.
    pub depth_max: usize,
    /// A key, unescaped. Glean's labels end at 111.
    pub key_bytes_max: usize,
    /// A text value, unescaped. Glean's longest (URLs) end at 8 192.
    pub string_bytes_max: usize,
    /// The name of a track event, unescaped.
    pub event_name_bytes_max: usize,
    /// A message, user, device, group or previous id, unescaped. Mixpanel: 255.
    pub id_bytes_max: usize,
    /// The request line's URI. Snowplow's line ends at 20 KiB, common proxies at 8 KiB.
    pub uri_bytes_max: usize,
    /// All header lines together.
    pub header_bytes_max: usize,
    /// From the first byte of a request to the end of its headers, in milliseconds.
    pub header_read_ms: u64,
    /// Between two reads of a body, in milliseconds.
    pub body_gap_ms: u64,
    /// For a whole body, in milliseconds. Snowplow: 30 s.
    pub body_total_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            event_bytes_max: 64 * 1024,
            body_bytes_max: 1024 * 1024,
            decompressed_bytes_max: 10 * 1024 * 1024,
            ratio_max: 100,
            ratio_free_bytes: 1024 * 1024,
            batch_events_max: 2_500,
            properties_max: 255,
            list_items_max: 255,
            depth_max: 8,
            key_bytes_max: 128,
            string_bytes_max: 8 * 1024,
            event_name_bytes_max: 200,
            id_bytes_max: 256,
            uri_bytes_max: 8 * 1024,
            header_bytes_max: 16 * 1024,
            header_read_ms: 10_000,
            body_gap_ms: 10_000,
            body_total_ms: 30_000,
        }
    }
}

/// The deepest nesting any configuration can allow: one bit and one counter per level live in the
/// transcoder's frame.
pub const DEPTH_CEILING: usize = 32;

const _: () = assert!(DEPTH_CEILING <= u32::BITS as usize, "one bit per level");

/// Keys of one object that are compared with each other to find a duplicate. Objects with more are
/// accepted unchecked, and the first of two equal keys wins, so that the cost stays linear.
pub(crate) const DUPLICATE_KEYS_COMPARED: usize = 16;

/// Names in each of `sillage.rejected`, `dropped` and `unsure`; more are ignored.
pub(crate) const TOLD_REASONS_MAX: usize = 32;

/// The largest count in `sillage`: a thousand events a second for 34 years. Larger ones are absent,
/// so that sums over all installations stay far below 64 bits.
pub(crate) const TOLD_COUNT_MAX: u64 = 1 << 40;

/// Text of `sentAt` that is echoed. The longest RFC 3339 text that means anything has 35 bytes.
pub(crate) const SENT_AT_ECHO_BYTES_MAX: usize = 64;

/// Offsets into a body are kept in 32 bits.
pub(crate) const BODY_BYTES_CEILING: usize = u32::MAX as usize;

/// Room made ahead for the events of a batch, so that a short body reserves little.
pub(crate) const EVENT_BYTES_TYPICAL: usize = 256;
