//! Events that were refused, with the reason and their own bytes.
use crate::http::problem::Problem;
use crate::http::time::rfc3339_ms;
use crate::http::{Reading, to_json};
use crate::limits::{PAGE_DEAD_LETTERS_DEFAULT, PAGE_DEAD_LETTERS_MAX};
use serde::Serialize;
use std::borrow::Cow;

#[derive(Serialize)]
struct Page<'a> {
    dead_letters: Vec<Shown<'a>>,
    /// What to give as `after` for the next page; null if this one was not full.
    next_after: Option<u64>,
}

#[derive(Serialize)]
struct Shown<'a> {
    position: u64,
    received_at: String,
    code: &'a str,
    message: &'a str,
    /// As it was sent; bytes that are not UTF-8 are replaced.
    raw: Cow<'a, str>,
}

pub(crate) async fn list(reading: &Reading<'_>) -> Result<Vec<u8>, Problem> {
    let limit = reading.limit(PAGE_DEAD_LETTERS_DEFAULT, PAGE_DEAD_LETTERS_MAX)?;
    let after = match reading.parameter("after")? {
        None => None,
        Some(text) => {
            let wrong = |_| Problem::malformed("after must be the position of a dead letter");
            Some(text.parse().map_err(wrong)?)
        }
    };
    let listed = reading.project.dead_letters.list(after, limit).await;
    let letters = listed.map_err(|error| {
        tracing::error!(%error, "a page of dead letters failed");
        Problem::unavailable("dead letters cannot be read now")
    })?;
    let shown = letters.iter().map(|letter| Shown {
        position: letter.position,
        received_at: rfc3339_ms(letter.received_ms),
        code: &letter.code,
        message: &letter.message,
        raw: String::from_utf8_lossy(&letter.raw),
    });
    let next_after = letters.last().filter(|_| letters.len() == limit).map(|last| last.position);
    Ok(to_json(&Page { dead_letters: shown.collect(), next_after }))
}
