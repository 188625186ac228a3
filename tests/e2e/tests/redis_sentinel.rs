//! A Redis whose master changes.
use sillage_e2e::{Collector, Crowd, Keys as _, RedisSentinels, Watcher, until, until_mirrored};
use std::sync::Arc;

#[test]
fn what_a_failover_loses_is_written_again() {
    let redis = Arc::new(RedisSentinels::start());
    let folder = tempfile::tempdir().expect("a folder");
    let collector = Collector::start(folder.path(), &redis.url(), Crowd::RULES);
    let (crowd, watcher) = (Crowd::default(), Watcher::start(Arc::clone(&redis)));
    assert!(crowd.act(collector.http));
    until_mirrored(&collector, &*redis);
    // The replica hears nothing of what follows, and becomes the master all the same.
    redis.replica.signal("STOP");
    assert!(crowd.act(collector.http));
    until_mirrored(&collector, &*redis);
    let version = || redis.ask(&["HGET", "sl:shop:u:1", "v"]);
    let before = version();
    watcher.forget();
    redis.master.signal("STOP");
    redis.replica.signal("CONT");
    until("the failover", || (redis.named() == redis.replica.address).then_some(()));
    watcher.forget();
    assert!(crowd.act(collector.http));
    until_mirrored(&collector, &*redis);
    assert_ne!(version(), before, "it goes on");
    // The old master comes back as a replica, and what was sent to it meanwhile changes nothing.
    redis.master.signal("CONT");
    until("the old master to be a replica", || {
        let said = redis.ask_one(redis.master.address, &["INFO", "replication"])?.text();
        said.contains("role:slave").then_some(())
    });
    assert!(crowd.act(collector.http));
    until_mirrored(&collector, &*redis);
    watcher.finish();
}
