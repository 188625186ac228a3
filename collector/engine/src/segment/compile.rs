//! All segments of a project, from texts to one plan.
use super::ast::{CompareOp, Events, Literal};
use super::canonical::canonical;
use super::check::{Check, Found, Names};
use super::condition::{Node, Test};
use super::diagnostic::{Diagnostic, Fault, RulePart, Span};
use super::hash::{FixedHash, hash_bytes};
use super::leaf::Leaf;
use super::leaf_table::{Draft, LeafTable};
use super::limits::{
    PERSON_BYTES_MAX, SEGMENT_KEY_BYTES_MAX, SEGMENTS_MAX, WINDOW_ENTRIES_MIN, WINDOW_MS_MAX,
};
use super::parse::parse;
use super::predicates::Predicates;
use super::reads::{Reader, Reads};
use super::rules::{Class, Route, RuleInfo, Rules, SegmentPlan};
use crate::rules::{SegmentSource, Zone};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use hashbrown::HashMap;
use sillage_model::SegmentIndex;

/// Keeps the hash of a plan apart from those of values.
const PLAN_HASH: u8 = 8;

/// What a set of rules is compiled for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting<'a> {
    /// What `score.*` may name, in the order in which a [`super::Subject`] numbers them.
    pub(crate) scores: &'a [&'a str],
    /// Where days begin.
    pub(crate) zone: &'a Zone,
    /// No session is longer, in milliseconds.
    pub(crate) session_max_ms: i64,
}

/// A segment whose rules were read and checked.
struct Checked {
    when: Node,
    exit: Option<Node>,
    consent: Option<Node>,
    spelled: String,
    found: Found,
    /// How many of the references found are in `when`; the others are in `exit`.
    in_when: usize,
}

impl Rules {
    /// Compiles all segments of a project.
    ///
    /// # Errors
    /// Everything that is wrong with any of the rules; each rule is read up to its first misplaced
    /// word and, if it has none, checked as a whole.
    pub(crate) fn compile(
        sources: &[SegmentSource],
        setting: Setting<'_>,
    ) -> Result<Self, Vec<Diagnostic>> {
        let mut diagnostics = Vec::new();
        let segments = index_keys(sources, &mut diagnostics);
        let names = Names { scores: setting.scores, segments: &segments };
        let mut table = LeafTable::default();
        let mut checked = Vec::new();
        for source in sources {
            checked.push(check(source, &names, &mut table, &mut diagnostics));
        }
        if diagnostics.is_empty() {
            diagnostics.extend(share_bytes(sources, &checked, &mut table));
        }
        if !diagnostics.is_empty() {
            return Err(diagnostics);
        }
        let order = order(sources, &checked)?;
        Ok(assemble(sources, checked, table, (order, setting)))
    }
}

/// The keys of segments that compile, with their numbers.
pub(super) fn names_of(sources: &[SegmentSource]) -> BTreeMap<&str, SegmentIndex> {
    index_keys(sources, &mut Vec::new())
}

/// The leaves of segments that compile, as a plan numbers them, for checking parts of their rules.
pub(super) fn table_of<'a>(
    sources: &[SegmentSource],
    setting: Setting<'a>,
    segments: &'a BTreeMap<&'a str, SegmentIndex>,
) -> (Names<'a>, LeafTable) {
    let names = Names { scores: setting.scores, segments };
    let mut table = LeafTable::default();
    for source in sources {
        check(source, &names, &mut table, &mut Vec::new());
    }
    (names, table)
}

/// Reads and checks the rules of one segment.
fn check(
    source: &SegmentSource,
    names: &Names<'_>,
    table: &mut LeafTable,
    diagnostics: &mut Vec<Diagnostic>,
) -> Checked {
    let mut check = Check::new(names, table);
    let mut rule = |check: &mut Check<'_>, text: &str, part: RulePart| {
        let expr = match parse(text) {
            Ok(expr) => expr,
            Err(fault) => {
                diagnostics.push(fault.in_part(&source.key, part));
                return (Node::Constant(false), String::new());
            }
        };
        let node = check.condition(&expr);
        let faults = check.found.faults.drain(..);
        diagnostics.extend(faults.map(|fault| fault.in_part(&source.key, part)));
        (node, canonical(&expr))
    };
    let (when, spelled) = rule(&mut check, &source.when, RulePart::When);
    let in_when = check.found.segments.len();
    let exit = source.exit.as_deref().map(|text| rule(&mut check, text, RulePart::Exit));
    let (exit, spelled_exit) = exit.unzip();
    let consent = source.requires_consent.as_deref().and_then(|purpose| {
        let (operand, _) = check.context_fact("consent.categoryPreferences", purpose)?;
        Some(Node::Test(operand, Test::Compare(CompareOp::Equal, Literal::Bool(true))))
    });
    check.found.moves |= source.min_stay_ms > 0;
    let spelled = format!("{spelled} exit {spelled_exit:?} {:?}", source.requires_consent);
    let found = check.found;
    diagnostics.extend(settings_fault(source));
    Checked { when, exit, consent, spelled, found, in_when }
}

