//! What a client of the Redis face may send.
use crate::requests::view;
use sillage_lookup::resp::{RespConfig, RespProject, serve};
use sillage_store::Shown;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// A face that is served by whoever asks it something, in one thread.
struct Face {
    runtime: Runtime,
    open: SocketAddr,
    guarded: SocketAddr,
    _stop: watch::Sender<bool>,
}

impl Face {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let (stop, stopped) = watch::channel(false);
        let at = |password: Option<&str>| {
            let ready: Arc<dyn Fn() -> bool + Send + Sync> = Arc::new(|| true);
            let shop = RespProject { view: Shown::new(view()), ready };
            let projects = BTreeMap::from([("shop".to_owned(), shop)]);
            let config = Arc::new(RespConfig::new(projects, password.map(str::to_owned)));
            let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("loopback");
            let address = listener.local_addr().expect("it is bound");
            runtime.spawn(serve(listener, config, stopped.clone()));
            address
        };
        let (open, guarded) = (at(None), at(Some("secret")));
        Self { runtime, open, guarded, _stop: stop }
    }
}

thread_local! {
    /// Whether a task of this thread panicked, which would go unnoticed.
    static PANICKED: Cell<bool> = const { Cell::new(false) };
    static FACE: Face = {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICKED.set(true);
            before(panic);
        }));
        Face::new()
    };
}

/// Any bytes are answered line by line, or the connection is closed; it never hangs, and tells nothing to
/// whoever has not given the password.
pub(crate) fn check(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    let guarded = kind & 1 == 1;
    FACE.with(|face| {
        let talk = async {
            let place = if guarded { face.guarded } else { face.open };
            let mut stream = TcpStream::connect(place).await.expect("it listens");
            // It may have closed already, and then resets what comes after.
            drop(stream.write_all(bytes).await);
            drop(stream.shutdown().await);
            let mut said = Vec::new();
            drop(stream.read_to_end(&mut said).await);
            said
        };
        let said = face.runtime.block_on(async { tokio::time::timeout(PATIENCE, talk).await });
        let said = said.expect("an answer or an end in time");
        assert!(said.is_empty() || b"+-:$*%_~,#>(=!".contains(&said[0]), "{said:?}");
        let has_password = bytes.windows(6).any(|part| part.eq_ignore_ascii_case(b"secret"));
        // What is refused is repeated, so the question must not name it.
        let names = |text: &[u8]| text.windows(7).any(|part| part == b"seg:vip");
        let tells = names(&said) && !names(bytes);
        assert!(!guarded || has_password || !tells, "told without the password");
    });
    assert!(!PANICKED.get(), "a task panicked");
}

/// A blocking read waits for as long as it says, up to an end that the connection's own end cuts short.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let commands: [&[&str]; 24] = [
        &["PING"],
        &["HELLO", "3", "AUTH", "default", "secret", "SETNAME", "x"],
        &["AUTH", "secret"],
        &["SELECT", "0"],
        &["CLIENT", "SETINFO", "LIB-NAME", "x"],
        &["COMMAND", "DOCS"],
        &["INFO", "server"],
        &["EXISTS", "sl:shop:u:42", "x"],
        &["TYPE", "sl:shop:seg:vip:3"],
        &["TTL", "sl:shop:u:42"],
        &["HGET", "sl:shop:u:42", "seg:vip"],
        &["HMGET", "sl:shop:a:{x}:*\n", "as_of", "v"],
        &["HGETALL", "sl:shop:u:a/b"],
        &["HEXISTS", "sl:shop:u:1", "seg:vip"],
        &["HSCAN", "sl:shop:u:42", "0", "MATCH", "s*", "COUNT", "2"],
        &["ZRANGE", "sl:shop:seg:vip:1", "0", "-1", "WITHSCORES"],
        &["ZRANGEBYSCORE", "sl:shop:seg:vip:1", "-inf", "(9e18", "LIMIT", "0", "3"],
        &["ZSCAN", "sl:shop:seg:vip:1", "0"],
        &["XRANGE", "sl:shop:changes", "-", "+", "COUNT", "3"],
        &["XREAD", "COUNT", "1", "STREAMS", "sl:shop:changes", "0-0"],
        &["XINFO", "STREAM", "sl:shop:changes"],
        &["SCAN", "0", "MATCH", "sl:*[a-z]?\\*", "COUNT", "10", "TYPE", "hash"],
        &["SET", "a", "b"],
        &["QUIT"],
    ];
    let mut seeds = Vec::new();
    for words in commands {
        let mut array = vec![0];
        array.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
        for word in words {
            array.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
        }
        let guarded = [&[1], &b"*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n"[..], &array[1..]].concat();
        let inline = [&[0], words.join(" ").as_bytes(), b"\r\n"].concat();
        let unknown = [&[1], &array[1..]].concat();
        seeds.extend([array, guarded, inline, unknown]);
    }
    let odd = [
        "*0\r\n",
        "*-1\r\n",
        "*1\r\n$-1\r\n",
        "*99999999\r\n",
        "$3\r\nabc\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\n\r\n",
        "PING \"a\\x41\\n\" 'b'\r\n",
        "PING \"\r\n",
        "\r\n\r\nPING\r\n",
        "*1\r\n$536870913\r\n",
    ];
    seeds.extend(odd.map(|text| [&[0], text.as_bytes()].concat()));
    seeds
}
