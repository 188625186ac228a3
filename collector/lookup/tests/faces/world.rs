//! A small shop to read, and the servers that serve it.
use sillage_lookup::resp::{RespConfig, RespProject, serve};
use sillage_model::{
    EventTime, MapWriter, Membership, PersonKey, Profile, SegmentChange, SegmentIndex,
    SessionBrief, Transition, Value,
};
use sillage_store::{SegmentLabel, Shown, View, ViewConfig};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;

pub(crate) const NOW: i64 = 1_700_000_000_000;

pub(crate) const SEGMENTS: [&str; 3] = ["hot-cart", "vip", "empty"];

/// A view of the project `name` with nobody in it.
pub(crate) fn empty_view(name: &str) -> Arc<View> {
    View::new(ViewConfig {
        project: name.to_owned(),
        segments: SEGMENTS
            .map(|key| SegmentLabel { key: key.to_owned(), name: key.to_uppercase() })
            .to_vec(),
        scores: vec!["engagement".to_owned()],
        traits_shown: vec!["plan".to_owned(), "bio".to_owned()],
        half_life_ms: 604_800_000,
        digest: 7,
        generation: 1,
        clock: Arc::new(|| NOW),
    })
}

/// The person `number`, in `hot-cart` if the number is even and in `vip` if it divides by three.
pub(crate) fn person(member: PersonKey, number: i64) -> Profile {
    let membership = |segment, entered_at| Membership {
        segment: SegmentIndex(segment),
        entered_at: EventTime(entered_at),
    };
    let mut segments = Vec::new();
    if number % 2 == 0 {
        segments.push(membership(0, NOW - 1_000 * (number / 4)));
    }
    if number % 3 == 0 {
        segments.push(membership(1, NOW - 7 * number));
    }
    let traits = MapWriter::new()
        .with("plan", Value::Str(if number % 5 == 0 { "or \"24\" carats\r\n" } else { "basic" }))
        .with("bio", Value::Str(&"long ".repeat(30)))
        .with("secret", Value::Int(number));
    Profile {
        member,
        devices: Vec::new(),
        segments,
        held_out: Vec::new(),
        scores: vec![41.7 + number as f64],
        session: (number % 4 != 1).then_some(SessionBrief {
            id: 255,
            start: EventTime(NOW - 90_000),
            last: EventTime(NOW - 60_000),
            events: 3,
            pages: 2,
            engaged_ms: 1_500,
        }),
        traits: traits.into_bytes().into(),
        as_of: NOW,
        version: 1 << 32 | 7,
    }
}

pub(crate) fn entering(profile: &Profile) -> Vec<Transition> {
    let enter = |m: &Membership| Transition {
        segment: m.segment,
        change: SegmentChange::Enter,
        at: m.entered_at,
    };
    profile.segments.iter().map(enter).collect()
}

/// `users` persons, of whom the first has two devices, and half as many unlinked devices.
pub(crate) fn shop(users: i64) -> Arc<View> {
    let view = empty_view("shop");
    for number in 0..users {
        let mut profile = person(PersonKey::user(&number.to_string()), number);
        if number == 0 {
            profile.devices = vec!["phone".into(), "laptop".into()];
        }
        let transitions = entering(&profile);
        view.publish(profile, &transitions, NOW + number / 3);
    }
    for number in 0..users / 2 {
        let profile = person(PersonKey::device(&format!("d:{number}")), number);
        let transitions = entering(&profile);
        view.publish(profile, &transitions, NOW + users);
    }
    view
}

/// A running server of the Redis face.
pub(crate) struct Face {
    pub(crate) address: SocketAddr,
    pub(crate) ready: Arc<AtomicBool>,
    stop: watch::Sender<bool>,
    served: Option<tokio::task::JoinHandle<()>>,
    runtime: Runtime,
}

impl Face {
    pub(crate) fn of(views: &[Arc<View>]) -> Self {
        Self::with(views, None, 100)
    }

    pub(crate) fn with(views: &[Arc<View>], password: Option<&str>, clients_max: usize) -> Self {
        let ready = Arc::new(AtomicBool::new(true));
        let project = |view: &Arc<View>| {
            let flag = Arc::clone(&ready);
            let ready = Arc::new(move || flag.load(Ordering::SeqCst));
            (view.project().to_owned(), RespProject { view: Shown::new(Arc::clone(view)), ready })
        };
        let projects: BTreeMap<_, _> = views.iter().map(project).collect();
        let mut config = RespConfig::new(projects, password.map(str::to_owned));
        config.clients_max = clients_max;
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = watch::channel(false);
        let served = Some(runtime.spawn(serve(listener, Arc::new(config), stopped)));
        Self { address, ready, stop, served, runtime }
    }

    pub(crate) fn connect(&self) -> Wire<TcpStream> {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Wire { stream }
    }

    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Asks the server to stop and waits until it has.
    pub(crate) fn stop(&mut self) {
        self.stop.send_replace(true);
        self.runtime.block_on(self.served.take().unwrap()).unwrap();
    }
}

/// How long a test waits for bytes before it calls them missing.
const PATIENCE: Duration = Duration::from_secs(20);

/// One connection to either server, as bytes.
pub(crate) struct Wire<S> {
    pub(crate) stream: S,
}