/// What is wrong with the settings beside the rules.
fn settings_fault(source: &SegmentSource) -> Option<Diagnostic> {
    let nowhere = Span { start: 0, end: 0 };
    let message = if !(0..=WINDOW_MS_MAX).contains(&source.min_stay_ms) {
        format!("`min_stay` is {} ms; it must be 0 to five years", source.min_stay_ms)
    } else if source.holdout > 10_000 {
        "`holdout` is a percentage, from 0 to 100".to_string()
    } else if source.requires_consent.as_deref().is_some_and(str::is_empty) {
        "`requires_consent` names a purpose".to_string()
    } else {
        return None;
    };
    Some(Fault::new(nowhere, message, "the setting, not the rule").of(&source.key))
}

/// Lets the lists that have a cap share what exact ones leave of a person's bytes.
fn share_bytes(
    sources: &[SegmentSource],
    checked: &[Checked],
    table: &mut LeafTable,
) -> Option<Diagnostic> {
    let capped = |draft: &&Draft| draft.leaf.is_capped();
    let exact: usize = table.leaves.iter().filter(|d| !capped(d)).map(|d| d.leaf.bytes_max()).sum();
    let wanted: usize = table.leaves.iter().filter(capped).map(|d| d.leaf.bytes_max()).sum();
    if exact + wanted <= PERSON_BYTES_MAX {
        return None;
    }
    let count = table.leaves.iter().filter(capped).count().max(1);
    let share = PERSON_BYTES_MAX.saturating_sub(exact) / count;
    for draft in table.leaves.iter_mut().filter(|draft| draft.leaf.is_capped()) {
        let fitting = share / draft.leaf.entry_bytes().max(1);
        draft.leaf.cap = draft.leaf.cap.min(u32::try_from(fitting).unwrap_or(u32::MAX)).max(1);
    }
    let starved = |draft: &Draft| draft.leaf.is_capped() && draft.leaf.cap < WINDOW_ENTRIES_MIN;
    let is_too_much = exact > PERSON_BYTES_MAX || table.leaves.iter().any(starved);
    let bytes = |rule: &Checked| -> usize {
        let leaves = rule.found.leaves.iter();
        leaves.map(|leaf| table.leaves[usize::from(*leaf)].leaf.bytes_max()).sum()
    };
    let (source, _) = sources.iter().zip(checked).max_by_key(|(_, rule)| bytes(rule))?;
    let message = format!(
        "all rules together may keep {} KiB of one person; at most {} KiB are kept",
        (exact + wanted) / 1_024,
        PERSON_BYTES_MAX / 1_024
    );
    let fault = Fault::new(Span { start: 0, end: source.when.len() }, message, "the largest part");
    let help = "shorten windows' lists: compare counts with smaller numbers, or drop windowed sums";
    is_too_much.then(|| fault.help(help).of(&source.key))
}

/// Numbers the segments and looks at their keys.
fn index_keys<'s>(
    sources: &'s [SegmentSource],
    diagnostics: &mut Vec<Diagnostic>,
) -> BTreeMap<&'s str, SegmentIndex> {
    let nowhere = Span { start: 0, end: 0 };
    let mut segments = BTreeMap::new();
    for (index, source) in sources.iter().enumerate() {
        let key = source.key.as_str();
        let in_key = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if key.is_empty() || key.len() > SEGMENT_KEY_BYTES_MAX || !key.bytes().all(in_key) {
            let message = format!("`{key}` is not the key of a segment");
            let fault = Fault::new(nowhere, message, "the key, not the rule");
            let help = "a key has 1 to 64 of the characters a-z, 0-9 and `-`";
            diagnostics.push(fault.help(help).of(key));
        }
        let number = u16::try_from(index).ok().filter(|_| index < SEGMENTS_MAX);
        let Some(number) = number else {
            let message = format!("there are more than {SEGMENTS_MAX} segments");
            diagnostics.push(Fault::new(nowhere, message, "one too many").of(key));
            break;
        };
        if segments.insert(key, SegmentIndex(number)).is_some() {
            let fault = Fault::new(nowhere, "two segments have this key", "the key, not the rule");
            diagnostics.push(fault.help("give one of them another key").of(key));
        }
    }
    segments
}

