//! Makes a data folder for later versions to open: `keep FOLDER`, such as `tests/fixtures/data/v2`, with the
//! collector that `SILLAGE_BIN` names. To be run whenever the form of a file or record has changed.
//!
//! It writes `data.tar.gz` (the folder as a kill leaves it: a checkpoint, and a log that goes on behind
//! it), `sent.ndjson` (the bodies that were acknowledged) and `answers.json` (what was answered last).
use serde_json::{Value, json};
use sillage_e2e::kept::{DEDUP_MADE, DEVICES, PERSONS, RULES, answers};
use sillage_e2e::{Collector, now_ms, until};
use std::path::Path;
use std::process::Command;

fn main() {
    let folder = std::env::args().nth(1).expect("keep FOLDER");
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder).expect("the folder is writable");
    let place = tempfile::tempdir().expect("a folder");
    let mut collector = Collector::start(place.path(), "", &format!("{DEDUP_MADE}{RULES}"));
    let mut sent = Vec::new();
    for body in [histories(), installation(1, 0), installation(2, 3), refused()] {
        send(&collector, body, &mut sent);
    }
    edit(&collector);
    until("a file of ids", || {
        let mut files = std::fs::read_dir(place.path().join("data/shop/dedup")).ok()?;
        files
            .any(|file| file.is_ok_and(|f| f.path().extension().is_some_and(|e| e == "run")))
            .then_some(())
    });
    assert!(collector.stop(), "{}", collector.log());
    collector.restart();
    send(&collector, later(), &mut sent);
    collector.settle();
    // What is counted of other senders is written twice a second.
    let answers = until("answers that stay", || {
        let before = answers(&collector);
        std::thread::sleep(std::time::Duration::from_millis(1_500));
        (before == answers(&collector)).then_some(before)
    });
    collector.kill();
    let text = serde_json::to_string_pretty(&answers).expect("JSON");
    std::fs::write(folder.join("answers.json"), text + "\n").expect("writable");
    std::fs::write(folder.join("sent.ndjson"), sent.join("\n") + "\n").expect("writable");
    // Files are allocated ahead; as holes their zeros take no room here or where it is unpacked.
    let packed = Command::new("tar")
        .args([
            "--sparse",
            "--hole-detection=raw",
            "--owner=0",
            "--group=0",
            "--numeric-owner",
            "-czf",
        ])
        .arg(folder.join("data.tar.gz"))
        .arg("-C")
        .arg(place.path())
        .arg("data")
        .status();
    assert!(packed.expect("tar is installed").success());
}

fn send(collector: &Collector, body: Value, sent: &mut Vec<String>) {
    let body = body.to_string();
    let answer = collector.http().batch(&body).expect("an answer");
    assert!([200, 422].contains(&answer.status), "{}", String::from_utf8_lossy(&answer.body));
    sent.push(body);
}

/// One segment saved, one that was configured removed.
fn edit(collector: &Collector) {
    let when = r#"{"name": "Gespeichert", "when": "trait.plan == \"pro\"", "public": true}"#;
    let mut http = collector.http();
    for (method, path, body) in
        [("PUT", "/v1/segments/saved", when), ("DELETE", "/v1/segments/dropped", "")]
    {
        let done = until("no other change under way", || {
            let answer = http.admin(method, path, body);
            (answer.status != 409).then_some(answer)
        });
        assert!(done.status < 300, "{} {}", done.status, String::from_utf8_lossy(&done.body));
    }
    until("the changes to be made", || {
        let saved =
            std::fs::read_to_string(collector.config().with_file_name("data/shop/segments.json"));
        let saved: Value = serde_json::from_str(&saved.ok()?).ok()?;
        (saved["pending"].is_null() && saved["removed"][0]["key"] == "dropped").then_some(())
    });
}

