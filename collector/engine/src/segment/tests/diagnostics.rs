//! Wrong rules and what is said about them.
use super::{compiled, sources};
use crate::segment::Diagnostic;

fn faults(texts: &[&str]) -> Vec<Diagnostic> {
    compiled(&sources(texts)).expect_err("a wrong rule")
}

/// A rule, the text underlined, a piece of the message and a piece of the help ("" for none).
const WRONG: [(&str, &str, &str, &str); 111] = [
    ("", "", "the rule is empty", "for example"),
    ("   ", "", "the rule is empty", "for example"),
    ("count(\"A\") >= ", "", "found the end of the rule", ""),
    ("count(\"A\") >= 3 and", "", "found the end of the rule", ""),
    ("count(\"A\" >= 3", ">=", "expected `where`, `within` or `)`", ""),
    ("(trait.vip or trait.old", "(", "`)` is missing", "close it with `)`"),
    ("trait.a = 1", "=", "`=` has no meaning", "write `==`"),
    ("trait.a && trait.b", "&&", "`&&` has no meaning", "write `and`"),
    ("trait.a || trait.b", "||", "`||` has no meaning", "write `or`"),
    ("!trait.a", "!", "`!` has no meaning", "write `not`"),
    ("trait.a == 'x'", "'", "no meaning", "double quotes"),
    ("trait.a == “x”", "“", "no meaning", "double quotes"),
    ("trait.a == \"x", "\"x", "this string has no end", "close it"),
    ("trait.a == \"x\\q\"", "\\q", "unknown escape", "known are"),
    ("trait.a == \"\\u{d800}\"", "\\u{d800}", "unknown escape", "known are"),
    ("trait.`a == 1", "`a == 1", "this name has no end", "backticks"),
    ("trait.first-name == \"x\"", "-", "found `-`", "backticks"),
    ("count(\"A\" within 7days) >= 1", "days", "unknown unit `days`", "write `7d`"),
    ("count(\"A\" within 7x) >= 1", "x", "unknown unit `x`", "units are"),
    ("count(\"A\" within 7) >= 1", "7", "a window needs a unit", "`7d`"),
    ("count(\"A\" within 999ms) >= 1", "999ms", "between 1 second and 5 years", "`1s`"),
    ("count(\"A\" within 6000d) >= 1", "6000d", "between 1 second and 5 years", "`1827d`"),
    ("time_since(\"A\") > 0.0001s", "0.0001s", "whole number of milliseconds", ""),
    ("trait.a > 1e999", "1e999", "too large", ""),
    ("trait.a < 1 < 2", "<", "comparisons do not chain", "between a and b"),
    ("cuont(\"A\") >= 3", "cuont", "unknown function `cuont`", "`count`"),
    ("frobnicate(\"A\") >= 3", "frobnicate", "unknown function", ""),
    ("count(A) >= 3", "A", "goes in quotes", "write count(\"A\")"),
    ("count(price of \"A\") >= 3", "price", "takes no property", "distinct"),
    ("sum(\"A\") >= 3", "\"A\"", "`sum` needs a property", "sum(price of"),
    ("sum(price \"A\") >= 3", "\"A\"", "expected `of`", ""),
    ("count(\"\") >= 3", "\"\"", "an event has a name", "\"*\""),
    ("count([]) >= 3", "]", "the name of an event in quotes", ""),
    ("count(\"A\" wihtin 7d) >= 3", "wihtin", "found `wihtin`", "`within`"),
    ("count(\"A\") >= 3 adn trait.a", "adn", "expected `and`, `or` or the end", "`and`"),
    ("count(\"A\")", "count(\"A\")", "is a number, not a condition", "`count(…)` >= 1"),
    ("session.referrer", "session.referrer", "is text, not a condition", "=="),
    ("7", "7", "a number is not a condition", "compare"),
    ("1 < 2", "1 < 2", "both sides are literals", ""),
    ("count(\"A\") >= \"3\"", "\"3\"", "`count(…)` is a number", "write 3 without quotes"),
    ("session.bounced == \"true\"", "\"true\"", "is true or false", ""),
    ("session.referrer == 3", "3", "`session.referrer` is text", ""),
    ("session.pages contains \"a\"", "session.pages", "looks into text", ""),
    ("trait.a starts with 3", "3", "needs text in quotes", ""),
    ("trait.a starts \"x\"", "\"x\"", "expected `with` after `starts`", ""),
    ("trait.a < \"x\"", "\"x\"", "`<` compares numbers", "`==`"),
    ("trait.a >= \"3\"", "\"3\"", "`>=` compares numbers", "without quotes"),
    ("trait.a > true", "true", "`>` compares numbers", ""),
    ("session.referrer < session.campaign", "<", "`<` compares numbers", ""),
    ("session.pages == session.referrer", "session.pages == session.referrer", "never compare", ""),
    ("session.pages in [1, \"2\"]", "\"2\"", "is a number", "write 2 without quotes"),
    ("trait.a in []", "[]", "nothing is in an empty list", ""),
    ("trait.a in \"x\"", "\"x\"", "expected a list", "between `[` and `]`"),
    ("trait.a in [x]", "x", "a literal for a list", "\"x\""),
    ("trait.a not in [1]", "not", "before the whole condition", "not (x in [...])"),
    ("trait.a between 3 and 1", "3 and 1", "nothing is between", "smaller bound first"),
    ("trait.a between \"a\" and \"b\"", "\"a\"", "are numbers or durations", ""),
    ("trait.a between 1", "", "expected `and`", ""),
    ("exists(count(\"A\"))", "count(\"A\")", "asks for a fact", "are 0"),
    ("exists(\"A\") == true", "exists(\"A\")", "a condition is true or false", "as it is"),
    ("traits.country == \"FR\"", "traits", "there is no fact `traits`", "`trait`"),
    ("country == \"FR\"", "country", "there is no fact `country`", "facts are trait.*"),
    ("sum > 3", "sum", "there is no fact `sum`", "write sum(price of"),
    ("session.page > 3", "page", "there is no `session.page`", "`pages`"),
    ("session.colour == \"x\"", "colour", "there is no `session.colour`", "known are events"),
    ("score.engagment > 3", "engagment", "there is no `score.engagment`", "`engagement`"),
    ("score > 3", "score", "is a group of facts", "score.engagement"),
    (
        "score.engagement > time_since(\"A\")",
        "score.engagement > time_since(\"A\")",
        "stands still",
        "join",
    ),
    ("count(\"A\" within 7d) >= 10001", "count", "numbers up to 10000", "so many"),
    ("count(\"A\" where trait.a == 1) > 1", "trait.a", "about the person", "properties.trait.a"),
    ("count(\"A\" where exists(\"B\")) > 1", "exists", "looks at one event", "move it out"),
    ("count(\"A\" where segment(\"s0\")) > 1", "\"s0\"", "knows no segments", ""),
    (
        "count(\"A\" where price) > 1 and count(\"B\" where x > \"1\") > 1",
        "\"1\"",
        "compares numbers",
        "1 without",
    ),
    ("segment(\"s1\")", "\"s1\"", "there is no segment `s1`", "`s0`"),
    ("segment(vip)", "vip", "the key of a segment in quotes", "segment(\"vip\")"),
    ("count(\"A\" where item.brand == \"x\") > 1", "item", "`item` is not supported yet", ""),
    ("trait.a matches \"(\"", "\"(\"", "no regular expression: unclosed group", ""),
    ("trait.a matches 3", "3", "needs a pattern in quotes", ""),
    ("session.pages matches \"x\"", "session.pages", "looks into text", ""),
    (
        "count(\"A\" between 7d and 7d ago) > 1",
        "between 7d and 7d ago",
        "two equal times",
        "30d and",
    ),
    ("count(\"A\" this year) > 1", "year", "expected `week` or `month`", ""),
    ("count(\"A\" this day) > 1", "day", "this day is `today`", "write `today`"),
    ("periods(\"A\" within 4w) > 1", "periods", "`periods` needs `every`", "every 1w within 4w"),
    ("periods(\"A\" every 1w) > 1", "periods", "`periods` needs `within`", "every 1w within 4w"),
    ("periods(\"A\" every 2w within 5w) > 1", "every 2w", "1 to 366 times `every`", "every 1w"),
    ("resumed(\"A\" within 7d)", "resumed", "`resumed` needs `after`", "after 30d within 7d"),
    ("stopped(\"A\")", "stopped", "`stopped` needs `within`", "for example"),
    ("first_time(\"A\" today)", "today", "`first_time` needs `within`", ""),
    ("streak(\"A\" within 7d) > 1", "within 7d", "takes no window", ""),
    ("days_active(in session) > 1", "in session", "whole days up to now", ""),
    ("sessions(\"A\") > 1", "\"A\"", "expected `within` or `)`", "sessions(within 7d)"),
    ("ratio(count(\"A\")) > 1", ")", "expected `,` and what to divide by", ""),
    ("ratio(session.referrer, 2) > 1", "session.referrer", "is text, not a number", ""),
    ("ratio(time_since(\"A\"), 2) > 1", "time_since(\"A\")", "stand still between events", ""),
    ("bucket(10) < 10", "10", "a text that tells this draw", "bucket("),
    ("bucket(\"x\")", "bucket(\"x\")", "is a number, not a condition", ">= 1"),
    ("now >= \"tomorrow\"", "\"tomorrow\"", "this text is no date", "2026-12-24"),
    ("now.year > 2026", "now.year", "has no parts", ""),
    ("geo == \"FR\"", "geo", "is a group of facts", "geo.country"),
    ("gео.country == \"FR\"", "gео", "there is no fact", ""),
    ("sequence(\"A\")", "\"A\"", "at least two steps", "exists"),
    ("sequence(no \"A\" -> \"B\")", "no \"A\"", "begins with an event", "no \"B\" within"),
    ("sequence(\"A\" -> no \"B\" within 1h -> \"C\")", "within 1h", "between two others", "after"),
    ("sequence(\"A\" -> \"B\" same product)", "product", "`(` and a property", "same("),
    ("sequence(\"A\" -> \"B\", within 1h)", "within", "`same(…)` after the comma", ""),
    ("sequence(\"A\" > \"B\")", ">", "expected `->`", ""),
    ("count(\"A\" -> \"B\")", "->", "between the steps of a sequence", "sequence("),
    ("count(\"A\" where sequence(\"B\" -> \"C\")) > 1", "\"B\"", "a sequence is of several", ""),
    ("count(\"A\" where bucket(\"x\") < 3) > 1", "bucket(\"x\")", "this is about the person", ""),
    ("count(\"A\") > 1 holdout 10", "holdout", "is a setting of the segment", "line of its own"),
    ("count(\"A\" within 1d within 2d) > 1", "within", "expected `where`, `within`", ""),
];

