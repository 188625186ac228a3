//! Requests that no well-meaning sender makes, and the answer to each.
use crate::rig::{KEY, Rig, bare, batch_of, post, track, with};
use bytes::Bytes;
use http::{Method, Request, Version};
use http_body_util::Full;
use serde_json::json;

fn good() -> String {
    batch_of(&[track("m-1")])
}

fn changed(change: impl FnOnce(&mut Request<Full<Bytes>>)) -> Request<Full<Bytes>> {
    let mut request = post("/v1/batch", good());
    change(&mut request);
    request
}

fn header(name: &'static str, value: &'static str) -> Request<Full<Bytes>> {
    changed(|r| {
        r.headers_mut().append(name, value.parse().unwrap());
    })
}

fn body(text: &str) -> Request<Full<Bytes>> {
    post("/v1/batch", text.to_owned())
}

type Case = (&'static str, Request<Full<Bytes>>, u16, &'static str);

fn framing() -> Vec<Case> {
    let long = format!("/v1/batch?x={}", "a".repeat(9000));
    vec![
        ("no host", changed(|r| drop(r.headers_mut().remove("host"))), 400, "bad_host"),
        ("two hosts", header("host", "d"), 400, "bad_host"),
        (
            "http/1.0 needs no host",
            changed(|r| {
                r.headers_mut().remove("host");
                *r.version_mut() = Version::HTTP_10;
            }),
            200,
            "",
        ),
        (
            "http/2 has no host",
            changed(|r| {
                r.headers_mut().remove("host");
                *r.version_mut() = Version::HTTP_2;
                *r.uri_mut() = "https://c/v1/batch".parse().unwrap();
            }),
            200,
            "",
        ),
        ("gzip, chunked", header("transfer-encoding", "gzip, chunked"), 501, ""),
        ("chunked", header("transfer-encoding", "chunked"), 200, ""),
        (
            "transfer-encoding twice",
            changed(|r| {
                r.headers_mut().append("transfer-encoding", "chunked".parse().unwrap());
                r.headers_mut().append("transfer-encoding", "chunked".parse().unwrap());
            }),
            400,
            "bad_framing",
        ),
        ("long uri", post(&long, good()), 414, "uri_too_long"),
        ("absolute target", post("http://evil/v1/batch", good()), 400, "bad_target"),
        ("expect junk", header("expect", "junk"), 417, "expectation_failed"),
        ("expect continue", header("expect", "100-Continue"), 200, ""),
        ("connect", changed(|r| *r.method_mut() = Method::CONNECT), 405, ""),
        ("trace", bare("TRACE", "/v1/batch", &[]), 405, "method_not_allowed"),
        ("put", bare("PUT", "/v1/batch", &[]), 405, "method_not_allowed"),
        ("get with body", bare("GET", "/v1/batch", &[]), 405, "method_not_allowed"),
        ("post in lower case", bare("post", "/v1/batch", &[]), 405, "method_not_allowed"),
        ("a path with nul", post("/v1/batch%00", good()), 404, "not_found"),
        ("a path upwards", post("/v1/../admin", good()), 404, "not_found"),
        (
            "two content types",
            changed(|r| {
                r.headers_mut().append("content-type", "text/plain".parse().unwrap());
                r.headers_mut().append("content-type", "text/plain".parse().unwrap());
            }),
            400,
            "bad_header",
        ),
        ("upgrade is ignored", header("upgrade", "h2c"), 200, ""),
    ]
}

