//! A data folder that an earlier version left behind, and what it answered. The program `keep` makes one;
//! the test of formats opens all that were ever kept.
use crate::{Collector, Project};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The rules of every kept folder. What its segments answer does not depend on when they are asked,
/// but for `recent`, which is empty once 20 seconds have passed.
pub const RULES: &str = r#"
redis_traits = ["plan"]
tz = "Europe/Paris"
[project.engagement]
weights = { "Product Viewed" = 1.0, "Order Completed" = { weight = 0.1, property = "revenue", cap_per_day = 5 } }
[[project.segment]]
key = "buyers"
when = 'count("Order Completed" where revenue > 10) >= 2'
[[project.segment]]
key = "lookers"
when = 'distinct(product_id of "Product Viewed") >= 3 and not segment("buyers")'
[[project.segment]]
key = "led"
when = 'sequence("Product Viewed" -> "Product Added" within 1h, same(product_id))'
[[project.segment]]
key = "dropped"
when = 'exists("Order Completed")'
[[project.segment]]
key = "recent"
when = 'exists("*" within 20s)'
"#;

/// How long ids are remembered while a folder is made, so that a file of ids is written within seconds.
pub const DEDUP_MADE: &str = "log.dedup = \"1m\"\n";

/// How long they are remembered when it is opened again: as long as can be, for a fixture grows old.
pub const DEDUP_OPENED: &str = "log.dedup = \"1830d\"\n";

/// Persons with a device each.
pub const PERSONS: usize = 8;

/// Devices of nobody.
pub const DEVICES: usize = 4;

/// The folders kept, oldest version first. Tests run in the folder of their crate.
///
/// # Panics
/// If they cannot be listed.
#[must_use]
pub fn all() -> Vec<PathBuf> {
    let entries = std::fs::read_dir("../fixtures/data").expect("fixtures are there");
    let paths = entries.map(|entry| entry.expect("readable").path());
    let mut folders: Vec<PathBuf> = paths.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

/// Lays a kept data folder out under `folder`, as a collector's own.
///
/// # Panics
/// If it cannot be unpacked.
pub fn unpack(kept: &Path, folder: &Path) {
    let archive = kept.join("data.tar.gz");
    let tar = Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(folder).status();
    assert!(tar.expect("tar is installed").success());
}

/// Everything that is asked of a kept folder and does not change with time.
#[must_use]
pub fn answers(collector: &Collector) -> Value {
    let mut http = collector.http();
    let mut asked = |path: &str| lasting(http.get(path, Project::READ_TOKEN).json());
    let mut answers = serde_json::Map::new();
    let persons = (0..PERSONS).map(|number| format!("/v1/users/u-{number}"));
    let devices = (0..PERSONS + DEVICES).map(|number| format!("/v1/devices/d-{number}"));
    let lists = ["/v1/summary", "/v1/ledger", "/v1/dead-letters?limit=100", "/v1/segments"];
    let members =
        ["buyers", "lookers", "led", "saved"].map(|key| format!("/v1/segments/{key}/members"));
    for path in lists.map(str::to_owned).into_iter().chain(members).chain(persons).chain(devices) {
        answers.insert(path.clone(), asked(&path));
    }
    Value::Object(answers)
}

/// An answer without what depends on the moment.
fn lasting(answer: Value) -> Value {
    match answer {
        Value::Object(members) => {
            let moment = |name: &str| {
                ["as_of", "lag_ms", "scores", "recent", "reads", "worst_exit_lag_ms"]
                    .contains(&name)
            };
            let kept = members.into_iter().filter(|(name, _)| !moment(name));
            Value::Object(kept.map(|(name, value)| (name, lasting(value))).collect())
        }
        Value::Array(items) => {
            let kept = items.into_iter().filter(|item| item["key"] != json!("recent"));
            Value::Array(kept.map(lasting).collect())
        }
        other => other,
    }
}
