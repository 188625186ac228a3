//! Rules and what they say about persons made by hand.
use super::{Person, Sent, compiled, rules, sent, sources};
use crate::segment::rules::Class;
use crate::segment::{Features, Rules, Touched};
use sillage_model::{MapWriter, SegmentIndex, Value, ValueWriter};

const DAY: i64 = 86_400_000;

/// Three views, two orders; "now" in the tables is day 10.
fn shopper() -> Vec<Sent> {
    let mut tagged = Vec::new();
    let mut writer = ValueWriter::new(&mut tagged);
    writer.key("tags");
    let list = writer.open_list();
    writer.str("sale");
    writer.int(7);
    writer.close(list);
    let tags = sillage_model::Map::from_bytes(&tagged).get("tags").unwrap();
    let page = MapWriter::new().with("url", Value::Str("https://shop/a"));
    let mut first = sent("Product Viewed", 2 * DAY)
        .with("price", Value::Int(20))
        .with("category", Value::Str("shoes"))
        .with("tags", tags);
    first.context.push("page", Value::Map(page.as_map()));
    let second = sent("Product Viewed", 6 * DAY)
        .with("price", Value::Float(80.5))
        .with("category", Value::Str("bags"))
        .with("note", Value::Null);
    let third = sent("Product Viewed", 9 * DAY)
        .with("price", Value::Str("90"))
        .with("category", Value::Str("shoes"))
        .with("gift", Value::Bool(true));
    let small = sent("Order Completed", 5 * DAY).with("revenue", Value::Float(10.1));
    let large = sent("Order Completed", 8 * DAY)
        .with("revenue", Value::Float(20.2))
        .with("unit price", Value::Int(4))
        .with("trait.x", Value::Int(1));
    vec![first, second, third, small, large]
}

fn person(rules: &Rules) -> Person {
    let mut person = Person::with_events(rules, &shopper());
    let address = MapWriter::new().with("city", Value::Str("Brest"));
    person.traits = MapWriter::new()
        .with("country", Value::Str("FR"))
        .with("age", Value::Int(41))
        .with("vip", Value::Bool(true))
        .with("gone", Value::Null)
        .with("first name", Value::Str("Zoé"))
        .with("address", Value::Map(address.as_map()));
    person.pages = Some(4.0);
    person.bounced = Some(false);
    person.referrer = Some("https://search/");
    person.score = 50.0 + 10.0 * 86_400.0;
    person.member_of = vec![7];
    person
}

