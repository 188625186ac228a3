//! An explanation as a person reads it: the rule as a tree, with what holds, why, and until when.
use super::draw::count;
use super::explain::Explained;
use serde_json::Value;
use std::io::{Result, Write};

/// Events shown below a part of a rule, the latest; the rest is in the JSON.
const EVIDENCE: usize = 5;

/// Writes it.
pub(crate) fn print(out: &mut impl Write, explained: &Explained) -> Result<()> {
    let said = &explained.explanation;
    let who = match &explained.user_id {
        Some(user) => format!("user {user}"),
        None => format!("device {}", explained.devices.join(", ")),
    };
    let stands = match (said["member"].as_bool(), said["held_out"].as_bool()) {
        (Some(true), _) => format!("is in it since {}", text(&said["entered_at"])),
        (_, Some(true)) => "would be in it, but is held out".to_owned(),
        _ => "is not in it".to_owned(),
    };
    writeln!(out, "{}/{}  {}", explained.project, explained.segment, explained.name)?;
    writeln!(out, "{who} {stands}, as of {}", explained.as_of)?;
    match &said["changes_at"] {
        Value::String(at) => writeln!(out, "changes by itself at {at}\n")?,
        _ => writeln!(out, "does not change by itself\n")?,
    }
    node(out, &said["rule"], 0)?;
    if said["exit"].is_object() {
        writeln!(out, "\nleaves when")?;
        node(out, &said["exit"], 0)?;
    }
    if let Some(agreed) = said["consent"].as_bool() {
        writeln!(out, "{} the purpose was agreed to", mark(Some(agreed)))?;
    }
    if let Some(until) = said["stays_until"].as_str() {
        writeln!(out, "stays at least until {until}")?;
    }
    let flips: Vec<&str> = items(&said["flips"]).filter_map(|flip| flip["text"].as_str()).collect();
    if !flips.is_empty() {
        writeln!(out, "\nwould flip:")?;
        for flip in flips {
            writeln!(out, "    {flip}")?;
        }
    }
    let events = count(explained.events as u64);
    writeln!(
        out,
        "\n{events} events of this person, found in {:.2} s; {}",
        explained.seconds,
        explained.history.told()
    )?;
    match explained.events_left_out {
        0 => Ok(()),
        more => writeln!(out, "{} older ones count too but are not shown as evidence", count(more)),
    }
}

fn node(out: &mut impl Write, node: &Value, depth: usize) -> Result<()> {
    let indent = "    ".repeat(depth);
    let mark = mark(node["holds"].as_bool());
    let rule = text(&node["text"]).split_whitespace().collect::<Vec<_>>().join(" ");
    let value = node["value"].as_str().map(|value| format!("  = {value}")).unwrap_or_default();
    let until = node["until"].as_str().map(|at| format!("  until {at}")).unwrap_or_default();
    writeln!(out, "{indent}{mark} {rule}{value}{until}")?;
    // The latest stand last.
    let shown: Vec<&Value> = items(&node["evidence"]).collect();
    let shown = &shown[shown.len().saturating_sub(EVIDENCE)..];
    let total = node["evidence_total"].as_u64().unwrap_or(0);
    if let Some(more) = total.checked_sub(shown.len() as u64).filter(|more| *more > 0) {
        writeln!(out, "{indent}      {} before, and", count(more))?;
    }
    for event in shown {
        let what = text(&event["what"]);
        let device = text(&event["device"]);
        let device = if device.is_empty() { device } else { format!(" on {device}") };
        let id = text(&event["message_id"]);
        let line =
            format!("{}  {}{device}  {what}  ({id})", text(&event["at"]), text(&event["name"]));
        writeln!(out, "{indent}      {}", line.replace("    ", "  "))?;
    }
    items(&node["children"]).try_for_each(|child| self::node(out, child, depth + 1))
}

fn mark(holds: Option<bool>) -> &'static str {
    match holds {
        Some(true) => "✓",
        Some(false) => "✗",
        None => "·",
    }
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
