use crate::dist::{self, Dist};
use crate::{Release, ReleaseFile, Tag, release};
use base64::Engine as _;
use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, RANGE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response};
use std::io::Read as _;
use std::path::Path;

const TAG: &str = "(()=>{document.currentScript})()";
const CORE: &[u8] = b"\0asm\x01\0\0\0";
const SHORT: &str = "public, max-age=300, stale-while-revalidate=600";
const FOR_EVER: &str = "public, max-age=31536000, immutable";

fn sha384(bytes: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA384, bytes);
    base64::engine::general_purpose::STANDARD.encode(digest)
}

/// A folder as the web binding's build leaves it.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let manifest = serde_json::json!({"version": "1.2.3", "files": {
        "tag.js": {"sha384": sha384(TAG.as_bytes()), "type": "text/javascript; charset=utf-8"},
        "core.wasm": {"sha384": sha384(CORE), "type": "application/wasm"},
    }});
    write(folder.path(), "manifest.json", manifest.to_string().as_bytes());
    write(folder.path(), "tag.js", TAG.as_bytes());
    // Compressed forms are taken as they come; what matters here is which of them leaves.
    write(folder.path(), "tag.js.gz", b"as gzip");
    write(folder.path(), "tag.js.br", b"as brotli");
    write(folder.path(), "core.wasm", CORE);
    folder
}

fn write(folder: &Path, name: &str, bytes: &[u8]) {
    std::fs::write(folder.join(name), bytes).expect("writable");
}

/// The release that a folder makes; a test's process is short enough to keep it for ever.
fn released(dist: Dist) -> Release {
    let text = |text: String| -> &'static str { text.leak() };
    let bytes = |bytes: Vec<u8>| -> &'static [u8] { bytes.leak() };
    let files = dist.files.into_iter().map(|file| ReleaseFile {
        name: text(file.name),
        media_type: text(file.media_type),
        sha384: text(file.sha384),
        plain: bytes(file.plain),
        gzip: file.gzip.map(bytes),
        brotli: file.brotli.map(bytes),
    });
    Release { version: text(dist.version), files: files.collect() }
}

fn tag() -> Tag {
    let dist = dist::read(folder().path()).expect("a good folder").expect("a manifest");
    Tag::new(Some(released(dist)))
}

fn ask(path: &str, headers: &[(HeaderName, &str)]) -> Response<Bytes> {
    let mut told = HeaderMap::new();
    for (name, value) in headers {
        told.append(name, HeaderValue::from_str(value).expect("a value"));
    }
    tag().answer(&Method::GET, path, &told).expect("a path of the tag")
}

fn header(answer: &Response<Bytes>, name: impl http::header::AsHeaderName) -> &str {
    answer.headers().get(name).map_or("", |value| value.to_str().expect("plain text"))
}

#[test]
fn the_latest_is_cached_for_minutes_and_a_version_for_ever() {
    let (latest, pinned) = (ask("/tag.js", &[]), ask("/v/1.2.3/tag.js", &[]));
    assert_eq!(
        (latest.status(), pinned.status()),
        (200.try_into().unwrap(), 200.try_into().unwrap())
    );
    assert_eq!((header(&latest, CACHE_CONTROL), header(&pinned, CACHE_CONTROL)), (SHORT, FOR_EVER));
    assert_eq!((&latest.body()[..], &pinned.body()[..]), (TAG.as_bytes(), TAG.as_bytes()));
    assert_eq!(header(&latest, CONTENT_TYPE), "text/javascript; charset=utf-8");
    let core = ask("/v/1.2.3/core.wasm", &[]);
    assert_eq!(
        header(&core, CONTENT_TYPE),
        "application/wasm",
        "with a parameter it would not stream"
    );
}

#[test]
fn every_answer_can_be_read_by_pages_of_any_origin() {
    for path in
        ["/tag.js", "/v/1.2.3/core.wasm", "/v/integrity.json", "/v/9/tag.js", "/v/1.2.3/no.js"]
    {
        let answer = ask(path, &[]);
        assert_eq!(header(&answer, "access-control-allow-origin"), "*", "{path}");
        assert_eq!(header(&answer, "cross-origin-resource-policy"), "cross-origin", "{path}");
        assert_eq!(header(&answer, "x-content-type-options"), "nosniff", "{path}");
    }
}

