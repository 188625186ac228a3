//! One refused event.
//!
//! # Layout (in the body of a record; numbers little-endian)
//! version (1 byte, `1`), flags (1: bit 0 the raw bytes were cut), receipt time (8), code and
//! message (each a length of 2 bytes and UTF-8), and the raw bytes to the end.
use crate::{Append, AppendRecord, limits};
use sillage_model::{EventId, Partition, ReceiptMillis};

const VERSION: u8 = 1;
const CUT: u8 = 1;
/// The code of a letter that cannot be read.
const UNREADABLE: &str = "letter_unreadable";

/// One refused event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// When it was received.
    pub received: ReceiptMillis,
    /// Why it was refused, for programs.
    pub code: String,
    /// Why it was refused, for people.
    pub message: String,
    /// The event as it was sent.
    pub raw: Vec<u8>,
    /// Whether `raw` is only the start of what was sent.
    pub cut: bool,
}

impl DeadLetter {
    /// A letter that holds all of its event.
    #[must_use]
    pub fn new(
        received: ReceiptMillis,
        code: impl Into<String>,
        message: impl Into<String>,
        raw: impl Into<Vec<u8>>,
    ) -> Self {
        Self { received, code: code.into(), message: message.into(), raw: raw.into(), cut: false }
    }

    /// Within the limits.
    pub(crate) fn bounded(mut self) -> Self {
        if self.raw.len() > limits::DEAD_LETTER_RAW_BYTES_MAX {
            self.raw.truncate(limits::DEAD_LETTER_RAW_BYTES_MAX);
            self.cut = true;
        }
        for text in [&mut self.code, &mut self.message] {
            text.truncate(text.floor_char_boundary(limits::DEAD_LETTER_TEXT_BYTES_MAX));
        }
        self
    }

    pub(crate) fn to_append(&self) -> Append {
        let mut body = vec![VERSION, if self.cut { CUT } else { 0 }];
        body.extend_from_slice(&self.received.0.to_le_bytes());
        for text in [&self.code, &self.message] {
            let len = u16::try_from(text.len()).expect("the texts of a bounded letter are short");
            body.extend_from_slice(&len.to_le_bytes());
            body.extend_from_slice(text.as_bytes());
        }
        body.extend_from_slice(&self.raw);
        let end = u32::try_from(body.len()).expect("a bounded letter is short");
        let record = AppendRecord {
            id: EventId(0),
            partition: Partition(0),
            body: (0, end),
            companion: false,
        };
        Append { bodies: body, records: vec![record], ..Append::default() }
    }

    /// A letter of an unknown form is shown as what it is: it must not vanish, nor hide the others.
    pub(crate) fn from_body(body: &[u8]) -> Self {
        Self::read(body).unwrap_or_else(|| {
            let message =
                "this letter was written by a later version; its bytes are shown as they lie";
            Self::new(ReceiptMillis(0), UNREADABLE, message, body)
        })
    }

    fn read(body: &[u8]) -> Option<Self> {
        let (&[version, flags], rest) = body.split_first_chunk()?;
        let (received, rest) = rest.split_first_chunk()?;
        let (code, rest) = take_text(rest)?;
        let (message, raw) = take_text(rest)?;
        (version == VERSION).then(|| Self {
            received: ReceiptMillis(i64::from_le_bytes(*received)),
            code,
            message,
            raw: raw.to_vec(),
            cut: flags & CUT != 0,
        })
    }
}

fn take_text(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (len, rest) = bytes.split_first_chunk()?;
    let (text, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*len)))?;
    Some((String::from_utf8(text.to_vec()).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_of_a_later_version_is_shown_with_all_its_bytes() {
        let letter = DeadLetter::new(ReceiptMillis(5), "too_deep", "é", "{");
        let mut body = letter.to_append().bodies;
        assert_eq!(DeadLetter::from_body(&body), letter);
        body[0] = VERSION + 1;
        let shown = DeadLetter::from_body(&body);
        assert_eq!((shown.code.as_str(), &shown.raw), ("letter_unreadable", &body));
        assert_eq!(DeadLetter::from_body(&[]).code, "letter_unreadable");
    }
}
