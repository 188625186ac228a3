//! The words of the language: those that mean something, and those that will.
use super::diagnostic::{Fault, Span};
use alloc::format;

/// Words that structure a rule and therefore begin no name.
pub(super) const KEYWORDS: [&str; 15] = [
    "and", "or", "not", "in", "contains", "starts", "ends", "with", "matches", "between", "where",
    "within", "of", "true", "false",
];

/// Facts a rule may begin a path with.
pub(super) const ROOTS: [&str; 3] = ["trait", "session", "score"];

/// Functions of the language that are read but not yet computed.
const LATER_FUNCTIONS: [&str; 6] =
    ["sequence", "days_active", "sessions", "bucket", "same", "percentile"];

/// Groups of facts that are part of the language but that nothing provides yet.
const LATER_ROOTS: [&str; 10] =
    ["device", "os", "app", "geo", "campaign", "consent", "model", "ltv", "item", "now"];

/// Words of the language with no meaning so far, wherever a keyword may stand.
const LATER_WORDS: [&str; 6] =
    ["matches", "ago", "exit", "min_stay", "holdout", "requires_consent"];

/// Whether a function of this name is part of the language but not computed yet.
pub(super) fn is_later_function(word: &str) -> bool {
    LATER_FUNCTIONS.contains(&word)
}

/// Whether a path that begins so is part of the language but not provided yet.
pub(super) fn is_later_root(word: &str) -> bool {
    LATER_ROOTS.contains(&word) || LATER_WORDS.contains(&word)
}

/// Whether this word is part of the language but means nothing so far.
pub(super) fn is_later(word: &str) -> bool {
    LATER_WORDS.contains(&word) || LATER_FUNCTIONS.contains(&word)
}

/// The diagnostic for a word of the language that means nothing so far.
pub(super) fn not_supported(span: Span, word: &str) -> Fault {
    Fault::new(span, format!("`{word}` is not supported yet"), "not supported yet")
}
