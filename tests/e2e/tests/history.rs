//! Segments over history: the commands on files that nobody has open, the same commands and paths on a
//! collector that runs, and that both say the same.
use serde_json::{Value, json};
use sillage_e2e::{Answer, Collector, Project, Reply, binary, until};
use std::path::Path;
use std::process::{Command, Output};

const RULES: &str = r#"
[[project.segment]]
key = "buyers"
when = 'exists("Order Completed")'
public = true
[[project.segment]]
key = "bought"
when = '( exists("Order Completed") )'
[[project.segment]]
key = "cart-without-order"
when = 'exists("Cart Viewed") and not exists("Order Completed")'
[[project.segment]]
key = "explorers"
when = 'distinct(step of "Product Viewed") >= 2 and count("Product List Viewed") >= 5'
[[project.segment]]
key = "regulars-who-pay"
when = 'segment("buyers") and count("*") >= 20'
[[project.segment]]
key = "misspelt"
when = 'exists("Order Complted")'
[[project.segment]]
key = "all"
when = 'exists("*")'
"#;

/// Where the file is still busy: some days before its end.
const THEN: &str = "2020-04-25T12:00:00Z";

fn sillage(words: &[&str], config: &Path) -> Output {
    let command = Command::new(binary()).args(words).arg("--config").arg(config).output();
    command.expect("the binary runs")
}

/// What the command printed as JSON, without what differs from run to run.
fn told(words: &[&str], config: &Path) -> Value {
    let output = sillage(&[words, &["--json"]].concat(), config);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {complained}");
    without_times(serde_json::from_slice(&output.stdout).expect("JSON"))
}

fn without_times(mut told: Value) -> Value {
    let fields = told.as_object_mut().expect("an object");
    for varying in ["seconds", "events_per_second"] {
        assert!(fields.remove(varying).is_none_or(|value| value.is_f64()));
    }
    told
}

fn post(collector: &Collector, path: &str, token: &str, body: &str) -> Answer {
    let headers = format!("content-type: application/json\r\nauthorization: Bearer {token}\r\n");
    collector.http().send("POST", path, &headers, body.as_bytes()).expect("it answers")
}

/// A collector with the file in it, stopped.
fn with_file(folder: &Path) -> Collector {
    let mut collector = Collector::start(folder, "", RULES);
    assert!(collector.stop());
    let examples = Path::new("../../examples/onlineshop").canonicalize().expect("it is there");
    let file = examples.join("simple_onlineshop_35k.csv.gz");
    let map = examples.join("map.toml");
    let (file, map) = (file.to_string_lossy(), map.to_string_lossy());
    let import = ["import", &file, "--project", Project::NAME, "--map", &map];
    let imported = sillage(&import, &collector.config());
    let said = String::from_utf8_lossy(&imported.stdout).into_owned();
    assert!(said.contains("35381 new"), "{said}{}", String::from_utf8_lossy(&imported.stderr));
    collector
}

