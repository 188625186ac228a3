//! One thing to be looked at: what Redis has of it, and what it should have.
use super::report::Fault;
use crate::fields::ttl_s;
use crate::keys::{Key, PREFIX};
use crate::limits::{PROFILE_TTL_MS, REDIS_CHECK_TTL_SLACK_S};
use crate::view::View;
use redis::{Cmd, RedisResult, Value, from_redis_value};
use sillage_model::SegmentIndex;
use std::collections::BTreeMap;

/// What is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Suspect {
    /// The hash under this id.
    Profile(String),
    /// A member of a sorted set.
    Listed { segment: SegmentIndex, shard: u8, member: Vec<u8> },
    /// A sorted set as a whole: whether it is one.
    Set(SegmentIndex, u8),
    /// The hash of what the keys were made by.
    Meta,
    /// The stream, of which only the type is compared.
    Changes,
    /// A key of Redis that the contract does not have.
    Foreign(Vec<u8>),
}

/// In which way something differs, and which part of it.
pub(super) type Finding = (Fault, String);

impl Suspect {
    /// Whose standing decides whether a difference is one for good.
    pub(super) fn member(&self) -> &str {
        match self {
            Self::Profile(member) => member,
            // Nobody whose id is text is listed under bytes that are none.
            Self::Listed { member, .. } => std::str::from_utf8(member).unwrap_or_default(),
            Self::Set(..) | Self::Meta | Self::Changes | Self::Foreign(_) => "",
        }
    }

    /// The key in Redis.
    pub(super) fn key(&self, view: &View) -> Vec<u8> {
        let name = match self {
            Self::Profile(member) => view.key_name(&Key::Profile(member)),
            Self::Listed { segment, shard, .. } | Self::Set(segment, shard) => {
                view.key_name(&Key::Segment(*segment, *shard))
            }
            Self::Meta => view.key_name(&Key::Meta),
            Self::Changes => view.key_name(&Key::Changes),
            Self::Foreign(key) => return key.clone(),
        };
        name.into_bytes()
    }

    /// What is asked of Redis; as many answers belong to [`Suspect::compare`].
    pub(super) fn questions(&self, view: &View) -> Vec<Cmd> {
        let key = self.key(view);
        let ask = |name: &str| {
            let mut command = redis::cmd(name);
            command.arg(&key);
            command
        };
        match self {
            Self::Profile(_) => vec![ask("HGETALL"), ask("TTL")],
            Self::Listed { member, .. } => {
                let mut command = ask("ZSCORE");
                command.arg(member);
                vec![command]
            }
            Self::Meta => vec![ask("HGETALL")],
            Self::Set(..) | Self::Changes | Self::Foreign(_) => vec![ask("TYPE")],
        }
    }

    /// What is wrong with these answers by what the view has now; `None` if nothing is.
    pub(super) fn compare(&self, view: &View, answers: &[RedisResult<Value>]) -> Option<Finding> {
        match self {
            Self::Profile(member) => compare_profile(view, member, answers),
            Self::Listed { segment, shard, member } => {
                let shown = view.zscore(*segment, *shard, self.member());
                compare_listed(shown, &String::from_utf8_lossy(member), answers)
            }
            Self::Meta => compare_meta(view, answers),
            Self::Set(..) => compare_type(answers, "zset"),
            Self::Changes => compare_type(answers, "stream"),
            Self::Foreign(_) => match text(answers.first()).as_deref() {
                Some("none") => None,
                Some(kind) => Some((Fault::Extra, format!("{kind}, no key of this project"))),
                None => Some((Fault::Extra, "no key of this project".to_owned())),
            },
        }
    }

    /// What a key of Redis should be, by its name; `None` if it is compared anyway.
    pub(super) fn of_key(view: &View, name: &[u8]) -> Option<Self> {
        let foreign = || Some(Self::Foreign(name.to_vec()));
        let Ok(text) = std::str::from_utf8(name) else { return foreign() };
        match view.key(text) {
            Some(Key::Profile(_)) => match text.strip_prefix(&prefix(view)) {
                Some(member) if !view.exists(&Key::Profile(member)) => {
                    Some(Self::Profile(member.to_owned()))
                }
                Some(_) => None,
                None => foreign(),
            },
            Some(Key::Meta | Key::Changes | Key::Segment(..)) => None,
            None if is_of_the_writer(view, text) => None,
            None => foreign(),
        }
    }
}

/// Whether a key holds what the writer notes for itself in a cluster.
fn is_of_the_writer(view: &View, name: &str) -> bool {
    let rest = name.strip_prefix(&prefix(view)).unwrap_or_default();
    rest.starts_with("fence:{") || rest.starts_with("mark:{")
}

/// What all keys of the view's project begin with.
pub(super) fn prefix(view: &View) -> String {
    format!("{PREFIX}{}:", view.project())
}

