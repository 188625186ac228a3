//! Patterns as KEYS and MATCH know them: `*`, `?`, `[a-z]`, `[^a]`, `\` before a byte.
use crate::limits::GLOB_STARS_MAX;

/// Whether all of `text` matches `pattern`.
///
/// Cost: O(pattern × text): only the latest star is tried again, which is enough because an earlier
/// one could not reach further.
pub(crate) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    if pattern.iter().filter(|&&b| b == b'*').count() > GLOB_STARS_MAX {
        return false;
    }
    let (mut rest, mut left) = (pattern, text);
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        if let Some(tail) = rest.strip_prefix(b"*") {
            rest = tail;
            retry = Some((tail, left));
            continue;
        }
        if let Some((next_rest, next_left)) = step(rest, left) {
            (rest, left) = (next_rest, next_left);
            continue;
        }
        if rest.is_empty() && left.is_empty() {
            return true;
        }
        match retry {
            Some((star, [_, after @ ..])) => {
                retry = Some((star, after));
                (rest, left) = (star, after);
            }
            _ => return false,
        }
    }
}

/// Matches one byte of the text against the front of the pattern; gives what is left of both.
fn step<'p, 't>(pattern: &'p [u8], text: &'t [u8]) -> Option<(&'p [u8], &'t [u8])> {
    let (&byte, text) = text.split_first()?;
    let rest = match pattern {
        [b'?', rest @ ..] => rest,
        [b'[', class @ ..] => match_class(class, byte)?,
        [b'\\', literal, rest @ ..] | [literal, rest @ ..] if *literal == byte => rest,
        _ => return None,
    };
    Some((rest, text))
}

/// What follows the class if `byte` is in it. A class without an end reaches to the end, as in Redis.
fn match_class(class: &[u8], byte: u8) -> Option<&[u8]> {
    let (negated, mut rest) = match class {
        [b'^', rest @ ..] => (true, rest),
        _ => (false, class),
    };
    let mut found = false;
    let after = loop {
        rest = match rest {
            [] => break rest,
            [b']', after @ ..] => break after,
            [b'\\', literal, tail @ ..] => {
                found |= *literal == byte;
                tail
            }
            [low, b'-', high, tail @ ..] => {
                found |= (*low.min(high)..=*low.max(high)).contains(&byte);
                tail
            }
            [literal, tail @ ..] => {
                found |= *literal == byte;
                tail
            }
        };
    };
    (found != negated).then_some(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_redis() {
        let cases = [
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("sl:*:u:*", "sl:shop:u:42", true),
            ("sl:*:u:*", "sl:shop:a:42", false),
            ("h?llo", "hello", true),
            ("h[ae]llo", "hallo", true),
            ("h[^e]llo", "hello", false),
            ("h[a-c]llo", "hbllo", true),
            ("h[c-a]llo", "hbllo", true),
            ("a\\*b", "a*b", true),
            ("a\\*b", "axb", false),
            ("*a*b", "xaxxab", true),
            ("*ab*ab", "abxab", true),
            ("[", "a", false),
            ("a*", "ba", false),
            ("**a", "a", true),
        ];
        for (pattern, text, want) in cases {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), want, "{pattern} {text}");
        }
    }

    #[test]
    fn a_hostile_pattern_ends_soon() {
        let pattern = "*a".repeat(GLOB_STARS_MAX) + "b";
        assert!(!matches(pattern.as_bytes(), "a".repeat(10_000).as_bytes()));
    }
}
