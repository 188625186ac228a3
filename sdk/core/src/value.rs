//! Properties, traits and contexts as a caller gives them.

/// A JSON object, not copied yet.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Object<'a> {
    /// Nothing.
    #[default]
    None,
    /// Its JSON text. What is no object is refused, and counted.
    Json(&'a str),
    /// Its members, in order. Needs the feature `fields`, which costs a web build 15 KB of code that
    /// prints numbers; pages have JSON text already.
    #[cfg(feature = "fields")]
    Fields(&'a [(&'a str, Value<'a>)]),
}

/// One value of an [`Object`].
#[cfg(feature = "fields")]
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

#[cfg(feature = "fields")]
impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

#[cfg(feature = "fields")]
impl From<i32> for Value<'_> {
    fn from(value: i32) -> Self {
        Self::Int(value.into())
    }
}

#[cfg(feature = "fields")]
impl From<u32> for Value<'_> {
    fn from(value: u32) -> Self {
        Self::Int(value.into())
    }
}

#[cfg(feature = "fields")]
impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

#[cfg(feature = "fields")]
impl From<f64> for Value<'_> {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

#[cfg(feature = "fields")]
impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Self::Str(value)
    }
}
