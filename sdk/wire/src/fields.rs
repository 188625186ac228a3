//! Where the fields of one event lie in the body, before anyone judges them.
//!
//! A batch is walked once; its shared fields may come after its events, so what an event means is
//! decided later. Until then only offsets are kept: 32 bits each, no text is copied.
use crate::json::{Reader, Token};
use crate::verdict::{Code, Fault};
use alloc::borrow::Cow;
use core::ops::Range;

/// The fields that mean something. Others are passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Field {
    Type,
    MessageId,
    AnonymousId,
    UserId,
    Timestamp,
    OriginalTimestamp,
    Event,
    Name,
    Category,
    GroupId,
    PreviousId,
    Seq,
    SentAt,
    WriteKey,
    Properties,
    Traits,
    Context,
    /// Of a batch only.
    Batch,
    /// Of a batch only.
    Sillage,
}

const FIELD_COUNT: usize = Field::Sillage as usize + 1;

impl Field {
    #[inline(always)]
    pub(crate) fn named(key: &[u8]) -> Option<Self> {
        // The length first: it leaves at most three names to compare with.
        Some(match key.len() {
            3 => match key {
                b"seq" => Self::Seq,
                _ => return None,
            },
            4 => match key {
                b"type" => Self::Type,
                b"name" => Self::Name,
                _ => return None,
            },
            5 => match key {
                b"event" => Self::Event,
                b"batch" => Self::Batch,
                _ => return None,
            },
            6 => match key {
                b"userId" => Self::UserId,
                b"sentAt" => Self::SentAt,
                b"traits" => Self::Traits,
                _ => return None,
            },
            7 => match key {
                b"groupId" => Self::GroupId,
                b"context" => Self::Context,
                b"sillage" => Self::Sillage,
                _ => return None,
            },
            8 => match key {
                b"category" => Self::Category,
                b"writeKey" => Self::WriteKey,
                _ => return None,
            },
            9 => match key {
                b"messageId" => Self::MessageId,
                b"timestamp" => Self::Timestamp,
                _ => return None,
            },
            10 => match key {
                b"previousId" => Self::PreviousId,
                b"properties" => Self::Properties,
                _ => return None,
            },
            11 => match key {
                b"anonymousId" => Self::AnonymousId,
                _ => return None,
            },
            17 => match key {
                b"originalTimestamp" => Self::OriginalTimestamp,
                _ => return None,
            },
            _ => return None,
        })
    }
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Nothing, or null.
    Absent,
    /// Text without escapes, or a number as it was written.
    Plain,
    /// Text with escapes.
    Escaped,
    /// A container.
    Object,
    /// An empty list, which is how PHP writes an empty object.
    EmptyList,
    /// A truth value or a list.
    Other,
}

/// The places of the known fields of one object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields {
    spans: [(u32, u32); FIELD_COUNT],
    forms: [Form; FIELD_COUNT],
    seen: u32,
}

