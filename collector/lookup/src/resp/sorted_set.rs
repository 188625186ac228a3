//! Commands on sorted sets: the members of a segment, by the time they came in.
use crate::resp::command::{Call, Outcome};
use crate::resp::keys::{ScanOptions, Walk};
use crate::resp::keyspace::SortedSet;
use crate::resp::reply::{Protocol, Reply};
use crate::resp::request::number;
use bytes::Bytes;
use core::ops::RangeInclusive;
use sillage_store::{Listed, Order};

/// Answers from the sorted set under the first argument, or from none.
fn with_set(call: &Call<'_>, answer: impl FnOnce(Option<SortedSet>) -> Reply) -> Outcome {
    match call.keyspace().sorted_set(call.argument(0)) {
        Ok(found) => answer(found),
        Err(refusal) => refusal,
    }
    .into()
}

/// A score: whole milliseconds, far below 2^53, where doubles begin to leave numbers out.
#[allow(clippy::cast_precision_loss, reason = "see above")]
fn score(entered_at: i64) -> Reply {
    Reply::Double(entered_at as f64)
}

fn score_or_null(entered_at: Option<i64>) -> Reply {
    entered_at.map_or(Reply::Null, score)
}

pub(crate) fn zcard(call: &mut Call<'_>) -> Outcome {
    with_set(call, |set| Reply::count(set.map_or(0, |set| set.len())))
}

pub(crate) fn zscore(call: &mut Call<'_>) -> Outcome {
    let member = call.argument(1);
    with_set(call, |set| score_or_null(set.and_then(|set| set.score(member))))
}

pub(crate) fn zmscore(call: &mut Call<'_>) -> Outcome {
    let members = call.arguments.get(1..).unwrap_or_default();
    with_set(call, |set| {
        let score = |member: &Bytes| set.as_ref().and_then(|set| set.score(member));
        Reply::Array(members.iter().map(|member| score_or_null(score(member))).collect())
    })
}

pub(crate) fn zcount(call: &mut Call<'_>) -> Outcome {
    let Some(scores) = parse_scores(call.argument(1), call.argument(2)) else {
        return not_a_float().into();
    };
    with_set(call, |set| {
        let everything = (0, usize::MAX);
        let found = set.map(|set| set.by_score(scores, Order::Ascending, everything));
        Reply::count(found.map_or(0, |found| found.len()))
    })
}

pub(crate) fn zscan(call: &mut Call<'_>) -> Outcome {
    let rest = call.arguments.get(1..).unwrap_or_default();
    let options = match ScanOptions::parse(rest, Walk::Inside) {
        Ok(options) => options,
        Err(refusal) => return refusal.into(),
    };
    with_set(call, |set| {
        let (next, members) =
            set.map_or((0, Vec::new()), |set| set.scan(options.cursor, options.count));
        let wanted = members.into_iter().filter(|m| options.wants(m.member.as_bytes()));
        let items =
            wanted.flat_map(|m| [Reply::text(m.member), Reply::text(m.entered_at.to_string())]);
        Reply::Array(vec![Reply::text(next.to_string()), Reply::Array(items.collect())])
    })
}

pub(crate) fn zrange(call: &mut Call<'_>) -> Outcome {
    let options = match RangeOptions::parse(call, Form::Any) {
        Ok(options) => options,
        Err(refusal) => return refusal.into(),
    };
    range(call, &options)
}

pub(crate) fn zrevrange(call: &mut Call<'_>) -> Outcome {
    match RangeOptions::parse(call, Form::Index) {
        Ok(options) => range(call, &RangeOptions { order: Order::Descending, ..options }),
        Err(refusal) => refusal.into(),
    }
}

pub(crate) fn zrangebyscore(call: &mut Call<'_>) -> Outcome {
    match RangeOptions::parse(call, Form::Score) {
        Ok(options) => range(call, &options),
        Err(refusal) => refusal.into(),
    }
}

pub(crate) fn zrevrangebyscore(call: &mut Call<'_>) -> Outcome {
    match RangeOptions::parse(call, Form::Score) {
        Ok(options) => range(call, &RangeOptions { order: Order::Descending, ..options }),
        Err(refusal) => refusal.into(),
    }
}

/// Which options a command of the family knows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// ZRANGE: everything, by index unless BYSCORE says otherwise.
    Any,
    Index,
    Score,
}

struct RangeOptions {
    by_score: bool,
    order: Order,
    /// Offset and count; a negative count is no limit.
    limit: Option<(i64, i64)>,
    with_scores: bool,
}

