use crate::collector::free_port;
use crate::{Keys, RedisServer, Reply, Resp, until};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A master with a replica, and three Sentinels that notice a dead master in a second.
#[derive(Debug)]
pub struct RedisSentinels {
    /// The one that is the master at first.
    pub master: RedisServer,
    /// The one that is its replica at first.
    pub replica: RedisServer,
    sentinels: Vec<Sentinel>,
}

#[derive(Debug)]
struct Sentinel {
    child: Child,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl RedisSentinels {
    /// The master's name.
    pub const MASTER: &str = "shop-redis";

    /// Starts all five.
    ///
    /// # Panics
    /// If redis-server is not installed, or they do not find each other.
    #[must_use]
    pub fn start() -> Self {
        let master = RedisServer::start_with(&["--repl-diskless-sync-delay", "0"]);
        let port = master.address.port().to_string();
        let replica = RedisServer::start_with(&["--replicaof", "127.0.0.1", &port]);
        until("the replica to be a copy", || {
            let said = replica.ask(&["INFO", "replication"]).text();
            said.contains("master_link_status:up").then_some(())
        });
        let sentinels: Vec<Sentinel> = (0..3).map(|_| sentinel(&port)).collect();
        let all = Self { master, replica, sentinels };
        until("the Sentinels to know each other and the replica", || {
            let sound = all.sentinels.iter().all(|sentinel| {
                let said = Resp::try_connect(sentinel.address)
                    .and_then(|mut resp| resp.try_ask(&["INFO", "sentinel"]));
                matches!(said, Some(Reply::Bulk(Some(text)))
                    if text.contains("slaves=1,sentinels=3") && text.contains("status=ok"))
            });
            sound.then_some(())
        });
        all
    }

    /// The URL that names all Sentinels.
    #[must_use]
    pub fn url(&self) -> String {
        let seeds = self.sentinels.iter().map(|sentinel| sentinel.address.to_string());
        let seeds: Vec<String> = seeds.collect();
        format!("redis+sentinel://{}/{}", seeds.join(","), Self::MASTER)
    }

    /// What the first Sentinel says who the master is.
    ///
    /// # Panics
    /// If it does not say anything.
    #[must_use]
    pub fn named(&self) -> SocketAddr {
        let ask = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", Self::MASTER];
        let said = Resp::connect(self.sentinels[0].address).ask(&ask).items();
        let [host, port] = <[Reply; 2]>::try_from(said).expect("a host and a port");
        format!("{}:{}", host.text(), port.text()).parse().expect("an address")
    }
}

fn sentinel(master_port: &str) -> Sentinel {
    let (folder, address) = (tempfile::tempdir().expect("a folder"), free_port());
    let file = folder.path().join("sentinel.conf");
    let name = RedisSentinels::MASTER;
    let text = format!(
        "bind 127.0.0.1\nport {}\nsentinel monitor {name} 127.0.0.1 {master_port} 2\n\
         sentinel down-after-milliseconds {name} 1000\nsentinel failover-timeout {name} 3000\n",
        address.port()
    );
    std::fs::write(&file, text).expect("the folder is writable");
    let child = Command::new("redis-server")
        .arg(&file)
        .arg("--sentinel")
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server is installed (apt-get install redis-server)");
    until("a Sentinel", || TcpStream::connect(address).ok().map(drop));
    Sentinel { child, address, _folder: folder }
}

impl Keys for RedisSentinels {
    fn ask(&self, words: &[&str]) -> Option<Reply> {
        self.ask_one(self.named(), words)
    }

    fn servers(&self) -> Vec<SocketAddr> {
        vec![self.named()]
    }

    fn ask_one(&self, server: SocketAddr, words: &[&str]) -> Option<Reply> {
        Resp::try_connect(server)?.patient_for(Duration::from_secs(2)).try_ask(words)
    }
}
