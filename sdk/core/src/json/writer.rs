//! JSON text, written into a buffer that is reused.
use super::is_object;
#[cfg(feature = "fields")]
use super::reader::whole;
use crate::codec::{low_byte, put};
use crate::random::push_hex;
use crate::value::Object;
#[cfg(feature = "fields")]
use crate::value::Value;
use alloc::vec::Vec;
#[cfg(feature = "fields")]
use core::fmt::Write;

/// Something given as JSON is none, or values nest too deeply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unwritable;

#[cfg(feature = "fields")]
/// Maps and lists of a caller that may lie in one another; collectors take 8.
const DEPTH_MAX: u32 = 8;

/// Appends `text` as a JSON string, quotes included.
pub fn push_string(out: &mut Vec<u8>, text: &str) {
    let is_special = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
    let mut rest = text.as_bytes();
    put(out, b"\"");
    loop {
        let plain = rest.iter().position(is_special).unwrap_or(rest.len());
        let (before, after) = rest.split_at(plain);
        put(out, before);
        let Some((&byte, after)) = after.split_first() else { break };
        match byte {
            b'\n' => put(out, b"\\n"),
            0..0x20 => {
                put(out, b"\\u");
                push_hex(out, byte.into(), 4);
            }
            _ => put(out, &[b'\\', byte]),
        }
        rest = after;
    }
    put(out, b"\"");
}

/// Appends a number in decimal.
pub fn push_u64(out: &mut Vec<u8>, number: u64) {
    let mut digits = [0; 20];
    let mut len = 0;
    let mut rest = number;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + low_byte(rest % 10);
        rest /= 10;
        len += 1;
        if rest == 0 {
            break;
        }
    }
    put(out, digits.get(digits.len() - len..).unwrap_or_default());
}

/// Appends a number in decimal.
pub fn push_i64(out: &mut Vec<u8>, number: i64) {
    if number < 0 {
        put(out, b"-");
    }
    push_u64(out, number.unsigned_abs());
}

#[cfg(feature = "fields")]
/// Appends a number as the shortest text that reads back as the same bits; what is none as null.
pub fn push_float(out: &mut Vec<u8>, number: f64) {
    struct Bytes<'a>(&'a mut Vec<u8>);
    impl Write for Bytes<'_> {
        fn write_str(&mut self, text: &str) -> core::fmt::Result {
            self.0.extend_from_slice(text.as_bytes());
            Ok(())
        }
    }
    if number.is_finite() {
        write!(Bytes(out), "{number:?}").expect("writing to a Vec succeeds");
    } else {
        out.extend_from_slice(b"null");
    }
}

/// Appends the members of an object, without its braces.
pub(crate) fn push_members(out: &mut Vec<u8>, object: &Object<'_>) -> Result<(), Unwritable> {
    match object {
        Object::None => Ok(()),
        #[cfg(feature = "fields")]
        Object::Fields(fields) => push_fields(out, fields, DEPTH_MAX),
        Object::Json(text) => {
            if !is_object(text) {
                return Err(Unwritable);
            }
            let inner = text.trim_ascii().as_bytes();
            put(out, inner.get(1..inner.len() - 1).unwrap_or_default().trim_ascii());
            Ok(())
        }
    }
}

#[cfg(feature = "fields")]
fn push_fields(
    out: &mut Vec<u8>,
    fields: &[(&str, Value<'_>)],
    depth: u32,
) -> Result<(), Unwritable> {
    for (index, (key, value)) in fields.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_string(out, key);
        out.push(b':');
        push_value(out, value, depth)?;
    }
    Ok(())
}

#[cfg(feature = "fields")]
fn push_value(out: &mut Vec<u8>, value: &Value<'_>, depth: u32) -> Result<(), Unwritable> {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Int(number) => push_i64(out, *number),
        Value::Float(number) => push_float(out, *number),
        Value::Str(text) => push_string(out, text),
        Value::Json(text) => {
            put(out, whole(text.as_bytes()).ok_or(Unwritable)?);
        }
        Value::List(items) => {
            let depth = depth.checked_sub(1).ok_or(Unwritable)?;
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                push_value(out, item, depth)?;
            }
            out.push(b']');
        }
        Value::Map(fields) => {
            let depth = depth.checked_sub(1).ok_or(Unwritable)?;
            out.push(b'{');
            push_fields(out, fields, depth)?;
            out.push(b'}');
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(push: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        push(&mut out);
        String::from_utf8(out).unwrap()
    }

    proptest! {
        #[test]
        fn text_and_numbers_read_back(text in any::<String>(), int in any::<i64>(), float in any::<f64>()) {
            let read: String = serde_json::from_str(&written(|out| push_string(out, &text))).unwrap();
            prop_assert_eq!(read, text);
            prop_assert_eq!(written(|out| push_i64(out, int)), int.to_string());
            prop_assert_eq!(written(|out| push_u64(out, int.unsigned_abs())), int.unsigned_abs().to_string());
            let number = written(|out| push_float(out, float));
            if float.is_finite() {
                prop_assert_eq!(number.parse::<f64>().unwrap().to_bits(), float.to_bits());
                prop_assert!(serde_json::from_str::<f64>(&number).is_ok(), "{}", number);
            } else {
                prop_assert_eq!(number, "null");
            }
        }
    }

    #[test]
    fn an_object_is_the_same_from_fields_and_from_text() {
        let fields = [
            ("price", Value::from(80.5)),
            ("tags", Value::List(&[Value::from("a\"b"), Value::Null, Value::from(true)])),
            ("of", Value::Map(&[("n", Value::from(-3)), ("raw", Value::Json(" [1] "))])),
        ];
        let text = r#" { "price":80.5,"tags":["a\"b",null,true],"of":{"n":-3,"raw":[1]} } "#;
        let members = r#""price":80.5,"tags":["a\"b",null,true],"of":{"n":-3,"raw":[1]}"#;
        for object in [Object::Fields(&fields), Object::Json(text)] {
            assert_eq!(written(|out| push_members(out, &object).unwrap()), members);
        }
        for wrong in ["", "[]", "{", "{}{}", "{\"a\":}"] {
            assert_eq!(
                push_members(&mut Vec::new(), &Object::Json(wrong)),
                Err(Unwritable),
                "{wrong}"
            );
        }
    }

    #[test]
    fn values_that_nest_too_deeply_are_refused() {
        fn nested(depth: u32, f: &mut dyn FnMut(&Value<'_>)) {
            fn go(depth: u32, inner: &Value<'_>, f: &mut dyn FnMut(&Value<'_>)) {
                if depth == 0 {
                    return f(inner);
                }
                go(depth - 1, &Value::List(core::slice::from_ref(inner)), f);
            }
            go(depth, &Value::Null, f);
        }
        nested(8, &mut |v| assert!(push_value(&mut Vec::new(), v, DEPTH_MAX).is_ok()));
        nested(9, &mut |v| assert!(push_value(&mut Vec::new(), v, DEPTH_MAX).is_err()));
    }
}
