//! From a body to its events.
//!
//! One walk finds the shared fields and, event by event, where each field lies. An event that
//! cannot be walked is passed over by its brackets, so that its neighbours go on. What the events
//! mean is decided when they are visited, after everything they inherit is known.
use crate::envelope::Envelope;
use crate::event::{Event, EventType, Judge};
use crate::fields::{Field, Fields, Form};
use crate::json::Reader;
use crate::limits::{BODY_BYTES_CEILING, EVENT_BYTES_TYPICAL, Limits};
use crate::verdict::{BodyError, Code, EventError, Fault};
use alloc::vec::Vec;
use core::ops::Range;

/// A body that was walked once, with its events in order.
#[derive(Debug)]
pub struct Batch<'a> {
    /// What all events share.
    pub envelope: Envelope<'a>,
    text: &'a str,
    limits: Limits,
    kind: Option<EventType>,
    items: Vec<Item>,
}

/// One event of the body, not judged yet.
#[derive(Debug)]
struct Item {
    span: Range<usize>,
    fields: Fields,
    /// Why the walk over it ended early.
    fault: Option<Fault>,
}

impl<'a> Batch<'a> {
    /// Events in the body, good or bad. None only in a report: a batch in which an installation says
    /// how it stands and nothing else.
    #[must_use]
    pub fn event_count(&self) -> usize {
        self.items.len()
    }

    /// Judges the events in the order of the body.
    ///
    /// # Cost
    /// Allocates only for text with escapes.
    pub fn events(&self) -> impl Iterator<Item = Result<Event<'a>, EventError<'a>>> + '_ {
        self.items.iter().map(|item| self.judge(item))
    }

    fn judge(&self, item: &Item) -> Result<Event<'a>, EventError<'a>> {
        let raw = self.text.as_bytes().get(item.span.clone()).unwrap_or_default();
        let judge = Judge {
            body: self.text,
            limits: &self.limits,
            envelope: &self.envelope,
            kind: self.kind,
        };
        if let Some(Fault { code, at }) = item.fault {
            let at = at.saturating_sub(item.span.start);
            return Err(EventError::at(Fault { code, at }, raw));
        }
        let fields = &item.fields;
        if raw.len() > self.limits.event_bytes_max {
            return Err(judge.refuse(Code::EventTooLarge, fields, raw));
        }
        judge.event(fields, raw)
    }
}

/// Walks a body of the batch path: an object with a list `batch` and the fields of [`Envelope`]
/// before or after it.
///
/// # Errors
/// The body is empty, not UTF-8, not JSON around its events, no batch, or a batch of too many events
/// or of none. None is right if `sillage.install` says who reports.
///
/// # Cost
/// One pass, and one allocation for the list of events.
pub fn decode_batch<'a>(body: &'a [u8], limits: &Limits) -> Result<Batch<'a>, BodyError> {
    let (text, start) = text_of(body)?;
    let relative = |fault: Fault| BodyError { code: fault.code, offset: fault.at + start };
    let mut reader = Reader::new(text);
    if reader.next_byte() != Some(b'{') {
        return Err(relative(reader.fault(not_an_envelope(&reader))));
    }
    let mut shared = Fields::new();
    let mut items = None;
    reader
        .object(|key, reader| match Field::named(key) {
            Some(Field::Batch) if items.is_some() => Err(reader.fault(Code::DuplicateKey)),
            Some(Field::Batch) => {
                let read = read_items(reader, text.len(), limits)?;
                items = Some((read, reader.at() - 1));
                Ok(())
            }
            Some(field) => shared.read_one(field, reader),
            None => reader.skip_value().map(drop),
        })
        .map_err(relative)?;
    expect_end(&mut reader).map_err(relative)?;
    let (items, end) = items.ok_or(BodyError { code: Code::InvalidEnvelope, offset: start })?;
    let envelope = Envelope::of_batch(&shared, text, limits);
    let reports = envelope.sillage.as_ref().is_some_and(|s| !s.install.is_empty());
    if items.is_empty() && !reports {
        return Err(relative(Fault { code: Code::EmptyBatch, at: end }));
    }
    Ok(Batch { envelope, text, limits: *limits, kind: None, items })
}

