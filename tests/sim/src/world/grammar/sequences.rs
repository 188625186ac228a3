//! Sequences: steps, forbidden steps, deadlines, and properties that stay the same.
use super::Grammar;
use crate::oracle::rule::{Rule, Step};
use crate::world::SHOP_EVENTS;

/// What events of a chain may have to have in common.
const SAME: [&[&str]; 7] = [
    &["product_id"],
    &["category"],
    &["category", "gift"],
    &["cart.total"],
    &["mixed"],
    &["context.device.type"],
    &["tags"],
];

impl Grammar<'_> {
    pub(super) fn sequence(&mut self) -> Rule {
        self.saw("sequence");
        let count = *self.rng.pick(&[1, 2, 2, 2, 2, 2, 3, 3, 3, 4]);
        let mut steps = Vec::new();
        for index in 0..count {
            if index > 0 && self.rng.chance(25) {
                for _ in 0..self.rng.range(1, 2) {
                    self.saw("no … between steps");
                    steps.push(self.forbidden(false));
                }
            }
            let mut step = self.step();
            let soon = if index == 0 { 35 } else { 50 };
            step.within_ms = self.rng.chance(soon).then(|| {
                self.saw(if index == 0 { "first step within" } else { "later step within" });
                self.short_span()
            });
            steps.push(step);
        }
        self.saw(match count {
            1 => "one step",
            2 => "two steps",
            3 => "three steps",
            _ => "four steps",
        });
        if count == 1 || self.rng.chance(35) {
            if steps[0].within_ms.is_none() && self.rng.chance(60) {
                // What is never forgotten would hide whatever the absences say later.
                self.saw("first step within");
                steps[0].within_ms = Some(self.span());
            }
            for _ in 0..*self.rng.pick(&[1, 1, 1, 2]) {
                let timed = self.rng.chance(65);
                self.saw(if timed { "no … within at the end" } else { "no … at the end" });
                steps.push(self.forbidden(timed));
            }
        }
        if self.rng.chance(20) {
            let same = self.rng.pick(&SAME);
            self.saw(if same.len() == 1 { "same(one)" } else { "same(several)" });
            let index = self.rng.index(steps.len());
            steps[index].same = same.iter().map(|&path| path.to_owned()).collect();
        }
        Rule::Sequence(steps)
    }

    fn step(&mut self) -> Step {
        // Few names, so that steps are met and broken.
        let names = if self.rng.chance(60) {
            vec![self.rng.word(&SHOP_EVENTS[..3]).to_owned()]
        } else {
            self.names()
        };
        let condition = self.filter(15);
        Step { forbidden: false, names, condition, within_ms: None, same: Vec::new() }
    }

    fn forbidden(&mut self, timed: bool) -> Step {
        let within_ms = timed.then(|| self.short_span());
        Step { forbidden: true, within_ms, ..self.step() }
    }
}
