use crate::cli::SegmentsArgs;
use crate::config::{Config, ProjectConfig};
use anyhow::bail;
use sillage_engine::Plan;
use std::io::Write as _;

/// Lists segments with what the compiler knows of them.
pub(crate) fn list(args: &SegmentsArgs) -> anyhow::Result<()> {
    let config = super::configuration(&args.file)?;
    let mut out = std::io::stdout().lock();
    let mut listed = Vec::new();
    for project in wanted(&config, args)? {
        let plan = crate::project::compile(project)?;
        for (info, segment) in plan.segments().iter().zip(&project.segments) {
            listed.push(serde_json::json!({
                "project": project.name,
                "key": info.key,
                "name": info.name,
                "description": info.description,
                "when": segment.when.trim(),
                "class": info.class,
                "events_read": info.events_read,
                "bytes_per_person": info.bytes_per_person,
                "worst_exit_lag_ms": info.worst_exit_lag_ms,
                "exactness": info.exactness,
            }));
        }
    }
    if args.json {
        writeln!(out, "{}", serde_json::Value::Array(listed))?;
        return Ok(());
    }
    for segment in &listed {
        let text = |key: &str| segment[key].as_str().unwrap_or_default().to_owned();
        writeln!(out, "{}/{}  {}", text("project"), text("key"), text("name"))?;
        for line in text("when").lines() {
            writeln!(out, "    {}", line.trim())?;
        }
        let events = &segment["events_read"];
        writeln!(
            out,
            "    {}, {}; reads {events}; at most {} bytes a person; exits at most {} ms late",
            text("class"),
            text("exactness"),
            segment["bytes_per_person"],
            segment["worst_exit_lag_ms"],
        )?;
    }
    Ok(())
}

/// Compiles every rule; underlines what is wrong and fails if anything is.
pub(crate) fn check(args: &SegmentsArgs) -> anyhow::Result<()> {
    let config = super::configuration(&args.file)?;
    let mut out = std::io::stdout().lock();
    let (mut good, mut wrong, mut found) = (0, 0, Vec::new());
    for project in wanted(&config, args)? {
        match Plan::compile(&project.rule_set()) {
            Ok(plan) => good += plan.segments().len(),
            Err(diagnostics) => {
                wrong += diagnostics.len();
                found.extend(diagnostics.iter().map(|d| {
                    serde_json::json!({
                        "project": project.name, "segment": d.segment, "message": d.message,
                        "start": d.span.start, "end": d.span.end, "help": d.help,
                    })
                }));
                if !args.json {
                    writeln!(out, "{}", crate::diagnose::render(project, &diagnostics))?;
                }
            }
        }
    }
    if args.json {
        writeln!(out, "{}", serde_json::Value::Array(found))?;
    }
    if wrong > 0 {
        bail!("{wrong} mistakes in the rules");
    }
    if !args.json {
        writeln!(out, "{good} segments: all good")?;
    }
    Ok(())
}

fn wanted<'a>(config: &'a Config, args: &SegmentsArgs) -> anyhow::Result<Vec<&'a ProjectConfig>> {
    match args.project.as_deref() {
        Some(name) => Ok(vec![super::chosen(config, Some(name))?]),
        None => Ok(config.projects.iter().collect()),
    }
}
