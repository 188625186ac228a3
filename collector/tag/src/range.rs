//! Parts of a file, which players ask for when somebody jumps about in a video.
use http::HeaderMap;
use http::header::{IF_RANGE, RANGE};
use std::ops::Range;

/// What of a file a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it: no range, one that may be ignored, or one of an older file.
    Whole,
    /// These bytes, never none.
    Of(Range<usize>),
    /// A part that lies behind its end.
    Beyond,
}

/// Reads `Range`, of which one part in bytes is understood; several at once are answered with the whole,
/// as RFC 9110 (14.2) allows.
pub(crate) fn part(headers: &HeaderMap, etag: &str, length: usize) -> Part {
    let Some(asked) = headers.get(RANGE).and_then(|value| value.to_str().ok()) else {
        return Part::Whole;
    };
    if headers.get(IF_RANGE).is_some_and(|known| known != etag) {
        return Part::Whole;
    }
    let Some((first, last)) = asked.strip_prefix("bytes=").and_then(|r| r.split_once('-')) else {
        return Part::Whole;
    };
    let range = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(length),
        (Some(first), None) if last.trim().is_empty() => first..length,
        (None, Some(suffix)) if first.trim().is_empty() => length.saturating_sub(suffix)..length,
        _ => return Part::Whole,
    };
    if range.is_empty() { Part::Beyond } else { Part::Of(range) }
}

/// Only digits: `parse` alone would take a sign. More than there can be is as good as the most.
fn number(text: &str) -> Option<usize> {
    let text = text.trim();
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn asked(range: &'static str) -> Part {
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, HeaderValue::from_static(range));
        part(&headers, "\"e\"", 100)
    }

    #[test]
    fn one_part_is_cut_out() {
        assert_eq!(asked("bytes=0-9"), Part::Of(0..10));
        assert_eq!(asked("bytes=90-"), Part::Of(90..100));
        assert_eq!(asked("bytes=-10"), Part::Of(90..100));
        assert_eq!(asked("bytes=-200"), Part::Of(0..100));
        assert_eq!(asked("bytes=50-99999999999999999999999"), Part::Of(50..100));
    }

    #[test]
    fn what_is_behind_the_end_is_refused() {
        for range in ["bytes=100-", "bytes=100-200", "bytes=-0"] {
            assert_eq!(asked(range), Part::Beyond, "{range}");
        }
    }

    #[test]
    fn what_is_not_understood_is_answered_whole() {
        for range in
            ["bytes=0-1,5-6", "lines=1-2", "bytes=9-1", "bytes=a-b", "bytes=+1-2", "bytes=-", ""]
        {
            assert_eq!(asked(range), Part::Whole, "{range}");
        }
        assert_eq!(part(&HeaderMap::new(), "\"e\"", 100), Part::Whole);
    }

    #[test]
    fn a_part_of_an_older_file_is_not_mixed_with_this_one() {
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, HeaderValue::from_static("bytes=0-9"));
        headers.insert(IF_RANGE, HeaderValue::from_static("\"older\""));
        assert_eq!(part(&headers, "\"e\"", 100), Part::Whole);
        headers.insert(IF_RANGE, HeaderValue::from_static("\"e\""));
        assert_eq!(part(&headers, "\"e\"", 100), Part::Of(0..10));
    }
}