/// An order in which each segment comes after those it refers to; the given order where free.
fn order(
    sources: &[SegmentSource],
    checked: &[Checked],
) -> Result<Vec<SegmentIndex>, Vec<Diagnostic>> {
    let needs: Vec<BTreeSet<usize>> = checked.iter().map(needed).collect();
    let mut waiting: Vec<usize> = needs.iter().map(BTreeSet::len).collect();
    let mut wanted_by = alloc::vec![Vec::new(); checked.len()];
    for (index, needs) in needs.iter().enumerate() {
        for &needed in needs {
            wanted_by[needed].push(index);
        }
    }
    let mut ready: BTreeSet<usize> = (0..checked.len()).filter(|i| waiting[*i] == 0).collect();
    let mut ordered = Vec::new();
    while let Some(index) = ready.pop_first() {
        ordered.push(segment_index(index));
        for &dependent in &wanted_by[index] {
            waiting[dependent] -= 1;
            if waiting[dependent] == 0 {
                ready.insert(dependent);
            }
        }
    }
    match waiting.iter().position(|left| *left > 0) {
        None => Ok(ordered),
        Some(stuck) => Err(alloc::vec![circle(sources, checked, &waiting, stuck)]),
    }
}

fn needed(rule: &Checked) -> BTreeSet<usize> {
    rule.found.segments.iter().map(|(segment, _)| usize::from(segment.0)).collect()
}

/// The diagnostic for a circle, which is found by following references among the stuck.
fn circle(
    sources: &[SegmentSource],
    checked: &[Checked],
    waiting: &[usize],
    stuck: usize,
) -> Diagnostic {
    let mut path = alloc::vec![stuck];
    loop {
        let last = path[path.len() - 1];
        let references = &checked[last].found.segments;
        let stuck_ones = references.iter().map(|(segment, _)| usize::from(segment.0));
        let next = stuck_ones.into_iter().find(|next| waiting[*next] > 0);
        let next = next.expect("a segment waits because it refers to one that waits");
        if let Some(start) = path.iter().position(|seen| *seen == next) {
            path.drain(..start);
            path.push(next);
            break;
        }
        path.push(next);
    }
    let keys: Vec<&str> = path.iter().map(|index| sources[*index].key.as_str()).collect();
    let (first, second) = (path[0], path[1]);
    let references = &checked[first].found.segments;
    let place = references.iter().position(|(segment, _)| usize::from(segment.0) == second);
    let span = place.map_or(Span { start: 0, end: 0 }, |place| references[place].1);
    let in_exit = place.is_some_and(|place| place >= checked[first].in_when);
    let part = if in_exit { RulePart::Exit } else { RulePart::When };
    let message = format!("segments refer to each other in a circle: {}", keys.join(" → "));
    let fault = Fault::new(span, message, "closes the circle");
    fault.help("write out one of the conditions instead of referring to it").in_part(keys[0], part)
}

fn segment_index(index: usize) -> SegmentIndex {
    SegmentIndex(u16::try_from(index).expect("the number of segments was checked"))
}

