//! `sillage segments preview`, `audit` and `explain`: ask the collector that runs, or look at the log
//! of one that does not.
use crate::cli;
use crate::config::{Config, ProjectConfig};
use crate::history::definition::Definition;
use crate::history::{
    Refusal, Watch, audit, audit_svg, audit_text, explain, explain_text, moment, preview,
    preview_text,
};
use crate::http_client::HttpClient;
use crate::import::progress_bar;
use crate::project::{Folders, open_log};
use anyhow::{Context as _, bail};
use indicatif::ProgressBar;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sillage_engine::RuleSet;
use sillage_eventlog::{Clock, EventLog as _, FileLog};
use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

/// What is asked of a collector.
enum Ask {
    Post(String, Vec<u8>),
    Get(String),
}

/// A project to look at, and how it can be reached.
struct Place<'a> {
    config: &'a Config,
    project: &'a ProjectConfig,
}

impl Place<'_> {
    /// The segments of the project, when no collector runs that could be asked.
    fn rules(&self) -> RuleSet {
        self.project.rule_set()
    }

    /// The answer of the collector that runs, or what `look` finds in the log if none does.
    fn find<T: DeserializeOwned>(
        &self,
        ask: Ask,
        look: impl FnOnce(&FileLog, Watch<'_>) -> Result<T, Refusal>,
    ) -> anyhow::Result<T> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        match runtime.block_on(HttpClient::connect(self.config.server.listen)) {
            Ok(client) => runtime.block_on(self.asked(client, ask)),
            Err(_) => self.looked(look),
        }
    }

    async fn asked<T: DeserializeOwned>(
        &self,
        mut client: HttpClient,
        ask: Ask,
    ) -> anyhow::Result<T> {
        let ProjectConfig { name, admin_tokens, read_tokens, .. } = self.project;
        let token = match &ask {
            Ask::Post(..) => admin_tokens.first().with_context(|| {
                format!(
                    "a collector runs at {}, so its files are in use, and project {name} has no \
                     admin token to ask it with: add one to admin_tokens, or stop the collector",
                    self.config.server.listen
                )
            })?,
            Ask::Get(_) => read_tokens.first().or(admin_tokens.first()).with_context(|| {
                format!("project {name} has no read token, so a running collector cannot be asked")
            })?,
        };
        let waiting = ProgressBar::new_spinner();
        waiting.set_message(format!("asking the collector at {}", self.config.server.listen));
        waiting.enable_steady_tick(Duration::from_millis(120));
        let (status, body) = match ask {
            Ask::Post(path, body) => client.post_json(&path, token, body).await?,
            Ask::Get(path) => client.get(&path, token).await?,
        };
        waiting.finish_and_clear();
        if !status.is_success() {
            bail!("{}", complaint(status, &body));
        }
        serde_json::from_slice(&body).context("the collector's answer is of another version")
    }

    fn looked<T>(
        &self,
        look: impl FnOnce(&FileLog, Watch<'_>) -> Result<T, Refusal>,
    ) -> anyhow::Result<T> {
        let folders = Folders::of(&self.config.server.data_dir, &self.project.name);
        if !folders.log.exists() {
            bail!(
                "no collector runs at {}, and {} is not there",
                self.config.server.listen,
                folders.log.display()
            );
        }
        let log = open_log(self.config, self.project, &Clock::system())?;
        let bar = progress_bar("reading the log");
        bar.set_length(log.end().0.saturating_sub(log.oldest().0));
        let found = look(&log, &mut |cursor| {
            bar.set_position(cursor.0.saturating_sub(log.oldest().0));
            ControlFlow::Continue(())
        });
        bar.finish_and_clear();
        Ok(found?)
    }
}

/// What a collector complains of, with every underlined place.
fn complaint(status: http::StatusCode, body: &[u8]) -> String {
    let answer: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let rendered = answer["diagnostics"].as_array().into_iter().flatten();
    let drawn: Vec<&str> = rendered.filter_map(|d| d["rendered"].as_str()).collect();
    if !drawn.is_empty() {
        return format!("the rule cannot be used:\n{}", drawn.join("\n"));
    }
    let detail = answer["detail"].as_str().unwrap_or("no reason given");
    format!("the collector answered {status}: {detail}")
}

