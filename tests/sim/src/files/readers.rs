//! Page views of readers: `uuid`, `timestamp`, `url`, not in the order of time.
use super::{Rows, calendar, compare, defaults, events_named, field, unreadable, whole};
use crate::oracle::event::{Event, Kind, Val};
use crate::oracle::rule::{Fold, Literal, Op, Rule, Segment, Term};
use crate::oracle::{Rules, Weight};
use std::io;

pub(super) fn events(mut rows: Rows) -> io::Result<Vec<Event>> {
    let mut events = Vec::new();
    for (message, row) in (0..).zip(rows.records()) {
        let row = row.map_err(io::Error::other)?;
        let at = calendar::parse(field(&row, 1)?).ok_or_else(|| unreadable(&row, "no time"))?;
        events.push(Event {
            kind: Kind::Page,
            message,
            user: None,
            device: Some(field(&row, 0)?.into()),
            at,
            received: at,
            seq: Some(message),
            name: "Page Viewed".into(),
            props: vec![("url", Val::text(field(&row, 2)?))],
            context: Vec::new(),
        });
    }
    Ok(events)
}

pub(super) fn rules() -> Rules {
    let pages = |days| events_named("Page Viewed", days);
    let segments = vec![
        ("frequent", compare(Term::Count(pages(Some(7))), Op::Ge, whole(10))),
        ("wide", compare(super::fold(Fold::Distinct, "url", pages(Some(3))), Op::Ge, whole(5))),
        ("gone", compare(Term::TimeSince(pages(None)), Op::Gt, Literal::Span(5 * super::DAY_MS))),
        ("long-visit", compare(Term::Session("duration_ms"), Op::Ge, whole(600_000))),
        ("bounced", compare(Term::Session("bounced"), Op::Eq, Literal::Bool(true))),
        (
            "space",
            Rule::And(vec![
                Rule::Contains(Term::Session("entry_page"), Literal::Text("shuttle".into())),
                compare(Term::Engagement, Op::Ge, whole(10)),
            ]),
        ),
    ];
    let weight = |event: &str, weight| Weight {
        event: event.into(),
        weight,
        property: None,
        cap_per_day: Some(10),
    };
    Rules {
        weights: vec![weight("Page Viewed", 1.0)],
        segments: segments.into_iter().map(|(key, rule)| Segment::plain(key, rule)).collect(),
        ..defaults()
    }
}
