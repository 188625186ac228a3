//! Worlds with a Redis: the model of its script does what the real one does, and the rest
//! of a world is the same with and without it.
use sillage_sim::rng::Rng;
use sillage_sim::whole::plan::Plan;
use sillage_sim::whole::redis::keys::Keys;
use sillage_sim::whole::redis::resp::sha1;
use sillage_sim::whole::world::{Follow, Outcome, run_plan};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Calls of the script that are compared.
const CALLS: u64 = 4_000;
/// Calls after which all keys are compared.
const KEYS_EVERY: u64 = 20;
/// Calls after which everything begins anew.
const ANEW_EVERY: u64 = 200;
/// How long a server may take to start.
const START: Duration = Duration::from_secs(10);
const SEGMENTS: [&str; 4] = ["three", "bought", "lately", "left"];

fn with_redis(seed: u64) -> Outcome {
    let mut plan = Plan::new(seed);
    plan.redis = true;
    run_plan(seed, plan, Follow::Silent)
}

#[test]
fn a_redis_that_goes_wrong_does_not_change_what_happens_elsewhere() {
    for seed in [4, 12] {
        let (one, two) = (with_redis(seed), with_redis(seed));
        assert_eq!((one.violation, one.trace), (None, two.trace), "{seed}");
        let without = run_plan(seed, Plan { redis: false, ..Plan::new(seed) }, Follow::Silent);
        assert_eq!(one.trace, without.trace, "{seed}");
    }
}

/// A real server on a socket of its own, ended with its handle.
struct Real {
    child: Child,
    dir: PathBuf,
    stream: BufReader<UnixStream>,
}

#[derive(Debug, Clone, PartialEq)]
enum Answer {
    Text(String),
    Number(i64),
    None,
    List(Vec<Answer>),
}

