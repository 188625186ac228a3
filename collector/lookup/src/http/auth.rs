//! Who may read what: a Bearer token selects a project and says that its owner may read.
use crate::http::problem::Problem;
use http::HeaderMap;
use std::hint::black_box;

/// The tokens of one project, by what they allow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tokens<'a> {
    pub(crate) reading: &'a [String],
    pub(crate) admin: &'a [String],
    pub(crate) writing: &'a [String],
}

/// The position of the project that the request may read.
///
/// # Guarantees
/// Takes the same time whichever token of the configuration matches, or none: every token is compared to its
/// end. Only lengths can be learned.
pub(crate) fn authorize<'a>(
    headers: &HeaderMap,
    projects: impl Iterator<Item = Tokens<'a>>,
) -> Result<usize, Problem> {
    let token = bearer(headers).ok_or_else(Problem::token_missing)?;
    let mut reads = None;
    let mut writes = false;
    for (index, tokens) in projects.enumerate() {
        let may_read = any_equal(tokens.reading, token) | any_equal(tokens.admin, token);
        reads = if may_read { Some(index) } else { reads };
        writes |= any_equal(tokens.writing, token);
    }
    match (reads, writes) {
        (Some(index), _) => Ok(index),
        (None, true) => Err(Problem::write_key()),
        (None, false) => Err(Problem::token_unknown()),
    }
}

/// The position of the project that the request may change.
///
/// # Guarantees
/// As [`authorize`]; a token that only reads is told so.
pub(crate) fn authorize_admin<'a>(
    headers: &HeaderMap,
    projects: impl Iterator<Item = Tokens<'a>> + Clone,
) -> Result<usize, Problem> {
    let known = authorize(headers, projects.clone())?;
    let token = bearer(headers).ok_or_else(Problem::token_missing)?;
    let may = projects.enumerate().fold(false, |may, (index, tokens)| {
        may | (any_equal(tokens.admin, token) & (index == known))
    });
    if may { Ok(known) } else { Err(Problem::read_token()) }
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(http::header::AUTHORIZATION)?.as_bytes();
    let (scheme, rest) = value.split_at_checked(6)?;
    let token = rest.strip_prefix(b" ")?.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"bearer") && !token.is_empty()).then_some(token)
}

fn any_equal(known: &[String], token: &[u8]) -> bool {
    known.iter().fold(false, |found, one| found | equal(one.as_bytes(), token))
}

/// Compares without stopping at the first difference. An empty secret equals nothing.
pub(crate) fn equal(known: &[u8], offered: &[u8]) -> bool {
    if known.is_empty() || known.len() != offered.len() {
        return false;
    }
    let difference = known.iter().zip(offered).fold(0, |acc, (a, b)| black_box(acc | (a ^ b)));
    difference == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn check(header: Option<&str>) -> Result<usize, &'static str> {
        ask(header, false)
    }

    fn ask(header: Option<&str>, admin: bool) -> Result<usize, &'static str> {
        let texts = |all: &[&str]| all.iter().map(|&t| t.to_owned()).collect::<Vec<_>>();
        let (r1, a1, w1) = (texts(&["r1", ""]), texts(&["a1"]), texts(&["w1"]));
        let (r2, a2, w2) = (texts(&["r2", "r2b"]), texts(&[]), texts(&["w2"]));
        let projects = [
            Tokens { reading: &r1, admin: &a1, writing: &w1 },
            Tokens { reading: &r2, admin: &a2, writing: &w2 },
        ];
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert("authorization", HeaderValue::from_str(header).unwrap());
        }
        let answer = if admin {
            authorize_admin(&headers, projects.into_iter())
        } else {
            authorize(&headers, projects.into_iter())
        };
        answer.map_err(|problem| problem.code)
    }

    #[test]
    fn only_an_admin_token_changes_anything() {
        for (header, want) in [
            ("Bearer a1", Ok(0)),
            ("Bearer r1", Err("scope")),
            ("Bearer w1", Err("scope")),
            ("Bearer zz", Err("token_unknown")),
        ] {
            assert_eq!(ask(Some(header), true), want, "{header}");
        }
    }

    #[test]
    fn a_token_selects_its_project_and_a_write_key_none() {
        let cases = [
            (Some("Bearer r1"), Ok(0)),
            (Some("bearer  a1 "), Ok(0)),
            (Some("Bearer r2b"), Ok(1)),
            (Some("Bearer w2"), Err("scope")),
            (Some("Bearer r3"), Err("token_unknown")),
            (Some("Bearer r"), Err("token_unknown")),
            (Some("Bearer "), Err("token_missing")),
            (Some("Basic r1"), Err("token_missing")),
            (Some("Bearerr1"), Err("token_missing")),
            (None, Err("token_missing")),
        ];
        for (header, want) in cases {
            assert_eq!(check(header), want, "{header:?}");
        }
    }
}
