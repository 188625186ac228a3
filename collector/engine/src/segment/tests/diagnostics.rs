//! Wrong rules and what is said about them.
use super::sources;
use crate::segment::{Diagnostic, Rules};

fn faults(texts: &[&str]) -> Vec<Diagnostic> {
    Rules::compile(&sources(texts), &["engagement"]).expect_err("a wrong rule")
}

/// A rule, the text underlined, a piece of the message and a piece of the help ("" for none).
const WRONG: [(&str, &str, &str, &str); 83] = [
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
    (
        "count(\"A\" within 7d) > trait.n",
        "count",
        "compared with a number written",
        "how many entries",
    ),
    ("distinct(p of \"A\") > trait.n", "distinct", "compared with a number written", ""),
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
    ("trait.a matches \"x\"", "matches", "`matches` is not supported yet", ""),
    ("count(\"A\" in session) > 1", "in", "`in session` is not supported yet", ""),
    ("count(\"A\" where x > 1 in session) > 1", "in", "`in session` is not supported yet", ""),
    (
        "count(\"A\" between 30d and 7d ago) > 1",
        "between",
        "`between … ago` is not supported yet",
        "",
    ),
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
    for (text, word) in [
        ("sequence(\"A\" -> \"B\" within 1h)", "sequence"),
        ("days_active(within 30d) >= 3", "days_active"),
        ("sessions(within 7d) >= 3", "sessions"),
        ("bucket(\"salt\") < 10", "bucket"),
        ("count(\"A\" where same(product_id)) > 1", "same"),
        ("device.model == \"x\"", "device"),
        ("os.name == \"x\"", "os"),
        ("app.version == \"x\"", "app"),
        ("geo.country == \"x\"", "geo"),
        ("campaign.source == \"x\"", "campaign"),
        ("consent.ads", "consent"),
        ("model.churn > 0.5", "model"),
        ("ltv.year > 100", "ltv"),
        ("item.brand == \"x\"", "item"),
        ("now > 3", "now"),
        ("count(\"A\") > 1 exit count(\"A\") > 3", "exit"),
        ("count(\"A\") > 1 min_stay 3d", "min_stay"),
        ("count(\"A\") > 1 holdout 10", "holdout"),
        ("count(\"A\") > 1 requires_consent \"ads\"", "requires_consent"),
        ("trait.n between 30d and 7d ago", "ago"),
        ("exists(\"A\" -> \"B\")", "->"),
    ] {
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
    let found = Rules::compile(&same, &[]).expect_err("two of one key");
    assert!(found[0].message.contains("two segments"), "{found:?}");
    for key in ["", "Big", "a b", "é", &"x".repeat(65)] {
        let mut odd = sources(&["true"]);
        odd[0].key = key.into();
        assert!(Rules::compile(&odd, &[]).is_err(), "{key}");
    }
}

#[test]
fn length_and_depth_are_bounded() {
    let deep = |n: usize| format!("{}true{}", "(".repeat(n), ")".repeat(n));
    assert!(Rules::compile(&sources(&[&deep(63)]), &[]).is_ok());
    assert!(faults(&[&deep(64)])[0].message.contains("64 levels"));
    assert!(faults(&[&"not ".repeat(3_000)])[0].message.contains("64 levels"));
    assert!(faults(&[&"exists(".repeat(2_000)])[0].message.contains("64 levels"));
    let long = format!("true{}", " or true".repeat(3_000));
    assert!(faults(&[&long])[0].message.contains("16384 bytes"));
    let wide = format!("true{}", " or true".repeat(2_000));
    assert!(Rules::compile(&sources(&[&wide]), &[]).is_ok());
}

#[test]
fn no_text_makes_the_compiler_panic() {
    for (text, ..) in WRONG {
        for head in (0..=text.len()).filter_map(|end| text.get(..end)) {
            for tail in ["", "(", "é", "\"", "`", "-", " and"] {
                let cut = format!("{head}{tail}");
                if let Err(found) = Rules::compile(&sources(&[&cut]), &["engagement"]) {
                    assert!(found.iter().all(|f| cut.get(f.span.clone()).is_some()), "{cut}");
                }
            }
        }
    }
}
