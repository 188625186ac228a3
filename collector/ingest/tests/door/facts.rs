//! What reaches the log, and what must not.
use crate::rig::{KEY, Kept, NOW, Rig, bare, batch_of, post, shop, track, with};
use serde_json::{Value as Json, json};
use sillage_eventlog::EventLog;
use sillage_model::{FactKind, partition_of};
use std::path::Path;

/// Whether any file below `dir` holds these bytes.
pub(crate) fn written(dir: &Path, needle: &[u8]) -> bool {
    std::fs::read_dir(dir).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return written(&path, needle);
        }
        std::fs::read(path).unwrap().windows(needle.len()).any(|w| w == needle)
    })
}

async fn facts_of(body: Json) -> Vec<Kept> {
    let rig = Rig::new();
    let verdict = rig.batch(&body.to_string()).await;
    assert_eq!(verdict["rejected"], json!([]), "{body}");
    rig.facts()
}

#[tokio::test]
async fn each_kind_becomes_its_fact() {
    let event = |extra: Json| {
        let mut event = json!({"messageId": "m", "anonymousId": "d", "seq": 4});
        event.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        json!({ "batch": [event] })
    };
    for (extra, kind, subject, name, props) in [
        (
            json!({"type": "track", "event": "E", "properties": {"price": 1.5, "tags": ["a", {"b": null}]}}),
            FactKind::Track,
            "a:d",
            "E",
            json!({"price": 1.5, "tags": ["a", {"b": null}]}),
        ),
        (
            json!({"type": "page", "name": "Home", "category": "Shop", "properties": {"category": "own"}}),
            FactKind::Page,
            "a:d",
            "Page Viewed",
            json!({"name": "Home", "category": "own"}),
        ),
        (
            json!({"type": "screen", "name": "Main", "userId": 42}),
            FactKind::Screen,
            "u:42",
            "Screen Viewed",
            json!({"name": "Main"}),
        ),
        (
            json!({"type": "group", "groupId": "g", "traits": {"plan": "pro"}}),
            FactKind::Group,
            "a:d",
            "g",
            json!({"plan": "pro"}),
        ),
        (
            json!({"type": "identify", "traits": {"age": 7}}),
            FactKind::Identify,
            "a:d",
            "",
            json!({"age": 7}),
        ),
        (
            json!({"type": "identify", "context": {"traits": {"age": 8}}}),
            FactKind::Identify,
            "a:d",
            "",
            json!({"age": 8}),
        ),
    ] {
        let facts = facts_of(event(extra.clone())).await;
        let [fact] = &facts[..] else { panic!("{extra}: {facts:?}") };
        assert_eq!((fact.kind, fact.subject.as_str(), fact.name.as_str()), (kind, subject, name));
        assert_eq!(fact.props, props, "{extra}");
        assert_eq!((fact.device.as_str(), fact.seq, fact.at), ("d", Some(4), NOW));
        assert_eq!(fact.partition, partition_of(subject, 64));
    }
}

#[tokio::test]
async fn a_link_lies_in_the_partition_of_its_device() {
    for event in [
        json!({"type": "identify", "messageId": "m", "anonymousId": "d", "userId": "42", "traits": {"a": 1}}),
        json!({"type": "alias", "messageId": "m", "previousId": "d", "userId": "42"}),
    ] {
        let facts = facts_of(json!({ "batch": [event] })).await;
        let [person, link] = &facts[..] else { panic!("{facts:?}") };
        assert_eq!((person.kind, person.subject.as_str()), (FactKind::Identify, "u:42"));
        assert_eq!(person.device, "d");
        assert_eq!(person.partition, partition_of("u:42", 64));
        assert_eq!((link.kind, link.subject.as_str()), (FactKind::Linked, "a:d"));
        assert_eq!((link.device.as_str(), link.name.as_str()), ("d", "42"));
        assert_eq!(link.partition, partition_of("a:d", 64));
        assert_eq!((link.at, link.received), (person.at, person.received));
    }
}

#[tokio::test]
async fn a_batch_speaks_for_events_that_are_silent() {
    let facts = facts_of(json!({
        "batch": [
            {"type": "track", "messageId": "1", "event": "E"},
            {"type": "track", "messageId": "2", "event": "E", "context": {"page": {"url": "/b"}}},
            {"type": "track", "messageId": "3", "event": "E", "anonymousId": "own", "userId": "7"},
            {"type": "track", "messageId": "4", "event": "E", "context": {"page": {"url": "/b"}}},
            {"type": "track", "messageId": "5", "event": "E", "context": {}},
        ],
        "anonymousId": "d",
        "context": {"locale": "fr", "page": {"url": "/a", "referrer": "/r"}},
    }))
    .await;
    let shared = json!({"locale": "fr", "page": {"url": "/a", "referrer": "/r"}});
    let merged = json!({"locale": "fr", "page": {"url": "/b"}});
    let subjects: Vec<&str> = facts.iter().map(|f| f.subject.as_str()).collect();
    assert_eq!(subjects, ["a:d", "a:d", "u:7", "a:d", "a:d"]);
    let contexts: Vec<&Json> = facts.iter().map(|f| &f.context).collect();
    assert_eq!(contexts, [&shared, &merged, &shared, &merged, &shared]);
}

