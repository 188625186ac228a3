//! A Redis Cluster that moves slots, loses servers and their writes, while it is written.
use sillage_e2e::{
    Collector, Crowd, Keys as _, Project, RedisCluster, Reply, Watcher, until, until_mirrored,
};
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Acts until it is dropped.
struct Load {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Load {
    fn on(collector: &Collector, crowd: &Arc<Crowd>) -> Self {
        let (stop, http, crowd) =
            (Arc::new(AtomicBool::new(false)), collector.http, Arc::clone(crowd));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                assert!(crowd.act(http), "events are taken whatever the cluster does");
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        Self { stop, thread: Some(thread) }
    }

    fn end(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().expect("it ends once").join().expect("all events were taken");
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// The server that is the primary of a key.
fn owner(cluster: &RedisCluster, key: &str) -> SocketAddr {
    let primaries = cluster.primaries();
    let has = |at: &&SocketAddr| {
        !matches!(cluster.ask_one(**at, &["HLEN", key]), Some(Reply::Error(_)) | None)
    };
    *primaries.iter().find(has).expect("somebody has the slot")
}

/// A replica of that server.
fn replica_of(cluster: &RedisCluster, primary: SocketAddr) -> usize {
    let port = format!("master_port:{}", primary.port());
    let is = |at: SocketAddr| matches!(cluster.ask_one(at, &["INFO", "replication"]), Some(Reply::Bulk(Some(text))) if text.contains(&port));
    cluster.servers.iter().position(|server| is(server.address)).expect("it has a replica")
}

#[test]
fn a_cluster_stays_equal_through_whatever_happens_to_it() {
    let cluster = RedisCluster::start(&[], &[]);
    let folder = tempfile::tempdir().expect("a folder");
    let collector = Collector::start(folder.path(), &cluster.url(""), Crowd::RULES);
    let (crowd, cluster) = (Arc::new(Crowd::default()), Arc::new(cluster));
    assert!(crowd.act(collector.http));
    until_mirrored(&collector, &*cluster);
    let watcher = Watcher::start(Arc::clone(&cluster));

    // Slots move while they are written.
    let load = Load::on(&collector, &crowd);
    let [from, to] = [cluster.servers[0].address, cluster.servers[1].address];
    let id = |at: SocketAddr| cluster.ask_at(at, &["CLUSTER", "MYID"]).text();
    let at = from.to_string();
    for (source, target, slots) in [(id(from), id(to), "3000"), (id(to), id(from), "1000")] {
        cluster.until_agreed();
        cluster.cli(&[
            "--cluster",
            "reshard",
            &at,
            "--cluster-from",
            &source,
            "--cluster-to",
            &target,
            "--cluster-slots",
            slots,
            "--cluster-yes",
        ]);
    }
    load.end();
    until_mirrored(&collector, &*cluster);

    cluster.until_agreed();
    // One server is emptied, the others are not.
    assert_eq!(cluster.ask_at(to, &["FLUSHALL"]), Reply::Simple("OK".to_owned()));
    until_mirrored(&collector, &*cluster);

    // A replica that lacks the last writes takes over.
    let meta = format!("sl:{}:meta", Project::NAME);
    let primary = owner(&cluster, &meta);
    let replica = replica_of(&cluster, primary);
    cluster.servers[replica].signal("STOP");
    assert!(crowd.act(collector.http));
    until_mirrored(&collector, &*cluster);
    let load = Load::on(&collector, &crowd);
    let old = cluster.servers.iter().position(|server| server.address == primary).expect("ours");
    cluster.servers[old].signal("STOP");
    cluster.servers[replica].signal("CONT");
    let at = cluster.servers[replica].address;
    until("the takeover", || {
        let said = cluster.ask_one(at, &["CLUSTER", "FAILOVER", "TAKEOVER"])?;
        matches!(said, Reply::Simple(_)).then_some(())
    });
    until("it to be a primary", || cluster.primaries().contains(&at).then_some(()));
    watcher.forget();
    cluster.servers[old].signal("CONT");
    load.end();
    until_mirrored(&collector, &*cluster);
    watcher.finish();
}

#[test]
fn a_dead_server_is_replaced_and_comes_back() {
    let mut cluster = RedisCluster::start(&["--appendonly", "yes", "--appendfsync", "always"], &[]);
    let folder = tempfile::tempdir().expect("a folder");
    let collector = Collector::start(folder.path(), &cluster.url(""), Crowd::RULES);
    let crowd = Arc::new(Crowd::default());
    assert!(crowd.act(collector.http));
    until_mirrored(&collector, &cluster);
    let load = Load::on(&collector, &crowd);
    cluster.servers[2].kill();
    until("three primaries again", || (cluster.primaries().len() == 3).then_some(()));
    load.end();
    until_mirrored(&collector, &cluster);
    cluster.servers[2].restart();
    assert!(crowd.act(collector.http));
    until_mirrored(&collector, &cluster);
}

#[test]
fn an_old_process_that_wakes_up_undoes_nothing() {
    let cluster = Arc::new(RedisCluster::start(&[], &[]));
    let (old, new) =
        (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let sleeper = Collector::start(old.path(), &cluster.url(""), Crowd::RULES);
    let crowd = Arc::new(Crowd::default());
    assert!(crowd.act(sleeper.http));
    until_mirrored(&sleeper, &*cluster);
    let watcher = Watcher::start(Arc::clone(&cluster));
    // Stopped in the midst of its work; what it has is continued by another.
    let load = Load::on(&sleeper, &crowd);
    std::thread::sleep(Duration::from_millis(700));
    load.end();
    assert!(crowd.act(sleeper.http));
    sleeper.signal("STOP");
    let copied = Command::new("cp").arg("-r").arg(old.path().join("data")).arg(new.path()).status();
    assert!(copied.expect("cp runs").success());
    let successor = Collector::start(new.path(), &cluster.url(""), Crowd::RULES);
    for _ in 0..5 {
        assert!(crowd.act(successor.http));
    }
    until_mirrored(&successor, &*cluster);
    sleeper.signal("CONT");
    // It writes what it had begun, is refused, and ends as a process that is being replaced does.
    std::thread::sleep(Duration::from_secs(2));
    drop(sleeper);
    assert!(crowd.act(successor.http));
    until_mirrored(&successor, &*cluster);
    watcher.finish();
}