impl RangeOptions {
    fn parse(call: &Call<'_>, form: Form) -> Result<Self, Reply> {
        let mut rest = call.arguments.get(3..).unwrap_or_default();
        let mut options = Self {
            by_score: form == Form::Score,
            order: Order::Ascending,
            limit: None,
            with_scores: false,
        };
        while let [option, tail @ ..] = rest {
            rest = tail;
            let is = |name: &[u8]| option.eq_ignore_ascii_case(name);
            if is(b"withscores") {
                options.with_scores = true;
            } else if is(b"limit") && form != Form::Index {
                let [offset, count, tail @ ..] = tail else {
                    return Err(Reply::syntax_error());
                };
                let offset = number(offset).ok_or_else(Reply::not_an_integer)?;
                let count = number(count).ok_or_else(Reply::not_an_integer)?;
                options.limit = Some((offset, count));
                rest = tail;
            } else if is(b"byscore") && form == Form::Any {
                options.by_score = true;
            } else if is(b"rev") && form == Form::Any {
                options.order = Order::Descending;
            } else if is(b"bylex") && form == Form::Any {
                // Members of a segment have different scores, for which Redis leaves the order open.
                return Err(Reply::error("ERR BYLEX has no meaning where scores differ"));
            } else {
                return Err(Reply::syntax_error());
            }
        }
        if options.limit.is_some() && !options.by_score {
            let text = "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX";
            return Err(Reply::error(text));
        }
        Ok(options)
    }
}

fn range(call: &Call<'_>, options: &RangeOptions) -> Outcome {
    let (first, second) = (call.argument(1), call.argument(2));
    let protocol = call.client.protocol;
    let shown = |members: Vec<Listed>| show(members, options.with_scores, protocol);
    if options.by_score {
        let reversed = options.order == Order::Descending;
        let (min, max) = if reversed { (second, first) } else { (first, second) };
        let Some(scores) = parse_scores(min, max) else {
            return not_a_float().into();
        };
        // A negative offset leaves everything out, as in Redis; a negative count is no limit.
        let (offset, count) = options.limit.unwrap_or((0, -1));
        let page = usize::try_from(offset)
            .map(|offset| (offset, usize::try_from(count).unwrap_or(usize::MAX)));
        return with_set(call, |set| {
            let found =
                set.zip(page.ok()).map(|(set, page)| set.by_score(scores, options.order, page));
            shown(found.unwrap_or_default())
        });
    }
    let (Some(start), Some(stop)) = (number(first), number(second)) else {
        return Reply::not_an_integer().into();
    };
    with_set(call, |set| {
        shown(set.map(|set| set.by_rank((start, stop), options.order)).unwrap_or_default())
    })
}

fn show(members: Vec<Listed>, with_scores: bool, protocol: Protocol) -> Reply {
    let members = members.into_iter();
    Reply::Array(match (with_scores, protocol) {
        (false, _) => members.map(|m| Reply::text(m.member)).collect(),
        (true, Protocol::Resp2) => {
            members.flat_map(|m| [Reply::text(m.member), score(m.entered_at)]).collect()
        }
        (true, Protocol::Resp3) => members
            .map(|m| Reply::Array(vec![Reply::text(m.member), score(m.entered_at)]))
            .collect(),
    })
}

fn not_a_float() -> Reply {
    Reply::error("ERR min or max is not a float")
}

/// Reads a range of scores, each end of which may be left out with `(`, as the whole numbers in it.
fn parse_scores(min: &[u8], max: &[u8]) -> Option<RangeInclusive<i64>> {
    let (min, min_left_out) = bound(min)?;
    let (max, max_left_out) = bound(max)?;
    let first = if min_left_out { min.floor() + 1.0 } else { min.ceil() };
    let last = if max_left_out { max.ceil() - 1.0 } else { max.floor() };
    #[allow(clippy::cast_possible_truncation, reason = "beyond the ends the cast stops at them")]
    let range = first as i64..=last as i64;
    Some(range)
}

fn bound(text: &[u8]) -> Option<(f64, bool)> {
    let (text, left_out) = match text.strip_prefix(b"(") {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    let score: f64 = core::str::from_utf8(text).ok()?.parse().ok()?;
    (!score.is_nan()).then_some((score, left_out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_scores_hold_the_whole_numbers_within() {
        let cases = [
            ("1", "3", Some(1..=3)),
            ("(1", "(3", Some(2..=2)),
            ("1.5", "2.5", Some(2..=2)),
            ("(1.5", "(2.5", Some(2..=2)),
            ("-inf", "+inf", Some(i64::MIN..=i64::MAX)),
            ("1e3", "inf", Some(1_000..=i64::MAX)),
            ("nan", "1", None),
            ("", "1", None),
            ("1", "(", None),
            ("1", "x", None),
        ];
        for (min, max, want) in cases {
            assert_eq!(parse_scores(min.as_bytes(), max.as_bytes()), want, "{min} {max}");
        }
    }
}