#[tokio::test]
async fn careless_json_is_repaired() {
    let rig = Rig::new();
    let body = r#"{"batch":[{"type":"track","messageId":7,"anonymousId":"d","userId":null,"event":"E",
        "properties":{"nan":NaN,"inf":-Infinity,"half":"a\ud83d","big":1e21}}]}"#;
    let verdict = rig.batch(body).await;
    assert_eq!(verdict["accepted"], 1, "{verdict}");
    let expected = json!({"nan": null, "inf": null, "half": "a\u{fffd}", "big": 1e21});
    assert_eq!(rig.facts()[0].props, expected);
}

const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64)";

#[tokio::test]
async fn a_request_speaks_for_the_visitor_only_if_it_is_the_visitors() {
    let agent = ("user-agent", BROWSER);
    let origin = ("origin", "https://a.example");
    let sdk = ("user-agent", "analytics-node/3");
    let gpc = ("sec-gpc", "1");
    for (headers, own, expected) in [
        (vec![], json!({}), json!({})),
        (vec![sdk], json!({"a": 1}), json!({"a": 1})),
        (vec![agent], json!({}), json!({"ip": "198.51.100.0", "userAgent": BROWSER})),
        (vec![origin], json!({}), json!({"ip": "198.51.100.0"})),
        (
            vec![agent, gpc],
            json!({"ip": "203.0.113.42", "userAgent": "own"}),
            json!({"ip": "203.0.113.0", "userAgent": "own", "gpc": true}),
        ),
        (vec![gpc], json!({}), json!({"gpc": true})),
        (vec![sdk], json!({"ip": "not an address"}), json!({})),
        (vec![sdk], json!({"ip": ["203.0.113.42", {"a": 1}], "b": 2}), json!({"b": 2})),
        (vec![sdk], json!({"x": {"ip": "kept"}, "ip": null}), json!({"x": {"ip": "kept"}})),
        (
            vec![agent, ("x-forwarded-for", "192.0.2.9")],
            json!({"userAgent": "o"}),
            json!({"userAgent": "o", "ip": "198.51.100.0"}),
        ),
    ] {
        let rig = Rig::new();
        let body = json!({"batch": [{"type": "track", "messageId": "m", "userId": "1", "event": "E"}],
            "context": own});
        let mut headers = headers;
        headers.push(("x-write-key", KEY));
        let answer = rig.send(with("/v1/batch", body.to_string(), &headers)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(rig.facts()[0].context, expected, "{headers:?} {own}");
    }
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_last_foreign_hop_is_the_visitor() {
    let trusted_proxies = vec!["198.51.100.77".parse().unwrap(), "10.0.0.2".parse().unwrap()];
    let config = sillage_ingest::IngestConfig { trusted_proxies, ..Default::default() };
    let rig = Rig::with(config, shop());
    let forwarded = ("x-forwarded-for", "1.1.1.1, 192.0.2.9, 10.0.0.2");
    let headers = [("x-write-key", KEY), ("user-agent", BROWSER), forwarded];
    rig.send(with("/v1/t", track("m"), &headers)).await;
    assert_eq!(rig.facts()[0].context["ip"], "192.0.2.0");
}

#[tokio::test]
async fn no_file_holds_a_whole_address() {
    for truncation in [true, false] {
        let mut project = shop();
        project.ip_truncation = truncation;
        let rig = Rig::on_disk(project);
        let context = r#","context":{"ip":"203.0.113.42"}}"#;
        let events =
            [track("m").replace('}', context), track("").replace('}', context), track("n")];
        let headers = [("x-write-key", KEY), ("user-agent", BROWSER)];
        rig.send(with("/v1/batch", batch_of(&events), &headers)).await;
        rig.send(post("/v1/batch", batch_of(&events) + "x")).await;
        assert_eq!(rig.dead_letters().len(), 2);
        for whole in ["203.0.113.42", "198.51.100.77"] {
            assert_eq!(written(rig.dir.path(), whole.as_bytes()), !truncation, "{whole}");
        }
        assert!(!truncation || written(rig.dir.path(), b"203.0.113.0"));
    }
}

#[tokio::test]
async fn a_context_is_written_once_for_all_who_share_it() {
    let sizes = |count: usize| async move {
        let rig = Rig::on_disk(shop());
        let context = format!(r#","context":{{"canary":"{}"}}}}"#, "c".repeat(1000));
        let events: Vec<String> =
            (0..count).map(|n| track(&n.to_string()).replace('}', &context)).collect();
        rig.batch(&batch_of(&events)).await;
        rig.log.end().0
    };
    let (one, many) = (sizes(1).await, sizes(10).await);
    assert!(many < one + 1_000, "{one} bytes for one, {many} for ten");
}

#[tokio::test]
async fn ids_are_hashed_with_the_key_of_the_data_directory() {
    let admission = |key| {
        let project = sillage_ingest::ProjectIngest::new("p", "k", [key; 16]);
        sillage_ingest::Admission::new(&project, Default::default(), 64)
    };
    // On users' disks: a change here lets every event within the window in again.
    assert_eq!(admission(7).event_id("m-1").0, GOLDEN_ID);
    assert_ne!(admission(8).event_id("m-1").0, GOLDEN_ID);
    assert!(!sillage_ingest::Ingest::<sillage_eventlog::MemoryLog>::matches("/v1/users/1"));
    let answer = Rig::new().send(bare("GET", "/healthz", &[])).await;
    assert_eq!(answer.status, 404);
}

const GOLDEN_ID: u128 = 268_929_751_454_161_410_725_222_738_367_762_067_956;