/// What `PERSONS` did on devices before they said who they are, and what devices of nobody did.
fn histories() -> Value {
    let now = now_ms();
    let mut batch = Vec::new();
    let mut add = |minutes: i64, id: String, mut event: Value| {
        event["messageId"] = json!(id);
        event["timestamp"] = json!(now - minutes * 60_000);
        batch.push(event);
    };
    for number in 0..PERSONS + DEVICES {
        let (device, context) = (format!("d-{number}"), context(number));
        add(
            300,
            format!("page-{number}"),
            json!({"type": "page", "name": "Home", "anonymousId": device,
            "context": context, "properties": {"title": "é", "view_id": "v1"}}),
        );
        for product in 0..=number % 4 {
            add(
                290 - i64::try_from(product).expect("small"),
                format!("viewed-{number}-{product}"),
                json!({"type": "track", "event": "Product Viewed", "anonymousId": device, "context": context,
                       "properties": {"product_id": format!("sku-{product}"), "price": 12.5, "tags": ["a", null, true]}}),
            );
        }
        add(
            280,
            format!("added-{number}"),
            json!({"type": "track", "event": "Product Added",
            "anonymousId": device, "properties": {"product_id": "sku-1", "quantity": number}}),
        );
        add(
            279,
            format!("left-{number}"),
            json!({"type": "track", "event": "Page Left", "anonymousId": device,
            "properties": {"view_id": "v1", "engaged_ms": 12_000, "max_scroll_percent": 80}}),
        );
        if number >= PERSONS {
            continue;
        }
        let person = format!("u-{number}");
        let plan = if number % 3 == 0 { "pro" } else { "free" };
        add(
            270,
            format!("identify-{number}"),
            json!({"type": "identify", "userId": person,
            "anonymousId": device, "traits": {"plan": plan, "age": 30 + number, "address": {"city": "Zürich"}}}),
        );
        add(
            260,
            format!("group-{number}"),
            json!({"type": "group", "userId": person, "groupId": "g-1",
            "traits": {"name": "ACME"}}),
        );
        for order in 0..number % 4 {
            add(
                200 - i64::try_from(order).expect("small") * 40,
                format!("order-{number}-{order}"),
                json!({"type": "track", "event": "Order Completed", "userId": person, "anonymousId": device,
                       "properties": {"revenue": 20.25, "currency": "EUR", "products": [{"product_id": "sku-1"}]}}),
            );
        }
        add(
            100,
            format!("screen-{number}"),
            json!({"type": "screen", "name": "Cart", "userId": person}),
        );
    }
    json!({"batch": batch, "context": {"library": {"name": "analytics-kotlin", "version": "1.22"}}})
}

fn context(number: usize) -> Value {
    json!({
        "page": {"path": "/p", "url": "https://shop.example/p?utm_source=news", "referrer": "https://a.example/"},
        "campaign": {"source": "news", "medium": "email", "name": format!("c-{}", number % 2)},
        "userAgent": "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
        "consent": {"categoryPreferences": {"ads": number.is_multiple_of(2)}},
    })
}

/// What an app of ours says of itself with a batch.
fn installation(number: usize, dropped: u64) -> Value {
    let event = |seq: usize| {
        json!({"type": "track", "event": "Tried", "seq": seq, "messageId": format!("in-{number}-{seq}"),
               "timestamp": now_ms() - 3_600_000})
    };
    json!({"anonymousId": format!("d-{number}"),
           "context": {"library": {"name": "sillage-rust", "version": "0.1.0"}},
           "sillage": {"batchId": format!("b-{number}"), "install": format!("in-{number}"), "seq": 9,
                       "acknowledged": 2, "rejected": {"event_name_missing": 1},
                       "dropped": {"queue_full": dropped}, "unsure": {"too_old": 1}},
           "batch": [event(8), event(9)]})
}

/// What is refused, each for another reason.
fn refused() -> Value {
    json!({"batch": [
        {"type": "track", "event": "", "userId": "u-1", "messageId": "bad-1"},
        {"type": "track", "event": "Ok", "messageId": "bad-2"},
        {"type": "track", "event": "Ok", "userId": "undefined", "messageId": "bad-3"},
        {"type": "track", "event": "Ok", "userId": "u-1", "messageId": "bad-4", "timestamp": "yesterday"},
        {"type": "track", "event": "Ok", "userId": "u-1", "messageId": "bad-5", "properties": {"é": "\u{0}"}},
    ]})
}

/// What comes after the last checkpoint.
fn later() -> Value {
    let mut batch = Vec::new();
    for number in 0..3 {
        batch.push(
            json!({"type": "track", "event": "Order Completed", "userId": format!("u-{number}"),
                          "messageId": format!("later-{number}"), "timestamp": now_ms() - 60_000,
                          "properties": {"revenue": 99}}),
        );
    }
    batch.push(json!({"type": "identify", "userId": "u-0", "anonymousId": format!("d-{PERSONS}"),
                      "messageId": "later-identify", "timestamp": now_ms() - 60_000, "traits": {"plan": "pro"}}));
    json!({"batch": batch})
}
