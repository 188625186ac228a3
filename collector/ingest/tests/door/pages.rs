//! What web pages meet: origins, preflights, the settings document, the pixel.
use crate::rig::{KEY, Rig, bare, batch_of, post, shop, track, with};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

const SHOP: &str = "https://shop.example";

fn listed() -> Rig<sillage_eventlog::MemoryLog> {
    let mut project = shop();
    project.origins = vec!["https://Shop.example/".to_owned()];
    Rig::with(Default::default(), project)
}

#[tokio::test]
async fn a_listed_origin_reads_every_answer_errors_too() {
    let good = batch_of(&[track("m")]);
    for (name, headers, body, status) in [
        ("good", vec![("x-write-key", KEY)], good.clone(), 200),
        ("no key", vec![], good.clone(), 401),
        ("bad body", vec![("x-write-key", KEY)], "{".to_owned(), 400),
        ("bad event", vec![("x-write-key", KEY)], batch_of(&[track("")]), 422),
        ("coding", vec![("x-write-key", KEY), ("content-encoding", "x")], good, 415),
    ] {
        let mut headers = headers;
        headers.push(("origin", SHOP));
        let answer = listed().send(with("/v1/batch", body, &headers)).await;
        assert_eq!(answer.status.as_u16(), status, "{name}");
        assert_eq!(answer.header("access-control-allow-origin"), SHOP, "{name}");
        assert_eq!(answer.header("access-control-allow-credentials"), "true", "{name}");
        assert_eq!(answer.header("access-control-expose-headers"), "Retry-After", "{name}");
        assert_eq!(answer.header("vary"), "Origin", "{name}");
    }
}

#[tokio::test]
async fn another_origin_is_refused_and_reads_nothing() {
    let good = batch_of(&[track("m")]);
    let in_body = good.replacen('{', r#"{"writeKey":"wk_shop","#, 1);
    let evil = ("origin", "https://evil.example");
    for (headers, body) in [(vec![("x-write-key", KEY), evil], good), (vec![evil], in_body)] {
        let rig = listed();
        let answer = rig.send(with("/v1/batch", body, &headers)).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "origin_not_allowed"));
        assert_eq!(answer.header("access-control-allow-origin"), "");
        assert_eq!(answer.header("vary"), "Origin");
        assert!(rig.facts().is_empty());
    }
}

#[tokio::test]
async fn any_origin_may_send_where_none_is_listed_but_null_gets_no_credentials() {
    for (origin, credentials) in [("https://a.example", "true"), ("null", "")] {
        let headers = [("x-write-key", KEY), ("origin", origin)];
        let answer = Rig::new().send(with("/v1/t", track("m"), &headers)).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("access-control-allow-origin"), origin);
        assert_eq!(answer.header("access-control-allow-credentials"), credentials);
    }
}

#[tokio::test]
async fn a_preflight_reflects_what_was_asked_and_is_remembered() {
    let wanted = "authorization, content-type, content-encoding, x-retry-count";
    let asked = [
        ("origin", SHOP),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", wanted),
    ];
    let answer = listed().send(bare("OPTIONS", "/v1/batch", &asked)).await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("access-control-allow-origin"), SHOP);
    assert_eq!(answer.header("access-control-allow-headers"), wanted);
    assert_eq!(answer.header("access-control-allow-methods"), "POST, OPTIONS");
    assert_eq!(answer.header("access-control-max-age"), "7200");
    let stranger = [("origin", "https://evil.example"), asked[1], asked[2]];
    let answer = listed().send(bare("OPTIONS", "/v1/batch", &stranger)).await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("access-control-allow-origin"), "");
    assert_eq!(answer.header("access-control-allow-headers"), "");
}

#[tokio::test]
async fn paths_of_other_rooms_get_no_cors() {
    let answer = Rig::new().send(bare("GET", "/v1/users/42", &[("origin", SHOP)])).await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn browser_sdks_find_their_settings() {
    let origin = [("origin", SHOP)];
    let answer = listed().send(bare("GET", "/v1/projects/wk_shop/settings", &origin)).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["integrations"]["Segment.io"]["apiKey"], KEY);
    assert_eq!(answer.json()["metrics"]["sampleRate"], 0);
    assert_eq!(answer.header("access-control-allow-origin"), SHOP);
    let answer = listed().send(bare("GET", "/v1/projects/nope/settings", &origin)).await;
    assert_eq!(answer.status, 404);
}

#[tokio::test]
async fn a_pixel_records_one_event_in_any_base64() {
    let event = track("pix~é?");
    for data in [URL_SAFE_NO_PAD.encode(&event), STANDARD.encode(&event)] {
        let rig = Rig::new();
        let path = format!("/v1/pixel.gif?data={data}&key={KEY}");
        let answer = rig.send(bare("GET", &path, &[])).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("content-type"), "image/gif");
        assert!(answer.header("cache-control").contains("no-store"));
        assert!(answer.body.starts_with(b"GIF89a"));
        assert_eq!(rig.facts().len(), 1);
        assert_eq!(rig.send(bare("HEAD", &path, &[])).await.status, 200);
        assert_eq!(rig.facts().len(), 1, "a HEAD changes nothing");
    }
    let path = "/v1/pixel.gif?data=%7B&key=wk_shop";
    let answer = Rig::new().send(bare("GET", path, &[])).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "bad_encoding"));
}

#[tokio::test]
async fn a_single_event_needs_no_type() {
    let event = r#"{"messageId":"m","anonymousId":"d","event":"E"}"#;
    for path in ["/v1/track", "/v1/t/", "/v1/pixel/track"] {
        let rig = Rig::new();
        let request = if path.contains("pixel") {
            let data = STANDARD.encode(event);
            bare("GET", &format!("{path}?data={data}&writeKey={KEY}"), &[])
        } else {
            post(path, event)
        };
        let answer = rig.send(request).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert_eq!(rig.facts()[0].name, "E");
    }
}
