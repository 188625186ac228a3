//! Holds the workspace to `.ci/layers.toml`, and proves on made-up violations that it would notice.
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

#[derive(Deserialize, Clone)]
struct Law {
    pure: BTreeSet<String>,
    pure_externals: BTreeSet<String>,
    pure_build_time: BTreeSet<String>,
    may_know: BTreeMap<String, BTreeSet<String>>,
}

/// Crates by name, each with the crates that it needs at run or build time.
#[derive(Clone)]
struct Tree {
    ours: BTreeSet<String>,
    needs: BTreeMap<String, BTreeSet<String>>,
}

/// Tests run in the folder of their crate; a build shared by two checkouts must not name one.
fn root() -> std::path::PathBuf {
    std::path::PathBuf::from("../..")
}

fn law() -> Law {
    let text = std::fs::read_to_string(root().join(".ci/layers.toml")).expect("the law is there");
    toml::from_str(&text).expect("the law is valid TOML")
}

#[allow(clippy::disallowed_methods, reason = "cargo tells its own path so")]
fn tree() -> Tree {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let meta: serde_json::Value = serde_json::from_slice(&output.stdout).expect("metadata is JSON");
    let list = |value: &serde_json::Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let names: BTreeMap<String, String> =
        list(&meta["packages"]).iter().map(|p| (text(&p["id"]), text(&p["name"]))).collect();
    let ours = list(&meta["workspace_members"]).iter().map(|id| names[&text(id)].clone()).collect();
    let mut needs = BTreeMap::<String, BTreeSet<String>>::new();
    for node in list(&meta["resolve"]["nodes"]) {
        let needed = needs.entry(names[&text(&node["id"])].clone()).or_default();
        for dep in list(&node["deps"]) {
            if list(&dep["dep_kinds"]).iter().any(|kind| text(&kind["kind"]) != "dev") {
                needed.insert(names[&text(&dep["pkg"])].clone());
            }
        }
    }
    Tree { ours, needs }
}

fn closure(tree: &Tree, of: &str, stop: &BTreeSet<String>) -> BTreeSet<String> {
    let (mut seen, mut open) = (BTreeSet::new(), vec![of.to_owned()]);
    while let Some(name) = open.pop() {
        for needed in tree.needs.get(&name).into_iter().flatten() {
            if !stop.contains(needed) && seen.insert(needed.clone()) {
                open.push(needed.clone());
            }
        }
    }
    seen
}

fn faults(law: &Law, tree: &Tree) -> Vec<String> {
    let mut faults = Vec::new();
    for listed in law.may_know.keys().filter(|name| !tree.ours.contains(*name)) {
        faults.push(format!("{listed}: in the law but not in the workspace"));
    }
    for name in &tree.ours {
        let Some(allowed) = law.may_know.get(name) else {
            faults.push(format!("{name}: not in the law"));
            continue;
        };
        for needed in tree.needs.get(name).into_iter().flatten() {
            if tree.ours.contains(needed) && !allowed.contains(needed) {
                faults.push(format!("{name} -> {needed}: not allowed"));
            }
        }
        if law.pure.contains(name) {
            for brought in closure(tree, name, &law.pure_build_time) {
                if !tree.ours.contains(&brought) && !law.pure_externals.contains(&brought) {
                    faults.push(format!("{name} brings in {brought}: not on the pure list"));
                }
            }
        }
    }
    faults
}

#[test]
fn every_crate_keeps_to_its_layer() {
    assert_eq!(faults(&law(), &tree()), Vec::<String>::new());
}

#[test]
fn a_forbidden_edge_is_noticed() {
    let mut tree = tree();
    let ingest = tree.needs.get_mut("sillage-ingest").expect("ingest is in the tree");
    ingest.insert("sillage-engine".to_owned());
    assert_eq!(faults(&law(), &tree), ["sillage-ingest -> sillage-engine: not allowed"]);
}

#[test]
fn an_impure_dependency_is_noticed_however_deep() {
    let mut tree = tree();
    tree.needs.entry("libm".to_owned()).or_default().insert("tokio".to_owned());
    let found = faults(&law(), &tree);
    assert!(
        found.iter().any(|f| f == "sillage-engine brings in tokio: not on the pure list"),
        "{found:?}"
    );
}

#[test]
fn an_unlisted_crate_is_noticed() {
    let mut law = law();
    law.may_know.remove("sillage-lookup");
    assert!(faults(&law, &tree()).contains(&"sillage-lookup: not in the law".to_owned()));
}