fn compare_profile(view: &View, member: &str, answers: &[RedisResult<Value>]) -> Option<Finding> {
    let Some(stored) = hash(answers.first()) else { return Some(of_another_type()) };
    let ttl = answers.get(1).and_then(|answer| read::<i64>(answer.as_ref().ok()?)).unwrap_or(-2);
    let shown = view.member(member);
    // Rounded, relative times do not end together everywhere: within this nothing is wrong.
    let left = shown.as_deref().map_or(i64::MIN, |profile| ttl_s(profile, view.now_ms()));
    let ends = left <= REDIS_CHECK_TTL_SLACK_S && (-2..=REDIS_CHECK_TTL_SLACK_S).contains(&ttl);
    let as_of = stored.get("as_of".as_bytes()).and_then(|value| number(value));
    match (view.hash(&Key::Profile(member)), stored.is_empty()) {
        (None, true) => None,
        (None, false) if shown.is_some() && ends && ttl >= 0 => None,
        (None, false) => Some((Fault::Extra, "hash".to_owned())),
        (Some(_), true) if ends => None,
        (Some(_), true) => Some((Fault::Missing, "hash".to_owned())),
        (Some(fields), false) => compare_fields(&fields, stored).or_else(|| {
            // Without a session the time counts from `as_of`, and Redis may know another.
            let left = match shown.as_deref().filter(|profile| profile.session.is_none()) {
                Some(_) => as_of.map_or(left, |as_of| left_s(as_of, view.now_ms())),
                None => left,
            };
            let is_right = (ttl - left).abs() <= REDIS_CHECK_TTL_SLACK_S && ttl >= 0;
            (!is_right).then(|| (Fault::Lifetime, "time to live".to_owned()))
        }),
    }
}

type Fields = BTreeMap<Vec<u8>, Vec<u8>>;

fn compare_fields(fields: &[(String, String)], mut stored: Fields) -> Option<Finding> {
    let mut wrong = Vec::new();
    let mut is_ahead = false;
    let is_told_then = is_of_another_instant(fields, &stored);
    for (field, value) in fields {
        if is_told_then && (field == "as_of" || field.starts_with("score:")) {
            stored.remove(field.as_bytes());
            continue;
        }
        match stored.remove(field.as_bytes()) {
            Some(there) if there == value.as_bytes() => {}
            Some(there) => {
                is_ahead |= field == "v" && number(&there) > value.parse().ok();
                wrong.push(field.clone());
            }
            None => wrong.push(format!("{field} is missing")),
        }
    }
    let strangers =
        stored.keys().map(|field| format!("{} is extra", String::from_utf8_lossy(field)));
    wrong.extend(strangers);
    let fault = if is_ahead { Fault::Ahead } else { Fault::Different };
    (!wrong.is_empty()).then(|| (fault, brief(&wrong)))
}

/// Seconds until a profile of this instant expires.
fn left_s(as_of: u64, now_ms: i64) -> i64 {
    let end = i64::try_from(as_of).unwrap_or(i64::MAX).saturating_add(PROFILE_TTL_MS);
    end.saturating_sub(now_ms) / 1_000
}

/// Whether Redis tells of the same version as of another instant. After a start everybody is shown
/// as of a later one, with scores that have decayed since; Redis keeps what it has of that version.
fn is_of_another_instant(fields: &[(String, String)], stored: &Fields) -> bool {
    let is_same = |name: &str| {
        let shown = fields.iter().find(|(field, _)| field == name).map(|(_, v)| v.as_bytes());
        shown == stored.get(name.as_bytes()).map(Vec::as_slice)
    };
    let is_instant = stored.get("as_of".as_bytes()).and_then(|value| number(value)).is_some();
    is_same("v") && !is_same("as_of") && is_instant
}

/// Only the fields of the contract: the writer keeps others there for itself.
fn compare_meta(view: &View, answers: &[RedisResult<Value>]) -> Option<Finding> {
    let Some(stored) = hash(answers.first()) else { return Some(of_another_type()) };
    if stored.is_empty() {
        return Some((Fault::Missing, "hash".to_owned()));
    }
    let wrong: Vec<String> = view
        .meta()
        .into_iter()
        .filter(|(field, value)| {
            stored.get(field.as_bytes()).is_none_or(|there| there != value.as_bytes())
        })
        .map(|(field, _)| field.to_owned())
        .collect();
    (!wrong.is_empty()).then(|| (Fault::Different, brief(&wrong)))
}

fn compare_listed(
    shown: Option<i64>,
    member: &str,
    answers: &[RedisResult<Value>],
) -> Option<Finding> {
    let stored = answers.first().and_then(|answer| read::<Option<f64>>(answer.as_ref().ok()?));
    let Some(stored) = stored else { return Some(of_another_type()) };
    match (shown, stored) {
        (None, None) => None,
        (Some(_), None) => Some((Fault::Missing, member.to_owned())),
        (None, Some(_)) => Some((Fault::Extra, member.to_owned())),
        (Some(shown), Some(stored)) => {
            (!is_score(shown, stored)).then(|| (Fault::Different, member.to_owned()))
        }
    }
}

/// Whether Redis' score is this time. Times are below 2^53 and so exact.
fn is_score(shown: i64, stored: f64) -> bool {
    #[allow(clippy::float_cmp, reason = "whole numbers that a float holds exactly")]
    let same = shown as f64 == stored;
    same
}

fn compare_type(answers: &[RedisResult<Value>], wanted: &str) -> Option<Finding> {
    match text(answers.first()).as_deref() {
        Some(kind) if kind == wanted || kind == "none" => None,
        Some(_) | None => Some(of_another_type()),
    }
}

fn of_another_type() -> Finding {
    (Fault::Different, "of another type".to_owned())
}

fn hash(answer: Option<&RedisResult<Value>>) -> Option<Fields> {
    let pairs = read::<Vec<(Vec<u8>, Vec<u8>)>>(answer?.as_ref().ok()?)?;
    Some(pairs.into_iter().collect())
}

fn text(answer: Option<&RedisResult<Value>>) -> Option<String> {
    read(answer?.as_ref().ok()?)
}

fn read<T: redis::FromRedisValue>(value: &Value) -> Option<T> {
    from_redis_value(value.clone()).ok()
}

fn number(bytes: &[u8]) -> Option<u64> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

/// The first few, and how many more.
fn brief(wrong: &[String]) -> String {
    const NAMED: usize = 4;
    let named = wrong.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    match wrong.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}