const TRUE_AT_DAY_TEN: &[&str] = &[
    "true",
    "not false",
    "count(\"Product Viewed\") == 3",
    "3 <= count(\"Product Viewed\")",
    "count(\"*\") == 5",
    "count([\"*\", \"x\"]) == 5",
    "count([\"Product Viewed\",\"Order Completed\",]) == 5",
    "count(\"Nothing\") == 0 and not exists(\"Nothing\")",
    "count(\"Product Viewed\" within 8d) == 2",
    "count(\"Product Viewed\" within 193h) == 3",
    "count(\"Product Viewed\" within 8d) != 3",
    "count(\"Product Viewed\" within 8d) in [5, 2]",
    "count(\"Product Viewed\" within 8d) between 1 and 2.5",
    "count(\"Product Viewed\" within 8d) < 2.5",
    "count(\"Product Viewed\" within 1w) > 1",
    "not (count(\"Product Viewed\" within 7d) > 2)",
    "count(\"Product Viewed\" where price > 50 and category in [\"shoes\",\"bags\"] within 7d) >= 1",
    "count(\"Product Viewed\" within 7d where price > 50) == 1",
    "count(\"Product Viewed\" where not price > 50) == 2",
    "count(\"Product Viewed\" where price != 20) == 1",
    "count(\"Product Viewed\" where price == \"90\") == 1",
    "count(\"Product Viewed\" where not exists(note)) == 3",
    "count(\"Product Viewed\" where exists(tags)) == 1",
    "count(\"Product Viewed\" where tags contains \"sale\") == 1",
    "count(\"Product Viewed\" where tags contains 7) == 1",
    "count(\"Product Viewed\" where tags contains \"sal\") == 0",
    "count(\"Product Viewed\" where category contains \"ho\") == 2",
    "count(\"Product Viewed\" where category starts with \"ba\") == 1",
    "count(\"Product Viewed\" where category ends with \"es\") == 2",
    "count(\"Product Viewed\" where gift) == 1",
    "count(\"Product Viewed\" where context.page.url ends with \"/a\") == 1",
    "count(\"Order Completed\" where `unit price` == 4) == 1",
    "count(\"Order Completed\" where properties.trait.x == 1) == 1",
    "count(\"Order Completed\" where revenue > `unit price`) == 1",
    "exists(\"Order Completed\" within 3d) and not exists(\"Order Completed\" within 2d)",
    "sum(revenue of \"Order Completed\") == 30.3",
    "sum(revenue of \"Order Completed\" within 4d) == 20.2",
    "sum(revenue of \"Order Completed\" within 1d) == 0",
    "sum(price of \"Product Viewed\") == 100.5",
    "avg(price of \"Product Viewed\") == 50.25",
    "avg(price of \"Product Viewed\" within 7d) == 80.5",
    "min(price of \"Product Viewed\") == 20 and max(price of \"Product Viewed\") == 80.5",
    "max(price of \"Product Viewed\" within 4d) < 0 or not exists(max(price of \"Product Viewed\" within 4d))",
    "exists(min(price of \"Product Viewed\" within 5d))",
    "not (min(price of \"Product Viewed\" within 1d) != 5)",
    "first(category of \"Product Viewed\") == \"shoes\"",
    "first(price of \"Product Viewed\") == 20",
    "first(category of \"Product Viewed\" within 7d) == \"bags\"",
    "last(category of \"Product Viewed\") in [\"shoes\"]",
    "last(price of \"Product Viewed\") == \"90\"",
    "last(gift of \"Product Viewed\")",
    "not exists(last(category of \"Product Viewed\" within 1d))",
    "distinct(category of \"Product Viewed\") == 2",
    "distinct(price of \"Product Viewed\") == 3",
    "distinct(category of \"Product Viewed\" within 7d) == 2",
    "distinct(category of \"Product Viewed\" within 3d) == 1",
    "distinct(category of \"Nothing\") == 0",
    "time_since(\"Order Completed\") == 2d",
    "time_since(\"Order Completed\" within 3d) <= 48h",
    "not exists(time_since(\"Order Completed\" within 2d))",
    "time_since_first(\"Order Completed\") between 5d and 6d",
    "time_since_first(\"Product Viewed\" within 7d) == 4d",
    "not (time_since(\"Nothing\") >= 0) and not (time_since(\"Nothing\") < 0)",
    "time_since(\"Product Viewed\") < time_since(\"Order Completed\")",
    "count(\"Product Viewed\") > count(\"Order Completed\")",
    "sum(revenue of \"Order Completed\") < sum(price of \"Product Viewed\" within 7d)",
    "trait.country == \"FR\" and trait.country != \"DE\"",
    "trait.age between 40 and 50 and trait.age != 3",
    "not (trait.age != \"41\")",
    "trait.vip and trait.vip == true",
    "trait.`first name` == \"Zo\\u{e9}\"",
    "trait.address.city == \"Brest\" and exists(trait.address)",
    "not exists(trait.gone) and not exists(trait.never) and not (trait.gone == 0)",
    "trait.age > session.pages",
    "session.pages >= 4 and not session.bounced and session.bounced == false",
    "session.referrer starts with \"https://\" and not exists(session.campaign)",
    "score.engagement >= 40 and score.engagement == 50 and score.engagement < 50.5",
    "score.engagement > trait.age",
    "trait.age > -5 and trait.age < 1e3",
    "(false or (true and (not false)))",
];

