//! The part of the grammar between the parentheses of `sequence`.
use super::ast::{Path, Sequence, Spanned, Step};
use super::diagnostic::Fault;
use super::limits::{SAME_MAX, STEPS_MAX};
use super::parse::Parser;
use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

impl Parser {
    /// `step { "->" [ "no" ] step }`.
    pub(super) fn sequence(&mut self) -> Result<Sequence, Fault> {
        let start = self.span();
        let mut sequence = Sequence { steps: Vec::new(), same: Vec::new() };
        loop {
            let step = self.step(&mut sequence.same)?;
            sequence.steps.push(step);
            if !self.take_symbol("->") {
                break;
            }
        }
        let whole = start.to(self.last_span());
        let fault = if sequence.steps.len() > STEPS_MAX {
            let message = format!("a sequence has at most {STEPS_MAX} steps");
            Fault::new(whole, message, "too many steps")
        } else if sequence.steps.len() < 2 {
            Fault::new(whole, "a sequence has at least two steps", "only one")
                .help("write sequence(\"A\" -> \"B\" within 1h), or exists(\"A\")")
        } else if sequence.steps[0].absent {
            Fault::new(
                sequence.steps[0].span,
                "a sequence begins with an event",
                "nothing to wait for",
            )
            .help("write sequence(\"A\" -> no \"B\" within 30m)")
        } else {
            return sequence.misplaced().map_or(Ok(sequence), Err);
        };
        Err(fault)
    }

    fn step(&mut self, same: &mut Vec<Spanned<Path>>) -> Result<Step, Fault> {
        let start = self.span();
        let absent = self.take_word("no") || self.take_word("not");
        let events = self.events()?;
        let (mut predicate, mut within) = (None, None);
        loop {
            let here = self.span();
            let comma = self.take_symbol(",");
            if self.at_word("same") && same.is_empty() {
                self.take();
                self.same(same)?;
            } else if comma {
                return Err(self.expected("`same(…)` after the comma"));
            } else if self.at_word("where") && predicate.is_none() {
                self.take();
                predicate = Some(Box::new(self.any()?));
            } else if self.at_word("within") && within.is_none() {
                self.take();
                let value = self.window_length()?;
                within = Some(Spanned { span: here.to(self.last_span()), value });
            } else if self.at_symbol("->") || self.at_symbol(")") {
                break;
            } else {
                return Err(self.expected("`->`, `where`, `within`, `same` or `)`"));
            }
        }
        Ok(Step { span: start.to(self.last_span()), absent, events, predicate, within })
    }

    /// `( path { "," path } )`.
    fn same(&mut self, same: &mut Vec<Spanned<Path>>) -> Result<(), Fault> {
        let opened = self.span();
        if !self.take_symbol("(") {
            let fault = self.expected("`(` and a property after `same`");
            return Err(fault.or_help("write for example same(product_id)"));
        }
        loop {
            same.push(self.path()?);
            if !self.take_symbol(",") {
                break;
            }
        }
        self.close(")", opened)?;
        if same.len() > SAME_MAX {
            let message = format!("`same` takes at most {SAME_MAX} properties");
            return Err(Fault::new(opened.to(self.last_span()), message, "too many"));
        }
        Ok(())
    }
}

impl Sequence {
    /// A forbidden step that stands between two others and yet has a time.
    fn misplaced(&self) -> Option<Fault> {
        let last = self.steps.iter().rposition(|step| !step.absent)?;
        let within = self.steps[..last].iter().filter(|step| step.absent);
        let within = within.filter_map(|step| step.within.as_ref()).next()?;
        let message = "a forbidden step between two others reaches from one to the other";
        let fault = Fault::new(within.span, message, "takes no time here");
        Some(fault.help("write `within` after the step that follows"))
    }
}
