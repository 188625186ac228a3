//! One Redis server on loopback, which does something only when it is given a turn.
use super::keys::Keys;
use super::resp::{self, Reply};
use std::collections::BTreeSet;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

/// What a server says instead of doing what it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It has no memory left.
    Memory,
    /// It has become a replica.
    ReadOnly,
    /// It reads its data.
    Loading,
}

impl Refusal {
    fn line(self) -> &'static str {
        match self {
            Self::Memory => "OOM command not allowed when used memory > 'maxmemory'.",
            Self::ReadOnly => "READONLY You can't write against a read only replica.",
            Self::Loading => "LOADING Redis is loading the dataset in memory",
        }
    }

    fn concerns(self, name: &str) -> bool {
        self == Self::Loading || matches!(name, "EVALSHA" | "HSET" | "DEL")
    }
}

/// A refusal, for a while and for some commands.
#[derive(Debug, Clone, Copy)]
struct Refusing {
    what: Refusal,
    until_ms: u64,
    /// One command in so many.
    every: u64,
}

#[derive(Debug)]
struct Peer {
    stream: TcpStream,
    /// What has arrived and is not done yet.
    inbox: Vec<u8>,
    is_over: bool,
}

/// A server.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    peers: Vec<Peer>,
    /// What connections that are gone had sent.
    late: Vec<Vec<u8>>,
    /// What it holds.
    pub keys: Keys,
    saved: Keys,
    scripts: BTreeSet<String>,
    run: u64,
    /// The time of the writer, in milliseconds since the world began.
    pub ms: u64,
    commands: u64,
    refusing: Option<Refusing>,
    /// After so many commands all connections are cut, and whether the last is still done.
    cut: Option<(u64, bool)>,
    held_until_ms: u64,
    down_until_ms: u64,
}

