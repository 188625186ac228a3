//! One person who does what thousands do: does it take others longer to be read? The same events,
//! spread over many persons, say what of it is just load.
use super::bodies::{Pool, Shape};
use super::open::{self, Step};
use super::subject::Subject;
use super::{Args, line};
use crate::load::{percentile, settle};
use crate::probe;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Events a second of everybody.
const EVERYBODY: f64 = 10_000.0;
/// Events a second of the one, beside them: 20 times, and 200 times, what a person may do at most
/// before it is no person any more (50 a second).
const HEAT: [f64; 2] = [1_000.0, 10_000.0];

pub(crate) async fn run(args: &Args, core: usize) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (http, resp) = (crate::report::free_port()?, crate::report::free_port()?);
    let config = folder.path().join("hot.toml");
    std::fs::write(&config, crate::report::configuration(folder.path(), (http, resp), ""))?;
    let subject = Subject::start(&args.collector, &config, http, (Some(core), None))?;
    let duration = Duration::from_secs(args.seconds);
    let everybody = pool(0, args.persons);
    let step = |events: f64| Step {
        address: http,
        write_key: "wk_bench",
        connections: 32,
        rate: Some(events / 100.0),
        duration,
    };
    for heat in HEAT {
        // Ids of bodies are numbered from 0 in each pool, so each pool begins elsewhere.
        for (what, persons, first) in [("everybody else", args.persons, 1), ("one person", 1, 2)] {
            let more = pool((first << 24) + ((heat as u64) << 8), persons);
            everybody.fill((EVERYBODY / 100.0 * duration.as_secs_f64()) as usize + 40);
            more.fill((heat / 100.0 * duration.as_secs_f64()) as usize + 40);
            let (few, many) = (step(EVERYBODY), step(heat));
            let load = Arc::clone(&everybody);
            let load = tokio::spawn(async move { open::run(few, &load).await });
            let more = tokio::spawn(async move { open::run(many, &more).await });
            let prefix = format!("p{first}-{heat}-");
            let seen = probe::run(http, resp, Instant::now() + duration, &prefix).await?;
            let (load, more) = (load.await??, more.await??);
            let refused = [&load, &more].map(|outcome| outcome.times(|status| status != 200).len());
            settle(http).await?;
            let ms = |share| percentile(&seen, share).as_secs_f64() * 1e3;
            line(&format!(
                "{EVERYBODY} events/s of everybody, and {heat} of {what}: answer to readable p50 {:.2} ms, p99 {:.2} ms, \
                 max {:.2} ms ({} probes); refused {refused:?}",
                ms(0.5),
                ms(0.99),
                ms(1.0),
                seen.len()
            ))?;
        }
    }
    subject.end()?;
    Ok(())
}

fn pool(first: u64, persons: u64) -> Arc<Pool> {
    let shape = Shape { events: 100, pad: 0, persons };
    Arc::new(Pool::starting_at(shape, first))
}
