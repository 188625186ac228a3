use super::*;
use crate::rules::{RuleSet, SegmentSource};
use crate::segment::ExplainNode;
use sillage_model::PersonKey;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
const START: i64 = 1_700_000_000_000;

/// A name, hours after the start, and a price.
type Sent = (&'static str, i64, f64);

fn explained(source: SegmentSource, sent: &[Sent], hours: i64) -> Explanation {
    let source = SegmentSource { key: "s".into(), ..source };
    let set = RuleSet { segments: alloc::vec![source], ..RuleSet::default() };
    let plan = Plan::compile(&set).unwrap();
    let props: Vec<Vec<u8>> = sent
        .iter()
        .map(|(_, _, price)| MapWriter::new().with("price", Value::Float(*price)).into_bytes())
        .collect();
    let ids: Vec<String> = (0..sent.len()).map(|n| alloc::format!("m{n}")).collect();
    let fact = |index: usize| Fact {
        kind: if sent[index].0 == "identify" { FactKind::Identify } else { FactKind::Track },
        subject: "u:p",
        device: "d",
        at: EventTime(START + sent[index].1 * HOUR),
        received: ReceiptMillis(START + sent[index].1 * HOUR),
        seq: None,
        name: sent[index].0,
        message_id: &ids[index],
        context: Map::default(),
        props: Map::from_bytes(&props[index]),
    };
    let facts: Vec<Fact<'_>> = (0..sent.len()).map(fact).collect();
    let mut record = Record::of(&PersonKey::user("p"));
    facts.iter().for_each(|fact| record.step(&plan, fact, &mut Vec::new()));
    let now = START + hours * HOUR;
    record.advance(&plan, now, &mut Vec::new());
    record.explain(&plan, SegmentIndex(0), now, &facts)
}

fn when(rule: &str) -> SegmentSource {
    SegmentSource { when: rule.into(), ..SegmentSource::default() }
}

fn ids(node: &ExplainNode) -> Vec<&str> {
    node.evidence.iter().map(|evidence| evidence.message_id.as_str()).collect()
}

#[test]
fn each_part_tells_its_value_its_evidence_and_its_end() {
    let rule =
        "count(\"Viewed\" where price > 5 within 2d) >= 2 and not exists(\"Bought\" within 1d)";
    let sent = [("Viewed", 0, 9.0), ("Viewed", 1, 3.0), ("Viewed", 20, 6.0), ("Viewed", 30, 7.0)];
    let found = explained(when(rule), &sent, 40);
    assert!(found.member && !found.held_out);
    // The second dear view was at 20 h; the first of the two that count leaves at 20 h + 2 d.
    assert_eq!(found.entered_at, Some(START + 20 * HOUR));
    assert_eq!(found.changes_at, Some(START + 20 * HOUR + 2 * DAY));
    let [count, no_order] = &found.rule.children[..] else { panic!("{found:?}") };
    assert_eq!(count.text, "count(\"Viewed\" where price > 5 within 2d) >= 2");
    assert_eq!((count.holds, count.value.as_deref()), (Some(true), Some("3")));
    assert_eq!((ids(count), count.evidence_total), (alloc::vec!["m0", "m2", "m3"], 3));
    assert_eq!(count.until, Some(START + 20 * HOUR + 2 * DAY));
    assert_eq!(no_order.children[0].holds, Some(false));
    let flips: Vec<&str> = found.flips.iter().map(|flip| flip.text.as_str()).collect();
    assert_eq!(flips, ["one `Bought`"]);
}

#[test]
fn what_is_missing_is_said_and_what_would_help_was_tried() {
    let rule = "sum(price of \"Bought\" within 7d) >= 100 and trait.price == 4";
    let found = explained(when(rule), &[("Bought", 0, 60.0), ("identify", 1, 4.0)], 2);
    assert!(!found.member);
    let [sum, is_set] = &found.rule.children[..] else { panic!("{found:?}") };
    assert_eq!((sum.holds, sum.value.as_deref()), (Some(false), Some("60")));
    assert_eq!(sum.evidence[0].what, "price = 60");
    assert_eq!((is_set.value.as_deref(), ids(is_set)), (Some("4"), alloc::vec!["m1"]));
    assert_eq!(found.flips[0].text, "one `Bought` with price = 100");
}

#[test]
fn a_sequence_shows_its_steps_and_its_deadline() {
    let rule = "sequence(\"Added\" -> no \"Bought\" within 3h)";
    let found = explained(when(rule), &[("Added", 0, 1.0)], 1);
    assert_eq!((found.member, found.changes_at), (false, Some(START + 3 * HOUR)));
    assert_eq!(found.rule.until, Some(START + 3 * HOUR));
    assert_eq!(found.rule.evidence[0].what, "step 1");
    assert!(found.flips.is_empty(), "no single event makes time pass: {:?}", found.flips);
}

#[test]
fn who_stays_by_an_exit_or_a_shortest_stay_is_told_so() {
    let source = SegmentSource {
        exit: Some("exists(\"Bought\" within 1h)".into()),
        min_stay_ms: 2 * HOUR,
        ..when("exists(\"Added\" within 1h)")
    };
    let sent = [("Added", 0, 1.0), ("Bought", 1, 1.0)];
    let found = explained(source.clone(), &sent[..1], 30);
    assert!(found.member, "nothing let the person out: {found:?}");
    assert_eq!(found.rule.holds, Some(false));
    assert_eq!(found.exit.as_ref().and_then(|exit| exit.holds), Some(false));
    assert_eq!(found.flips[0].text, "one `Bought`");
    // Bought after an hour, but in it until two hours are over; then the purchase is too old to
    // let anybody out.
    let found = explained(source, &sent, 1);
    assert_eq!((found.member, found.stays_until), (true, Some(START + 2 * HOUR)));
    assert_eq!(found.exit.and_then(|exit| exit.holds), Some(true));
    assert_eq!(found.changes_at, None);
}

#[test]
fn consent_and_holdout_decide_before_the_rule() {
    let needs = SegmentSource { requires_consent: Some("ads".into()), ..when("exists(\"Added\")") };
    let found = explained(needs, &[("Added", 0, 1.0)], 1);
    assert_eq!((found.member, found.consent), (false, Some(false)));
    assert_eq!(found.rule.holds, Some(true));
    assert_eq!(
        found.flips[0].text,
        "one `Page Viewed` with context.consent.categoryPreferences.ads = true"
    );
    let held = SegmentSource { holdout: 10_000, ..when("exists(\"Added\")") };
    let found = explained(held, &[("Added", 0, 1.0)], 1);
    assert!(!found.member && found.held_out);
    assert_eq!(found.entered_at, Some(START));
}