#[test]
fn each_coding_has_its_bytes_and_its_etag() {
    let plain = ask("/tag.js", &[]);
    let gzip = ask("/tag.js", &[(ACCEPT_ENCODING, "gzip")]);
    let brotli = ask("/tag.js", &[(ACCEPT_ENCODING, "gzip, br")]);
    assert_eq!((&gzip.body()[..], &brotli.body()[..]), (&b"as gzip"[..], &b"as brotli"[..]));
    let codings = [&plain, &gzip, &brotli].map(|answer| header(answer, CONTENT_ENCODING));
    assert_eq!(codings, ["", "gzip", "br"]);
    let [a, b, c] = [&plain, &gzip, &brotli].map(|answer| header(answer, ETAG));
    assert!(a != b && b != c && c != a, "{a} {b} {c}");
    for answer in [&plain, &gzip, &brotli] {
        assert_eq!(header(answer, "vary"), "Accept-Encoding");
    }
    let bare = ask("/v/1.2.3/core.wasm", &[(ACCEPT_ENCODING, "gzip, br")]);
    assert_eq!(
        (&bare.body()[..], header(&bare, CONTENT_ENCODING)),
        (CORE, ""),
        "it has no other form"
    );
}

#[test]
fn what_is_known_is_not_sent_again() {
    let etag = header(&ask("/tag.js", &[(ACCEPT_ENCODING, "br")]), ETAG).to_owned();
    for known in [etag.clone(), format!("W/{etag}"), format!("\"x\", {etag}"), "*".to_owned()] {
        let again = ask("/tag.js", &[(ACCEPT_ENCODING, "br"), (IF_NONE_MATCH, &known)]);
        assert_eq!((again.status().as_u16(), again.body().len()), (304, 0), "{known}");
        assert_eq!(header(&again, CACHE_CONTROL), SHORT);
        assert_eq!((header(&again, ETAG), header(&again, CONTENT_ENCODING)), (etag.as_str(), ""));
    }
    let other = ask("/tag.js", &[(ACCEPT_ENCODING, "gzip"), (IF_NONE_MATCH, &etag)]);
    assert_eq!(other.status(), 200, "the same file, coded otherwise, is not what is known");
}

#[test]
fn parts_are_sent_and_a_part_behind_the_end_is_refused() {
    let part = ask("/v/1.2.3/core.wasm", &[(RANGE, "bytes=1-3")]);
    assert_eq!((part.status().as_u16(), &part.body()[..]), (206, &b"asm"[..]));
    assert_eq!(header(&part, "content-range"), "bytes 1-3/8");
    let beyond = ask("/v/1.2.3/core.wasm", &[(RANGE, "bytes=8-")]);
    assert_eq!((beyond.status().as_u16(), header(&beyond, "content-range")), (416, "bytes */8"));
}

#[test]
fn integrity_is_told_in_the_form_that_pages_paste() {
    let answer = ask("/v/1.2.3/integrity.json", &[]);
    let told: serde_json::Value = serde_json::from_slice(answer.body()).expect("JSON");
    let expected = serde_json::json!({"version": "1.2.3", "files": {
        "core.wasm": format!("sha384-{}", sha384(CORE)),
        "tag.js": format!("sha384-{}", sha384(TAG.as_bytes())),
    }});
    assert_eq!(told, expected);
    assert_eq!(header(&answer, CACHE_CONTROL), FOR_EVER);
    let latest = ask("/v/integrity.json", &[]);
    assert_eq!((latest.body(), header(&latest, CACHE_CONTROL)), (answer.body(), SHORT));
}

#[test]
fn what_is_not_there_is_a_problem_that_nobody_caches() {
    for (path, code) in [
        ("/v/1.2.4/tag.js", "version_unknown"),
        ("/v//tag.js", "version_unknown"),
        ("/v/1.2.3/", "path_unknown"),
        ("/v/1.2.3/manifest.json", "path_unknown"),
        ("/v/1.2.3/../tag.js", "path_unknown"),
        ("/v/1.2.3/tag.js/", "path_unknown"),
        ("/v/1.2.3", "path_unknown"),
        ("/v/", "path_unknown"),
    ] {
        let answer = ask(path, &[]);
        let told: serde_json::Value = serde_json::from_slice(answer.body()).expect("JSON");
        assert_eq!((answer.status().as_u16(), told["code"].as_str()), (404, Some(code)), "{path}");
        assert_eq!(header(&answer, CONTENT_TYPE), "application/problem+json");
        assert_eq!(header(&answer, CACHE_CONTROL), "no-store");
    }
    for path in ["/", "/tag.jsx", "/v1/batch", "/v", "/shop/tag.js"] {
        assert!(tag().answer(&Method::GET, path, &HeaderMap::new()).is_none(), "{path}");
    }
}

