//! One run: the bare servers, then the collector, then what the numbers say.
use crate::corpus::Corpus;
use crate::load::{self, Load, Plan, percentile};
use crate::probe;
use crate::process::Server;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

/// A server's load with the processor time that it took.
struct Measured {
    load: Load,
    cpu: f64,
}

impl Measured {
    fn per_cpu_second(&self) -> f64 {
        self.load.events as f64 / self.cpu.max(0.01)
    }
}

pub(crate) async fn run(collector: &Path, plan: Plan, corpus: &Corpus) -> anyhow::Result<()> {
    let events = corpus.bodies.len() * crate::corpus::BATCH_EVENTS;
    let packed: usize = corpus.bodies.iter().map(Vec::len).sum();
    line(&format!(
        "{events} events in batches of 100 ({}), {} B an event as JSON, {} B gzip'd",
        if corpus.hoisted { "hoisted" } else { "Segment-shaped" },
        corpus.raw_bytes / events,
        packed / events,
    ))?;
    let mut bare = Vec::new();
    for (mode, what) in [
        ("discard", "(a) bare hyper, reads"),
        ("parse", "(b) bare hyper, gunzips and parses"),
        ("tree", "(b') the same with serde_json's tree"),
    ] {
        let server = Server::bare(mode).await?;
        let next = AtomicUsize::new(corpus.warm);
        let measured = measure(&server, plan, corpus, &next).await?;
        print(what, &measured)?;
        server.end().await?;
        bare.push(measured.per_cpu_second());
    }
    let folder = tempfile::tempdir()?;
    let (http, resp) = (free_port()?, free_port()?);
    let config = folder.path().join("bench.toml");
    std::fs::write(&config, configuration(folder.path(), (http, resp), "lag_max = \"0s\""))?;
    let server = Server::collector(collector, &config, http).await?;
    line(&format!("collector: {:.0} MiB resident at start", server.rss_mib()?))?;
    let next = AtomicUsize::new(0);
    let meeting = measure(&server, Plan { batches: corpus.warm, ..plan }, corpus, &next).await?;
    print("collector, every person new", &meeting)?;
    line(&format!(
        "collector: {:.0} MiB resident with {} persons",
        server.rss_mib()?,
        corpus.persons
    ))?;
    // Some bodies are kept for the load beside which latency is probed.
    let most = Plan { batches: (corpus.bodies.len() - corpus.warm) * 4 / 5, ..plan };
    let measured = measure(&server, most, corpus, &next).await?;
    print("collector, 20 segments, fsync", &measured)?;
    line(&format!("collector: {:.0} MiB resident after it", server.rss_mib()?))?;
    let ours = measured.per_cpu_second();
    line(&format!(
        "per CPU-second: {:.1} % of (a), {:.1} % of (b), {:.1} % of (b')",
        100.0 * ours / bare[0],
        100.0 * ours / bare[1],
        100.0 * ours / bare[2],
    ))?;
    let quiet = probe::run(http, resp, Instant::now() + Duration::from_secs(4), "q").await?;
    latency("answer to readable, no other load", &quiet)?;
    let over = Instant::now() + plan.duration / 2;
    let busy_plan = Plan { connections: 1, duration: plan.duration / 2, batches: usize::MAX };
    let (busy, load) = tokio::join!(
        probe::run(http, resp, over, "b"),
        load::run(server.address, busy_plan, corpus, &next)
    );
    let load = load?;
    latency(&format!("answer to readable, beside {:.0} events/s", load.rate()), &busy?)?;
    server.end().await
}

async fn measure(
    server: &Server,
    plan: Plan,
    corpus: &Corpus,
    next: &AtomicUsize,
) -> anyhow::Result<Measured> {
    let before = server.cpu()?;
    let started = Instant::now();
    let mut load = load::run(server.address, plan, corpus, next).await?;
    // Sustained is what is readable, not what is answered; and what is committed after the last
    // answer belongs to the events too.
    load::settle(server.address).await?;
    load.wall = started.elapsed();
    tokio::time::sleep(Duration::from_secs(1)).await;
    Ok(Measured { load, cpu: server.cpu()? - before })
}

fn print(what: &str, measured: &Measured) -> anyhow::Result<()> {
    let load = &measured.load;
    line(&format!(
        "{what}: {:.0} events/s, {:.0} events per CPU-second; batch p50 {:.2} ms, p99 {:.2} ms",
        load.rate(),
        measured.per_cpu_second(),
        percentile(&load.latencies, 0.5).as_secs_f64() * 1e3,
        percentile(&load.latencies, 0.99).as_secs_f64() * 1e3,
    ))
}

fn latency(what: &str, sorted: &[Duration]) -> anyhow::Result<()> {
    let ms = |share| percentile(sorted, share).as_secs_f64() * 1e3;
    line(&format!(
        "{what}: p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms ({} probes)",
        ms(0.5),
        ms(0.99),
        ms(1.0),
        sorted.len()
    ))
}

fn line(text: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{text}")?;
    Ok(())
}

pub(crate) fn free_port() -> anyhow::Result<SocketAddr> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}

pub(crate) fn configuration(
    folder: &Path,
    (http, resp): (SocketAddr, SocketAddr),
    server: &str,
) -> String {
    let rules = include_str!("../segments.toml");
    format!(
        "[server]\nlisten = \"{http}\"\ndata_dir = \"{}\"\n{server}\n[redis]\nlisten = \"{resp}\"\n{rules}",
        folder.join("data").display()
    )
}
