//! `sillage demo`: the main job on a real retailer's events, embedded, with a view of it.
//!
//! Seven months of invoices: all but the last three days come in as history, those three live
//! through the native client in compressed time. Then the state is made again from the log and compared.
//! Beside it is a web shop to click in, a project of its own; while somebody watches, it stays open.
mod board;
mod open;
mod plain;
mod player;
mod retail;
mod screen;
mod site;

pub(crate) use site::Site;

use crate::cli;
use crate::config::Config;
use crate::handover::Sockets;
use crate::import::Importer;
use crate::running::Running;
use anyhow::{Context as _, bail};
use board::Board;
use indicatif::{ProgressBar, ProgressStyle};
use player::Played;
use retail::{Shop, ShopEvent};
use sillage_eventlog::Clock;
use sillage_sdk::Ledger;
use std::fs::File;
use std::io::{BufReader, IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The invoices lie beside the program's source; a copy may lie beside the program.
const INVOICES: &str = "examples/retail/online_retail_2010-12_to_2011-06.csv.gz";
/// Events of history in one append.
const CHUNK_EVENTS: usize = 1_000;
/// How long after the last event everything must be readable.
const SETTLE: Duration = Duration::from_secs(30);

/// The command.
pub(crate) fn run(args: &cli::Demo) -> anyhow::Result<()> {
    let temporary = match args.data_dir {
        Some(_) => None,
        None => Some(temporary_folder()?),
    };
    let folder = args.data_dir.clone().or_else(|| temporary.clone()).context("one is set")?;
    let result = play(args, &folder);
    if let Some(folder) = temporary {
        std::fs::remove_dir_all(&folder)
            .with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    result
}

/// What the demo consists of: the retailer, and the web shop.
const RETAILER: usize = 0;
const WEB_SHOP: usize = 1;

fn play(args: &cli::Demo, folder: &Path) -> anyhow::Result<()> {
    let clock = Clock::system();
    let mut config = configuration(args, folder)?;
    let mut out = std::io::stdout();
    writeln!(out, "reading the invoices of a real retailer (UCI 352, D. Chen, CC BY 4.0)")?;
    let shop = read_invoices(args.invoices.as_deref(), clock.now_ms())?;
    say_found(&mut out, &shop)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let site = open::site(&config);
    let has_site = site.is_some();
    let running = runtime.block_on(Running::start(
        config.clone(),
        clock.clone(),
        site,
        Sockets::default(),
    ))?;
    open::keep_addresses(&mut config, &running);
    if has_site {
        writeln!(out, "a web shop to click in: {}", open::address(&config))?;
    }
    let split = shop.events.partition_point(|event| event.at < shop.live_from);
    let (history, live) = shop.events.split_at(split);
    bring_history(&running, history)?;
    let board = Board::new(&running.projects[RETAILER]);
    let started = Instant::now();
    let ledger = show_live(args, &runtime, &running, live, (&board, folder, has_site))?;
    let took = started.elapsed();
    settle(&running)?;
    writeln!(out, "{} live events in {:.1} s", live.len(), took.as_secs_f64())?;
    let interrupted = ledger.is_none();
    if let Some(ledger) = ledger {
        account(&mut out, &running, &ledger)?;
    }
    plain::sizes(&mut out, &board)?;
    how_to_read(&mut out, &running)?;
    runtime.block_on(running.stop())?;
    writeln!(out)?;
    let found = check(&mut out, &config, RETAILER, &clock)?;
    let watched = is_watched(args) && has_site;
    if args.stay || (watched && !interrupted) {
        open::stay(&mut out, &runtime, &config, &clock, (watched, &found))?;
    }
    Ok(())
}

/// Whether there is a terminal to draw on.
fn is_watched(args: &cli::Demo) -> bool {
    std::io::stdout().is_terminal() && !args.plain
}

fn say_found(out: &mut impl std::io::Write, shop: &Shop) -> anyhow::Result<()> {
    let found = &shop.found;
    writeln!(
        out,
        "{} lines: {} orders, {} refunds; {} lines without a customer, {} without a price",
        found.lines,
        found.orders,
        found.refunds,
        found.lines_without_customer,
        found.lines_without_price
    )?;
    Ok(())
}

fn temporary_folder() -> anyhow::Result<PathBuf> {
    let folder = std::env::temp_dir().join(format!("sillage-demo-{}", std::process::id()));
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

fn configuration(args: &cli::Demo, folder: &Path) -> anyhow::Result<Config> {
    let none = |_: &str| None;
    let mut config =
        crate::config::parse(include_str!("shop.toml"), Path::new("shop.toml"), &none)?;
    let any: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 0));
    config.server.data_dir = folder.to_owned();
    config.server.listen = args.listen.unwrap_or(any);
    config.redis.listen = args.redis_listen.unwrap_or(any).to_string();
    Ok(config)
}

fn read_invoices(given: Option<&Path>, now: i64) -> anyhow::Result<Shop> {
    let path = match given {
        Some(path) => path.to_owned(),
        None => usual_places().into_iter().find(|path| path.exists()).with_context(|| {
            format!("{INVOICES} is not here; say where the invoices are with --invoices")
        })?,
    };
    let file = File::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
    let unpacked = flate2::bufread::MultiGzDecoder::new(BufReader::new(file));
    retail::read(unpacked, now).with_context(|| format!("reading {}", path.display()))
}

fn usual_places() -> [PathBuf; 2] {
    let from_source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(INVOICES);
    [PathBuf::from(INVOICES), from_source]
}

/// Brings history in through the import path, with a bar.
fn bring_history(running: &Running, history: &[ShopEvent]) -> anyhow::Result<()> {
    let style = "{msg} [{bar:40}] {pos}/{len} events, {per_sec}, {eta} left";
    let style = ProgressStyle::with_template(style).expect("the template is a constant");
    let bar = ProgressBar::new(history.len() as u64).with_style(style.progress_chars("=> "));
    bar.set_message("history");
    let started = Instant::now();
    let project = &running.projects[RETAILER];
    let mut importer = Importer::new(project)?;
    for chunk in history.chunks(CHUNK_EVENTS) {
        let events: Vec<&str> = chunk.iter().map(|event| event.json.as_str()).collect();
        importer.bring(format!("{{\"batch\":[{}]}}", events.join(",")).as_bytes())?;
        bar.inc(chunk.len() as u64);
    }
    if !project.settle() {
        bail!("a worker failed; the log above says why");
    }
    bar.finish();
    let brought = &importer.brought;
    writeln!(
        std::io::stdout(),
        "history: {} events accepted, {} rejected, {} persons, {} sessions in {:.1} s",
        brought.accepted,
        brought.rejected.values().sum::<u64>(),
        project.shown.view().summary().persons,
        project.progress().sessions(),
        started.elapsed().as_secs_f64()
    )?;
    Ok(())
}

/// Plays the live part while somebody watches; gives the client's ledger, unless it was interrupted.
fn show_live(
    args: &cli::Demo,
    runtime: &tokio::runtime::Runtime,
    running: &Running,
    live: &[ShopEvent],
    (board, folder, has_site): (&Board, &Path, bool),
) -> anyhow::Result<Option<Ledger>> {
    let played = Arc::new(Played::default());
    let (events, progress) = (live.to_vec(), Arc::clone(&played));
    let (address, span) = (running.http, Duration::from_secs(args.seconds.max(1)));
    let folder = folder.join(format!("demo-client-{}", std::process::id()));
    let playing = runtime
        .spawn(async move { player::play(address, &folder, &events, span, &progress).await });
    let view = if is_watched(args) {
        let shop = has_site.then(|| open::page(address));
        let head = || screen::Head::playing(&played, live.len() as u64, shop.as_deref());
        screen::show(board, &head, &|| playing.is_finished())
    } else {
        plain::show(board, &played, live.len() as u64, &|| playing.is_finished())
    };
    let interrupted = view?;
    if interrupted {
        playing.abort();
        return Ok(None);
    }
    runtime.block_on(playing)?.map(Some)
}

/// Holds what the client says it sent against what the collector says it received.
fn account(
    out: &mut impl std::io::Write,
    running: &Running,
    client: &Ledger,
) -> anyhow::Result<()> {
    let sources = running.projects[RETAILER].progress().ledger();
    let balance = sources
        .iter()
        .find(|(source, _)| *source.name == *"sillage-rust")
        .map(|(_, total)| total)
        .context("the collector has no ledger of the client")?;
    let (created, acknowledged) = (client.created, client.acknowledged);
    writeln!(
        out,
        "ledger: {created} created and {acknowledged} acknowledged on the device, {} received, {} lost\n",
        balance.received, balance.lost
    )?;
    // A folder that has seen the demo before has received more.
    if balance.lost != 0 || balance.received < acknowledged {
        bail!("the ledger does not balance");
    }
    Ok(())
}

fn settle(running: &Running) -> anyhow::Result<()> {
    let started = Instant::now();
    while running.projects[RETAILER].progress().lag_ms() > 0 {
        if started.elapsed() > SETTLE {
            bail!("the events are not readable {} s after the last one", SETTLE.as_secs());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// Shows how anyone reads a customer, with a customer who is in the most segments.
fn how_to_read(out: &mut impl std::io::Write, running: &Running) -> anyhow::Result<()> {
    let Some(resp) = running.resp else { return Ok(()) };
    let view = running.projects[RETAILER].shown.view();
    let best = board::profiles(&view)
        .filter(|p| p.member.is_user())
        .max_by(|a, b| (a.segments.len(), a.version).cmp(&(b.segments.len(), b.version)));
    let Some(profile) = best else { return Ok(()) };
    writeln!(out, "\nread a customer with any Redis client:")?;
    writeln!(out, "  $ redis-cli -p {} HGETALL sl:shop:{}", resp.port(), profile.member)?;
    view.labels().render(&profile, &mut |name, value| {
        // Writing to a buffer of the process cannot fail before the flush below.
        drop(writeln!(out, "  {name:<28} {value}"));
    });
    writeln!(out, "  $ redis-cli -p {} XREAD COUNT 10 STREAMS sl:shop:changes 0", resp.port())?;
    out.flush()?;
    Ok(())
}

/// Makes a project's state again from its log and compares; what came of it, in words.
fn check(
    out: &mut impl std::io::Write,
    config: &Config,
    project: usize,
    clock: &Clock,
) -> anyhow::Result<String> {
    let outcome = crate::replay::replay(config, &config.projects[project], None, clock)?;
    let comparison = outcome.comparison.context("the whole log was replayed")?;
    let facts = outcome.replayed.facts();
    let verdict = crate::replay::verdict(&comparison);
    writeln!(out, "self-check: {facts} facts replayed in {:.1} s", outcome.took.as_secs_f64())?;
    writeln!(out, "{verdict}")?;
    if !comparison.is_equal() {
        bail!("the self-check failed");
    }
    Ok(format!("self-check: {facts} facts, {verdict}"))
}
