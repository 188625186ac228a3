//! One-line bugs, kept as data, with which the tests are tested: a check that notices nothing when the product
//! is wrong is no check.
//!
//! A suite is a file of this folder: detectors, which are programs of the tree that fail when something is
//! wrong, and mutants, which are bugs of one line, each with the detectors that must notice it.
use serde::Deserialize;
use std::path::Path;

/// A list of bugs and what they are noticed by.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suite {
    /// The programs.
    pub detector: Vec<Detector>,
    /// The bugs, in the order in which they are tried.
    pub mutant: Vec<Mutant>,
}

/// A program that ends with a failure if it notices something.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Detector {
    /// What it is called in `caught`.
    pub name: String,
    /// What must be built for it: arguments of `cargo`. A bug that does not compile is no bug.
    pub build: Vec<Vec<String>>,
    /// The program and its arguments; `{target}` is where things were built.
    pub run: Vec<String>,
    /// Whether it says which promise was broken, in lines like `Balance: 3 worlds`; `caught` then names promises.
    #[serde(default)]
    pub tells_promises: bool,
}

/// One bug.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mutant {
    /// What it does wrong.
    pub name: String,
    /// Where, relative to the tree.
    pub file: String,
    /// The text that it replaces; it stands there once, on one line.
    pub find: String,
    /// The bug.
    pub replace: String,
    /// The detectors that must notice it, or the promises, one of which is enough; the first that does ends the search.
    pub caught: Vec<String>,
}

impl Suite {
    /// The suite of this name in the tree at `root`.
    ///
    /// # Errors
    /// What is wrong with the list.
    pub fn read(root: &Path, name: &str) -> Result<Self, String> {
        let path = root.join("tests/mutants").join(format!("{name}.toml"));
        let text =
            std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        toml::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))
    }

    /// The detectors that are to look at a mutant: those that it names, or else all that tell promises.
    pub fn detectors<'a>(&'a self, mutant: &'a Mutant) -> impl Iterator<Item = &'a Detector> {
        self.detector.iter().filter(|d| d.tells_promises || mutant.caught.contains(&d.name))
    }
}

impl Mutant {
    /// The text of its file in the tree at `root`, with the bug in it.
    ///
    /// # Errors
    /// The file cannot be read, or what is to be replaced is not there exactly once.
    pub fn apply(&self, root: &Path) -> Result<String, String> {
        let path = root.join(&self.file);
        let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", self.file))?;
        match text.matches(self.find.as_str()).count() {
            1 if !self.find.contains('\n') => Ok(text.replacen(&self.find, &self.replace, 1)),
            count => Err(format!("{}: {:?} is there {count} times", self.file, self.find)),
        }
    }
}
