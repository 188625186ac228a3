//! Exits come at their deadline, by time alone, and carry it as their stamp.
use sillage_e2e::{Collector, Project, Reply, now_ms, until};
use std::collections::BTreeMap;
use std::fmt::Write as _;

const PERSONS: usize = 1_000;
const WINDOW_MS: i64 = 3_000;

#[test]
fn a_thousand_armed_exits_come_on_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let rules = "[[project.segment]]\nkey = \"here\"\nwhen = 'exists(\"Seen\" within 3s)'\n";
    let collector = Collector::start(folder.path(), "", rules);
    let mut http = collector.http();
    let mut seen_at = BTreeMap::new();
    for chunk in 0..PERSONS / 100 {
        let mut body = String::from("{\"batch\":[");
        for index in 0..100 {
            let person = chunk * 100 + index;
            // Each has a deadline of its own, spread over a second.
            let at = now_ms() - i64::try_from(person).expect("small");
            seen_at.insert(format!("u:p{person}"), at);
            let comma = if index == 0 { "" } else { "," };
            write!(
                body,
                "{comma}{{\"type\":\"track\",\"event\":\"Seen\",\"userId\":\"p{person}\",\
                 \"messageId\":\"m{person}\",\"timestamp\":{at}}}"
            )
            .expect("a string takes all");
        }
        let answer = http.batch(&(body + "]}")).expect("it answers");
        assert_eq!(answer.json()["accepted"], 100);
    }
    let mut resp = collector.resp();
    let stream = format!("sl:{}:changes", Project::NAME);
    until("all exits", || {
        (resp.ask(&["XLEN", &stream]) == Reply::Integer(2 * PERSONS as i64)).then_some(())
    });
    let mut late = Vec::new();
    for entry in resp.ask(&["XRANGE", &stream, "-", "+"]).items() {
        let [id, fields] = <[Reply; 2]>::try_from(entry.items()).expect("an id and fields");
        let fields: Vec<String> = fields.items().into_iter().map(Reply::text).collect();
        let field = |name: &str| {
            let at = fields.iter().position(|f| f == name).expect("the field is there");
            fields[at + 1].clone()
        };
        if field("change") == "exit" {
            let written: i64 =
                id.text().split('-').next().and_then(|ms| ms.parse().ok()).expect("ms");
            let deadline: i64 = field("at").parse().expect("ms");
            assert_eq!(deadline, seen_at[&field("id")] + WINDOW_MS, "the stamp is the deadline");
            late.push(written - deadline);
        }
    }
    late.sort_unstable();
    let at = |share: usize| late[(late.len() - 1) * share / 100];
    println!(
        "{} exits: late by p50 {} ms, p99 {} ms, max {} ms",
        late.len(),
        at(50),
        at(99),
        at(100)
    );
    assert_eq!(late.len(), PERSONS);
    assert!(late[0] >= 0, "none came early");
    assert!(at(100) <= 1_000, "max {} ms", at(100));
}

#[test]
fn deadlines_survive_a_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    let rules = "[[project.segment]]\nkey = \"here\"\nwhen = 'exists(\"Seen\" within 4s)'\n";
    let mut collector = Collector::start(folder.path(), "", rules);
    let at = now_ms();
    let body = format!(
        "{{\"batch\":[{{\"type\":\"track\",\"event\":\"Seen\",\"userId\":\"p\",\"messageId\":\"m\",\"timestamp\":{at}}}]}}"
    );
    assert_eq!(collector.http().batch(&body).map(|a| a.status), Some(200));
    collector.kill();
    collector.restart();
    let key = format!("sl:{}:u:p", Project::NAME);
    let mut resp = collector.resp();
    until("the member after the kill", || {
        let entered = resp.ask(&["HGET", &key, "seg:here"]);
        (entered == Reply::Bulk(Some(at.to_string()))).then_some(())
    });
    until("the exit", || {
        (resp.ask(&["HEXISTS", &key, "seg:here"]) == Reply::Integer(0)).then_some(())
    });
    assert!(
        (0..=1_500).contains(&(now_ms() - at - 4_000)),
        "left {} ms late",
        now_ms() - at - 4_000
    );
}
