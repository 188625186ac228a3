//! Rules as text.
use crate::oracle::pattern::PATTERNS;
use crate::oracle::rule::{Area, Decimal, Fold, Literal, Op, Rule, Select, Step, Term, Window};

fn viewed() -> Select {
    Select::named("Product Viewed").having(Rule::Or(vec![
        Rule::Compare(
            Term::Property("price".into()),
            Op::Gt,
            Literal::Number(Decimal(50_250_000)).into(),
        ),
        Rule::In(Term::Property("category".into()), vec![Literal::Text("shoes".into())]),
    ]))
}

#[test]
fn a_tree_prints_as_the_language_writes_it() {
    let count = Term::Count(viewed().within(7 * 86_400_000));
    let rule = Rule::And(vec![
        Rule::Compare(count, Op::Ge, Literal::Number(Decimal(3_000_000)).into()),
        Rule::Or(vec![Rule::Segment("a".into()), Rule::Not(Box::new(Rule::Segment("b".into())))]),
    ]);
    assert_eq!(
        rule.to_string(),
        "count(\"Product Viewed\" where price > 50.25 or category in [\"shoes\"] within 1w) \
         >= 3 and (segment(\"a\") or not segment(\"b\"))"
    );
}

#[test]
fn windows_and_functions_print_as_the_language_writes_them() {
    let e = || Select::named("E");
    let of = |window| Select { window, ..e() };
    let ago = Window::Ago { older: 86_400_000, newer: 3_600_000 };
    for (term, text) in [
        (Term::Count(of(ago)), "count(\"E\" between 1h and 1d ago)"),
        (Term::Count(of(Window::Session)), "count(\"E\" in session)"),
        (Term::Count(of(Window::Today)), "count(\"E\" today)"),
        (Term::Count(of(Window::Week)), "count(\"E\" this week)"),
        (Term::Count(of(Window::Month)), "count(\"E\" this month)"),
        (Term::DaysActive(Select { names: vec![], ..of(Window::All) }), "days_active()"),
        (
            Term::DaysActive(Select { names: vec![], ..of(Window::Within(60_000)) }),
            "days_active(within 1m)",
        ),
        (Term::Streak(e()), "streak(\"E\")"),
        (Term::Sessions(Some(1500)), "sessions(within 1500ms)"),
        (Term::Periods(e(), 86_400_000, 7), "periods(\"E\" every 1d within 1w)"),
        (
            Term::Ratio(Box::new(Term::Now), Box::new(Term::Bucket("x".into()))),
            "ratio(now, bucket(\"x\"))",
        ),
        (Term::Context(Area::Geo, "country".into()), "geo.country"),
        (Term::Trait("first-name".into()), "trait.`first-name`"),
        (Term::Fold(Fold::Last, "a.b-c".into(), e()), "last(a.`b-c` of \"E\")"),
        (Literal::Text("a\"\\\u{e9}".into()).into(), "\"a\\\"\\\\\\u{e9}\""),
        (Literal::Instant(86_400_000).into(), "\"1970-01-02\""),
    ] {
        assert_eq!(term.to_string(), text);
    }
    let matches = Rule::Matches(Term::Trait("plan".into()), &PATTERNS[0]);
    for (rule, text) in [
        (Rule::FirstTime(e().within(1000)), "first_time(\"E\" within 1s)"),
        (Rule::Resumed(e().within(1000), 2000), "resumed(\"E\" after 2s within 1s)"),
        (matches, "trait.plan matches \"^a\""),
    ] {
        assert_eq!(rule.to_string(), text);
    }
}

#[test]
fn sequences_print_as_the_language_writes_them() {
    let step = |name: &str| Step {
        forbidden: false,
        names: vec![name.into()],
        condition: None,
        within_ms: None,
        same: Vec::new(),
    };
    let rule = Rule::Sequence(vec![
        Step { same: vec!["p".into(), "q".into()], ..step("A") },
        Step { forbidden: true, ..step("X") },
        Step { condition: viewed().condition, within_ms: Some(3_600_000), ..step("B") },
        Step { forbidden: true, within_ms: Some(60_000), ..step("C") },
    ]);
    assert_eq!(
        rule.to_string(),
        "sequence(\"A\", same(p, q) -> no \"X\" -> \"B\" where price > 50.25 or category in \
         [\"shoes\"] within 1h -> no \"C\" within 1m)"
    );
}
