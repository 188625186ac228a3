//! Definitions as they are read from a request and told in an answer.
use crate::config::SegmentConfig;
use sillage_engine::SegmentInfo;
use sillage_lookup::{EditRefused, SegmentDetail, SegmentState};

/// Reads a definition: a JSON object with the configuration's fields, of which `key` may be left out.
pub(super) fn read(key: &str, body: &[u8]) -> Result<SegmentConfig, EditRefused> {
    let malformed = |why: String| EditRefused::Malformed(format!("the definition: {why}"));
    let mut fields: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(body).map_err(|error| malformed(error.to_string()))?;
    let told = fields.entry("key").or_insert_with(|| key.into());
    if told != key {
        return Err(malformed(format!("its key {told} is not that of the path")));
    }
    serde_json::from_value(fields.into()).map_err(|error| malformed(error.to_string()))
}

/// A segment as it is told, live.
pub(super) fn detail(
    segment: &SegmentConfig,
    info: &SegmentInfo,
    (version, saved_at_ms): (u64, Option<i64>),
) -> SegmentDetail {
    SegmentDetail {
        key: info.key.clone(),
        name: info.name.clone(),
        description: info.description.clone(),
        when: segment.when.trim().to_owned(),
        exit: segment.exit.as_deref().map(|exit| exit.trim().to_owned()),
        min_stay: segment.min_stay.to_string(),
        holdout: segment.holdout.value(),
        requires_consent: segment.requires_consent.clone(),
        public: info.public,
        class: info.class,
        events_read: info.events_read.clone(),
        bytes: info.bytes_per_person,
        worst_exit_lag_ms: info.worst_exit_lag_ms,
        exactness: info.exactness.clone(),
        version: version.max(1),
        saved_at_ms,
        state: SegmentState::Live,
        progress: None,
        failed: None,
    }
}
