//! Clocks are corrected once, and only as far as they are known to be wrong.
use crate::rig::{NOW, Rig, batch_of, track};
use sillage_ingest::{Admission, AdmitScratch, Arrival, Visitor};
use sillage_model::{Fact, ReceiptMillis, SharedContexts};
use sillage_wire::{Limits, decode_batch, format_time_ms};

fn text(ms: i64) -> String {
    let mut out = String::new();
    format_time_ms(ms, &mut out);
    out
}

async fn time_of(envelope: &str, told: Option<i64>) -> (i64, i64, u64) {
    let rig = Rig::new();
    let mut event = track("m");
    if let Some(told) = told {
        event = event.replace('}', &format!(r#","timestamp":"{}"}}"#, text(told)));
    }
    rig.batch(&batch_of(&[event]).replacen('{', &format!("{{{envelope}"), 1)).await;
    let facts = rig.facts();
    (facts[0].at, facts[0].received, rig.ingest.signals().snapshot().clamped_future)
}

#[tokio::test]
async fn event_times_follow_the_contract() {
    let sent = |ms: i64| format!(r#""sentAt":"{}","#, text(ms));
    let offset = |ms: i64| format!(r#""sillage":{{"clockOffsetMs":{ms}}},"#);
    let minute = 60_000;
    for (name, envelope, told, expected, clamped) in [
        ("no times at all", String::new(), None, NOW, 0),
        ("told alone", String::new(), Some(NOW - minute), NOW - minute, 0),
        ("a slow network", sent(NOW - minute), Some(NOW - minute - 7), NOW - minute - 7, 0),
        ("a slow clock", sent(NOW - 2 * minute), Some(NOW - 2 * minute - 7), NOW - 7, 0),
        ("a fast clock", sent(NOW + 2 * minute), Some(NOW + 2 * minute - 7), NOW - 7, 0),
        ("the device knows better", sent(NOW - minute * 9) + &offset(-41), Some(NOW), NOW - 41, 0),
        (
            "no offset wins over sentAt",
            sent(NOW - minute * 9) + &offset(0),
            Some(NOW - 5),
            NOW - 5,
            0,
        ),
        ("the near future", String::new(), Some(NOW + 5 * minute), NOW + 5 * minute, 0),
        ("the far future", String::new(), Some(NOW + 5 * minute + 1), NOW, 1),
        ("an absurd offset", offset(i64::MAX), Some(NOW), NOW, 1),
        ("long ago", String::new(), Some(0), 0, 0),
    ] {
        assert_eq!(time_of(&envelope, told).await, (expected, NOW, clamped), "{name}");
    }
}

#[test]
fn history_was_received_when_it_happened() {
    let admission = Admission::new(&crate::rig::shop(), Limits::default(), 64);
    let told = |ms: i64| track("m").replace('}', &format!(r#","timestamp":"{}"}}"#, text(ms)));
    // A `sentAt` in a file of history says nothing about the clocks of then.
    let body = batch_of(&[told(1_000), told(NOW + 600_000)]).replacen(
        '{',
        r#"{"sentAt":"2001-01-01","#,
        1,
    );
    let batch = decode_batch(body.as_bytes(), &Limits::default()).unwrap();
    let (visitor, arrival) = (Visitor::default(), Arrival::History(ReceiptMillis(NOW)));
    let admitted = admission.admit(&batch, visitor, arrival, &mut AdmitScratch::default()).unwrap();
    let times: Vec<(i64, i64)> = admitted
        .append
        .records
        .iter()
        .map(|record| {
            let body = &admitted.append.bodies[record.body.0 as usize..record.body.1 as usize];
            let fact = Fact::decode(SharedContexts::default(), body).unwrap();
            (fact.at.0, fact.received.0)
        })
        .collect();
    assert_eq!(times, [(1_000, 1_000), (NOW, NOW)]);
}