#[test]
fn a_wrong_rule_is_underlined_explained_and_mended() {
    for (text, underlined, message, help) in WRONG {
        let found = faults(&[text]);
        let first = &found[0];
        assert_eq!(first.segment, "s0");
        assert_eq!(text.get(first.span.clone()), Some(underlined), "{text}: {first:?}");
        assert!(first.message.contains(message), "{text}: {first:?}");
        assert!(!first.label.is_empty(), "{text}");
        let given = first.help.as_deref().unwrap_or("");
        assert!(given.contains(help), "{text}: {first:?}");
    }
}

#[test]
fn what_the_language_will_have_is_named_as_not_supported_yet() {
    for (text, word) in
        [("model.churn > 0.5", "model"), ("ltv.year > 100", "ltv"), ("item.brand == \"x\"", "item")]
    {
        let found = faults(&[text]);
        let expected = format!("`{word}` is not supported yet");
        assert_eq!(found[0].message, expected, "{text}");
        assert_eq!(text.get(found[0].span.clone()), Some(word), "{text}");
    }
}

#[test]
fn all_faults_of_all_rules_are_shown_at_once() {
    let found = faults(&[
        "traits.a == 1 and session.pges > 2 and count(\"A\" where trait.x) >= \"1\"",
        "true",
        "score.engagement >",
    ]);
    let spans: Vec<(&str, usize)> =
        found.iter().map(|fault| (fault.segment.as_str(), fault.span.start)).collect();
    assert_eq!(spans, [("s0", 0), ("s0", 26), ("s0", 55), ("s2", 18)]);
}

