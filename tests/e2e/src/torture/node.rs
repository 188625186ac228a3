//! A collector that may die at any moment of its life, and is started again.
use super::trace::Injection;
use crate::collector::{binary, free_port};
use crate::{Http, Project, Resp};
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long a collector may take until it is ready.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// How a collector is configured.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `fsync` or `os`.
    pub durability: &'static str,
    /// MiB of log that are kept; 0 is all.
    pub retention_mib: u64,
    /// How long ids are known: an eighth of it is the time between two files of them.
    pub dedup: &'static str,
    /// Threads that fold.
    pub workers: u16,
    /// A Redis to write to; may be empty.
    pub redis_url: String,
    /// MiB that stay free; `None` is the collector's own choice.
    pub reserve_mib: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            durability: "fsync",
            retention_mib: 0,
            dedup: "2m",
            workers: 1,
            redis_url: String::new(),
            reserve_mib: None,
        }
    }
}

/// How a start went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// It was ready after this time.
    Ready(Duration),
    /// It ended before.
    Ended(ExitStatus),
}

/// A collector, its configuration and its data.
#[derive(Debug)]
pub struct Node {
    child: Option<Child>,
    /// Where configuration, trace and messages are; outlives the data.
    folder: PathBuf,
    data: PathBuf,
    /// Where HTTP is.
    pub http: SocketAddr,
    /// Where the Redis protocol is.
    pub resp: SocketAddr,
}

impl Node {
    /// Writes the configuration. `data` may lie on another file system.
    ///
    /// # Panics
    /// If the folder is not writable.
    #[must_use]
    pub fn new(folder: &Path, data: &Path, settings: &Settings) -> Self {
        let (http, resp) = (free_port(), free_port());
        let node =
            Self { child: None, folder: folder.to_owned(), data: data.to_owned(), http, resp };
        node.configure(settings);
        node
    }

    /// Writes the configuration anew, for the next start.
    ///
    /// # Panics
    /// If the folder is not writable.
    pub fn configure(&self, settings: &Settings) {
        let Settings { durability, retention_mib, dedup, workers, redis_url, reserve_mib } =
            settings;
        let reserve =
            reserve_mib.map_or(String::new(), |mib| format!("disk_reserve_mib = {mib}\n"));
        let config = format!(
            "[server]\nlisten = \"{}\"\ndata_dir = \"{}\"\nworkers = {workers}\n\
             durability = \"{durability}\"\ncheckpoint = \"1s\"\n{reserve}\
             [redis]\nlisten = \"{}\"\nurl = \"{redis_url}\"\n\
             [[project]]\nname = \"{}\"\nwrite_keys = [\"{}\"]\nread_tokens = [\"{}\"]\n\
             [project.log]\nsegment_mib = 1\nretention_mib = {retention_mib}\ndedup = \"{dedup}\"\n\
             [[project.segment]]\nkey = \"tried\"\nwhen = 'count(\"Tried\") >= 1'\n\
             [[project.segment]]\nkey = \"often\"\nwhen = 'count(\"Tried\") >= 10'\n",
            self.http,
            self.data.display(),
            self.resp,
            Project::NAME,
            Project::WRITE_KEY,
            Project::READ_TOKEN,
        );
        std::fs::write(self.config(), config).expect("the folder is writable");
    }

