//! A network that cannot be relied on: an HTTP/1.1 proxy on loopback that draws for each request what
//! becomes of it. It speaks just enough HTTP for the SDK: a head, a body of a known length.
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// What may become of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is answered.
    Passed,
    /// The connection ends before the collector sees any of it.
    CutBefore,
    /// Half of it reaches the collector.
    CutWithin,
    /// The collector answers, nobody hears it.
    AnswerLost,
    /// Half of the answer comes back.
    AnswerCut,
    /// It reaches the collector twice; the second answer comes back.
    Doubled,
    /// It is answered after a second.
    Slow,
    /// A captive portal answers, with 200 and a page.
    Portal,
    /// A proxy answers for the collector, with 503 and the wish to wait a second.
    Unavailable,
    /// A proxy answers with 502 after the collector has taken it.
    BadGateway,
    /// It is sent elsewhere.
    Redirected,
}

const FATES: [(Fate, u64); 11] = [
    (Fate::Passed, 55),
    (Fate::CutBefore, 6),
    (Fate::CutWithin, 5),
    (Fate::AnswerLost, 7),
    (Fate::AnswerCut, 5),
    (Fate::Doubled, 6),
    (Fate::Slow, 3),
    (Fate::Portal, 4),
    (Fate::Unavailable, 3),
    (Fate::BadGateway, 3),
    (Fate::Redirected, 3),
];

/// The proxy, until it is dropped.
#[derive(Debug)]
pub struct Proxy {
    /// Where clients connect.
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    upstream: SocketAddr,
    state: AtomicU64,
    calm: AtomicBool,
    stop: AtomicBool,
    met: [AtomicU64; FATES.len()],
}

impl Proxy {
    /// Starts one in front of `upstream`, drawing from `seed`.
    ///
    /// # Panics
    /// If loopback has no free port.
    #[must_use]
    pub fn start(upstream: SocketAddr, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            upstream,
            state: AtomicU64::new(seed),
            calm: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            met: Default::default(),
        });
        let ours = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if ours.stop.load(Ordering::Relaxed) {
                    break;
                }
                let shared = Arc::clone(&ours);
                // What fails here is what is being simulated.
                std::thread::spawn(move || client.ok().and_then(|client| shared.serve(client)));
            }
        });
        Self { address, shared }
    }

    /// From now on every request is passed.
    pub fn calm_down(&self) {
        self.shared.calm.store(true, Ordering::Relaxed);
    }

    /// Fates that were never met although so many requests came that ten should have been.
    #[must_use]
    pub fn missed(&self) -> Vec<Fate> {
        let met = self.met();
        let all: u64 = met.iter().map(|(_, times)| times).sum();
        let expected = FATES.iter().map(|(_, weight)| all * weight / 100);
        let missed = met.iter().zip(expected).filter(|((_, times), due)| *times == 0 && *due >= 10);
        missed.map(|((fate, _), _)| *fate).collect()
    }

    /// How often each fate was met.
    #[must_use]
    pub fn met(&self) -> Vec<(Fate, u64)> {
        let counts = self.shared.met.iter().map(|count| count.load(Ordering::Relaxed));
        FATES.iter().map(|(fate, _)| *fate).zip(counts).collect()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        // The listener is waiting; one more connection wakes it.
        TcpStream::connect(self.address).ok();
    }
}

impl Shared {
    /// Serves one connection until a fate ends it.
    fn serve(&self, client: TcpStream) -> Option<()> {
        client.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
        let mut reader = BufReader::new(client.try_clone().ok()?);
        loop {
            let request = read_message(&mut reader)?;
            let kept = self.meet(&request, &client);
            if kept.is_none() || self.stop.load(Ordering::Relaxed) {
                client.shutdown(Shutdown::Both).ok();
                return None;
            }
        }
    }

    /// Lets one request meet its fate; `None` ends the connection.
    fn meet(&self, request: &[u8], mut client: &TcpStream) -> Option<()> {
        let fate = self.draw();
        let half = |bytes: &[u8]| bytes.get(..bytes.len() / 2).unwrap_or_default().to_vec();
        match fate {
            Fate::CutBefore => return None,
            Fate::CutWithin => {
                TcpStream::connect(self.upstream).ok()?.write_all(&half(request)).ok()?;
                return None;
            }
            Fate::AnswerLost => {
                self.ask(request);
                return None;
            }
            Fate::AnswerCut => {
                client.write_all(&half(&self.ask(request)?)).ok()?;
                return None;
            }
            Fate::Portal => {
                answer(client, "200 OK", "text/html", "", "<html>Welcome aboard</html>")?
            }
            Fate::Unavailable => {
                answer(client, "503 No", "text/plain", "Retry-After: 1\r\n", "busy")?
            }
            Fate::Redirected => {
                answer(client, "302 Found", "text/html", "Location: http://127.0.0.1:1/\r\n", "")?;
            }
            Fate::BadGateway => {
                self.ask(request);
                answer(client, "502 Bad Gateway", "text/html", "", "<html>oops</html>")?;
            }
            Fate::Passed | Fate::Doubled | Fate::Slow => {
                if fate == Fate::Doubled {
                    self.ask(request);
                }
                if fate == Fate::Slow {
                    std::thread::sleep(Duration::from_secs(1));
                }
                client.write_all(&self.ask(request)?).ok()?;
            }
        }
        Some(())
    }

    /// One exchange with the collector; `None` if it does not answer.
    fn ask(&self, request: &[u8]) -> Option<Vec<u8>> {
        let mut upstream = TcpStream::connect(self.upstream).ok()?;
        upstream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
        upstream.write_all(request).ok()?;
        read_message(&mut BufReader::new(upstream))
    }

    fn draw(&self) -> Fate {
        // A Weyl sequence through the finaliser of splitmix64.
        let mut word = self.state.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        let mut left =
            if self.calm.load(Ordering::Relaxed) { 0 } else { (word ^ word >> 31) % 100 };
        for ((fate, weight), met) in FATES.iter().zip(&self.met) {
            if left < *weight {
                met.fetch_add(1, Ordering::Relaxed);
                return *fate;
            }
            left -= weight;
        }
        Fate::Passed
    }
}

fn answer(
    mut client: &TcpStream,
    status: &str,
    media: &str,
    headers: &str,
    body: &str,
) -> Option<()> {
    let len = body.len();
    let text = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {media}\r\nContent-Length: {len}\r\n{headers}\r\n{body}"
    );
    client.write_all(text.as_bytes()).ok()
}

/// A head and the body that its `Content-Length` announces, as they came.
fn read_message(reader: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut message = Vec::new();
    let mut body = 0usize;
    loop {
        let start = message.len();
        if reader.read_until(b'\n', &mut message).ok()? == 0 {
            return None;
        }
        let line = String::from_utf8_lossy(message.get(start..)?).to_ascii_lowercase();
        if let Some(len) = line.strip_prefix("content-length:") {
            body = len.trim().parse().ok()?;
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let head = message.len();
    message.resize(head + body, 0);
    reader.read_exact(message.get_mut(head..)?).ok()?;
    Some(message)
}
