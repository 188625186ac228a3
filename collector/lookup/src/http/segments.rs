//! Segments and who is in them.
use crate::http::problem::Problem;
use crate::http::time::rfc3339_ms;
use crate::http::{LookupProject, Reading, SegmentDetail, cursor, to_json};
use crate::limits::{PAGE_MEMBERS_DEFAULT, PAGE_MEMBERS_MAX};
use serde::Serialize;
use sillage_model::{PersonKey, SegmentIndex};
use sillage_store::{Listed, Summary, View};
use std::sync::Arc;

#[derive(Serialize)]
pub(crate) struct Segment {
    #[serde(flatten)]
    detail: SegmentDetail,
    members: u64,
    held_out: u64,
    /// How often it was asked for since the start.
    reads: u64,
}

#[derive(Serialize)]
struct Segments {
    segments: Vec<Segment>,
    lag_ms: i64,
}

#[derive(Serialize)]
struct Members<'a> {
    segment: &'a str,
    members: Vec<Member<'a>>,
    /// Null on the last page.
    next_cursor: Option<String>,
    lag_ms: i64,
}

/// Exactly one of the two ids is there.
#[derive(Serialize)]
struct Member<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    anonymous_id: Option<&'a str>,
    entered_at: String,
}

pub(crate) fn list(reading: &Reading<'_>) -> Result<Vec<u8>, Problem> {
    let project = reading.project;
    Ok(to_json(&Segments { segments: counted(project), lag_ms: (project.lag)() }))
}

pub(crate) fn one(reading: &Reading<'_>, key: &str) -> Result<Vec<u8>, Problem> {
    let found = counted(reading.project).into_iter().find(|segment| segment.detail.key == key);
    found.map(|segment| to_json(&segment)).ok_or_else(|| Problem::segment_unknown(key))
}

/// All segments with what the view counts of them. Definitions and view change at one instant, so
/// a view that is still shown after the definitions were read belongs to them.
fn counted(project: &LookupProject) -> Vec<Segment> {
    loop {
        let view = project.view.view();
        let details = project.segments.list();
        if Arc::ptr_eq(&view, &project.view.view()) {
            return count(&view, details);
        }
    }
}

fn count(view: &View, details: Vec<SegmentDetail>) -> Vec<Segment> {
    let summary = view.summary();
    details.into_iter().map(|detail| with_counts(view, &summary, detail)).collect()
}

fn with_counts(view: &View, summary: &Summary, detail: SegmentDetail) -> Segment {
    let index = view.labels().segment_index(&detail.key).map(|index| usize::from(index.0));
    let of = |counts: &[u64]| index.and_then(|index| counts.get(index)).copied().unwrap_or(0);
    let reads = view.reads().of(&detail.key);
    Segment { detail, members: of(&summary.members), held_out: of(&summary.held_out), reads }
}

/// A segment that is being changed, as it will be, with the members it has until then.
pub(crate) fn edited(project: &LookupProject, detail: SegmentDetail) -> Vec<u8> {
    let view = project.view.view();
    to_json(&with_counts(&view, &view.summary(), detail))
}

pub(crate) fn members(reading: &Reading<'_>, key: &str) -> Result<Vec<u8>, Problem> {
    let view = &reading.view;
    let index = view.labels().segment_index(key).ok_or_else(|| Problem::segment_unknown(key))?;
    view.reads().count(key);
    let limit = reading.limit(PAGE_MEMBERS_DEFAULT, PAGE_MEMBERS_MAX)?;
    let after = reading.parameter("cursor")?.map(|text| cursor::decode(&text)).transpose()?;
    let page = view.members(index, after.as_ref(), limit);
    let more =
        page.last().is_some_and(|last| page.len() == limit && is_followed(reading, index, last));
    let next_cursor = page.last().filter(|_| more).map(cursor::encode);
    let named: Vec<(PersonKey, i64)> = page
        .iter()
        .filter_map(|listed| Some((PersonKey::parse(&listed.member)?, listed.entered_at)))
        .collect();
    let members = named.iter().map(|(member, entered_at)| Member {
        user_id: member.is_user().then(|| member.id()),
        anonymous_id: (!member.is_user()).then(|| member.id()),
        entered_at: rfc3339_ms(*entered_at),
    });
    let lag_ms = (reading.project.lag)();
    Ok(to_json(&Members { segment: key, members: members.collect(), next_cursor, lag_ms }))
}

fn is_followed(reading: &Reading<'_>, segment: SegmentIndex, last: &Listed) -> bool {
    !reading.view.members(segment, Some(last), 1).is_empty()
}
