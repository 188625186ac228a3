//! What a batch says once for all its events.
use crate::fields::{Field, Fields, Form, read_place, text_at};
use crate::json::{Raw, Reader};
use crate::limits::{Limits, SENT_AT_ECHO_BYTES_MAX, TOLD_COUNT_MAX, TOLD_REASONS_MAX};
use crate::time::parse_time_ms;
use crate::verdict::Fault;
use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

/// The fields beside `batch`. Absent text is "". Nothing here can fail a batch: what cannot be read
/// is absent, what is too long for an id is judged with each event that inherits it.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Envelope<'a> {
    /// The key in the body. A body's key is as long as it likes; who compares it bounds it.
    pub write_key: Cow<'a, str>,
    /// When the sender sent this try, by its clock, in milliseconds since 1970.
    pub sent_at: Option<i64>,
    /// The same as it was written, to be echoed.
    pub sent_at_text: Cow<'a, str>,
    /// The context that all events share; an event's own is laid over it.
    pub context: Raw<'a>,
    /// The device of events that name none.
    pub anonymous_id: Cow<'a, str>,
    /// The user of events that name none.
    pub user_id: Cow<'a, str>,
    /// What only our own SDKs say.
    pub sillage: Option<Sillage<'a>>,
}

/// What our own SDKs say about the installation and this try. Absent text is "".
///
/// All counts of events are cumulative since the installation: what is told twice, late or never
/// does no harm, because the next telling holds it too. What waits on the device is
/// `seq − acknowledged − Σ rejected − Σ dropped − Σ unsure`, the events of this batch included.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Sillage<'a> {
    /// Random per try; the reply echoes it.
    pub batch_id: Cow<'a, str>,
    /// The installation of the app: drawn once, gone with the app's storage.
    pub install: Cow<'a, str>,
    /// The run of the process.
    pub boot: Cow<'a, str>,
    /// Events that the installation has created, those dropped included. Every event takes the next
    /// number when it is created and bears it as its own `seq`.
    pub seq: Option<u64>,
    /// Age of the process, on a monotonic clock.
    pub uptime_ms: Option<i64>,
    /// The collector's clock minus the device's, by the device's estimate.
    pub clock_offset_ms: Option<i64>,
    /// How far that estimate can be wrong.
    pub clock_error_ms: Option<i64>,
    /// Events that the device knows to be accepted, or to be duplicates of accepted ones.
    pub acknowledged: Option<u64>,
    /// Events that the device knows to be refused, by code.
    pub rejected: Vec<(Cow<'a, str>, u64)>,
    /// Events that the device gave up and that certainly never arrived, by reason.
    pub dropped: Vec<(Cow<'a, str>, u64)>,
    /// Events that the device gave up after a try whose answer never came, by reason: they may have
    /// arrived.
    pub unsure: Vec<(Cow<'a, str>, u64)>,
    /// How often this batch was sent before.
    pub resends: u64,
}

impl<'a> Envelope<'a> {
    /// Reads what the walk over the body has found.
    pub(crate) fn of_batch(fields: &Fields, body: &'a str, limits: &Limits) -> Self {
        let object = |field| match fields.form(field) {
            Form::Object => Raw::new(body.get(fields.span(field)).unwrap_or_default()),
            Form::Absent | Form::Plain | Form::Escaped | Form::EmptyList | Form::Other => {
                Raw::default()
            }
        };
        let sillage = object(Field::Sillage);
        Self {
            context: object(Field::Context),
            anonymous_id: fields.loose_text(Field::AnonymousId, body, usize::MAX),
            user_id: fields.loose_text(Field::UserId, body, usize::MAX),
            sillage: (!sillage.is_empty()).then(|| Sillage::read(sillage, limits)),
            ..Self::of_single(fields, body)
        }
    }

    /// Of a single event only the transport's fields are shared; the rest is the event's own.
    pub(crate) fn of_single(fields: &Fields, body: &'a str) -> Self {
        let sent_at_text = fields.loose_text(Field::SentAt, body, SENT_AT_ECHO_BYTES_MAX);
        Self {
            write_key: fields.loose_text(Field::WriteKey, body, usize::MAX),
            sent_at: parse_time_ms(&sent_at_text),
            sent_at_text,
            ..Self::default()
        }
    }
}

impl<'a> Sillage<'a> {
    fn read(raw: Raw<'a>, limits: &Limits) -> Self {
        let mut sillage = Self::default();
        let mut reader = Reader::new(raw.as_str());
        let read = reader.object(|key, reader| {
            if reader.peek() == Some(b'{') {
                let span = reader.skip_value()?;
                let told = || by_reason(reader.slice(span), limits);
                match key {
                    b"rejected" => sillage.rejected = told(),
                    b"dropped" => sillage.dropped = told(),
                    b"unsure" => sillage.unsure = told(),
                    _ => {}
                }
                return Ok(());
            }
            let text = read_text(reader)?;
            if text.len() > limits.id_bytes_max {
                return Ok(());
            }
            match key {
                b"batchId" => sillage.batch_id = text,
                b"install" => sillage.install = text,
                b"boot" => sillage.boot = text,
                b"seq" => sillage.seq = count(&text),
                b"acknowledged" => sillage.acknowledged = count(&text),
                b"uptimeMs" => sillage.uptime_ms = whole(&text),
                b"clockOffsetMs" => sillage.clock_offset_ms = whole(&text),
                b"clockErrorMs" => sillage.clock_error_ms = whole(&text),
                b"resends" => sillage.resends = text.parse().unwrap_or(0),
                _ => {}
            }
            Ok(())
        });
        // A broken object keeps what was read before the break.
        read.ok();
        sillage
    }
}

/// Reads counts by name, such as `{"queue_full":3}`. What is no count is left out.
fn by_reason<'a>(text: &'a str, limits: &Limits) -> Vec<(Cow<'a, str>, u64)> {
    let mut found = Vec::new();
    let mut reader = Reader::new(text);
    let read = reader.object(|key, reader| {
        let reason = core::str::from_utf8(key).unwrap_or_default();
        if let Some(count) = count(&read_text(reader)?)
            && found.len() < TOLD_REASONS_MAX
            && reason.len() <= limits.key_bytes_max
        {
            found.push((Cow::Owned(String::from(reason)), count));
        }
        Ok(())
    });
    // A broken object keeps what was read before the break.
    read.ok();
    found
}

/// A count of events; one that no installation can reach is none.
fn count(text: &str) -> Option<u64> {
    text.parse().ok().filter(|count| *count <= TOLD_COUNT_MAX)
}

/// Reads a value as text; "" if it is none.
fn read_text<'a>(reader: &mut Reader<'a>) -> Result<Cow<'a, str>, Fault> {
    let (form, span) = read_place(reader)?;
    let text = text_at(form, reader.slice(span)).map_err(|code| reader.fault(code))?;
    Ok(text.unwrap_or_default())
}

/// A number of milliseconds that may have been computed with a fraction.
fn whole(text: &str) -> Option<i64> {
    #[allow(clippy::cast_possible_truncation, reason = "the cast saturates, which is meant")]
    let fraction = || text.parse::<f64>().ok().filter(|n| n.is_finite()).map(|n| n as i64);
    text.parse().ok().or_else(fraction)
}
