//! Real clients: redis-cli and the crate `redis`.
use crate::world::{Face, NOW, RealRedis, shop};
use redis::AsyncCommands;
use std::collections::HashMap;
use std::process::Command;

#[test]
fn redis_cli_prints_the_same_for_both() {
    let view = shop(30);
    let face = Face::of(std::slice::from_ref(&view));
    let redis = RealRedis::start("cli");
    redis.load(&view);
    let port = face.address.port().to_string();
    let socket = redis.socket();
    let commands = [
        "HGETALL sl:shop:u:0",
        "HEXISTS sl:shop:u:2 seg:hot-cart",
        "HEXISTS sl:shop:u:1 seg:hot-cart",
        "HGETALL sl:shop:a:phone",
        "HGETALL sl:shop:u:nobody",
        "ZRANGE sl:shop:seg:hot-cart:3 0 -1 WITHSCORES",
        "XRANGE sl:shop:changes - + COUNT 2",
        "TTL sl:shop:meta",
        "TYPE sl:shop:changes",
        "HGET sl:shop:changes x",
    ];
    for (style, flags) in
        [("raw", &["--raw"][..]), ("typed", &["--no-raw"]), ("RESP3", &["--no-raw", "-3"])]
    {
        for command in commands {
            let print = |place: &[&str]| {
                let words = command.split(' ');
                let output = Command::new("redis-cli").args(place).args(flags).args(words).output();
                let output = output.expect("redis-cli is installed (Debian: redis-tools)");
                String::from_utf8_lossy(&output.stdout).into_owned()
            };
            let ours = print(&["-h", "127.0.0.1", "-p", &port]);
            let real = print(&["-s", socket.to_str().unwrap()]);
            assert_eq!(ours, real, "{style}: {command}");
            assert!(!ours.is_empty());
        }
    }
}

#[test]
fn the_redis_crate_reads_over_both_protocols() {
    let view = shop(30);
    let face = Face::with(&[view], Some("sesame"), 10);
    for protocol in ["resp2", "resp3"] {
        let url = format!("redis://:sesame@{}/?protocol={protocol}", face.address);
        let client = redis::Client::open(url).unwrap();
        face.block_on(async {
            let mut redis = client.get_multiplexed_async_connection().await.unwrap();
            let all: HashMap<String, String> = redis.hgetall("sl:shop:u:0").await.unwrap();
            assert_eq!(all["seg:hot-cart"], NOW.to_string());
            let inside: bool = redis.hexists("sl:shop:u:1", "seg:hot-cart").await.unwrap();
            assert!(!inside);
            let (plan, none): (String, Option<String>) =
                redis.hmget("sl:shop:u:1", &["trait:plan", "nope"]).await.unwrap();
            assert_eq!((plan.as_str(), none), ("basic", None));
            let mut members = Vec::new();
            for shard in 0..16 {
                let key = format!("sl:shop:seg:hot-cart:{shard}");
                let listed: Vec<(String, f64)> = redis.zrange_withscores(key, 0, -1).await.unwrap();
                members.extend(listed);
            }
            assert_eq!(members.len(), 15 + 8, "half of thirty persons, and of fifteen devices");
            let refused: redis::RedisResult<()> = redis.set("a", "b").await;
            assert_eq!(refused.unwrap_err().code(), Some("READONLY"));
            let lag: i64 = redis.ttl("sl:shop:u:0").await.unwrap();
            assert!(lag > 0);
        });
    }
}
