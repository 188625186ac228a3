//! What is known about one connection.
use crate::resp::reply::Protocol;
use std::net::SocketAddr;
use std::time::Instant;

/// One connection's own state, changed by its own commands only.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) id: i64,
    pub(crate) peer: SocketAddr,
    pub(crate) local: SocketAddr,
    pub(crate) name: String,
    pub(crate) protocol: Protocol,
    pub(crate) authenticated: bool,
    pub(crate) connected: Instant,
    pub(crate) last_command: &'static str,
}

impl Client {
    /// The line that CLIENT LIST prints about it, with the fields that mean something here.
    pub(crate) fn describe(&self) -> String {
        format!(
            "id={} addr={} laddr={} name={} age={} idle=0 flags=N db=0 sub=0 psub=0 multi=-1 cmd={} \
             user=default resp={}",
            self.id,
            self.peer,
            self.local,
            self.name,
            self.connected.elapsed().as_secs(),
            self.last_command,
            self.protocol.number(),
        )
    }
}