/// Runs a rule over history.
pub(crate) fn preview(args: &cli::Preview) -> anyhow::Result<()> {
    let config = super::configuration(&args.look.file)?;
    let project = super::chosen(&config, args.look.project.as_deref())?;
    let place = Place { config: &config, project };
    let definition = definition(args)?;
    let ask = Ask::Post("/v1/segments/preview".to_owned(), serde_json::to_vec(&definition)?);
    let found: preview::Preview = place.find(ask, |log, watch| {
        let until = moment(definition.at.as_deref(), Clock::system().now_ms())?;
        let (rules, segment) = definition.among(place.rules())?;
        let asked = preview::Asked { project: project.name.clone(), rules, segment, until };
        preview::preview(log, &asked, watch)
    })?;
    show(args.look.json, &found, |out| preview_text::print(out, &found))
}

/// The segment that the command line describes.
fn definition(args: &cli::Preview) -> anyhow::Result<Definition> {
    let mut definition = match &args.rule_file {
        Some(path) => from_file(path)?,
        None => Definition { when: args.rule.clone(), ..Definition::default() },
    };
    definition.key = args.key.clone().or(definition.key);
    definition.exit = args.exit.clone().or(definition.exit);
    definition.min_stay = args.min_stay.clone().or(definition.min_stay);
    definition.holdout = args.holdout.or(definition.holdout);
    definition.requires_consent = args.requires_consent.clone().or(definition.requires_consent);
    definition.at = args.look.at.clone().or(definition.at);
    let settings = definition.exit.is_some()
        || definition.min_stay.is_some()
        || definition.holdout.is_some()
        || definition.requires_consent.is_some();
    if definition.when.is_none() && settings {
        bail!(
            "a segment that there is is run as it is; give its rule again to change its settings"
        );
    }
    Ok(definition)
}

/// A rule as plain text, or a segment as TOML or JSON has it.
fn from_file(path: &Path) -> anyhow::Result<Definition> {
    let place = || path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(place)?;
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("toml") => toml::from_str(&text).with_context(place),
        Some("json") => serde_json::from_str(&text).with_context(place),
        _ => Ok(Definition { when: Some(text), ..Definition::default() }),
    }
}

/// Looks at all segments.
pub(crate) fn audit(args: &cli::Audit) -> anyhow::Result<()> {
    let config = super::configuration(&args.look.file)?;
    let project = super::chosen(&config, args.look.project.as_deref())?;
    let place = Place { config: &config, project };
    let at = at_query(args.look.at.as_deref());
    let ask = Ask::Post(format!("/v1/segments/audit{at}"), Vec::new());
    let found: audit::Audit = place.find(ask, |log, watch| {
        let until = moment(args.look.at.as_deref(), Clock::system().now_ms())?;
        let (name, rules) = (project.name.clone(), place.rules());
        let asked = audit::Asked { project: name, rules, until, reads: None };
        audit::audit(log, &asked, watch)
    })?;
    if let Some(path) = &args.svg {
        std::fs::write(path, audit_svg::svg(&found)).with_context(|| path.display().to_string())?;
    }
    show(args.look.json, &found, |out| audit_text::print(out, &found))
}

/// Says why somebody is in a segment, or is not.
pub(crate) fn explain(args: &cli::Explain) -> anyhow::Result<()> {
    let config = super::configuration(&args.look.file)?;
    let project = super::chosen(&config, args.look.project.as_deref())?;
    let place = Place { config: &config, project };
    let kind = if args.device { "devices" } else { "users" };
    let (id, segment) = (super::escaped(&args.id), super::escaped(&args.segment));
    let at = at_query(args.look.at.as_deref());
    let ask = Ask::Get(format!("/v1/{kind}/{id}/explain/{segment}{at}"));
    let found: explain::Explained = place.find(ask, |log, watch| {
        let until = moment(args.look.at.as_deref(), Clock::system().now_ms())?;
        let member = explain::member(&args.id, args.device);
        let whom = sillage_worker::history::whom(log, &member, watch)?.ok_or(Refusal::BrokenOff)?;
        let (rules, segment) = (place.rules(), args.segment.clone());
        let project = project.name.clone();
        explain::explain(log, &explain::Asked { project, rules, whom, segment, until }, watch)
    })?;
    show(args.look.json, &found, |out| explain_text::print(out, &found))
}

/// The moment as the query of a path.
fn at_query(at: Option<&str>) -> String {
    at.map(|at| format!("?at={}", super::escaped(at))).unwrap_or_default()
}

fn show<T: Serialize>(
    as_json: bool,
    found: &T,
    print: impl FnOnce(&mut std::io::StdoutLock<'static>) -> std::io::Result<()>,
) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if as_json {
        writeln!(out, "{}", serde_json::to_string(found)?)?;
    } else {
        print(&mut out)?;
    }
    Ok(())
}
