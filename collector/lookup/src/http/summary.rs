//! A project in numbers.
use crate::http::problem::Problem;
use crate::http::redis::Writer;
use crate::http::time::rfc3339_ms;
use crate::http::{Reading, to_json};
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Serialize)]
struct Summary<'a> {
    project: &'a str,
    /// Known persons. Devices that are linked to nobody are not among them.
    persons: u64,
    /// All devices, linked or not.
    devices: u64,
    devices_linked: u64,
    sessions: u64,
    events: BTreeMap<String, u64>,
    /// Members by segment.
    segments: BTreeMap<&'a str, u64>,
    as_of: String,
    lag_ms: i64,
    /// How the Redis is written to; absent if none is.
    #[serde(skip_serializing_if = "Option::is_none")]
    redis: Option<Writer>,
}

pub(crate) fn summary(reading: &Reading<'_>) -> Result<Vec<u8>, Problem> {
    let project = reading.project;
    let (view, parts) = (&reading.view, (project.counts)());
    let counted = view.summary();
    let keys = view.labels().segments().iter().map(|label| label.key.as_str());
    Ok(to_json(&Summary {
        project: &project.name,
        persons: counted.persons,
        devices: counted.devices,
        devices_linked: counted.devices_linked,
        sessions: parts.sessions,
        events: parts.events.into_iter().collect(),
        segments: keys.zip(counted.members).collect(),
        as_of: rfc3339_ms(view.now_ms()),
        lag_ms: (project.lag)(),
        redis: project.redis.as_ref().map(|desk| Writer::from(desk.stats())),
    }))
}
