//! The same against three servers that share the slots.
use super::*;
use std::net::TcpListener;
use std::sync::atomic::AtomicU16;

/// Three primaries without replicas.
struct Cluster {
    servers: Vec<Member>,
}

struct Member {
    child: Child,
    port: u16,
    bus: u16,
    _dir: tempfile::TempDir,
    _output: BufReader<ChildStdout>,
}

impl Drop for Member {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// A port that no outgoing connection is given, and in each process of tests another.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        let step = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let place = (std::process::id().wrapping_mul(89) + step) % 12_000;
        let port = 20_000 + u16::try_from(place).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

fn member() -> Member {
    let (dir, port, bus) = (tempfile::tempdir().unwrap(), free_port(), free_port());
    let (child, output) = launch_with(
        dir.path(),
        &[
            "--port",
            &port.to_string(),
            "--cluster-enabled",
            "yes",
            "--cluster-port",
            &bus.to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
        ],
    );
    Member { child, port, bus, _dir: dir, _output: output }
}

impl Cluster {
    async fn start() -> Self {
        let cluster = Self { servers: vec![member(), member(), member()] };
        let slots = ["0 5460", "5461 10922", "10923 16383"];
        for (number, (server, slots)) in (1..).zip(cluster.servers.iter().zip(slots)) {
            let mut link = server.client().await;
            let () = ask(&mut link, &["CLUSTER", "SET-CONFIG-EPOCH", &number.to_string()]).await;
            let (first, last) = slots.split_once(' ').unwrap();
            let () = ask(&mut link, &["CLUSTER", "ADDSLOTSRANGE", first, last]).await;
            let other = &cluster.servers[0];
            let (port, bus) = (other.port.to_string(), other.bus.to_string());
            let () = ask(&mut link, &["CLUSTER", "MEET", "127.0.0.1", &port, &bus]).await;
        }
        for server in &cluster.servers {
            let mut link = server.client().await;
            until(async || {
                let info: String = ask(&mut link, &["CLUSTER", "INFO"]).await;
                info.contains("cluster_state:ok") && info.contains("cluster_size:3")
            })
            .await;
        }
        cluster
    }

    fn address(&self) -> RedisAddress {
        address(&format!("redis+cluster://127.0.0.1:{}", self.servers[1].port))
    }

    fn writer(&self, view: &Arc<View>) -> RedisWriter {
        RedisWriter::spawn(self.address(), Shown::new(Arc::clone(view)), || true)
    }