impl<S: Read + Write> Wire<S> {
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// The raw reply to one command; an ECHO behind it shows where it ends.
    pub(crate) fn ask(&mut self, arguments: &[&[u8]]) -> Vec<u8> {
        const MARK: &[u8] = b"$9\r\n-the-end-\r\n";
        let mut request = encode(arguments);
        request.extend(encode(&[b"ECHO", b"-the-end-"]));
        self.send(&request);
        let mut reply = Vec::new();
        let mut chunk = [0; 4096];
        while !reply.ends_with(MARK) {
            let count = self.stream.read(&mut chunk).unwrap();
            assert_ne!(count, 0, "closed after {}", String::from_utf8_lossy(&reply));
            reply.extend_from_slice(&chunk[..count]);
        }
        reply.truncate(reply.len() - MARK.len());
        reply
    }

    /// As [`Wire::ask`], for a command without spaces in its arguments.
    pub(crate) fn say(&mut self, command: &str) -> String {
        let arguments: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
        String::from_utf8_lossy(&self.ask(&arguments)).into_owned()
    }

    /// Reads exactly this.
    pub(crate) fn expect(&mut self, want: &str) {
        let mut got = vec![0; want.len()];
        let read = self.stream.read_exact(&mut got);
        let got = String::from_utf8_lossy(&got).into_owned();
        assert!(read.is_ok() && got == want, "wanted {want:?}, got {got:?}, {read:?}");
    }

    /// Whether the server answers a PING rather than turning the connection away.
    pub(crate) fn try_ping(&mut self) -> bool {
        let mut got = [0; 7];
        self.stream.write_all(b"PING\r\n").is_ok()
            && self.stream.read_exact(&mut got).is_ok()
            && &got == b"+PONG\r\n"
    }

    /// Everything until the other side closes.
    pub(crate) fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).unwrap();
        String::from_utf8_lossy(&rest).into_owned()
    }
}

pub(crate) fn encode(arguments: &[&[u8]]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", arguments.len()).into_bytes();
    for argument in arguments {
        out.extend(format!("${}\r\n", argument.len()).into_bytes());
        out.extend_from_slice(argument);
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// A real Redis, on a socket in a directory of its own; ends with the value.
pub(crate) struct RealRedis {
    process: Child,
    directory: PathBuf,
}

impl RealRedis {
    pub(crate) fn start(name: &str) -> Self {
        let directory =
            std::env::temp_dir().join(format!("sillage-lookup-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let mut process = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
            .arg(directory.join("socket"))
            // A profile stays in the order it was written, however long its traits are.
            .args(["--hash-max-listpack-value", "4096", "--hash-max-listpack-entries", "512"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("redis-server is installed (Debian: redis-server)");
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let ready = lines.any(|line| {
            line.is_ok_and(|l| {
                l.contains("Ready to accept") || l.contains("The server is now ready")
            })
        });
        assert!(ready, "redis-server ended before it was ready");
        // Its log goes on; a closed pipe must not stop it.
        std::thread::spawn(move || lines.count());
        Self { process, directory }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.join("socket")
    }

    pub(crate) fn connect(&self) -> Wire<UnixStream> {
        let stream = UnixStream::connect(self.socket()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Wire { stream }
    }

    /// Writes every key of the view.
    pub(crate) fn load(&self, view: &View) {
        let mut wire = self.connect();
        for name in all_keys(view) {
            let key = view.key(&name).unwrap();
            let mut command: Vec<String> = Vec::new();
            match key.redis_type() {
                "hash" => {
                    command.extend(["HSET".to_owned(), name.clone()]);
                    command.extend(view.hash(&key).unwrap().into_iter().flat_map(|(f, v)| [f, v]));
                }
                "zset" => {
                    command.extend(["ZADD".to_owned(), name.clone()]);
                    let sillage_store::keys::Key::Segment(segment, shard) = key else {
                        panic!("only segments are sorted sets")
                    };
                    let all =
                        view.zrange(segment, shard, (0, -1), sillage_store::Order::Descending);
                    command.extend(
                        all.iter().flat_map(|m| [m.entered_at.to_string(), m.member.to_string()]),
                    );
                }
                _ => {
                    let (min, max) = (sillage_store::StreamId::MIN, sillage_store::StreamId::MAX);
                    for change in view.changes().range(min, max, usize::MAX) {
                        let mut add = vec!["XADD".to_owned(), name.clone(), change.id.to_string()];
                        let fields = view.change_fields(&change).into_iter();
                        add.extend(fields.flat_map(|(f, v)| [f.to_owned(), v]));
                        wire.tell(&add);
                    }
                    continue;
                }
            }
            wire.tell(&command);
            if let sillage_store::Ttl::Seconds(left) = view.ttl(&key) {
                wire.tell(&["EXPIRE".to_owned(), name, left.to_string()]);
            }
        }
    }
}

impl Wire<UnixStream> {
    fn tell(&mut self, command: &[String]) {
        let arguments: Vec<&[u8]> = command.iter().map(|a| a.as_bytes()).collect();
        let reply = self.ask(&arguments);
        assert!(!reply.starts_with(b"-"), "{command:?}: {}", String::from_utf8_lossy(&reply));
    }
}

impl Drop for RealRedis {
    fn drop(&mut self) {
        self.process.kill().expect("it runs until this");
        self.process.wait().expect("a child of this process");
        std::fs::remove_dir_all(&self.directory).expect("made at the start");
    }
}

pub(crate) fn all_keys(view: &View) -> Vec<String> {
    let (mut cursor, mut keys) = (0, Vec::new());
    loop {
        let page = view.scan(cursor, 100);
        keys.extend(page.keys);
        cursor = page.cursor;
        if cursor == 0 {
            return keys;
        }
    }
}
