//! Tests the tests: builds the product with one bug at a time and looks what notices it.
//! `sillage-mutants --suite core|collector [--only TEXT[|TEXT…]] [--root TREE] [--work DIR]`.
//!
//! The tree is copied to the working directory, which is kept, so that only what changes is built.
#![allow(clippy::print_stdout, reason = "a command speaks to the terminal")]
use sillage_mutants::{Detector, Mutant, Suite};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

/// Who has not ended by then has noticed: without a bug the slowest takes a minute. In words of `timeout`.
const END_WITHIN: &str = "5m";

struct Bench {
    root: PathBuf,
    tree: PathBuf,
    target: PathBuf,
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
    let bench = Bench { root, tree: work.join("tree"), target: work.join("target") };
    let Some(suite) = text("--suite") else {
        println!("which suite? --suite core|collector");
        return ExitCode::from(2);
    };
    match bench.all(&suite, &text("--only").unwrap_or_default()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

impl Bench {
    /// Whether every bug was noticed by what is to notice it, and nothing was noticed without one.
    fn all(&self, suite: &str, only: &str) -> Result<bool, String> {
        copy(&self.root, &self.tree)
            .map_err(|error| format!("{}: {error}", self.root.display()))?;
        let suite = Suite::read(&self.root, suite)?;
        let is_wanted = |mutant: &&Mutant| only.split('|').any(|part| mutant.name.contains(part));
        let mutants: Vec<&Mutant> = suite.mutant.iter().filter(is_wanted).collect();
        let needed = |d: &&Detector| {
            mutants.iter().any(|mutant| suite.detectors(mutant).any(|other| other.name == d.name))
        };
        for detector in suite.detector.iter().filter(needed) {
            let noticed = self.run(detector)?;
            if !noticed.is_empty() {
                return Err(format!("without any bug {} notices {noticed:?}", detector.name));
            }
        }
        let mut missed = 0;
        for mutant in &mutants {
            let begun = Instant::now();
            let noticed = match self.one(&suite, mutant) {
                Ok(noticed) => noticed,
                Err(error) => {
                    missed += 1;
                    println!("FAILED  {error}");
                    continue;
                }
            };
            let is_known = noticed.iter().any(|what| mutant.caught.contains(what));
            missed += u32::from(!is_known);
            let word = if is_known { "caught" } else { "MISSED" };
            let seconds = begun.elapsed().as_secs();
            println!("{word:7} {:60} {} ({seconds} s)", mutant.name, noticed.join(" "));
        }
        println!("{} bugs, {missed} missed", mutants.len());
        Ok(missed == 0)
    }

    /// What notices a bug, up to the first detector that does.
    fn one(&self, suite: &Suite, mutant: &Mutant) -> Result<Vec<String>, String> {
        let path = self.tree.join(&mutant.file);
        let write =
            |text: &str| fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()));
        let healthy = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        write(&mutant.apply(&self.root)?)?;
        let mut noticed = Ok(Vec::new());
        for detector in suite.detectors(mutant) {
            noticed = self.run(detector);
            if !matches!(&noticed, Ok(what) if what.is_empty()) {
                break;
            }
        }
        write(&healthy)?;
        noticed.map_err(|error| format!("{}: {error}", mutant.name))
    }

    /// Builds the tree as it is and lets a detector look at it: what it noticed, which is its own name or the
    /// promises that it tells.
    fn run(&self, detector: &Detector) -> Result<Vec<String>, String> {
        for arguments in &detector.build {
            let mut build = Command::new("cargo");
            build.args(arguments).current_dir(&self.tree);
            build.env("CARGO_TARGET_DIR", &self.target);
            let built = build.output().map_err(|error| error.to_string())?;
            if !built.status.success() {
                return Err(String::from_utf8_lossy(&built.stderr).into_owned());
            }
        }
        let target = self.target.display().to_string();
        let words: Vec<String> =
            detector.run.iter().map(|w| w.replace("{target}", &target)).collect();
        let (program, arguments) = words.split_first().ok_or("a detector runs nothing")?;
        let mut command = Command::new("timeout");
        command.arg(END_WITHIN).arg(program).args(arguments).current_dir(&self.tree);
        command.env("CARGO_TARGET_DIR", &self.target);
        command.env("SILLAGE_BIN", self.target.join("debug/sillage"));
        let output = command.output().map_err(|error| format!("{program}: {error}"))?;
        if output.status.success() {
            return Ok(Vec::new());
        }
        let said = String::from_utf8_lossy(&output.stdout);
        let promises = if detector.tells_promises { promises(&said) } else { Vec::new() };
        Ok(if promises.is_empty() { vec![detector.name.clone()] } else { promises })
    }
}

fn promises(said: &str) -> Vec<String> {
    said.lines()
        .filter_map(|line| line.split_once(": "))
        .filter(|(_, rest)| rest.ends_with(" worlds"))
        .map(|(promise, _)| promise.to_owned())
        .collect()
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
