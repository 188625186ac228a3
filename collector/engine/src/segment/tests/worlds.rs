//! The engine against the oracle, in random worlds.
use super::oracle::{FUNCTIONS, Happened, Rule, rule, term_of, world};
use super::{Person, rules};
use crate::segment::{Features, Rules, Touched};
use proptest::prelude::*;
use sillage_model::SegmentIndex;

/// A history being folded: what is kept and the latest receipt.
#[derive(Debug, Clone)]
struct History {
    features: Features,
    clock: i64,
}

impl History {
    fn new() -> Self {
        Self { features: Features::default(), clock: 0 }
    }

    fn fold(&mut self, rules: &Rules, event: &Happened) {
        self.clock = self.clock.max(event.at + event.delay);
        let sent = event.sent();
        rules.fold(&mut self.features, &sent.fold_event(), self.clock, &mut Touched::default());
    }

    fn absorb(&mut self, rules: &Rules, other: &Self) {
        self.clock = self.clock.max(other.clock);
        rules.merge(&mut self.features, &other.features, self.clock);
    }

    /// Writes and reads back.
    fn reload(&mut self, rules: &Rules) {
        let bytes = postcard::to_allocvec(&self.features).unwrap();
        self.features = postcard::from_bytes(&bytes).unwrap();
        assert!(rules.fits(&self.features));
    }
}

fn straight(rules: &Rules, world: &[Happened]) -> History {
    let mut history = History::new();
    for event in world {
        history.fold(rules, event);
    }
    history
}

/// Where each event goes (its history and its turn), and when histories merge or are reloaded.
type Plan = Vec<(u8, u8, u8)>;

fn scattered(rules: &Rules, world: &[Happened], plan: &Plan) -> History {
    let mut turns: Vec<(u8, usize)> = Vec::new();
    for (index, (turn, ..)) in plan.iter().take(world.len()).enumerate() {
        turns.push((*turn, index));
    }
    turns.sort_unstable();
    let mut histories = vec![History::new(), History::new(), History::new()];
    for (_, index) in turns {
        let (_, target, then) = plan[index];
        let target = usize::from(target) % histories.len();
        histories[target].fold(rules, &world[index]);
        match then {
            0..40 => histories[target].reload(rules),
            40..70 if histories.len() > 1 => {
                let other = histories.remove((target + 1) % histories.len());
                let into = target % histories.len();
                histories[into].absorb(rules, &other);
            }
            _ => {}
        }
    }
    let mut whole = histories.remove(0);
    for other in &histories {
        whole.absorb(rules, other);
    }
    whole
}

fn plan() -> impl Strategy<Value = Plan> {
    prop::collection::vec(any::<(u8, u8, u8)>(), 14)
}

fn check_sweep(rule: &Rule, world: &[Happened], plan: &Plan, exact: bool) {
    let text = rule.text();
    let rules = rules(&[&text]);
    let history = scattered(&rules, world, plan);
    let person = Person { features: history.features, ..Person::default() };
    let (start, end) = (history.clock, history.clock + 5_000);
    let truth: Vec<bool> = (start..=end).map(|now| rule.holds(world, now)).collect();
    let mut next_change = None;
    for now in (start..=end).rev() {
        let place = usize::try_from(now - start).unwrap();
        if now < end && truth[place + 1] != truth[place] {
            next_change = Some(now + 1);
        }
        let verdict = rules.evaluate(SegmentIndex(0), &person, now, None);
        assert_eq!(verdict.member, truth[place], "{text} at {now}");
        assert!(verdict.changes_at.is_none_or(|at| at > now), "{text} at {now}");
        let foreseen = verdict.changes_at.unwrap_or(i64::MAX);
        assert!(foreseen <= next_change.unwrap_or(i64::MAX), "{text} at {now}: {verdict:?}");
        if exact {
            let within = verdict.changes_at.filter(|at| *at <= end);
            assert_eq!(within, next_change, "{text} at {now}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_rule_answers_as_the_oracle_at_every_millisecond_and_foresees_every_change(
        rule in rule(), world in world(), plan in plan(),
    ) {
        check_sweep(&rule, &world, &plan, false);
    }

    #[test]
    fn one_comparison_with_literals_foresees_its_change_exactly(
        term in prop::sample::select(
            FUNCTIONS.iter().filter(|f| **f != "time_since_first").copied().collect::<Vec<_>>()
        ).prop_flat_map(term_of),
        world in world(),
        plan in plan(),
    ) {
        check_sweep(&Rule::Term(term), &world, &plan, true);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_kept_depends_on_the_events_alone(
        some in prop::collection::vec(rule(), 1..5), world in world(), one in plan(), two in plan(),
    ) {
        let texts: Vec<String> = some.iter().map(Rule::text).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let rules = rules(&texts);
        let expected = straight(&rules, &world);
        for plan in [one, two] {
            let found = scattered(&rules, &world, &plan);
            prop_assert_eq!(found.clock, expected.clock);
            prop_assert_eq!(&found.features, &expected.features);
            let bytes = |features| postcard::to_allocvec(features).unwrap();
            prop_assert_eq!(bytes(&found.features), bytes(&expected.features));
        }
    }

    #[test]
    fn rules_compiled_together_answer_as_each_alone(
        some in prop::collection::vec(rule(), 2..6), world in world(), later in 0_i64..4_000,
    ) {
        let texts: Vec<String> = some.iter().map(Rule::text).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let rules = rules(&texts);
        let history = straight(&rules, &world);
        let now = history.clock + later;
        let person = Person { features: history.features, ..Person::default() };
        for (index, rule) in some.iter().enumerate() {
            let segment = SegmentIndex(u16::try_from(index).unwrap());
            let verdict = rules.evaluate(segment, &person, now, None);
            prop_assert_eq!(verdict.member, rule.holds(&world, now), "{}", rule.text());
        }
    }
}
