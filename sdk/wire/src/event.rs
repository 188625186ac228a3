//! One event: its fields judged, its properties still unread.
use crate::envelope::Envelope;
use crate::fields::{Field, Fields, Form};
use crate::json::Raw;
use crate::limits::Limits;
use crate::time::parse_time_ms;
use crate::verdict::{Code, EventError};
use alloc::borrow::Cow;

/// What a call of the SDK said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventType {
    /// Something happened; `event` names it.
    Track,
    /// A page was viewed.
    Page,
    /// A screen was viewed.
    Screen,
    /// The visitor is a known user, with traits.
    Identify,
    /// The user belongs to a group.
    Group,
    /// Two ids are the same person.
    Alias,
}

impl EventType {
    /// Reads the name as it stands in `type` and in paths.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "track" => Self::Track,
            "page" => Self::Page,
            "screen" => Self::Screen,
            "identify" => Self::Identify,
            "group" => Self::Group,
            "alias" => Self::Alias,
            _ => return None,
        })
    }

    /// The name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Track => "track",
            Self::Page => "page",
            Self::Screen => "screen",
            Self::Identify => "identify",
            Self::Group => "group",
            Self::Alias => "alias",
        }
    }
}

/// An event that may be accepted, borrowed from its body. Absent text is "".
///
/// Names and ids are within their limits; properties, traits and context are balanced text that
/// [`crate::transcode_object`] has yet to judge.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Event<'a> {
    /// What was said.
    pub kind: EventType,
    /// What makes a second copy recognisable; never empty.
    pub message_id: Cow<'a, str>,
    /// The device: the event's own, else the batch's. Empty only if there is a user.
    pub anonymous_id: Cow<'a, str>,
    /// The user: the event's own, else the batch's.
    pub user_id: Cow<'a, str>,
    /// When it happened by the sender's clock, in milliseconds since 1970.
    pub timestamp: Option<i64>,
    /// The name of a track event; never empty there.
    pub event: Cow<'a, str>,
    /// The name of a page or screen.
    pub name: Cow<'a, str>,
    /// The category of a page or screen.
    pub category: Cow<'a, str>,
    /// The group of a group event; never empty there.
    pub group_id: Cow<'a, str>,
    /// The id that an alias event gives up; never empty there.
    pub previous_id: Cow<'a, str>,
    /// The position in what the device has recorded; ours number from 1.
    pub seq: Option<u64>,
    /// `properties`.
    pub properties: Raw<'a>,
    /// `traits`; of an identify without any, `context.traits`, where RudderStack puts them.
    pub traits: Raw<'a>,
    /// The event's own `context`, to be laid over the batch's [`Envelope::context`].
    pub context: Raw<'a>,
    /// The event's own JSON.
    pub raw: &'a [u8],
}

/// What programs print when they have no user. Compared without regard to case.
/// Source: the values that Mixpanel refuses, as far as they cannot be a real id.
const PLACEHOLDERS: [&str; 5] =
    ["null", "undefined", "anonymous", "00000000-0000-0000-0000-000000000000", "[object Object]"];

fn is_placeholder(user: &str) -> bool {
    PLACEHOLDERS.iter().any(|p| user.eq_ignore_ascii_case(p))
}

/// What the fields of an event are read against.
#[derive(Clone, Copy)]
pub(crate) struct Judge<'b, 'a> {
    pub(crate) body: &'a str,
    pub(crate) limits: &'b Limits,
    pub(crate) envelope: &'b Envelope<'a>,
    /// What the path says, for events that do not say it themselves.
    pub(crate) kind: Option<EventType>,
}