#[test]
fn a_running_collector_and_its_files_say_the_same_about_history() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut collector = with_file(folder.path());
    let config = collector.config();
    let rule = "exists(\"Cart Viewed\") and not exists(\"Order Completed\" within 30d)";
    let preview = ["segments", "preview", "--rule", rule, "--at", THEN];
    let named = ["segments", "preview", "cart-without-order", "--at", THEN];
    let audit = ["segments", "audit", "--at", THEN];
    let alone = [told(&preview, &config), told(&named, &config), told(&audit, &config)];
    let sampled = alone[1]["sample"][0]["anonymous_id"].as_str().expect("devices").to_owned();
    let explain = ["segments", "explain", &sampled, "cart-without-order", "--device", "--at", THEN];
    let explained = told(&explain, &config);
    check_preview(&alone[0], &alone[1]);
    check_audit(&alone[2]);
    let explanation = &explained["explanation"];
    assert_eq!(
        (&explanation["member"], &explanation["rule"]["holds"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(explanation["entered_at"], alone[1]["sample"][0]["entered_at"]);
    let text = "exists(\"Cart Viewed\") and not exists(\"Order Completed\")";
    assert_eq!(explanation["rule"]["text"], text);
    assert_eq!(explained["history"]["complete"], true);

    collector.restart();
    let served = [told(&preview, &config), told(&named, &config), told(&explain, &config)];
    assert_eq!(served, [alone[0].clone(), alone[1].clone(), explained]);
    // Who was away for years is in no hash any more, but listed still.
    let list = format!("sl:{}:seg:all:7", Project::NAME);
    assert_ne!(collector.resp().ask(&["ZCARD", &list]), Reply::Integer(0));
    let mut audited = told(&audit, &config);
    let reads = |audited: &Value, key: &str| -> Value {
        let rows = audited["segments"].as_array().expect("rows").iter();
        rows.filter(|row| row["key"] == key).map(|row| row["reads"].clone()).collect()
    };
    assert_eq!(reads(&audited, "all"), json!([1]));
    assert_eq!(reads(&audited, "buyers"), json!([0]));
    assert_eq!(reads(&audited, "cart-without-order"), json!([1]), "it was explained");
    for row in audited["segments"].as_array_mut().expect("rows") {
        row["reads"] = Value::Null;
    }
    assert_eq!(audited["segments"], alone[2]["segments"]);
    assert_eq!(audited["correlation"], alone[2]["correlation"]);
    check_changed(&mut collector, &audit);
}

/// A segment that was made meanwhile is looked at like any other, and reads are still known.
fn check_changed(collector: &mut Collector, audit: &[&str]) {
    let (config, path) = (collector.config(), "/v1/segments/payers");
    let headers = format!("authorization: Bearer {}\r\n", Project::ADMIN_TOKEN);
    let body = br#"{"when":"count(\"Order Completed\") >= 1"}"#;
    let put = collector.http().send("PUT", path, &headers, body).expect("it answers");
    assert!([200, 202].contains(&put.status), "{}", put.json());
    until("the change", || {
        let shown = collector.http().get(path, Project::READ_TOKEN);
        (shown.status == 200 && shown.json()["state"] == "live").then_some(())
    });
    let row = |audited: &Value, key: &str| {
        let rows = audited["segments"].as_array().expect("rows").iter();
        let mut rows = rows.filter(|row| row["key"] == key);
        rows.next().expect("it is there").clone()
    };
    let served = told(audit, &config);
    assert_eq!(row(&served, "payers")["members"], row(&served, "buyers")["members"]);
    assert_eq!(row(&served, "all")["reads"], 1, "reads outlive a change");
    assert!(collector.stop());
    let alone = told(audit, &config);
    assert_eq!(row(&alone, "payers")["members"], row(&served, "payers")["members"]);
}

/// The first is of a rule of its own, the second of a segment that there is.
fn check_preview(new: &Value, known: &Value) {
    let number = |value: &Value| value.as_u64().expect("a count");
    assert!(number(&new["members"]) > 100, "{}", new["members"]);
    for preview in [new, known] {
        let days = preview["days"].as_array().expect("days");
        assert_eq!(days.len(), 90);
        assert_eq!(days[89]["day"], "2020-04-25");
        assert_eq!(days[89]["members"], preview["members"]);
        assert!(days.iter().map(|day| number(&day["entries"])).sum::<u64>() > 100);
        assert_eq!(preview["sample"].as_array().map(Vec::len), Some(20));
        // Everybody is in the segment of all, so it holds whoever is in this one.
        let overlaps = preview["overlap"].as_array().expect("overlaps");
        let all = overlaps.iter().find(|o| o["segment"] == "all").expect("it is there");
        assert_eq!((&all["both"], &all["members"]), (&preview["members"], &preview["persons"]));
        let balance = number(&preview["entries"]) - number(&preview["exits"]);
        assert_eq!(balance, number(&preview["members"]), "nobody was linked");
    }
    assert_eq!(known["overlap"].as_array().map(Vec::len), Some(6), "not with itself");
    let alike = new["overlap"][0].clone();
    assert_eq!(alike["segment"], "cart-without-order", "the most alike comes first");
    assert_eq!(alike["members"], known["members"]);
}

fn check_audit(audit: &Value) {
    let findings = audit["findings"].as_array().expect("findings");
    let of = |kind: &str| -> Vec<&Value> {
        let found = findings.iter().filter(|finding| finding["kind"] == kind);
        found.map(|finding| &finding["segments"]).collect()
    };
    assert_eq!(of("unknown_event"), [&json!(["misspelt"])]);
    assert_eq!(of("never_matches"), [&json!(["misspelt"])]);
    assert_eq!(of("always_matches"), [&json!(["all"])]);
    assert_eq!(of("same_rule"), [&json!(["buyers", "bought"])]);
    let suggested = findings[0]["suggests"].as_str().expect("text");
    assert!(suggested.contains("`Order Completed` ("), "{suggested}");
    let keys = audit["correlation"]["segments"].as_array().expect("keys");
    let place = |key: &str| keys.iter().position(|known| known == key).expect("it is there");
    let phi = |a: &str, b: &str| audit["correlation"]["phi"][place(a)][place(b)].clone();
    assert_eq!(phi("buyers", "bought"), json!(1.0));
    assert_eq!(phi("buyers", "all"), Value::Null, "everybody says nothing");
    assert!(phi("buyers", "cart-without-order").as_f64().expect("a number") < 0.0);
}

#[test]
fn people_see_drawings_and_underlined_mistakes() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut collector = with_file(folder.path());
    let config = collector.config();
    let picture = folder.path().join("audit.svg");
    let said = |words: &[&str]| {
        let output = sillage(words, &config);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    };
    let path = picture.to_string_lossy();
    let (code, audited) = said(&["segments", "audit", "--at", THEN, "--svg", &path]);
    assert_eq!(code, Some(0), "{audited}");
    assert!(audited.contains("correlation of memberships"), "{audited}");
    let drawn = std::fs::read_to_string(&picture).expect("it was written");
    assert!(drawn.starts_with("<svg ") && drawn.ends_with("</svg>\n"));
    assert_eq!(drawn.matches("class=\"bar\"").count(), 7, "a bar for each segment");
    assert_eq!(drawn.matches("class=\"cell ").count(), 49, "a cell for each two");
    let (code, previewed) = said(&["segments", "preview", "explorers", "--at", THEN]);
    assert_eq!(code, Some(0), "{previewed}");
    assert!(previewed.contains('█') && previewed.contains("2020-04-25"), "{previewed}");
    let wrong = ["segments", "preview", "--rule", "sesion.events > 3"];
    let (code, offline) = said(&wrong);
    assert_eq!(code, Some(1));
    assert!(offline.contains("^^^^") && offline.contains("segment preview:1:1"), "{offline}");

    collector.restart();
    assert_eq!(said(&wrong), (code, offline), "a running collector says it in the same words");
    let preview = |token, body| post(&collector, "/v1/segments/preview", token, body);
    let refused = preview(Project::ADMIN_TOKEN, r#"{"when":"sesion.events > 3"}"#);
    assert_eq!((refused.status, refused.json()["code"].clone()), (422, json!("segment_invalid")));
    assert_eq!(refused.json()["diagnostics"][0]["start"], 0);
    assert_eq!(preview(Project::READ_TOKEN, "{}").status, 403);
    assert_eq!(preview(Project::ADMIN_TOKEN, "{}").status, 400);
    assert_eq!(preview(Project::ADMIN_TOKEN, r#"{"key":"explorers"}"#).status, 200);
    let explain = "/v1/users/nobody/explain/explorers";
    assert_eq!(collector.http().get(explain, Project::READ_TOKEN).status, 404);
}
