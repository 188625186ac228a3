//! The `sillage` binary: configuration, wiring and commands. No business rule lives here.

mod accept;
mod cli;
mod commands;
mod config;
mod connection;
mod definitions;
mod demo;
mod descriptors;
mod diagnose;
mod durable;
mod guests;
mod handover;
mod history;
mod http_client;
mod id_key;
mod import;
mod linger;
mod memory;
mod metrics;
mod ops;
mod pressure;
mod project;
mod redis_desk;
mod reopen;
mod replay;
mod reserve;
mod running;
mod telemetry;
mod told;

use clap::Parser as _;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    telemetry::start(&cli);
    match commands::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            telemetry::complain(&error);
            ExitCode::FAILURE
        }
    }
}
