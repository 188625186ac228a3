use crate::collector::free_port;
use crate::until;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
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
        Self::try_connect(address).expect("somebody listens")
    }

    /// Connects, if somebody listens.
    #[must_use]
    pub fn try_connect(address: SocketAddr) -> Option<Self> {
        let stream = TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
        Some(Self { stream: BufReader::new(stream) })
    }

    /// Sends one command and reads its reply.
    ///
    /// # Panics
    /// If the connection breaks.
    pub fn ask(&mut self, words: &[&str]) -> Reply {
        self.try_ask(words).expect("the server answers")
    }

    /// Sends one command and reads its reply; `None` if the connection breaks.
    pub fn try_ask(&mut self, words: &[&str]) -> Option<Reply> {
        let mut command = format!("*{}\r\n", words.len());
        for word in words {
            command.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        self.stream.get_mut().write_all(command.as_bytes()).ok()?;
        self.reply()
    }

    /// Waits no longer than this for a reply.
    ///
    /// # Panics
    /// If the system refuses.
    #[must_use]
    pub fn patient_for(self, time: Duration) -> Self {
        self.stream.get_ref().set_read_timeout(Some(time)).expect("a timeout can be set");
        self
    }

    fn reply(&mut self) -> Option<Reply> {
        let line = self.line()?;
        let (kind, rest) = line.split_at_checked(1)?;
        let number = || rest.parse::<i64>().ok();
        Some(match kind {
            "+" => Reply::Simple(rest.to_owned()),
            "-" => Reply::Error(rest.to_owned()),
            ":" => Reply::Integer(number()?),
            "$" => Reply::Bulk(match usize::try_from(number()?) {
                Ok(len) => {
                    let mut bytes = vec![0; len + 2];
                    self.stream.read_exact(&mut bytes).ok()?;
                    bytes.truncate(len);
                    Some(String::from_utf8(bytes).expect("UTF-8"))
                }
                Err(_) => None,
            }),
            "*" => {
                let items = (0..number()?).map(|_| self.reply());
                Reply::Array(items.collect::<Option<_>>()?)
            }
            _ => panic!("not a reply: {line}"),
        })
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line).ok().filter(|&read| read > 0)?;
        Some(line.trim_end().to_owned())
    }
}

/// A real redis-server on a free port, without persistence unless its options say otherwise.
#[derive(Debug)]
pub struct RedisServer {
    child: Option<Child>,
    folder: tempfile::TempDir,
    options: Vec<String>,
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
        Self::start_with(&[])
    }

    /// Starts one with further options, such as `["--appendonly", "yes"]`.
    ///
    /// # Panics
    /// If redis-server is not installed.
    #[must_use]
    pub fn start_with(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let options = options.iter().map(|&option| option.to_owned()).collect();
        let mut server = Self { child: None, folder, options, address: free_port() };
        server.restart();
        server
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}/", self.address)
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A connection to it.
    #[must_use]
    pub fn resp(&self) -> Resp {
        Resp::connect(self.address)
    }

    /// Asks it once, on a connection of its own.
    #[must_use]
    pub fn ask(&self, words: &[&str]) -> Reply {
        self.resp().ask(words)
    }

    /// Starts it again, with what its options let it keep, and waits until it answers.
    ///
    /// # Panics
    /// If redis-server is not installed.
    pub fn restart(&mut self) {
        self.launch();
        until("redis-server", || {
            let reply = Resp::try_connect(self.address)?.try_ask(&["PING"])?;
            (!matches!(&reply, Reply::Error(text) if text.starts_with("LOADING"))).then_some(())
        });
    }

    /// Starts it again without waiting.
    ///
    /// # Panics
    /// If redis-server is not installed.
    pub fn launch(&mut self) {
        self.launch_with(&[]);
    }

    /// Starts it again with options for this once, without waiting.
    ///
    /// # Panics
    /// If redis-server is not installed.
    pub fn launch_with(&mut self, more: &[&str]) {
        let child = Command::new("redis-server")
            .args(["--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--port"])
            .arg(self.address.port().to_string())
            .arg("--dir")
            .arg(self.folder.path())
            .args(&self.options)
            .args(more)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed (apt-get install redis-server)");
        self.child = Some(child);
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

    /// Sends it a signal, such as `STOP`, which leaves its connections open and silent, or `CONT`.
    ///
    /// # Panics
    /// If it does not run.
    pub fn signal(&self, name: &str) {
        let child = self.child.as_ref().expect("it runs").id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &child]).status();
        assert!(sent.expect("kill runs").success());
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.kill();
        }
    }
}
