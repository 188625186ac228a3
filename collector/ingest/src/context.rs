//! The context of each event: its own laid over the batch's, completed from the request, and
//! written once for all the events that share it.
//!
//! A device repeats its context with every event, so the last one read is remembered by its bytes.
use crate::facts::ContextSink;
use crate::limits::USER_AGENT_BYTES_MAX;
use sillage_model::{Map, Opened, SharedContextsWriter, Value, ValueWriter};
use sillage_wire::{EventError, Limits, Raw, transcode_object};
use std::fmt::Write;
use std::net::IpAddr;

/// What the request itself says about the visitor, for contexts that do not say it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Visitor<'r> {
    /// Where the request came from, if that is where the visitor is; a server's own address is not.
    pub address: Option<IpAddr>,
    /// The visitor's browser, by the same rule.
    pub user_agent: Option<&'r str>,
    /// Whether the browser asks not to be sold or shared (`Sec-GPC: 1`).
    pub gpc: bool,
}

/// How a project wants contexts treated.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ContextRules<'p> {
    pub(crate) limits: &'p Limits,
    pub(crate) ip_truncation: bool,
    pub(crate) consent_required: &'p [String],
}

/// A context that has been written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written {
    /// Its number in the append; `None` if it is empty.
    pub(crate) index: Option<u16>,
    /// Whether it carries every consent that the project requires. If not, it was not written.
    pub(crate) consented: bool,
}

impl ContextScratch {
    /// The context that the events of the last batch shared.
    pub(crate) fn of_batch(&self) -> Map<'_> {
        Map::from_bytes(&self.batch)
    }
}

/// The contexts of one request.
pub(crate) struct Contexts<'a, 's> {
    rules: ContextRules<'s>,
    visitor: Visitor<'s>,
    scratch: &'s mut ContextScratch,
    shared: &'s mut SharedContextsWriter,
    /// The context of events that have none of their own.
    plain: Option<Written>,
    /// The last event's own context and what became of it.
    last: Option<(Raw<'a>, Written)>,
}

/// Buffers that are kept from request to request.
#[derive(Debug, Default)]
pub(crate) struct ContextScratch {
    batch: Vec<u8>,
    merged: Vec<u8>,
    address: String,
    open: Vec<Opened>,
}

impl<'a, 's> Contexts<'a, 's> {
    /// Reads the batch's context.
    ///
    /// # Errors
    /// What is wrong with it; then it is wrong for every event.
    pub(crate) fn new(
        batch: Raw<'a>,
        rules: ContextRules<'s>,
        visitor: Visitor<'s>,
        scratch: &'s mut ContextScratch,
        shared: &'s mut SharedContextsWriter,
    ) -> Result<Self, EventError<'a>> {
        scratch.batch.clear();
        shared.clear();
        let ContextScratch { batch: out, open, .. } = &mut *scratch;
        let mut sink = ContextSink::new(out, open, rules.ip_truncation);
        transcode_object(batch, rules.limits, &mut sink)?;
        Ok(Self { rules, visitor, scratch, shared, plain: None, last: None })
    }

    /// The context of an event, given its own.
    ///
    /// # Errors
    /// What is wrong with its own.
    pub(crate) fn of(&mut self, own: Raw<'a>) -> Result<Written, EventError<'a>> {
        if own.is_empty() {
            if let Some(written) = self.plain {
                return Ok(written);
            }
            let written = self.write(own)?;
            self.plain = Some(written);
            return Ok(written);
        }
        if let Some((raw, written)) = self.last
            && raw == own
        {
            return Ok(written);
        }
        let written = self.write(own)?;
        self.last = Some((own, written));
        Ok(written)
    }

    fn write(&mut self, own: Raw<'a>) -> Result<Written, EventError<'a>> {
        let ContextScratch { batch, merged, open, .. } = &mut *self.scratch;
        merged.clear();
        let mut sink = ContextSink::new(merged, open, self.rules.ip_truncation);
        transcode_object(own, self.rules.limits, &mut sink)?;
        if merged.is_empty() {
            merged.extend_from_slice(batch);
        } else {
            lay_under(merged, Map::from_bytes(batch));
        }
        self.complete();
        let merged = &self.scratch.merged;
        let consented = consents(Map::from_bytes(merged), self.rules.consent_required);
        if merged.is_empty() || !consented {
            return Ok(Written { index: None, consented });
        }
        let index = self.shared.add(|out| out.extend_from_slice(merged));
        let index = index.expect("a batch has fewer events than an append has contexts");
        Ok(Written { index: Some(index), consented })
    }

    /// Adds what the request says and the sender does not.
    fn complete(&mut self) {
        let ContextScratch { merged, address, .. } = &mut *self.scratch;
        if let Some(ip) = self.visitor.address
            && !has(merged, "ip")
        {
            let ip = if self.rules.ip_truncation { crate::address::truncate(ip) } else { ip };
            address.clear();
            write!(address, "{}", ip.to_canonical()).expect("writing to a String succeeds");
            push(merged, "ip", Value::Str(address));
        }
        if let Some(agent) = self.visitor.user_agent
            && !has(merged, "userAgent")
        {
            let end = agent.floor_char_boundary(USER_AGENT_BYTES_MAX);
            push(merged, "userAgent", Value::Str(agent.get(..end).unwrap_or_default()));
        }
        if self.visitor.gpc && !has(merged, "gpc") {
            push(merged, "gpc", Value::Bool(true));
        }
    }
}

/// Adds the pairs of `under` whose key is not in `over` yet. Whole values: the page of an event is
/// not mixed with the page of its batch, or a referrer of one would be read as the other's.
fn lay_under(over: &mut Vec<u8>, under: Map<'_>) {
    let own_len = over.len();
    for (key, value) in under.iter() {
        let own = Map::from_bytes(over.get(..own_len).unwrap_or_default());
        if own.get(key).is_none() {
            push(over, key, value);
        }
    }
}

fn has(map: &[u8], key: &str) -> bool {
    Map::from_bytes(map).get(key).is_some()
}

fn push(map: &mut Vec<u8>, key: &str, value: Value<'_>) {
    let mut writer = ValueWriter::new(map);
    writer.key(key);
    writer.value(value);
}

/// Whether every required purpose is granted, in Segment's shape
/// `consent.categoryPreferences.<purpose> = true`. Silence is no consent.
pub(crate) fn consents(context: Map<'_>, required: &[String]) -> bool {
    if required.is_empty() {
        return true;
    }
    let Some(Value::Map(consent)) = context.get("consent") else { return false };
    let Some(Value::Map(given)) = consent.get("categoryPreferences") else { return false };
    required.iter().all(|purpose| given.get(purpose) == Some(Value::Bool(true)))
}
