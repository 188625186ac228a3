//! Whatever happens to a Redis: events are taken, profiles are read, and afterwards Redis is equal.
use sillage_e2e::{
    Collector, Crowd, Http, Line, Project, RedisServer, Reply, Resp, Watcher, Weather, until,
    until_logged, until_mirrored,
};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What the writer says when nothing is left to be written after a failure.
const EASE: &str = "Redis has everything again";

/// A collector, a Redis that may be broken, and a crowd.
struct World {
    redis: Arc<RedisServer>,
    collector: Collector,
    crowd: Crowd,
    watcher: Watcher,
    _folder: tempfile::TempDir,
}

impl World {
    fn new(options: &[&str]) -> Self {
        let redis = RedisServer::start_with(options);
        let url = redis.url();
        Self::at(redis, &url)
    }

    fn at(redis: RedisServer, url: &str) -> Self {
        let (redis, folder) = (Arc::new(redis), tempfile::tempdir().expect("a folder"));
        let collector = Collector::start(folder.path(), url, Crowd::RULES);
        let watcher = Watcher::start(Arc::clone(&redis));
        let world = Self { redis, collector, crowd: Crowd::default(), watcher, _folder: folder };
        world.act();
        until_mirrored(&world.collector, &*world.redis);
        world
    }

    /// Events are taken, and what they change can be read, whatever state Redis is in.
    fn act(&self) {
        let began = Instant::now();
        assert!(self.crowd.act(self.collector.http), "events are taken");
        let took = began.elapsed();
        assert!(took < Duration::from_secs(3), "an answer took {took:?}");
        let mut http = Http::connect(self.collector.http);
        let found = http.get("/v1/devices/x1", Project::READ_TOKEN);
        assert!(matches!(found.status, 200 | 404), "profiles are read");
    }

    /// Breaks something, goes on, is told of it once, mends it, and finds Redis equal.
    fn survives(&self, kind: &str, break_it: impl FnOnce(), mend_it: impl FnOnce()) {
        let said = format!("kind=\"{kind}\"");
        let count = |text: &str| self.collector.log().matches(text).count();
        let (before, at_ease) = (count(&said), count(EASE));
        break_it();
        self.act();
        until(&said, || (count(&said) > before).then_some(()));
        self.act();
        mend_it();
        until_mirrored(&self.collector, &*self.redis);
        assert_eq!(count(&said) - before, 1, "said once: {}", self.collector.log());
        // Only then would it be said again.
        until("the writer to be at ease", || (count(EASE) > at_ease).then_some(()));
    }

    fn set(&self, words: &[&str]) {
        let reply = self.redis.ask(words);
        assert!(!matches!(reply, Reply::Error(_)), "{words:?}: {reply:?}");
    }

    fn finish(self) {
        self.watcher.finish();
    }
}

#[test]
fn what_a_server_refuses_is_written_once_it_takes_it() {
    let world = World::new(&["--enable-protected-configs", "yes"]);
    let set = |words: &[&str]| world.set(words);
    world.survives(
        "memory",
        || set(&["CONFIG", "SET", "maxmemory", "1"]),
        || set(&["CONFIG", "SET", "maxmemory", "0"]),
    );
    world.survives(
        "replicas",
        || set(&["CONFIG", "SET", "min-replicas-to-write", "1"]),
        || set(&["CONFIG", "SET", "min-replicas-to-write", "0"]),
    );
    world.survives(
        "permission",
        || set(&["ACL", "SETUSER", "default", "-evalsha"]),
        || set(&["ACL", "SETUSER", "default", "+evalsha"]),
    );
    let nobody = sillage_e2e::free_port().port().to_string();
    world.survives(
        "read_only",
        || set(&["REPLICAOF", "127.0.0.1", &nobody]),
        || set(&["REPLICAOF", "NO", "ONE"]),
    );
    let gone = tempfile::tempdir().expect("a folder");
    world.survives(
        "persistence",
        || {
            set(&["CONFIG", "SET", "save", "3600 1", "dir", &gone.path().display().to_string()]);
            std::fs::remove_dir_all(gone.path()).expect("it can be removed");
            set(&["BGSAVE"]);
            until("the failure to be noticed", || {
                let said = world.redis.ask(&["INFO", "persistence"]).text();
                said.contains("rdb_last_bgsave_status:err").then_some(())
            });
        },
        || set(&["CONFIG", "SET", "stop-writes-on-bgsave-error", "no"]),
    );
    world.set(&["SCRIPT", "FLUSH"]);
    world.act();
    until_mirrored(&world.collector, &*world.redis);
    world.finish();
}

