//! What a batch adds to the loss ledger, and what its sender is told beside the verdict.
use crate::rig::{KEY, Rig, bare, batch_of, post, shop, track};
use serde_json::json;
use sillage_eventlog::{Cursor, EventLog, MemoryLog};
use sillage_ingest::{AskedOf, IngestConfig, PublicSegments, SegmentsTold};
use std::sync::Arc;

/// A batch of an installation.
fn of_install(events: &[String], sillage: &str) -> String {
    format!(
        r#"{{"batch":[{}],"anonymousId":"d","context":{{"library":{{"name":"sillage-web","version":"0.1.0"}}}},"sillage":{{"batchId":"b-7","install":"in-1",{sillage}}}}}"#,
        events.join(",")
    )
}

fn bad() -> String {
    track("bad").replace("\"E\"", "\"\"")
}

#[tokio::test]
async fn a_report_is_written_with_its_batch_and_knows_what_of_it_was_new() {
    let rig = Rig::on_disk(shop());
    let events = [track("m-1"), bad(), track("m-2"), track("m-1")];
    let identify = r#"{"type":"identify","messageId":"i","anonymousId":"d","userId":"42"}"#;
    let first = of_install(&events, r#""seq":6,"dropped":{"queue_full":2}"#);
    let verdict = rig.batch(&first).await;
    assert_eq!((&verdict["accepted"], &verdict["duplicates"]), (&json!(2), &json!(1)));
    rig.batch(&first).await;
    let events = [identify.to_owned(), track("m-2")];
    let next = r#""seq":7,"acknowledged":2,"rejected":{"event_name_missing":1},
        "dropped":{"queue_full":2},"unsure":{"too_old":1}"#;
    rig.batch(&of_install(&events, next)).await;
    let sdk = "sillage-web/0.1.0 created";
    let expected = [
        "6 acknowledged 0 rejected dropped queue_full=2 unsure batch 4 event_name_missing=1 new 2 again 1",
        "6 acknowledged 0 rejected dropped queue_full=2 unsure batch 4 event_name_missing=1 new 0 again 3",
        "7 acknowledged 2 rejected event_name_missing=1 dropped queue_full=2 unsure too_old=1 batch 2 new 1 again 1",
    ];
    let expected = expected.map(|told| ("i:in-1".to_owned(), format!("{sdk} {told}")));
    assert_eq!(rig.reports(), expected);
    assert_eq!(rig.facts().len(), 4, "an identify is two facts and one event");
    rig.ingest.write_counts().await;
    assert_eq!(rig.reports().len(), 3, "who reports is not counted beside");
}

#[tokio::test]
async fn an_installation_may_report_without_events() {
    let rig = Rig::new();
    let body = of_install(&[], r#""seq":5,"acknowledged":1,"dropped":{"storage_lost":4}"#);
    let verdict = rig.batch(&body).await;
    assert_eq!((&verdict["success"], &verdict["accepted"]), (&json!(true), &json!(0)));
    assert_eq!((&verdict["batchId"], &verdict["rejected"]), (&json!("b-7"), &json!([])));
    let [(subject, told)] = &rig.reports()[..] else { panic!("{:?}", rig.reports()) };
    assert_eq!(subject, "i:in-1");
    assert!(
        told.ends_with(
            "created 5 acknowledged 1 rejected dropped storage_lost=4 unsure batch 0 new 0 again 0"
        ),
        "{told}"
    );
    let nobody = rig.send(post("/v1/batch", r#"{"batch":[],"sillage":{"seq":5}}"#)).await;
    assert_eq!((nobody.status.as_u16(), nobody.code().as_str()), (400, "empty_batch"));
}

#[tokio::test]
async fn a_refusal_says_whose_batch_it_answers_once_that_is_known() {
    let rig = Rig::new();
    let answer = rig.send(post("/v1/batch", of_install(&[bad(), bad()], r#""seq":2"#))).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (422, "no_valid_event"));
    assert_eq!(answer.json()["batchId"], "b-7");
    assert_eq!(answer.json()["receivedAt"], "2026-11-22T10:00:00.000Z");
    let [(_, told)] = &rig.reports()[..] else { panic!("{:?}", rig.reports()) };
    assert!(told.contains("batch 2 event_name_missing=2 new 0 again 0"), "{told}");
    let other_key = of_install(&[track("m")], r#""seq":2"#).replacen('{', r#"{"writeKey":"x","#, 1);
    let answer = rig.send(post("/v1/batch", other_key)).await;
    assert_eq!(
        (answer.code().as_str(), &answer.json()["batchId"]),
        ("key_mismatch", &json!("b-7"))
    );
    let unreadable = rig.send(post("/v1/batch", "{")).await;
    assert_eq!(unreadable.json().get("receivedAt"), None);
    rig.ingest.drain();
    let draining = rig.send(post("/v1/batch", of_install(&[track("m")], r#""seq":2"#))).await;
    assert_eq!((draining.status.as_u16(), draining.json().get("batchId")), (503, None));
}

#[tokio::test]
async fn who_tells_nothing_is_counted_by_library_and_written_now_and_then() {
    let rig = Rig::new();
    let of = |name: &str, id: &str| {
        let library = format!(r#","context":{{"library":{{"name":"{name}","version":"3"}}}}}}"#);
        track(id).replace('}', &library)
    };
    rig.batch(&batch_of(&[of("web", "m-1"), of("web", "m-2"), bad()])).await;
    rig.batch(&batch_of(&[of("web", "m-2"), of("web", "m-3")])).await;
    let single = rig.send(post("/v1/track", of("node", "m-4"))).await;
    assert_eq!(single.status.as_u16(), 200);
    let dropped = batch_of(&[track("m-5")]).replacen('{', r#"{"sillage":{"dropped":{"x":3}},"#, 1);
    rig.batch(&dropped).await;
    let pixel = "eyJ0eXBlIjoicGFnZSIsIm1lc3NhZ2VJZCI6InAiLCJhbm9ueW1vdXNJZCI6ImQifQ";
    let pixel = format!("/v1/pixel.gif?key={KEY}&data={pixel}");
    assert_eq!(rig.send(bare("GET", &pixel, &[])).await.status.as_u16(), 200);
    assert_eq!(rig.reports(), [], "nothing is written for each request");
    rig.ingest.write_counts().await;
    rig.ingest.write_counts().await;
    let expected = [
        ("s:node/3", "node/3 received 1 duplicates 0 rejected dropped"),
        ("s:unknown/unknown", "unknown/unknown received 2 duplicates 0 rejected dropped x=3"),
        ("s:web/3", "web/3 received 3 duplicates 1 rejected event_name_missing=1 dropped"),
    ];
    let expected = expected.map(|(subject, told)| (subject.to_owned(), told.to_owned()));
    assert_eq!(rig.reports(), expected);
    rig.batch(&batch_of(&[of("web", "m-9")])).await;
    rig.ingest.write_counts().await;
    assert_eq!(rig.reports().len(), 4, "the same source is written again, with what came since");
}

#[tokio::test]
async fn an_installation_is_not_named_where_nobody_consented() {
    let mut project = shop();
    project.consent_required = vec!["Analytics".to_owned()];
    let rig = Rig::on_disk(project);
    let consent = r#","context":{"consent":{"categoryPreferences":{"Analytics":true}}}}"#;
    let denied = rig.batch(&of_install(&[track("m-1")], r#""seq":1"#)).await;
    assert_eq!(denied["rejected"][0]["code"], "consent_denied");
    rig.batch(&of_install(&[], r#""seq":1"#)).await;
    rig.ingest.write_counts().await;
    let counted = "sillage-web/0.1.0 received 0 duplicates 0 rejected consent_denied=1 dropped";
    assert_eq!(rig.reports(), [("s:sillage-web/0.1.0".to_owned(), counted.to_owned())]);
    assert!(
        !crate::facts::written(rig.dir.path(), b"in-1"),
        "not even the installation is on disk"
    );
    let given = track("m-2").replace('}', consent);
    rig.batch(&of_install(&[track("m-3"), given], r#""seq":3"#)).await;
    let (subject, told) = rig.reports().pop().unwrap();
    assert_eq!(subject, "i:in-1");
    assert!(told.ends_with("batch 2 consent_denied=1 new 1 again 0"), "{told}");
}

#[tokio::test]
async fn a_report_costs_less_than_an_event() {
    let bytes = |body: String| async move {
        let rig = Rig::new();
        rig.batch(&body).await;
        rig.log.end().0
    };
    let events: Vec<String> = (0..20).map(|n| track(&format!("message-{n}"))).collect();
    let install = "0190a1b2-0000-7000-8000-000000000001";
    let sillage = r#""seq":104300,"acknowledged":104270,"rejected":{"event_name_missing":2},
        "dropped":{"queue_full":8}"#;
    let with = of_install(&events, sillage).replace("in-1", install);
    let without = with.replace("install", "instal");
    let cost = bytes(with).await - bytes(without).await;
    println!("a report costs {cost} bytes of log");
    assert!((100..200).contains(&cost), "{cost}");
}

/// Knows of one device, once its batch is in the log.
struct Oracle(Arc<MemoryLog>);

impl PublicSegments for Oracle {
    fn of(&self, asked: AskedOf) -> SegmentsTold<'_> {
        Box::pin(async move {
            assert!(asked.end > Cursor::START && asked.end <= self.0.end());
            let known = asked.anonymous_id == "d";
            known.then(|| vec![format!("of-{}", asked.user_id), "vip".to_owned()])
        })
    }
}

#[tokio::test]
async fn an_installation_is_told_the_segments_of_its_one_device() {
    let (log, dir) = (Arc::new(MemoryLog::new()), tempfile::tempdir().unwrap());
    let oracle: Arc<dyn PublicSegments> = Arc::new(Oracle(Arc::clone(&log)));
    let rig = Rig::telling(Some(oracle), log, dir, (IngestConfig::default(), shop()));
    let body = of_install(&[track("m-1")], r#""seq":1"#);
    assert_eq!(rig.batch(&body).await["segments"], json!(["of-", "vip"]));
    let user = body.replacen('{', r#"{"userId":"42","#, 1);
    assert_eq!(rig.batch(&user).await["segments"], json!(["of-42", "vip"]), "a retry is told, too");
    let report = of_install(&[], r#""seq":1"#);
    assert_eq!(rig.batch(&report).await["segments"], json!(["of-", "vip"]));
    let without = [
        ("no installation", body.replace("install", "instal")),
        ("no device", body.replace(r#""anonymousId":"d","context""#, r#""context""#)),
        (
            "an unknown device",
            body.replace(r#""anonymousId":"d","context""#, r#""anonymousId":"e","context""#),
        ),
    ];
    for (what, body) in without {
        assert_eq!(rig.batch(&body).await.get("segments"), None, "{what}: {body}");
    }
    assert_eq!(Rig::new().batch(&body).await.get("segments"), None, "a project that tells nothing");
}
