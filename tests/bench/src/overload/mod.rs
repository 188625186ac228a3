//! Overload, as a program: what the collector can take is found out, then up to ten times that is
//! offered, at a rate that does not wait for answers; then it is let go, and looked how soon it is
//! as before. At the end every acknowledged event is in the log, each once.
//!
//! On a machine of two cores the load and the collector are bound to one each, or they would measure
//! each other.
mod bodies;
mod hot;
mod open;
mod subject;
mod tenants;

use crate::load::{percentile, settle};
use anyhow::{Context as _, bail};
use bodies::{Pool, Shape};
use open::{Outcome, Step, Told};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use subject::Subject;

/// Offers up to ten times what the collector can take, and looks what becomes of it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The collector's binary.
    #[arg(long, value_name = "FILE")]
    collector: PathBuf,
    /// Seconds of each step.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Events of a batch.
    #[arg(long, default_value_t = 100)]
    events: usize,
    /// Bytes of further text in each event, which compress to nothing: 2 500 events with 3 000 are a
    /// body at the limit.
    #[arg(long, default_value_t = 0)]
    pad: usize,
    /// Persons among whom events are spread.
    #[arg(long, default_value_t = 100_000)]
    persons: u64,
    /// Connections at once.
    #[arg(long, default_value_t = 512)]
    connections: usize,
    /// The collector's cap of memory, where control groups of version 1 can be made; 0 is none.
    #[arg(long, default_value_t = 2_048)]
    memory_mib: u64,
    /// The cores of the collector and of the load.
    #[arg(long, value_delimiter = ',', default_value = "0,1")]
    cores: Vec<usize>,
    /// Seconds for which the collector stands still once, while requests go on to be due.
    #[arg(long, default_value_t = 10)]
    outage: u64,
    /// A hot project beside a quiet one instead.
    #[arg(long)]
    tenants: bool,
    /// One person who does as much as many, beside others, instead.
    #[arg(long, conflicts_with = "tenants")]
    hot_person: bool,
}

/// Steps, in multiples of what it can take.
const STEPS: [f64; 4] = [1.0, 2.0, 5.0, 10.0];
/// Connections of the closed loop that finds out what it can take: enough that no flush of the disk is
/// waited for by all.
const CLOSED_CONNECTIONS: usize = 64;
/// What is normal load.
const NORMAL: f64 = 0.7;
/// How long the collector may take to be as before.
const RECOVERY_MAX: Duration = Duration::from_secs(30);

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let &[core, own] = args.cores.as_slice() else { bail!("--cores takes two") };
    subject::pin(own)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        if args.tenants {
            tenants::run(args, core).await
        } else if args.hot_person {
            hot::run(args, core).await
        } else {
            overload(args, core).await
        }
    })
}

/// What is measured of all steps.
struct Run {
    http: SocketAddr,
    pool: Arc<Pool>,
    events: u64,
    connections: usize,
    acked: u64,
    unsure: Vec<bytes::Bytes>,
}

async fn overload(args: &Args, core: usize) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (http, resp) = (crate::report::free_port()?, crate::report::free_port()?);
    let config = folder.path().join("overload.toml");
    std::fs::write(&config, crate::report::configuration(folder.path(), (http, resp), ""))?;
    let cap = (args.memory_mib > 0).then_some(args.memory_mib);
    let subject = Subject::start(&args.collector, &config, http, (Some(core), cap))?;
    let shape = Shape { events: args.events, pad: args.pad, persons: args.persons };
    let pool = Arc::new(Pool::new(shape));
    let (events, connections) = (args.events as u64, args.connections);
    let mut run = Run { http, pool, events, connections, acked: 0, unsure: Vec::new() };
    let capacity = run.capacity(Duration::from_secs(args.seconds.min(20))).await?;
    line(&format!(
        "capacity: {:.0} events/s in batches of {events} ({capacity:.0} requests/s), collector on core {core}, load \
         on another, memory cap {}",
        capacity * events as f64,
        if subject.is_capped() { format!("{} MiB", args.memory_mib) } else { "none".to_owned() }
    ))?;
    let seconds = Duration::from_secs(args.seconds);
    let before = run.step("0.7x before", NORMAL * capacity, seconds, capacity).await?;
    settle(http).await?;
    for times in STEPS {
        run.step(&format!("{times}x"), times * capacity, seconds, capacity).await?;
    }
    let after = run.step("0.7x after", NORMAL * capacity, RECOVERY_MAX, capacity).await?;
    recovered(&before, &after)?;
    settle(http).await?;
    if args.outage > 0 {
        run.outage(&subject, Duration::from_secs(args.outage), capacity).await?;
    }
    run.check().await?;
    let memory = subject.end()?;
    let every = memory.len().div_ceil(20).max(1);
    let curve: Vec<String> = memory.iter().step_by(every).map(u64::to_string).collect();
    let most = memory.iter().max().copied().unwrap_or(0);
    line(&format!("resident MiB, each {every} s: {}; at most {most}", curve.join(" ")))
}