#[test]
fn rules_answer_as_their_words_say() {
    for text in TRUE_AT_DAY_TEN {
        let rules = rules(&[text]);
        assert!(person(&rules).is_in(&rules, 10 * DAY), "{text}");
        let not = format!("not ({text})");
        let rules = super::rules(&[&not]);
        assert!(!person(&rules).is_in(&rules, 10 * DAY), "{not}");
    }
}

#[test]
fn an_event_leaves_its_window_at_the_very_millisecond() {
    let rules = rules(&["exists(\"A\" within 1h)"]);
    let person = Person::with_events(&rules, &[sent("A", 1_000)]);
    let deadline = 1_000 + 3_600_000;
    for now in [1_000, 5_000, deadline - 1] {
        let verdict = rules.evaluate(SegmentIndex(0), &person, now, None);
        assert_eq!((verdict.member, verdict.changes_at), (true, Some(deadline)));
    }
    let verdict = rules.evaluate(SegmentIndex(0), &person, deadline, None);
    assert_eq!((verdict.member, verdict.changes_at), (false, None));
}

#[test]
fn changes_are_foreseen_exactly() {
    let events = [
        sent("A", 1_000).with("n", Value::Int(5)),
        sent("A", 2_000).with("n", Value::Int(-1)),
        sent("A", 2_000).with("n", Value::Int(9)),
        sent("A", 4_000).with("n", Value::Int(2)),
    ];
    let now = 4_000;
    for (text, expected) in [
        ("count(\"A\" within 10s) >= 3", (true, Some(12_000))),
        ("count(\"A\" within 10s) >= 4", (true, Some(11_000))),
        ("count(\"A\" within 10s) == 3", (false, Some(11_000))),
        ("count(\"A\" within 10s) == 2", (false, None)),
        ("count(\"A\" within 10s) < 2", (false, Some(12_000))),
        ("not exists(\"A\" within 10s)", (false, Some(14_000))),
        ("sum(n of \"A\" within 10s) > 14", (true, Some(11_000))),
        ("sum(n of \"A\" within 10s) > 1", (true, Some(14_000))),
        ("sum(n of \"A\" within 10s) == 8", (false, None)),
        // 9 and -1 leave together, so there is no moment without the -1 alone.
        ("sum(n of \"A\" within 10s) == 11", (false, None)),
        ("min(n of \"A\" within 10s) < 0", (true, Some(12_000))),
        ("max(n of \"A\" within 10s) >= 2", (true, Some(14_000))),
        ("avg(n of \"A\" within 10s) == 2", (false, Some(12_000))),
        ("distinct(n of \"A\" within 10s) >= 2", (true, Some(12_000))),
        ("first(n of \"A\" within 10s) == 2", (false, Some(12_000))),
        ("last(n of \"A\" within 10s) == 2", (true, Some(14_000))),
        ("time_since(\"A\") >= 3s", (false, Some(7_000))),
        ("time_since(\"A\") > 3s", (false, Some(7_001))),
        ("time_since(\"A\") == 3s", (false, Some(7_000))),
        ("time_since(\"A\" within 2s) > 3s", (false, None)),
        ("time_since(\"A\" within 5s) >= 0s", (true, Some(9_000))),
        ("time_since_first(\"A\") between 4s and 5s", (false, Some(5_000))),
        // At 10 s it is equal, which compares in another way but gives the same answer.
        ("score.engagement >= 40", (true, Some(10_000))),
        ("exists(\"A\" within 10s) and count(\"A\") > 9", (false, None)),
        ("exists(\"A\" within 10s) or count(\"A\") < 9", (true, None)),
        ("exists(\"A\" within 10s) or exists(\"A\" within 20s)", (true, Some(24_000))),
        ("exists(\"A\" within 20s) or exists(\"A\" within 10s)", (true, Some(24_000))),
        ("exists(\"A\" within 10s) and exists(\"A\" within 20s)", (true, Some(14_000))),
        ("count(\"A\") == 4", (true, None)),
    ] {
        let rules = rules(&[text]);
        let mut person = Person::with_events(&rules, &events);
        person.score = 50.0;
        let verdict = rules.evaluate(SegmentIndex(0), &person, now, None);
        assert_eq!((verdict.member, verdict.changes_at), expected, "{text}");
    }
}

