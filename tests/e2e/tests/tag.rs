//! The web tag as a page gets it from the real binary: what `make tag` left is what is handed out.
use base64::Engine as _;
use serde_json::Value;
use sillage_e2e::{Answer, Collector, Http};
use std::io::Read as _;
use std::path::PathBuf;

/// What the binary was built with: `SILLAGE_TAG_DIST`, else where `make tag` leaves it.
#[allow(clippy::disallowed_methods, reason = "the same setting as the build's")]
fn dist() -> PathBuf {
    let usual = || PathBuf::from("../../bindings/js/dist");
    std::env::var_os("SILLAGE_TAG_DIST").map_or_else(usual, PathBuf::from)
}

fn manifest() -> Value {
    let path = dist().join("manifest.json");
    let text = std::fs::read(&path).unwrap_or_else(|error| {
        panic!("{}: {error}; run `make tag`, then build the collector", path.display())
    });
    serde_json::from_slice(&text).expect("the manifest is JSON")
}

fn version() -> String {
    manifest()["version"].as_str().expect("a version").to_owned()
}

fn names() -> Vec<String> {
    manifest()["files"].as_object().expect("files").keys().cloned().collect()
}

/// A collector that serves one plain project, and a connection to it.
fn collector() -> (tempfile::TempDir, Collector, Http) {
    let folder = tempfile::tempdir().expect("a folder");
    let collector = Collector::start(folder.path(), "", "");
    let http = collector.http();
    (folder, collector, http)
}

fn ask(http: &mut Http, method: &str, path: &str, headers: &str) -> Answer {
    http.send(method, path, headers, b"").expect("the collector answers")
}

fn unpacked(answer: &Answer) -> Vec<u8> {
    let (mut packed, mut out) = (answer.body.as_slice(), Vec::new());
    match answer.header("content-encoding") {
        "br" => brotli_decompressor::BrotliDecompress(&mut packed, &mut out).expect("brotli"),
        "gzip" => drop(flate2::read::GzDecoder::new(packed).read_to_end(&mut out).expect("gzip")),
        other => {
            assert_eq!(other, "");
            out = answer.body.clone();
        }
    }
    out
}

fn integrity(bytes: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA384, bytes);
    format!("sha384-{}", base64::engine::general_purpose::STANDARD.encode(digest))
}

#[test]
fn each_file_is_what_its_digest_says_in_every_coding() {
    let (_folder, _collector, mut http) = collector();
    let version = version();
    let told = ask(&mut http, "GET", &format!("/v/{version}/integrity.json"), "").json();
    assert_eq!(told["version"], version.as_str());
    for name in names() {
        let plain = std::fs::read(dist().join(&name)).expect("what the manifest lists is there");
        assert_eq!(told["files"][&name], integrity(&plain).as_str(), "{name}");
        for (accept, suffix, coding) in [
            ("identity", "", ""),
            ("gzip", ".gz", "gzip"),
            ("gzip, deflate, br, zstd", ".br", "br"),
        ] {
            let path = format!("/v/{version}/{name}");
            let answer = ask(&mut http, "GET", &path, &format!("accept-encoding: {accept}\r\n"));
            assert_eq!(answer.status, 200, "{path}");
            assert_eq!(unpacked(&answer), plain, "{path} as {accept}");
            if dist().join(format!("{name}{suffix}")).exists() {
                assert_eq!(answer.header("content-encoding"), coding, "{path} as {accept}");
            }
        }
    }
}

#[test]
fn a_page_of_any_origin_caches_the_tag_for_minutes_and_a_version_for_ever() {
    let (_folder, _collector, mut http) = collector();
    let pinned = format!("/v/{}/tag.js", version());
    let cases = [
        ("/tag.js", "public, max-age=300, stale-while-revalidate=600"),
        (pinned.as_str(), "public, max-age=31536000, immutable"),
    ];
    for (path, cache) in cases {
        let browser = "origin: https://shop.example\r\naccept-encoding: gzip, br\r\n";
        let answer = ask(&mut http, "GET", path, browser);
        assert_eq!((answer.status, answer.header("cache-control")), (200, cache), "{path}");
        assert_eq!(
            answer.header("access-control-allow-origin"),
            "*",
            "the check of a digest needs it"
        );
        assert_eq!(answer.header("cross-origin-resource-policy"), "cross-origin");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("vary"), "Accept-Encoding");
        assert_eq!(answer.header("content-type"), "text/javascript; charset=utf-8");
        let known = format!("{browser}if-none-match: {}\r\n", answer.header("etag"));
        let again = ask(&mut http, "GET", path, &known);
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
        assert_eq!(again.header("cache-control"), cache);
        assert_eq!(again.header("access-control-allow-origin"), "*");
    }
    let core = ask(&mut http, "GET", &format!("/v/{}/core.wasm", version()), "");
    assert_eq!(
        core.header("content-type"),
        "application/wasm",
        "nothing else is compiled as it streams"
    );
}

#[test]
fn a_head_is_the_head_of_the_answer() {
    let (_folder, _collector, mut http) = collector();
    let gzip = "accept-encoding: gzip\r\n";
    let head = ask(&mut http, "HEAD", "/tag.js", gzip);
    let whole = ask(&mut http, "GET", "/tag.js", gzip);
    assert_eq!((head.status, whole.status), (200, 200));
    for name in ["content-length", "etag", "content-encoding", "content-type"] {
        assert_eq!(head.header(name), whole.header(name), "{name}");
    }
    assert_eq!(head.header("content-length"), whole.body.len().to_string());
    let post = ask(&mut http, "POST", "/tag.js", "");
    assert_eq!((post.status, post.header("allow")), (405, "GET, HEAD"));
}

#[test]
fn a_version_or_a_file_that_is_not_there_is_a_problem_that_nobody_keeps() {
    let (_folder, _collector, mut http) = collector();
    let unknown = [("/v/0.0.0-none/tag.js".to_owned(), "version_unknown")];
    let absent = [(format!("/v/{}/other.js", version()), "path_unknown")];
    for (path, code) in unknown.into_iter().chain(absent) {
        let answer = ask(&mut http, "GET", &path, "");
        assert_eq!((answer.status, answer.header("cache-control")), (404, "no-store"), "{path}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert_eq!(answer.json()["code"], code, "{path}");
    }
}

#[test]
fn only_the_demo_has_a_shop() {
    let (_folder, _collector, mut http) = collector();
    for path in ["/shop", "/shop/", "/shop/strict/", "/shop/config.js"] {
        assert_eq!(ask(&mut http, "GET", path, "").status, 404, "{path}");
    }
}
