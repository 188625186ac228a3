//! The ledger must say what became of every event, however often the collector is killed, answers
//! are lost and batches come again.
use sillage_e2e::{Collector, Http, Project, binary, until};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Command;
use std::time::Duration;

const INSTALLS: u64 = 12;
const KILLS: u64 = 8;
const ROUNDS: u64 = 25;

/// An app on a device, with what it knows of its own events.
struct Install {
    number: u64,
    /// Events created; each takes the next number.
    created: u64,
    queue: Vec<u64>,
    /// How many of the queue are in a batch whose answer has not come.
    open: usize,
    batches: u64,
    acknowledged: u64,
    rejected: u64,
    dropped: u64,
    unsure: u64,
    /// Good events in batches that were given up without an answer.
    unsure_good: u64,
    http: Option<Http>,
}

/// Every seventh event has no name.
fn is_bad(event: u64) -> bool {
    event % 7 == 3
}

impl Install {
    fn new(number: u64) -> Self {
        Self {
            number,
            created: 0,
            queue: Vec::new(),
            open: 0,
            batches: 0,
            acknowledged: 0,
            rejected: 0,
            dropped: 0,
            unsure: 0,
            unsure_good: 0,
            http: None,
        }
    }

    fn body(&self, events: &[u64], seed: u64) -> String {
        let Self { number, created, acknowledged, rejected, dropped, unsure, .. } = self;
        let mut body = format!(
            "{{\"anonymousId\":\"d-{number}\",\"context\":{{\"library\":{{\"name\":\"sillage-test\",\
             \"version\":\"{}\"}}}},\"sillage\":{{\"batchId\":\"{seed}\",\"install\":\"in-{number}\",\
             \"seq\":{created},\"acknowledged\":{acknowledged},\
             \"rejected\":{{\"event_name_missing\":{rejected}}},\"dropped\":{{\"queue_full\":{dropped}}},\
             \"unsure\":{{\"too_old\":{unsure}}}}},\"batch\":[",
            number % 2
        );
        for (place, event) in events.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            let name = if is_bad(*event) { "" } else { "Tried" };
            write!(
                body,
                "{comma}{{\"type\":\"track\",\"event\":\"{name}\",\"seq\":{event},\
                 \"messageId\":\"m-{number}-{event}\"}}"
            )
            .expect("a string takes all");
        }
        body + "]}"
    }

    /// Creates some events, gives some up, and tries to send a batch. The answer is read only if
    /// `listens`.
    fn live(&mut self, collector: &Collector, seed: u64, listens: bool) {
        for _ in 0..seed % 9 {
            self.created += 1;
            self.queue.push(self.created);
        }
        if seed.is_multiple_of(11) && self.queue.len() > self.open {
            self.queue.pop();
            self.dropped += 1;
        }
        if seed.is_multiple_of(13) {
            let given_up = self.queue.drain(..std::mem::take(&mut self.open));
            for event in given_up {
                self.unsure += 1;
                self.unsure_good += u64::from(!is_bad(event));
            }
        }
        if self.open == 0 {
            self.open = self.queue.len().min(1 + usize::try_from(seed % 6).expect("small"));
        }
        self.send(collector, listens);
    }

    fn send(&mut self, collector: &Collector, listens: bool) {
        let events = self.queue[..self.open].to_vec();
        if events.is_empty() {
            return;
        }
        self.batches += 1;
        let body = self.body(&events, self.batches);
        let mut http = match self.http.take() {
            Some(http) => http,
            None => match std::panic::catch_unwind(|| collector.http()) {
                Ok(http) => http,
                Err(_) => return,
            },
        };
        let Some(answer) = http.batch(&body) else { return };
        if !listens {
            // The answer came, but not to the device: what it does next it does without it.
            return;
        }
        assert!([200, 422, 503].contains(&answer.status), "{}", answer.status);
        if answer.status != 503 {
            let told = answer.json();
            assert_eq!(told["batchId"], self.batches.to_string(), "{told}");
            assert!(told["receivedAt"].is_string(), "{told}");
            let rejected = told["rejected"].as_array().map_or(0, Vec::len) as u64;
            self.rejected += rejected;
            self.acknowledged += events.len() as u64 - rejected;
            self.queue.drain(..std::mem::take(&mut self.open));
            self.http = Some(http);
        }
    }
}

/// The same numbers on every machine.
fn seeds() -> impl Iterator<Item = u64> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state >> 20
    })
}

fn ledger(collector: &Collector) -> serde_json::Value {
    collector.http().get("/v1/ledger", Project::READ_TOKEN).json()
}

