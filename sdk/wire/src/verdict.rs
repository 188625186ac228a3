//! Why an event, or a whole body, is refused: a code for machines and a sentence for people.
//!
//! Codes are part of the outside contract; they never change their meaning.
use alloc::borrow::Cow;
use alloc::format;
use core::fmt;

/// What is wrong. Written to the outside as [`Code::as_str`].
// A word wide, because results hold either a code or something of words: were it a byte, the compiler
// would move those in parts of words, and each such move stalls the decoder for a dozen cycles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(usize)]
#[non_exhaustive]
pub enum Code {
    /// The event's brackets balance, but it is no JSON.
    InvalidJson,
    /// An event, its properties, traits or context is something else than an object.
    NotAnObject,
    /// The event's text exceeds the limit.
    EventTooLarge,
    /// `type` is missing or none of the six.
    UnknownType,
    /// A track event has no `event`.
    EventNameMissing,
    /// `event` exceeds its limit.
    EventNameTooLong,
    /// There is no `messageId`. None is invented: a retry would count twice.
    MissingId,
    /// `messageId` is too long or no text.
    InvalidId,
    /// Neither a user nor a device is named, in the event or in the batch.
    MissingSubject,
    /// `userId` is too long or no text.
    InvalidUserId,
    /// `userId` is what a program prints for "nobody", such as `undefined`.
    PlaceholderUserId,
    /// `anonymousId` is too long or no text.
    InvalidAnonymousId,
    /// A group event has no `groupId`.
    MissingGroupId,
    /// `groupId` is too long or no text.
    InvalidGroupId,
    /// An alias event has no `previousId`, or no `userId` to give it to.
    MissingPreviousId,
    /// `previousId` is too long or no text.
    InvalidPreviousId,
    /// `timestamp` is present and cannot be read.
    InvalidTimestamp,
    /// A value lies in more containers than allowed.
    TooDeep,
    /// An object has more keys than allowed.
    TooManyProperties,
    /// A list has more items than allowed.
    ArrayTooLong,
    /// A key exceeds the limit.
    KeyTooLong,
    /// A text value exceeds the limit.
    StringTooLong,
    /// A number does not fit a 64-bit float.
    NumberOutOfRange,
    /// A small object names a key twice.
    DuplicateKey,
    /// Text holds U+0000, which many stores cannot keep.
    NulInString,
    /// The body holds nothing.
    EmptyBody,
    /// The body is JSON, but no batch.
    InvalidEnvelope,
    /// The batch has no event.
    EmptyBatch,
    /// The batch has more events than allowed.
    TooManyEvents,
}

impl Code {
    /// The stable name that the outside sees.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.texts().0
    }

    /// One sentence for a person.
    #[must_use]
    pub fn message(self) -> &'static str {
        self.texts().1
    }

    fn texts(self) -> (&'static str, &'static str) {
        match self {
            Self::InvalidJson => ("invalid_json", "this is not valid JSON"),
            Self::NotAnObject => ("not_an_object", "an object was expected"),
            Self::EventTooLarge => ("event_too_large", "the event exceeds the size limit"),
            Self::UnknownType => {
                ("unknown_type", "type must be track, page, screen, identify, group or alias")
            }
            Self::EventNameMissing => ("event_name_missing", "a track event needs `event`"),
            Self::EventNameTooLong => ("event_name_too_long", "`event` exceeds the length limit"),
            Self::MissingId => ("missing_id", "messageId is missing, a retry would count twice"),
            Self::InvalidId => ("invalid_id", "messageId must be text within the length limit"),
            Self::MissingSubject => ("missing_subject", "userId or anonymousId is needed"),
            Self::InvalidUserId => {
                ("invalid_user_id", "userId must be text within the length limit")
            }
            Self::PlaceholderUserId => {
                ("placeholder_user_id", "userId is a placeholder; leave it out for visitors")
            }
            Self::InvalidAnonymousId => {
                ("invalid_anonymous_id", "anonymousId must be text within the length limit")
            }
            Self::MissingGroupId => ("missing_group_id", "a group event needs `groupId`"),
            Self::InvalidGroupId => {
                ("invalid_group_id", "groupId must be text within the length limit")
            }
            Self::MissingPreviousId => {
                ("missing_previous_id", "an alias event needs `previousId` and `userId`")
            }
            Self::InvalidPreviousId => {
                ("invalid_previous_id", "previousId must be text within the length limit")
            }
            Self::InvalidTimestamp => {
                ("invalid_timestamp", "timestamp must be RFC 3339 or milliseconds since 1970")
            }
            Self::TooDeep => ("too_deep", "a value is nested too deeply"),
            Self::TooManyProperties => ("too_many_properties", "an object has too many keys"),
            Self::ArrayTooLong => ("array_too_long", "a list has too many items"),
            Self::KeyTooLong => ("key_too_long", "a key exceeds the length limit"),
            Self::StringTooLong => ("string_too_long", "a text value exceeds the length limit"),
            Self::NumberOutOfRange => {
                ("number_out_of_range", "a number does not fit a 64-bit float")
            }
            Self::DuplicateKey => ("duplicate_key", "an object names a key twice"),
            Self::NulInString => ("nul_in_string", "text must not hold U+0000"),
            Self::EmptyBody => ("empty_body", "the body is empty"),
            Self::InvalidEnvelope => {
                ("invalid_envelope", "the body must be an object with a list `batch`")
            }
            Self::EmptyBatch => ("empty_batch", "the batch has no event"),
            Self::TooManyEvents => ("too_many_events", "the batch has too many events"),
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One event is refused; its neighbours are not touched by that.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventError<'a> {
    /// The stable name of the reason.
    pub code: &'static str,
    /// One sentence for a person; for broken JSON with the place.
    pub message: Cow<'static, str>,
    /// The event's `messageId` if it could be read, else empty.
    pub message_id: Cow<'a, str>,
    /// The JSON that was refused: the event, or the object that was being transcoded.
    pub raw: &'a [u8],
}

impl<'a> EventError<'a> {
    /// A refusal for `code`. Other rooms use it for what they find out themselves.
    #[must_use]
    pub fn new(code: Code, message_id: Cow<'a, str>, raw: &'a [u8]) -> Self {
        Self { code: code.as_str(), message: Cow::Borrowed(code.message()), message_id, raw }
    }

    pub(crate) fn at(fault: Fault, raw: &'a [u8]) -> Self {
        let mut error = Self::new(fault.code, Cow::Borrowed(""), raw);
        if fault.code == Code::InvalidJson {
            error.message = Cow::Owned(format!("{} (byte {})", fault.code.message(), fault.at));
        }
        error
    }
}

impl fmt::Display for EventError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl core::error::Error for EventError<'_> {}

/// Nothing of the body can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct BodyError {
    /// The stable name of the reason; [`Code::TooManyEvents`] asks for smaller batches (413), the
    /// others say that the sender is wrong (400).
    pub code: Code,
    /// Where in the body, in bytes.
    pub offset: usize,
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (byte {})", self.code.message(), self.offset)
    }
}

impl core::error::Error for BodyError {}

/// A reason and its place, while the place is still relative to what is being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) code: Code,
    pub(crate) at: usize,
}

impl From<Fault> for BodyError {
    fn from(fault: Fault) -> Self {
        Self { code: fault.code, offset: fault.at }
    }
}
