use crate::cli::Serve;
use crate::running::Running;
use anyhow::{Context as _, bail};
use sillage_eventlog::Clock;

/// Runs the collector until SIGTERM or SIGINT, then drains.
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
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("http")
        .build()
        .context("cannot start the threads of the server")?;
    runtime.block_on(async {
        let running = Running::start(config, Clock::system(), None).await?;
        let reason = asked_to_stop(&running).await?;
        tracing::info!(reason, "draining");
        running.stop().await
    })
}

/// Waits for a signal, or for a failure that only a restart can mend.
async fn asked_to_stop(running: &Running) -> anyhow::Result<&'static str> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    tokio::select! {
        _ = terminate.recv() => Ok("SIGTERM"),
        _ = interrupt.recv() => Ok("SIGINT"),
        () = running.failed() => Ok("a worker failed"),
    }
}
