//! JSON text that we write ourselves.
use alloc::string::String;
use core::fmt::Write;

/// Appends `text` as a JSON string, quotes included.
pub fn write_string(out: &mut String, text: &str) {
    out.push('"');
    let mut plain = text;
    while let Some(at) = plain.find(|c: char| c < ' ' || c == '"' || c == '\\') {
        let (before, rest) = plain.split_at(at);
        out.push_str(before);
        let mut chars = rest.chars();
        match chars.next() {
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            Some('\n') => out.push_str("\\n"),
            Some(other) => {
                write!(out, "\\u{:04x}", u32::from(other)).expect("writing to a String succeeds");
            }
            None => {}
        }
        plain = chars.as_str();
    }
    out.push_str(plain);
    out.push('"');
}
