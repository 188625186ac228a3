//! What an audit finds, each with what to do about it.
use super::audit::Row;
use super::draw::{count, percent};
use serde::{Deserialize, Serialize};
use sillage_engine::{Plan, RuleSet, SegmentSource, canonical_rule, nearest};
use sillage_model::SegmentIndex;
use sillage_worker::history::{Pairs, Survey};
use std::collections::BTreeMap;

/// From this share of common members on, two segments are nearly the same.
const NEAR_DUPLICATE: f64 = 0.95;
/// A segment smaller than this lies in others by chance.
const CONTAINED_MEMBERS_MIN: u64 = 10;
/// Findings of one kind that are told; the largest segments come first.
const OF_A_KIND_MAX: usize = 50;
/// Reads from which on shares of them say something.
const READS_MIN: u64 = 100;
/// A segment with more than this share of all reads carries the others.
const READ_MOSTLY: f64 = 0.5;
/// Segments that refer to one, from which on it carries them.
const REFERRED_MIN: usize = 3;

/// Something to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Finding {
    pub(crate) kind: Kind,
    /// The segments it is about.
    pub(crate) segments: Vec<String>,
    /// What is so.
    pub(crate) says: String,
    /// What to do about it.
    pub(crate) suggests: String,
}

/// In the order in which they matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    UnknownEvent,
    NeverMatches,
    AlwaysMatches,
    SameRule,
    NearDuplicate,
    Contained,
    Unused,
    OverUsed,
}

/// What findings are made from.
pub(crate) struct Ground<'a> {
    pub(crate) rules: &'a RuleSet,
    pub(crate) plan: &'a Plan,
    pub(crate) found: &'a Survey,
    pub(crate) persons: u64,
    pub(crate) until: i64,
    /// By size.
    pub(crate) rows: &'a [Row],
    /// Which segment each row is.
    pub(crate) order: &'a [SegmentIndex],
    /// The overlaps of the first so many rows.
    pub(crate) pairs: (&'a Pairs, usize),
}

/// All of them, by kind.
pub(crate) fn findings(ground: &Ground<'_>) -> Vec<Finding> {
    let mut all = unknown_events(ground);
    let without = all.iter().flat_map(|finding| finding.segments.clone()).collect::<Vec<_>>();
    all.extend(never_matching(ground, &without));
    all.extend(always_matching(ground));
    let same = same_rules(ground);
    all.extend(alike(ground, &same));
    all.extend(same);
    all.extend(unused(ground));
    all.extend(over_used(ground));
    all.sort_by_key(|finding| finding.kind);
    let mut kept: BTreeMap<Kind, usize> = BTreeMap::new();
    all.retain(|finding| {
        let kept = kept.entry(finding.kind).or_default();
        *kept += 1;
        *kept <= OF_A_KIND_MAX
    });
    all
}

fn finding(kind: Kind, segments: &[&str], says: String, suggests: String) -> Finding {
    let segments = segments.iter().map(|&key| key.to_owned()).collect();
    Finding { kind, segments, says, suggests }
}

/// Days of history, at least one.
fn days(ground: &Ground<'_>) -> String {
    let from = ground.found.from.unwrap_or(ground.until);
    let days = (ground.until - from).max(0) / 86_400_000 + 1;
    if days == 1 { "1 day".to_owned() } else { format!("{days} days") }
}

