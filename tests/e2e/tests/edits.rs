//! Segments are changed while they are served: readers see the old or the new, streams and Redis end
//! with what is shown, other segments notice nothing, and a crash leaves one of the two.
use serde_json::{Value, json};
use sillage_e2e::{Collector, Http, Project, RedisServer, Reply, Resp, now_ms, until};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// `rest` turns on `vip`: exactly one of the two has anybody. `pinged` and `buyers` are never edited.
const RULES: &str = r#"
[[project.segment]]
key = "vip"
when = 'count("Order Completed") >= 3'
[[project.segment]]
key = "rest"
when = 'not segment("vip")'
[[project.segment]]
key = "pinged"
when = 'exists("Ping" within 10m)'
[[project.segment]]
key = "buyers"
when = 'exists("Order Completed")'
"#;

const WINDOW_MS: i64 = 600_000;
const SENDERS: u64 = 2;
/// Persons that place orders again and again.
const BUYERS: u64 = 300;

/// What one batch of a sender holds, and what is to follow from it for `pinged`.
#[derive(Default)]
struct Sent {
    /// Time of the only ping of a person.
    pings: BTreeMap<String, i64>,
    /// Orders by buyer.
    orders: BTreeMap<String, u64>,
    devices: BTreeSet<String>,
}

impl Sent {
    fn add(&mut self, other: Self) {
        self.pings.extend(other.pings);
        self.devices.extend(other.devices);
        for (person, orders) in other.orders {
            *self.orders.entry(person).or_default() += orders;
        }
    }
}

/// A batch: orders of some buyers, one ping of somebody new that is about to leave its window, and a
/// device that viewed something before it turns out to be a buyer's.
fn batch(number: u64, sent: &mut Sent) -> String {
    let now = now_ms();
    let mut events = Vec::new();
    for place in 0..8 {
        let person = format!("b{}", (number * 8 + place) * 7_919 % BUYERS);
        events.push(json!({"type": "track", "event": "Order Completed", "userId": person,
                           "messageId": format!("o{number}-{place}"), "timestamp": now}));
        *sent.orders.entry(person).or_default() += 1;
    }
    let (ping, at) = (format!("p{number}"), now - WINDOW_MS + 1_500);
    events.push(json!({"type": "track", "event": "Ping", "userId": ping,
                       "messageId": format!("p{number}"), "timestamp": at}));
    sent.pings.insert(format!("u:{ping}"), at);
    let (device, person) = (format!("d{number}"), format!("b{}", number % BUYERS));
    let viewed = json!({"type": "track", "event": "Product Viewed", "anonymousId": device,
                        "messageId": format!("v{number}"), "timestamp": now});
    let linked = json!({"type": "identify", "userId": person, "anonymousId": device,
                        "messageId": format!("i{number}"), "timestamp": now});
    events.extend([viewed, linked]);
    sent.devices.insert(device);
    json!({"batch": events}).to_string()
}

/// Sends until told to stop; gives what was acknowledged.
fn send(address: SocketAddr, next: &AtomicU64, stop: &AtomicBool) -> Sent {
    let (mut http, mut all) = (Http::connect(address), Sent::default());
    while !stop.load(Ordering::Relaxed) {
        let mut sent = Sent::default();
        let body = batch(next.fetch_add(1, Ordering::Relaxed), &mut sent);
        let answer = http.batch(&body).expect("it answers");
        assert_eq!((answer.status, &answer.json()["rejected"]), (200, &json!([])));
        all.add(sent);
        std::thread::sleep(Duration::from_millis(4));
    }
    all
}

/// Reads one buyer in every way until told to stop: exactly one of `vip` and `rest` each time.
fn watch(http: SocketAddr, resp: SocketAddr, stop: &AtomicBool) -> u64 {
    let (mut http, mut resp) = (Http::connect(http), Resp::connect(resp));
    let mut reads = 0;
    while !stop.load(Ordering::Relaxed) {
        let fields = resp.ask(&["HGETALL", &format!("sl:{}:u:b0", Project::NAME)]).items();
        let has = |name: &str| fields.contains(&Reply::Bulk(Some(name.to_owned())));
        assert!(has("seg:vip") != has("seg:rest"), "a mix: {fields:?}");
        let user = http.get("/v1/users/b0", Project::READ_TOKEN);
        assert_eq!(user.status, 200);
        let user = user.json();
        let keys: Vec<&Value> =
            user["segments"].as_array().expect("a list").iter().map(|s| &s["key"]).collect();
        let of = |key: &str| keys.iter().any(|k| *k == key);
        assert!(of("vip") != of("rest"), "a mix: {user}");
        for path in ["/v1/segments", "/v1/segments/vip", "/v1/segments/buyers/members?limit=5"] {
            assert_eq!(http.get(path, Project::READ_TOKEN).status, 200, "{path}");
        }
        reads += 5;
    }
    reads
}

