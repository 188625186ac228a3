//! A hot project beside a quiet one: the hot one sends twenty times its quota, and the quiet one's
//! answers are to come as soon as when it is alone.
use super::bodies::{Pool, Shape};
use super::open::{self, Outcome, Step};
use super::subject::Subject;
use super::{Args, line};
use crate::load::percentile;
use std::sync::Arc;
use std::time::Duration;

/// Events a second that each project may send.
const QUOTA: u32 = 2_000;
/// Requests a second of the quiet project, ten events each.
const QUIET_RATE: f64 = 50.0;

pub(crate) async fn run(args: &Args, core: usize) -> anyhow::Result<()> {
    for (what, quota) in [("with quotas", Some(QUOTA)), ("without quotas", None)] {
        let folder = tempfile::tempdir()?;
        let http = crate::report::free_port()?;
        let config = folder.path().join("tenants.toml");
        std::fs::write(&config, configuration(folder.path(), http, quota))?;
        let subject = Subject::start(&args.collector, &config, http, (Some(core), None))?;
        let quiet = Step {
            address: http,
            write_key: "wk_quiet",
            connections: 64,
            rate: Some(QUIET_RATE),
            duration: Duration::from_secs(args.seconds),
        };
        let hot_rate = 20.0 * f64::from(QUOTA) / args.events as f64;
        let hot = Step { write_key: "wk_hot", connections: 128, rate: Some(hot_rate), ..quiet };
        let (few, many) = (pool(10, 1_000), pool(args.events, args.persons));
        let seconds = quiet.duration.as_secs_f64();
        few.fill((QUIET_RATE * seconds) as usize * 3 + 100);
        many.fill((hot_rate * seconds * if quota.is_some() { 0.1 } else { 1.0 }) as usize + 500);
        let warm = Step { duration: Duration::from_secs(2), ..quiet };
        open::run(warm, &few).await?;
        let alone = open::run(quiet, &few).await?;
        print(&format!("{what}, the quiet project alone"), &alone)?;
        let heat = tokio::spawn(async move { open::run(hot, &many).await });
        let beside = open::run(quiet, &few).await?;
        print(&format!("{what}, the hot project"), &heat.await??)?;
        print(&format!("{what}, the quiet project beside it"), &beside)?;
        let p99 = |outcome: &Outcome| percentile(&outcome.times(|s| s == 200), 0.99).as_secs_f64();
        line(&format!(
            "{what}, the quiet project's p99 changes by {:+.0} %",
            100.0 * (p99(&beside) / p99(&alone) - 1.0)
        ))?;
        subject.end()?;
    }
    Ok(())
}

fn pool(events: usize, persons: u64) -> Arc<Pool> {
    Arc::new(Pool::new(Shape { events, pad: 0, persons }))
}

fn print(what: &str, outcome: &Outcome) -> anyhow::Result<()> {
    let accepted = outcome.times(|status| status == 200);
    let limited = outcome.times(|status| status == 429);
    let shed = outcome.times(|status| status == 503);
    let ms = |times: &[Duration], share| percentile(times, share).as_secs_f64() * 1e3;
    line(&format!(
        "{what}: {:.0} requests/s; 200 {} (p50 {:.2} ms, p99 {:.2} ms), 429 {} (p99 {:.2} ms), 503 {} (p99 {:.2} ms), no \
         answer {}",
        outcome.told.len() as f64 / outcome.wall.as_secs_f64(),
        accepted.len(),
        ms(&accepted, 0.5),
        ms(&accepted, 0.99),
        limited.len(),
        ms(&limited, 0.99),
        shed.len(),
        ms(&shed, 0.99),
        outcome.unsure.len(),
    ))
}

fn configuration(
    folder: &std::path::Path,
    http: std::net::SocketAddr,
    quota: Option<u32>,
) -> String {
    let project = |name: &str| {
        let quota = quota
            .map_or(String::new(), |rate| format!("[project.quota]\nevents_per_second = {rate}\n"));
        format!("[[project]]\nname = \"{name}\"\nwrite_keys = [\"wk_{name}\"]\n{quota}")
    };
    format!(
        "[server]\nlisten = \"{http}\"\ndata_dir = \"{}\"\n[redis]\nlisten = \"\"\n{}{}",
        folder.join("data").display(),
        project("quiet"),
        project("hot")
    )
}