impl Real {
    fn start() -> Self {
        // A number that no other process has now.
        let unique = TcpListener::bind("127.0.0.1:0")
            .and_then(|it| it.local_addr())
            .expect("a free port")
            .port();
        let dir = std::env::temp_dir().join(format!("sillage-sim-{}-{unique}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a folder");
        let child = Command::new("redis-server")
            .args(["--port", "0", "--unixsocket", "redis.sock", "--save", "", "--appendonly", "no"])
            .current_dir(&dir)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        let until = Instant::now() + START;
        let stream = loop {
            match UnixStream::connect(dir.join("redis.sock")) {
                Ok(stream) => break stream,
                Err(error) => assert!(Instant::now() < until, "{error}"),
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        Self { child, dir, stream: BufReader::new(stream) }
    }

    fn ask(&mut self, words: &[&str]) -> Answer {
        let mut bytes = format!("*{}\r\n", words.len());
        for word in words {
            bytes.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        self.stream.get_mut().write_all(bytes.as_bytes()).expect("it listens");
        self.answer()
    }

    fn answer(&mut self) -> Answer {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("it answers");
        let (mark, rest) = line.trim_end().split_at(1);
        match mark {
            "+" => Answer::Text(rest.to_owned()),
            ":" => Answer::Number(rest.parse().expect("a number")),
            "$" if rest == "-1" => Answer::None,
            "$" => {
                let mut bytes = vec![0; rest.parse::<usize>().expect("a length") + 2];
                self.stream.read_exact(&mut bytes).expect("it answers");
                bytes.truncate(bytes.len() - 2);
                Answer::Text(String::from_utf8(bytes).expect("text"))
            }
            "*" => {
                Answer::List((0..rest.parse().expect("a number")).map(|_| self.answer()).collect())
            }
            _ => panic!("{line}"),
        }
    }

    fn words(&mut self, words: &[&str]) -> Vec<String> {
        let Answer::List(list) = self.ask(words) else { panic!("{words:?}") };
        let text = |answer| match answer {
            Answer::Text(text) => text,
            other => panic!("{other:?}"),
        };
        list.into_iter().map(text).collect()
    }

    /// All keys but the stream: hashes with whether they expire, in their order, and sorted sets.
    fn keys(&mut self) -> BTreeMap<String, (i64, Vec<String>)> {
        let mut keys = BTreeMap::new();
        for key in self.words(&["KEYS", "*"]) {
            let Answer::Text(kind) = self.ask(&["TYPE", &key]) else { panic!("{key}") };
            let content = match kind.as_str() {
                "hash" => self.words(&["HGETALL", &key]),
                "zset" => {
                    let mut found = self.words(&["ZRANGE", &key, "0", "-1", "WITHSCORES"]);
                    let mut pairs: Vec<_> = found.chunks_exact(2).map(<[String]>::to_vec).collect();
                    pairs.sort();
                    found = pairs.concat();
                    found
                }
                _ => continue,
            };
            let Answer::Number(ttl) = self.ask(&["TTL", &key]) else { panic!("{key}") };
            // To the nearest hour, for time goes on meanwhile.
            keys.insert(key, ((ttl + 1_800).div_euclid(3_600), content));
        }
        keys
    }

    fn stream(&mut self) -> Vec<Vec<String>> {
        let Answer::List(entries) = self.ask(&["XRANGE", "sl:sim:changes", "-", "+"]) else {
            panic!("a stream")
        };
        let values = |entry| {
            let Answer::List(mut entry) = entry else { panic!("an entry") };
            let Some(Answer::List(fields)) = entry.pop() else { panic!("fields") };
            let text = |answer: &Answer| match answer {
                Answer::Text(text) => text.clone(),
                other => panic!("{other:?}"),
            };
            fields.iter().skip(1).step_by(2).map(text).collect()
        };
        entries.into_iter().map(values).collect()
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it is ours");
        std::fs::remove_dir_all(&self.dir).expect("the folder is ours");
    }
}

fn keys_of(model: &Keys) -> BTreeMap<String, (i64, Vec<String>)> {
    let hashes = model.hashes.iter().map(|(key, hash)| {
        let fields = hash.fields.iter().flat_map(|(f, v)| [f.clone(), v.clone()]).collect();
        let ttl = hash.ends_ms.map_or(-1, |ends_ms| ends_ms / 1_000);
        (key.clone(), ((ttl + 1_800).div_euclid(3_600), fields))
    });
    let sets = model.sets.iter().map(|(key, set)| {
        let members = set.iter().flat_map(|(m, s)| [m.clone(), s.to_string()]).collect();
        (key.clone(), (0, members))
    });
    hashes.chain(sets).collect()
}

/// A call as the writer may make it: of few persons, devices and versions, so that each meets what
/// another has left.
fn call(rng: &mut Rng) -> (Vec<String>, Vec<String>) {
    let number = |rng: &mut Rng, high| rng.range(0, high).to_string();
    let member = format!("{}:{}", rng.word(&["u", "a"]), rng.range(0, 3));
    let mut keys = vec![format!("sl:sim:{member}")];
    for device in 0..rng.range(0, 2) {
        keys.push(format!("sl:sim:a:{device}"));
    }
    let mode = rng.word(&["write", "write", "write", "rebuild", "unlist"]);
    let mut args = vec!["sl:sim:".to_owned(), mode.to_owned(), member, number(rng, 1)];
    let known: Vec<&str> = SEGMENTS.into_iter().filter(|_| rng.chance(90)).collect();
    args.push(known.join(","));
    if mode == "unlist" {
        keys.clear();
        return (keys, args);
    }
    // Also some that no Lua number holds exactly.
    let version = *rng.pick(&[0_u64, 0, 1 << 32, u64::MAX - 30]) + rng.range(0, 20).unsigned_abs();
    let ttl = *rng.pick(&["7776000", "86400", "0", "-5"]);
    args.extend([version.to_string(), ttl.to_owned(), number(rng, 99), "1000000".to_owned()]);
    let exits: Vec<&str> = SEGMENTS.into_iter().filter(|_| rng.chance(25)).collect();
    args.push(exits.len().to_string());
    for segment in exits {
        args.extend([segment.to_owned(), number(rng, 99)]);
    }
    for segment in SEGMENTS {
        if rng.chance(60) {
            continue;
        }
        args.extend([format!("seg:{segment}"), number(rng, 5)]);
    }
    args.extend([
        "score:engagement".to_owned(),
        number(rng, 9),
        "v".to_owned(),
        version.to_string(),
    ]);
    (keys, args)
}

#[test]
fn the_model_does_what_the_script_does_to_a_real_server() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../collector/store/src/redis_writer/write.lua");
    let script = std::fs::read_to_string(script).unwrap();
    let mut real = Real::start();
    let hash = sha1(script.as_bytes());
    assert_eq!(real.ask(&["SCRIPT", "LOAD", &script]), Answer::Text(hash.clone()));
    let (mut rng, mut model) = (Rng::new(7), Keys::default());
    let (mut written, mut refused) = (0, 0);
    for step in 1..=CALLS {
        let (keys, args) = call(&mut rng);
        let count = keys.len().to_string();
        let mut words = vec!["EVALSHA", &hash, &count];
        words.extend(keys.iter().chain(&args).map(String::as_str));
        let answer = model.write(&keys, &args, 0).expect("a call as the writer makes it");
        assert_eq!(real.ask(&words), Answer::Number(answer), "call {step}: {words:?}");
        written += answer;
        refused += 1 - answer;
        if step % KEYS_EVERY == 0 {
            assert_eq!(real.keys(), keys_of(&model), "after call {step}");
            let told: Vec<Vec<String>> = model.stream.iter().map(|entry| entry.to_vec()).collect();
            assert_eq!(real.stream(), told, "after call {step}");
        }
        if step % ANEW_EVERY == 0 {
            real.ask(&["FLUSHALL"]);
            model = Keys::default();
        }
    }
    assert!(written > 500 && refused > 500, "{written} written, {refused} refused");
}
