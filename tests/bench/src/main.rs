//! Measures the collector end to end beside two bare servers, in one run and with the same bodies:
//! (a) reads them, (b) also gunzips and parses them. Ratios within a run are the result; absolute
//! numbers are of the machine.

mod bare;
mod corpus;
mod load;
mod overload;
mod probe;
mod process;
mod report;

use anyhow::Context as _;
use clap::Parser;
use std::path::PathBuf;
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Events per second of the collector, beside bare servers.
#[derive(Debug, Parser)]
#[command(name = "sillage-bench")]
struct Args {
    /// The collector's binary.
    #[arg(long, value_name = "FILE")]
    collector: Option<PathBuf>,
    /// Seconds of load for each server, if there are bodies enough. The default is long enough for a
    /// whole checkpoint of the collector, which it makes every 30 s.
    #[arg(long, default_value_t = 28)]
    seconds: u64,
    /// Different batches of 100 events made beforehand; each is sent once.
    #[arg(long, default_value_t = 85_000)]
    batches: usize,
    /// Persons among whom the events are spread.
    #[arg(long, default_value_t = 100_000)]
    persons: u64,
    /// Connections at once.
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Ids and context once a batch, as our own clients send, instead of in each event.
    #[arg(long)]
    hoisted: bool,
    /// Be one of the bare servers: `discard`, `parse` or `tree`.
    #[arg(long, hide = true)]
    bare: Option<bare::Mode>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Overload(overload::Args),
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    if let Some(Command::Overload(args)) = &args.command {
        return overload::run(args);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if let Some(mode) = args.bare {
        return runtime.block_on(bare::serve(mode));
    }
    let collector = args.collector.context("say where the collector's binary is: --collector")?;
    let plan = load::Plan {
        connections: args.connections,
        duration: Duration::from_secs(args.seconds),
        batches: usize::MAX,
    };
    let corpus = corpus::make(args.batches, args.persons, args.hoisted);
    runtime.block_on(report::run(&collector, plan, &corpus))
}
