//! `[limits]`: what a device may send.
use super::Span;
use serde::Deserialize;
use sillage_wire::{DEPTH_CEILING, Limits};

/// The bounds of bodies, batches and events, for all projects. Sizes are in bytes. The defaults are
/// those of the wire contract, and where they come from stands beside each in `sillage_wire::Limits`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LimitsConfig {
    /// The JSON of one event; 256 to 1 MiB. Default 64 KiB.
    pub(crate) event_bytes: usize,
    /// A body as sent; 1 KiB to 16 MiB. Default 1 MiB.
    pub(crate) body_bytes: usize,
    /// A body decompressed; from `body_bytes` to 16 MiB. Default 10 MiB.
    pub(crate) decompressed_bytes: usize,
    /// Decompressed to sent, once more than 1 MiB came out; 2 to 2 000. Default 100.
    pub(crate) ratio: usize,
    /// Events of a batch; 1 to 30 000. Default 2 500.
    pub(crate) batch_events: usize,
    /// Keys of an object; 1 to 10 000. Default 255.
    pub(crate) properties: usize,
    /// Items of a list; 1 to 10 000. Default 255.
    pub(crate) list_items: usize,
    /// Containers around a value; 1 to 32. Default 8.
    pub(crate) depth: usize,
    /// A key; 1 to 1 KiB. Default 128.
    pub(crate) key_bytes: usize,
    /// A text value; 16 to `event_bytes`. Default 8 KiB.
    pub(crate) string_bytes: usize,
    /// The name of an event; 1 to 1 KiB. Default 200.
    pub(crate) event_name_bytes: usize,
    /// A message, user, device, group or previous id; 36 (a UUID) to 1 KiB. Default 256.
    pub(crate) id_bytes: usize,
    /// Path and query; 256 to 16 KiB, which is what a head may have. Default 8 KiB.
    pub(crate) uri_bytes: usize,
    /// Time between two reads of a body; 1 s to 5 min. Default `10s`.
    pub(crate) body_gap: Span,
    /// Time for all of a body; from `body_gap` to 10 min. Default `30s`.
    pub(crate) body_total: Span,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        let limits = Limits::default();
        Self {
            event_bytes: limits.event_bytes_max,
            body_bytes: limits.body_bytes_max,
            decompressed_bytes: limits.decompressed_bytes_max,
            ratio: limits.ratio_max,
            batch_events: limits.batch_events_max,
            properties: limits.properties_max,
            list_items: limits.list_items_max,
            depth: limits.depth_max,
            key_bytes: limits.key_bytes_max,
            string_bytes: limits.string_bytes_max,
            event_name_bytes: limits.event_name_bytes_max,
            id_bytes: limits.id_bytes_max,
            uri_bytes: limits.uri_bytes_max,
            body_gap: Span::from_secs(limits.body_gap_ms / 1_000),
            body_total: Span::from_secs(limits.body_total_ms / 1_000),
        }
    }
}

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// The largest body: decoded and as facts it must fit one block of the log, 32 MiB.
const DECOMPRESSED_BYTES_CEILING: usize = 16 * MIB;

impl LimitsConfig {
    /// The limits as the wire's reader takes them.
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            event_bytes_max: self.event_bytes,
            body_bytes_max: self.body_bytes,
            decompressed_bytes_max: self.decompressed_bytes,
            ratio_max: self.ratio,
            batch_events_max: self.batch_events,
            properties_max: self.properties,
            list_items_max: self.list_items,
            depth_max: self.depth,
            key_bytes_max: self.key_bytes,
            string_bytes_max: self.string_bytes,
            event_name_bytes_max: self.event_name_bytes,
            id_bytes_max: self.id_bytes,
            uri_bytes_max: self.uri_bytes,
            body_gap_ms: self.body_gap.ms().unsigned_abs(),
            body_total_ms: self.body_total.ms().unsigned_abs(),
            ..Limits::default()
        }
    }

    /// The first setting that is out of its range, and what the range is.
    pub(crate) fn fault(&self) -> Option<(&'static str, String)> {
        let ms = |span: Span| usize::try_from(span.ms()).unwrap_or(usize::MAX);
        let ranges = [
            ("event_bytes", self.event_bytes, 256, MIB),
            ("body_bytes", self.body_bytes, KIB, DECOMPRESSED_BYTES_CEILING),
            (
                "decompressed_bytes",
                self.decompressed_bytes,
                self.body_bytes,
                DECOMPRESSED_BYTES_CEILING,
            ),
            ("ratio", self.ratio, 2, 2_000),
            ("batch_events", self.batch_events, 1, 30_000),
            ("properties", self.properties, 1, 10_000),
            ("list_items", self.list_items, 1, 10_000),
            ("depth", self.depth, 1, DEPTH_CEILING),
            ("key_bytes", self.key_bytes, 1, KIB),
            ("string_bytes", self.string_bytes, 16, self.event_bytes),
            ("event_name_bytes", self.event_name_bytes, 1, KIB),
            ("id_bytes", self.id_bytes, 36, KIB),
            ("uri_bytes", self.uri_bytes, 256, 16 * KIB),
            ("body_gap", ms(self.body_gap), 1_000, 300_000),
            ("body_total", ms(self.body_total), ms(self.body_gap), 600_000),
        ];
        let wrong = ranges.into_iter().find(|(_, value, min, max)| !(min..=max).contains(&value));
        wrong.map(|(name, value, min, max)| {
            let unit = if name.starts_with("body_gap") || name.starts_with("body_total") {
                " ms"
            } else {
                ""
            };
            (name, format!("{value}{unit} is not between {min} and {max}{unit}"))
        })
    }
}