impl<'a> Judge<'_, 'a> {
    /// The refusal of an event, which names the event if its id can be read.
    #[cold]
    pub(crate) fn refuse(&self, code: Code, fields: &Fields, raw: &'a [u8]) -> EventError<'a> {
        let message_id = self.id(fields, Field::MessageId, Code::InvalidId);
        EventError::new(code, message_id.unwrap_or_default(), raw)
    }

    /// Turns fields into an event. An event is large, so it is made where it is returned: every
    /// fault becomes a refusal at once.
    #[inline(always)]
    pub(crate) fn event(
        &self,
        fields: &Fields,
        raw: &'a [u8],
    ) -> Result<Event<'a>, EventError<'a>> {
        let refuse = |code| self.refuse(code, fields, raw);
        let message_id = self.id(fields, Field::MessageId, Code::InvalidId).map_err(refuse)?;
        if message_id.is_empty() {
            return Err(refuse(Code::MissingId));
        }
        let kind = self.kind(fields).map_err(refuse)?;
        let (anonymous_id, user_id) = self.subject(fields).map_err(refuse)?;
        let group_id = self.id(fields, Field::GroupId, Code::InvalidGroupId).map_err(refuse)?;
        let previous_id =
            self.id(fields, Field::PreviousId, Code::InvalidPreviousId).map_err(refuse)?;
        if kind == EventType::Group && group_id.is_empty() {
            return Err(refuse(Code::MissingGroupId));
        }
        if kind == EventType::Alias && (previous_id.is_empty() || user_id.is_empty()) {
            return Err(refuse(Code::MissingPreviousId));
        }
        let timestamp = self.timestamp(fields).map_err(refuse)?;
        let event = self.name(fields, kind).map_err(refuse)?;
        let name = self.label(fields, Field::Name).map_err(refuse)?;
        let category = self.label(fields, Field::Category).map_err(refuse)?;
        let properties = self.object(fields, Field::Properties).map_err(refuse)?;
        let context = self.object(fields, Field::Context).map_err(refuse)?;
        Ok(Event {
            kind,
            message_id,
            anonymous_id,
            user_id,
            timestamp,
            event,
            name,
            category,
            group_id,
            previous_id,
            seq: self.seq(fields),
            properties,
            traits: self.traits(fields, kind, context).map_err(refuse)?,
            context,
            raw,
        })
    }

    #[inline(always)]
    fn seq(&self, fields: &Fields) -> Option<u64> {
        match fields.form(Field::Seq) {
            Form::Plain => self.body.get(fields.span(Field::Seq))?.parse().ok(),
            _ => None,
        }
    }

    #[inline(always)]
    fn kind(&self, fields: &Fields) -> Result<EventType, Code> {
        match fields.text(Field::Type, self.body)? {
            Some(text) if text.is_empty() => self.kind.ok_or(Code::UnknownType),
            Some(text) => EventType::named(&text).ok_or(Code::UnknownType),
            None => Err(Code::UnknownType),
        }
    }

    #[inline(always)]
    fn subject(&self, fields: &Fields) -> Result<(Cow<'a, str>, Cow<'a, str>), Code> {
        let mut device = self.id(fields, Field::AnonymousId, Code::InvalidAnonymousId)?;
        if device.is_empty() {
            device = self.inherited(&self.envelope.anonymous_id, Code::InvalidAnonymousId)?;
        }
        let mut user = self.id(fields, Field::UserId, Code::InvalidUserId)?;
        if user.is_empty() {
            user = self.inherited(&self.envelope.user_id, Code::InvalidUserId)?;
        }
        if user.is_empty() {
            return if device.is_empty() { Err(Code::MissingSubject) } else { Ok((device, user)) };
        }
        if is_placeholder(&user) {
            return Err(Code::PlaceholderUserId);
        }
        Ok((device, user))
    }

    #[inline(always)]
    fn inherited(&self, id: &Cow<'a, str>, code: Code) -> Result<Cow<'a, str>, Code> {
        if id.len() > self.limits.id_bytes_max { Err(code) } else { Ok(id.clone()) }
    }

    #[inline(always)]
    fn id(&self, fields: &Fields, field: Field, code: Code) -> Result<Cow<'a, str>, Code> {
        match fields.text(field, self.body)? {
            Some(text) if text.len() <= self.limits.id_bytes_max => Ok(text),
            _ => Err(code),
        }
    }

    #[inline(always)]
    fn name(&self, fields: &Fields, kind: EventType) -> Result<Cow<'a, str>, Code> {
        let name = fields.text(Field::Event, self.body)?.unwrap_or_default();
        if name.len() > self.limits.event_name_bytes_max {
            return Err(Code::EventNameTooLong);
        }
        if kind == EventType::Track && name.is_empty() {
            return Err(Code::EventNameMissing);
        }
        Ok(name)
    }

    /// A name or category becomes a property, so it has a property's limit.
    #[inline(always)]
    fn label(&self, fields: &Fields, field: Field) -> Result<Cow<'a, str>, Code> {
        let label = fields.text(field, self.body)?.unwrap_or_default();
        if label.len() > self.limits.string_bytes_max {
            return Err(Code::StringTooLong);
        }
        Ok(label)
    }

    #[inline(always)]
    fn timestamp(&self, fields: &Fields) -> Result<Option<i64>, Code> {
        // RudderStack sends the caller's own time beside its own; the caller's wins.
        for field in [Field::Timestamp, Field::OriginalTimestamp] {
            let text = fields.text(field, self.body)?.ok_or(Code::InvalidTimestamp)?;
            if !text.is_empty() {
                return parse_time_ms(&text).map(Some).ok_or(Code::InvalidTimestamp);
            }
        }
        Ok(None)
    }

    #[inline(always)]
    fn object(&self, fields: &Fields, field: Field) -> Result<Raw<'a>, Code> {
        match fields.form(field) {
            Form::Absent | Form::EmptyList => Ok(Raw::default()),
            Form::Object => Ok(Raw::new(self.body.get(fields.span(field)).unwrap_or_default())),
            Form::Plain | Form::Escaped | Form::Other => Err(Code::NotAnObject),
        }
    }

    #[inline(always)]
    fn traits(&self, fields: &Fields, kind: EventType, context: Raw<'a>) -> Result<Raw<'a>, Code> {
        let traits = self.object(fields, Field::Traits)?;
        if kind == EventType::Identify && traits.is_empty() {
            return Ok(context.object("traits"));
        }
        Ok(traits)
    }
}
