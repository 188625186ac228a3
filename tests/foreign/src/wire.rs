//! What a request's body goes through: its coding, its JSON, admission, and the facts it becomes.
use sillage_ingest::inflate::{Coding, Inflater, decoded_bytes_max};
use sillage_ingest::{Admission, AdmitScratch, Arrival, ProjectIngest, Visitor};
use sillage_model::{
    EventTime, Fact, FactKind, List, Map, MapWriter, ReceiptMillis, SharedContexts,
    SharedContextsWriter, Value,
};
use sillage_wire::{Limits, decode_batch};
use std::cell::RefCell;
use std::io::{Read as _, Write as _};
use std::sync::LazyLock;

const NOW: i64 = 1_795_341_600_000;

static ADMISSION: LazyLock<Admission> = LazyLock::new(|| {
    let project = ProjectIngest::new("shop", "wk_shop", [7; 16]);
    Admission::new(&project, Limits::default(), 64)
});

/// A body is refused, or each of its events has one verdict, and each fact reads back as it was made. What
/// is JSON is compared with another reader where it is read, in `sdk/wire/tests/differential.rs`.
pub(crate) fn body(bytes: &[u8]) {
    let limits = Limits::default();
    let Ok(batch) = decode_batch(bytes, &limits) else { return };
    let visitor =
        Visitor { address: Some([10, 1, 2, 3].into()), user_agent: Some("a/1"), gpc: true };
    for arrival in [Arrival::Live(ReceiptMillis(NOW)), Arrival::History(ReceiptMillis(NOW))] {
        let admitted = ADMISSION.admit(&batch, visitor, arrival, &mut AdmitScratch::default());
        let Ok(admitted) = admitted else { continue };
        let append = &admitted.append;
        assert_eq!(admitted.events + admitted.rejected.len() as u64, batch.event_count() as u64);
        assert_eq!(append.records.len() as u64, admitted.events + admitted.companions.len() as u64);
        let mut end = 0;
        for record in &append.records {
            assert_eq!(record.body.0, end, "bodies lie one after the other");
            end = record.body.1;
            let at = |n: u32| usize::try_from(n).expect("small");
            let body = &append.bodies[at(record.body.0)..at(record.body.1)];
            let fact = Fact::decode(SharedContexts::from_bytes(&append.shared), body);
            let fact = fact.expect("what was admitted reads back");
            assert!(fact.props.check().is_ok() && fact.context.check().is_ok());
            assert!(record.partition.0 < 64 && fact.at.0 <= NOW + limits_future());
            assert!(fact.subject.starts_with("u:") || fact.subject.starts_with("a:"));
            walk(fact.props);
            walk(fact.context);
        }
        assert_eq!(at_end(end), append.bodies.len());
    }
}

fn at_end(end: u32) -> usize {
    usize::try_from(end).expect("small")
}

/// An event may lie so far ahead of its receipt, in milliseconds.
fn limits_future() -> i64 {
    5 * 60_000
}

/// Looks at all there is.
fn walk(map: Map<'_>) -> usize {
    map.iter().map(|(key, value)| key.len() + look(value)).sum()
}

fn look(value: Value<'_>) -> usize {
    match value {
        Value::List(list) => walk_list(list),
        Value::Map(map) => walk(map),
        Value::Str(text) => text.len(),
        _ => 1,
    }
}

fn walk_list(list: List<'_>) -> usize {
    list.iter().map(look).sum()
}

