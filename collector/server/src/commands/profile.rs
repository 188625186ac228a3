use crate::cli::Profile as Args;
use crate::config::{Config, ProjectConfig};
use crate::http_client::HttpClient;
use crate::project::Project;
use anyhow::{Context as _, bail};
use serde_json::Value;
use sillage_eventlog::Clock;
use std::io::Write as _;

/// Prints what is published about a person: asks the running collector, or reads the stored state
/// if none runs.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let config = super::configuration(&args.file)?;
    let project = super::chosen(&config, args.project.as_deref())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = match runtime.block_on(HttpClient::connect(config.server.listen)) {
        Ok(client) => runtime.block_on(ask(client, project, &path(args)))?,
        Err(_) => stored(&config, project, args)?,
    };
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{answer:#}")?;
    } else {
        print(&mut out, &answer, "")?;
    }
    Ok(())
}

/// What the running collector answers.
pub(super) async fn ask(
    mut client: HttpClient,
    project: &ProjectConfig,
    path: &str,
) -> anyhow::Result<Value> {
    let token = project.read_tokens.first().or(project.admin_tokens.first());
    let Some(token) = token else {
        bail!("project {} has no read token, so a running collector cannot be asked", project.name);
    };
    let (status, body) = client.get(path, token).await?;
    let answer: Value = serde_json::from_slice(&body).context("the answer is not JSON")?;
    if !status.is_success() {
        let detail = answer["detail"].as_str().unwrap_or("no reason given");
        bail!("{status}: {detail}");
    }
    Ok(answer)
}

/// The path of a person or device.
fn path(args: &Args) -> String {
    let kind = if args.device { "devices" } else { "users" };
    format!("/v1/{kind}/{}", super::escaped(&args.id))
}

/// Opens the project as the collector would, and waits until all of its log is folded.
pub(super) fn open(config: &Config, chosen: &ProjectConfig) -> anyhow::Result<Project> {
    let folder = config.server.data_dir.join(&chosen.name);
    if !folder.exists() {
        bail!(
            "no collector runs at {}, and {} is not there",
            config.server.listen,
            folder.display()
        );
    }
    let project = Project::open(config, chosen, &Clock::system())?;
    if !project.settle() {
        bail!("a worker failed; the log above says why");
    }
    Ok(project)
}

fn stored(config: &Config, chosen: &ProjectConfig, args: &Args) -> anyhow::Result<Value> {
    let project = open(config, chosen)?;
    let view = project.shown.view();
    let found = if args.device { view.device(&args.id) } else { view.user(&args.id) };
    let fields = found.map(|profile| {
        let mut fields = serde_json::Map::new();
        view.labels().render(&profile, &mut |name, value| {
            fields.insert(name.to_owned(), Value::String(value.to_owned()));
        });
        Value::Object(fields)
    });
    project.close()?;
    fields.with_context(|| format!("{} is not known in project {}", args.id, chosen.name))
}

fn print(out: &mut impl std::io::Write, value: &Value, indent: &str) -> std::io::Result<()> {
    let Value::Object(fields) = value else {
        return writeln!(out, "{indent}{value}");
    };
    for (name, value) in fields {
        match value {
            Value::Object(_) => {
                writeln!(out, "{indent}{name}")?;
                print(out, value, &format!("{indent}  "))?;
            }
            Value::Array(items) => {
                writeln!(out, "{indent}{name}")?;
                for item in items {
                    let line = match item {
                        Value::Object(fields) => fields
                            .iter()
                            .map(|(name, value)| format!("{name} {}", plain(value)))
                            .collect::<Vec<_>>()
                            .join("  "),
                        other => plain(other),
                    };
                    writeln!(out, "{indent}  {line}")?;
                }
            }
            _ => writeln!(out, "{indent}{name:<24} {}", plain(value))?,
        }
    }
    Ok(())
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
