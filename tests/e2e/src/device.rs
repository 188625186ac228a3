//! A device that tracks, as a process of any language that is bound, to be killed and starved.
use crate::Project;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A language with a program of the same arguments: `ENDPOINT FOLDER JOURNAL FIRST MODE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// `tests/e2e/src/bin/device.rs`.
    Rust,
    /// `bindings/kotlin`, on the JVM.
    Kotlin,
    /// `bindings/python`.
    Python,
}

impl Language {
    fn command(self) -> Command {
        match self {
            Self::Rust => {
                let me = std::env::current_exe().expect("a test has a path");
                let beside =
                    me.parent().and_then(Path::parent).expect("tests lie in target/…/deps");
                Command::new(beside.join("device"))
            }
            Self::Kotlin => {
                let path = "../../bindings/kotlin/sillage/target/test.classpath";
                let classes = std::fs::read_to_string(path).expect("`make test-kotlin` was run");
                let mut command = Command::new("java");
                command.args(["-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp", classes.trim()]);
                command.arg("io.sillage.testing.DeviceKt");
                command
            }
            Self::Python => {
                let mut command = Command::new("python3");
                command.env("PYTHONPATH", "../../bindings/python/src");
                command.arg("../../bindings/python/tests/device.py");
                command
            }
        }
    }
}

/// What a device does; see `tests/e2e/src/bin/device.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Tracks without end; each call waits for the disk.
    Durable,
    /// Tracks without end; no call waits.
    Soon,
    /// Delivers what is left in the folder and ends.
    Drain,
    /// So many threads track so many events each; then all is delivered, and it ends.
    Burst(u64, u64),
}

impl std::fmt::Display for Mode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Durable => f.write_str("durable"),
            Self::Soon => f.write_str("soon"),
            Self::Drain => f.write_str("drain"),
            Self::Burst(threads, each) => write!(f, "burst:{threads}:{each}"),
        }
    }
}

/// A process that tracks, in a folder that it may share with others.
#[derive(Debug)]
pub struct Device {
    /// In what it is written.
    pub language: Language,
    /// What it does.
    pub mode: Mode,
    child: Option<Child>,
    endpoint: String,
    folder: PathBuf,
    journal: PathBuf,
    next: u64,
}

impl Device {
    /// Starts one with numbers of its own, from `number` millions on; spool and journal are kept in `folder`.
    ///
    /// # Panics
    /// If the program is not built.
    #[must_use]
    pub fn start(
        language: Language,
        mode: Mode,
        endpoint: &str,
        folder: &Path,
        number: u64,
    ) -> Self {
        let mut device = Self {
            language,
            mode,
            child: None,
            endpoint: endpoint.to_owned(),
            folder: folder.join("events"),
            journal: folder.join(format!("journal-{number}")),
            next: number * 1_000_000,
        };
        device.restart();
        device
    }

    /// Starts it again, after it was killed.
    ///
    /// # Panics
    /// If the program is not built.
    pub fn restart(&mut self) {
        let mut command = self.language.command();
        command.env("SILLAGE_WRITE_KEY", Project::WRITE_KEY).arg(&self.endpoint);
        command.args([&self.folder, &self.journal]);
        command.args([self.next.to_string(), self.mode.to_string()]);
        self.child = Some(command.spawn().expect("the device runs"));
    }

    /// Kills it.
    ///
    /// # Panics
    /// If it has ended by itself.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        assert_eq!(child.try_wait().expect("it is ours"), None, "it runs until it is killed");
        child.kill().expect("it can be killed");
        child.wait().expect("it can be waited for");
        // The last number may have been begun; no number is used twice.
        self.next = self.journal().keys().next_back().map_or(self.next, |last| last + 1);
    }

    /// What the journal says of each event last: `begun`, `done`, `unsure`.
    ///
    /// # Panics
    /// If it is no journal.
    #[must_use]
    pub fn journal(&self) -> BTreeMap<u64, String> {
        let text = std::fs::read_to_string(&self.journal).unwrap_or_default();
        let words = text.lines().filter_map(|line| line.split_once(' '));
        words.map(|(word, number)| (number.parse().expect("a number"), word.to_owned())).collect()
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

/// Runs a device that ends by itself, and gives what it prints. `disk_kib` is the size of a disk of its own.
///
/// # Panics
/// If it fails.
pub fn run(
    language: Language,
    mode: Mode,
    endpoint: &str,
    folder: &Path,
    disk_kib: Option<u32>,
) -> String {
    let program = language.command();
    let events = folder.join("events");
    let mut command = if let Some(kib) = disk_kib {
        std::fs::create_dir_all(&events).expect("the folder is writable");
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c"]);
        command.arg(format!("mount -t tmpfs -o size={kib}k tmpfs \"$0\" && exec \"$@\""));
        command.arg(&events).arg(program.get_program());
        command
    } else {
        Command::new(program.get_program())
    };
    command.args(program.get_args());
    for (name, value) in program.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    command.env("SILLAGE_WRITE_KEY", Project::WRITE_KEY);
    command.arg(endpoint).arg(&events).args(["-", "0", &mode.to_string()]);
    let output = command.stderr(Stdio::inherit()).output().expect("the device runs");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{language:?} {mode}: {:?}\n{printed}", output.status);
    printed
}
