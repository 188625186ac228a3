//! All segments of a project, from texts to one plan.
use super::ast::{Events, Expr};
use super::canonical::canonical;
use super::check::{Check, Found, Names};
use super::condition::Node;
use super::diagnostic::{Diagnostic, Fault, Span};
use super::hash::{FixedHash, hash_bytes};
use super::leaf::Leaf;
use super::leaf_table::{Draft, LeafTable};
use super::limits::{SEGMENT_KEY_BYTES_MAX, SEGMENTS_MAX, WINDOW_ENTRIES_MAX};
use super::parse::parse;
use super::rules::{Class, Route, RuleInfo, Rules, SegmentPlan};
use crate::rules::SegmentSource;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use hashbrown::HashMap;
use sillage_model::SegmentIndex;

/// Keeps the hash of a plan apart from those of values.
const PLAN_HASH: u8 = 8;

/// A rule that was read and checked.
struct Checked {
    node: Node,
    spelled: String,
    found: Found,
}

impl Rules {
    /// Compiles all segments of a project. `score_names` are what `score.*` may name, in the order
    /// in which a [`super::Subject`] numbers them.
    ///
    /// # Errors
    /// Everything that is wrong with any of the rules; each rule is read up to its first misplaced
    /// word and, if it has none, checked as a whole.
    pub(crate) fn compile(
        sources: &[SegmentSource],
        score_names: &[&str],
    ) -> Result<Self, Vec<Diagnostic>> {
        let mut diagnostics = Vec::new();
        let segments = index_keys(sources, &mut diagnostics);
        let names = Names { scores: score_names, segments: &segments };
        let mut table = LeafTable::default();
        let mut checked = Vec::new();
        for source in sources {
            match parse(&source.when) {
                Ok(expr) => {
                    let rule = check(&expr, &names, &mut table);
                    let faults = rule.found.faults.iter().cloned();
                    diagnostics.extend(faults.map(|fault| fault.of(&source.key)));
                    checked.push(rule);
                }
                Err(fault) => diagnostics.push(fault.of(&source.key)),
            }
        }
        if !diagnostics.is_empty() {
            return Err(diagnostics);
        }
        let order = order(sources, &checked)?;
        Ok(assemble(sources, checked, table, order))
    }
}

fn check(expr: &Expr, names: &Names<'_>, table: &mut LeafTable) -> Checked {
    let mut check = Check::new(names, table);
    let node = check.condition(expr);
    Checked { node, spelled: canonical(expr), found: check.found }
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
    let place = references.iter().find(|(segment, _)| usize::from(segment.0) == second);
    let span = place.map_or(Span { start: 0, end: 0 }, |(_, span)| *span);
    let message = format!("segments refer to each other in a circle: {}", keys.join(" → "));
    let fault = Fault::new(span, message, "closes the circle");
    fault.help("write out one of the conditions instead of referring to it").of(keys[0])
}

fn segment_index(index: usize) -> SegmentIndex {
    SegmentIndex(u16::try_from(index).expect("the number of segments was checked"))
}

fn assemble(
    sources: &[SegmentSource],
    checked: Vec<Checked>,
    table: LeafTable,
    order: Vec<SegmentIndex>,
) -> Rules {
    let mut readers = alloc::vec![Vec::new(); table.leaves.len()];
    let mut dependents = alloc::vec![Vec::new(); checked.len()];
    for (index, rule) in checked.iter().enumerate() {
        for &leaf in &rule.found.leaves {
            readers[usize::from(leaf)].push(segment_index(index));
        }
        for needed in needed(rule) {
            dependents[needed].push(segment_index(index));
        }
    }
    let reading = |reads: fn(&Found) -> bool| -> Vec<SegmentIndex> {
        let all = checked.iter().enumerate();
        all.filter(|(_, rule)| reads(&rule.found)).map(|(i, _)| segment_index(i)).collect()
    };
    let (session, score) = (reading(|f| f.reads_session), reading(|f| f.reads_score));
    let traits = reading(|f| f.reads_traits);
    let digest = digest(sources, &checked, &table.leaves);
    let infos = checked.iter().map(|rule| info(&rule.found, &table.leaves)).collect();
    let (routes, any) = routes(&table.leaves);
    let segments = checked
        .into_iter()
        .zip(dependents)
        .map(|(rule, dependents)| SegmentPlan { rule: rule.node, dependents })
        .collect();
    let leaves: Vec<Leaf> = table.leaves.into_iter().map(|draft| draft.leaf).collect();
    Rules {
        leaves,
        readers,
        predicates: table.predicates,
        routes,
        any,
        segments,
        infos,
        order,
        read_by_session: session,
        read_by_score: score,
        read_by_traits: traits,
        digest,
    }
}

/// A hash of everything that decides what is kept and who is a member.
fn digest(sources: &[SegmentSource], checked: &[Checked], leaves: &[Draft]) -> u64 {
    let mut spelled = String::new();
    for draft in leaves {
        spelled.push_str(&draft.leaf.identity());
        spelled.push('\n');
    }
    for (source, rule) in sources.iter().zip(checked) {
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
            Events::Any => {
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

fn info(found: &Found, leaves: &[Draft]) -> RuleInfo {
    let mut events_read = BTreeSet::new();
    for events in &found.events {
        match events {
            Events::Any => {
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
    let exactness = if found.capped.is_empty() {
        "exact".to_string()
    } else {
        let names = found.capped.join(", ");
        format!("exact up to {WINDOW_ENTRIES_MAX} events in the window ({names})")
    };
    RuleInfo {
        events_read: events_read.into_iter().collect(),
        bytes_per_person: bytes,
        worst_exit_lag_ms: 0,
        class,
        exactness,
    }
}
