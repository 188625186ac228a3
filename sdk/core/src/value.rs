//! Properties, traits and contexts as a caller gives them.

/// A JSON object, not copied yet.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Object<'a> {
    /// Nothing.
    #[default]
    None,
    /// Its JSON text. What is no object is refused, and counted.
    Json(&'a str),
    /// Its members, in order.
    Fields(&'a [(&'a str, Value<'a>)]),
}

/// One value of an [`Object`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// JSON's null.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number; what is no number (NaN, ±∞) becomes null.
    Float(f64),
    /// Text.
    Str(&'a str),
    /// Values in order.
    List(&'a [Value<'a>]),
    /// An object.
    Map(&'a [(&'a str, Value<'a>)]),
    /// JSON text of any one value. What is no JSON is refused with its event, and counted.
    Json(&'a str),
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i32> for Value<'_> {
    fn from(value: i32) -> Self {
        Self::Int(value.into())
    }
}

impl From<u32> for Value<'_> {
    fn from(value: u32) -> Self {
        Self::Int(value.into())
    }
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<f64> for Value<'_> {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Self::Str(value)
    }
}
