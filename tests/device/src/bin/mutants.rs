//! Checks the checker: builds the core with one bug at a time and looks which promise notices.
//! `mutants [--seeds N] [--only TEXT] [--root TREE] [--work DIR]`.
//!
//! The tree is copied to the working directory, which is kept, so that only what changes is built.
#![allow(clippy::print_stdout, reason = "a command speaks to the terminal")]
use sillage_device_sim::mutant::{Mutant, Mutants};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

struct Bench {
    tree: PathBuf,
    target: PathBuf,
    seeds: String,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    let text = |name: &str| {
        let at = args.iter().position(|arg| arg == name);
        at.and_then(|at| args.get(at + 1)).cloned()
    };
    let root = PathBuf::from(text("--root").unwrap_or_else(|| ".".to_owned()));
    let work =
        text("--work").map_or_else(|| std::env::temp_dir().join("sillage-mutants"), PathBuf::from);
    let seeds = text("--seeds").unwrap_or_else(|| "300".to_owned());
    let bench = Bench { tree: work.join("tree"), target: work.join("target"), seeds };
    match bench.all(&root, &text("--only").unwrap_or_default()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

impl Bench {
    fn all(&self, root: &Path, only: &str) -> Result<bool, String> {
        copy(root, &self.tree).map_err(|error| format!("{root:?}: {error}"))?;
        let healthy = self.run()?;
        if !healthy.is_empty() {
            return Err(format!("without any bug these promises are broken: {healthy:?}"));
        }
        let mutants = Mutants::read(root)?.mutant;
        let mut missed = 0;
        for mutant in mutants.iter().filter(|mutant| mutant.name.contains(only)) {
            let noticed = self.one(root, mutant)?;
            let known = noticed.iter().any(|rule| mutant.caught.contains(rule));
            missed += u32::from(!known);
            let word = if known { "caught" } else { "MISSED" };
            println!("{word:7} {:55} {}", mutant.name, noticed.join(" "));
        }
        println!("{missed} missed");
        Ok(missed == 0)
    }

    /// The promises that notice a bug.
    fn one(&self, root: &Path, mutant: &Mutant) -> Result<Vec<String>, String> {
        let path = self.tree.join(&mutant.file);
        let write = |text: &str| fs::write(&path, text).map_err(|e| format!("{path:?}: {e}"));
        let healthy = fs::read_to_string(&path).map_err(|e| format!("{path:?}: {e}"))?;
        write(&mutant.apply(root)?)?;
        let noticed = self.run();
        write(&healthy)?;
        noticed.map_err(|error| format!("{}: {error}", mutant.name))
    }

    /// Builds the tree as it is and runs its worlds: the promises that were broken.
    fn run(&self) -> Result<Vec<String>, String> {
        let mut build = Command::new("cargo");
        build.args([
            "build",
            "--offline",
            "--quiet",
            "-p",
            "sillage-device-sim",
            "--bin",
            "devices",
        ]);
        build.arg("--target-dir").arg(&self.target).current_dir(&self.tree);
        let built = build.output().map_err(|error| error.to_string())?;
        if !built.status.success() {
            return Err(String::from_utf8_lossy(&built.stderr).into_owned());
        }
        let mut worlds = Command::new(self.target.join("debug/devices"));
        worlds.args(["--quiet", "--stop-after", "3", "--seeds", &self.seeds]);
        let output = worlds.output().map_err(|error| error.to_string())?;
        let said = String::from_utf8_lossy(&output.stdout);
        let rules = said
            .lines()
            .filter_map(|line| line.split_once(": "))
            .filter(|(_, rest)| rest.ends_with(" worlds"))
            .map(|(rule, _)| rule.to_owned());
        let mut rules: Vec<String> = rules.collect();
        if rules.is_empty() && !output.status.success() {
            let line = said.lines().last().unwrap_or_default();
            let panic = String::from_utf8_lossy(&output.stderr);
            let panic = panic.lines().find(|line| line.contains("panicked")).unwrap_or_default();
            rules.push(format!("({line} {panic})"));
        }
        Ok(rules)
    }
}

/// Makes `to` hold the files of `from` that are built from; those that are the same keep their time.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        let skipped = [".git", "target", "node_modules", "sillage-data"];
        if skipped.iter().any(|skipped| name == *skipped) {
            continue;
        }
        let (source, copied) = (entry.path(), to.join(&name));
        if entry.file_type()?.is_dir() {
            copy(&source, &copied)?;
        } else {
            let bytes = fs::read(&source)?;
            if fs::read(&copied).ok().as_ref() != Some(&bytes) {
                fs::write(&copied, bytes)?;
            }
        }
    }
    Ok(())
}