fn assemble(
    sources: &[SegmentSource],
    checked: Vec<Checked>,
    table: LeafTable,
    (order, setting): (Vec<SegmentIndex>, Setting<'_>),
) -> Rules {
    let mut places = alloc::vec![0; checked.len()];
    for (place, segment) in (0..).zip(&order) {
        places[usize::from(segment.0)] = place;
    }
    let leaves: Vec<Leaf> = table.leaves.iter().map(|draft| draft.leaf.clone()).collect();
    let mut readers = alloc::vec![Vec::new(); leaves.len()];
    let mut read_by_score = Vec::new();
    let mut dependents = alloc::vec![Vec::new(); checked.len()];
    for ((rule, source), &place) in checked.iter().zip(sources).zip(&places) {
        let reads = reads(rule, source, &leaves);
        for (leaf, read) in reads.leaves {
            readers[usize::from(leaf)].push(Reader { place, read });
        }
        read_by_score.extend(reads.score.map(|read| Reader { place, read }));
        for needed in needed(rule) {
            dependents[needed].push(place);
        }
    }
    let reading = |reads: fn(&Found) -> bool| -> Vec<u16> {
        let all = checked.iter().zip(&places);
        all.filter(|(rule, _)| reads(&rule.found)).map(|(_, place)| *place).collect()
    };
    let (read_by_session, read_by_traits) =
        (reading(|f| f.reads_session), reading(|f| f.reads_traits));
    let digest = digest(sources, &checked, &table.leaves);
    let infos = checked.iter().map(|rule| info(&rule.found, &table.leaves)).collect();
    let sessions_ms = checked.iter().map(|rule| rule.found.sessions_ms).max().unwrap_or(0);
    let (routes, any) = routes(&table.leaves);
    let every = every(&table.leaves);
    let planned = |((rule, dependents), source): ((Checked, _), &SegmentSource)| SegmentPlan {
        when: rule.when,
        exit: rule.exit,
        consent: rule.consent,
        min_stay_ms: source.min_stay_ms,
        holdout: (source.holdout > 0)
            .then(|| (source.holdout, format!("holdout:{}", source.key).into())),
        looks_at_who: rule.found.looks_at_who,
        dependents,
    };
    let segments = checked.into_iter().zip(dependents).zip(sources).map(planned).collect();
    let mut rules = Rules {
        leaves,
        readers,
        predicates: Predicates::new(table.predicates),
        routes,
        any,
        every,
        zone: setting.zone.clone(),
        session_max_ms: setting.session_max_ms,
        sessions_ms,
        segments,
        infos,
        order,
        places,
        unprompted: Vec::new(),
        read_by_session,
        read_by_score,
        read_by_traits,
        digest,
    };
    rules.unprompted = rules.unprompted();
    rules
}

/// What a segment's rules read, and how they turn with it.
fn reads(rule: &Checked, source: &SegmentSource, leaves: &[Leaf]) -> Reads {
    let mut reads = Reads::default();
    reads.of(&rule.when, false, leaves);
    for other in rule.exit.iter().chain(&rule.consent) {
        reads.of(other, false, leaves);
    }
    // Then a membership is not simply what the rule says.
    if rule.exit.is_some() || rule.consent.is_some() || source.min_stay_ms > 0 || source.holdout > 0
    {
        reads.blur();
    }
    reads
}

/// A hash of everything that decides what is kept and who is a member.
fn digest(sources: &[SegmentSource], checked: &[Checked], leaves: &[Draft]) -> u64 {
    let mut spelled = String::new();
    for draft in leaves {
        spelled.push_str(&draft.leaf.identity());
        spelled.push('\n');
    }
    for (source, rule) in sources.iter().zip(checked) {
        // Settings beside the rules are in the digest of the plan.
        spelled.push_str(&format!("{:?} {}\n", source.key, rule.spelled));
    }
    hash_bytes(PLAN_HASH, spelled.as_bytes())
}

/// Leaves by the name of the event, grouped by predicate so that each is asked once per event.
type Routes = (HashMap<Box<str>, Vec<Route>, FixedHash>, Vec<Route>);

fn routes(leaves: &[Draft]) -> Routes {
    let mut by_name: BTreeMap<&str, BTreeMap<Option<u16>, Vec<u16>>> = BTreeMap::new();
    let mut any: BTreeMap<Option<u16>, Vec<u16>> = BTreeMap::new();
    for draft in leaves {
        if let Events::Named(names) = &draft.events {
            for name in names {
                by_name.entry(name).or_default();
            }
        }
    }
    for (index, draft) in leaves.iter().enumerate() {
        let index = u16::try_from(index).expect("the number of leaves was checked");
        let mut add = |by: &mut BTreeMap<Option<u16>, Vec<u16>>| {
            by.entry(draft.predicate).or_default().push(index);
        };
        match &draft.events {
            Events::Any | Events::Every => {
                by_name.values_mut().for_each(&mut add);
                add(&mut any);
            }
            Events::Named(names) => {
                for name in names {
                    by_name.get_mut(name.as_str()).into_iter().for_each(&mut add);
                }
            }
        }
    }
    let listed = |by: BTreeMap<Option<u16>, Vec<u16>>| -> Vec<Route> {
        by.into_iter().map(|(predicate, leaves)| Route { predicate, leaves }).collect()
    };
    let by_name = by_name.into_iter().map(|(name, by)| (name.into(), listed(by))).collect();
    (by_name, listed(any))
}

/// The leaves that every fact reaches.
fn every(leaves: &[Draft]) -> Vec<u16> {
    let all = (0..).zip(leaves).filter(|(_, draft)| draft.events == Events::Every);
    all.map(|(index, _)| index).collect()
}

fn info(found: &Found, leaves: &[Draft]) -> RuleInfo {
    let mut events_read = BTreeSet::new();
    for events in &found.events {
        match events {
            Events::Any | Events::Every => {
                events_read.insert("*".to_string());
            }
            Events::Named(names) => events_read.extend(names.iter().cloned()),
        }
    }
    let bytes = found.leaves.iter().map(|leaf| leaves[usize::from(*leaf)].leaf.bytes_max()).sum();
    let class = if found.moves {
        Class::Timed
    } else if found.leaves.is_empty() && !found.reads_session {
        Class::Static
    } else {
        Class::Event
    };
    let cap_of = |(_, leaf): &(&str, u16)| leaves[usize::from(*leaf)].leaf.keep();
    let exactness = match found.capped.iter().map(cap_of).min() {
        None => "exact".to_string(),
        Some(cap) => {
            let mut names: Vec<&str> = found.capped.iter().map(|(name, _)| *name).collect();
            names.dedup();
            format!("exact up to {cap} events in the window ({})", names.join(", "))
        }
    };
    RuleInfo {
        events_read: events_read.into_iter().collect(),
        bytes_per_person: bytes,
        worst_exit_lag_ms: 0,
        class,
        exactness,
    }
}