#[test]
fn only_segments_that_read_what_changed_are_touched() {
    let rules = rules(&[
        "count(\"A\" within 1d) >= 2",
        "count(\"B\" where n > 3) >= 2",
        "exists(\"*\" within 1h)",
        "max(n of \"A\") > 3",
        "trait.vip and session.pages > 3 and score.engagement > 2",
        "segment(\"s0\") or segment(\"s4\")",
    ]);
    let mut features = Features::default();
    let mut fold = |event: &Sent| {
        let mut touched = Touched::default();
        rules.fold(&mut features, &event.fold_event(), event.at, &mut touched);
        marked(&rules, &touched)
    };
    // One event is not yet two, and a later one makes nothing exist that did not.
    assert_eq!(fold(&sent("A", 1).with("n", Value::Int(2))), [2, 3]);
    assert_eq!(fold(&sent("A", 2).with("n", Value::Int(1))), [0, 3]);
    assert_eq!(fold(&sent("A", 3).with("n", Value::Int(1))), [0]);
    assert_eq!(fold(&sent("B", 4).with("n", Value::Int(3))), [0; 0]);
    assert_eq!(fold(&sent("B", 4).with("n", Value::Int(4))), [0; 0]);
    assert_eq!(fold(&sent("B", 5).with("n", Value::Int(4))), [1]);
    assert_eq!(fold(&sent("C", 3)), [0; 0]);
    // What came before is out of the window by then.
    assert_eq!(fold(&sent("C", 3_600_100)), [2]);
    let touching = |touch: &dyn Fn(&mut Touched)| {
        let mut touched = Touched::default();
        touch(&mut touched);
        marked(&rules, &touched)
    };
    assert_eq!(touching(&|touched| rules.touch_traits(touched)), [4]);
    assert_eq!(touching(&|touched| rules.touch_session(touched)), [4]);
    assert_eq!(touching(&|touched| rules.touch_score(true, touched)), [4]);
    assert_eq!(touching(&|touched| rules.touch_dependents(SegmentIndex(0), touched)), [5]);
    assert_eq!(touching(&|touched| rules.touch_dependents(SegmentIndex(1), touched)), []);
}

#[test]
fn identify_and_its_like_reach_no_rule() {
    let rules = rules(&["exists(\"*\")"]);
    let mut person = Person::default();
    let event = sent("A", 1);
    let event = crate::segment::FoldEvent { is_activity: false, ..event.fold_event() };
    rules.fold(&mut person.features, &event, 1, &mut Touched::default());
    assert!(person.features == Features::default());
}

#[test]
fn a_segment_follows_those_it_refers_to() {
    let rules = rules(&["segment(\"s2\")", "segment(\"s0\") or trait.x", "true"]);
    assert_eq!(rules.order(), [SegmentIndex(2), SegmentIndex(0), SegmentIndex(1)]);
    let mut person = Person::default();
    assert!(!person.is_in(&rules, 0));
    person.member_of = vec![2];
    assert!(person.is_in(&rules, 0));
}

#[test]
fn equal_leaves_are_shared_and_keep_what_the_most_demanding_rule_needs() {
    let shared = rules(&[
        "count(\"A\" where x > 1 and y == 2 within 7d) >= 3",
        "count( \"A\" where y == 2 and 1 < x within 168h ) >= 5",
        "exists([\"A\",\"A\"] where x>1 and y==2 within 30d)",
        "sum(p of \"A\" within 1d) > 1 and avg(p of \"A\" within 2d) > 1",
    ]);
    assert_eq!(shared.leaves.len(), 2);
    assert_eq!(shared.infos()[0].bytes_per_person, 40 + 5 * 8);
    assert_eq!(shared.infos()[3].bytes_per_person, 40 + 4_096 * 24);
}

