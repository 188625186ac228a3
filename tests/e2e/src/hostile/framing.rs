//! Requests that are broken or ambiguous as HTTP.
use super::{Row, good, post, request, row, with_head};

/// A second request behind the first, which must never be run.
const TAIL: &str = "GET /metrics HTTP/1.1\r\nHost: c\r\n\r\n";

pub(super) fn rows() -> Vec<Row> {
    let mut rows = lengths();
    rows.extend(codings());
    rows.extend(chunks());
    rows.extend(heads());
    rows.extend(targets());
    rows.extend(methods());
    rows.extend(endings());
    rows
}

/// `POST /v1/batch` with exactly these lines.
fn bare(lines: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    with_head(
        &format!("POST /v1/batch HTTP/1.1\r\nHost: c\r\nX-Write-Key: wk_test\r\n{lines}"),
        body,
    )
}

fn chunked(body: &str) -> String {
    format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len())
}

fn lengths() -> Vec<Row> {
    let smuggled = |id: &str| chunked(&good(id)) + TAIL;
    let first = format!("Content-Length: {}\r\n", chunked(&good("f-1")).len());
    let of = |id: &str, line: &str| bare(&format!("{line}\r\n"), good(id));
    let whole = good("f-9").len();
    let twice = format!("Content-Length: {whole}\r\nContent-Length: {whole}\r\n");
    vec![
        row(
            1,
            "length, then chunked, and a tail",
            bare(&format!("{first}Transfer-Encoding: chunked\r\n"), smuggled("f-1")),
        )
        .accepts(1)
        .closes(),
        row(
            2,
            "chunked, then length, and a tail",
            bare(&format!("Transfer-Encoding: chunked\r\n{first}"), smuggled("f-2")),
        )
        .accepts(1)
        .closes(),
        row(3, "two lengths", of("f-3", "Content-Length: 7\r\nContent-Length: 3")).library(400),
        row(4, "a list of lengths", of("f-4", "Content-Length: 7, 7")).library(400),
        row(5, "a length with a plus", of("f-5", "Content-Length: +7")).library(400),
        row(6, "a length below zero", of("f-6", "Content-Length: -1")).library(400),
        row(7, "a length in hex", of("f-7", "Content-Length: 0x7")).library(400),
        row(8, "a length of 2^64", of("f-8", "Content-Length: 18446744073709551616")).library(400),
        row(9, "the same length twice", bare(&twice, good("f-9"))).accepts(1),
        row(10, "a length of 2^63 - 1", of("f-10", "Content-Length: 9223372036854775807"))
            .refused(413, "body_too_large")
            .says("1048576"),
        row(11, "a space before the colon", of("f-11", "Content-Length : 7")).library(400),
    ]
}

fn codings() -> Vec<Row> {
    let of = |id: &str, line: &str| bare(&format!("{line}\r\n"), chunked(&good(id)));
    let old = "POST /v1/batch HTTP/1.0\r\nX-Write-Key: wk_test\r\nTransfer-Encoding: chunked\r\n";
    let twice = "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked";
    vec![
        row(12, "xchunked", of("f-12", "Transfer-Encoding: xchunked")).library(400),
        row(13, "chunked, identity", of("f-13", "Transfer-Encoding: chunked, identity"))
            .library(400),
        row(14, "chunked behind a vertical tab", of("f-14", "Transfer-Encoding: \u{b}chunked"))
            .library(400),
        row(15, "chunked in HTTP/1.0", with_head(old, chunked(&good("f-15")))).library(400),
        row(16, "gzip, chunked", of("f-16", "Transfer-Encoding: gzip, chunked"))
            .refused(501, "unsupported_transfer_coding"),
        row(17, "chunked twice", of("f-17", twice)).refused(400, "bad_framing").closes(),
    ]
}

fn chunks() -> Vec<Row> {
    let of = |body: String| bare("Transfer-Encoding: chunked\r\n", body);
    let body = good("f-21");
    let long = format!("{:x};x={}\r\n{body}\r\n0\r\n\r\n", body.len(), "a".repeat(64 << 10));
    let bare_lf = format!("{:x}\n{body}\n0\n\n", body.len());
    let trailers: String = (0..200).map(|n| format!("t-{n}: x\r\n")).collect();
    let trailed = format!("{:x}\r\n{body}\r\n0\r\n{trailers}\r\n", body.len());
    vec![
        row(18, "a chunk's size of 17 digits", of(format!("1{}\r\n", "0".repeat(16))))
            .refused(400, "bad_body")
            .closes(),
        row(19, "a chunk of -1 bytes", of(format!("-1\r\n{body}\r\n0\r\n\r\n")))
            .refused(400, "bad_body")
            .closes(),
        row(20, "a chunk extension of 64 KiB", of(long)).refused(400, "bad_body").closes(),
        row(21, "chunks with bare line feeds", of(bare_lf)).refused(400, "bad_body").closes(),
        row(22, "200 trailers", of(trailed)).refused(400, "bad_body").closes(),
    ]
}