/// Names of events that a rule reads and nobody has ever sent.
fn unknown_events(ground: &Ground<'_>) -> Vec<Finding> {
    let known = &ground.found.events;
    // Beyond some thousands of names not all are known, so none can be said to be missing.
    if known.is_empty() || known.contains_key("(other)") {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (row, segment) in ground.rows.iter().zip(ground.order) {
        let info = &ground.plan.segments()[usize::from(segment.0)];
        let missing = info.events_read.iter();
        for name in missing.filter(|name| *name != "*" && !known.contains_key(*name)) {
            let says = format!("reads `{name}`, which came not once in {}", days(ground));
            let suggests = match nearest(name, known.keys().map(String::as_str)) {
                Some(near) => format!(
                    "check the name; the nearest that did come is `{near}` ({} times)",
                    count(known[near])
                ),
                None => "check the name, or whether anything sends it".to_owned(),
            };
            findings.push(finding(Kind::UnknownEvent, &[&row.key], says, suggests));
        }
    }
    findings
}

fn never_matching(ground: &Ground<'_>, without_events: &[String]) -> Vec<Finding> {
    let never = ground.rows.iter().filter(|row| row.entries == 0 && ground.persons > 0);
    let told = never.map(|row| {
        let says = format!("never matched in {}", days(ground));
        let suggests = if without_events.contains(&row.key) {
            "it may be the event that never came, see above".to_owned()
        } else {
            "check names and types of properties in the rule, explain it for somebody who \
             should be in it, or remove it"
                .to_owned()
        };
        finding(Kind::NeverMatches, &[&row.key], says, suggests)
    });
    told.collect()
}

fn always_matching(ground: &Ground<'_>) -> Vec<Finding> {
    let is_all = |row: &&Row| ground.persons > 0 && row.members == ground.persons && row.exits == 0;
    let told = ground.rows.iter().filter(is_all).map(|row| {
        let says = format!("matched all {} persons, always", count(ground.persons));
        let suggests = "it tells nobody apart: narrow the rule, or do without it".to_owned();
        finding(Kind::AlwaysMatches, &[&row.key], says, suggests)
    });
    told.collect()
}

/// Everything that decides who is in a segment, spelled in one way.
fn spelled(source: &SegmentSource) -> Option<String> {
    let exit = source.exit.as_deref().map(canonical_rule);
    Some(format!(
        "{} {exit:?} {} {} {:?}",
        canonical_rule(&source.when)?,
        source.min_stay_ms,
        source.holdout,
        source.requires_consent
    ))
}

fn same_rules(ground: &Ground<'_>) -> Vec<Finding> {
    let mut by_rule: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for source in &ground.rules.segments {
        if let Some(spelled) = spelled(source) {
            by_rule.entry(spelled).or_default().push(&source.key);
        }
    }
    let same = by_rule.into_values().filter(|keys| keys.len() > 1);
    let told = same.map(|keys| {
        let says = "say the same in the same or other words".to_owned();
        let suggests =
            format!("keep `{}`, let readers of the others ask for it, remove the others", keys[0]);
        finding(Kind::SameRule, &keys, says, suggests)
    });
    told.collect()
}

/// Segments with nearly the same members, and segments that lie in others.
fn alike(ground: &Ground<'_>, same: &[Finding]) -> Vec<Finding> {
    let (pairs, compared) = ground.pairs;
    let mut findings = Vec::new();
    for large in 0..compared {
        for small in large + 1..compared {
            let (a, b) = (&ground.rows[large], &ground.rows[small]);
            let is_told = |f: &Finding| f.segments.contains(&a.key) && f.segments.contains(&b.key);
            if same.iter().any(is_told) {
                continue;
            }
            let overlap = pairs.overlap(large, small);
            let jaccard = overlap.jaccard().unwrap_or(0.0);
            let keys = [b.key.as_str(), a.key.as_str()];
            if jaccard >= NEAR_DUPLICATE {
                let both = count(overlap.both);
                let says = format!("share {both} members (Jaccard {jaccard:.3})");
                let suggests = "see whether one of them will do; the smaller rule costs less";
                findings.push(finding(Kind::NearDuplicate, &keys, says, suggests.to_owned()));
            } else if is_contained(ground, a, b) && overlap.only_that == 0 {
                let says = format!(
                    "all {} members of `{}` are among the {} of `{}`",
                    count(b.members),
                    b.key,
                    count(a.members),
                    a.key
                );
                let suggests = format!(
                    "whoever asks for `{}` need not ask for `{}`; if that is meant, write it as \
                     segment(\"{}\") and …",
                    b.key, a.key, a.key
                );
                findings.push(finding(Kind::Contained, &keys, says, suggests));
            }
        }
    }
    findings
}

/// Whether it says something that `small` lies in `large`: neither by its rule nor by chance, and not
/// because everybody is in `large`.
fn is_contained(ground: &Ground<'_>, large: &Row, small: &Row) -> bool {
    small.members >= CONTAINED_MEMBERS_MIN
        && large.members < ground.persons
        && !large.referred_by.contains(&small.key)
}

/// Segments that nobody asks for, neither a reader nor another rule.
fn unused(ground: &Ground<'_>) -> Vec<Finding> {
    let keys = |wanted: fn(&Row) -> bool| -> Vec<&str> {
        let idle = ground.rows.iter().filter(|row| row.referred_by.is_empty() && wanted(row));
        idle.map(|row| row.key.as_str()).collect()
    };
    let unread = keys(|row| row.reads == Some(0));
    let unknown = keys(|row| row.reads.is_none() && !row.public);
    let mut findings = Vec::new();
    if !unread.is_empty() {
        let says = "not once asked for since this collector started, and no rule refers to it";
        let suggests = "ask who reads it (reads of a Redis of your own are not counted here), else \
                        remove it";
        findings.push(finding(Kind::Unused, &unread, says.to_owned(), suggests.to_owned()));
    }
    if !unknown.is_empty() {
        let says = "no rule refers to it, and it is not public";
        let suggests = "audit a running collector, which knows how often each was read";
        findings.push(finding(Kind::Unused, &unknown, says.to_owned(), suggests.to_owned()));
    }
    findings
}

#[allow(clippy::cast_precision_loss, reason = "a share of counts far below 2^53")]
fn over_used(ground: &Ground<'_>) -> Vec<Finding> {
    let all: u64 = ground.rows.iter().filter_map(|row| row.reads).sum();
    let mut findings = Vec::new();
    for row in ground.rows {
        let reads = row.reads.unwrap_or(0);
        if all >= READS_MIN && ground.rows.len() > 1 && reads as f64 > READ_MOSTLY * all as f64 {
            let says = format!("is asked for in {} of all reads", percent(reads, all));
            let suggests = "change its rule with a preview first; see whether readers who ask for \
                            it again and again could follow the change stream";
            findings.push(finding(Kind::OverUsed, &[&row.key], says, suggests.to_owned()));
        }
        if row.referred_by.len() >= REFERRED_MIN {
            let says = format!("carries {} other segments", row.referred_by.len());
            let suggests = format!("a change of it changes {}", row.referred_by.join(", "));
            findings.push(finding(Kind::OverUsed, &[&row.key], says, suggests));
        }
    }
    findings
}
