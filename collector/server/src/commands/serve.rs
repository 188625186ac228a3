use crate::cli::Serve;
use crate::config::Config;
use crate::handover::{Offered, Parting, Sockets};
use crate::project;
use crate::reopen::Patience;
use crate::running::Running;
use anyhow::{Context as _, bail};
use sillage_eventlog::Clock;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// How long what still waits for a disk that hangs is waited for when everything is opened anew.
const LEAVE_WITHIN: Duration = Duration::from_secs(5);

/// Why a collector ends.
enum Reason {
    /// A signal, or a failure.
    Asked(&'static str),
    /// Another process takes its place.
    Taken(Parting),
    /// A log had failed, and its disk is well again.
    Mended,
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
    let mut sockets = if args.takeover { take_over(&config)? } else { Sockets::default() };
    let asked = signals()?;
    let mut patience = Patience::new();
    loop {
        // One for each life: with it ends whatever a life has begun.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .thread_name("http")
            .build()
            .context("cannot start the threads of the server")?;
        let lived = runtime.block_on(live(&config, sockets, (asked.clone(), patience.pause())));
        runtime.shutdown_timeout(LEAVE_WITHIN);
        let Some(kept) = lived? else { return Ok(()) };
        sockets = kept;
        patience.again();
    }
}

/// Runs until there is a reason to end; the sockets, if that was to open everything anew.
async fn live(
    config: &Config,
    sockets: Sockets,
    (asked, pause): (Asked, Duration),
) -> anyhow::Result<Option<Sockets>> {
    let mut running = Running::start(config.clone(), Clock::system(), None, sockets).await?;
    let reopening = running.reopening(config);
    match end_of(&mut running, reopening.worth_trying(pause), asked).await {
        Reason::Asked(reason) => {
            tracing::info!(reason, "draining");
            running.stop().await?;
        }
        Reason::Taken(parting) => {
            tracing::info!("another process takes over");
            let parted = running.part().await;
            drop(parting);
            parted?;
        }
        Reason::Mended => {
            tracing::warn!("the disk is well again: everything is opened anew");
            let sockets = running.sockets().context("cannot keep the listening sockets")?;
            // What could not be written is what is opened anew for.
            if let Err(error) = running.part().await {
                tracing::warn!(%error, "not everything was closed in good order");
            }
            return Ok(Some(sockets));
        }
    }
    Ok(None)
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

/// The signal that asks the process to end, once it has come.
type Asked = watch::Receiver<Option<&'static str>>;

/// Listens for signals from now on, whether a collector runs at the moment or not.
fn signals() -> anyhow::Result<Asked> {
    let (tell, asked) = watch::channel(None);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let context = runtime.enter();
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    drop(context);
    let listening = async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tell.send_replace(Some(name));
    };
    let thread = std::thread::Builder::new().name("signals".to_owned());
    thread.spawn(move || runtime.block_on(listening)).context("cannot start a thread")?;
    Ok(asked)
}

/// Waits for a signal, for a failure that only a restart can mend, for a successor, or for a disk to be well.
async fn end_of(
    running: &mut Running,
    mended: impl Future<Output = ()>,
    mut asked: Asked,
) -> Reason {
    let failed = running.failed();
    tokio::select! {
        name = asked.wait_for(Option::is_some) => {
            Reason::Asked(name.ok().and_then(|name| *name).unwrap_or("nobody listens for signals"))
        }
        () = failed => Reason::Asked("a worker failed"),
        () = mended => Reason::Mended,
        parting = running.taken_over() => Reason::Taken(parting),
    }
}