fn heads() -> Vec<Row> {
    let body = good("f-23");
    let feeds = format!(
        "POST /v1/batch HTTP/1.1\nHost: c\nX-Write-Key: wk_test\nContent-Length: {}\n\n{body}",
        body.len()
    );
    let many: String = (0..62).map(|n| format!("X-{n}: x\r\n")).collect();
    let no_host = format!(
        "POST /v1/batch HTTP/1.1\r\nX-Write-Key: wk_test\r\nContent-Length: {}\r\n",
        good("f-27").len()
    );
    let two_types = "Content-Type: application/json\r\nContent-Type: text/plain\r\n";
    let upgrade = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n";
    vec![
        row(23, "bare line feeds in the head", feeds).accepts(1),
        row(24, "a folded header", post("X-A: b\r\n c\r\n", good("f-24"))).library(400),
        row(25, "NUL in a header", post("X-A: b\0c\r\n", good("f-25"))).library(400),
        row(26, "a bare CR in a header", post("X-A: b\rc\r\n", good("f-26"))).library(400),
        row(27, "no host", with_head(&no_host, good("f-27"))).refused(400, "bad_host").closes(),
        row(28, "two hosts", post("Host: d\r\n", good("f-28"))).refused(400, "bad_host").closes(),
        row(28, "no host, on a path for reading", "GET /healthz HTTP/1.1\r\n\r\n")
            .refused(400, "bad_host")
            .closes(),
        row(29, "65 headers", post(&many, good("f-29"))).library(431),
        row(30, "a header of 20 KiB", post(&long_header(20 << 10), good("f-30"))).library(431),
        row(33, "HTTP/9.9", "GET /healthz HTTP/9.9\r\nHost: c\r\n\r\n").library(400),
        row(34, "HTTP/0.9", "GET /healthz\r\n\r\n").library(400),
        row(35, "hello of TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")
            .library(400),
        row(44, "two content types", post(two_types, good("f-44"))).refused(400, "bad_header"),
        row(44, "an upgrade to h2c is ignored", post(upgrade, good("f-44u"))).accepts(1),
        row(45, "waits for 100 with a bad key", waiting("X-Write-Key: nope"))
            .refused(401, "invalid_key"),
        row(46, "expects something else", post("Expect: junk\r\n", good("f-46")))
            .refused(417, "expectation_failed"),
    ]
}

fn long_header(bytes: usize) -> String {
    format!("X-Long: {}\r\n", "a".repeat(bytes))
}

/// A head whose sender sends its body only when it is told to.
fn waiting(key: &str) -> Vec<u8> {
    let lines = format!("{key}\r\nContent-Length: 80\r\nExpect: 100-continue\r\n");
    with_head(&format!("POST /v1/batch HTTP/1.1\r\nHost: c\r\n{lines}"), "")
}

fn targets() -> Vec<Row> {
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: c\r\n\r\n");
    let to = |path: &str, id: &str| {
        request("POST", path, "X-Write-Key: wk_test\r\n", good(id).as_bytes())
    };
    let long = format!("/v1/batch?x={}", "a".repeat(9 << 10));
    let longer = format!("/v1/batch?x={}", "a".repeat(70 << 10));
    vec![
        row(31, "an address of 70 KB", to(&longer, "f-31"))
            .library(431)
            .differs("the head as a whole ends at 16 KiB, so the library answers 431"),
        row(32, "an address of 9 KB", to(&long, "f-32")).refused(414, "uri_too_long"),
        row(37, "a whole address", to("http://evil/v1/batch", "f-37")).refused(400, "bad_target"),
        row(37, "a whole address, for reading", get("http://evil/healthz"))
            .refused(400, "bad_target"),
        row(42, "NUL in the path", to("/v1/batch%00", "f-42")).refused(404, "not_found"),
        row(43, "a path upwards", to("/v1/../admin", "f-43")).refused(404, "not_found"),
        row(44, "a path in UTF-8", to("/v1/b\u{e4}tch", "f-44p")).refused(404, "not_found"),
        row(44, "a broken escape where an id is", reading("/v1/users/%zz"))
            .elsewhere(400, "malformed"),
        row(44, "a path upwards, for reading", reading("/v1/users/../../metrics"))
            .elsewhere(404, "path_unknown"),
    ]
}

fn reading(path: &str) -> Vec<u8> {
    request("GET", path, "Authorization: Bearer rt_test\r\n", b"")
}

fn methods() -> Vec<Row> {
    let by = |method: &str, id: &str| {
        request(method, "/v1/batch", "X-Write-Key: wk_test\r\n", good(id).as_bytes())
    };
    vec![
        row(38, "CONNECT", "CONNECT c:443 HTTP/1.1\r\nHost: c\r\n\r\n")
            .refused(405, "method_not_allowed"),
        row(39, "TRACE", "TRACE /v1/batch HTTP/1.1\r\nHost: c\r\n\r\n")
            .refused(405, "method_not_allowed")
            .with("allow", "GET, HEAD, POST, PUT, DELETE, OPTIONS"),
        row(40, "PUT", by("PUT", "f-40"))
            .refused(405, "method_not_allowed")
            .with("allow", "POST, OPTIONS"),
        row(41, "GET with a body", by("GET", "f-41"))
            .refused(405, "method_not_allowed")
            .with("allow", "POST, OPTIONS"),
        row(44, "post in lower case", by("post", "f-44m")).refused(405, "method_not_allowed"),
    ]
}

fn endings() -> Vec<Row> {
    let cut = |id: &str| post("", good(id)).split_last().map(|(_, all)| all.to_vec());
    vec![
        row(49, "a body that ends too early", cut("f-49").unwrap_or_default())
            .then_ends()
            .refused(400, "bad_body")
            .closes(),
        row(49, "a head that ends too early", "POST /v1/batch HTTP/1.1\r\nHost:")
            .then_ends()
            .unanswered(),
        row(49, "nothing at all", "").then_ends().unanswered(),
    ]
}
