//! An open loop: requests are due at a fixed rate, whether or not earlier ones were answered, and
//! each is timed from when it was due. Enough connections are open that none waits for another.
use crate::overload::bodies::Pool;
use anyhow::Context as _;
use bytes::Bytes;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

/// How long an answer is waited for.
const ANSWER_MAX: Duration = Duration::from_secs(70);

/// One step of load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) address: SocketAddr,
    pub(crate) write_key: &'static str,
    pub(crate) connections: usize,
    /// Requests a second; `None` is a closed loop: the next as soon as the last was answered.
    pub(crate) rate: Option<f64>,
    pub(crate) duration: Duration,
}

/// An answer: when it was due, after the step began; how long it took from then on, and from when it was
/// sent; its status, 0 if there was none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    pub(crate) due: Duration,
    pub(crate) took: Duration,
    pub(crate) served: Duration,
    pub(crate) status: u16,
}

/// What came of a step.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) told: Vec<Told>,
    /// Requests without an answer: whether their events are in the log is not known.
    pub(crate) unsure: Vec<Bytes>,
    /// Connections opened.
    pub(crate) connected: u64,
    /// `Retry-After` was missing on so many refusals.
    pub(crate) unadvised: u64,
    /// The time for which there was load.
    pub(crate) wall: Duration,
}

impl Outcome {
    /// Times of the answers with a status that is asked for, sorted.
    pub(crate) fn times(&self, wanted: impl Fn(u16) -> bool) -> Vec<Duration> {
        self.sorted(wanted, |told| told.took)
    }

    /// The same from when they were sent: what waited for a free connection of the load's own is not in it.
    pub(crate) fn served(&self, wanted: impl Fn(u16) -> bool) -> Vec<Duration> {
        self.sorted(wanted, |told| told.served)
    }

    fn sorted(
        &self,
        wanted: impl Fn(u16) -> bool,
        time: impl Fn(&Told) -> Duration,
    ) -> Vec<Duration> {
        let told = self.told.iter().filter(|told| wanted(told.status));
        let mut times: Vec<Duration> = told.map(time).collect();
        times.sort_unstable();
        times
    }
}

struct Shared {
    step: Step,
    pool: Arc<Pool>,
    start: Instant,
    next: AtomicU64,
    outcome: Mutex<Outcome>,
}

/// Runs a step; bodies that were not accepted go back to the pool.
pub(crate) async fn run(step: Step, pool: &Arc<Pool>) -> anyhow::Result<Outcome> {
    let (start, next) = (Instant::now(), AtomicU64::new(0));
    let (pool, outcome) = (Arc::clone(pool), Mutex::default());
    let shared = Arc::new(Shared { step, pool, start, next, outcome });
    let mut senders = JoinSet::new();
    for _ in 0..step.connections {
        let shared = Arc::clone(&shared);
        senders.spawn(async move { shared.send_all().await });
    }
    while let Some(ended) = senders.join_next().await {
        ended?;
    }
    let wall = start.elapsed().min(step.duration);
    let mut outcome = shared.outcome();
    Ok(Outcome { wall, ..std::mem::take(&mut *outcome) })
}

impl Shared {
    fn outcome(&self) -> MutexGuard<'_, Outcome> {
        self.outcome.lock().expect("nobody panics with it")
    }

    async fn send_all(&self) {
        let mut wire = None;
        while let Some(due) = self.due() {
            sleep_until(due).await;
            let Some(body) = self.pool.take() else { return };
            let sent = Instant::now();
            let answer = timeout(ANSWER_MAX, self.send(&mut wire, &body)).await;
            let answer = answer.ok().and_then(Result::ok);
            if answer.is_none_or(|answer| !answer.kept) {
                wire = None;
            }
            let Answer { status, advised, .. } = answer.unwrap_or(Answer::NONE);
            let mut outcome = self.outcome();
            outcome.unadvised += u64::from(matches!(status, 429 | 503) && !advised);
            match status {
                0 => outcome.unsure.push(body),
                200 => {}
                _ => self.pool.put_back(body),
            }
            let (took, served) = (due.elapsed(), sent.elapsed());
            let told = Told { due: due - self.start, took, served, status };
            outcome.told.push(told);
        }
    }

    /// When the next request is due, unless that is after the end.
    fn due(&self) -> Option<Instant> {
        let Step { rate, duration, .. } = self.step;
        let Some(rate) = rate else {
            return (self.start.elapsed() < duration).then(Instant::now);
        };
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let after = Duration::from_secs_f64(number as f64 / rate);
        (after < duration).then(|| self.start + after)
    }

    async fn send(&self, wire: &mut Option<Wire>, body: &Bytes) -> anyhow::Result<Answer> {
        let wire = match wire {
            Some(wire) => wire,
            None => {
                let stream = TcpStream::connect(self.step.address).await?;
                stream.set_nodelay(true)?;
                self.outcome().connected += 1;
                wire.insert(Wire { stream, bytes: Vec::new() })
            }
        };
        wire.request(self.step.write_key, body).await
    }
}

/// What is read of an answer.
#[derive(Debug, Clone, Copy)]
struct Answer {
    status: u16,
    /// Whether it says when to come again.
    advised: bool,
    /// Whether the connection may be used again.
    kept: bool,
}

impl Answer {
    const NONE: Self = Self { status: 0, advised: true, kept: false };
}

/// A connection that speaks no more HTTP than is needed.
struct Wire {
    stream: TcpStream,
    bytes: Vec<u8>,
}

impl Wire {
    async fn request(&mut self, key: &str, body: &Bytes) -> anyhow::Result<Answer> {
        let Self { stream, bytes } = self;
        bytes.clear();
        let head = format!(
            "POST /v1/batch HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             content-encoding: gzip\r\nx-write-key: {key}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        bytes.extend_from_slice(head.as_bytes());
        bytes.extend_from_slice(body);
        stream.write_all(bytes).await?;
        bytes.clear();
        let head_end = loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            anyhow::ensure!(stream.read_buf(bytes).await? > 0, "the connection ended");
        };
        let head = String::from_utf8_lossy(&bytes[..head_end]).to_ascii_lowercase();
        let status = head.get(9..12).context("a status line")?.parse()?;
        let value = |name: &str| {
            let line = head.lines().find_map(|line| line.strip_prefix(name));
            line.map(|rest| rest.trim().to_owned())
        };
        let length: usize = value("content-length:").unwrap_or_default().parse().unwrap_or(0);
        while bytes.len() < head_end + length {
            anyhow::ensure!(stream.read_buf(bytes).await? > 0, "the connection ended");
        }
        let kept = value("connection:").as_deref() != Some("close");
        Ok(Answer { status, advised: value("retry-after:").is_some(), kept })
    }
}
