//! What becomes of each event of a batch, and what is said of it.
use crate::rig::{NOW, Rig, batch_of, post, shop, track};
use serde_json::json;

#[tokio::test]
async fn one_bad_event_never_fails_its_neighbours() {
    let long = "x".repeat(300);
    let user =
        |id: &str| format!(r#"{{"type":"track","messageId":"m","userId":"{id}","event":"E"}}"#);
    let prop =
        |value: &str| track("m").replace('}', &format!(r#","properties":{{"p":{value}}}}}"#));
    let deep = "[".repeat(9) + &"]".repeat(9);
    for (bad, code) in [
        ("7".to_owned(), "not_an_object"),
        (track("m").replace("\"E\"", "\"\""), "event_name_missing"),
        (track("m").replace("\"E\"", &format!("\"{long}\"")), "event_name_too_long"),
        (track("m").replace("track", "walk"), "unknown_type"),
        (track(""), "missing_id"),
        (track(&long), "invalid_id"),
        (track("m").replace("\"d\"", "null"), "missing_subject"),
        (user("undefined"), "placeholder_user_id"),
        (user(&long), "invalid_user_id"),
        (track("m").replace('}', r#","timestamp":"yesterday"}"#), "invalid_timestamp"),
        (track("m").replace('}', r#","timestamp":-5}"#), "invalid_timestamp"),
        (prop(&deep), "too_deep"),
        (prop("1e400"), "number_out_of_range"),
        (prop(r#""a\u0000""#), "nul_in_string"),
        (prop(&format!("\"{}\"", "x".repeat(9000))), "string_too_long"),
        (prop(&format!("\"{}\"", "x".repeat(70_000))), "event_too_large"),
        (track("m").replace('}', r#","context":{"a":1e400}}"#), "number_out_of_range"),
        (track("m").replace('}', r#","properties":[1]}"#), "not_an_object"),
    ] {
        let rig = Rig::new();
        let verdict = rig.batch(&batch_of(&[track("m-1"), bad.clone(), track("m-2")])).await;
        assert_eq!(verdict["accepted"], 2, "{code}: {verdict}");
        assert_eq!(verdict["rejected"][0]["index"], 1, "{code}");
        assert_eq!(verdict["rejected"][0]["code"], code, "{verdict}");
        assert!(verdict["rejected"][0]["message"].is_string());
        let letters = rig.dead_letters();
        let [letter] = &letters[..] else { panic!("{code}: {letters:?}") };
        assert_eq!((letter.code.as_str(), letter.raw.as_slice()), (code, bad.as_bytes()));
        assert_eq!(letter.received.0, NOW);
        assert_eq!(rig.facts().len(), 2, "{code}");
        assert_eq!(rig.ingest.signals().snapshot().rejected, [(code, 1)]);
    }
}

#[tokio::test]
async fn a_rejected_event_is_named_by_its_id() {
    let rig = Rig::new();
    let bad = track("m-7").replace("\"E\"", "null");
    let verdict = rig.batch(&batch_of(&[bad, track("m-8")])).await;
    assert_eq!(verdict["rejected"][0]["messageId"], "m-7");
}

#[tokio::test]
async fn a_batch_without_a_valid_event_is_a_problem_that_lists_why() {
    let rig = Rig::new();
    let answer = rig.send(post("/v1/batch", batch_of(&[track(""), track("")]))).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (422, "no_valid_event"));
    assert_eq!(answer.json()["rejected"][1]["code"], "missing_id");
    assert_eq!(rig.dead_letters().len(), 2);
}

#[tokio::test]
async fn a_retried_batch_is_counted_once() {
    let rig = Rig::on_disk(shop());
    let events = [track("m-1"), track("m-2"), track("m-1")];
    let verdict = rig.batch(&batch_of(&events)).await;
    assert_eq!((&verdict["accepted"], &verdict["duplicates"]), (&json!(2), &json!(1)));
    let verdict = rig.batch(&batch_of(&events)).await;
    assert_eq!((&verdict["accepted"], &verdict["duplicates"]), (&json!(0), &json!(3)));
    assert_eq!(verdict["success"], true);
    assert_eq!(rig.facts().len(), 2);
    let counted = rig.ingest.signals().snapshot();
    assert_eq!((counted.accepted, counted.duplicates), (2, 4));
}

#[tokio::test]
async fn a_retried_identify_is_one_duplicate_though_it_made_two_facts() {
    let rig = Rig::new();
    let identify =
        r#"{"type":"identify","messageId":"i","anonymousId":"d","userId":"42"}"#.to_owned();
    rig.batch(&batch_of(std::slice::from_ref(&identify))).await;
    let verdict = rig.batch(&batch_of(&[identify, track("t")])).await;
    assert_eq!((&verdict["accepted"], &verdict["duplicates"]), (&json!(1), &json!(1)));
    assert_eq!(rig.facts().len(), 3);
}

#[tokio::test]
async fn an_answer_echoes_what_proves_it_is_ours() {
    let rig = Rig::new();
    let body = format!(
        r#"{{"batch":[{}],"sentAt":"2026-11-22T10:00:00Z","sillage":{{"batchId":"b-1","dropped":{{"queue_full":3}}}}}}"#,
        track("m")
    );
    let answer = rig.send(post("/v1/batch", body)).await;
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(
        answer.json(),
        json!({
            "success": true, "batchId": "b-1", "accepted": 1, "duplicates": 0, "rejected": [],
            "receivedAt": "2026-11-22T10:00:00.000Z", "sentAt": "2026-11-22T10:00:00Z",
        })
    );
    assert_eq!(rig.ingest.signals().snapshot().dropped_on_device, 3);
}

#[tokio::test]
async fn without_consent_nothing_is_written_and_it_is_said() {
    let mut project = shop();
    project.consent_required = vec!["Analytics".to_owned()];
    let rig = Rig::on_disk(project);
    let consenting = |id: &str, given: &str| {
        let context = format!(
            r#","context":{{"canary":"{id}","consent":{{"categoryPreferences":{given}}}}}}}"#
        );
        track(id).replace('}', &context)
    };
    let verdict = rig
        .batch(&batch_of(&[
            consenting("yes", r#"{"Analytics":true}"#),
            consenting("denied-1", r#"{"Analytics":false}"#),
            consenting("denied-2", r#"{"Advertising":true}"#),
            track("denied-3"),
        ]))
        .await;
    assert_eq!(verdict["accepted"], 1, "{verdict}");
    for nth in 0..3 {
        assert_eq!(verdict["rejected"][nth]["code"], "consent_denied");
    }
    assert_eq!(rig.facts().len(), 1);
    assert!(rig.dead_letters().is_empty());
    assert!(!crate::facts::written(rig.dir.path(), b"denied-"), "not even its id is on disk");
    assert!(crate::facts::written(rig.dir.path(), b"yes"), "the search finds what is there");
    // A batch that only lacks consent is no fault of its sender.
    let verdict = rig.batch(&batch_of(&[track("denied-4")])).await;
    assert_eq!((&verdict["success"], &verdict["accepted"]), (&json!(true), &json!(0)));
    assert_eq!(rig.ingest.signals().snapshot().consent_denied, 4);
}
