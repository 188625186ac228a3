//! Invoices of an online retailer, one row per line of an invoice.
//!
//! A line becomes `Product Added`; an invoice, after its last line, `Order Completed`; a
//! cancellation (its number begins with `C`) one `Order Refunded` and no lines. A customer is a
//! person; where none is named, the invoice is a device of its own.
use super::{Rows, calendar, compare, defaults, events_named, field, fold, unreadable, whole};
use crate::oracle::event::{Event, Kind, Props, Val};
use crate::oracle::rule::{Fold, Literal, Op, Rule, Segment, Select, Term};
use crate::oracle::{Rules, Weight};
use std::io;
use std::sync::Arc;

/// An invoice whose lines are being read; lines of one lie together in the file.
struct Invoice {
    number: Arc<str>,
    customer: Option<Arc<str>>,
    at: i64,
    lines: Vec<Props>,
    total: f64,
}

pub(super) fn events(mut rows: Rows) -> io::Result<Vec<Event>> {
    let mut events = Vec::new();
    let mut open: Option<Invoice> = None;
    for row in rows.records() {
        let row = row.map_err(io::Error::other)?;
        let number: Arc<str> = field(&row, 0)?.into();
        let at = calendar::parse(field(&row, 4)?).ok_or_else(|| unreadable(&row, "no time"))?;
        if open.as_ref().is_none_or(|o| o.number != number) {
            close(&mut events, open.take());
            let customer = Some(field(&row, 6)?).filter(|c| !c.is_empty()).map(Into::into);
            open = Some(Invoice { number, customer, at, lines: Vec::new(), total: 0.0 });
        }
        let invoice = open.as_mut().expect("opened above");
        invoice.at = invoice.at.max(at);
        add_line(&mut events, invoice, &row, at)?;
    }
    close(&mut events, open);
    Ok(events)
}

fn add_line(
    events: &mut Vec<Event>,
    invoice: &mut Invoice,
    row: &csv::StringRecord,
    at: i64,
) -> io::Result<()> {
    let quantity: i64 =
        field(row, 3)?.parse().map_err(|_| unreadable(row, "the quantity is no number"))?;
    let price: f64 =
        field(row, 5)?.parse().map_err(|_| unreadable(row, "the price is no number"))?;
    let product = vec![
        ("product_id", Val::text(field(row, 1)?)),
        ("name", Val::text(field(row, 2)?)),
        ("quantity", Val::Int(quantity)),
        ("price", Val::Float(price)),
    ];
    #[allow(clippy::cast_precision_loss, reason = "quantities have at most six digits")]
    let amount = quantity as f64 * price;
    invoice.total += amount;
    invoice.lines.push(product.clone());
    if !is_cancellation(&invoice.number) {
        let mut props = vec![("order_id", Val::Text(invoice.number.clone()))];
        props.extend(product);
        props.push(("currency", Val::text("GBP")));
        push(events, invoice, ("Product Added", props), at);
    }
    Ok(())
}

fn close(events: &mut Vec<Event>, invoice: Option<Invoice>) {
    let Some(mut invoice) = invoice else { return };
    let cancelled = is_cancellation(&invoice.number);
    let name = if cancelled { "Order Refunded" } else { "Order Completed" };
    let total = if cancelled { -invoice.total } else { invoice.total };
    let products = std::mem::take(&mut invoice.lines).into_iter().map(Val::Map).collect();
    let props = vec![
        ("order_id", Val::Text(invoice.number.clone())),
        ("revenue", Val::Float(total)),
        ("currency", Val::text("GBP")),
        ("products", Val::List(products)),
    ];
    push(events, &invoice, (name, props), invoice.at);
}

fn is_cancellation(number: &str) -> bool {
    number.starts_with('C')
}

fn push(events: &mut Vec<Event>, invoice: &Invoice, what: (&str, Props), at: i64) {
    let message = u64::try_from(events.len()).expect("a file has fewer lines");
    let device = invoice.customer.is_none().then(|| invoice.number.clone());
    events.push(Event {
        kind: Kind::Track,
        message,
        user: invoice.customer.clone(),
        device,
        at,
        received: at,
        seq: Some(message),
        name: what.0.into(),
        props: what.1,
        context: Vec::new(),
    });
}

pub(super) fn rules() -> Rules {
    let orders = |days| events_named("Order Completed", days);
    let christmas = Select {
        condition: Some(Box::new(Rule::And(vec![
            Rule::Contains(Term::Property("name".into()), Literal::Text("CHRISTMAS".into())),
            compare(Term::Property("quantity".into()), Op::Ge, whole(6)),
        ]))),
        ..events_named("Product Added", Some(60))
    };
    let lapsing = Rule::And(vec![
        compare(Term::TimeSince(orders(None)), Op::Gt, Literal::Span(60 * super::DAY_MS)),
        compare(Term::Count(orders(None)), Op::Ge, whole(2)),
    ]);
    let new = Term::TimeSinceFirst(orders(None));
    let added = events_named("Product Added", Some(30));
    let segments = vec![
        ("vip", compare(fold(Fold::Sum, "revenue", orders(Some(90))), Op::Ge, whole(1000))),
        ("lapsing", lapsing),
        ("big-basket", compare(fold(Fold::Max, "revenue", orders(None)), Op::Ge, whole(500))),
        ("new-this-week", compare(new, Op::Lt, Literal::Span(7 * super::DAY_MS))),
        ("refunders", Rule::Exists(events_named("Order Refunded", Some(90)))),
        ("engaged", compare(Term::Engagement, Op::Ge, whole(40))),
        ("curious", compare(fold(Fold::Distinct, "product_id", added), Op::Ge, whole(50))),
        ("christmas", Rule::Exists(christmas)),
        ("good-mean", compare(fold(Fold::Avg, "revenue", orders(None)), Op::Gt, whole(300))),
        ("long-session", compare(Term::Session("events"), Op::Gt, whole(40))),
    ];
    let weight = |event: &str, weight, cap_per_day| Weight {
        event: event.into(),
        weight,
        property: None,
        cap_per_day,
    };
    Rules {
        weights: vec![
            weight("Product Added", 0.5, Some(20)),
            weight("Order Completed", 10.0, None),
            weight("Order Refunded", -8.0, None),
        ],
        segments: segments.into_iter().map(|(key, rule)| Segment::plain(key, rule)).collect(),
        ..defaults()
    }
}
