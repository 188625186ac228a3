//! Patterns for `matches` whose meaning is known without reading them.

/// A pattern as the language writes it, with a predicate written by hand that says the same.
#[derive(Debug)]
pub struct Pattern {
    /// In the syntax of regular expressions.
    pub text: &'static str,
    /// Whether a text matches.
    pub matches: fn(&str) -> bool,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// Every pattern that the worlds use.
pub static PATTERNS: &[Pattern] = &[
    Pattern { text: "^a", matches: |text| text.starts_with('a') },
    Pattern { text: "b$", matches: |text| text.ends_with('b') },
    Pattern { text: "a.*c", matches: |text| text.split('\n').any(holds_a_then_c) },
    Pattern { text: "(?i)X", matches: |text| text.contains(['x', 'X']) },
    Pattern { text: "[0-9]+", matches: |text| text.contains(|c: char| c.is_ascii_digit()) },
    Pattern { text: "^$", matches: str::is_empty },
    Pattern { text: "", matches: |_| true },
    Pattern { text: "bag|hat", matches: |text| text.contains("bag") || text.contains("hat") },
    Pattern {
        text: r"^sku-\d$",
        matches: |text| {
            text.strip_prefix("sku-")
                .is_some_and(|d| d.len() == 1 && d.as_bytes()[0].is_ascii_digit())
        },
    },
    Pattern { text: "^.{3}$", matches: |text| text.chars().count() == 3 && !text.contains('\n') },
    Pattern { text: "t\u{e9}", matches: |text| text.contains("t\u{e9}") },
    Pattern {
        text: "o{2}|/(cart)?$",
        matches: |t| {
            ["oo"].iter().any(|o| t.contains(o)) || t.ends_with('/') || t.ends_with("/cart")
        },
    },
];

/// Texts on which the patterns differ.
pub static NOTES: &[&str] = &[
    "",
    "a",
    "b",
    "abc",
    "a-c",
    "a\nc",
    "b\n",
    "x",
    "4X",
    "\u{e9}t\u{e9}",
    "sku-7",
    "sku-77",
    "\"q\" \\ 'a'",
];

/// Whether a line holds an `a` and, somewhere after it, a `c`.
fn holds_a_then_c(line: &str) -> bool {
    line.find('a').is_some_and(|at| line.rfind('c').is_some_and(|c| c > at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pattern_means_what_its_predicate_says() {
        let found = |text: &str| {
            let pattern = PATTERNS.iter().find(|p| p.text == text).expect("it is listed");
            NOTES.iter().copied().filter(|note| (pattern.matches)(note)).collect::<Vec<_>>()
        };
        assert_eq!(found("^a"), ["a", "abc", "a-c", "a\nc"]);
        assert_eq!(found("b$"), ["b"]);
        assert_eq!(found("a.*c"), ["abc", "a-c"]);
        assert_eq!(found("(?i)X"), ["x", "4X"]);
        assert_eq!(found("[0-9]+"), ["4X", "sku-7", "sku-77"]);
        assert_eq!(found("^$"), [""]);
        assert_eq!(found(r"^sku-\d$"), ["sku-7"]);
        assert_eq!(found("^.{3}$"), ["abc", "a-c", "\u{e9}t\u{e9}"]);
        assert_eq!(found("t\u{e9}"), ["\u{e9}t\u{e9}"]);
    }
}
