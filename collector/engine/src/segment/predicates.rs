//! What `where` asks of events, each answered at most once per event however many rules ask.
//!
//! Most predicates compare one property with one text. Those of one property are a table: the value
//! is looked up once and says which of them holds.
use super::ast::{CompareOp, Literal};
use super::condition::{EventValues, Node, Operand, Plain, Property, Test};
use super::hash::FixedHash;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cell::Cell;
use hashbrown::HashMap;

/// All predicates of a set of rules, by number.
#[derive(Debug, Default)]
pub(super) struct Predicates {
    nodes: Vec<Node>,
    /// For each predicate: the table that answers it.
    table: Vec<Option<u16>>,
    tables: Vec<Table>,
}

/// Predicates that compare one property with texts.
#[derive(Debug)]
struct Table {
    property: Property,
    /// Which predicate holds for a text.
    by_text: HashMap<Box<str>, u16, FixedHash>,
}

/// Answers kept while one event is looked at. Those beyond are given anew each time.
const KEPT_ANSWERS: usize = 128;
const KEPT_TABLES: usize = 16;

/// An event, asked.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    predicates: &'a Predicates,
    event: EventValues<'a>,
    /// Bits of the predicates that were asked, and of those that hold.
    known: Cell<u128>,
    holds: Cell<u128>,
    /// Which predicate of a table holds; `None` while nobody asked.
    rows: [Cell<Option<Option<u16>>>; KEPT_TABLES],
}

impl Predicates {
    pub(super) fn new(nodes: Vec<Node>) -> Self {
        let mut tables: Vec<Table> = Vec::new();
        let mut table = Vec::new();
        for (number, node) in (0_u16..).zip(&nodes) {
            table.push(equality(node).and_then(|(property, text)| {
                let known = tables.iter().position(|table| table.property == *property);
                let index = known.unwrap_or_else(|| {
                    let by_text = HashMap::default();
                    tables.push(Table { property: property.clone(), by_text });
                    tables.len() - 1
                });
                tables[index].by_text.insert(text.into(), number);
                u16::try_from(index).ok()
            }));
        }
        Self { nodes, table, tables }
    }

    /// Begins to ask about an event.
    pub(super) fn ask<'a>(&'a self, event: EventValues<'a>) -> Asked<'a> {
        let rows = [const { Cell::new(None) }; KEPT_TABLES];
        Asked { predicates: self, event, known: Cell::new(0), holds: Cell::new(0), rows }
    }
}

impl Asked<'_> {
    /// Whether the event satisfies a predicate.
    pub(super) fn accepts(&self, number: u16) -> bool {
        let index = usize::from(number);
        if let Some(table) = self.predicates.table[index] {
            return self.row(usize::from(table)) == Some(number);
        }
        if index >= KEPT_ANSWERS {
            return self.predicates.nodes[index].accepts(self.event);
        }
        let bit = 1_u128 << index;
        if self.known.get() & bit == 0 {
            self.known.set(self.known.get() | bit);
            if self.predicates.nodes[index].accepts(self.event) {
                self.holds.set(self.holds.get() | bit);
            }
        }
        self.holds.get() & bit != 0
    }

    /// Which predicate of a table the event satisfies.
    fn row(&self, table: usize) -> Option<u16> {
        if let Some(known) = self.rows.get(table).and_then(Cell::get) {
            return known;
        }
        let Table { property, by_text } = &self.predicates.tables[table];
        let row = match property.of(self.event).and_then(Plain::of) {
            Some(Plain::Text(text)) => by_text.get(text).copied(),
            _ => None,
        };
        if let Some(kept) = self.rows.get(table) {
            kept.set(Some(row));
        }
        row
    }
}

/// The property and the text that a predicate compares, if it does nothing else.
fn equality(node: &Node) -> Option<(&Property, &str)> {
    match node {
        Node::Test(
            Operand::Property(property),
            Test::Compare(CompareOp::Equal, Literal::Text(text)),
        ) => Some((property, text)),
        _ => None,
    }
}
