//! The words of the language: those that mean something, and those that will.
use super::diagnostic::{Fault, Span};
use alloc::format;

/// Words that structure a rule and therefore begin no name.
pub(super) const KEYWORDS: [&str; 15] = [
    "and", "or", "not", "in", "contains", "starts", "ends", "with", "matches", "between", "where",
    "within", "of", "true", "false",
];

/// Facts a rule may begin a path with.
pub(super) const ROOTS: [&str; 10] =
    ["trait", "session", "score", "device", "os", "app", "geo", "campaign", "consent", "now"];

/// Facts that are read from the context of the latest event that has them, and where they are there.
pub(super) const CONTEXT_ROOTS: [(&str, &str); 6] = [
    ("device", "device"),
    ("os", "os"),
    ("app", "app"),
    ("geo", "location"),
    ("campaign", "campaign"),
    ("consent", "consent.categoryPreferences"),
];

/// Functions that are no aggregates.
pub(super) const OTHER_FUNCTIONS: [&str; 5] =
    ["segment", "sequence", "sessions", "ratio", "bucket"];

/// Groups of facts that are part of the language but that nothing provides yet.
const LATER_ROOTS: [&str; 3] = ["model", "ltv", "item"];

/// Settings of a segment, which stand beside its rule and not in it.
const SETTINGS: [&str; 4] = ["exit", "min_stay", "holdout", "requires_consent"];

/// Whether a path that begins so is part of the language but not provided yet.
pub(super) fn is_later_root(word: &str) -> bool {
    LATER_ROOTS.contains(&word)
}

/// Whether a word is the name of a setting of segments.
pub(super) fn is_setting(word: &str) -> bool {
    SETTINGS.contains(&word)
}

/// The diagnostic for a word of the language that means nothing so far.
pub(super) fn not_supported(span: Span, word: &str) -> Fault {
    Fault::new(span, format!("`{word}` is not supported yet"), "not supported yet")
}
