//! A collector of a few lines that answers as it is told to, on a port of the system's choice.
#![allow(dead_code, reason = "each test uses its part")]
use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What it does with one request.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// Takes the batch, as a collector does.
    Accept,
    /// Writes these bytes and closes the connection.
    Raw(Vec<u8>),
    /// Writes these bytes, then zeros until the other side has enough.
    Endless(Vec<u8>),
    /// Closes the connection without a word.
    Silence,
    /// Never answers.
    Hang,
}

/// One request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) connection: usize,
    pub(crate) line: String,
    /// In lower case.
    pub(crate) head: String,
    /// As it came over the wire.
    pub(crate) sent_bytes: usize,
    /// Decompressed.
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn message_ids(&self) -> Vec<String> {
        texts_after(&self.body, "\"messageId\":\"")
    }
}

#[derive(Debug, Default)]
struct Seen {
    script: VecDeque<Answer>,
    requests: Vec<Request>,
    connections: usize,
    written_bytes: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct Stub {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

impl Stub {
    /// Answers the first requests as told, and accepts all later ones.
    pub(crate) fn start(script: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let seen = Seen { script: script.into_iter().collect(), ..Seen::default() };
        let stub = Self { address, seen: Arc::new(Mutex::new(seen)) };
        let serving = stub.clone();
        std::thread::spawn(move || {
            for (connection, stream) in listener.incoming().flatten().enumerate() {
                let stub = serving.clone();
                stub.seen.lock().unwrap().connections += 1;
                // The other side may go at any moment.
                std::thread::spawn(move || stub.serve(connection, &stream).ok());
            }
        });
        stub
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.seen.lock().unwrap().requests.clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.lock().unwrap().connections
    }

    /// Bytes of endless answers that found a taker.
    pub(crate) fn written_bytes(&self) -> usize {
        self.seen.lock().unwrap().written_bytes
    }

    fn serve(&self, connection: usize, stream: &TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream);
        loop {
            let request = read_request(connection, &mut reader)?;
            let batch_id = texts_after(&request.body, "\"batchId\":\"").pop().unwrap_or_default();
            let accepted = request.message_ids().len();
            let answer = {
                let mut seen = self.seen.lock().unwrap();
                seen.requests.push(request);
                seen.script.pop_front().unwrap_or(Answer::Accept)
            };
            match answer {
                Answer::Accept => {
                    let reply = format!(
                        "{{\"success\":true,\"batchId\":\"{batch_id}\",\"accepted\":{accepted},\"duplicates\":0,\
                         \"rejected\":[],\"receivedAt\":\"2026-11-22T10:00:00.000Z\"}}"
                    );
                    let mut stream = stream;
                    stream.write_all(&http("200 OK", "application/json", "", reply.as_bytes()))?;
                }
                Answer::Raw(bytes) => {
                    let mut stream = stream;
                    return stream.write_all(&bytes);
                }
                Answer::Endless(head) => {
                    let mut stream = stream;
                    stream.write_all(&head)?;
                    while stream.write_all(&[b' '; 65_536]).is_ok() {
                        self.seen.lock().unwrap().written_bytes += 65_536;
                    }
                    return Ok(());
                }
                Answer::Silence => return Ok(()),
                Answer::Hang => loop {
                    std::thread::park();
                },
            }
        }
    }
}

/// A whole answer.
pub(crate) fn http(status: &str, content_type: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\n{headers}content-length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

fn read_request(connection: usize, reader: &mut BufReader<&TcpStream>) -> std::io::Result<Request> {
    let (mut line, mut head) = (String::new(), String::new());
    if reader.read_line(&mut line)? == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    while reader.read_line(&mut head)? > 2 {}
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut sent = vec![0; length.and_then(|length| length.trim().parse().ok()).unwrap_or(0)];
    reader.read_exact(&mut sent)?;
    let mut body = String::new();
    if head.contains("content-encoding: gzip") {
        flate2::read::GzDecoder::new(sent.as_slice()).read_to_string(&mut body)?;
    } else {
        body = String::from_utf8_lossy(&sent).into_owned();
    }
    Ok(Request { connection, line: line.trim().to_owned(), head, sent_bytes: sent.len(), body })
}

fn texts_after(body: &str, mark: &str) -> Vec<String> {
    let places = body.split(mark).skip(1);
    places.filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
}

/// Waits for something that happens in another thread, at most half a minute.
pub(crate) fn until(what: &str, mut happened: impl FnMut() -> bool) {
    let started = Instant::now();
    while !happened() {
        assert!(started.elapsed() < Duration::from_secs(30), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
