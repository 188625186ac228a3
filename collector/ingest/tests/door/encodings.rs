//! Content codings, honest and not.
use crate::rig::{KEY, Rig, batch_of, track, with};
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use proptest::prelude::*;
use sillage_ingest::address::scrub_json;
use sillage_ingest::inflate::{Coding, Inflater, salvage};
use std::io::Write;

/// `{"batch":[{"type":"track","messageId":"br-1","anonymousId":"d","event":"E"}]}` in br.
const BROTLI: &[u8] = b"\x1b\x4c\x00\x60\x8c\xd4\x62\xcd\x19\xee\x04\x91\xb7\xd4\x2f\x13\x94\x20\x08\
\xd9\x04\xef\x6d\xa2\xd9\x17\xfb\x7d\xb1\xe8\x80\x43\x0e\x98\xbf\x84\xa3\x2c\x20\x69\x1e\x6c\x8c\x9d\
\xa7\x44\xf5\x38\x32\x6d\x1d\x76\xc7\xfe\xdd\xe4\xb6\x41\x68\x36\x25\xf2\x72\x21\x51\x25\x1b\x05\x43\
\x40\x2b\x31\x02";

/// 11 MiB of spaces in br.
const BROTLI_BOMB: &[u8] =
    b"\xcb\xff\xff\x3f\xf8\x25\x40\xe2\xb1\x40\x20\xf7\xfe\x2f\xff\xff\x5f\xf0\
\x4b\x00\xc4\x61\x11\x80\xee\xfd\x0b";

/// A frame that announces a window of 2 GiB for four spaces.
const ZSTD_WIDE: &[u8] = b"\x28\xb5\x2f\xfd\x00\xa8\x21\x00\x00    ";

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::new(6));
    out.write_all(body).unwrap();
    out.finish().unwrap()
}

fn zlib(body: &[u8]) -> Vec<u8> {
    let mut out = ZlibEncoder::new(Vec::new(), Compression::new(6));
    out.write_all(body).unwrap();
    out.finish().unwrap()
}

fn deflate(body: &[u8]) -> Vec<u8> {
    let mut out = DeflateEncoder::new(Vec::new(), Compression::new(6));
    out.write_all(body).unwrap();
    out.finish().unwrap()
}

fn zstd(body: &[u8]) -> Vec<u8> {
    zstd::encode_all(body, 3).unwrap()
}

fn good(events: usize) -> Vec<u8> {
    batch_of(&(0..events).map(|n| track(&format!("m-{n}"))).collect::<Vec<_>>()).into_bytes()
}

async fn check(name: &str, coding: &str, body: &[u8], status: u16, code: &str) -> usize {
    let rig = Rig::new();
    let mut headers = vec![("x-write-key", KEY)];
    if !coding.is_empty() {
        headers.push(("content-encoding", coding));
    }
    let answer = rig.send(with("/v1/batch", body.to_vec(), &headers)).await;
    assert_eq!(answer.status.as_u16(), status, "{name}: {}", answer.text());
    if !code.is_empty() {
        assert_eq!(answer.code(), code, "{name}");
    }
    assert_eq!(status == 200, !rig.facts().is_empty(), "{name}");
    rig.dead_letters().len()
}

#[tokio::test]
async fn every_coding_is_understood_named_or_not() {
    // More than one buffer of the streaming decoders, and less than a line.
    for events in [1, 2_000] {
        let body = good(events);
        for (name, coding, body) in [
            ("identity", "identity", body.clone()),
            ("gzip", "GZIP", gzip(&body)),
            ("gzip without a word", "", gzip(&body)),
            ("gzip in spite of the word", "identity", gzip(&body)),
            ("zlib", "deflate", zlib(&body)),
            ("zlib without a word", "", zlib(&body)),
            ("raw deflate", "deflate", deflate(&body)),
            ("zstd", "zstd", zstd(&body)),
            ("br", "br", BROTLI.to_vec()),
        ] {
            check(name, coding, &body, 200, "").await;
        }
    }
}

