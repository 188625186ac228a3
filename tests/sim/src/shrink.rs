//! Makes a world smaller while it still fails, so that a disagreement can be read.
use crate::oracle::calendar::UTC;
use crate::oracle::rule::{Rule, Segment, Select, Step, Term, Window};
use crate::world::World;

/// The smallest world found that still satisfies `fails`.
pub fn shrink(world: World, fails: impl Fn(&World) -> bool) -> World {
    let mut world = world;
    loop {
        let before = size(&world);
        drop_asks(&mut world, &fails);
        drop_segments(&mut world, &fails);
        drop_arrivals(&mut world, &fails);
        drop_details(&mut world, &fails);
        drop_settings(&mut world, &fails);
        simplify_rules(&mut world, &fails);
        if size(&world) == before {
            return world;
        }
    }
}

fn size(world: &World) -> usize {
    let props: usize = world.arrivals.iter().map(|e| e.props.len() + e.context.len()).sum();
    let rules: usize = world.rules.segments.iter().map(segment_size).sum();
    world.asks.len() + world.arrivals.len() + props + rules + world.rules.weights.len()
}

fn segment_size(segment: &Segment) -> usize {
    let rules: usize = segment.rules().map(|rule| rule.to_string().len() + 1).sum();
    rules
        + usize::from(segment.min_stay_ms > 0)
        + usize::from(segment.holdout > 0)
        + usize::from(segment.requires_consent.is_some())
}

fn keep_if(
    world: &mut World,
    fails: &impl Fn(&World) -> bool,
    change: impl Fn(&mut World),
) -> bool {
    let mut smaller = world.clone();
    change(&mut smaller);
    let still = fails(&smaller);
    if still {
        *world = smaller;
    }
    still
}

fn drop_asks(world: &mut World, fails: &impl Fn(&World) -> bool) {
    for index in (0..world.asks.len()).rev() {
        keep_if(world, fails, |w| {
            w.asks.remove(index);
        });
    }
}

fn drop_arrivals(world: &mut World, fails: &impl Fn(&World) -> bool) {
    let mut chunk = world.arrivals.len().next_power_of_two();
    while chunk > 0 {
        let mut end = world.arrivals.len();
        while end > 0 {
            let start = end.saturating_sub(chunk);
            keep_if(world, fails, |w| {
                w.arrivals.drain(start..end);
                for ask in &mut w.asks {
                    let gone = ask.after.clamp(start, end) - start;
                    ask.after -= gone;
                }
            });
            end = start;
        }
        chunk /= 2;
    }
}

fn drop_segments(world: &mut World, fails: &impl Fn(&World) -> bool) {
    for index in (0..world.rules.segments.len()).rev() {
        let named = format!("segment(\"{}\")", world.rules.segments[index].key);
        let is_named = |segment: &Segment| segment.rules().any(|r| r.to_string().contains(&named));
        if !world.rules.segments.iter().any(is_named) {
            keep_if(world, fails, |w| drop(w.rules.segments.remove(index)));
        }
    }
}

fn drop_details(world: &mut World, fails: &impl Fn(&World) -> bool) {
    for index in 0..world.arrivals.len() {
        for at in (0..world.arrivals[index].props.len()).rev() {
            keep_if(world, fails, |w| drop(w.arrivals[index].props.remove(at)));
        }
        for at in (0..world.arrivals[index].context.len()).rev() {
            keep_if(world, fails, |w| drop(w.arrivals[index].context.remove(at)));
        }
        keep_if(world, fails, |w| w.arrivals[index].seq = None);
    }
    for index in (0..world.rules.weights.len()).rev() {
        keep_if(world, fails, |w| drop(w.rules.weights.remove(index)));
    }
    keep_if(world, fails, |w| w.rules.engaged_second = 0.0);
}

fn drop_settings(world: &mut World, fails: &impl Fn(&World) -> bool) {
    for index in 0..world.rules.segments.len() {
        keep_if(world, fails, |w| w.rules.segments[index].exit = None);
        keep_if(world, fails, |w| w.rules.segments[index].min_stay_ms = 0);
        keep_if(world, fails, |w| w.rules.segments[index].holdout = 0);
        keep_if(world, fails, |w| w.rules.segments[index].requires_consent = None);
    }
    keep_if(world, fails, |w| w.rules.zone = UTC);
}

/// A rule of a segment, to be replaced.
type Place = fn(&mut Segment) -> Option<&mut Rule>;

fn simplify_rules(world: &mut World, fails: &impl Fn(&World) -> bool) {
    let places: [Place; 2] = [|segment| Some(&mut segment.when), |segment| segment.exit.as_mut()];
    for index in 0..world.rules.segments.len() {
        for place in places {
            loop {
                let rule = place(&mut world.rules.segments[index]).cloned();
                let better = |rule: Rule| {
                    let mut smaller = world.clone();
                    *place(&mut smaller.rules.segments[index])? = rule;
                    fails(&smaller).then_some(smaller)
                };
                match rule.iter().flat_map(simpler).find_map(better) {
                    Some(smaller) => *world = smaller,
                    None => break,
                }
            }
        }
    }
}

