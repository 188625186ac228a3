//! Every reason to refuse, just inside its bound and just outside.
mod support;

use sillage_wire::{Limits, Raw, decode_batch, decode_single, transcode_object};
use support::tree;

const HEAD: &str = r#""type":"track","event":"E","messageId":"m","userId":"u""#;

/// The codes of a batch of these events; "" for a good one. Properties and context are read too.
fn codes(events: &[&str]) -> Vec<String> {
    let limits = Limits::default();
    let body = format!(r#"{{"batch":[{}]}}"#, events.join(","));
    let batch = decode_batch(body.as_bytes(), &limits).expect("the frame is sound");
    let mut codes = Vec::new();
    for event in batch.events() {
        let code = event.and_then(|event| {
            for raw in [event.properties, event.traits, event.context] {
                tree(raw, &limits)?;
            }
            Ok(())
        });
        codes.push(code.map_or_else(|e| e.code.to_owned(), |()| String::new()));
    }
    codes
}

/// The code of one event with these fields beside the usual ones, between two good neighbours.
fn code_beside(fields: &str) -> String {
    let good = format!("{{{HEAD}}}");
    let codes = codes(&[&good, &format!("{{{HEAD},{fields}}}"), &good]);
    assert_eq!([&*codes[0], &*codes[2]], ["", ""], "neighbours of {fields}");
    codes[1].clone()
}

fn code_of(event: &str) -> String {
    let good = format!("{{{HEAD}}}");
    let codes = codes(&[&good, event, &good]);
    assert_eq!([&*codes[0], &*codes[2]], ["", ""], "neighbours of {event}");
    codes[1].clone()
}

#[test]
fn an_event_is_refused_for_its_own_fields_only() {
    let cases: &[(&str, &str)] = &[
        (r#"{"type":"track","event":"E","messageId":"m","anonymousId":"a"}"#, ""),
        (r#"{"type":"track","event":"E","messageId":17,"userId":0}"#, ""),
        (r#"{"type":"track","event":"E","messageId":"m"}"#, "missing_subject"),
        (r#"{"type":"track","event":"E","messageId":"m","userId":""}"#, "missing_subject"),
        (r#"{"type":"track","event":"E","userId":"u"}"#, "missing_id"),
        (r#"{"type":"track","event":"E","messageId":null,"userId":"u"}"#, "missing_id"),
        (r#"{"type":"track","event":"E","messageId":{},"userId":"u"}"#, "invalid_id"),
        (r#"{"type":"track","event":"E","messageId":"m","userId":true}"#, "invalid_user_id"),
        (r#"{"type":"track","event":"E","messageId":"m","userId":["u"]}"#, "invalid_user_id"),
        (r#"{"type":"track","event":"E","messageId":"m","userId":"u\u0000"}"#, "nul_in_string"),
        (
            r#"{"type":"track","event":"E","messageId":"m","anonymousId":{}}"#,
            "invalid_anonymous_id",
        ),
        (r#"{"type":"track","messageId":"m","userId":"u"}"#, "event_name_missing"),
        (r#"{"type":"track","messageId":"m","userId":"u","event":[]}"#, "event_name_missing"),
        (r#"{"type":"buy","messageId":"m","userId":"u"}"#, "unknown_type"),
        (r#"{"messageId":"m","userId":"u"}"#, "unknown_type"),
        (r#"{"type":"group","messageId":"m","userId":"u"}"#, "missing_group_id"),
        (r#"{"type":"group","messageId":"m","userId":"u","groupId":5}"#, ""),
        (r#"{"type":"group","messageId":"m","userId":"u","groupId":{}}"#, "invalid_group_id"),
        (r#"{"type":"alias","messageId":"m","userId":"u"}"#, "missing_previous_id"),
        (
            r#"{"type":"alias","messageId":"m","anonymousId":"a","previousId":"p"}"#,
            "missing_previous_id",
        ),
        (r#"{"type":"alias","messageId":"m","userId":"u","previousId":"p"}"#, ""),
        (
            r#"{"type":"alias","messageId":"m","userId":"u","previousId":[1]}"#,
            "invalid_previous_id",
        ),
        ("17", "not_an_object"),
        ("null", "not_an_object"),
        (r#""text, } with ] brackets""#, "not_an_object"),
        (r#"[{"type":"track"}]"#, "not_an_object"),
        (r#"{"type":"track" "event":1}"#, "invalid_json"),
        (r#"{"type":"track",}"#, "invalid_json"),
        (r#"{"type":tru}"#, "invalid_json"),
        (r#"{type:"track"}"#, "invalid_json"),
        (r#"{"type":"track","type":"track"}"#, "duplicate_key"),
        ("{\"type\":\"tr\u{1}ack\"}", "invalid_json"),
        (r#"{"seq":1e400}"#, "number_out_of_range"),
        ("undefined", "not_an_object"),
    ];
    for (event, expected) in cases {
        assert_eq!(code_of(event), *expected, "{event}");
    }
}

#[test]
fn a_placeholder_is_no_user_but_may_be_a_device() {
    for id in [
        "null",
        "undefined",
        "anonymous",
        "Anonymous",
        "[object Object]",
        "00000000-0000-0000-0000-000000000000",
    ] {
        let user = format!(r#"{{"type":"track","event":"E","messageId":"m","userId":"{id}"}}"#);
        let device =
            format!(r#"{{"type":"track","event":"E","messageId":"m","anonymousId":"{id}"}}"#);
        assert_eq!(code_of(&user), "placeholder_user_id", "{id}");
        assert_eq!(code_of(&device), "", "{id}");
    }
}

#[test]
fn what_a_batch_shares_is_judged_with_each_event_that_inherits_it() {
    let long = "x".repeat(257);
    let own = r#"{"type":"track","event":"E","messageId":"1","userId":"own","anonymousId":"own"}"#;
    let none = r#"{"type":"track","event":"E","messageId":"2"}"#;
    let cases = [
        (r#""userId":"undefined""#.into(), "placeholder_user_id"),
        (format!(r#""userId":"{long}""#), "invalid_user_id"),
        (format!(r#""anonymousId":"{long}""#), "invalid_anonymous_id"),
        (r#""userId":null"#.into(), "missing_subject"),
        (r#""userId":{}"#.into(), "missing_subject"),
    ];
    for (shared, code) in cases {
        let body = format!(r#"{{{shared},"batch":[{own},{none}]}}"#);
        let batch = decode_batch(body.as_bytes(), &Limits::default()).unwrap();
        let codes: Vec<_> = batch.events().map(|e| e.map_err(|e| e.code).err()).collect();
        assert_eq!(codes, [None, Some(code)], "{shared}");
    }
}

#[test]
fn hostile_values_cost_their_event_only() {
    let deep = |n: usize| format!(r#""properties":{}1{}"#, r#"{"a":"#.repeat(n), "}".repeat(n));
    let lists = |n: usize| format!(r#""properties":{{"a":{}{}}}"#, "[".repeat(n), "]".repeat(n));
    let cases = [
        (deep(8), ""),
        (deep(9), "too_deep"),
        (deep(4_000), "too_deep"),
        (lists(7), ""),
        (lists(8), "too_deep"),
        (lists(30_000), "too_deep"),
        (r#""properties":{"a":1e400}"#.into(), "number_out_of_range"),
        (format!(r#""properties":{{"a":{}}}"#, "9".repeat(10_000)), "number_out_of_range"),
        (r#""properties":{"a":18446744073709551616}"#.into(), ""),
        (r#""properties":{"a":01}"#.into(), "invalid_json"),
        (r#""properties":{"a":1.}"#.into(), "invalid_json"),
        (r#""properties":{"a":+1}"#.into(), "invalid_json"),
        (r#""properties":{"a":"\u0000"}"#.into(), "nul_in_string"),
        (r#""properties":{"a\u0000":1}"#.into(), "nul_in_string"),
        (r#""properties":{"a":"\x"}"#.into(), "invalid_json"),
        (r#""properties":{"a":"\ud83d\u12"}"#.into(), "invalid_json"),
        ("\"properties\":{\"a\":\"\n\"}".into(), "invalid_json"),
        (r#""properties":{"a":1,"b":2,"a":3}"#.into(), "duplicate_key"),
        (r#""properties":{"a":[1}}"#.into(), "invalid_json"),
        (r#""properties":{"a":{"b":1]}"#.into(), "invalid_json"),
        (r#""properties":{"__proto__":1,"constructor":{}}"#.into(), ""),
        (r#""properties":[]"#.into(), ""),
        (r#""properties":[ ]"#.into(), ""),
        (r#""properties":null,"traits":null,"context":null"#.into(), ""),
        (r#""properties":[1]"#.into(), "not_an_object"),
        (r#""properties":"x""#.into(), "not_an_object"),
        (r#""context":7"#.into(), "not_an_object"),
        (r#""timestamp":"yesterday""#.into(), "invalid_timestamp"),
        (r#""timestamp":1e20"#.into(), "invalid_timestamp"),
        (r#""timestamp":{}"#.into(), "invalid_timestamp"),
        (r#""timestamp":null"#.into(), ""),
        (r#""timestamp":"""#.into(), ""),
        (r#""timestamp":1795341600123"#.into(), ""),
        (r#""timestamp":"9999-12-31T23:59:59Z""#.into(), ""),
        (r#""unknown":{"a":[[[[[[[[[[1e400]]]]]]]]]]}"#.into(), ""),
    ];
    for (fields, expected) in cases {
        assert_eq!(code_beside(&fields), expected, "{}", fields.get(..80).unwrap_or(&fields));
    }
}

#[test]
fn every_bound_of_an_event_holds_at_itself_and_refuses_one_more() {
    let track = |event: String, id: String| {
        format!(r#"{{"type":"track","event":"{event}","messageId":"{id}","userId":"u"}}"#)
    };
    let ids = |kind: &str, field: &str, n: usize| {
        let rest = if field == "userId" { "" } else { r#","userId":"u""# };
        format!(r#"{{"type":"{kind}","event":"E","messageId":"m","{field}":"{}"{rest}}}"#, text(n))
    };
    let sized = |bytes: usize| {
        let event = beside(r#""pad":"""#.into());
        event.replace(r#""pad":"""#, &format!(r#""pad":"{}""#, text(bytes - event.len())))
    };
    let cases: &[(&str, String, String)] = &[
        ("event_too_large", sized(64 * 1024), sized(64 * 1024 + 1)),
        ("event_name_too_long", track(text(200), text(1)), track(text(201), text(1))),
        ("invalid_id", track(text(1), text(256)), track(text(1), text(257))),
        ("invalid_user_id", ids("track", "userId", 256), ids("track", "userId", 257)),
        (
            "invalid_anonymous_id",
            ids("track", "anonymousId", 256),
            ids("track", "anonymousId", 257),
        ),
        ("invalid_group_id", ids("group", "groupId", 256), ids("group", "groupId", 257)),
        ("invalid_previous_id", ids("alias", "previousId", 256), ids("alias", "previousId", 257)),
    ];
    check_bounds(cases);
}

#[test]
fn every_bound_of_a_value_holds_at_itself_and_refuses_one_more() {
    let keys = |n: usize| (0..n).map(|i| format!("\"k{i}\":{i}")).collect::<Vec<_>>().join(",");
    let items = |n: usize| vec!["1"; n].join(",");
    let cases: &[(&str, String, String)] = &[
        (
            "too_many_properties",
            beside(format!("\"properties\":{{{}}}", keys(255))),
            beside(format!("\"properties\":{{{}}}", keys(256))),
        ),
        (
            "too_many_properties",
            beside(format!("\"context\":{{\"a\":[{{{}}}]}}", keys(255))),
            beside(format!("\"context\":{{\"a\":[{{{}}}]}}", keys(256))),
        ),
        (
            "array_too_long",
            beside(format!("\"properties\":{{\"a\":[{}]}}", items(255))),
            beside(format!("\"properties\":{{\"a\":[{}]}}", items(256))),
        ),
        (
            "key_too_long",
            beside(format!("\"properties\":{{\"{}\":1}}", text(128))),
            beside(format!("\"properties\":{{\"{}\":1}}", text(129))),
        ),
        (
            "key_too_long",
            beside(format!("\"properties\":{{\"\\n{}\":1}}", text(127))),
            beside(format!("\"properties\":{{\"\\n{}\":1}}", text(128))),
        ),
        (
            "string_too_long",
            beside(format!("\"properties\":{{\"a\":\"{}\"}}", text(8_192))),
            beside(format!("\"properties\":{{\"a\":\"{}\"}}", text(8_193))),
        ),
        (
            "string_too_long",
            beside(format!("\"properties\":{{\"a\":\"\\n{}\"}}", text(8_191))),
            beside(format!("\"properties\":{{\"a\":\"\\n{}\"}}", text(8_192))),
        ),
        (
            "string_too_long",
            beside(format!("\"name\":\"{}\"", text(8_192))),
            beside(format!("\"name\":\"{}\"", text(8_193))),
        ),
    ];
    check_bounds(cases);
}

fn text(len: usize) -> String {
    "x".repeat(len)
}

fn beside(fields: String) -> String {
    format!("{{{HEAD},{fields}}}")
}

/// For each code an event at the bound and one that is one beyond.
fn check_bounds(cases: &[(&str, String, String)]) {
    for (code, inside, outside) in cases {
        assert_eq!(code_of(inside), "", "{code} at the bound");
        assert_eq!(code_of(outside), *code, "{code} one beyond");
    }
}

#[test]
fn the_depth_ceiling_holds_whatever_is_configured() {
    let limits = Limits { depth_max: usize::MAX, ..Limits::default() };
    let deep = |n: usize| format!("{}1{}", r#"{"a":"#.repeat(n), "}".repeat(n));
    assert!(tree(Raw::new(&deep(32)), &limits).is_ok());
    assert_eq!(tree(Raw::new(&deep(33)), &limits).unwrap_err().code, "too_deep");
}

#[test]
fn only_a_broken_frame_fails_a_whole_body() {
    let many = |n: usize| format!(r#"{{"batch":[{}]}}"#, vec!["0"; n].join(","));
    let cases: &[(&[u8], &str, usize)] = &[
        (b"", "empty_body", 0),
        (b" \n", "empty_body", 0),
        (b"\xef\xbb\xbf", "empty_body", 0),
        (b"{", "invalid_json", 1),
        (b"nonsense", "invalid_json", 0),
        (b"null", "invalid_envelope", 0),
        (b"[]", "invalid_envelope", 0),
        (b"\"x\"", "invalid_envelope", 0),
        (b"17", "invalid_envelope", 0),
        (b"{}", "invalid_envelope", 0),
        (br#"{"batch":{}}"#, "invalid_envelope", 9),
        (br#"{"batch":[]}"#, "empty_batch", 10),
        (br#"{"batch":[0],"batch":[0]}"#, "duplicate_key", 21),
        (br#"{"batch":[0]} x"#, "invalid_json", 14),
        (br#"{"batch":[0],}"#, "invalid_json", 13),
        (br#"{"batch":[0,]}"#, "invalid_json", 12),
        (br#"{"batch":[{} {}]}"#, "invalid_json", 13),
        (br#"{"batch":[{"a":"b]}"#, "invalid_json", 19),
        (br#"{"batch":[{"a":[}]}"#, "invalid_json", 18),
        (b"\xef\xbb\xbf{\"batch\":[0]}x", "invalid_json", 16),
        (b"{\"batch\":[{\"a\":\"\xff\"}]}", "invalid_json", 16),
    ];
    for (body, code, offset) in cases {
        let error = decode_batch(body, &Limits::default()).unwrap_err();
        let text = String::from_utf8_lossy(body);
        assert_eq!((error.code.as_str(), error.offset), (*code, *offset), "{text}");
    }
    assert_eq!(
        decode_batch(many(2_500).as_bytes(), &Limits::default()).unwrap().event_count(),
        2_500
    );
    let error = decode_batch(many(2_501).as_bytes(), &Limits::default()).unwrap_err();
    assert_eq!(error.code.as_str(), "too_many_events");
    for (body, code) in [(&b"{\"type\":"[..], "invalid_json"), (b"[]", "invalid_envelope")] {
        let error = decode_single(body, None, &Limits::default()).unwrap_err();
        assert_eq!(error.code.as_str(), code);
    }
}

#[test]
fn a_refused_event_is_named_and_kept_as_it_came() {
    let body = br#"{"batch":[ {"messageId":"m\u002d1","type":"x"} , {"messageId":"m2" "x"}]}"#;
    let batch = decode_batch(body, &Limits::default()).unwrap();
    let errors: Vec<_> = batch.events().map(Result::unwrap_err).collect();
    assert_eq!(errors[0].message_id, "m-1");
    assert_eq!(errors[0].raw, br#"{"messageId":"m\u002d1","type":"x"}"#);
    assert_eq!(errors[1].raw, br#"{"messageId":"m2" "x"}"#);
    assert_eq!(errors[1].message, "this is not valid JSON (byte 18)");
}

#[test]
fn an_absent_object_tells_nothing_and_a_list_is_no_object() {
    struct Deaf;
    impl sillage_wire::ValueSink for Deaf {
        fn null(&mut self) {}
        fn bool(&mut self, _: bool) {}
        fn int(&mut self, _: i64) {}
        fn float(&mut self, _: f64) {}
        fn str(&mut self, _: &str) {}
        fn begin_list(&mut self) {}
        fn end_list(&mut self) {}
        fn begin_map(&mut self) {}
        fn key(&mut self, _: &str) {}
        fn end_map(&mut self) {}
    }
    let limits = Limits::default();
    assert!(transcode_object(Raw::default(), &limits, &mut Deaf).is_ok());
    let code = |text| transcode_object(Raw::new(text), &limits, &mut Deaf).unwrap_err().code;
    assert_eq!(code("[1]"), "not_an_object");
    assert_eq!(code("{} x"), "invalid_json");
    assert_eq!(code("{"), "invalid_json");
}
