//! Bodies as real senders write them, and ours.
mod support;

use serde_json::{Value, json};
use sillage_wire::{Event, EventType, Limits, decode_batch, decode_single};
use support::tree;

fn properties(event: &Event<'_>) -> Value {
    tree(event.properties, &Limits::default()).expect("good properties")
}

#[test]
fn a_batch_of_segments_node_client_is_understood() {
    let body = include_bytes!("golden/segment_node.json");
    let batch = decode_batch(body, &Limits::default()).unwrap();
    assert_eq!(batch.envelope.write_key, "wk_node");
    assert_eq!(batch.envelope.sent_at, Some(1_795_341_602_000));
    assert_eq!(batch.envelope.sent_at_text, "2026-11-22T10:00:02.000Z");
    let events: Vec<_> = batch.events().map(Result::unwrap).collect();
    assert_eq!(events.len(), 2);
    let added = &events[0];
    assert_eq!(added.kind, EventType::Track);
    assert_eq!(added.event, "Product Added");
    assert_eq!(added.message_id, "node-next-1795341600000-1");
    assert_eq!((&*added.user_id, &*added.anonymous_id), ("u-42", "a-1"));
    assert_eq!(added.timestamp, Some(1_795_341_600_000));
    assert_eq!(
        properties(added),
        json!({"product_id": "sku-1", "price": 12.5, "quantity": 2, "gift": false, "tags": ["a", "b"]})
    );
    assert!(added.raw.starts_with(b"{\"timestamp\"") && added.raw.ends_with(b"}}"));
    assert_eq!(events[1].kind, EventType::Identify);
    assert_eq!(tree(events[1].traits, &Limits::default()).unwrap(), json!({"plan": "gold"}));
    assert_eq!(events[1].context.as_str(), "{}");
}

#[test]
fn what_python_senders_get_wrong_is_repaired() {
    let body = include_bytes!("golden/segment_python.json");
    let marked = [b"\xef\xbb\xbf", &body[..]].concat();
    for body in [&body[..], &marked] {
        let batch = decode_batch(body, &Limits::default()).unwrap();
        let events: Vec<_> = batch.events().map(Result::unwrap).collect();
        assert_eq!(events[0].user_id, "42");
        assert_eq!(events[0].anonymous_id, "");
        assert_eq!(events[0].timestamp, Some(1_795_341_600_123));
        assert_eq!(
            properties(&events[0]),
            json!({"revenue": null, "margin": null, "best": null, "note": "x\u{fffd}y", "total": 1e21})
        );
        assert_eq!((&*events[1].name, &*events[1].category), ("Home", ""));
        assert_eq!(events[1].user_id, "");
    }
}

#[test]
fn a_single_event_of_analytics_js_is_understood() {
    let body = include_bytes!("golden/analytics_js_single.json");
    let batch = decode_single(body, Some(EventType::Track), &Limits::default()).unwrap();
    assert_eq!(batch.envelope.write_key, "wk_js");
    assert_eq!(batch.envelope.sent_at, Some(1_795_341_600_460));
    assert!(batch.envelope.context.is_empty(), "the context is the event's own");
    assert_eq!(batch.event_count(), 1);
    let event = batch.events().next().unwrap().unwrap();
    assert_eq!(event.event, "Product Viewed");
    let context = tree(event.context, &Limits::default()).unwrap();
    assert_eq!(context["page"]["title"], "Chaise “longue”");
}

#[test]
fn the_path_names_the_type_of_an_event_that_does_not() {
    let body = br#"{"messageId":"m","anonymousId":"a","name":"Home"}"#;
    let kind = |path| {
        let batch = decode_single(body, path, &Limits::default()).unwrap();
        let event = batch.events().next().unwrap();
        event.map(|e| e.kind).map_err(|e| e.code)
    };
    assert_eq!(kind(Some(EventType::Page)), Ok(EventType::Page));
    assert_eq!(kind(None), Err("unknown_type"));
}

