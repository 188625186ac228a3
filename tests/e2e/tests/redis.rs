//! What a Redis client reads is the same from the collector's own face and from a real Redis.
use sillage_e2e::{Collector, Project, RedisServer, Reply, Resp, now_ms, until};
use std::net::SocketAddr;
use std::process::Command;

const RULES: &str = r#"
redis_traits = ["plan", "age"]
[[project.segment]]
key = "viewers"
when = 'count("Product Viewed" within 7d) >= 2'
[[project.segment]]
key = "buyers"
when = 'exists("Order Completed")'
"#;

fn feed(collector: &Collector) {
    let at = now_ms();
    let body = format!(
        r#"{{"batch":[
        {{"type":"page","name":"Home","anonymousId":"dev-1","messageId":"1","timestamp":{at},"context":{{"page":{{"url":"https://shop.example/"}}}}}},
        {{"type":"track","event":"Product Viewed","anonymousId":"dev-1","messageId":"2","timestamp":{at}}},
        {{"type":"track","event":"Product Viewed","anonymousId":"dev-1","messageId":"3","timestamp":{at}}},
        {{"type":"identify","userId":"42","anonymousId":"dev-1","messageId":"4","timestamp":{at},"traits":{{"plan":"gold","age":37,"email":"kept@out.example"}}}},
        {{"type":"track","event":"Order Completed","userId":"42","anonymousId":"dev-1","messageId":"5","timestamp":{at},"properties":{{"revenue":12.5}}}},
        {{"type":"track","event":"Product Viewed","anonymousId":"dev-2","messageId":"6","timestamp":{at}}},
        {{"type":"track","event":"Order Completed","userId":"é:{{*}} x","messageId":"7","timestamp":{at}}}
        ]}}"#
    );
    let answer = collector.http().batch(&body).expect("it answers");
    assert_eq!(answer.json()["accepted"], 7, "{}", answer.json());
}

fn cli(address: SocketAddr, words: &[&str]) -> String {
    let output = Command::new("redis-cli")
        .args(["-h", "127.0.0.1", "-p", &address.port().to_string()])
        .args(words)
        .output()
        .expect("redis-cli is installed (apt-get install redis-tools)");
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn wait_for_redis(real: SocketAddr, collector: &Collector) {
    collector.settle();
    let key = format!("sl:{}:u:42", Project::NAME);
    let ours = collector.resp().ask(&["HGET", &key, "v"]);
    assert_ne!(ours, Reply::Bulk(None));
    until("the real Redis to have the same version", || {
        (Resp::connect(real).ask(&["HGET", &key, "v"]) == ours).then_some(())
    });
    until("the meta key, written last", || {
        let meta = format!("sl:{}:meta", Project::NAME);
        (Resp::connect(real).ask(&["EXISTS", &meta]) == Reply::Integer(1)).then_some(())
    });
}

#[test]
fn redis_cli_prints_the_same_from_both() {
    let redis = RedisServer::start();
    let folder = tempfile::tempdir().expect("a folder");
    let collector = Collector::start(folder.path(), &redis.url(), RULES);
    feed(&collector);
    wait_for_redis(redis.address, &collector);
    let key = |rest: &str| format!("sl:{}:{rest}", Project::NAME);
    let mut compared = 0;
    for id in ["u:42", "a:dev-1", "a:dev-2", "u:é:{*} x", "u:nobody"] {
        for command in ["HGETALL", "HKEYS", "HLEN", "EXISTS", "TYPE"] {
            let (ours, real) = (
                cli(collector.resp, &[command, &key(id)]),
                cli(redis.address, &[command, &key(id)]),
            );
            assert_eq!(lines(&ours), lines(&real), "{command} {id}");
            compared += 1;
        }
        let member = ["HEXISTS", &key(id), "seg:buyers"];
        assert_eq!(cli(collector.resp, &member), cli(redis.address, &member), "{id}");
    }
    for segment in ["viewers", "buyers"] {
        for shard in 0..16 {
            let range =
                ["ZRANGE", &key(&format!("seg:{segment}:{shard}")), "0", "-1", "WITHSCORES"];
            assert_eq!(cli(collector.resp, &range), cli(redis.address, &range), "{range:?}");
            compared += 1;
        }
    }
    println!("{compared} replies are the same; for visitor 42 both print:");
    println!("{}", cli(redis.address, &["HGETALL", &key("u:42")]));
    let printed = cli(redis.address, &["HGETALL", &key("u:42")]);
    assert!(printed.contains("seg:viewers") && printed.contains("seg:buyers"), "{printed}");
    assert!(printed.contains("trait:plan\ngold\n") && !printed.contains("email"), "{printed}");
    assert!(cli(collector.resp, &["SET", "x", "1"]).starts_with("READONLY"));
}

/// Pairs or single values in an order of their own: a hash has none.
fn lines(printed: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = printed.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn a_redis_that_comes_back_empty_is_filled_again() {
    let mut redis = RedisServer::start();
    let folder = tempfile::tempdir().expect("a folder");
    let collector = Collector::start(folder.path(), &redis.url(), RULES);
    feed(&collector);
    wait_for_redis(redis.address, &collector);
    let key = format!("sl:{}:u:42", Project::NAME);
    let before = cli(redis.address, &["HGETALL", &key]);
    redis.kill();
    // Lookups go on from the collector's own memory meanwhile.
    let user = collector.http().get("/v1/users/42", Project::READ_TOKEN);
    assert_eq!(user.status, 200);
    redis.restart();
    until("the refill", || {
        let after = cli(redis.address, &["HGETALL", &key]);
        (lines(&after) == lines(&before)).then_some(())
    });
}