#[tokio::test]
async fn a_damaged_body_stores_no_event_and_its_readable_part_is_kept() {
    let mut bad_crc = gzip(&good(3));
    let at = bad_crc.len() - 8;
    bad_crc[at] ^= 1;
    let mut junk = gzip(&good(3));
    junk.extend_from_slice(b"junk");
    let mut zstd_junk = zstd(&good(3));
    zstd_junk.extend_from_slice(b"junk");
    let br_junk = [BROTLI, b"junk"].concat();
    let whole = gzip(&good(3));
    let (cut, cut_zstd) = (&whole[..whole.len() - 9], zstd(&good(3)));
    let twice = [gzip(&good(3)), gzip(b" ")].concat();
    for (name, coding, body) in [
        ("plain as gzip", "gzip", good(1)),
        ("gzip cut short", "gzip", cut.to_vec()),
        ("a gzip header alone", "gzip", whole[..10].to_vec()),
        ("bad crc", "gzip", bad_crc),
        ("junk behind gzip", "gzip", junk),
        ("a second member", "gzip", twice),
        ("plain as zstd", "zstd", good(1)),
        ("zstd cut short", "zstd", cut_zstd[..cut_zstd.len() - 3].to_vec()),
        ("junk behind zstd", "zstd", zstd_junk),
        ("br cut short", "br", BROTLI[..40].to_vec()),
        ("junk behind br", "br", br_junk),
        ("plain as deflate", "deflate", good(1)),
        ("deflate cut short", "deflate", deflate(&good(3))[..30].to_vec()),
    ] {
        assert_eq!(check(name, coding, &body, 400, "bad_encoding").await, 1, "{name}");
    }
}

#[tokio::test]
async fn what_is_kept_of_a_damaged_body_can_be_read() {
    let rig = Rig::new();
    let text = good(500);
    let whole = gzip(&text);
    let cut = whole[..whole.len() / 2].to_vec();
    rig.send(with("/v1/batch", cut, &[("x-write-key", KEY), ("content-encoding", "gzip")])).await;
    let letters = rig.dead_letters();
    let raw = &letters[0].raw;
    assert!(raw.len() > 100 && text.starts_with(raw), "{} bytes", raw.len());
}

#[tokio::test]
async fn two_codings_or_a_foreign_one_are_refused() {
    for coding in ["compress", "gzip, gzip", "gzip, br", "zip"] {
        check(coding, coding, &gzip(&good(1)), 415, "unsupported_encoding").await;
    }
}

#[tokio::test]
async fn no_bomb_is_inflated_beyond_its_cap() {
    let spaces = |len: usize| vec![b' '; len];
    let cap = 10 << 20;
    let mut lying = gzip(&spaces(9 << 20));
    let at = lying.len() - 4;
    lying[at..].copy_from_slice(&64_u32.to_le_bytes());
    for (name, coding, body) in [
        ("gzip of 100 MiB", "gzip", gzip(&spaces(100 << 20))),
        ("gzip by ratio", "gzip", gzip(&spaces(2 << 20))),
        ("gzip that lies about its size", "gzip", lying),
        ("zlib", "deflate", zlib(&spaces(cap + 1))),
        ("zstd", "zstd", zstd(&spaces(cap + 1))),
        ("zstd by ratio", "zstd", zstd(&spaces(2 << 20))),
        ("zstd with a window of 2 GiB", "zstd", ZSTD_WIDE.to_vec()),
        ("br", "br", BROTLI_BOMB.to_vec()),
    ] {
        check(name, coding, &body, 413, "decompressed_too_large").await;
    }
}

#[tokio::test]
async fn a_small_body_may_compress_as_well_as_it_likes() {
    let mut body = good(1);
    body.resize(1 << 20, b' ');
    for (coding, body) in [("gzip", gzip(&body)), ("deflate", zlib(&body)), ("zstd", zstd(&body))] {
        assert!(body.len() * 100 < 1 << 20, "{coding} beats the ratio");
        check(coding, coding, &body, 200, "").await;
    }
}

proptest! {
    #[test]
    fn damage_anywhere_is_refused_or_harmless(at in 0_usize..400, flip in 1_u8.., cut in 0_usize..400) {
        let codings = [
            (Coding::Gzip, gzip(&good(20))),
            (Coding::Deflate, zlib(&good(20))),
            (Coding::Deflate, deflate(&good(20))),
            (Coding::Zstd, zstd(&good(20))),
            (Coding::Brotli, BROTLI.to_vec()),
        ];
        let mut inflater = Inflater::default();
        for (coding, whole) in codings {
            let mut flipped = whole.clone();
            let index = at % flipped.len();
            flipped[index] ^= flip;
            for damaged in [&flipped[..], &flipped[..cut % flipped.len()]] {
                if let Ok(text) = inflater.decode(coding, damaged, 4_000) {
                    prop_assert!(text.len() <= 4_000);
                }
                prop_assert!(salvage(coding, damaged, 1_000).len() <= 1_000);
            }
            // What a damaged body left behind does not reach the next one.
            prop_assert!(inflater.decode(coding, &whole, 4_000).is_ok());
        }
    }

    #[test]
    fn scrubbing_foreign_bytes_never_panics(bytes in "(\"ip\"|[ :\"{}0-9.]|.){0,40}") {
        let scrubbed = scrub_json(bytes.as_bytes());
        prop_assert!(scrubbed.len() <= bytes.len() + 8);
    }
}