    async fn client(&self) -> Link {
        Link::open(&self.address(), Arc::from([])).await.unwrap()
    }
}

impl Member {
    async fn client(&self) -> Link {
        let one = address(&format!("redis://127.0.0.1:{}", self.port));
        Link::open(&one, Arc::from([])).await.unwrap()
    }
}

async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    let started = tokio::time::Instant::now();
    while !is_so().await {
        assert!(started.elapsed() < Duration::from_secs(60), "it never was so");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_cluster_holds_the_same_keys_as_the_view() {
    let cluster = Cluster::start().await;
    let view = sample::view();
    populate(&view, 2 * i64::try_from(REDIS_BATCH_PERSONS).unwrap());
    let writer = cluster.writer(&view);
    writer.settled().await;
    let mut redis = cluster.client().await;
    assert_equal(&view, &mut redis).await;
    for member in ["u:1", "u:2", "a:d5", "u:6"] {
        let shown = view.member(member).unwrap();
        let mut profile = with_segments((*shown).clone(), &[(1, 7)]);
        profile.version = 2;
        view.publish(profile, &[], NOW);
    }
    view.publish_tombstone(&PersonKey::device("d0"), &PersonKey::user("3"));
    let shown = view.member("u:3").unwrap();
    let mut profile = with_devices((*shown).clone(), &["d0"]);
    profile.version = 3;
    view.publish(profile, &[], NOW);
    writer.settled().await;
    assert_equal(&view, &mut redis).await;
    // Again by another process: nothing is told twice.
    let told = stream(&mut redis).await;
    writer.shutdown().await;
    let again = cluster.writer(&view);
    again.settled().await;
    assert_equal(&view, &mut redis).await;
    assert_eq!(stream(&mut redis).await, told);
    assert!(again.stats().refused > 0 && again.stats().trouble.is_none());
}

#[tokio::test]
async fn a_cluster_tells_who_came_and_who_left_and_when() {
    let cluster = Cluster::start().await;
    let view = sample::view();
    let writer = cluster.writer(&view);
    let both =
        [transition(HOT, SegmentChange::Enter, 10), transition(VIP, SegmentChange::Enter, 11)];
    view.publish(with_segments(person("u:1", 1), &[(0, 10), (1, 11)]), &both, NOW);
    writer.settled().await;
    let left = [transition(HOT, SegmentChange::Exit, 20)];
    view.publish(with_segments(person("u:1", 2), &[(1, 11)]), &left, NOW);
    writer.settled().await;
    let mut redis = cluster.client().await;
    assert_eq!(stream(&mut redis).await, published(&view));
    writer.shutdown().await;
    let out = [transition(VIP, SegmentChange::Exit, 30)];
    view.publish(with_segments(person("u:1", 4), &[]), &out, NOW);
    let back = [transition(VIP, SegmentChange::Enter, 40)];
    view.publish(with_segments(person("u:1", 5), &[(1, 40)]), &back, NOW);
    let writer = cluster.writer(&view);
    writer.settled().await;
    let told: Vec<String> = stream(&mut redis).await[3..]
        .iter()
        .map(|fields| fields.iter().skip(1).map(|(_, v)| v.as_str()).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(told, ["vip exit 30 5", "vip enter 40 5"]);
}

#[tokio::test]
async fn a_cluster_is_mended_where_sets_and_hashes_disagree() {
    let cluster = Cluster::start().await;
    let view = sample::view();
    populate(&view, 60);
    let writer = cluster.writer(&view);
    writer.settled().await;
    let mut redis = cluster.client().await;
    for shard in 0..16 {
        let () = ask(&mut redis, &["DEL", &format!("sl:shop:seg:hot-cart:{shard}")]).await;
    }
    let stray = crate::keys::segment_shard("u:2").to_string();
    let () = ask(&mut redis, &["ZADD", &format!("sl:shop:seg:vip:{stray}"), "1", "u:2"]).await;
    let () = ask(&mut redis, &["DEL", "sl:shop:u:1"]).await;
    let () = ask(&mut redis, &["HSET", "sl:shop:u:2", "foreign", "1"]).await;
    writer.rebuild();
    writer.settled().await;
    assert_equal(&view, &mut redis).await;
    // One server alone loses what it had.
    for server in redis.primaries() {
        let refills = writer.stats().refills;
        let () = redis.ask_at(server, &redis::cmd("FLUSHALL")).await.unwrap();
        writer.wait_until(|stats| stats.refills > refills && stats.filled).await;
        assert_equal(&view, &mut redis).await;
    }
}

#[tokio::test]
async fn what_an_older_epoch_still_sends_changes_no_set() {
    let cluster = Cluster::start().await;
    let view = sample::view();
    view.publish(with_segments(person("u:1", 1), &[(0, 10)]), &[], NOW);
    let first = cluster.writer(&view);
    first.settled().await;
    let mut redis = cluster.client().await;
    let epoch: String = ask(&mut redis, &["HGET", "sl:shop:meta", "epoch"]).await;
    first.shutdown().await;
    let second = cluster.writer(&view);
    second.settled().await;
    // As it would arrive from a connection that was given up.
    let scripts = script::Scripts::new();
    let late = script::Writing::new(Arc::new(scripts), &view);
    let shard = crate::keys::segment_shard("u:1");
    let mut command = late.set("hot-cart", shard, epoch.parse().unwrap());
    command.arg("u:1").arg("");
    let refused = redis.ask::<Vec<String>>(command).await.unwrap_err();
    assert_eq!(refused.code(), Some("FENCED"), "{refused}");
    assert_equal(&view, &mut redis).await;
    // A rival is found by its epoch, outbid, and nothing is lost.
    for shard in 0..16 {
        let set = format!("sl:shop:seg:vip:{shard}");
        let () = ask(&mut redis, &["SET", &format!("sl:shop:fence:{{{set}}}"), "1000"]).await;
    }
    view.publish(with_segments(person("u:1", 2), &[(0, 10), (1, 11)]), &[], NOW);
    second.settled().await;
    assert!(second.stats().outages > 0, "it was interrupted");
    assert_equal(&view, &mut redis).await;
}

#[tokio::test]
async fn a_cluster_keeps_the_higher_of_two_versions() {
    let cluster = Cluster::start().await;
    let high = (1 << 60) + 1;
    let newer = sample::view();
    newer.publish(with_segments(person("u:1", high), &[(1, 5)]), &[], NOW);
    newer.publish(person("u:2", 9), &[], NOW);
    let writer = cluster.writer(&newer);
    writer.settled().await;
    writer.shutdown().await;
    let older = sample::view();
    older.publish(person("u:1", high - 1), &[], NOW);
    older.publish(person("u:2", 10), &[], NOW);
    let writer = cluster.writer(&older);
    writer.settled().await;
    writer.rebuild();
    writer.settled().await;
    let mut redis = cluster.client().await;
    let versions = (
        ask::<String>(&mut redis, &["HGET", "sl:shop:u:1", "v"]).await,
        ask::<String>(&mut redis, &["HGET", "sl:shop:u:2", "v"]).await,
        ask::<Option<String>>(&mut redis, &["HGET", "sl:shop:u:1", "seg:vip"]).await,
    );
    assert_eq!(versions, (high.to_string(), "10".to_owned(), Some("5".to_owned())));
}

#[tokio::test]
async fn slots_move_while_they_are_written() {
    let cluster = Cluster::start().await;
    let view = sample::view();
    populate(&view, 300);
    let writer = cluster.writer(&view);
    writer.settled().await;
    let (from, to) = (&cluster.servers[0], &cluster.servers[1]);
    let (mut source, mut target) = (from.client().await, to.client().await);
    let ids = [
        ask::<String>(&mut source, &["CLUSTER", "MYID"]).await,
        ask::<String>(&mut target, &["CLUSTER", "MYID"]).await,
    ];
    let (mut version, mut moved) = (2, 0);
    for slot in (0..5_460).step_by(7) {
        let slot = slot.to_string();
        let count: i64 = ask(&mut source, &["CLUSTER", "COUNTKEYSINSLOT", &slot]).await;
        if count == 0 {
            continue;
        }
        let () = ask(&mut target, &["CLUSTER", "SETSLOT", &slot, "IMPORTING", &ids[0]]).await;
        let () = ask(&mut source, &["CLUSTER", "SETSLOT", &slot, "MIGRATING", &ids[1]]).await;
        for n in 0..300 {
            let name = if n % 5 == 0 { format!("a:d{n}") } else { format!("u:{n}") };
            let shown = view.member(&name).unwrap();
            let mut profile = with_segments((*shown).clone(), &[(1, version)]);
            profile.version = u64::try_from(version).unwrap();
            view.publish(profile, &[], NOW);
        }
        version += 1;
        let keys: Vec<String> =
            ask(&mut source, &["CLUSTER", "GETKEYSINSLOT", &slot, "1000"]).await;
        for key in keys {
            let port = to.port.to_string();
            let () = ask(&mut source, &["MIGRATE", "127.0.0.1", &port, &key, "0", "5000"]).await;
        }
        for link in [&mut target, &mut source] {
            let () = ask(link, &["CLUSTER", "SETSLOT", &slot, "NODE", &ids[1]]).await;
        }
        moved += 1;
    }
    assert!(moved > 10, "{moved} slots with keys were moved");
    writer.settled().await;
    assert_equal(&view, &mut cluster.client().await).await;
}
