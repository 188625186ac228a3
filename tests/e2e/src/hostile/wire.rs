//! A socket, and what comes back on it, without any opinion on what is right.
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// How long an answer may take that is to come at once; the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(20);
/// Longest answer that is read.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// A raw connection.
#[derive(Debug)]
pub struct Wire {
    /// The socket.
    pub stream: TcpStream,
    read: Vec<u8>,
}

/// An answer as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// Its status.
    pub status: u16,
    /// Its head.
    pub head: String,
    /// Its body.
    pub body: String,
}

impl Heard {
    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        let mut found = lines.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.trim())
    }

    /// The member `code` of a problem; empty if there is none.
    #[must_use]
    pub fn code(&self) -> String {
        let json: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_default();
        json["code"].as_str().unwrap_or_default().to_owned()
    }
}

impl Wire {
    /// Connects.
    ///
    /// # Panics
    /// If nobody listens.
    #[must_use]
    pub fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).expect("somebody listens"))
    }

    /// Connects from this address of the machine; `None` if that is refused.
    ///
    /// # Panics
    /// If the machine does not have the address.
    #[must_use]
    pub fn connect_from(from: IpAddr, address: SocketAddr) -> Option<Self> {
        use socket2::{Domain, Socket, Type};
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).ok()?;
        socket.bind(&SocketAddr::new(from, 0).into()).expect("an address of this machine");
        socket.connect(&address.into()).ok()?;
        Some(Self::over(socket.into()))
    }

    /// Takes a connection that is there.
    ///
    /// # Panics
    /// If the system refuses an option.
    #[must_use]
    pub fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("an option can be set");
        stream.set_read_timeout(Some(PATIENCE)).expect("an option can be set");
        stream.set_write_timeout(Some(PATIENCE)).expect("an option can be set");
        Self { stream, read: Vec::new() }
    }

    /// Sends all of it, or as much as the other side takes before it closes; whether it was all.
    pub fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Ends this half.
    pub fn end(&mut self) {
        // It may be over already.
        self.stream.shutdown(std::net::Shutdown::Write).ok();
    }

    /// Breaks the connection: what was not read is lost on both sides.
    ///
    /// # Panics
    /// If the system refuses an option.
    pub fn reset(self) {
        let socket = socket2::SockRef::from(&self.stream);
        socket.set_linger(Some(Duration::ZERO)).expect("an option can be set");
    }

    /// The next answer; `None` if the connection ended before it was whole.
    #[must_use]
    pub fn hear(&mut self) -> Option<Heard> {
        let head_end = loop {
            if let Some(at) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            self.more()?;
        };
        let head = String::from_utf8_lossy(self.read.get(..head_end)?).into_owned();
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let mut heard = Heard { status, head, body: String::new() };
        let length = heard.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        while self.read.len() < head_end + length {
            self.more()?;
        }
        heard.body = String::from_utf8_lossy(self.read.get(head_end..head_end + length)?).into();
        self.read.drain(..head_end + length);
        Some(heard)
    }

    /// What else comes until the other side closes; `None` if it does not, within this time.
    #[must_use]
    pub fn rest(&mut self, within: Duration) -> Option<Vec<u8>> {
        let end = Instant::now() + within;
        while Instant::now() < end {
            let left = end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            self.stream.set_read_timeout(Some(left)).ok()?;
            let mut piece = [0; 16 << 10];
            match self.stream.read(&mut piece) {
                Ok(0) => return Some(std::mem::take(&mut self.read)),
                Ok(count) => self.read.extend_from_slice(piece.get(..count)?),
                Err(error) if is_wait(&error) => return None,
                // Reset: closed with something of ours unread.
                Err(_) => return Some(std::mem::take(&mut self.read)),
            }
        }
        None
    }

    /// Reads exactly so many bytes; `None` if the connection ends before.
    #[must_use]
    pub fn take(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.read.len() < count {
            self.more()?;
        }
        Some(self.read.drain(..count).collect())
    }

    fn more(&mut self) -> Option<()> {
        let mut piece = [0; 16 << 10];
        let count = self.stream.read(&mut piece).ok()?;
        self.read.extend_from_slice(piece.get(..count)?);
        (count > 0 && self.read.len() < ANSWER_BYTES_MAX).then_some(())
    }
}

fn is_wait(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
}
