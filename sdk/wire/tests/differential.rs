//! The transcoder against another reader of JSON, on text that nobody chose.
mod support;

use proptest::prelude::*;
use serde_json::Value;
use sillage_wire::{Limits, Raw, decode_batch, decode_single};
use support::tree;

fn generous() -> Limits {
    Limits {
        event_bytes_max: usize::MAX,
        properties_max: usize::MAX,
        list_items_max: usize::MAX,
        depth_max: usize::MAX,
        key_bytes_max: usize::MAX,
        string_bytes_max: usize::MAX,
        ..Limits::default()
    }
}

fn value() -> impl Strategy<Value = Value> {
    let text = "[^\u{0}]{0,12}|[a-z\"\\\\\n\t/é€𝄞]{0,20}";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1_000_i64..1_000, 0_u32..4)
            .prop_map(|(n, p)| Value::from(n as f64 / 10_f64.powi(p as i32))),
        any::<f64>().prop_map(|n| Value::from(if n.is_finite() { n } else { 0.5 })),
        text.prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::hash_map(text, inner, 0..8)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// What the transcoder is meant to make of a tree: wide integers become floats, which it says so.
fn as_told(value: &Value) -> Value {
    match value {
        Value::Number(n) if n.is_u64() && !n.is_i64() => {
            Value::from(n.as_u64().expect("a u64") as f64)
        }
        Value::Array(list) => list.iter().map(as_told).collect(),
        Value::Object(map) => {
            Value::Object(map.iter().map(|(k, v)| (k.clone(), as_told(v))).collect())
        }
        other => other.clone(),
    }
}

/// Equal but for the last bit of a float: the other reader does not round correctly by default.
fn nearly_equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            let [a, b] = [a, b].map(|n| n.as_f64().expect("every number here fits a float"));
            a == b || ((a - b) / a).abs() < 1e-15 || (a - b).abs() < 1e-300
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| nearly_equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(k, a)| b.get(k).is_some_and(|b| nearly_equal(a, b)))
        }
        (a, b) => a == b,
    }
}

/// Valid JSON with a few bytes exchanged, so that a part of it is still valid.
fn damaged() -> impl Strategy<Value = String> {
    let dirt = prop::sample::select(
        [
            "", " ", ",", ":", "\"", "\\", "{", "}", "[", "]", "0", "1", "-", ".", "e", "é",
            "null", "NaN", "\\u12", "\\ud83d", "\t", "\u{1}", "{}", "\"a\":1,",
        ]
        .to_vec(),
    );
    (value(), prop::collection::vec((any::<prop::sample::Index>(), 0_usize..3, dirt), 0..4))
        .prop_map(|(value, edits)| {
            let mut text: Vec<char> = format!("{{\"a\":{value}}}").chars().collect();
            for (at, cut, dirt) in edits {
                let at = at.index(text.len() + 1);
                let end = (at + cut).min(text.len());
                text.splice(at..end, dirt.chars());
            }
            text.into_iter().collect()
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn every_tree_is_told_as_it_is(value in value(), pretty in any::<bool>()) {
        let object = serde_json::json!({ "a": value, "z": [] });
        let text = if pretty {
            serde_json::to_string_pretty(&object).unwrap()
        } else {
            object.to_string()
        };
        prop_assert_eq!(tree(Raw::new(&text), &generous()), Ok(as_told(&object)), "{}", text);
    }

    #[test]
    fn what_another_reader_accepts_is_accepted_and_means_the_same(text in damaged()) {
        let ours = tree(Raw::new(&text), &generous());
        match serde_json::from_str::<Value>(&text) {
            Ok(theirs) if theirs.is_object() => match ours {
                Ok(ours) => prop_assert!(nearly_equal(&ours, &theirs), "{text}: {ours} {theirs}"),
                Err(e) => prop_assert!(
                    ["duplicate_key", "nul_in_string"].contains(&e.code), "{text}: {e}"
                ),
            },
            Ok(theirs) => prop_assert!(ours.is_err(), "{text} is no object: {theirs}"),
            // What only we accept is what senders are known to get wrong.
            Err(e) => prop_assert!(
                ours.is_err() || text.contains("NaN") || text.contains("\\ud83d") || text.is_empty(),
                "{text}: {e}"
            ),
        }
    }

    #[test]
    fn a_damaged_event_leaves_its_neighbours_alone_or_breaks_the_frame(text in damaged()) {
        let good = r#"{"type":"track","event":"E","messageId":"m","userId":"u"}"#;
        let body = format!(r#"{{"batch":[{good},{text},{good}]}}"#);
        let limits = generous();
        if let Ok(batch) = decode_batch(body.as_bytes(), &limits) {
            let events: Vec<_> = batch.events().collect();
            prop_assert!(events.first().unwrap().is_ok());
            prop_assert!(events.last().unwrap().is_ok());
        } else {
            // A frame breaks only where brackets, quotes or commas no longer fit.
            prop_assert!(serde_json::from_str::<Value>(&text).is_err(), "{}", text);
        }
    }

    #[test]
    fn foreign_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        visit(&bytes);
    }

    #[test]
    fn foreign_text_made_of_tokens_never_panics(
        tokens in prop::collection::vec(prop::sample::select([
            "{", "}", "[", "]", ",", ":", "\"", "\\", "\"batch\":[", "\"type\":\"track\"",
            "\"messageId\":\"m\"", "\"userId\":", "\"sillage\":{", "\"dropped\":{", "\"context\":{",
            "\"seq\":1", "1e999", "-", "null", "NaN", "é", "\\u0000", "\"properties\":[]", "\"timestamp\":",
        ].to_vec()), 0..40)
    ) {
        let text: String = tokens.concat();
        visit(text.as_bytes());
        visit(format!("{{\"batch\":[{{{text}}}]}}").as_bytes());
        visit(format!("{{{text}}}").as_bytes());
    }
}

fn visit(bytes: &[u8]) {
    let limits = Limits::default();
    for batch in
        [decode_batch(bytes, &limits), decode_single(bytes, None, &limits)].into_iter().flatten()
    {
        for event in batch.events().flatten() {
            for raw in [event.properties, event.traits, event.context, batch.envelope.context] {
                tree(raw, &limits).ok();
            }
        }
    }
}
