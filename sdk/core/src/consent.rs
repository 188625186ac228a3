//! Whether an event may be kept.
use crate::codec::put;
use crate::config::{Config, PrivacySignal};
use crate::input::Choice;
use crate::json::push_string;
use alloc::string::String;
use alloc::vec::Vec;

/// What the person has chosen, and what the system says of the person.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Consent {
    pub(crate) choices: Vec<(String, Choice)>,
    gpc: bool,
    dnt: bool,
}

/// The answer for one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gate {
    /// It may be kept.
    Open,
    /// The person has not answered yet.
    Unknown,
    /// It may not.
    Closed,
}

/// Consent categories a device keeps; what comes beyond is not remembered, and so not granted.
const CATEGORIES_MAX: usize = 64;

impl Consent {
    /// What was said later counts more.
    pub(crate) fn overlay(&mut self, later: &Self) {
        for (category, choice) in &later.choices {
            self.choose(category, *choice);
        }
        (self.gpc, self.dnt) = (later.gpc, later.dnt);
    }

    pub(crate) fn choose(&mut self, category: &str, choice: Choice) {
        let known = self.choices.iter_mut().find(|(name, _)| name == category);
        if let Some((_, kept)) = known {
            *kept = choice;
        } else if self.choices.len() < CATEGORIES_MAX {
            self.choices.push((String::from(category), choice));
        }
    }

    pub(crate) fn signal(&mut self, gpc: bool, dnt: bool) {
        (self.gpc, self.dnt) = (gpc, dnt);
    }

    /// Whether an event of this name may be kept now.
    pub(crate) fn gate(&self, config: &Config, event: &str) -> Gate {
        let own = config.consent_by_event.iter().find(|(name, _)| name == event);
        if let Some((_, needed)) = own
            && needed.is_empty()
        {
            return Gate::Open;
        }
        let refused = |on: bool, meaning| on && meaning == PrivacySignal::Deny;
        if refused(self.gpc, config.gpc) || refused(self.dnt, config.dnt) {
            return Gate::Closed;
        }
        let needed = own.map_or(&config.consent_required, |(_, needed)| needed);
        let mut gate = Gate::Open;
        for category in needed {
            match self.choices.iter().find(|(name, _)| name == category) {
                Some((_, Choice::Granted)) => {}
                Some((_, Choice::Denied)) => return Gate::Closed,
                None => gate = Gate::Unknown,
            }
        }
        gate
    }

    /// Appends what a context says of it, as members that each begin with a comma.
    pub(crate) fn push_context(&self, config: &Config, out: &mut Vec<u8>) {
        let mut before: &[u8] = b",\"consent\":{\"categoryPreferences\":{";
        for (category, choice) in &self.choices {
            put(out, before);
            push_string(out, category);
            let granted = *choice == Choice::Granted;
            put(out, if granted { b":true" } else { b":false" });
            before = b",";
        }
        if !self.choices.is_empty() {
            put(out, b"}}");
        }
        let said = |on, meaning| on && meaning != PrivacySignal::Ignore;
        if said(self.gpc, config.gpc) {
            put(out, b",\"gpc\":true");
        }
        if said(self.dnt, config.dnt) {
            put(out, b",\"dnt\":true");
        }
    }
}
