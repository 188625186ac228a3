//! The load: some connections, each sending the next body as soon as the last was answered.
use crate::corpus::{BATCH_EVENTS, Corpus};
use anyhow::{Context as _, bail};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

/// How much, and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) connections: usize,
    pub(crate) duration: Duration,
    /// No more than this many.
    pub(crate) batches: usize,
}

/// What was achieved.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    pub(crate) events: u64,
    pub(crate) wall: Duration,
    /// Time of each request, sorted.
    pub(crate) latencies: Vec<Duration>,
}

impl Load {
    pub(crate) fn rate(&self) -> f64 {
        self.events as f64 / self.wall.as_secs_f64()
    }
}

pub(crate) async fn connect(address: SocketAddr) -> anyhow::Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

pub(crate) async fn post(
    sender: &mut SendRequest<Full<Bytes>>,
    path: &str,
    body: Bytes,
    gzip: bool,
) -> anyhow::Result<Bytes> {
    sender.ready().await?;
    let mut request = Request::post(path)
        .header("host", "localhost")
        .header("content-type", "application/json")
        .header("x-write-key", "wk_bench");
    if gzip {
        request = request.header("content-encoding", "gzip");
    }
    let response = sender.send_request(request.body(Full::new(body))?).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    if !status.is_success() {
        bail!("{status}: {}", String::from_utf8_lossy(&body));
    }
    Ok(body)
}

/// Sends bodies from `*next` on, each once, until the time is over or none is left.
pub(crate) async fn run(
    address: SocketAddr,
    plan: Plan,
    corpus: &Corpus,
    next: &AtomicUsize,
) -> anyhow::Result<Load> {
    let started = Instant::now();
    let end = next.load(Ordering::Relaxed).saturating_add(plan.batches);
    let one = async || -> anyhow::Result<Vec<Duration>> {
        let mut sender = connect(address).await?;
        let mut latencies = Vec::new();
        while started.elapsed() < plan.duration {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(body) = corpus.bodies.get(number).filter(|_| number < end) else {
                break;
            };
            let sent = Instant::now();
            let body = Bytes::copy_from_slice(body);
            post(&mut sender, "/v1/batch", body, true).await.context("a batch")?;
            latencies.push(sent.elapsed());
        }
        Ok(latencies)
    };
    let mut all = Vec::new();
    // One task drives all connections: the load must leave most of the machine to the server.
    let mut running: Vec<_> = (0..plan.connections).map(|_| Box::pin(one())).collect();
    for finished in join_all(&mut running).await {
        all.extend(finished?);
    }
    all.sort();
    Ok(Load { events: (all.len() * BATCH_EVENTS) as u64, wall: started.elapsed(), latencies: all })
}

/// Waits until a collector has made everything readable; a bare server has nothing to wait for.
pub(crate) async fn settle(address: SocketAddr) -> anyhow::Result<()> {
    loop {
        let mut sender = connect(address).await?;
        let request = Request::get("/v1/summary")
            .header("host", "localhost")
            .header("authorization", "Bearer rt_bench")
            .body(Full::default())?;
        let answer = sender.send_request(request).await?.into_body().collect().await?.to_bytes();
        let summary: serde_json::Value = serde_json::from_slice(&answer).unwrap_or_default();
        if summary["lag_ms"].as_i64().unwrap_or(0) == 0 {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Polls futures together until all are done.
async fn join_all<F: Future + Unpin>(futures: &mut [F]) -> Vec<F::Output> {
    let mut done: Vec<Option<F::Output>> = futures.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        let mut open = false;
        for (future, slot) in futures.iter_mut().zip(&mut done) {
            if slot.is_none() {
                match std::pin::Pin::new(future).poll(context) {
                    std::task::Poll::Ready(output) => *slot = Some(output),
                    std::task::Poll::Pending => open = true,
                }
            }
        }
        if open { std::task::Poll::Pending } else { std::task::Poll::Ready(()) }
    })
    .await;
    done.into_iter().flatten().collect()
}

/// The value below which a share of a sorted list lies.
pub(crate) fn percentile(sorted: &[Duration], share: f64) -> Duration {
    let last = sorted.len().saturating_sub(1);
    sorted.get(((last as f64) * share).round() as usize).copied().unwrap_or_default()
}
