//! Makes a world smaller while it still fails, so that a disagreement can be read.
use crate::oracle::rule::{Rule, Select, Term};
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
        simplify_rules(&mut world, &fails);
        if size(&world) == before {
            return world;
        }
    }
}

fn size(world: &World) -> usize {
    let props: usize = world.arrivals.iter().map(|e| e.props.len() + e.context.len()).sum();
    let rules: usize = world.rules.segments.iter().map(|(_, r)| r.to_string().len()).sum();
    world.asks.len() + world.arrivals.len() + props + rules + world.rules.weights.len()
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
        let (key, _) = &world.rules.segments[index];
        let named = format!("segment(\"{key}\")");
        if !world.rules.segments.iter().any(|(_, r)| r.to_string().contains(&named)) {
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

fn simplify_rules(world: &mut World, fails: &impl Fn(&World) -> bool) {
    for index in 0..world.rules.segments.len() {
        loop {
            let simpler = simpler(&world.rules.segments[index].1);
            let better = |rule: Rule| {
                let mut smaller = world.clone();
                smaller.rules.segments[index].1 = rule;
                fails(&smaller).then_some(smaller)
            };
            match simpler.into_iter().find_map(better) {
                Some(smaller) => *world = smaller,
                None => break,
            }
        }
    }
}

/// Rules that are this one with something left out.
fn simpler(rule: &Rule) -> Vec<Rule> {
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
        Rule::Compare(term, op, literal) => simpler_terms(term)
            .into_iter()
            .map(|term| Rule::Compare(term, *op, literal.clone()))
            .collect(),
        Rule::Exists(select) => simpler_selects(select).into_iter().map(Rule::Exists).collect(),
        Rule::In(..)
        | Rule::Contains(..)
        | Rule::StartsWith(..)
        | Rule::EndsWith(..)
        | Rule::Between(..)
        | Rule::Present(_)
        | Rule::Segment(_) => Vec::new(),
    }
}

fn simpler_terms(term: &Term) -> Vec<Term> {
    let with = |select: &Select, make: &dyn Fn(Select) -> Term| {
        simpler_selects(select).into_iter().map(make).collect()
    };
    match term {
        Term::Count(select) => with(select, &Term::Count),
        Term::TimeSince(select) => with(select, &Term::TimeSince),
        Term::TimeSinceFirst(select) => with(select, &Term::TimeSinceFirst),
        Term::Fold(fold, path, select) => {
            with(select, &|select| Term::Fold(*fold, path.clone(), select))
        }
        Term::Property(_) | Term::Trait(_) | Term::Session(_) | Term::Engagement => Vec::new(),
    }
}

fn simpler_selects(select: &Select) -> Vec<Select> {
    let Some(condition) = &select.condition else { return Vec::new() };
    let deeper = simpler(condition).into_iter().map(|c| Some(Box::new(c)));
    std::iter::once(None)
        .chain(deeper)
        .map(|condition| Select { condition, ..select.clone() })
        .collect()
}