#[test]
fn a_collector_without_a_tag_says_how_to_get_one() {
    for path in ["/tag.js", "/v/1.2.3/tag.js"] {
        let answer =
            Tag::new(None).answer(&Method::GET, path, &HeaderMap::new()).expect("its path");
        let told: serde_json::Value = serde_json::from_slice(answer.body()).expect("JSON");
        assert_eq!((answer.status().as_u16(), &told["code"]), (404, &"tag_missing".into()));
        assert!(told["detail"].as_str().is_some_and(|text| text.contains("make tag")), "{told}");
    }
}

#[test]
fn files_are_only_read() {
    let tag = tag();
    let head = tag.answer(&Method::HEAD, "/tag.js", &HeaderMap::new()).expect("its path");
    assert_eq!(head.status(), 200);
    for method in [Method::POST, Method::DELETE, Method::OPTIONS] {
        let answer = tag.answer(&method, "/tag.js", &HeaderMap::new()).expect("its path");
        assert_eq!(
            (answer.status().as_u16(), header(&answer, "allow")),
            (405, "GET, HEAD"),
            "{method}"
        );
    }
}

#[test]
fn a_folder_that_was_not_built_is_no_tag_and_half_a_tag_is_refused() {
    let empty = tempfile::tempdir().expect("a folder");
    assert_eq!(dist::read(empty.path()), Ok(None));
    assert_eq!(dist::read(&empty.path().join("absent")), Ok(None));
    let digest = sha384(TAG.as_bytes());
    let files = |name: &str, sha384: &str, media_type: &str| serde_json::json!({"version": "1", "files": {name: {"sha384": sha384, "type": media_type}}});
    for (manifest, why) in [
        ("{".into(), "EOF"),
        (serde_json::json!({"version": "1"}), "`files` must be"),
        (serde_json::json!({"version": "a/b", "files": {}}), "`version` must be"),
        (serde_json::json!({"version": "1", "files": {}}), "there is no tag.js"),
        (files("tag.js", &digest, "text/javascript"), "listed and not there"),
        (files("../tag.js", &digest, "text/javascript"), "a name is"),
        (files("tag.js", "abc", "text/javascript"), "sha384"),
        (files("tag.js", &digest, "script"), "type"),
        (files("tag.js", &digest, "a/b\r\nx: y"), "type"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let text = manifest.as_str().map_or_else(|| manifest.to_string(), str::to_owned);
        write(folder.path(), "manifest.json", text.as_bytes());
        let error = dist::read(folder.path()).expect_err("no good folder");
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn what_is_embedded_is_what_was_read() {
    let dist = dist::read(folder().path()).expect("a good folder").expect("a manifest");
    let out = tempfile::tempdir().expect("a folder");
    dist::embed(Some(&dist), out.path()).expect("writable");
    let code = std::fs::read_to_string(out.path().join("embedded.rs")).expect("written");
    assert!(code.starts_with("Some(Release { version: \"1.2.3\""), "{code}");
    assert_eq!(code.matches("ReleaseFile {").count(), 2, "{code}");
    assert_eq!(code.matches("gzip: None").count(), 1, "{code}");
    let saved = |name: &str| std::fs::read(out.path().join(name)).expect("written");
    assert_eq!((saved("tag.js"), saved("tag.js.br")), (TAG.into(), b"as brotli".to_vec()));
    assert_eq!((saved("tag.js.gz"), saved("core.wasm")), (b"as gzip".to_vec(), CORE.to_vec()));
    dist::embed(None, out.path()).expect("writable");
    assert_eq!(saved("embedded.rs"), b"None\n");
}

/// Holds whatever tag this test was built with to what its own manifest says.
#[test]
fn the_tag_in_this_binary_is_whole() {
    let Some(release) = release::embedded() else {
        assert_eq!(Tag::embedded().version(), None);
        return;
    };
    assert_eq!(Tag::embedded().version(), Some(release.version));
    for file in &release.files {
        assert_eq!(sha384(file.plain), file.sha384, "{}", file.name);
        if let Some(gzip) = file.gzip {
            let mut unpacked = Vec::new();
            flate2::read::GzDecoder::new(gzip).read_to_end(&mut unpacked).expect("gzip");
            assert_eq!(unpacked, file.plain, "{}.gz", file.name);
        }
        if let Some(mut brotli) = file.brotli {
            let mut unpacked = Vec::new();
            brotli_decompressor::BrotliDecompress(&mut brotli, &mut unpacked).expect("brotli");
            assert_eq!(unpacked, file.plain, "{}.br", file.name);
        }
    }
}
