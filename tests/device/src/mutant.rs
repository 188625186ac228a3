//! One-line bugs, kept as data, with which the checker is checked.
use serde::Deserialize;
use std::path::Path;

/// All of them.
#[derive(Debug, Deserialize)]
pub struct Mutants {
    /// In the order in which they are tried.
    pub mutant: Vec<Mutant>,
}

/// One bug.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mutant {
    /// What it does wrong.
    pub name: String,
    /// Where, relative to the tree.
    pub file: String,
    /// The text that it replaces; it stands there once.
    pub find: String,
    /// The bug.
    pub replace: String,
    /// The promises that may notice it.
    pub caught: Vec<String>,
}

impl Mutants {
    /// Those of the tree at `root`.
    ///
    /// # Errors
    /// What is wrong with the list.
    pub fn read(root: &Path) -> Result<Self, String> {
        let path = root.join("tests/device/mutants.toml");
        let text = std::fs::read_to_string(&path).map_err(|e| format!("{path:?}: {e}"))?;
        toml::from_str(&text).map_err(|e| format!("{path:?}: {e}"))
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
