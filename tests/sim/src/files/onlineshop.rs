//! Clickstream of an online shop: `user_id`, `event`, `timestamp`; a visitor is a device.
use super::{Rows, calendar, compare, defaults, events_named, field, unreadable, whole};
use crate::oracle::event::{Event, Kind, Val};
use crate::oracle::rule::{Literal, Op, Rule, Segment, Term};
use crate::oracle::{Rules, Weight};
use std::io;

pub(super) fn events(mut rows: Rows) -> io::Result<Vec<Event>> {
    let mut events = Vec::new();
    for (message, row) in (0..).zip(rows.records()) {
        let row = row.map_err(io::Error::other)?;
        let at = calendar::parse(field(&row, 2)?).ok_or_else(|| unreadable(&row, "no time"))?;
        let named = field(&row, 1)?;
        let (kind, name) = match named {
            "main" | "catalog" | "lost" => (Kind::Page, "Page Viewed"),
            "product1" | "product2" => (Kind::Track, "Product Viewed"),
            "cart" => (Kind::Track, "Cart Viewed"),
            "payment_done" => (Kind::Track, "Order Completed"),
            other => (Kind::Track, other),
        };
        events.push(Event {
            kind,
            message,
            user: None,
            device: Some(field(&row, 0)?.into()),
            at,
            received: at,
            seq: Some(message),
            name: name.into(),
            props: vec![("url", Val::text(named))],
            context: Vec::new(),
        });
    }
    Ok(events)
}

pub(super) fn rules() -> Rules {
    let cart_left = Rule::And(vec![
        Rule::Exists(events_named("Cart Viewed", Some(7))),
        Rule::Not(Box::new(Rule::Exists(events_named("Order Completed", Some(7))))),
    ]);
    let lost = Term::Session("exit_page");
    let segments = vec![
        ("buyers", Rule::Exists(events_named("Order Completed", None))),
        ("cart-left", cart_left),
        ("lost-visit", compare(lost, Op::Eq, Literal::Text("lost".into()))),
        (
            "lookers",
            compare(Term::Count(events_named("Product Viewed", Some(30))), Op::Ge, whole(3)),
        ),
        ("warm", compare(Term::Engagement, Op::Ge, whole(15))),
        (
            "new",
            compare(
                Term::TimeSinceFirst(events_named("Page Viewed", None)),
                Op::Lt,
                Literal::Span(14 * super::DAY_MS),
            ),
        ),
    ];
    let weight = |event: &str, weight, cap_per_day| Weight {
        event: event.into(),
        weight,
        property: None,
        cap_per_day,
    };
    Rules {
        weights: vec![
            weight("Product Viewed", 1.0, Some(5)),
            weight("Cart Viewed", 3.0, Some(2)),
            weight("Order Completed", 10.0, None),
        ],
        segments: segments.into_iter().map(|(key, rule)| Segment::plain(key, rule)).collect(),
        ..defaults()
    }
}