fn keys() -> Vec<Case> {
    let keyed = |body: &str| with("/v1/batch", body.to_owned(), &[]);
    let with_key = |key: &str| good().replacen('{', &format!(r#"{{"writeKey":"{key}","#), 1);
    let long = "k".repeat(10_000);
    vec![
        ("no key", keyed(&good()), 401, "invalid_key"),
        ("unknown key", with("/v1/batch", good(), &[("x-write-key", "nope")]), 401, "invalid_key"),
        ("10 KB key", with("/v1/batch", good(), &[("x-write-key", &long)]), 401, "invalid_key"),
        ("10 KB key in the body", keyed(&with_key(&long)), 401, "invalid_key"),
        ("unknown key in the body", keyed(&with_key("nope")), 401, "invalid_key"),
        ("key in the body", keyed(&with_key(KEY)), 200, ""),
        (
            "key after the batch",
            keyed(&good().replace("]}", r#"],"writeKey":"wk_shop"}"#)),
            200,
            "",
        ),
        ("key in the query", with("/v1/batch?key=wk%5Fshop", good(), &[]), 200, ""),
        ("writeKey in the query", with("/v1/b/?writeKey=wk_shop", good(), &[]), 200, ""),
        (
            "basic user",
            with("/v1/batch", good(), &[("authorization", "Basic d2tfc2hvcDo=")]),
            200,
            "",
        ),
        (
            "basic garbage",
            with("/v1/batch", good(), &[("authorization", "Basic !!!")]),
            401,
            "invalid_key",
        ),
        (
            "bearer is no key",
            with("/v1/batch", good(), &[("authorization", "Bearer wk_shop")]),
            401,
            "invalid_key",
        ),
        ("head and query differ", post("/v1/batch?key=other", good()), 400, "key_mismatch"),
        ("head and body differ", post("/v1/batch", with_key("other")), 400, "key_mismatch"),
        ("head and body agree", post("/v1/batch", with_key(KEY)), 200, ""),
        (
            "a reading token",
            with("/v1/batch", good(), &[("x-write-key", "rt_shop")]),
            403,
            "wrong_key_type",
        ),
    ]
}

fn bodies() -> Vec<Case> {
    let deep = format!(r#"{{"batch":{}"#, "[".repeat(100_000));
    let many = batch_of(&vec![track("m"); 2_501]);
    let large = format!(r#"{{"batch":[],"x":"{}"}}"#, "a".repeat(1 << 20));
    let with_type =
        |media| with("/v1/batch", good(), &[("x-write-key", KEY), ("content-type", media)]);
    vec![
        ("text/plain", with_type("text/plain;charset=UTF-8"), 200, ""),
        ("form", with_type("application/x-www-form-urlencoded"), 200, ""),
        ("xml", with_type("application/xml"), 415, "unsupported_media_type"),
        ("utf-16", with_type("application/json; charset=utf-16"), 415, "unsupported_media_type"),
        ("empty", body(""), 400, "empty_body"),
        ("blank", body(" \n"), 400, "empty_body"),
        ("open brace", body("{"), 400, "invalid_json"),
        ("trailing text", body(&(good() + "x")), 400, "invalid_json"),
        ("byte order mark", body(&("\u{feff}".to_owned() + &good())), 200, ""),
        ("bad utf-8", post("/v1/batch", &b"{\"batch\":\xff}"[..]), 400, "invalid_json"),
        ("null", body("null"), 400, "invalid_envelope"),
        ("a list", body("[]"), 400, "invalid_envelope"),
        ("an object without batch", body("{}"), 400, "invalid_envelope"),
        ("no event", body(r#"{"batch":[]}"#), 400, "empty_batch"),
        ("2 501 events", body(&many), 413, "too_many_events"),
        ("one byte too much", body(&large), 413, "body_too_large"),
        ("never closed", body(&deep), 400, "invalid_json"),
        (
            "a bad shared context",
            body(&good().replacen('{', r#"{"context":{"a":1e400},"#, 1)),
            400,
            "",
        ),
    ]
}

#[tokio::test]
async fn every_hostile_request_has_its_answer() {
    for (name, request, status, code) in framing().into_iter().chain(keys()).chain(bodies()) {
        let mut project = crate::rig::shop();
        project.other_tokens = vec!["rt_shop".to_owned()];
        let rig = Rig::with(Default::default(), project);
        let answer = rig.send(request).await;
        assert_eq!(answer.status.as_u16(), status, "{name}: {}", answer.text());
        if !code.is_empty() {
            assert_eq!(answer.code(), code, "{name}");
        }
        let kept = rig.facts().len();
        assert_eq!(kept, usize::from(status == 200), "{name}: only a 200 stores");
        assert_eq!(answer.status == 405, answer.headers.contains_key("allow"), "{name}");
        // The next request is served, and nothing is left held.
        assert_eq!(rig.batch(&batch_of(&[track("m-2")])).await["accepted"], 1, "{name}");
        assert_eq!(rig.ingest.signals().snapshot().in_flight_bytes, 0, "{name}");
    }
}

#[tokio::test]
async fn a_problem_says_what_is_wrong_for_programs_and_people() {
    let answer = Rig::new().send(with("/v1/batch", good(), &[("x-write-key", "canary-key")])).await;
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let problem = answer.json();
    assert_eq!(problem["status"], 401);
    assert_eq!(problem["code"], "invalid_key");
    assert_eq!(problem["type"], "urn:sillage:problem:invalid_key");
    assert_eq!(problem["retryable"], false);
    for member in ["title", "detail", "message", "request_id"] {
        assert!(problem[member].is_string(), "{member} in {problem}");
    }
    assert!(!answer.text().contains("canary"), "a key is never repeated");
}

#[tokio::test]
async fn a_malformed_body_is_kept_once_its_sender_is_known() {
    let rig = Rig::new();
    let broken = r#"{"batch":[{"context":{"ip":"203.0.113.42"}"#;
    let answer = rig.send(body(broken)).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "invalid_json"));
    assert!(answer.text().contains("byte"), "{}", answer.text());
    let letters = rig.dead_letters();
    let [letter] = &letters[..] else { panic!("{letters:?}") };
    assert_eq!(letter.code, "invalid_json");
    assert_eq!(letter.raw, broken.replace("113.42", "113.0").as_bytes());
    rig.send(with("/v1/batch", broken.to_owned(), &[])).await;
    assert_eq!(rig.dead_letters().len(), 1, "strangers fill no disk");
}

#[tokio::test]
async fn values_that_look_like_code_are_text() {
    let rig = Rig::new();
    let event = json!({
        "type": "track", "messageId": "m", "userId": "{a:*}\nSET x", "event": "<img src=x>",
        "properties": {"__proto__": "${jndi:x}", "constructor": "=HYPERLINK(1)", "x": "{{7*7}}\r\n"},
    });
    let verdict = rig.batch(&json!({ "batch": [event] }).to_string()).await;
    assert_eq!(verdict["accepted"], 1, "{verdict}");
    let facts = rig.facts();
    assert_eq!(facts[0].subject, "u:{a:*}\nSET x");
    assert_eq!(facts[0].props, event["properties"]);
}