impl Run {
    /// Requests a second that are accepted and folded, with a queue that is never empty and short.
    async fn capacity(&mut self, duration: Duration) -> anyhow::Result<f64> {
        let closed = Step {
            address: self.http,
            write_key: "wk_bench",
            connections: CLOSED_CONNECTIONS,
            rate: None,
            duration: Duration::from_secs(2),
        };
        // The first seconds are not those that follow: persons are new, files are made.
        self.pool.fill(4_000);
        let first = open::run(closed, &self.pool).await?;
        let rate = first.times(|status| status == 200).len() as f64 / first.wall.as_secs_f64();
        self.take(first);
        self.pool.fill((rate * 2.0 * duration.as_secs_f64()) as usize + 100);
        settle(self.http).await?;
        let started = std::time::Instant::now();
        let found = open::run(Step { duration, ..closed }, &self.pool).await?;
        settle(self.http).await?;
        let capacity = found.times(|status| status == 200).len() as f64;
        let capacity = capacity / started.elapsed().as_secs_f64();
        self.take(found);
        if capacity < 1.0 { bail!("nothing was accepted") } else { Ok(capacity) }
    }

    /// One step at a rate, printed.
    async fn step(
        &mut self,
        what: &str,
        rate: f64,
        duration: Duration,
        capacity: f64,
    ) -> anyhow::Result<Outcome> {
        let most = rate.min(capacity * 1.3) * duration.as_secs_f64();
        self.pool.fill(most as usize + self.connections + 100);
        let (address, connections) = (self.http, self.connections);
        let step = Step { address, write_key: "wk_bench", connections, rate: Some(rate), duration };
        let mut outcome = open::run(step, &self.pool).await?;
        self.print(what, &outcome, (rate, capacity))?;
        let told = std::mem::take(&mut outcome.told);
        let kept = Outcome { told: told.clone(), wall: outcome.wall, ..Outcome::default() };
        self.take(Outcome { told, ..outcome });
        Ok(kept)
    }

    fn take(&mut self, outcome: Outcome) {
        let accepted = outcome.told.iter().filter(|told| told.status == 200).count();
        self.acked += accepted as u64 * self.events;
        self.unsure.extend(outcome.unsure);
    }

    fn print(
        &self,
        what: &str,
        outcome: &Outcome,
        (rate, capacity): (f64, f64),
    ) -> anyhow::Result<()> {
        let ms = |times: &[Duration], share| percentile(times, share).as_secs_f64() * 1e3;
        let accepted = outcome.times(|status| status == 200);
        let shed = outcome.times(|status| matches!(status, 429 | 503));
        let served = outcome.served(|status| matches!(status, 429 | 503));
        let others = outcome.told.len() - accepted.len() - shed.len() - outcome.unsure.len();
        let goodput = accepted.len() as f64 / outcome.wall.as_secs_f64();
        line(&format!(
            "{what}: offered {:.0} events/s ({rate:.0} requests/s), sent {:.0}; accepted {:.0} ({:.0} % of capacity); shed \
             {} requests; accepted p50 {:.1} ms, p99 {:.1} ms; shed p50 {:.1} ms, p99 {:.1} ms (from when it was sent {:.1} ms); no answer {}, other {others}, \
             without Retry-After {}, connections {}",
            rate * self.events as f64,
            outcome.told.len() as f64 / outcome.wall.as_secs_f64() * self.events as f64,
            goodput * self.events as f64,
            100.0 * goodput / capacity,
            shed.len(),
            ms(&accepted, 0.5),
            ms(&accepted, 0.99),
            ms(&shed, 0.5),
            ms(&shed, 0.99),
            ms(&served, 0.99),
            outcome.unsure.len(),
            outcome.unadvised,
            outcome.connected,
        ))?;
        if (outcome.told.len() as f64) < 0.95 * rate * outcome.wall.as_secs_f64() {
            line(
                "  (not all was sent when it was due: every connection was waiting; --connections has more)",
            )?;
        }
        Ok(())
    }