fn live(http: &mut Http, key: &str, when: &str) {
    until("the change to be made", || {
        let segment = http.get(&format!("/v1/segments/{key}"), Project::READ_TOKEN).json();
        assert_eq!(segment.get("failed"), None, "{segment}");
        (segment["state"] == "live" && segment["when"] == when).then_some(())
    });
}

/// Makes a change, waiting for the one before if need be.
fn edit(http: &mut Http, method: &str, key: &str, body: &str) -> Value {
    until("the change to be taken", || {
        let answer = http.admin(method, &format!("/v1/segments/{key}"), body);
        if answer.status == 409 && answer.json()["code"] == "edit_in_progress" {
            assert!(answer.headers.iter().any(|h| h.to_lowercase().starts_with("retry-after")));
            return None;
        }
        assert_eq!(answer.status, 202, "{}", answer.json());
        let place = format!("location: /v1/segments/{key}");
        assert!(answer.headers.contains(&place), "{:?}", answer.headers);
        Some(answer.json())
    })
}

fn put(http: &mut Http, key: &str, when: &str) -> Value {
    edit(http, "PUT", key, &json!({"when": when}).to_string())
}

/// Members with their times of entry, as HTTP pages tell them.
fn members(http: &mut Http, key: &str) -> BTreeMap<String, String> {
    let (mut found, mut cursor) = (BTreeMap::new(), String::new());
    loop {
        let path = format!("/v1/segments/{key}/members?limit=1000&cursor={cursor}");
        let page = http.get(&path, Project::READ_TOKEN).json();
        for member in page["members"].as_array().expect("a list") {
            let name = match (&member["user_id"], &member["anonymous_id"]) {
                (Value::String(id), _) => format!("u:{id}"),
                (_, id) => format!("a:{}", id.as_str().expect("one of the two")),
            };
            found.insert(name, member["entered_at"].to_string());
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => return found,
        }
    }
}

fn listed(resp: &mut Resp, key: &str) -> BTreeSet<String> {
    let set = |shard: u8| format!("sl:{}:seg:{key}:{shard}", Project::NAME);
    let all = (0..16).flat_map(|shard| resp.ask(&["ZRANGE", &set(shard), "0", "-1"]).items());
    all.map(Reply::text).collect()
}

struct Entry {
    member: String,
    segment: String,
    change: String,
    at: i64,
}

fn changes(resp: &mut Resp) -> Vec<Entry> {
    let entries = resp.ask(&["XRANGE", &format!("sl:{}:changes", Project::NAME), "-", "+"]);
    let read = |entry: Reply| {
        let fields = entry.items().pop().expect("id and fields").items();
        let mut values = fields.into_iter().map(Reply::text).skip(1).step_by(2);
        let mut next = || values.next().expect("five fields");
        let (member, segment, change) = (next(), next(), next());
        Entry { member, segment, change, at: next().parse().expect("milliseconds") }
    };
    entries.items().into_iter().map(read).collect()
}

/// What a consumer holds that applied the whole stream. A device that became part of a person is
/// taken out by it, as documented: nobody left anything then.
fn applied(entries: &[Entry], linked: &BTreeSet<String>) -> BTreeMap<String, BTreeSet<String>> {
    let mut held: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for entry in entries {
        let members = held.entry(entry.segment.clone()).or_default();
        let new = match entry.change.as_str() {
            "enter" => members.insert(entry.member.clone()),
            _ => members.remove(&entry.member),
        };
        assert!(new, "{} {} {} twice", entry.member, entry.change, entry.segment);
    }
    for members in held.values_mut() {
        members.retain(|m| !m.strip_prefix("a:").is_some_and(|device| linked.contains(device)));
    }
    held
}

fn copy_log(from: &Path, to: &Path) {
    let (from, to) = (from.join("data/shop"), to.join("data/shop"));
    std::fs::create_dir_all(to.join("log")).expect("writable");
    std::fs::copy(from.join("id.key"), to.join("id.key")).expect("copied");
    for file in std::fs::read_dir(from.join("log")).expect("a folder") {
        let file = file.expect("readable");
        std::fs::copy(file.path(), to.join("log").join(file.file_name())).expect("copied");
    }
}

