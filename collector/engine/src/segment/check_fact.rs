//! What names stand for: facts outside `where`, properties of the event inside.
use super::ast::{Events, Function, Path, Window};
use super::check::{Check, Type};
use super::condition::{Operand, Pick, Property, PropertyRoot, Reading};
use super::diagnostic::{Fault, Span};
use super::leaf::LeafKind;
use super::leaf_table::KeepsAll;
use super::parse_aggregate::joined;
use super::subject::SessionField;
use super::word;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

impl Check<'_> {
    /// A fact about the person.
    pub(super) fn fact(&mut self, path: &Path, span: Span) -> Option<(Operand, Type)> {
        let root = &path.names[0];
        let rest: Vec<&str> = path.names[1..].iter().map(|name| name.value.as_str()).collect();
        let rest = rest.join(".");
        let fault = match root.value.as_str() {
            "trait" if !rest.is_empty() => {
                self.found.reads_traits = true;
                return Some((Operand::Trait(rest.into()), Type::Any));
            }
            "session" if !rest.is_empty() => {
                match SessionField::ALL.into_iter().find(|field| field.name() == rest) {
                    Some(field) => {
                        self.found.reads_session = true;
                        return Some((Operand::Session(field), session_type(field)));
                    }
                    None => unknown(path, "session", SessionField::ALL.map(SessionField::name)),
                }
            }
            "score" if !rest.is_empty() => {
                match self.names.scores.iter().position(|name| *name == rest) {
                    Some(index) => {
                        self.found.reads_score = true;
                        self.found.moves = true;
                        let index = u16::try_from(index).unwrap_or(u16::MAX);
                        return Some((Operand::Score(index), Type::Number));
                    }
                    None => unknown(path, "score", self.names.scores.iter().copied()),
                }
            }
            "trait" | "session" | "score" => {
                let message = format!("`{}` is a group of facts, not a value", root.value);
                let example = match root.value.as_str() {
                    "trait" => "trait.country",
                    "session" => "session.pages",
                    _ => "score.engagement",
                };
                let fault = Fault::new(span, message, "which one?");
                fault.help(format!("for example: {example}"))
            }
            "now" if rest.is_empty() => {
                self.found.moves = true;
                self.found.looks_at_who = true;
                return Some((Operand::Now, Type::Number));
            }
            "now" => Fault::new(span, "`now` is an instant and has no parts", "not a fact"),
            name if word::is_later_root(name) => word::not_supported(root.span, name),
            name => match word::CONTEXT_ROOTS.iter().find(|(root, _)| *root == name) {
                Some((root, _)) if rest.is_empty() => {
                    let message = format!("`{root}` is a group of facts, not a value");
                    let example = context_example(root);
                    Fault::new(span, message, "which one?").help(format!("for example: {example}"))
                }
                Some((_, place)) => return self.context_fact(place, &rest),
                None => unknown_fact(root.span, name),
            },
        };
        self.fault(fault);
        None
    }

    /// What the latest event that has it says in its context. Any fact counts, also one that is no
    /// event to a rule.
    pub(super) fn context_fact(&mut self, place: &str, name: &str) -> Option<(Operand, Type)> {
        let path = format!("{place}.{name}").into();
        let kind = LeafKind::Last(Property { root: PropertyRoot::Context, path });
        let leaf = self.table.leaf(&Events::Every, None, kind, (None, KeepsAll::No))?;
        self.note_leaf(leaf, KeepsAll::No, "");
        Some((Operand::Leaf(leaf, Reading::Value(Pick::Last, Window::Lifetime)), Type::Any))
    }

    /// A property of the event at hand.
    pub(super) fn property(&mut self, path: &Path, span: Span) -> Option<Property> {
        let property = property_of(path);
        if property.is_none() {
            let root = &path.names[0];
            let whole = joined(path);
            self.fault(if word::is_later_root(&root.value) {
                word::not_supported(root.span, &root.value)
            } else {
                let message = format!("`{whole}` is about the person, not about the event");
                let fault = Fault::new(span, message, "not a property of the event");
                fault.help(format!(
                    "test it outside `where`; a property of that name is `properties.{whole}`"
                ))
            });
        }
        property
    }
}

/// The place in the context that a fact is read from.
pub(super) fn context_place(path: &Path) -> Option<String> {
    let root = path.names[0].value.as_str();
    let (_, place) = word::CONTEXT_ROOTS.iter().find(|(name, _)| *name == root)?;
    let rest: Vec<&str> = path.names[1..].iter().map(|name| name.value.as_str()).collect();
    Some(format!("{place}.{}", rest.join(".")))
}

/// The property of an event that a path names; `None` if it names none.
pub(super) fn property_of(path: &Path) -> Option<Property> {
    let root = path.names[0].value.as_str();
    let rest: Vec<&str> = path.names[1..].iter().map(|name| name.value.as_str()).collect();
    let rest = rest.join(".");
    if rest.is_empty() {
        return Some(Property { root: PropertyRoot::Props, path: root.into() });
    }
    match root {
        "context" => Some(Property { root: PropertyRoot::Context, path: rest.into() }),
        "properties" => Some(Property { root: PropertyRoot::Props, path: rest.into() }),
        root if word::is_later_root(root) || word::ROOTS.contains(&root) && root != "now" => None,
        _ => Some(Property { root: PropertyRoot::Props, path: joined(path).into() }),
    }
}

fn context_example(root: &str) -> &'static str {
    match root {
        "device" => "device.type == \"mobile\"",
        "os" => "os.name == \"iOS\"",
        "app" => "app.version starts with \"2.\"",
        "geo" => "geo.country == \"FR\"",
        "campaign" => "campaign.source == \"newsletter\"",
        _ => "consent.personalization",
    }
}

fn session_type(field: SessionField) -> Type {
    match field {
        SessionField::Bounced => Type::Bool,
        SessionField::EntryPage
        | SessionField::ExitPage
        | SessionField::Referrer
        | SessionField::Campaign
        | SessionField::StartReason => Type::Text,
        SessionField::Events
        | SessionField::Pages
        | SessionField::Screens
        | SessionField::EngagedMs
        | SessionField::DurationMs
        | SessionField::Conversions
        | SessionField::Revenue => Type::Number,
    }
}

fn unknown<'n>(path: &Path, root: &str, known: impl IntoIterator<Item = &'n str>) -> Fault {
    let (first, last) = (&path.names[1], &path.names[path.names.len() - 1]);
    let rest: Vec<&str> = path.names[1..].iter().map(|name| name.value.as_str()).collect();
    let rest = rest.join(".");
    let message = format!("there is no `{root}.{rest}`");
    let known: Vec<&str> = known.into_iter().collect();
    Fault::new(first.span.to(last.span), message, "unknown")
        .near(&rest, known.iter().copied())
        .or_help(format!("known are {}", known.join(", ")))
}

fn unknown_fact(span: Span, name: &str) -> Fault {
    let fault = Fault::new(span, format!("there is no fact `{name}`"), "unknown");
    let function = Function::ALL.into_iter().find(|f| f.name() == name);
    match function {
        Some(f) if f.takes_property() => fault.help(format!("write {name}(price of \"Event\")")),
        Some(_) => fault.help(format!("write {name}(\"Event\")")),
        None => fault.near(name, word::ROOTS).or_help(
            "facts are trait.*, session.*, score.*, device.*, os.*, app.*, geo.*, campaign.*, \
             consent.* and now; properties of events stand in `where`, text between double quotes",
        ),
    }
}
