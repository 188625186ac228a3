//! An object that nobody has read yet.
use crate::json::Reader;

/// The JSON text of one object inside a body, or nothing. Its brackets balance; whether it is JSON
/// all through is found out by [`crate::transcode_object`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Raw<'a>(&'a str);

impl<'a> Raw<'a> {
    /// Takes the text of an object as it is, or "" for an absent one.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        Self(text)
    }

    /// The text.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// The text's bytes; what tells two contexts apart without reading them.
    #[must_use]
    pub fn as_bytes(self) -> &'a [u8] {
        self.0.as_bytes()
    }

    /// Whether there is no object at all. `{}` is one.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The object under `key` of this object, or nothing: absent, no object, or not readable.
    /// Cost: one skip per sibling before it.
    #[must_use]
    pub fn object(self, key: &str) -> Raw<'a> {
        let mut found = Raw::default();
        let mut reader = Reader::new(self.0);
        let read = reader.object(|name, reader| {
            let is_object = reader.peek() == Some(b'{');
            let value = reader.skip_value()?;
            if is_object && found.is_empty() && name == key.as_bytes() {
                found = Raw(reader.slice(value));
            }
            Ok(())
        });
        if read.is_ok() { found } else { Raw::default() }
    }
}
