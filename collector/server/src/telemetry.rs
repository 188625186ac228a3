//! Where the process speaks: logs to standard error, complaints with their causes.
use crate::cli::{Cli, Command};
use std::io::IsTerminal as _;
use tracing_subscriber::EnvFilter;

/// Sets up logs: `RUST_LOG` decides, else a serving process says what it does and the commands only
/// what is wrong, so that their output can be read by machines.
pub(crate) fn start(cli: &Cli) {
    let quiet = if matches!(cli.command, Command::Serve(_)) { "info" } else { "warn" };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(quiet));
    let to_stderr = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = if cli.log_json {
        to_stderr.json().try_init()
    } else {
        to_stderr.with_ansi(std::io::stderr().is_terminal()).with_target(false).try_init()
    };
    debug_assert!(started.is_ok(), "logs are set up once");
}

/// Says what failed and why, level by level.
#[allow(clippy::print_stderr, reason = "this is the process's last word, logs or not")]
pub(crate) fn complain(error: &anyhow::Error) {
    eprintln!("sillage: {error}");
    for cause in error.chain().skip(1) {
        eprintln!("  because {cause}");
    }
}
