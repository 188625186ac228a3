//! What is JSON, and what its text means, is the same to the SDK's reader and to serde_json; what the
//! SDK writes, serde_json reads back.
#![no_main]
use libfuzzer_sys::fuzz_target;
use sdk_core::json::{
    Reader, count, is_object, push_float, push_i64, push_string, push_u64, text as text_of, whole,
};
use serde::de::IgnoredAny;
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let ours = whole(bytes).is_some();
    let theirs = serde_json::from_str::<IgnoredAny>(text);
    // They stop at 127 containers in one another, we at 63.
    let deep = text.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count() > 63;
    assert!(ours == theirs.is_ok() || deep, "{text:?}");
    assert_eq!(is_object(text), ours && text.trim_ascii_start().starts_with('{'));
    let value = whole(bytes).unwrap_or_default();
    if let Ok(Value::String(theirs)) = serde_json::from_str(text) {
        assert_eq!(text_of(value).as_deref(), Some(theirs.as_str()));
    }
    if let Ok(theirs) = serde_json::from_str::<u64>(text) {
        assert_eq!(count(value), Some(theirs).filter(|_| value.len() < 19));
    }
    if let Ok(Value::Object(theirs)) = serde_json::from_str(text)
        && ours
    {
        let (mut members, mut found) = (Reader::inside(value), 0);
        while members.item().is_some() {
            found += 1;
        }
        assert!(found % 2 == 0 && found / 2 >= theirs.len());
    }
    let mut out = Vec::new();
    push_string(&mut out, text);
    assert_eq!(serde_json::from_slice::<String>(&out).expect("we write JSON"), text);
    let word: [u8; 8] = std::array::from_fn(|at| bytes.get(at).copied().unwrap_or_default());
    let number = u64::from_le_bytes(word);
    let written = |push: &dyn Fn(&mut Vec<u8>)| {
        let mut out = Vec::new();
        push(&mut out);
        String::from_utf8(out).expect("digits")
    };
    assert_eq!(written(&|out| push_u64(out, number)), number.to_string());
    assert_eq!(written(&|out| push_i64(out, number.cast_signed())), number.cast_signed().to_string());
    let float = f64::from_bits(number);
    let text = written(&|out| push_float(out, float));
    if float.is_finite() {
        assert_eq!(text.parse::<f64>().map(f64::to_bits), Ok(number));
        assert!(serde_json::from_str::<IgnoredAny>(&text).is_ok());
    } else {
        assert_eq!(text, "null");
    }
});
