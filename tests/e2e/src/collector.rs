use crate::{Http, Resp, until};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

/// The collector's binary: `SILLAGE_BIN`, else the one built beside this test.
///
/// # Panics
/// If there is none.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "a test's only setting")]
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("SILLAGE_BIN") {
        return path.into();
    }
    let me = std::env::current_exe().expect("a test has a path");
    // Tests lie in target/…/deps, programs one level above.
    let folder = me.parent().expect("a file is in a folder");
    let beside = if folder.ends_with("deps") { folder.parent() } else { Some(folder) };
    let path = beside.expect("deps is in a folder").join("sillage");
    assert!(path.exists(), "{} is not built: cargo build -p sillage-server", path.display());
    path
}

/// What the tests' project is called, and what it is opened with.
#[derive(Debug, Clone, Copy)]
pub struct Project;

impl Project {
    /// Its name.
    pub const NAME: &str = "shop";
    /// Its write key.
    pub const WRITE_KEY: &str = "wk_test";
    /// Its read token.
    pub const READ_TOKEN: &str = "rt_test";
    /// Its admin token.
    pub const ADMIN_TOKEN: &str = "at_test";
}

/// A collector that runs as a process, in a folder that outlives its restarts.
#[derive(Debug)]
pub struct Collector {
    child: Option<Child>,
    folder: PathBuf,
    /// Where HTTP is.
    pub http: SocketAddr,
    /// Where the Redis protocol is.
    pub resp: SocketAddr,
}

impl Collector {
    /// Writes a configuration with these rules (TOML that goes on after the project's keys) and
    /// starts the collector. `redis_url` may be empty.
    ///
    /// # Panics
    /// If it does not become ready.
    #[must_use]
    pub fn start(folder: &Path, redis_url: &str, rules: &str) -> Self {
        Self::start_with(folder, redis_url, rules, 0)
    }

    /// As [`Collector::start`], with this number of workers; 0 is what the machine suggests. However slow
    /// the machine, nobody is sent away for it: tests of that say so themselves.
    ///
    /// # Panics
    /// If it does not become ready.
    #[must_use]
    pub fn start_with(folder: &Path, redis_url: &str, rules: &str, workers: u16) -> Self {
        let (http, resp) = (free_port(), free_port());
        let config = format!(
            "[server]\nlisten = \"{http}\"\ndata_dir = \"{}\"\nworkers = {workers}\n\
             lag_max = \"0s\"\nwait_max = \"0s\"\n\
             [redis]\nlisten = \"{resp}\"\nurl = \"{redis_url}\"\n\
             [[project]]\nname = \"{}\"\nwrite_keys = [\"{}\"]\nread_tokens = [\"{}\"]\n\
             admin_tokens = [\"{}\"]\n{rules}\n",
            folder.join("data").display(),
            Project::NAME,
            Project::WRITE_KEY,
            Project::READ_TOKEN,
            Project::ADMIN_TOKEN,
        );
        std::fs::write(folder.join("sillage.toml"), config).expect("the folder is writable");
        let mut collector = Self { child: None, folder: folder.to_owned(), http, resp };
        collector.restart();
        collector
    }

    /// Starts it again in the same folder, after it was killed or stopped.
    ///
    /// # Panics
    /// If it does not become ready.
    pub fn restart(&mut self) {
        self.spawn(&[]);
        self.wait_until_ready();
    }

    /// Starts a process with these further arguments, beside the one that may be running.
    ///
    /// # Panics
    /// If the binary cannot be run.
    pub fn spawn(&mut self, arguments: &[&str]) -> Option<Child> {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.join("collector.log"))
            .expect("the folder is writable");
        let child = Command::new(binary())
            .arg("serve")
            .arg("--config")
            .arg(self.folder.join("sillage.toml"))
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the binary runs");
        self.child.replace(child)
    }

    /// Waits until it answers that it is.
    ///
    /// # Panics
    /// If it does not within a time.
    pub fn wait_until_ready(&self) {
        let address = self.http;
        until("the collector to be ready", || {
            let answer = Http::try_connect(address)?.try_get("/readyz")?;
            (answer.status == 200).then_some(())
        });
    }

    /// Starts another process that takes over; whether the one before ended well.
    ///
    /// # Panics
    /// If none was running, or the new one does not become ready.
    pub fn succeed(&mut self) -> bool {
        let mut before = self.spawn(&["--takeover"]).expect("it runs");
        let ended = before.wait().expect("it can be waited for");
        self.wait_until_ready();
        ended.success()
    }

    /// Starts another process that would take over but cannot; what it said.
    ///
    /// # Panics
    /// If it could.
    #[must_use]
    pub fn try_succeed(&mut self) -> String {
        let before = self.spawn(&["--takeover"]);
        let mut failed = std::mem::replace(&mut self.child, before).expect("it was started");
        assert!(!failed.wait().expect("it can be waited for").success(), "it started");
        self.log()
    }

    /// Kills it as a power button would.
    ///
    /// # Panics
    /// If it was not running.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().expect("it can be killed");
        child.wait().expect("it can be waited for");
    }

    /// Sends it a signal, such as `STOP` or `CONT`.
    ///
    /// # Panics
    /// If it does not run.
    pub fn signal(&self, name: &str) {
        let pid = self.child.as_ref().expect("it runs").id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &pid]).status();
        assert!(sent.expect("kill runs").success());
    }

    /// Asks it to stop (SIGTERM) and waits; whether it ended well.
    ///
    /// # Panics
    /// If it was not running.
    pub fn stop(&mut self) -> bool {
        let mut child = self.child.take().expect("it runs");
        let asked = Command::new("kill").arg(child.id().to_string()).status();
        assert!(asked.expect("kill runs").success());
        child.wait().expect("it can be waited for").success()
    }

    /// Its process.
    ///
    /// # Panics
    /// If it does not run.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// Memory that it holds, in bytes (resident set).
    ///
    /// # Panics
    /// If it does not run.
    #[must_use]
    pub fn memory(&self) -> u64 {
        let pid = self.pid();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        kib.expect("the kernel says it") * 1_024
    }

    /// The configuration file.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.folder.join("sillage.toml")
    }

    /// Where it logs.
    #[must_use]
    pub fn log_file(&self) -> PathBuf {
        self.folder.join("collector.log")
    }

    /// What it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// A new connection to HTTP.
    #[must_use]
    pub fn http(&self) -> Http {
        Http::connect(self.http)
    }

    /// A new connection to the Redis face.
    #[must_use]
    pub fn resp(&self) -> Resp {
        Resp::connect(self.resp)
    }

    /// Waits until everything that was answered is readable.
    pub fn settle(&self) {
        let mut http = self.http();
        until("the lag to end", || {
            let summary = http.get("/v1/summary", Project::READ_TOKEN).json();
            (summary["lag_ms"] == 0).then_some(())
        });
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself; then there is nothing to kill.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// A port that nobody else is given: one of those that systems do not use for outgoing connections, which might take
/// it while a collector is down, and in each process of tests another.
///
/// # Panics
/// If a bound socket has no address.
#[must_use]
pub fn free_port() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    const FIRST: u16 = 12_000;
    const PORTS: u16 = 20_000;
    loop {
        let step = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let place = (std::process::id().wrapping_mul(97) + step) % u32::from(PORTS);
        let port = FIRST + u16::try_from(place).expect("below the number of ports");
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            return listener.local_addr().expect("a bound socket has an address");
        }
    }
}
