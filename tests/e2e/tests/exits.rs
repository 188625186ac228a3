//! Exits come at their deadline, by time alone, and carry it as their stamp.
use sillage_e2e::{Collector, Project, Reply, now_ms, until};
use std::fmt::Write as _;

const PERSONS: usize = 1_000;
const WINDOW_MS: i64 = 3_000;

/// Sends one event for each of so many persons, each with a time of its own within `spread_ms` before
/// it is sent; gives the times.
fn send(collector: &Collector, persons: usize, spread_ms: usize) -> Vec<i64> {
    let mut http = collector.http();
    let mut seen_at = Vec::with_capacity(persons);
    for chunk in 0..persons / 100 {
        let mut body = String::from("{\"batch\":[");
        for person in chunk * 100..(chunk + 1) * 100 {
            let at = now_ms() - i64::try_from(person % spread_ms).expect("small");
            seen_at.push(at);
            let comma = if person % 100 == 0 { "" } else { "," };
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
    seen_at
}

/// The number of the person that a change is about.
fn person(id: &str) -> usize {
    id.strip_prefix("u:p").and_then(|number| number.parse().ok()).expect("u:p and a number")
}

#[test]
fn a_thousand_armed_exits_come_on_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let rules = "[[project.segment]]\nkey = \"here\"\nwhen = 'exists(\"Seen\" within 3s)'\n";
    let collector = Collector::start(folder.path(), "", rules);
    let seen_at = send(&collector, PERSONS, PERSONS);
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
            assert_eq!(
                deadline,
                seen_at[person(&field("id"))] + WINDOW_MS,
                "the stamp is the deadline"
            );
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

const MANY: usize = 100_000;
const MANY_WINDOW_MS: i64 = 45_000;
const MANY_SPREAD_MS: usize = 15_000;

/// What a collector holds with many persons under a rule.
fn memory_under(rule: &str) -> (tempfile::TempDir, Collector, Vec<i64>, u64) {
    let folder = tempfile::tempdir().expect("a folder");
    let rules = format!("[[project.segment]]\nkey = \"here\"\nwhen = '{rule}'\n");
    let collector = Collector::start(folder.path(), "", &rules);
    let seen_at = send(&collector, MANY, MANY_SPREAD_MS);
    let mut resp = collector.resp();
    let key = format!("sl:{}:u:p{}", Project::NAME, MANY - 1);
    until("the last of them", || {
        (resp.ask(&["HEXISTS", &key, "seg:here"]) == Reply::Integer(1)).then_some(())
    });
    let memory = collector.memory();
    (folder, collector, seen_at, memory)
}

#[test]
fn a_hundred_thousand_armed_exits_outlive_a_kill_and_come_on_time() {
    let (_kept, calm, _, without) = memory_under("exists(\"Seen\")");
    drop(calm);
    let (_folder, mut collector, seen_at, with) = memory_under("exists(\"Seen\" within 45s)");
    collector.kill();
    let killed = std::time::Instant::now();
    collector.restart();
    let ready = killed.elapsed();
    assert!(now_ms() < seen_at[0] + MANY_WINDOW_MS - 15_000, "the machine is too slow for this");
    let mut resp = collector.resp();
    let stream = format!("sl:{}:changes", Project::NAME);
    std::thread::sleep(std::time::Duration::from_millis(
        u64::try_from(seen_at[MANY - 1] + MANY_WINDOW_MS - now_ms()).unwrap_or(0),
    ));
    let mut late = Vec::with_capacity(MANY);
    let mut from = "-".to_owned();
    until("all exits", || {
        let page = resp.ask(&["XRANGE", &stream, &from, "+", "COUNT", "10000"]).items();
        for entry in page {
            let [id, fields] = <[Reply; 2]>::try_from(entry.items()).expect("an id and fields");
            let fields: Vec<String> = fields.items().into_iter().map(Reply::text).collect();
            let id = id.text();
            if fields.contains(&"exit".to_owned()) {
                let written: i64 = id.split('-').next().and_then(|ms| ms.parse().ok()).expect("ms");
                let field = |name: &str| {
                    &fields[fields.iter().position(|f| f == name).expect("it is there") + 1]
                };
                let deadline: i64 = field("at").parse().expect("ms");
                assert_eq!(
                    deadline,
                    seen_at[person(field("id"))] + MANY_WINDOW_MS,
                    "the stamp is the deadline"
                );
                late.push(written - deadline);
            }
            from = format!("({id}");
        }
        (late.len() == MANY).then_some(())
    });
    late.sort_unstable();
    let at = |share: usize| late[(late.len() - 1) * share / 1_000];
    println!(
        "{MANY} exits after a kill, ready again in {} ms: late by p50 {} ms, p99.9 {} ms, max {} ms; \
         a person takes {} bytes, a timer {} of them",
        ready.as_millis(),
        at(500),
        at(999),
        at(1_000),
        with / MANY as u64,
        with.saturating_sub(without) / MANY as u64,
    );
    assert!(late[0] >= 0, "none came early");
    assert!(at(1_000) <= 1_000, "max {} ms", at(1_000));
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