impl Server {
    /// An empty server on a free port.
    ///
    /// # Panics
    /// If the machine gives no socket.
    #[must_use]
    pub fn new() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket on loopback");
        listener.set_nonblocking(true).expect("a socket that does not wait");
        Self {
            listener,
            peers: Vec::new(),
            late: Vec::new(),
            keys: Keys::default(),
            saved: Keys::default(),
            scripts: BTreeSet::new(),
            run: 1,
            ms: 0,
            commands: 0,
            refusing: None,
            cut: None,
            held_until_ms: 0,
            down_until_ms: 0,
        }
    }

    /// Where it listens.
    ///
    /// # Panics
    /// If the machine does not tell.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("a socket that listens has an address")
    }

    /// Takes what has arrived and answers it; whether there was anything.
    pub fn turn(&mut self, now_ms: i64) -> bool {
        let mut busy = self.accept();
        let mut peers = std::mem::take(&mut self.peers);
        for peer in &mut peers {
            busy |= peer.read();
            if self.ms >= self.held_until_ms {
                busy |= self.serve(peer, now_ms);
            }
        }
        if self.cut.is_some_and(|(left, _)| left == 0) {
            self.cut = None;
            return true;
        }
        for peer in peers {
            if !peer.is_over {
                self.peers.push(peer);
            } else if !peer.inbox.is_empty() {
                self.late.push(peer.inbox);
            }
        }
        busy
    }

    fn accept(&mut self) -> bool {
        let mut busy = false;
        while let Ok((stream, _)) = self.listener.accept() {
            busy = true;
            let ready = stream.set_nonblocking(true).and_then(|()| stream.set_nodelay(true));
            if ready.is_ok() && self.ms >= self.down_until_ms {
                self.peers.push(Peer { stream, inbox: Vec::new(), is_over: false });
            }
        }
        busy
    }

    fn serve(&mut self, peer: &mut Peer, now_ms: i64) -> bool {
        let mut out = Vec::new();
        let mut done = 0;
        while let Some((words, len)) = resp::command(&peer.inbox[done..]) {
            done += len;
            if let Some((left, is_done)) = &mut self.cut {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    if *is_done {
                        self.answer(&words, now_ms);
                    }
                    peer.is_over = true;
                    break;
                }
            }
            self.answer(&words, now_ms).put(&mut out);
        }
        peer.inbox.drain(..done);
        // Answers are far smaller than what a socket takes.
        if !out.is_empty() && peer.stream.write_all(&out).is_err() {
            peer.is_over = true;
        }
        done > 0
    }

    fn answer(&mut self, words: &[String], now_ms: i64) -> Reply {
        self.commands += 1;
        self.keys.expire(now_ms);
        let Some(name) = words.first().map(|name| name.to_ascii_uppercase()) else {
            return Reply::Error("ERR no command".to_owned());
        };
        if let Some(Refusing { what, every, until_ms }) = self.refusing
            && self.ms < until_ms
            && what.concerns(&name)
            && self.commands.is_multiple_of(every)
        {
            return Reply::Error(what.line().to_owned());
        }
        let args: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
        match (name.as_str(), args.as_slice()) {
            ("PING", []) => Reply::Simple("PONG"),
            ("CLIENT", _) => Reply::Simple("OK"),
            ("INFO", ["server"]) => {
                Reply::Bulk(Some(format!("# Server\r\nrun_id:{:040x}\r\n", self.run)))
            }
            ("INFO", _) => Reply::Bulk(Some("# Stats\r\nevicted_keys:0\r\n".to_owned())),
            ("SCRIPT", ["LOAD" | "load", text]) => {
                let hash = resp::sha1(text.as_bytes());
                self.scripts.insert(hash.clone());
                Reply::Bulk(Some(hash))
            }
            ("HGET", [key, field]) => {
                let found = self.keys.hashes.get(*key).and_then(|hash| hash.get(field));
                Reply::Bulk(found.map(str::to_owned))
            }
            ("HSET", [key, pairs @ ..]) if pairs.len() % 2 == 0 => {
                let hash = self.keys.hashes.entry((*key).to_owned()).or_default();
                let new = pairs.chunks_exact(2).filter(|pair| hash.set(pair[0], pair[1])).count();
                Reply::Number(i64::try_from(new).unwrap_or_default())
            }
            ("EVALSHA", [hash, ..]) if !self.scripts.contains(*hash) => {
                Reply::Error("NOSCRIPT No matching script. Please use EVAL.".to_owned())
            }
            ("EVALSHA", [_, count, ..]) => self.call(count, &words[3..], now_ms),
            _ => Reply::Error(format!("ERR unknown command '{name}'")),
        }
    }

    fn call(&mut self, count: &str, rest: &[String], now_ms: i64) -> Reply {
        let split = count.parse().ok().and_then(|count| rest.split_at_checked(count));
        let done = split.and_then(|(keys, args)| self.keys.write(keys, args, now_ms));
        let wrong = || Reply::Error("ERR wrong arguments".to_owned());
        done.map_or_else(wrong, Reply::Number)
    }

    /// Keeps a picture of what there is, for [`Server::go_back`].
    pub fn save(&mut self) {
        self.saved = self.keys.clone();
    }

    /// Loses all keys, and nobody is told.
    pub fn forget(&mut self) {
        self.keys = Keys::default();
    }

    /// Ends and begins anew: connections and scripts are gone, and it is another run.
    pub fn restart(&mut self) {
        self.run += 1;
        self.peers.clear();
        self.scripts.clear();
    }

    /// Begins anew with what was saved last.
    pub fn go_back(&mut self) {
        self.keys = self.saved.clone();
        self.restart();
    }

    /// Loses its scripts.
    pub fn lose_scripts(&mut self) {
        self.scripts.clear();
    }

    /// Refuses one command in `every` for so long.
    pub fn refuse(&mut self, what: Refusal, every: u64, ms: u64) {
        self.refusing = Some(Refusing { what, until_ms: self.ms + ms, every });
    }

    /// Cuts all connections after so many commands; the last is done without an answer, or not.
    pub fn cut_after(&mut self, commands: u64, is_done: bool) {
        self.cut = Some((commands, is_done));
    }

    /// Does nothing for so long.
    pub fn hold(&mut self, ms: u64) {
        self.held_until_ms = self.ms + ms;
    }

    /// Takes nobody in for so long.
    pub fn go_down(&mut self, ms: u64) {
        self.down_until_ms = self.ms + ms;
        self.peers.clear();
    }

    /// Whether it takes and does everything now.
    #[must_use]
    pub fn is_well(&self) -> bool {
        let until_ms = self.refusing.map_or(0, |refusing| refusing.until_ms);
        self.ms >= until_ms.max(self.held_until_ms).max(self.down_until_ms)
    }

    /// Whether something that was sent before a connection ended is still on its way.
    #[must_use]
    pub fn has_late(&self) -> bool {
        !self.late.is_empty()
    }

    /// Does what was sent on a connection that is gone; how many commands that was.
    pub fn do_late(&mut self, now_ms: i64) -> usize {
        let Some(bytes) = self.late.pop() else { return 0 };
        let (mut at, mut count) = (0, 0);
        while let Some((words, len)) = resp::command(&bytes[at..]) {
            self.answer(&words, now_ms);
            at += len;
            count += 1;
        }
        count
    }

    /// Nothing goes wrong from now on.
    pub fn heal(&mut self) {
        (self.refusing, self.cut) = (None, None);
        (self.held_until_ms, self.down_until_ms) = (0, 0);
    }
}

impl Default for Server {
    fn default() -> Self {
        Self::new()
    }
}

impl Peer {
    fn read(&mut self) -> bool {
        let mut busy = false;
        let mut bytes = [0; 16 << 10];
        while !self.is_over {
            match self.stream.read(&mut bytes) {
                Ok(0) => self.is_over = true,
                Ok(count) => {
                    self.inbox.extend_from_slice(&bytes[..count]);
                    busy = true;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => self.is_over = true,
            }
        }
        busy
    }
}