/// Any bytes are a fact or are refused. Its maps may still be anything, and are looked into all the same.
pub(crate) fn fact(bytes: &[u8]) {
    let (shared, body) = match bytes.split_first() {
        Some((&len, rest)) => rest.split_at(usize::from(len).min(rest.len())),
        None => return,
    };
    let shared = SharedContexts::from_bytes(shared);
    let Ok(fact) = Fact::decode(shared, body) else { return };
    for map in [fact.props, fact.context, Map::from_bytes(body)] {
        if map.check().is_ok() {
            walk(map);
        }
        let seen = map.iter().take(1_000).count();
        assert!(seen <= map.as_bytes().len());
        for path in ["a", "a.b", "", ".", "price", "page.url"] {
            assert!(map.get_path(path).is_some() || map.text(path).is_none());
        }
    }
    let index = (0..8)
        .find(|index| shared.get(*index).is_some_and(|c| c.as_bytes() == fact.context.as_bytes()));
    if fact.context.is_empty() || index.is_some() {
        let mut written = Vec::new();
        fact.encode(index.filter(|_| !fact.context.is_empty()), &mut written);
        let again = Fact::decode(shared, &written).expect("just written");
        assert_eq!((again.subject, again.at, again.seq), (fact.subject, fact.at, fact.seq));
        assert_eq!(again.props.as_bytes(), fact.props.as_bytes());
    }
}

thread_local! {
    static INFLATER: RefCell<Inflater> = RefCell::default();
}

/// What comes out of a coding is what another decoder finds, or nothing, and never beyond the cap.
pub(crate) fn inflate(bytes: &[u8]) {
    let Some((kind, packed)) = bytes.split_first() else { return };
    let codings = [Coding::Gzip, Coding::Deflate, Coding::Zstd, Coding::Brotli];
    let coding = codings[usize::from(kind & 3)];
    let limits =
        Limits { ratio_free_bytes: 20_000, decompressed_bytes_max: 60_000, ..Limits::default() };
    let bytes_max = decoded_bytes_max(packed.len(), &limits);
    INFLATER.with_borrow_mut(|inflater| {
        let Ok(plain) = inflater.decode(coding, packed, bytes_max) else { return };
        assert!(plain.len() <= bytes_max);
        let mut other = Vec::new();
        let read = match coding {
            Coding::Gzip => flate2::read::GzDecoder::new(packed).read_to_end(&mut other),
            Coding::Zstd => zstd::stream::read::Decoder::new(packed)
                .and_then(|mut decoder| decoder.read_to_end(&mut other)),
            _ => return,
        };
        assert!(read.is_ok() && other == plain, "{coding:?}");
    });
    drop(sillage_ingest::inflate::salvage(coding, packed, 1_000));
}

