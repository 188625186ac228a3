use crate::collector::free_port;
use crate::{Keys, RedisServer, Reply, Resp, until};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

/// A Redis Cluster of three primaries, each with a replica, that notices a dead server in a second.
#[derive(Debug)]
pub struct RedisCluster {
    /// The servers; at first the primaries are in front.
    pub servers: Vec<RedisServer>,
    /// What `redis-cli` must add to be let in.
    login: Vec<String>,
    /// Who answered last: to look for one each time would take long while one stands still.
    answered: Mutex<Option<SocketAddr>>,
}

impl RedisCluster {
    /// Starts one with further options for each server.
    ///
    /// # Panics
    /// If redis-server or redis-cli is not installed, or they form no cluster.
    #[must_use]
    pub fn start(options: &[&str], login: &[&str]) -> Self {
        let servers: Vec<RedisServer> = (0..6)
            .map(|_| {
                let bus = free_port().port().to_string();
                let mut all = vec!["--cluster-enabled", "yes", "--cluster-node-timeout", "1000"];
                all.extend(["--cluster-port", &bus, "--repl-diskless-sync-delay", "0"]);
                all.extend(options);
                RedisServer::start_with(&all)
            })
            .collect();
        let login = login.iter().map(|&word| word.to_owned()).collect();
        let cluster = Self { servers, login, answered: Mutex::default() };
        let addresses = cluster.servers.iter().map(|server| server.address.to_string());
        let addresses: Vec<String> = addresses.collect();
        let mut words = vec!["--cluster", "create"];
        words.extend(addresses.iter().map(String::as_str));
        words.extend(["--cluster-replicas", "1", "--cluster-yes"]);
        cluster.cli(&words);
        until("all servers to know all slots and their replicas", || {
            let sound = cluster.servers.iter().all(|server| {
                let info = cluster.ask_at(server.address, &["CLUSTER", "INFO"]);
                let synced = cluster.ask_at(server.address, &["INFO", "replication"]);
                let (info, synced) = (info.text(), synced.text());
                let copied = !synced.contains("role:slave") || synced.contains("link_status:up");
                info.contains("cluster_state:ok") && info.contains("known_nodes:6") && copied
            });
            sound.then_some(())
        });
        cluster
    }

    /// The URL that names two of them.
    #[must_use]
    pub fn url(&self, user: &str) -> String {
        let (first, last) = (self.servers[0].address, self.servers[5].address);
        format!("redis+cluster://{user}{first},{last}")
    }

    /// Runs `redis-cli` with these words.
    ///
    /// # Panics
    /// If it fails.
    pub fn cli(&self, words: &[&str]) {
        if let Err(said) = self.try_cli(words) {
            panic!("redis-cli {words:?}: {said}");
        }
    }

    /// Waits until all servers say the same of who has which slots.
    pub fn until_agreed(&self) {
        let address = self.servers[0].address.to_string();
        until("the cluster to agree", || self.try_cli(&["--cluster", "check", &address]).ok());
    }

    fn try_cli(&self, words: &[&str]) -> Result<(), String> {
        let output = Command::new("redis-cli")
            .args(&self.login)
            .args(words)
            .stdin(Stdio::null())
            .output()
            .expect("redis-cli is installed (apt-get install redis-tools)");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() { Ok(()) } else { Err(said) }
    }

    /// Asks one server, with the login of the tests.
    ///
    /// # Panics
    /// If it does not answer.
    #[must_use]
    pub fn ask_at(&self, address: SocketAddr, words: &[&str]) -> Reply {
        self.try_ask_at(address, words).expect("the server answers")
    }

    fn try_ask_at(&self, address: SocketAddr, words: &[&str]) -> Option<Reply> {
        let mut resp = Resp::try_connect(address)?.patient_for(Duration::from_secs(2));
        if let [_, user, _, password] = self.login.as_slice() {
            resp.try_ask(&["AUTH", user, password])?;
        }
        resp.try_ask(words)
    }

    /// The servers that are primaries now, by their own word.
    #[must_use]
    pub fn primaries(&self) -> Vec<SocketAddr> {
        let addresses = self.servers.iter().map(|server| server.address);
        let is = |address: &SocketAddr| {
            let said = self.try_ask_at(*address, &["ROLE"]);
            matches!(said, Some(Reply::Array(parts)) if parts[0] == Reply::Bulk(Some("master".to_owned())))
        };
        addresses.filter(is).collect()
    }
}

impl Keys for RedisCluster {
    fn ask(&self, words: &[&str]) -> Option<Reply> {
        let known = self.answered.lock().expect("no thread failed").take();
        let mut at = known.or_else(|| self.primaries().first().copied())?;
        for _ in 0..5 {
            match self.try_ask_at(at, words)? {
                Reply::Error(text) if text.starts_with("MOVED ") => {
                    at = text.rsplit(' ').next()?.parse().ok()?;
                }
                reply => {
                    *self.answered.lock().expect("no thread failed") = Some(at);
                    return Some(reply);
                }
            }
        }
        None
    }

    fn servers(&self) -> Vec<SocketAddr> {
        self.primaries()
    }

    fn ask_one(&self, server: SocketAddr, words: &[&str]) -> Option<Reply> {
        self.try_ask_at(server, words)
    }
}