    /// The configuration file.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.folder.join("sillage.toml")
    }

    /// A folder of the project's data.
    #[must_use]
    pub fn project_folder(&self, name: &str) -> PathBuf {
        self.data.join(Project::NAME).join(name)
    }

    fn trace(&self) -> PathBuf {
        self.folder.join("trace")
    }

    /// What all its runs have said.
    #[must_use]
    pub fn said(&self) -> String {
        std::fs::read_to_string(self.folder.join("collector.log")).unwrap_or_default()
    }

    /// Starts it and does not wait.
    ///
    /// # Panics
    /// If it cannot be started, or runs.
    pub fn start(&mut self, injection: Option<&Injection>) {
        assert!(self.child.is_none(), "one at a time");
        let said =
            File::options().create(true).append(true).open(self.folder.join("collector.log"));
        let mut command = match injection {
            None => Command::new(binary()),
            Some(injection) => {
                drop(std::fs::remove_file(self.trace()));
                let mut command = Command::new("strace");
                command.args(injection.arguments(&self.trace())).arg("--").arg(binary());
                command
            }
        };
        command.arg("serve").arg("--config").arg(self.config()).stdout(Stdio::null());
        command.env("RUST_LOG", "info").env_remove("SILLAGE_BIN");
        let child = command.stderr(said.expect("the folder is writable")).spawn();
        self.child = Some(child.expect("the collector runs (strace must be installed)"));
    }

    /// Waits until it is ready or has ended.
    ///
    /// # Panics
    /// If neither comes.
    pub fn wait_ready(&mut self) -> Start {
        let started = Instant::now();
        while started.elapsed() < READY_WITHIN {
            if let Some(status) = self.ended() {
                return Start::Ended(status);
            }
            if self.is_ready() {
                return Start::Ready(started.elapsed());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("not ready after a minute:\n{}", self.tail());
    }

    /// Starts it, and it must become ready.
    ///
    /// # Panics
    /// If it does not.
    pub fn start_ready(&mut self) -> Duration {
        self.start(None);
        match self.wait_ready() {
            Start::Ready(after) => after,
            Start::Ended(status) => panic!("{status}, instead of being ready:\n{}", self.tail()),
        }
    }

    /// The end of what it has said.
    #[must_use]
    pub fn tail(&self) -> String {
        let said = self.said();
        let lines: Vec<&str> = said.lines().collect();
        lines[lines.len().saturating_sub(25)..].join("\n")
    }

    /// Whether it says that it is ready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.readyz().is_some_and(|(status, _)| status == 200)
    }

    /// What `/readyz` says, if anything.
    #[must_use]
    pub fn readyz(&self) -> Option<(u16, String)> {
        let answer = Http::try_connect(self.http)?.try_get("/readyz")?;
        Some((answer.status, String::from_utf8_lossy(&answer.body).into_owned()))
    }

    /// Whether there is a process, which may have ended since it was last asked for.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.child.is_some()
    }

    /// With what it ended, if it has.
    ///
    /// # Panics
    /// If it cannot be waited for.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.child.as_mut()?.try_wait().expect("it is ours")?;
        self.child = None;
        Some(status)
    }

    /// Kills it, if it still runs.
    ///
    /// # Panics
    /// If it cannot be waited for.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may just have ended by itself; then there is nothing to kill.
            drop(child.kill());
            child.wait().expect("it is ours");
        }
    }

    /// Asks it to stop and waits; whether it ended well.
    ///
    /// # Panics
    /// If it does not run.
    pub fn stop(&mut self) -> bool {
        let mut child = self.child.take().expect("it runs");
        let asked = Command::new("kill").arg(child.id().to_string()).status();
        assert!(asked.expect("kill runs").success());
        child.wait().expect("it is ours").success()
    }

    /// The call at which it was killed, by the last line that strace wrote.
    #[must_use]
    pub fn last_call(&self) -> Option<String> {
        // strace outlives its victim by a moment.
        let deadline = Instant::now() + Duration::from_millis(500);
        loop {
            let text = std::fs::read_to_string(self.trace()).unwrap_or_default();
            let killed = text.lines().rev().find(|line| line.ends_with("= ?"));
            if killed.is_some() || Instant::now() > deadline {
                return killed.map(str::to_owned);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Whether strace did its deed, for deeds that do not kill.
    #[must_use]
    pub fn deed_done(&self) -> bool {
        let text = std::fs::read_to_string(self.trace()).unwrap_or_default();
        text.contains("(INJECTED)") || text.contains("(DELAYED)")
    }

    /// Lets go of it, so that nothing more is done to it. strace heeds no milder signal.
    ///
    /// # Panics
    /// If it does not run.
    pub fn end_of_deeds(&self) {
        let pid = self.child.as_ref().expect("it runs").id();
        let tracer = || {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
            let line = status.lines().find_map(|line| line.strip_prefix("TracerPid:"))?.trim();
            (line != "0").then(|| line.to_owned())
        };
        while let Some(tracer) = tracer() {
            drop(Command::new("kill").args(["-KILL", &tracer]).status());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Memory that it holds, in bytes.
    ///
    /// # Panics
    /// If it does not run.
    #[must_use]
    pub fn memory(&self) -> u64 {
        let pid = self.child.as_ref().expect("it runs").id();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        kib.expect("the kernel says it") * 1_024
    }

    /// Waits until everything that was answered is readable.
    pub fn settle(&self) {
        let mut http = Http::connect(self.http);
        crate::until("the lag to end", || {
            let summary = http.get("/v1/summary", Project::READ_TOKEN);
            (summary.status == 200 && summary.json()["lag_ms"] == 0).then_some(())
        });
    }

    /// A connection to the Redis face.
    #[must_use]
    pub fn resp(&self) -> Resp {
        Resp::connect(self.resp)
    }

    /// `sillage replay`: whether log and states are equal, and what it said.
    ///
    /// # Panics
    /// If the binary does not run.
    #[must_use]
    pub fn replay(&self) -> (bool, String) {
        let mut command = Command::new(binary());
        command.args(["replay", "--project", Project::NAME, "--config"]).arg(self.config());
        let output = command.output().expect("the binary runs");
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}