/// Walks a body that is one event itself, as on the paths named after a type. `kind` is what the
/// path says; the event's own `type` wins.
///
/// # Errors
/// The body is empty, not UTF-8, not JSON or no object.
pub fn decode_single<'a>(
    body: &'a [u8],
    kind: Option<EventType>,
    limits: &Limits,
) -> Result<Batch<'a>, BodyError> {
    let (text, offset) = text_of(body)?;
    let relative = |fault: Fault| BodyError { code: fault.code, offset: fault.at + offset };
    let mut reader = Reader::new(text);
    if reader.next_byte() != Some(b'{') {
        return Err(relative(reader.fault(not_an_envelope(&reader))));
    }
    let start = reader.at();
    let mut fields = Fields::new();
    reader = fields.read(reader, "").map_err(relative)?;
    let span = start..reader.at();
    expect_end(&mut reader).map_err(relative)?;
    Ok(Batch {
        envelope: Envelope::of_single(&fields, text),
        text,
        limits: *limits,
        kind,
        items: [Item { span, fields, fault: None }].into(),
    })
}

/// The text of a body without its byte order mark, and where it starts.
fn text_of(body: &[u8]) -> Result<(&str, usize), BodyError> {
    const MARK: &str = "\u{feff}";
    if body.len() > BODY_BYTES_CEILING {
        return Err(BodyError { code: Code::InvalidEnvelope, offset: BODY_BYTES_CEILING });
    }
    let text = core::str::from_utf8(body)
        .map_err(|e| BodyError { code: Code::InvalidJson, offset: e.valid_up_to() })?;
    let stripped = text.strip_prefix(MARK).unwrap_or(text);
    if stripped.trim_ascii().is_empty() {
        return Err(BodyError { code: Code::EmptyBody, offset: 0 });
    }
    Ok((stripped, text.len() - stripped.len()))
}

/// Tells JSON that is no object from what is no JSON at all.
fn not_an_envelope(reader: &Reader<'_>) -> Code {
    let mut probe = *reader;
    let read = match probe.peek() {
        Some(b'[') => probe.skip_value().map(drop),
        Some(b'"') => probe.string().map(drop),
        _ => probe.scalar().map(drop),
    };
    match read.and_then(|()| expect_end(&mut probe)) {
        Ok(()) => Code::InvalidEnvelope,
        Err(_) => Code::InvalidJson,
    }
}

fn expect_end(reader: &mut Reader<'_>) -> Result<(), Fault> {
    match reader.next_byte() {
        None => Ok(()),
        Some(_) => Err(reader.fault(Code::InvalidJson)),
    }
}

fn read_items(
    reader: &mut Reader<'_>,
    body_bytes: usize,
    limits: &Limits,
) -> Result<Vec<Item>, Fault> {
    if reader.peek() != Some(b'[') {
        return Err(reader.fault(Code::InvalidEnvelope));
    }
    reader.advance();
    if reader.next_byte() == Some(b']') {
        reader.advance();
        return Ok(Vec::new());
    }
    let expected = (body_bytes / EVENT_BYTES_TYPICAL + 1).min(limits.batch_events_max);
    let mut items = Vec::with_capacity(expected);
    let mut likely_context = "";
    loop {
        reader.next_byte();
        if items.len() == limits.batch_events_max {
            return Err(reader.fault(Code::TooManyEvents));
        }
        // Filled in place: an item is large to move.
        items.push(Item { span: 0..0, fields: Fields::new(), fault: None });
        let item = items.last_mut().expect("pushed above");
        read_item(reader, item, likely_context)?;
        if item.fields.form(Field::Context) == Form::Object {
            likely_context = reader.slice(item.fields.span(Field::Context));
        }
        match reader.next_byte() {
            Some(b',') => reader.advance(),
            Some(b']') => break,
            _ => return Err(reader.fault(Code::InvalidJson)),
        }
    }
    reader.advance();
    Ok(items)
}

/// Reads one event, or passes over what cannot be read.
#[inline(always)]
fn read_item(reader: &mut Reader<'_>, item: &mut Item, likely_context: &str) -> Result<(), Fault> {
    let start = reader.at();
    if reader.peek() != Some(b'{') {
        item.fault = Some(reader.fault(Code::NotAnObject));
        item.span = reader.skip_value()?;
        return Ok(());
    }
    match item.fields.read(*reader, likely_context) {
        Ok(after) => {
            *reader = after;
            item.span = start..reader.at();
        }
        Err(fault) => {
            item.fault = Some(fault);
            item.span = reader.skip_value()?;
        }
    }
    Ok(())
}
