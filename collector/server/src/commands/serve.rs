use crate::cli::Serve;
use crate::config::Config;
use crate::handover::{Offered, Parting, Sockets};
use crate::project;
use crate::running::Running;
use anyhow::{Context as _, bail};
use sillage_eventlog::Clock;

/// Why a collector ends.
enum Reason {
    /// A signal, or a failure.
    Asked(&'static str),
    /// Another process takes its place.
    Taken(Parting),
}

/// Runs the collector until SIGTERM or SIGINT, then drains; or until another one takes over.
pub(crate) fn run(args: &Serve) -> anyhow::Result<()> {
    let mut config = super::configuration(&args.file)?;
    if let Some(listen) = args.listen {
        config.server.listen = listen;
    }
    if let Some(redis) = &args.redis {
        config.redis.url.clone_from(redis);
    }
    if config.projects.is_empty() {
        bail!("the configuration has no project; add a [[project]] with a name and a write key");
    }
    let sockets = if args.takeover { take_over(&config)? } else { Sockets::default() };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("http")
        .build()
        .context("cannot start the threads of the server")?;
    runtime.block_on(async {
        let mut running = Running::start(config, Clock::system(), None, sockets).await?;
        match end_of(&mut running).await? {
            Reason::Asked(reason) => {
                tracing::info!(reason, "draining");
                running.stop().await
            }
            Reason::Taken(parting) => {
                tracing::info!("another process takes over");
                let parted = running.part().await;
                drop(parting);
                parted
            }
        }
    })
}

/// The sockets of the collector that runs on the same data folder, once it has closed its files; none if no
/// collector runs there. What would keep this one from starting is looked for before the other one stops.
fn take_over(config: &Config) -> anyhow::Result<Sockets> {
    let Some(offered) = Offered::ask(&config.server.data_dir)? else {
        tracing::info!("no collector runs on this data folder; starting as usual");
        return Ok(Sockets::default());
    };
    for project in &config.projects {
        project::check(config, project)?;
    }
    tracing::info!("taking over from the collector that runs");
    offered.take(config.server.drain.duration())
}

/// Waits for a signal, for a failure that only a restart can mend, or for a successor.
async fn end_of(running: &mut Running) -> anyhow::Result<Reason> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let failed = running.failed();
    tokio::select! {
        _ = terminate.recv() => Ok(Reason::Asked("SIGTERM")),
        _ = interrupt.recv() => Ok(Reason::Asked("SIGINT")),
        () = failed => Ok(Reason::Asked("a worker failed")),
        parting = running.taken_over() => Ok(Reason::Taken(parting)),
    }
}
