//! `sillage redis verify` and `rebuild`: through the collector that runs, or from the data folder of
//! one that does not.
use super::profile::open;
use crate::cli::RedisArgs as Args;
use crate::config::{Config, ProjectConfig};
use crate::http_client::HttpClient;
use crate::redis_desk::perform;
use anyhow::{Context as _, bail};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use sillage_eventlog::Clock;
use sillage_lookup::{RedisRun, RedisRunState, RedisTask, redis_document};
use sillage_store::{Fault, RedisAddress, RedisCheck, RedisProgress, RedisWriter};
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

/// How often a running comparison is asked how far it is.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The command.
pub(crate) fn run(task: RedisTask, args: &Args) -> anyhow::Result<()> {
    let config = super::configuration(&args.file)?;
    let project = super::chosen(&config, args.project.as_deref())?;
    let Some(address) = config.redis.address().context("redis.url")? else {
        bail!("redis.url is not set, so there is no Redis to look at; set it in [redis]");
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let answer = match runtime.block_on(HttpClient::connect(config.server.listen)) {
        Ok(client) => runtime.block_on(asked(client, &config, project, task))?,
        Err(_) => stored(&runtime, (&config, project), address, task)?,
    };
    let mut out = std::io::stdout().lock();
    let run = &answer["run"];
    if args.json {
        writeln!(out, "{answer:#}")?;
    } else if run["state"] == "done" {
        print(&mut out, &answer, args.verbose)?;
    }
    match (run["state"].as_str(), &run["report"]["clean"]) {
        (Some("done"), Value::Bool(true)) => Ok(()),
        (Some("done"), _) => bail!("{}", advice(task)),
        _ => bail!("{}", run["error"].as_str().unwrap_or("the comparison did not end")),
    }
}

fn advice(task: RedisTask) -> &'static str {
    match task {
        RedisTask::Verify => {
            "Redis differs from what is shown; `sillage redis rebuild` puts it right"
        }
        RedisTask::Rebuild => {
            "Redis differs even after everybody was written again: somebody else writes these keys"
        }
    }
}

/// Has the running collector do it.
async fn asked(
    mut client: HttpClient,
    config: &Config,
    project: &ProjectConfig,
    task: RedisTask,
) -> anyhow::Result<Value> {
    let (listen, name) = (config.server.listen, &project.name);
    let token = project.admin_tokens.first().with_context(|| {
        format!(
            "a collector runs at {listen}, so it must be asked, and project {name} has no admin \
             token for that: add one to admin_tokens, or stop the collector"
        )
    })?;
    let path = match task {
        RedisTask::Verify => "/v1/redis/verify",
        RedisTask::Rebuild => "/v1/redis/rebuild",
    };
    let begun = document(client.post_json(path, token, Vec::new()).await?)?;
    let id = begun["run"]["id"].clone();
    let bar = progress_bar();
    loop {
        let answer = document(client.get("/v1/redis", token).await?)?;
        let run = &answer["run"];
        if run["id"] != id {
            bail!("the collector was asked by somebody else meanwhile, and forgot the outcome");
        }
        if run["state"] != "running" {
            bar.finish_and_clear();
            return Ok(answer);
        }
        let number = |what: &str| run[what].as_u64().unwrap_or(0);
        show(&bar, run["phase"].as_str().unwrap_or_default(), number("done"), number("total"));
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn document((status, body): (http::StatusCode, bytes::Bytes)) -> anyhow::Result<Value> {
    let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
    if !status.is_success() {
        let detail = answer["detail"].as_str().unwrap_or("no reason given");
        bail!("the collector answered {status}: {detail}");
    }
    Ok(answer)
}

/// Opens the project as the collector would, and does it here.
fn stored(
    runtime: &tokio::runtime::Runtime,
    (config, chosen): (&Config, &ProjectConfig),
    address: RedisAddress,
    task: RedisTask,
) -> anyhow::Result<Value> {
    let project = open(config, chosen)?;
    let began_ms = Clock::system().now_ms();
    let (outcome, stats) = runtime.block_on(async {
        let shown = Arc::clone(&project.shown);
        match task {
            RedisTask::Verify => {
                let check = RedisCheck::alone(address, shown);
                (watched(&check, task).await, check.stats())
            }
            RedisTask::Rebuild => {
                let writer = RedisWriter::spawn(address, shown, || true);
                let check = writer.check();
                let outcome = watched(&check, task).await;
                let stats = check.stats();
                writer.shutdown().await;
                (outcome, stats)
            }
        }
    });
    project.close()?;
    let state = match outcome {
        Ok(report) => RedisRunState::Done(report),
        Err(why) => RedisRunState::Failed(why),
    };
    let run = RedisRun { id: 1, task, began_ms, state };
    let document = redis_document(&chosen.name, stats.unwrap_or_default(), Some(&run));
    Ok(serde_json::from_slice(&document)?)
}

/// Does it with a bar that says how far it is.
async fn watched(
    check: &RedisCheck,
    task: RedisTask,
) -> Result<sillage_store::RedisReport, String> {
    let (progress, bar) = (RedisProgress::default(), progress_bar());
    let mut doing = std::pin::pin!(perform(check, task, &progress));
    loop {
        tokio::select! {
            outcome = &mut doing => {
                bar.finish_and_clear();
                return outcome;
            }
            () = tokio::time::sleep(LOOK_EVERY) => {
                let (phase, done, total) = progress.read();
                show(&bar, phase.name(), done, total);
            }
        }
    }
}

/// A bar on a terminal, nothing elsewhere.
fn progress_bar() -> ProgressBar {
    let style = "{msg} [{bar:32}] {human_pos}/{human_len}";
    let style = ProgressStyle::with_template(style).expect("the template is a constant");
    ProgressBar::no_length().with_style(style.progress_chars("=> "))
}

fn show(bar: &ProgressBar, phase: &str, done: u64, total: u64) {
    bar.set_message(phase.to_owned());
    bar.set_length(total.max(done));
    bar.set_position(done);
}

fn print(out: &mut impl Write, answer: &Value, verbose: bool) -> std::io::Result<()> {
    let report = &answer["run"]["report"];
    let number = |what: &str| report[what].as_u64().unwrap_or(0);
    let project = answer["project"].as_str().unwrap_or_default();
    if number("mended") > 0 {
        writeln!(out, "{project}: {} differences mended", number("mended"))?;
    }
    writeln!(
        out,
        "{project}: {} persons, {} devices, {} keys and {} members of segments compared in {:.1} s",
        number("persons"),
        number("devices"),
        number("keys"),
        number("members"),
        report["seconds"].as_f64().unwrap_or(0.0)
    )?;
    let kinds = Fault::ALL.map(|fault| (number(fault.name()), fault.name()));
    let found: Vec<String> = kinds
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, kind)| format!("{count} {kind}"))
        .collect();
    if found.is_empty() {
        return writeln!(out, "{project}: Redis holds exactly what is shown");
    }
    writeln!(out, "{project}: Redis differs: {}", found.join(", "))?;
    if !verbose {
        return writeln!(out, "  --verbose or --json names the first keys; they hold ids");
    }
    for named in report["first"].as_array().into_iter().flatten() {
        let text = |what: &str| named[what].as_str().unwrap_or_default();
        writeln!(out, "  {:<10} {}  {}", text("kind"), text("key"), text("what"))?;
    }
    Ok(())
}
