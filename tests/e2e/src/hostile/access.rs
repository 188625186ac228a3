//! Keys, tokens and origins that are not what they should be.
use super::{Row, good, request, row};

pub(super) fn rows() -> Vec<Row> {
    let mut rows = keys();
    rows.extend(tokens());
    rows.extend(origins());
    rows
}

fn keyed(lines: &str, id: &str) -> Vec<u8> {
    request("POST", "/v1/batch", lines, good(id).as_bytes())
}

fn keys() -> Vec<Row> {
    let in_body = good("a-109").replacen('{', "{\"writeKey\":\"other\",", 1);
    let long = format!("X-Write-Key: {}\r\n", "k".repeat(10_000));
    let head = "X-Write-Key: wk_test\r\n";
    vec![
        row(109, "two keys", request("POST", "/v1/batch", head, in_body.as_bytes()))
            .refused(400, "key_mismatch"),
        row(110, "no key", keyed("", "a-110")).refused(401, "invalid_key"),
        row(111, "an unknown key", keyed("X-Write-Key: nope\r\n", "a-111"))
            .refused(401, "invalid_key"),
        row(113, "a key of 10 KB", keyed(&long, "a-113")).refused(401, "invalid_key"),
        row(114, "a read token", keyed("X-Write-Key: rt_test\r\n", "a-114"))
            .refused(403, "wrong_key_type"),
        row(114, "an admin token", keyed("X-Write-Key: at_test\r\n", "a-114a"))
            .refused(403, "wrong_key_type"),
    ]
}

fn asked(method: &str, path: &str, token: &str, body: &str) -> Vec<u8> {
    request(method, path, &format!("Authorization: Bearer {token}\r\n"), body.as_bytes())
}

fn tokens() -> Vec<Row> {
    let rule = r#"{"when":"true"}"#;
    let more = r#"{"when":"true","tenant_id":"other","role":"admin"}"#;
    vec![
        row(115, "a write key reads", asked("GET", "/v1/users/42", "wk_test", ""))
            .elsewhere(403, "scope"),
        row(115, "a write key changes", asked("PUT", "/v1/segments/new", "wk_test", rule))
            .elsewhere(403, "scope"),
        row(115, "a read token changes", asked("PUT", "/v1/segments/new", "rt_test", rule))
            .elsewhere(403, "scope"),
        row(135, "another project's segment", asked("GET", "/v1/segments/theirs", "rt_test", ""))
            .elsewhere(404, "segment_unknown"),
        row(135, "nobody's segment", asked("GET", "/v1/segments/nobodys", "rt_test", ""))
            .elsewhere(404, "segment_unknown"),
        row(
            135,
            "another project's members",
            asked("GET", "/v1/segments/theirs/members", "rt_test", ""),
        )
        .elsewhere(404, "segment_unknown"),
        row(136, "members of other shapes", asked("PUT", "/v1/segments/new", "at_test", more))
            .elsewhere(400, "malformed")
            .says("unknown field"),
    ]
}

fn origins() -> Vec<Row> {
    let from = |origin: &str, id: &str| {
        keyed(&format!("X-Write-Key: wk_test\r\nOrigin: {origin}\r\n"), id)
    };
    let preflight = "Origin: https://evil.example\r\nAccess-Control-Request-Method: PUT\r\n";
    vec![
        row(127, "a preflight for reading", request("OPTIONS", "/v1/segments", preflight, b""))
            .elsewhere(401, "token_missing")
            .differs("paths for reading know no origin at all: refused like any request without a token"),
        row(127, "an origin that is not listed", from("https://evil.example", "a-127"))
            .refused(403, "origin_not_allowed"),
        row(128, "no origin that is one", from("null", "a-128")).refused(403, "origin_not_allowed"),
        row(128, "an origin that is listed", from("https://shop.example", "a-128s"))
            .accepts(1)
            .with("access-control-allow-origin", "https://shop.example")
            .differs("the contract reflects listed origins and allows them credentials"),
        row(
            129,
            "another's address, from a stranger",
            keyed(
                "X-Write-Key: wk_test\r\nUser-Agent: Mozilla/5.0\r\nX-Forwarded-For: 198.51.100.77\r\n",
                "a-129",
            ),
        )
        .accepts(1),
    ]
}