#[test]
fn kills_resends_and_lost_answers_leave_the_ledger_exact() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut collector = Collector::start(folder.path(), "", "");
    let mut installs: Vec<Install> = (0..INSTALLS).map(Install::new).collect();
    let mut seeds = seeds();
    for kill in 0..KILLS {
        for round in 0..ROUNDS {
            for install in &mut installs {
                let seed = seeds.next().expect("endless");
                install.live(&collector, seed, !seed.is_multiple_of(5));
            }
            if round == ROUNDS / 2 + kill {
                // Something is on its way while it dies.
                let (address, body) = (collector.http, installs[0].body(&[], 0));
                let batch = installs[1].queue[..installs[1].open].to_vec();
                let last = installs[1].body(&batch, 9);
                let sending = std::thread::spawn(move || {
                    let mut http = Http::connect(address);
                    // Whether these are answered is as it may be.
                    drop((http.batch(&body), http.batch(&last)));
                });
                std::thread::sleep(Duration::from_millis(kill));
                collector.kill();
                drop(sending.join());
                collector.restart();
            }
        }
    }
    // All answers come now, and each tells once more how it stands.
    for install in &mut installs {
        while !install.queue.is_empty() {
            if install.open == 0 {
                install.open = install.queue.len().min(20);
            }
            install.send(&collector, true);
        }
        let report = install.body(&[], 0);
        let answer = collector.http().batch(&report).expect("it answers");
        assert_eq!((answer.status, &answer.json()["accepted"]), (200, &serde_json::json!(0)));
    }
    collector.settle();
    let told = ledger(&collector);
    let total = &told["total"];
    let sum = |of: fn(&Install) -> u64| installs.iter().map(of).sum::<u64>();
    println!("{total:#}");
    assert_eq!(total["installs"], INSTALLS);
    assert_eq!(total["created"], sum(|i| i.created));
    assert_eq!(total["rejected"]["event_name_missing"], sum(|i| i.rejected));
    assert_eq!(total["dropped"]["queue_full"], sum(|i| i.dropped));
    assert_eq!(total["unsure"]["too_old"], sum(|i| i.unsure));
    assert_eq!(
        (&total["lost"], &total["pending"], &total["surplus"]),
        (&0.into(), &0.into(), &0.into())
    );
    let received = total["received"].as_u64().expect("a count");
    let arrived = total["unsure_arrived"].as_u64().expect("a count");
    // What was given up may be here; what was acknowledged is, and is here once.
    assert_eq!(received, sum(|i| i.acknowledged) + arrived);
    assert!(arrived <= sum(|i| i.unsure_good) && arrived > 0, "{arrived}");
    assert!(total["duplicates"].as_u64() > Some(0) && sum(|i| i.dropped) > 0);
    assert_eq!(
        received,
        collector.http().get("/v1/summary", Project::READ_TOKEN).json()["events"]["Tried"]
    );
    let versions: Vec<_> = told["sources"].as_array().expect("a list").iter().collect();
    assert_eq!((versions.len(), &versions[1]["version"]), (2, &"1".into()));
    let one = collector.http().get("/v1/ledger?install=in-3", Project::READ_TOKEN).json();
    assert_eq!((&one["created"], &one["version"]), (&installs[3].created.into(), &"1".into()));
    let metrics = collector.http().get("/metrics", "").body;
    let metrics = String::from_utf8(metrics).expect("text");
    let dropped = format!("sillage_ledger_dropped{{project=\"shop\"}} {}", sum(|i| i.dropped));
    assert!(metrics.contains(&dropped), "{metrics}");
    survives_a_change_of_segments(&mut collector, &told);
    commands_say_the_same(collector, &told);
}

/// States are made again from the log and exchanged; the ledger is the same then, and after a crash.
fn survives_a_change_of_segments(collector: &mut Collector, told: &serde_json::Value) {
    let path = "/v1/segments/tried";
    let put = collector.http().admin("PUT", path, "{\"when\":\"count(\\\"Tried\\\") >= 1\"}");
    assert_eq!(put.status, 202, "{}", put.json());
    until("the segment to be made", || {
        let segment = collector.http().get(path, Project::READ_TOKEN).json();
        (segment["state"] == "live" && segment["members"] == INSTALLS).then_some(())
    });
    assert_eq!(ledger(collector)["sources"], told["sources"], "after the exchange");
    collector.kill();
    collector.restart();
    assert_eq!(ledger(collector)["sources"], told["sources"], "after a crash behind it");
}

