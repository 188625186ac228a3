use crate::Project;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A blocking HTTP/1.1 connection that knows no more than these tests need.
#[derive(Debug)]
pub struct Http {
    address: SocketAddr,
    stream: BufReader<TcpStream>,
}

/// One answer.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its header lines.
    pub headers: Vec<String>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The value of a header; empty if there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        let lines = self.headers.iter().filter_map(|line| line.split_once(':'));
        let mut found = lines.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        found.next().map_or("", |(_, value)| value.trim())
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("{error} in {} {}", self.status, String::from_utf8_lossy(&self.body))
        })
    }
}

impl Http {
    /// Connects.
    ///
    /// # Panics
    /// If nobody listens.
    #[must_use]
    pub fn connect(address: SocketAddr) -> Self {
        Self::try_connect(address).expect("somebody listens")
    }

    /// Connects, if somebody listens. Where nobody does yet, a connection on loopback may be given the
    /// very port it asks for as its own, and reach itself; that is nobody.
    ///
    /// # Panics
    /// If the system refuses an option.
    #[must_use]
    pub fn try_connect(address: SocketAddr) -> Option<Self> {
        let stream = TcpStream::connect(address).ok()?;
        if stream.local_addr().ok()? == address {
            return None;
        }
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout can be set");
        stream.set_nodelay(true).expect("an option can be set");
        Some(Self { address, stream: BufReader::new(stream) })
    }

    /// `GET` with a bearer token (may be empty).
    ///
    /// # Panics
    /// If the connection breaks.
    pub fn get(&mut self, path: &str, token: &str) -> Answer {
        let headers = if token.is_empty() {
            String::new()
        } else {
            format!("authorization: Bearer {token}\r\n")
        };
        self.send("GET", path, &headers, b"").expect("the collector answers")
    }

    /// `GET` without a token; `None` if the connection broke, as it does when the collector has hardly begun.
    pub fn try_get(&mut self, path: &str) -> Option<Answer> {
        self.send("GET", path, "", b"")
    }

    /// `POST /v1/batch` with the tests' write key; `None` if the connection broke, as it does when
    /// the collector is killed.
    pub fn batch(&mut self, body: &str) -> Option<Answer> {
        let key =
            format!("content-type: application/json\r\nx-write-key: {}\r\n", Project::WRITE_KEY);
        self.send("POST", "/v1/batch", &key, body.as_bytes())
    }

    /// A request with the tests' admin token.
    ///
    /// # Panics
    /// If the connection breaks.
    pub fn admin(&mut self, method: &str, path: &str, body: &str) -> Answer {
        let token = format!("authorization: Bearer {}\r\n", Project::ADMIN_TOKEN);
        self.send(method, path, &token, body.as_bytes()).expect("the collector answers")
    }

    /// Any request; `headers` are whole lines.
    pub fn send(&mut self, method: &str, path: &str, headers: &str, body: &[u8]) -> Option<Answer> {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\n{headers}content-length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        let stream = self.stream.get_mut();
        stream.write_all(head.as_bytes()).ok()?;
        stream.write_all(body).ok()?;
        self.answer(method)
    }

    fn answer(&mut self, method: &str) -> Option<Answer> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let line = line.trim_end().to_owned();
            if line.is_empty() {
                break;
            }
            lines.push(line);
        }
        let status = lines.first()?.split(' ').nth(1)?.parse().ok()?;
        let length = lines.iter().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse::<usize>().ok())?
        });
        // The head of an answer without a body tells the length of the one with it.
        let is_bare = method == "HEAD" || status == 304;
        let mut body = vec![0; length.filter(|_| !is_bare).unwrap_or(0)];
        self.stream.read_exact(&mut body).ok()?;
        Some(Answer { status, headers: lines, body })
    }
}
