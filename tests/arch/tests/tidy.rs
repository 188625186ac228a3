//! What a tidy tree is: no unfinished places, no overlong files, no dead links in the documents.
use std::fs;
use std::path::{Path, PathBuf};

/// Production lines (up to the test module) of a Rust file; two ideas need two files.
const FILE_LINES_MAX: usize = 600;
/// Columns of a line; rows of tables may be longer.
const LINE_CHARS_MAX: usize = 120;

fn root() -> PathBuf {
    Path::new("../..").canonicalize().expect("the root exists")
}

fn files(extension: &str) -> Vec<PathBuf> {
    let (mut found, mut open) = (Vec::new(), vec![root()]);
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).expect("readable").map(|e| e.expect("readable").path()) {
            let name = entry.file_name().and_then(|n| n.to_str()).unwrap_or_default().to_owned();
            if entry.is_dir() {
                let is_made =
                    [".git", "target", "node_modules", "sillage-data", "generated", "SillageFFI"];
                if !is_made.contains(&name.as_str()) {
                    open.push(entry);
                }
            } else if name.ends_with(extension) && name != "_ffi.py" {
                found.push(entry);
            }
        }
    }
    found.sort();
    found
}

fn faults_in(name: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let production = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let lines = production.lines().count();
    let is_test = name.starts_with("tests/") || name.to_lowercase().contains("/test");
    if lines > FILE_LINES_MAX && !is_test {
        faults.push(format!("{name}: {lines} production lines, at most {FILE_LINES_MAX}"));
    }
    // Spelled in halves, so that this file does not accuse itself.
    let banned = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X:"),
        concat!("#[ig", "nore"),
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
    ];
    for (index, line) in text.lines().enumerate() {
        for word in banned.iter().filter(|word| line.contains(**word)) {
            faults.push(format!("{name}:{}: {word}", index + 1));
        }
        let is_table =
            ["\"", "//! |", "http"].iter().any(|begin| line.trim_start().starts_with(begin));
        if line.chars().count() > LINE_CHARS_MAX && !is_table && !is_test {
            faults.push(format!("{name}:{}: over {LINE_CHARS_MAX} columns", index + 1));
        }
    }
    faults
}

#[test]
fn the_tree_is_tidy() {
    let mut faults = Vec::new();
    let languages = [".rs", ".kt", ".swift", ".py"];
    for path in languages.iter().flat_map(|extension| files(extension)) {
        let name = path.strip_prefix(root()).expect("below the root").display().to_string();
        faults.extend(faults_in(&name, &fs::read_to_string(&path).expect("UTF-8")));
    }
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
fn untidiness_is_noticed() {
    let long = "let x = 1;\n".repeat(FILE_LINES_MAX + 1);
    assert_eq!(faults_in("a/src/b.rs", &long).len(), 1);
    let unfinished = format!("// {}: later\n", concat!("TO", "DO"));
    assert_eq!(faults_in("a/src/b.rs", &unfinished).len(), 1);
    assert_eq!(faults_in("a/src/b.rs", &"x".repeat(LINE_CHARS_MAX + 1)).len(), 1);
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut dead = Vec::new();
    for path in files(".md") {
        let text = fs::read_to_string(&path).expect("UTF-8");
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            let outside = target.contains("://") || target.starts_with("mailto:");
            let dir = path.parent().expect("a file has a folder");
            if !outside && !file.is_empty() && !dir.join(file).exists() {
                dead.push(format!("{}: {target}", path.display()));
            }
        }
    }
    assert_eq!(dead, Vec::<String>::new());
}

#[test]
fn every_decision_has_its_number_once() {
    let mut numbers: Vec<String> = fs::read_dir(root().join("docs/decisions"))
        .expect("decisions are kept")
        .map(|e| e.expect("readable").file_name().to_string_lossy().chars().take(4).collect())
        .collect();
    let all = numbers.len();
    numbers.sort();
    numbers.dedup();
    assert_eq!(numbers.len(), all, "two decisions share a number: {numbers:?}");
}
