//! Writing foreign values straight into the bytes of a fact: JSON is never a tree in between.
use crate::address;
use sillage_model::{Opened, ValueWriter};
use sillage_wire::ValueSink;

/// Writes what it is told at the end of a buffer.
pub(crate) struct FactSink<'b> {
    writer: ValueWriter<'b>,
    open: &'b mut Vec<Opened>,
}

impl<'b> FactSink<'b> {
    /// `open` is scratch: where containers began that are still open.
    pub(crate) fn new(out: &'b mut Vec<u8>, open: &'b mut Vec<Opened>) -> Self {
        open.clear();
        Self { writer: ValueWriter::new(out), open }
    }

    fn close(&mut self) {
        if let Some(opened) = self.open.pop() {
            self.writer.close(opened);
        }
    }
}

impl ValueSink for FactSink<'_> {
    fn null(&mut self) {
        self.writer.null();
    }

    fn bool(&mut self, value: bool) {
        self.writer.bool(value);
    }

    fn int(&mut self, value: i64) {
        self.writer.int(value);
    }

    fn float(&mut self, value: f64) {
        self.writer.float(value);
    }

    fn str(&mut self, text: &str) {
        self.writer.str(text);
    }

    fn begin_list(&mut self) {
        self.open.push(self.writer.open_list());
    }

    fn end_list(&mut self) {
        self.close();
    }

    fn begin_map(&mut self) {
        self.open.push(self.writer.open_map());
    }

    fn key(&mut self, key: &str) {
        self.writer.key(key);
    }

    fn end_map(&mut self) {
        self.close();
    }
}

/// Writes a context, and of its `ip` only the network: a whole address never reaches the bytes.
pub(crate) struct ContextSink<'b> {
    facts: FactSink<'b>,
    address: Address,
    network: String,
}

/// What is to be done with the next value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Address {
    /// Every value is written as it is.
    Keep,
    /// Addresses are truncated; the next value is none.
    Truncate,
    /// The next value is the context's `ip`; its key is not yet written.
    Next,
    /// Inside a container that was given as `ip`, this deep; nothing of it is written.
    Inside(u32),
}

impl<'b> ContextSink<'b> {
    pub(crate) fn new(out: &'b mut Vec<u8>, open: &'b mut Vec<Opened>, truncate: bool) -> Self {
        let address = if truncate { Address::Truncate } else { Address::Keep };
        Self { facts: FactSink::new(out, open), address, network: String::new() }
    }

    /// Whether a value that is not text may be written; one in the place of an address may not.
    fn passes(&mut self) -> bool {
        match self.address {
            Address::Keep | Address::Truncate => true,
            Address::Next => {
                self.address = Address::Truncate;
                false
            }
            Address::Inside(_) => false,
        }
    }

    fn begins(&mut self) -> bool {
        self.address = match self.address {
            Address::Next => Address::Inside(1),
            Address::Inside(depth) => Address::Inside(depth + 1),
            other => other,
        };
        !matches!(self.address, Address::Inside(_))
    }

    fn ends(&mut self) -> bool {
        match self.address {
            Address::Inside(1) => self.address = Address::Truncate,
            Address::Inside(depth) => self.address = Address::Inside(depth - 1),
            Address::Keep | Address::Truncate | Address::Next => return true,
        }
        false
    }
}

impl ValueSink for ContextSink<'_> {
    fn null(&mut self) {
        if self.passes() {
            self.facts.null();
        }
    }

    fn bool(&mut self, value: bool) {
        if self.passes() {
            self.facts.bool(value);
        }
    }

    fn int(&mut self, value: i64) {
        if self.passes() {
            self.facts.int(value);
        }
    }

    fn float(&mut self, value: f64) {
        if self.passes() {
            self.facts.float(value);
        }
    }

    fn str(&mut self, text: &str) {
        if self.address != Address::Next {
            if self.passes() {
                self.facts.str(text);
            }
            return;
        }
        self.address = Address::Truncate;
        self.network.clear();
        address::write_truncated(text, &mut self.network);
        if !self.network.is_empty() {
            self.facts.key("ip");
            self.facts.str(&self.network);
        }
    }

    fn begin_list(&mut self) {
        if self.begins() {
            self.facts.begin_list();
        }
    }

    fn end_list(&mut self) {
        if self.ends() {
            self.facts.end_list();
        }
    }

    fn begin_map(&mut self) {
        if self.begins() {
            self.facts.begin_map();
        }
    }

    fn key(&mut self, key: &str) {
        if self.address == Address::Truncate && key == "ip" && self.facts.open.is_empty() {
            self.address = Address::Next;
        } else if !matches!(self.address, Address::Inside(_)) {
            self.facts.key(key);
        }
    }

    fn end_map(&mut self) {
        if self.ends() {
            self.facts.end_map();
        }
    }
}