#[test]
fn segments_that_refer_to_each_other_in_a_circle_are_refused() {
    let found = faults(&["segment(\"s1\")", "true and segment(\"s2\")", "not segment(\"s1\")"]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].segment, "s1");
    assert_eq!(found[0].span, 17..21);
    assert!(found[0].message.ends_with("s1 → s2 → s1"), "{:?}", found[0]);
    let own = faults(&["segment(\"s0\")"]);
    assert!(own[0].message.ends_with("s0 → s0"), "{own:?}");
}

#[test]
fn keys_are_checked_and_unique() {
    let mut same = sources(&["true", "true"]);
    same[1].key = "s0".into();
    let found = compiled(&same).expect_err("two of one key");
    assert!(found[0].message.contains("two segments"), "{found:?}");
    for key in ["", "Big", "a b", "é", &"x".repeat(65)] {
        let mut odd = sources(&["true"]);
        odd[0].key = key.into();
        assert!(compiled(&odd).is_err(), "{key}");
    }
}

#[test]
fn length_and_depth_are_bounded() {
    let deep = |n: usize| format!("{}true{}", "(".repeat(n), ")".repeat(n));
    assert!(compiled(&sources(&[&deep(63)])).is_ok());
    assert!(faults(&[&deep(64)])[0].message.contains("64 levels"));
    assert!(faults(&[&"not ".repeat(3_000)])[0].message.contains("64 levels"));
    assert!(faults(&[&"exists(".repeat(2_000)])[0].message.contains("64 levels"));
    let long = format!("true{}", " or true".repeat(3_000));
    assert!(faults(&[&long])[0].message.contains("16384 bytes"));
    let wide = format!("true{}", " or true".repeat(2_000));
    assert!(compiled(&sources(&[&wide])).is_ok());
}

#[test]
fn no_text_makes_the_compiler_panic() {
    for (text, ..) in WRONG {
        for head in (0..=text.len()).filter_map(|end| text.get(..end)) {
            for tail in ["", "(", "é", "\"", "`", "-", " and"] {
                let cut = format!("{head}{tail}");
                if let Err(found) = compiled(&sources(&[&cut])) {
                    assert!(found.iter().all(|f| cut.get(f.span.clone()).is_some()), "{cut}");
                }
            }
        }
    }
}
