//! Bodies that are not what they say, or too much.
use super::{Row, batch, event, good, post, row};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write as _;

pub(super) fn rows() -> Vec<Row> {
    let mut rows = types();
    rows.extend(codings());
    rows.extend(sizes());
    rows.extend(texts());
    rows.extend(envelopes());
    rows
}

fn gzip(body: impl AsRef<[u8]>) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::new(6));
    out.write_all(body.as_ref()).expect("memory takes all");
    out.finish().expect("memory takes all")
}

fn typed(media: &str, id: &str) -> Vec<u8> {
    post(&format!("Content-Type: {media}\r\n"), good(id))
}

fn types() -> Vec<Row> {
    vec![
        row(58, "a beacon's text/plain", typed("text/plain;charset=UTF-8", "b-58")).accepts(1),
        row(59, "XML", typed("application/xml", "b-59")).refused(415, "unsupported_media_type"),
        row(60, "UTF-16", typed("application/json; charset=utf-16", "b-60"))
            .refused(415, "unsupported_media_type"),
    ]
}

fn coded(coding: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    post(&format!("Content-Encoding: {coding}\r\n"), body)
}

fn codings() -> Vec<Row> {
    let mut bad_crc = gzip(good("b-67"));
    let at = bad_crc.len() - 8;
    if let Some(byte) = bad_crc.get_mut(at) {
        *byte ^= 1;
    }
    let whole = gzip(good("b-66"));
    let cut = whole.get(..whole.len() - 9).unwrap_or_default();
    let junk = [&gzip(good("b-68"))[..], b"junk"].concat();
    let twice = [gzip(good("b-68m")), gzip(good("b-68n"))].concat();
    // A bomb of 100 MiB in 102 KB.
    let bomb = gzip(vec![b' '; 100 << 20]);
    // A frame that announces a window of 2 GiB for four spaces.
    let wide = b"\x28\xb5\x2f\xfd\x00\xa8\x21\x00\x00    ";
    vec![
        row(61, "plain as gzip", coded("gzip", good("b-61"))).refused(400, "bad_encoding").kept(),
        row(62, "compress", coded("compress", good("b-62"))).refused(415, "unsupported_encoding"),
        row(63, "gzip, gzip", coded("gzip, gzip", gzip(gzip(good("b-63")))))
            .refused(415, "unsupported_encoding"),
        row(64, "a bomb", coded("gzip", bomb)).refused(413, "decompressed_too_large"),
        row(65, "a window of 2 GiB", coded("zstd", wide)).refused(413, "decompressed_too_large"),
        row(66, "gzip cut short", coded("gzip", cut)).refused(400, "bad_encoding").kept(),
        row(67, "a wrong checksum", coded("gzip", bad_crc)).refused(400, "bad_encoding").kept(),
        row(68, "junk behind gzip", coded("gzip", junk)).refused(400, "bad_encoding").kept(),
        row(68, "a second member", coded("gzip", twice)).refused(400, "bad_encoding").kept(),
    ]
}

fn sizes() -> Vec<Row> {
    let limit = 1 << 20;
    let large = good("b-69") + &" ".repeat(limit);
    let exact = good("b-69x");
    let exact = format!("{exact}{}", " ".repeat(limit - exact.len()));
    vec![
        row(69, "one byte too much", post("", large.get(..=limit).unwrap_or_default()))
            .refused(413, "body_too_large")
            .says("1048576"),
        row(69, "not one byte too much", post("", exact)).accepts(1),
        row(70, "no byte", post("", "")).refused(400, "empty_body"),
    ]
}

fn texts() -> Vec<Row> {
    let value = |id: &str, value: &str| {
        post("", batch(&[event(id, &format!(",\"properties\":{{\"v\":{value}}}"))]))
    };
    let bad_utf8 = [b"{\"batch\":[\"".as_slice(), b"\xff", b"\"]}"].concat();
    vec![
        row(71, "an open brace", post("", "{")).refused(400, "invalid_json").kept().says("byte"),
        row(72, "text behind the batch", post("", good("b-72") + "x"))
            .refused(400, "invalid_json")
            .kept(),
        row(73, "a byte order mark", post("", format!("\u{feff}{}", good("b-73"))))
            .accepts(1)
            .differs("editors put one before good JSON; nothing can be read two ways"),
        row(74, "no UTF-8", post("", bad_utf8)).refused(400, "invalid_json").kept().says("byte"),
        row(75, "a lone surrogate", value("b-75", r#""\ud800""#))
            .accepts(1)
            .differs("browsers emit them; it becomes U+FFFD, and the event is not lost"),
        row(76, "NaN", value("b-76", "NaN"))
            .accepts(1)
            .differs("serializers emit it; it becomes null, and the event is not lost"),
        row(77, "a raw control character", value("b-77", "\"a\u{1}b\""))
            .rejects("invalid_json", 1)
            .differs("one event's fault refuses that event, not its batch"),
    ]
}

fn envelopes() -> Vec<Row> {
    let many: Vec<String> = (0..2_501).map(|n| event(&format!("b-91-{n}"), "")).collect();
    vec![
        row(88, "null", post("", "null")).refused(400, "invalid_envelope").kept(),
        row(89, "a list", post("", "[]")).refused(400, "invalid_envelope").kept(),
        row(90, "no event", post("", "{\"batch\":[]}")).refused(400, "empty_batch"),
        row(91, "2 501 events", post("", batch(&many))).refused(413, "too_many_events"),
        row(91, "2 500 events", post("", batch(many.get(1..).unwrap_or_default()))).accepts(2_500),
    ]
}
