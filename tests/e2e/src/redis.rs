use crate::collector::free_port;
use crate::until;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A blocking RESP2 connection.
#[derive(Debug)]
pub struct Resp {
    stream: BufReader<TcpStream>,
}

/// One reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// `+…`
    Simple(String),
    /// `-…`
    Error(String),
    /// `:…`
    Integer(i64),
    /// `$…`; `None` is the null bulk string.
    Bulk(Option<String>),
    /// `*…`
    Array(Vec<Reply>),
}

impl Reply {
    /// The items of an array.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    pub fn items(self) -> Vec<Self> {
        match self {
            Self::Array(items) => items,
            other => panic!("expected an array, got {other:?}"),
        }
    }

    /// The text of a bulk string.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    pub fn text(self) -> String {
        match self {
            Self::Bulk(Some(text)) => text,
            other => panic!("expected text, got {other:?}"),
        }
    }
}

impl Resp {
    /// Connects.
    ///
    /// # Panics
    /// If nobody listens.
    #[must_use]
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("somebody listens");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout can be set");
        Self { stream: BufReader::new(stream) }
    }

    /// Sends one command and reads its reply.
    ///
    /// # Panics
    /// If the connection breaks.
    pub fn ask(&mut self, words: &[&str]) -> Reply {
        let mut command = format!("*{}\r\n", words.len());
        for word in words {
            command.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        self.stream.get_mut().write_all(command.as_bytes()).expect("the server takes commands");
        self.reply()
    }

    fn reply(&mut self) -> Reply {
        let line = self.line();
        let (kind, rest) = line.split_at(1);
        let number = || rest.parse::<i64>().expect("a number");
        match kind {
            "+" => Reply::Simple(rest.to_owned()),
            "-" => Reply::Error(rest.to_owned()),
            ":" => Reply::Integer(number()),
            "$" => Reply::Bulk(usize::try_from(number()).ok().map(|len| {
                let mut bytes = vec![0; len + 2];
                self.stream.read_exact(&mut bytes).expect("the rest comes");
                bytes.truncate(len);
                String::from_utf8(bytes).expect("UTF-8")
            })),
            "*" => Reply::Array((0..number()).map(|_| self.reply()).collect()),
            _ => panic!("not a reply: {line}"),
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("the server answers");
        line.trim_end().to_owned()
    }
}

/// A real redis-server without persistence, on a free port.
#[derive(Debug)]
pub struct RedisServer {
    child: Option<Child>,
    /// Where it listens.
    pub address: SocketAddr,
}

impl RedisServer {
    /// Starts one.
    ///
    /// # Panics
    /// If redis-server is not installed.
    #[must_use]
    pub fn start() -> Self {
        let mut server = Self { child: None, address: free_port() };
        server.restart();
        server
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}/", self.address)
    }

    /// Starts it again, empty.
    ///
    /// # Panics
    /// If redis-server is not installed.
    pub fn restart(&mut self) {
        let child = Command::new("redis-server")
            .args(["--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--port"])
            .arg(self.address.port().to_string())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed (apt-get install redis-server)");
        self.child = Some(child);
        let address = self.address;
        until("redis-server", || {
            TcpStream::connect(address).ok()?;
            (Resp::connect(address).ask(&["PING"]) == Reply::Simple("PONG".to_owned()))
                .then_some(())
        });
    }

    /// Kills it.
    ///
    /// # Panics
    /// If it was not running.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().expect("it can be killed");
        child.wait().expect("it can be waited for");
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.kill();
        }
    }
}