impl Fields {
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self { spans: [(0, 0); FIELD_COUNT], forms: [Form::Absent; FIELD_COUNT], seen: 0 }
    }

    /// Reads the object that starts at the reader and passes over it; a fault leaves both halfway.
    ///
    /// `likely_context` is a whole object that the context may equal byte for byte, or "": the events
    /// of one sender mostly share theirs, and comparing costs a tenth of walking.
    pub(crate) fn read<'a>(
        &mut self,
        at_object: Reader<'a>,
        likely_context: &str,
    ) -> Result<Reader<'a>, Fault> {
        // Not `Reader::object`: here the reader's address never leaves, so it lives in registers.
        let mut reader = at_object;
        reader.expect(b'{')?;
        if reader.next_byte() == Some(b'}') {
            reader.advance();
            return Ok(reader);
        }
        loop {
            reader.next_byte();
            let key = reader.string()?;
            reader.expect(b':')?;
            reader.next_byte();
            let field = if key.escaped {
                let key = key.text().map_err(|code| reader.fault(code))?;
                Field::named(key.as_bytes())
            } else {
                Field::named(key.inner.as_bytes())
            };
            match field {
                Some(Field::Context) if !likely_context.is_empty() => {
                    match reader.pass(likely_context) {
                        Some(span) => self.note(Field::Context, Form::Object, span, reader)?,
                        None => self.read_one(Field::Context, &mut reader)?,
                    }
                }
                Some(field) => self.read_one(field, &mut reader)?,
                None => {
                    reader.skip_value()?;
                }
            }
            match reader.next_byte() {
                Some(b',') => reader.advance(),
                Some(b'}') => break,
                _ => return Err(reader.fault(Code::InvalidJson)),
            }
        }
        reader.advance();
        Ok(reader)
    }

    /// Reads the value at the reader as `field`.
    #[inline(always)]
    pub(crate) fn read_one(&mut self, field: Field, reader: &mut Reader<'_>) -> Result<(), Fault> {
        let (form, span) = read_place(reader)?;
        self.note(field, form, span, *reader)
    }

    #[inline(always)]
    fn note(
        &mut self,
        field: Field,
        form: Form,
        span: Range<usize>,
        reader: Reader<'_>,
    ) -> Result<(), Fault> {
        let bit = 1 << field as u32;
        if self.seen & bit != 0 {
            return Err(reader.fault(Code::DuplicateKey));
        }
        self.seen |= bit;
        if form == Form::Absent {
            return Ok(());
        }
        self.forms[field as usize] = form;
        self.spans[field as usize] = (offset(span.start), offset(span.end));
        Ok(())
    }

    #[inline(always)]
    pub(crate) fn form(&self, field: Field) -> Form {
        self.forms[field as usize]
    }

    #[inline(always)]
    pub(crate) fn span(&self, field: Field) -> Range<usize> {
        let (start, end) = self.spans[field as usize];
        start as usize..end as usize
    }

    /// The text of a field: "" if absent, `None` if it is no text.
    #[inline(always)]
    pub(crate) fn text<'a>(
        &self,
        field: Field,
        body: &'a str,
    ) -> Result<Option<Cow<'a, str>>, Code> {
        let inner = body.get(self.span(field)).unwrap_or_default();
        match self.form(field) {
            // An absent field lies at 0..0.
            Form::Absent | Form::Plain => Ok(Some(Cow::Borrowed(inner))),
            form => text_at(form, inner),
        }
    }

    /// The text of a field that nobody has to rely on: "" unless it is text of at most `max` bytes.
    pub(crate) fn loose_text<'a>(&self, field: Field, body: &'a str, max: usize) -> Cow<'a, str> {
        match self.text(field, body) {
            Ok(Some(text)) if text.len() <= max => text,
            _ => Cow::Borrowed(""),
        }
    }
}

/// Passes over the value at the reader and says what and where it is; of text without its quotes.
#[inline(always)]
pub(crate) fn read_place(reader: &mut Reader<'_>) -> Result<(Form, Range<usize>), Fault> {
    Ok(match reader.peek() {
        Some(b'"') => {
            let start = reader.at() + 1;
            let Token { inner, escaped } = reader.string()?;
            let form = if escaped { Form::Escaped } else { Form::Plain };
            (form, start..start + inner.len())
        }
        Some(b'{') => (Form::Object, reader.skip_value()?),
        Some(b'[') => {
            let span = reader.skip_value()?;
            let inside = reader.slice(span.start + 1..span.end - 1);
            let empty = inside.trim_ascii().is_empty();
            (if empty { Form::EmptyList } else { Form::Other }, span)
        }
        first => {
            let start = reader.at();
            reader.scalar()?;
            let form = match first {
                Some(b'n' | b'N' | b'I') => Form::Absent,
                Some(b't' | b'f') => Form::Other,
                _ => Form::Plain,
            };
            (form, start..reader.at())
        }
    })
}

/// The text that lies in a place: "" if absent, `None` if it is no text.
#[cold]
pub(crate) fn text_at(form: Form, inner: &str) -> Result<Option<Cow<'_, str>>, Code> {
    Ok(Some(match form {
        Form::Absent => Cow::Borrowed(""),
        Form::Plain => Cow::Borrowed(inner),
        Form::Escaped => Token { inner, escaped: true }.text()?,
        Form::Object | Form::EmptyList | Form::Other => return Ok(None),
    }))
}

/// Bodies beyond 32 bits are refused before anything is read.
#[inline(always)]
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