#[test]
fn events_inherit_from_a_batch_whose_fields_come_last() {
    let body = br#"{"batch":[
        {"type":"track","event":"A","messageId":"1"},
        {"type":"track","event":"B","messageId":"2","userId":"own","context":{"x":1}},
        {"type":"track","event":"C","messageId":"3","userId":null,"anonymousId":""}],
        "context":{"locale":"fr"},"anonymousId":"device","userId":"u\u00e9",
        "sillage":{"batchId":"b","install":"i","boot":"o","seq":812,"uptimeMs":5321,
            "clockOffsetMs":-41.7,"clockErrorMs":12,"acknowledged":790,
            "rejected":{"missing_id":2},"dropped":{"queue_full":3,"bad":"x"},
            "unsure":{"too_old":5,"forged":1099511627777},"resends":1}}"#;
    let batch = decode_batch(body, &Limits::default()).unwrap();
    let events: Vec<_> = batch.events().map(Result::unwrap).collect();
    let users: Vec<_> = events.iter().map(|e| &*e.user_id).collect();
    assert_eq!(users, ["ué", "own", "ué"]);
    assert!(events.iter().all(|e| e.anonymous_id == "device"));
    assert_eq!(batch.envelope.context.as_str(), r#"{"locale":"fr"}"#);
    assert_eq!(events[1].context.as_str(), r#"{"x":1}"#);
    assert!(events[0].context.is_empty());
    let sillage = batch.envelope.sillage.as_ref().unwrap();
    assert_eq!((&*sillage.batch_id, &*sillage.install, &*sillage.boot), ("b", "i", "o"));
    assert_eq!((sillage.seq, sillage.uptime_ms), (Some(812), Some(5_321)));
    assert_eq!((sillage.clock_offset_ms, sillage.clock_error_ms), (Some(-41), Some(12)));
    assert_eq!((sillage.acknowledged, sillage.resends), (Some(790), 1));
    assert_eq!(sillage.rejected, [("missing_id".into(), 2)]);
    assert_eq!(sillage.dropped, [("queue_full".into(), 3)]);
    assert_eq!(sillage.unsure, [("too_old".into(), 5)], "no installation counts so far");
}

#[test]
fn a_batch_of_no_events_is_a_report_if_it_says_whose() {
    let limits = Limits::default();
    let body = br#"{"sillage":{"install":"i","seq":9,"dropped":{"storage_full":4}},"batch":[ ]}"#;
    let report = decode_batch(body, &limits).unwrap();
    assert_eq!((report.event_count(), report.events().count()), (0, 0));
    let sillage = report.envelope.sillage.unwrap();
    assert_eq!((&*sillage.install, sillage.seq), ("i", Some(9)));
    assert_eq!(sillage.dropped, [("storage_full".into(), 4)]);
    for nobody in
        [r#"{"batch":[],"sillage":{"seq":9}}"#, r#"{"batch":[],"sillage":{"install":""}}"#]
    {
        let refused = decode_batch(nobody.as_bytes(), &limits).unwrap_err();
        assert_eq!((refused.code.as_str(), refused.offset), ("empty_batch", 10), "{nobody}");
    }
}

#[test]
fn what_our_clients_say_is_read_from_their_own_file() {
    let body = include_bytes!("golden/sillage_sdk.json");
    let batch = decode_batch(body, &Limits::default()).unwrap();
    let events: Vec<_> = batch.events().map(Result::unwrap).collect();
    assert_eq!(events.iter().map(|e| e.seq).collect::<Vec<_>>(), [Some(1_041), Some(1_043)]);
    let sillage = batch.envelope.sillage.as_ref().unwrap();
    let sum = |counts: &[(std::borrow::Cow<'_, str>, u64)]| counts.iter().map(|c| c.1).sum::<u64>();
    let settled = sillage.acknowledged.unwrap()
        + sum(&sillage.rejected)
        + sum(&sillage.dropped)
        + sum(&sillage.unsure);
    assert_eq!((sillage.seq, settled), (Some(1_043), 1_041), "two events wait: those of the batch");
}

#[test]
fn rudderstack_keeps_the_callers_time_and_puts_traits_into_the_context() {
    let body = br#"{"batch":[{"type":"identify","messageId":"1","userId":"u","channel":"server",
        "context":{"library":{"traits":{"no":1}},"traits":{"plan":"gold"}},
        "originalTimestamp":"2026-11-22T10:00:01Z","timestamp":"2026-11-22T10:00:00Z"},
        {"type":"identify","messageId":"2","userId":"u","originalTimestamp":"2026-11-22T10:00:01Z"}]}"#;
    let batch = decode_batch(body, &Limits::default()).unwrap();
    let events: Vec<_> = batch.events().map(Result::unwrap).collect();
    assert_eq!(events[0].timestamp, Some(1_795_341_600_000));
    assert_eq!(events[0].traits.as_str(), r#"{"plan":"gold"}"#);
    assert_eq!(events[1].timestamp, Some(1_795_341_601_000));
    assert!(events[1].traits.is_empty());
}

#[test]
fn a_context_is_the_events_own_however_much_it_looks_like_the_one_before() {
    let contexts = [
        r#"{"a":1}"#,
        r#"{"a":1}"#,
        r#"{"a":12}"#,
        r#"{"a":1,"b":{"c":"}"}}"#,
        r#"{"a":1}"#,
        r#"{"a":1,"b":{"c":"}"}}"#,
        "{}",
        r#"{"a":{}}"#,
    ];
    let events = contexts.map(|context| {
        format!(r#"{{"type":"page","messageId":"m","userId":"u","context":{context},"seq":7}}"#)
    });
    let body = format!(r#"{{"batch":[{}]}}"#, events.join(","));
    let batch = decode_batch(body.as_bytes(), &Limits::default()).unwrap();
    for (event, context) in batch.events().zip(contexts) {
        let event = event.unwrap();
        assert_eq!((event.context.as_str(), event.seq), (context, Some(7)));
    }
}