fn replay(config: &Path) {
    let output = Command::new(sillage_e2e::binary())
        .args(["replay", "--project", Project::NAME, "--config"])
        .arg(config)
        .output()
        .expect("it runs");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn editing_under_load_is_seen_at_once_and_by_nobody_else() {
    let (redis, folder) = (RedisServer::start(), tempfile::tempdir().expect("a folder"));
    let mut collector = Collector::start_with(folder.path(), &redis.url(), RULES, 2);
    let mut http = collector.http();
    let (next, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let mut all = Sent::default();
    for _ in 0..400 {
        let body = batch(next.fetch_add(1, Ordering::Relaxed), &mut all);
        assert_eq!(http.batch(&body).expect("it answers").status, 200);
    }
    collector.settle();
    let senders: Vec<_> = (0..SENDERS)
        .map(|_| {
            let (address, next, stop) = (collector.http, Arc::clone(&next), Arc::clone(&stop));
            std::thread::spawn(move || send(address, &next, &stop))
        })
        .collect();
    let watcher = {
        let (http, resp, stop) = (collector.http, collector.resp, Arc::clone(&stop));
        std::thread::spawn(move || watch(http, resp, &stop))
    };
    const RECENT: &str = "count(\"Product Viewed\") >= 2 or exists(\"Ping\" within 9m)";
    let report = put(&mut http, "recent", RECENT);
    assert_eq!((&report["class"], &report["state"]), (&json!("timed"), &json!("building")));
    live(&mut http, "recent", RECENT);
    const VIP: &str = "count(\"Order Completed\") >= 12";
    put(&mut http, "vip", VIP);
    live(&mut http, "vip", VIP);
    put(&mut http, "brief", "exists(\"Order Completed\")");
    live(&mut http, "brief", "exists(\"Order Completed\")");
    std::thread::sleep(Duration::from_millis(200));
    edit(&mut http, "DELETE", "brief", "");
    until("it to be gone", || {
        (http.get("/v1/segments/brief", Project::READ_TOKEN).status == 404).then_some(())
    });
    std::thread::sleep(Duration::from_millis(300));
    stop.store(true, Ordering::Relaxed);
    senders.into_iter().for_each(|s| all.add(s.join().expect("a sender saw what it should not")));
    let reads = watcher.join().expect("a reader saw what it should not");
    until("the last ping to leave", || members(&mut http, "pinged").is_empty().then_some(()));
    collector.settle();
    shows_what_it_told(&collector, &all);
    redis_follows(&redis, &collector);
    let fresh = tempfile::tempdir().expect("a folder");
    let shown: BTreeMap<&str, _> = ["vip", "rest", "pinged", "buyers", "recent"]
        .map(|key| (key, members(&mut http, key)))
        .into();
    assert!(collector.stop(), "{}", collector.log());
    replay(&collector.config());
    copy_log(folder.path(), fresh.path());
    let rules = RULES.replace("count(\"Order Completed\") >= 3", VIP)
        + &format!("[[project.segment]]\nkey = \"recent\"\nwhen = '{RECENT}'\n");
    let other = Collector::start_with(fresh.path(), "", &rules, 1);
    other.settle();
    for (key, shown) in shown {
        let made = members(&mut other.http(), key);
        let differ = shown.iter().filter(|(id, at)| made.get(*id) != Some(at)).take(5);
        let differ: Vec<_> = differ.map(|(id, at)| (id, at, made.get(id))).collect();
        assert!(differ.is_empty() && made.len() == shown.len(), "{key}: {differ:?}");
    }
    println!("{reads} reads during three changes, {} pings, no mix, no error", all.pings.len());
}

/// The stream leads to what is shown, and tells of segments that were not edited exactly what
/// happened in them.
fn shows_what_it_told(collector: &Collector, sent: &Sent) {
    let (mut http, mut resp) = (collector.http(), collector.resp());
    let entries = changes(&mut resp);
    let held = applied(&entries, &sent.devices);
    for key in ["vip", "rest", "pinged", "buyers", "recent", "brief"] {
        let told = held.get(key).cloned().unwrap_or_default();
        assert_eq!(listed(&mut resp, key), told, "{key}");
        if key != "brief" {
            let paged: BTreeSet<String> = members(&mut http, key).into_keys().collect();
            assert_eq!(paged, told, "{key}");
        }
    }
    let of = |segment: &str| {
        let mut by_member: BTreeMap<&str, Vec<(&str, i64)>> = BTreeMap::new();
        for entry in entries.iter().filter(|e| e.segment == segment) {
            by_member.entry(&entry.member).or_default().push((&entry.change, entry.at));
        }
        by_member
    };
    let pinged = of("pinged");
    assert_eq!(pinged.len(), sent.pings.len());
    for (member, at) in &sent.pings {
        let want = [("enter", *at), ("exit", at + WINDOW_MS)];
        assert_eq!(pinged.get(member.as_str()).map(Vec::as_slice), Some(&want[..]), "{member}");
    }
    let buyers = of("buyers");
    assert_eq!(buyers.len(), sent.orders.len());
    assert!(buyers.values().all(|told| matches!(told.as_slice(), [("enter", _)])));
    let vip: BTreeSet<String> =
        sent.orders.iter().filter(|(_, n)| **n >= 12).map(|(id, _)| format!("u:{id}")).collect();
    assert_eq!(held.get("vip"), Some(&vip));
}

fn redis_follows(redis: &RedisServer, collector: &Collector) {
    let (mut real, mut ours) = (Resp::connect(redis.address), collector.resp());
    let key = |rest: &str| format!("sl:{}:{rest}", Project::NAME);
    let meta = ["HMGET", &key("meta"), "segments", "generation", "writer"];
    let own = ours.ask(&["HMGET", &key("meta"), "segments", "generation"]).items();
    until("Redis to know the new rules", || {
        let found = real.ask(&meta).items();
        let filled = matches!(&found[2], Reply::Bulk(Some(mark)) if mark.ends_with(":filled"));
        (filled && found[..2] == own).then_some(())
    });
    for segment in ["vip", "rest", "pinged", "buyers", "recent"] {
        until("Redis to list the same", || {
            (listed(&mut real, segment) == listed(&mut ours, segment)).then_some(())
        });
    }
    let held = applied(&changes(&mut real), &BTreeSet::new());
    for segment in ["vip", "buyers", "recent"] {
        let told: BTreeSet<String> =
            held[segment].iter().filter(|m| m.starts_with("u:")).cloned().collect();
        assert_eq!(told, listed(&mut ours, segment), "{segment}");
    }
    for shard in 0..16 {
        let gone = key(&format!("seg:brief:{shard}"));
        assert_eq!(real.ask(&["EXISTS", &gone]), Reply::Integer(0), "{gone}");
    }
    for person in 0..5 {
        let hash = ["HGETALL", &key(&format!("u:b{person}"))];
        assert_eq!(real.ask(&hash), ours.ask(&hash));
    }
}

#[test]
fn a_kill_at_any_moment_leaves_the_old_or_the_new() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut collector = Collector::start_with(folder.path(), "", RULES, 2);
    let (mut sent, mut number, mut least) = (Sent::default(), 0, 3);
    for round in 0..8_u64 {
        let mut http = collector.http();
        for _ in 0..if round == 0 { 1_500 } else { 40 } {
            let body = batch(number, &mut sent);
            assert_eq!(http.batch(&body).expect("it answers").status, 200);
            number += 1;
        }
        let (old, new) = (least, 10 + round * 3);
        let when = |least: u64| format!("count(\"Order Completed\") >= {least}");
        put(&mut http, "vip", &when(new));
        std::thread::sleep(Duration::from_millis((round * 7_919) % 450));
        collector.kill();
        collector.restart();
        let mut http = collector.http();
        let found = http.get("/v1/segments/vip", Project::READ_TOKEN).json();
        assert!(found["when"] == when(old) || found["when"] == when(new), "{found}");
        // What was taken is made, whatever came in between.
        live(&mut http, "vip", &when(new));
        least = new;
        collector.settle();
        let want: BTreeSet<String> = sent
            .orders
            .iter()
            .filter(|(_, n)| **n >= least)
            .map(|(id, _)| format!("u:{id}"))
            .collect();
        let shown: BTreeSet<String> = members(&mut http, "vip").into_keys().collect();
        assert_eq!(shown, want, "round {round}");
        assert_eq!(members(&mut http, "buyers").len(), sent.orders.len());
        let summary = http.get("/v1/summary", Project::READ_TOKEN).json();
        let orders: u64 = sent.orders.values().sum();
        assert_eq!(summary["events"]["Order Completed"], orders, "round {round}: {summary}");
        println!(
            "round {round}: killed after the change to {new} was taken, found {}",
            found["when"]
        );
    }
    assert!(collector.stop(), "{}", collector.log());
    replay(&collector.config());
}

#[test]
fn what_cannot_be_taken_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let collector = Collector::start(folder.path(), "", RULES);
    let mut http = collector.http();
    let before = http.get("/v1/segments", Project::READ_TOKEN).json()["segments"].clone();
    let rule = "count(\"Order Completed\") >= \"3\"";
    let wrong = http.admin("PUT", "/v1/segments/wrong", &json!({"when": rule}).to_string());
    assert_eq!(wrong.status, 422);
    let found = &wrong.json()["diagnostics"][0];
    assert_eq!((&found["start"], &found["end"]), (&json!(28), &json!(31)), "{found}");
    assert_eq!(found["help"], "write 3 without quotes");
    let drawn = found["rendered"].as_str().expect("text");
    assert!(drawn.contains("^^^ this is text") && drawn.contains("segment wrong:1:29"), "{drawn}");
    let exit = json!({"when": "true", "exit": "trait.plan =="}).to_string();
    let wrong = http.admin("PUT", "/v1/segments/wrong", &exit);
    assert_eq!((wrong.status, &wrong.json()["diagnostics"][0]["part"]), (422, &json!("exit")));
    let referred = http.admin("DELETE", "/v1/segments/vip", "");
    assert_eq!((referred.status, &referred.json()["referred_by"]), (409, &json!(["rest"])));
    let good = json!({"when": "exists(\"A\")"}).to_string();
    let with = |token: &str| format!("authorization: Bearer {token}\r\n");
    for (method, path, headers, body, status) in [
        ("PUT", "/v1/segments/new", with(Project::READ_TOKEN), good.as_str(), 403),
        ("PUT", "/v1/segments/new", with(Project::WRITE_KEY), &good, 403),
        ("DELETE", "/v1/segments/rest", with(Project::READ_TOKEN), "", 403),
        ("PUT", "/v1/segments/new", with("nobody"), &good, 401),
        ("PUT", "/v1/segments/new", String::new(), &good, 401),
        ("PUT", "/v1/segments/new", with(Project::ADMIN_TOKEN), "no JSON", 400),
        (
            "PUT",
            "/v1/segments/new",
            with(Project::ADMIN_TOKEN),
            "{\"when\":\"true\",\"whn\":1}",
            400,
        ),
        (
            "PUT",
            "/v1/segments/new",
            with(Project::ADMIN_TOKEN),
            "{\"when\":\"true\",\"holdout\":101}",
            400,
        ),
        (
            "PUT",
            "/v1/segments/new",
            with(Project::ADMIN_TOKEN),
            "{\"when\":\"true\",\"key\":\"old\"}",
            400,
        ),
        ("PUT", "/v1/segments/New", with(Project::ADMIN_TOKEN), &good, 422),
        ("DELETE", "/v1/segments/none", with(Project::ADMIN_TOKEN), "", 404),
        ("POST", "/v1/segments/vip", with(Project::ADMIN_TOKEN), "", 405),
    ] {
        // A body that is refused unread may cost the connection.
        let answer = collector.http().send(method, path, &headers, body.as_bytes());
        let answer = answer.expect("it answers");
        assert_eq!(answer.status, status, "{method} {path} {body}: {}", answer.json());
    }
    assert_eq!(http.get("/v1/segments", Project::READ_TOKEN).json()["segments"], before);
    // A name is nothing that states depend on.
    let named = json!({"when": "exists(\"Order Completed\")", "name": "Clients"}).to_string();
    let answer = http.admin("PUT", "/v1/segments/buyers", &named);
    assert_eq!((answer.status, &answer.json()["state"]), (200, &json!("live")));
    let buyers = http.get("/v1/segments/buyers", Project::READ_TOKEN).json();
    assert_eq!((&buyers["name"], &buyers["version"]), (&json!("Clients"), &json!(2)));
    let list = Command::new(sillage_e2e::binary())
        .args(["segments", "list", "--json", "--config"])
        .arg(collector.config())
        .output()
        .expect("it runs");
    assert!(String::from_utf8_lossy(&list.stdout).contains("\"name\":\"Clients\""));
}