pub(crate) fn bodies() -> Vec<Vec<u8>> {
    let event = r#"{"type":"track","event":"A","userId":"u","anonymousId":"d","messageId":"m","seq":4,
        "timestamp":"2026-11-22T10:00:00.123+01:00","properties":{"a":[1,2.5,null,true,{"b":"é\ud83d\ude00"}],"price":1e3}}"#;
    let mut bodies: Vec<String> = [
        format!(r#"{{"batch":[{event},{event}],"sentAt":"2026-11-22T10:00:00Z"}}"#),
        event.to_owned(),
        format!(r#"{{"userId":"u","context":{{"ip":"1.2.3.4","page":{{"url":"https://a/?utm_source=x"}},
            "consent":{{"categoryPreferences":{{"ads":false}}}}}},"batch":[{event}]}}"#),
        r#"{"batch":[{"type":"identify","userId":"u","anonymousId":"d","traits":{"a":1},"messageId":"i"},
            {"type":"alias","userId":"u","previousId":"d","messageId":"j"},{"type":"page","name":"P","messageId":"k"},
            {"type":"group","groupId":"g","userId":"u","messageId":"l"},{"type":"screen","messageId":"n"}]}"#
            .to_owned(),
        r#"{"batch":[],"sillage":{"install":"i","batchId":"b","seq":9,"acknowledged":2,"dropped":{"x":1},
            "clockOffsetMs":-41,"clockErrorMs":3,"resends":1,"boot":"b","uptimeMs":5}}"#
            .to_owned(),
    ]
    .into();
    let hostile = [
        "{",
        "{}x",
        "\u{feff}{}",
        r#"{"a":NaN}"#,
        r#"{"a":1e400}"#,
        r#"{"a":18446744073709551616}"#,
        r#"{"a":1,"a":2}"#,
        r#""\u0000""#,
        r#"{"__proto__":1,"constructor":{}}"#,
        "null",
        "[]",
        r#"{"batch":[]}"#,
        r#"{"batch":[{"type":"track"}]}"#,
        r#"{"userId":"\ud800"}"#,
        "{\"a\":\"\u{1}\"}",
        r#"{"timestamp":"yesterday"}"#,
        r#"{"timestamp":1e20}"#,
        r#"{"timestamp":"9999-12-31T23:59:60Z"}"#,
    ];
    for inner in hostile {
        bodies.push(inner.to_owned());
        bodies.push(format!(r#"{{"batch":[{{"type":"track","event":"A","userId":"u","messageId":"m","properties":{inner}}}]}}"#));
        bodies.push(format!(r#"{{"batch":[{event},{inner}]}}"#));
    }
    bodies.push(format!("{}1{}", r#"{"a":"#.repeat(130), "}".repeat(130)));
    bodies.push(format!(
        r#"{{"batch":[{{"properties":{}1{}}}]}}"#,
        r#"{"a":"#.repeat(9),
        "}".repeat(9)
    ));
    let mut bodies: Vec<Vec<u8>> = bodies.into_iter().map(String::into_bytes).collect();
    bodies.push(b"{\"batch\":[{\"event\":\"\xff\xfe\"}]}".to_vec());
    bodies
}

pub(crate) fn packed() -> Vec<Vec<u8>> {
    let plain = [&b""[..], b"{\"batch\":[]}", &[b'a'; 30_000], &[7; 100_000]];
    let mut all = Vec::new();
    for plain in plain {
        let mut gzip = flate2::write::GzEncoder::new(vec![0], flate2::Compression::default());
        gzip.write_all(plain).expect("memory");
        let gzip = gzip.finish().expect("memory");
        let mut zlib = flate2::write::ZlibEncoder::new(vec![1], flate2::Compression::default());
        zlib.write_all(plain).expect("memory");
        let mut raw = flate2::write::DeflateEncoder::new(vec![1], flate2::Compression::default());
        raw.write_all(plain).expect("memory");
        let zstd = zstd::encode_all(plain, 3).expect("memory");
        all.push([&[2], &zstd[..], &zstd].concat());
        all.push([&[2], &zstd[..]].concat());
        all.push([&gzip[..], &gzip[1..]].concat());
        all.extend([gzip, zlib.finish().expect("memory"), raw.finish().expect("memory")]);
    }
    // `{}` in one stored piece, and nothing at all.
    all.extend([vec![3, 0x0b, 0x00, 0x80, b'{', b'}', 0x03], vec![3, 0x3b]]);
    all
}

pub(crate) fn facts() -> Vec<Vec<u8>> {
    let mut shared = SharedContextsWriter::default();
    let page = MapWriter::new()
        .with("locale", Value::Str("fr"))
        .with("page.url", Value::Str("https://a/"));
    let index = shared.add(|out| out.extend_from_slice(page.as_map().as_bytes()));
    let props =
        MapWriter::new().with("price", Value::Float(2.5)).with("a", Value::Map(page.as_map()));
    let kinds =
        [FactKind::Track, FactKind::Identify, FactKind::Linked, FactKind::Absorb, FactKind::Report];
    let made = kinds.map(|kind| {
        let fact = Fact {
            kind,
            subject: "u:é",
            device: "d",
            at: EventTime(NOW),
            received: ReceiptMillis(NOW),
            seq: Some(3),
            name: "Product Viewed",
            message_id: "m",
            context: page.as_map(),
            props: props.as_map(),
        };
        let mut out = vec![u8::try_from(shared.as_bytes().len()).expect("short")];
        out.extend_from_slice(shared.as_bytes());
        fact.encode(index, &mut out);
        out
    });
    made.into()
}