    /// The collector stands still; what was due meanwhile comes at once.
    async fn outage(
        &mut self,
        subject: &Subject,
        length: Duration,
        capacity: f64,
    ) -> anyhow::Result<()> {
        subject.signal("STOP")?;
        let pool = Arc::clone(&self.pool);
        pool.fill((capacity * (length.as_secs_f64() + 20.0)) as usize + self.connections);
        let step = Step {
            address: self.http,
            write_key: "wk_bench",
            connections: self.connections,
            rate: Some(NORMAL * capacity),
            duration: length + Duration::from_secs(20),
        };
        let load = tokio::spawn(async move { open::run(step, &pool).await });
        tokio::time::sleep(length).await;
        subject.signal("CONT")?;
        let outcome = load.await??;
        self.print(
            &format!("standing still for {} s, then all at once", length.as_secs()),
            &outcome,
            (NORMAL * capacity, capacity),
        )?;
        self.take(outcome);
        settle(self.http).await
    }

    /// What was not answered is sent until it is; then the log has every event that was acknowledged,
    /// each once.
    async fn check(&mut self) -> anyhow::Result<()> {
        let unsure = std::mem::take(&mut self.unsure);
        let again = unsure.len();
        let rest = Arc::new(Pool::new(Shape { events: 0, pad: 0, persons: 1 }));
        unsure.into_iter().for_each(|body| rest.put_back(body));
        let step = Step {
            address: self.http,
            write_key: "wk_bench",
            connections: 1,
            rate: None,
            duration: Duration::from_secs(60),
        };
        let outcome = open::run(step, &rest).await?;
        if outcome.told.iter().filter(|told| told.status == 200).count() != again {
            bail!("some requests were never answered");
        }
        self.take(outcome);
        settle(self.http).await?;
        let kept = counted(self.http, "rt_bench").await?;
        line(&format!(
            "acknowledged {} events ({again} requests sent again); the collector counts {kept}",
            self.acked
        ))?;
        if kept == self.acked { Ok(()) } else { bail!("events were lost, or counted twice") }
    }
}

/// Says how long it took until answers were as quick as before, second by second.
fn recovered(before: &Outcome, after: &Outcome) -> anyhow::Result<()> {
    let ok = |told: &&Told| told.status == 200;
    let normal = percentile(&before.times(|status| status == 200), 0.99);
    let of_second = |second: u64| {
        let told = after.told.iter().filter(|told| told.due.as_secs() == second);
        let (good, all) = (told.clone().filter(ok).count(), told.clone().count());
        let mut times: Vec<Duration> = told.filter(ok).map(|told| told.took).collect();
        times.sort_unstable();
        (percentile(&times, 0.99), all - good)
    };
    let is_normal = |second: &u64| {
        let (p99, refused) = of_second(*second);
        refused == 0 && p99 <= normal.max(Duration::from_millis(5)) * 2
    };
    let seconds = RECOVERY_MAX.as_secs();
    let since = (0..seconds).rev().take_while(is_normal).last();
    let (last, _) = of_second(seconds - 1);
    line(&format!(
        "normal p99 {:.1} ms; after the overload it is within twice that, and nothing is refused, from second {} on \
         (p99 of the last second {:.1} ms)",
        normal.as_secs_f64() * 1e3,
        since.map_or("(never)".to_owned(), |second| second.to_string()),
        last.as_secs_f64() * 1e3,
    ))
}

/// Activities that a project counts.
async fn counted(http: SocketAddr, token: &str) -> anyhow::Result<u64> {
    let mut sender = crate::load::connect(http).await?;
    let request = hyper::Request::get("/v1/summary")
        .header("host", "localhost")
        .header("authorization", format!("Bearer {token}"))
        .body(http_body_util::Full::default())?;
    let answer = sender.send_request(request).await?.into_body();
    let answer = http_body_util::BodyExt::collect(answer).await?.to_bytes();
    let summary: serde_json::Value = serde_json::from_slice(&answer)?;
    let events = summary["events"].as_object().context("a summary has events")?;
    Ok(events.values().filter_map(serde_json::Value::as_u64).sum())
}

fn line(text: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{text}")?;
    Ok(())
}
