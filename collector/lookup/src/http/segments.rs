//! Segments and who is in them.
use crate::http::problem::Problem;
use crate::http::time::rfc3339_ms;
use crate::http::{Reading, SegmentDetail, cursor, to_json};
use crate::limits::{PAGE_MEMBERS_DEFAULT, PAGE_MEMBERS_MAX};
use serde::Serialize;
use sillage_model::{PersonKey, SegmentIndex};
use sillage_store::Listed;

#[derive(Serialize)]
struct Segment<'a> {
    #[serde(flatten)]
    detail: &'a SegmentDetail,
    members: u64,
}

#[derive(Serialize)]
struct Segments<'a> {
    segments: Vec<Segment<'a>>,
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
    let segments = counted(reading).collect();
    Ok(to_json(&Segments { segments, lag_ms: (project.lag)() }))
}

pub(crate) fn one(reading: &Reading<'_>, key: &str) -> Result<Vec<u8>, Problem> {
    let found = counted(reading).find(|segment| segment.detail.key == key);
    found.map(|segment| to_json(&segment)).ok_or_else(|| Problem::segment_unknown(key))
}

fn counted<'a>(reading: &Reading<'a>) -> impl Iterator<Item = Segment<'a>> {
    let view = &reading.project.view;
    let members = view.summary().members;
    reading.project.segments.iter().map(move |detail| {
        let index = view.labels().segment_index(&detail.key);
        let count = index.and_then(|index| members.get(usize::from(index.0)));
        Segment { detail, members: count.copied().unwrap_or(0) }
    })
}

pub(crate) fn members(reading: &Reading<'_>, key: &str) -> Result<Vec<u8>, Problem> {
    let view = &reading.project.view;
    let index = view.labels().segment_index(key).ok_or_else(|| Problem::segment_unknown(key))?;
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
    !reading.project.view.members(segment, Some(last), 1).is_empty()
}