#[test]
fn who_is_not_let_in_goes_on_trying() {
    let world = World::new(&["--busy-reply-threshold", "100"]);
    // Opened before: there is no other way in afterwards.
    let mut inside = world.redis.resp();
    let cut =
        |inside: &mut Resp| inside.ask(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    let mut ask = |words: &[&str]| {
        let reply = inside.ask(words);
        assert!(!matches!(reply, Reply::Error(_)), "{words:?}: {reply:?}");
        reply
    };
    ask(&["ACL", "SETUSER", "admin", "on", ">admin", "~*", "+@all"]);
    ask(&["AUTH", "admin", "admin"]);
    let inside = std::cell::RefCell::new(inside);
    let ask = |words: &[&str]| {
        let reply = inside.borrow_mut().ask(words);
        assert!(!matches!(reply, Reply::Error(_)), "{words:?}: {reply:?}");
    };
    world.survives(
        "login",
        || {
            ask(&["ACL", "SETUSER", "default", ">secret", "resetpass", ">secret"]);
            cut(&mut inside.borrow_mut());
        },
        || ask(&["ACL", "SETUSER", "default", "nopass"]),
    );
    // It closes the connection before its reason is heard.
    world.survives(
        "unreachable",
        || {
            ask(&["CONFIG", "SET", "maxclients", "1"]);
            cut(&mut inside.borrow_mut());
        },
        || ask(&["CONFIG", "SET", "maxclients", "10000"]),
    );
    let mut busy = world.redis.resp();
    let running = std::thread::spawn(move || busy.ask(&["EVAL", "while true do end", "0"]));
    world.survives("busy", || (), || ask(&["SCRIPT", "KILL"]));
    assert!(matches!(running.join().expect("it ends"), Reply::Error(_)));
    world.finish();
}

#[test]
fn a_server_that_is_gone_for_a_while_has_everything_afterwards() {
    let mut redis = RedisServer::start();
    let folder = tempfile::tempdir().expect("a folder");
    let collector = Collector::start(folder.path(), &redis.url(), Crowd::RULES);
    let crowd = Crowd::default();
    assert!(crowd.act(collector.http));
    until_mirrored(&collector, &redis);
    let save = |redis: &RedisServer| {
        assert_eq!(redis.ask(&["SAVE"]), Reply::Simple("OK".to_owned()));
    };
    save(&redis);
    redis.kill();
    for _ in 0..20 {
        assert!(crowd.act(collector.http));
    }
    until_logged(&collector, "kind=\"unreachable\"");
    redis.restart();
    until_mirrored(&collector, &redis);
    // Each key takes a while to be read, so that for some time the server is there and has nothing.
    save(&redis);
    redis.kill();
    assert!(crowd.act(collector.http));
    let slowly = ["--key-load-delay", "20000", "--loading-process-events-interval-bytes", "1024"];
    redis.launch_with(&slowly);
    until_logged(&collector, "kind=\"loading\"");
    until_mirrored(&collector, &redis);
    // Emptied while it runs, and back without its data.
    assert_eq!(redis.ask(&["FLUSHALL"]), Reply::Simple("OK".to_owned()));
    until_mirrored(&collector, &redis);
    redis.kill();
    std::fs::remove_file(redis.folder().join("dump.rdb")).expect("it can be removed");
    redis.restart();
    until_mirrored(&collector, &redis);
}

#[test]
fn what_was_evicted_is_written_again_and_said() {
    let world = World::new(&["--maxmemory-policy", "allkeys-lru", "--enable-debug-command", "yes"]);
    // Younger than what is there, so that it stays and ours goes.
    std::thread::sleep(Duration::from_secs(2));
    world.set(&["DEBUG", "POPULATE", "20000", "ballast", "100"]);
    let used = world.redis.ask(&["INFO", "memory"]).text();
    let used = used.lines().find_map(|line| line.strip_prefix("used_memory:")).expect("a number");
    let less = (used.parse::<u64>().expect("a number") - 300_000).to_string();
    world.set(&["CONFIG", "SET", "maxmemory", &less]);
    until("keys of ours to be evicted", || {
        let found = sillage_e2e::differences(&world.collector, &*world.redis);
        found.is_some_and(|found| !found.is_empty()).then_some(())
    });
    until_logged(&world.collector, "kind=\"evicting\"");
    world.set(&["CONFIG", "SET", "maxmemory", "0"]);
    until_mirrored(&world.collector, &*world.redis);
    world.finish();
}

#[test]
fn a_server_that_is_paused_is_left() {
    let world = World::new(&[]);
    let (pause, on) = (["CLIENT", "PAUSE", "600000", "WRITE"], ["CLIENT", "UNPAUSE"]);
    world.survives("slow", || world.set(&pause), || world.set(&on));
    world.finish();
}

#[test]
fn a_server_that_stands_still_is_left() {
    let world = World::new(&[]);
    world.survives("slow", || world.redis.signal("STOP"), || world.redis.signal("CONT"));
    world.finish();
}

fn behind_a_line() -> (World, Line) {
    let redis = RedisServer::start();
    let line = Line::start(redis.address);
    let url = format!("redis://{}", line.address);
    (World::at(redis, &url), line)
}

#[test]
fn a_far_server_is_only_slower() {
    let (world, line) = behind_a_line();
    let before = line.connections();
    line.set(Weather::Late(500));
    for _ in 0..3 {
        world.act();
    }
    until_mirrored(&world.collector, &*world.redis);
    assert_eq!(line.connections(), before, "half a second is no reason to give up");
    world.finish();
}

#[test]
fn an_answer_that_is_cut_is_no_answer() {
    let (world, line) = behind_a_line();
    world.survives("unreachable", || line.set(Weather::Cut), || line.set(Weather::Fair));
    world.finish();
}

#[test]
fn a_line_that_swallows_everything_is_left() {
    let (world, line) = behind_a_line();
    world.survives("slow", || line.set(Weather::Silent), || line.set(Weather::Fair));
    world.finish();
}

#[test]
fn a_byte_a_second_is_too_slow() {
    let (world, line) = behind_a_line();
    world.survives("slow", || line.set(Weather::Dribble), || line.set(Weather::Fair));
    world.finish();
}

#[test]
fn an_answer_that_comes_too_late_answers_nothing_else() {
    let (world, line) = behind_a_line();
    let before = line.connections();
    world.survives("slow", || line.set(Weather::Late(6_000)), || line.set(Weather::Fair));
    assert!(line.connections() > before, "the connection was dropped with its answers");
    world.finish();
}
