//! Real Redis servers that can be taken away and given back: one, a pair with Sentinels, a cluster.
use crate::collector::free_port;
use crate::{Reply, Resp, until};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What happens to Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// It is killed and comes back with its data.
    Stop,
    /// It is killed and comes back empty.
    Empty,
    /// It is killed, and a replica that misses its last writes takes its place.
    Failover,
    /// One of three servers of a cluster is killed and comes back with its data.
    Cluster,
}

impl Case {
    /// Reads its name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "stop" => Some(Self::Stop),
            "empty" => Some(Self::Empty),
            "failover" => Some(Self::Failover),
            "cluster" => Some(Self::Cluster),
            _ => None,
        }
    }
}

/// One process of `redis-server`, in a folder of its own.
#[derive(Debug)]
struct Server {
    child: Option<Child>,
    address: SocketAddr,
    folder: PathBuf,
    arguments: Vec<String>,
}

impl Server {
    fn start(folder: &Path, arguments: &[&str]) -> Self {
        let address = free_port();
        let folder = folder.join(address.port().to_string());
        std::fs::create_dir_all(&folder).expect("the folder is writable");
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let mut server = Self { child: None, address, folder, arguments };
        server.launch();
        server
    }

    fn launch(&mut self) {
        let child = Command::new("redis-server")
            .args(&self.arguments)
            .args(["--bind", "127.0.0.1", "--port", &self.address.port().to_string()])
            .current_dir(&self.folder)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed (apt-get install redis-server)");
        self.child = Some(child);
        let address = self.address;
        until("redis-server to have its data", || {
            TcpStream::connect(address).ok()?;
            let reply = Resp::connect(address).ask(&["PING"]);
            (reply == Reply::Simple("PONG".to_owned())).then_some(())
        });
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("it can be killed");
            child.wait().expect("it can be waited for");
        }
    }

    fn signal(&self, name: &str) {
        let pid = self.child.as_ref().expect("it runs").id().to_string();
        let sent = Command::new("kill").args([name, &pid]).status().expect("kill runs");
        assert!(sent.success(), "kill {name} {pid}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The servers of a case.
#[derive(Debug)]
pub(super) struct Servers {
    case: Case,
    /// Those that hold data; the first is the one that is taken away.
    data: Vec<Server>,
    sentinels: Vec<Server>,
}

const MASTER: &str = "m";
const KEPT: [&str; 6] = ["--save", "", "--appendonly", "yes", "--appendfsync", "everysec"];

impl Servers {
    /// Starts them.
    ///
    /// # Panics
    /// If one of them does not start.
    #[must_use]
    pub(super) fn start(case: Case, folder: &Path) -> Self {
        match case {
            Case::Stop => Self::of(case, vec![Server::start(folder, &KEPT)]),
            Case::Empty => Self::of(case, vec![Server::start(folder, &["--save", ""])]),
            Case::Failover => Self::pair(folder),
            Case::Cluster => Self::cluster(folder),
        }
    }

    fn of(case: Case, data: Vec<Server>) -> Self {
        Self { case, data, sentinels: Vec::new() }
    }

    fn pair(folder: &Path) -> Self {
        let master = Server::start(folder, &KEPT);
        let port = master.address.port().to_string();
        let of = format!("127.0.0.1 {port}");
        let following = ["--replicaof", "127.0.0.1", &port];
        let replica = Server::start(folder, &[&KEPT[..], &following].concat());
        until("the replica to follow", || {
            let told = Resp::connect(replica.address).ask(&["INFO", "replication"]).text();
            told.contains("master_link_status:up").then_some(())
        });
        let sentinel = |number: usize| {
            let file = folder.join(format!("sentinel-{number}.conf"));
            let rules = format!(
                "sentinel monitor {MASTER} {of} 2\nsentinel down-after-milliseconds {MASTER} 1000\n\
                 sentinel failover-timeout {MASTER} 5000\n"
            );
            std::fs::write(&file, rules).expect("the folder is writable");
            let file = file.display().to_string();
            Server::start(folder, &[file.as_str(), "--sentinel"])
        };
        let sentinels: Vec<Server> = (0..3).map(sentinel).collect();
        for sentinel in &sentinels {
            until("a sentinel to know the others", || {
                let known = Resp::connect(sentinel.address).ask(&["SENTINEL", "CKQUORUM", MASTER]);
                let replicas = Resp::connect(sentinel.address).ask(&["INFO", "sentinel"]).text();
                let knows = matches!(&known, Reply::Simple(text) if text.contains("3 usable"));
                (knows && replicas.contains("slaves=1")).then_some(())
            });
        }
        Self { case: Case::Failover, data: vec![master, replica], sentinels }
    }

    fn cluster(folder: &Path) -> Self {
        let options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
        let options = [&KEPT[..], &options, &["--cluster-require-full-coverage", "no"]].concat();
        let server = |_| {
            // The usual bus is ten thousand above, where somebody else may be.
            let bus = free_port().port().to_string();
            Server::start(folder, &[&options[..], &["--cluster-port", &bus]].concat())
        };
        let data: Vec<Server> = (0..3).map(server).collect();
        let addresses: Vec<String> = data.iter().map(|server| server.address.to_string()).collect();
        let made = Command::new("redis-cli")
            .args(["--cluster", "create"])
            .args(&addresses)
            .args(["--cluster-replicas", "0", "--cluster-yes"])
            .output()
            .expect("redis-cli is installed (apt-get install redis-tools)");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stdout));
        let servers = Self::of(Case::Cluster, data);
        servers.wait_for_cluster();
        servers
    }

    fn wait_for_cluster(&self) {
        for server in &self.data {
            until("the cluster to be whole", || {
                let told = Resp::connect(server.address).ask(&["CLUSTER", "INFO"]).text();
                let whole =
                    told.contains("cluster_state:ok") && told.contains("cluster_slots_ok:16384");
                whole.then_some(())
            });
        }
    }

    /// What the collector is told.
    #[must_use]
    pub(super) fn url(&self) -> String {
        let list = |servers: &[Server]| -> String {
            let all: Vec<String> =
                servers.iter().map(|server| server.address.to_string()).collect();
            all.join(",")
        };
        match self.case {
            Case::Stop | Case::Empty => format!("redis://{}/", list(&self.data)),
            Case::Failover => format!("redis+sentinel://{}/{MASTER}", list(&self.sentinels)),
            Case::Cluster => format!("redis+cluster://{}", list(&self.data)),
        }
    }

    /// Where data is: servers that come one after the other, or next to each other in a cluster.
    #[must_use]
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.data.iter().map(|server| server.address).collect()
    }

    /// Keeps the replica, if there is one, from hearing of what is written from now on.
    pub(super) fn blind(&self) {
        if self.case == Case::Failover {
            self.data[1].signal("-STOP");
        }
    }

    /// Kills the server.
    pub(super) fn take(&mut self) {
        self.data[0].kill();
    }

    /// Gives it back, or has the replica take its place; comes back once it takes writes.
    ///
    /// # Panics
    /// If that takes longer than a minute.
    pub(super) fn give(&mut self) {
        match self.case {
            Case::Stop | Case::Empty => self.data[0].launch(),
            Case::Cluster => {
                self.data[0].launch();
                self.wait_for_cluster();
            }
            Case::Failover => {
                self.data[1].signal("-CONT");
                let address = self.data[1].address;
                until("the replica to be promoted", || {
                    // Who promotes it has it close all connections.
                    let told = Resp::try_connect(address)?.try_ask(&["INFO", "replication"])?;
                    told.text().contains("role:master").then_some(())
                });
            }
        }
    }
}