/// The command, with and without the collector, and the log read again.
fn commands_say_the_same(mut collector: Collector, told: &serde_json::Value) {
    let run = |collector: &Collector, words: &[&str]| {
        let mut command = Command::new(binary());
        command.args(words).arg("--config").arg(collector.config());
        let output = command.output().expect("the binary runs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        said
    };
    let numbers = |text: &str| {
        let mut all: serde_json::Value = serde_json::from_str(text).expect("JSON");
        all.as_object_mut().expect("an object").remove("as_of");
        all
    };
    let asked = run(&collector, &["ledger", "--json"]);
    assert!(collector.stop(), "{}", collector.log());
    let looked = run(&collector, &["ledger", "--json"]);
    assert_eq!(numbers(&asked), numbers(&looked));
    assert_eq!(numbers(&asked), numbers(&told.to_string()));
    let table = run(&collector, &["ledger"]);
    assert!(table.contains("No event is lost."), "{table}");
    assert!(table.contains("sillage-test  1 "), "{table}");
    let replay = run(&collector, &["replay", "--project", Project::NAME]);
    assert!(replay.contains(&format!("are equal: {INSTALLS} states")), "{replay}");
    assert!(replay.contains(&format!(", {INSTALLS} installations")), "{replay}");
}

#[test]
fn senders_that_tell_nothing_are_counted_and_kept_over_a_stop() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut collector = Collector::start(folder.path(), "", "");
    let body = |id: u64| {
        format!(
            "{{\"context\":{{\"library\":{{\"name\":\"node\",\"version\":\"3\"}}}},\"batch\":[\
             {{\"type\":\"track\",\"event\":\"A\",\"userId\":\"u\",\"messageId\":\"{id}\"}},\
             {{\"type\":\"track\",\"userId\":\"u\",\"messageId\":\"bad\"}}]}}"
        )
    };
    for id in [1, 2, 2] {
        assert_eq!(collector.http().batch(&body(id)).map(|answer| answer.status), Some(200));
    }
    assert!(collector.stop(), "{}", collector.log());
    collector.restart();
    let told = ledger(&collector);
    let line = &told["sources"][0];
    let counts: BTreeMap<&str, &serde_json::Value> =
        ["source", "installs", "received", "duplicates", "created", "lost"]
            .map(|name| (name, &line[name]))
            .into();
    let want = serde_json::json!({
        "source": "node", "installs": 0, "received": 2, "duplicates": 1, "created": null, "lost": null,
    });
    assert_eq!(serde_json::json!(counts), want);
    assert_eq!(line["rejected"], serde_json::json!({"event_name_missing": 3}));
}

#[test]
fn an_answer_tells_the_segments_that_its_own_batch_has_changed() {
    let folder = tempfile::tempdir().expect("a folder");
    let rules = "segments_in_answers = true\n\
        [[project.segment]]\nkey = \"hot-cart\"\npublic = true\n\
        when = 'exists(\"Added\") and not exists(\"Bought\")'\n\
        [[project.segment]]\nkey = \"buyer\"\npublic = true\nwhen = 'count(\"Bought\") >= 1'\n\
        [[project.segment]]\nkey = \"risky\"\nwhen = 'exists(\"Added\")'\n";
    let collector = Collector::start(folder.path(), "", rules);
    let mut http = collector.http();
    let mut number = 0;
    let mut say = |install: &str, who: &str, kind: &str, event: &str| {
        number += 1;
        let body = format!(
            "{{{who},\"sillage\":{{{install}\"seq\":{number}}},\"batch\":[{{\"type\":\"{kind}\",\
             \"event\":\"{event}\",\"messageId\":\"m{number}\"}}]}}"
        );
        let answer = http.batch(&body).expect("it answers").json();
        assert_eq!(answer["accepted"], 1, "{answer}");
        answer["segments"].clone()
    };
    let (install, device, user) =
        ("\"install\":\"in\",", "\"anonymousId\":\"d\"", "\"anonymousId\":\"d\",\"userId\":\"42\"");
    let keys = |keys: &[&str]| serde_json::json!(keys);
    for round in 0..20 {
        let device = format!("\"anonymousId\":\"d{round}\"");
        assert_eq!(say(install, &device, "track", "Seen"), keys(&[]));
        assert_eq!(say(install, &device, "track", "Added"), keys(&["hot-cart"]), "round {round}");
        assert_eq!(say(install, &device, "track", "Bought"), keys(&["buyer"]), "round {round}");
    }
    assert_eq!(say(install, device, "track", "Added"), keys(&["hot-cart"]));
    // The history of the device comes to its person with the very batch that says whose it is.
    assert_eq!(say(install, user, "identify", ""), keys(&["hot-cart"]));
    assert_eq!(say(install, device, "track", "Bought"), keys(&["buyer"]), "by way of the log");
    assert_eq!(say(install, user, "track", "Bought"), keys(&["buyer"]));
    assert_eq!(say("", device, "track", "Added"), serde_json::Value::Null, "not one of ours");
    let nobody = "\"userId\":\"42\"";
    assert_eq!(say(install, nobody, "track", "Added"), serde_json::Value::Null, "no device");
}
