//! What is said about a wrong rule: the place, what is wrong there, and what to write instead.
//!
//! It does not draw anything; the commands and the HTTP answers do.
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

/// One fault in the rule of one segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Key of the segment whose rule is wrong.
    pub segment: String,
    /// Which of its texts the place is in.
    pub part: RulePart,
    /// The place, in bytes of that text. Always on character boundaries.
    pub span: Range<usize>,
    /// What is wrong, as one sentence without a final stop.
    pub message: String,
    /// What stands at the place, in a few words.
    pub label: String,
    /// What to do about it, if that is known.
    pub help: Option<String>,
}

/// A text of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RulePart {
    /// The rule that lets in.
    #[default]
    When,
    /// The rule that lets out.
    Exit,
}

impl RulePart {
    /// The name of the setting.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::When => "when",
            Self::Exit => "exit",
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { segment, span, message, .. } = self;
        match self.part {
            RulePart::When => write!(f, "segment `{segment}`, byte {}: {message}", span.start)?,
            RulePart::Exit => {
                write!(f, "segment `{segment}`, byte {} of its exit: {message}", span.start)?;
            }
        }
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

impl core::error::Error for Diagnostic {}

/// A piece of a rule's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    /// First byte.
    pub(super) start: usize,
    /// The byte after the last.
    pub(super) end: usize,
}

impl Span {
    /// The piece from the start of `self` to the end of `last`.
    pub(super) fn to(self, last: Self) -> Self {
        Self { start: self.start, end: last.end }
    }
}

/// A fault before it is known to which segment the rule belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    span: Span,
    message: String,
    label: String,
    help: Option<String>,
}

impl Fault {
    pub(super) fn new(span: Span, message: impl Into<String>, label: impl Into<String>) -> Self {
        Self { span, message: message.into(), label: label.into(), help: None }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds "did you mean …" if one of the candidates is near enough to be a slip of the hand.
    pub(super) fn near<'a>(
        self,
        written: &str,
        candidates: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        match nearest(written, candidates) {
            Some(name) => self.help(alloc::format!("did you mean `{name}`?")),
            None => self,
        }
    }

    /// As [`Fault::help`], unless something nearer is already suggested.
    pub(super) fn or_help(self, help: impl Into<String>) -> Self {
        if self.help.is_some() { self } else { self.help(help) }
    }

    pub(super) fn of(self, segment: &str) -> Diagnostic {
        self.in_part(segment, RulePart::When)
    }

    pub(super) fn in_part(self, segment: &str, part: RulePart) -> Diagnostic {
        Diagnostic {
            segment: segment.into(),
            part,
            span: self.span.start..self.span.end,
            message: self.message,
            label: self.label,
            help: self.help,
        }
    }
}

/// The candidate with the smallest edit distance to `written`, if at most a third of its letters
/// differ. The first of equals wins.
#[must_use]
pub fn nearest<'a>(
    written: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let written: Vec<char> = written.chars().flat_map(char::to_lowercase).collect();
    let allowed = (written.len() / 3).max(1);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let letters: Vec<char> = candidate.chars().flat_map(char::to_lowercase).collect();
        if letters.len().abs_diff(written.len()) > allowed {
            continue;
        }
        let distance = edit_distance(&written, &letters);
        if distance <= allowed && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, name)| name)
}

/// Insertions, deletions, replacements and swaps of neighbours between two words (optimal string
/// alignment), in O(|a|·|b|) time and O(|b|) room.
fn edit_distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = alloc::vec![i + 1];
        for (j, &y) in b.iter().enumerate() {
            let mut least = (above[j] + usize::from(x != y)).min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && x == b[j - 1] && a[i - 1] == y {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = core::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_of_the_hand_is_recognised_and_a_different_word_is_not() {
        let words = ["session", "trait", "score", "count", "exists"];
        for (written, expected) in [
            ("sesion", Some("session")),
            ("traits", Some("trait")),
            ("Score", Some("score")),
            ("cuont", Some("count")),
            ("exist", Some("exists")),
            ("price", None),
            ("x", None),
        ] {
            assert_eq!(nearest(written, words), expected, "{written}");
        }
    }
}
