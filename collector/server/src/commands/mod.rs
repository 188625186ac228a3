//! What each command does, one file each.
mod config_check;
mod history;
mod ledger;
mod profile;
mod redis;
mod segments;
mod serve;

use crate::cli::{Cli, Command, ConfigCommand, ConfigFile, RedisCommand, Segments};
use crate::config::{Config, ProjectConfig};
use crate::definitions::Saved;
use crate::project::Folders;
use anyhow::{Context as _, bail};
use sillage_lookup::RedisTask;

/// Runs one command.
pub(crate) fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Serve(args) => serve::run(&args),
        Command::Demo(args) => crate::demo::run(&args),
        Command::Import(args) => crate::import::run(&args),
        Command::Replay(args) => crate::replay::run(&args),
        Command::Profile(args) => profile::run(&args),
        Command::Ledger(args) => ledger::run(&args),
        Command::Segments(Segments::List(args)) => segments::list(&args),
        Command::Segments(Segments::Check(args)) => segments::check(&args),
        Command::Segments(Segments::Preview(args)) => history::preview(&args),
        Command::Segments(Segments::Audit(args)) => history::audit(&args),
        Command::Segments(Segments::Explain(args)) => history::explain(&args),
        Command::Redis(RedisCommand::Verify(args)) => redis::run(RedisTask::Verify, &args),
        Command::Redis(RedisCommand::Rebuild(args)) => redis::run(RedisTask::Rebuild, &args),
        Command::Config(ConfigCommand::Check(file)) => config_check::run(&file),
    }
}

/// The configuration that a command asks for: `--config`, else `sillage.toml` here if there is one,
/// else the defaults. Segments are as they were last changed.
pub(crate) fn configuration(file: &ConfigFile) -> anyhow::Result<Config> {
    let usual = std::path::Path::new("sillage.toml");
    let path = file.config.as_deref().or_else(|| usual.exists().then_some(usual));
    let mut config = crate::config::load(path)?;
    if let Some(dir) = &file.data_dir {
        config.server.data_dir.clone_from(dir);
    }
    for project in &mut config.projects {
        let folders = Folders::of(&config.server.data_dir, &project.name);
        project.segments = Saved::load(&folders.segments)?.over(&project.segments);
    }
    Ok(config)
}

/// The project of that name, or the only one.
pub(crate) fn chosen<'a>(
    config: &'a Config,
    name: Option<&str>,
) -> anyhow::Result<&'a ProjectConfig> {
    let names = || config.projects.iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join(", ");
    match (name, config.projects.as_slice()) {
        (_, []) => bail!("the configuration has no project; add a [[project]] to it"),
        (None, [only]) => Ok(only),
        (None, _) => bail!("say which project with --project; there are {}", names()),
        (Some(name), projects) => projects
            .iter()
            .find(|p| p.name == name)
            .with_context(|| format!("no project is called {name}; there are {}", names())),
    }
}

/// A part of a path, or a value of a query; every byte that is not plain is escaped.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
