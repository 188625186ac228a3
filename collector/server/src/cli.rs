//! The command line, as the contract has it. Exit status: 0 done, 1 failed, 2 usage.
use clap::{Args, Parser, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Live segments of your visitors, in your own Redis, within milliseconds.
#[derive(Debug, Parser)]
#[command(name = "sillage", version, propagate_version = true)]
pub(crate) struct Cli {
    /// Write logs as JSON lines, for machines.
    #[arg(long, global = true)]
    pub(crate) log_json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the collector.
    Serve(Serve),
    /// Watch the main job on a real retailer's events; needs nothing else.
    Demo(Demo),
    /// Bring history into a project, through the same path as live events.
    Import(Import),
    /// Make the state again from the log and compare it with what is stored, byte for byte.
    Replay(Replay),
    /// Print what is published about a person or a device.
    Profile(Profile),
    /// Say what became of every event that was created: received, refused, dropped, waiting, lost.
    Ledger(Ledger),
    /// Segments of the configured projects.
    #[command(subcommand)]
    Segments(Segments),
    /// The Redis that is written to.
    #[command(subcommand)]
    Redis(RedisCommand),
    /// The configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
}

/// Where the configuration is.
#[derive(Debug, Args, Clone, Default)]
pub(crate) struct ConfigFile {
    /// The configuration file.
    #[arg(long, value_name = "FILE", env = "SILLAGE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Folder of logs and states, instead of the file's.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) file: ConfigFile,
    /// Address of HTTP, instead of the file's.
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
    /// A Redis to write to, instead of the file's.
    #[arg(long, value_name = "URL")]
    pub(crate) redis: Option<String>,
    /// Take the place of the collector that runs on the same data folder, with its listening sockets: nobody is
    /// refused in between. If none runs, this starts as usual.
    #[arg(long)]
    pub(crate) takeover: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Folder of logs and states. Default: a fresh temporary one, removed at the end.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// The invoices to play. Default: the file that comes with the program.
    #[arg(long, value_name = "FILE")]
    pub(crate) invoices: Option<PathBuf>,
    /// Address of HTTP. Default: any free port of loopback.
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
    /// Address of the Redis face. Default: any free port of loopback.
    #[arg(long, value_name = "ADDR")]
    pub(crate) redis_listen: Option<SocketAddr>,
    /// Seconds in which the last three days are played.
    #[arg(long, default_value_t = 30)]
    pub(crate) seconds: u64,
    /// Plain lines even on a terminal.
    #[arg(long)]
    pub(crate) plain: bool,
    /// Keep serving after the end until interrupted, to look around and to click in the web shop. On a
    /// terminal it does so anyway, unless --plain.
    #[arg(long)]
    pub(crate) stay: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// Files: Segment-shaped NDJSON, or CSV with --map; .gz and .zst are unpacked.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// The project that takes them.
    #[arg(long)]
    pub(crate) project: String,
    /// How columns become events (TOML); see docs/IMPORT.md.
    #[arg(long, value_name = "FILE")]
    pub(crate) map: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) file: ConfigFile,
}

#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// The project.
    #[arg(long)]
    pub(crate) project: String,
    /// Only events received before this moment (RFC 3339); prints the state then, compares nothing.
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    #[command(flatten)]
    pub(crate) file: ConfigFile,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Profile {
    /// A user id, or an anonymous id with --device.
    pub(crate) id: String,
    /// The id is a device's anonymous id.
    #[arg(long)]
    pub(crate) device: bool,
    /// The project; may be left out if there is only one.
    #[arg(long)]
    pub(crate) project: Option<String>,
    #[command(flatten)]
    pub(crate) file: ConfigFile,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Ledger {
    /// The project; may be left out if there is only one.
    #[arg(long)]
    pub(crate) project: Option<String>,
    #[command(flatten)]
    pub(crate) file: ConfigFile,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Segments {
    /// List segments with what they cost.
    List(SegmentsArgs),
    /// Check every rule and underline what is wrong.
    Check(SegmentsArgs),
    /// Run a rule over history: who would be in it now, and how it would have come and gone.
    Preview(Preview),
    /// Look at all segments: sizes, growth, overlaps, and what to do about them.
    Audit(Audit),
    /// Say why somebody is in a segment, or is not, now or at an earlier moment.
    Explain(Explain),
}

#[derive(Debug, Args)]
pub(crate) struct Preview {
    /// A segment of the configuration; with --rule or --file, the key under which that is run.
    #[arg(required_unless_present_any = ["rule", "rule_file"])]
    pub(crate) key: Option<String>,
    /// The rule.
    #[arg(long, value_name = "TEXT", conflicts_with = "rule_file")]
    pub(crate) rule: Option<String>,
    /// A file with the rule; if it ends in .toml or .json, with a segment's settings.
    #[arg(long = "file", value_name = "FILE")]
    pub(crate) rule_file: Option<PathBuf>,
    /// Who is in it stays until this rule is true.
    #[arg(long, value_name = "TEXT")]
    pub(crate) exit: Option<String>,
    /// Who enters stays at least so long, such as 30m.
    #[arg(long, value_name = "TIME")]
    pub(crate) min_stay: Option<String>,
    /// Percent of all persons that are held out.
    #[arg(long, value_name = "PERCENT")]
    pub(crate) holdout: Option<f64>,
    /// A purpose that members must have agreed to.
    #[arg(long, value_name = "PURPOSE")]
    pub(crate) requires_consent: Option<String>,
    #[command(flatten)]
    pub(crate) look: Look,
}

/// How a look at history is asked for.
#[derive(Debug, Args)]
pub(crate) struct Look {
    /// Look as of this moment (RFC 3339) instead of now.
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,
    /// The project; may be left out if there is only one.
    #[arg(long)]
    pub(crate) project: Option<String>,
    #[command(flatten)]
    pub(crate) file: ConfigFile,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Audit {
    /// Also draw sizes, growth and correlations into this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) look: Look,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// A user id, or an anonymous id with --device.
    pub(crate) id: String,
    /// The segment's key.
    pub(crate) segment: String,
    /// The id is a device's anonymous id.
    #[arg(long)]
    pub(crate) device: bool,
    #[command(flatten)]
    pub(crate) look: Look,
}

#[derive(Debug, Args)]
pub(crate) struct SegmentsArgs {
    /// The project; default all.
    #[arg(long)]
    pub(crate) project: Option<String>,
    #[command(flatten)]
    pub(crate) file: ConfigFile,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RedisCommand {
    /// Compare every key with what is shown; changes nothing. Fails if anything differs.
    Verify(RedisArgs),
    /// Write everybody again, remove what nobody shows, then compare.
    Rebuild(RedisArgs),
}

#[derive(Debug, Args)]
pub(crate) struct RedisArgs {
    /// The project; may be left out if there is only one.
    #[arg(long)]
    pub(crate) project: Option<String>,
    #[command(flatten)]
    pub(crate) file: ConfigFile,
    /// Name the first differences; their keys hold ids.
    #[arg(long)]
    pub(crate) verbose: bool,
    /// Print JSON, with the names of the first differences.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Read the configuration and its rules, and say what is wrong.
    Check(ConfigFile),
}