/// Rules that are this one with something left out.
fn simpler(rule: &Rule) -> Vec<Rule> {
    let with = |select: &Select, make: &dyn Fn(Select) -> Rule| -> Vec<Rule> {
        simpler_selects(select).into_iter().map(make).collect()
    };
    let swapped = |term: &Term, make: &dyn Fn(Term) -> Rule| -> Vec<Rule> {
        simpler_terms(term).into_iter().map(make).collect()
    };
    match rule {
        Rule::And(rules) | Rule::Or(rules) => {
            let whole: fn(Vec<Rule>) -> Rule =
                if matches!(rule, Rule::And(_)) { Rule::And } else { Rule::Or };
            let mut found = rules.clone();
            for (index, inner) in rules.iter().enumerate() {
                for inner in simpler(inner) {
                    let mut rules = rules.clone();
                    rules[index] = inner;
                    found.push(whole(rules));
                }
            }
            found
        }
        Rule::Not(inner) => {
            let deeper = simpler(inner).into_iter().map(|r| Rule::Not(Box::new(r)));
            std::iter::once((**inner).clone()).chain(deeper).collect()
        }
        Rule::Compare(term, op, other) => {
            let mut found = swapped(term, &|term| Rule::Compare(term, *op, other.clone()));
            found.extend(swapped(other, &|other| Rule::Compare(term.clone(), *op, other)));
            found
        }
        Rule::In(term, literals) => swapped(term, &|term| Rule::In(term, literals.clone())),
        Rule::Between(term, low, high) => {
            swapped(term, &|term| Rule::Between(term, low.clone(), high.clone()))
        }
        Rule::Present(term) => swapped(term, &Rule::Present),
        Rule::Exists(select) => with(select, &Rule::Exists),
        Rule::FirstTime(select) => with(select, &Rule::FirstTime),
        Rule::Stopped(select) => with(select, &Rule::Stopped),
        Rule::Resumed(select, gap) => with(select, &|select| Rule::Resumed(select, *gap)),
        Rule::Sequence(steps) => simpler_sequences(steps),
        Rule::Is(_)
        | Rule::Contains(..)
        | Rule::StartsWith(..)
        | Rule::EndsWith(..)
        | Rule::Matches(..)
        | Rule::Segment(_) => Vec::new(),
    }
}

fn simpler_sequences(steps: &[Step]) -> Vec<Rule> {
    let mut found = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        if steps.len() > 1 {
            let mut fewer = steps.to_vec();
            fewer.remove(index);
            // A sequence begins with something that happened.
            if fewer.first().is_some_and(|first| !first.forbidden) {
                found.push(fewer);
            }
        }
        let simpler = [
            Step { condition: None, ..step.clone() },
            Step { within_ms: None, ..step.clone() },
            Step { same: Vec::new(), ..step.clone() },
        ];
        for simpler in simpler.into_iter().filter(|simpler| simpler != step) {
            let mut steps = steps.to_vec();
            steps[index] = simpler;
            found.push(steps);
        }
    }
    // A forbidden step between two others takes no `within`.
    let is_sound = |steps: &Vec<Step>| {
        let last = steps.iter().rposition(|step| !step.forbidden).unwrap_or(0);
        steps[..last].iter().all(|step| !step.forbidden || step.within_ms.is_none())
    };
    found.into_iter().filter(is_sound).map(Rule::Sequence).collect()
}

fn simpler_terms(term: &Term) -> Vec<Term> {
    let with = |select: &Select, make: &dyn Fn(Select) -> Term| {
        simpler_selects(select).into_iter().map(make).collect()
    };
    match term {
        Term::Count(select) => with(select, &Term::Count),
        Term::TimeSince(select) => with(select, &Term::TimeSince),
        Term::TimeSinceFirst(select) => with(select, &Term::TimeSinceFirst),
        Term::DaysActive(select) => with(select, &Term::DaysActive),
        Term::Streak(select) => with(select, &Term::Streak),
        Term::Periods(select, every, count) => {
            with(select, &|select| Term::Periods(select, *every, *count))
        }
        Term::Fold(fold, path, select) => {
            with(select, &|select| Term::Fold(*fold, path.clone(), select))
        }
        Term::Ratio(one, other) => vec![(**one).clone(), (**other).clone()],
        Term::Sessions(_)
        | Term::Literal(_)
        | Term::Property(_)
        | Term::Trait(_)
        | Term::Context(..)
        | Term::Session(_)
        | Term::Engagement
        | Term::Now
        | Term::Bucket(_) => Vec::new(),
    }
}

fn simpler_selects(select: &Select) -> Vec<Select> {
    let mut found = Vec::new();
    if let Some(condition) = &select.condition {
        let deeper = simpler(condition).into_iter().map(|c| Some(Box::new(c)));
        let conditions = std::iter::once(None).chain(deeper);
        found.extend(conditions.map(|condition| Select { condition, ..select.clone() }));
    }
    if !matches!(select.window, Window::All | Window::Within(_)) {
        found.push(Select { window: Window::All, ..select.clone() });
    }
    found
}