#[test]
fn a_rule_says_what_it_reads_costs_and_how_exact_it_is() {
    let rules = rules(&[
        "trait.vip",
        "count([\"B\",\"A\"]) > 3 or exists(\"*\" where x)",
        "exists(\"A\" within 1h)",
        "sum(p of \"A\" within 1h) > 3 and max(p of \"A\" within 1h) > 3",
        "score.engagement > 3",
        "time_since(\"A\") > 1d",
        "session.pages > 1",
    ]);
    let classes = [
        Class::Static,
        Class::Event,
        Class::Timed,
        Class::Timed,
        Class::Timed,
        Class::Timed,
        Class::Event,
    ];
    let infos = rules.infos();
    assert_eq!(infos.iter().map(|info| info.class).collect::<Vec<_>>(), classes);
    assert_eq!(infos[1].events_read, ["*", "A", "B"]);
    assert_eq!(infos[0].bytes_per_person, 0);
    assert_eq!(infos[2].bytes_per_person, 40);
    assert_eq!(infos[2].exactness, "exact");
    assert_eq!(infos[3].exactness, "exact up to 4096 events in the window (sum, max)");
    assert!(infos.iter().all(|info| info.worst_exit_lag_ms == 0));
}

#[test]
fn the_digest_tells_meanings_apart_and_not_spellings() {
    let digest = |texts: &[&str]| rules(texts).digest();
    let one = digest(&["count(\"A\" within 7d) >= 3 and trait.x == 1"]);
    assert_eq!(one, digest(&["trait.x==1 and ( count( \"A\" within 1w )>=3 )"]));
    assert_ne!(one, digest(&["count(\"A\" within 7d) >= 4 and trait.x == 1"]));
    assert_ne!(one, digest(&["count(\"A\" within 8d) >= 3 and trait.x == 1"]));
    assert_ne!(one, digest(&["count(\"B\" within 7d) >= 3 and trait.x == 1"]));
    assert_ne!(one, digest(&["count(\"A\" within 7d) >= 3 or trait.x == 1"]));
    let mut renamed = sources(&["true"]);
    renamed[0].key = "other".into();
    let renamed = compiled(&renamed).unwrap();
    assert_ne!(renamed.digest(), digest(&["true"]));
}

/// The segments that a change matters to, whoever it is about.
fn marked(rules: &Rules, touched: &Touched) -> Vec<u16> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(place) = touched.next(from) {
        found.push(rules.order()[usize::from(place)].0);
        from = usize::from(place) + 1;
    }
    found.sort_unstable();
    found
}

#[test]
fn a_property_under_a_dotted_name_is_not_a_fact_of_the_context() {
    let rules = rules(&[
        "count(\"A\" where context.page == 1) == 1 and count(\"A\" where `context.page` == 1) == 0",
    ]);
    let mut event = sent("A", 1);
    event.context.push("page", Value::Int(1));
    assert!(Person::with_events(&rules, &[event]).is_in(&rules, 1));
}

#[test]
fn features_of_other_rules_are_recognised() {
    let before = rules(&["count(\"A\" within 1d) >= 2", "exists(\"B\")"]);
    let person = Person::with_events(&before, &[sent("A", 1), sent("B", 2)]);
    assert!(before.fits(&person.features));
    let after = rules(&["exists(\"A\")", "count(\"B\" within 1d) >= 2"]);
    assert!(!after.fits(&person.features));
    // Read all the same, they answer what they can instead of panicking.
    assert!(person.is_in(&after, 3));
}

#[test]
fn a_windowed_sum_is_exact_up_to_its_cap_and_drops_the_oldest_beyond() {
    let rules = rules(&["sum(n of \"A\" within 1d) == 4096"]);
    let event = |at| sent("A", at).with("n", Value::Int(if at == 0 { 100 } else { 1 }));
    let events: Vec<Sent> = (0..=4_096).map(event).collect();
    let person = Person::with_events(&rules, &events);
    assert!(person.is_in(&rules, 4_096));
}
