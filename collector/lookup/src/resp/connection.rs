//! One connection: bytes in, bytes out, and how long it may take.
//!
//! Every complete request in the buffer is answered before anything is written, so that a pipeline
//! costs one write. The bytes written wait in one buffer that is bounded; a client that does not
//! read its replies is cut off.
use crate::limits::{IDLE_MAX, QUERY_BYTES_MAX, READ_BYTES, REPLY_BYTES_GATHERED, WRITE_MAX};
use crate::resp::client::Client;
use crate::resp::command::{Outcome, answer};
use crate::resp::keyspace::Keyspace;
use crate::resp::reply::{Protocol, Reply};
use crate::resp::request::{Refusal, Trust, take_request};
use crate::resp::stream::BlockedRead;
use crate::resp::{RespConfig, Seat};
use bytes::BytesMut;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// Whether the connection lives on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    Stay,
    Close,
}

/// Serves a connection until either side ends it.
pub(crate) async fn run(
    stream: TcpStream,
    peer: SocketAddr,
    seat: Seat,
    config: Arc<RespConfig>,
    mut shutdown: watch::Receiver<bool>,
) {
    // Replies are whole when they are written; waiting for more would only delay them.
    drop(stream.set_nodelay(true));
    let local = stream.local_addr().unwrap_or(peer);
    let client = Client {
        id: seat.id,
        peer,
        local,
        name: String::new(),
        protocol: Protocol::Resp2,
        authenticated: config.password.is_none(),
        connected: Instant::now(),
        last_command: "NULL",
    };
    let (input, output) = (BytesMut::new(), BytesMut::new());
    let mut connection = Connection { stream, client, seat, config, input, output };
    tokio::select! {
        ended = connection.converse() => {
            if let Err(error) = ended {
                tracing::debug!(%error, "a Redis connection broke");
            }
        }
        _ = shutdown.wait_for(|&stop| stop) => {}
    }
}

struct Connection {
    stream: TcpStream,
    client: Client,
    seat: Seat,
    config: Arc<RespConfig>,
    input: BytesMut,
    output: BytesMut,
}

impl Connection {
    async fn converse(&mut self) -> io::Result<()> {
        loop {
            let after = self.answer_all().await?;
            self.flush().await?;
            if after == After::Close {
                return self.stream.shutdown().await;
            }
            let Ok(read) = timeout(IDLE_MAX, self.read_more()).await else {
                return Ok(());
            };
            if read? == 0 {
                return Ok(());
            }
        }
    }

    async fn read_more(&mut self) -> io::Result<usize> {
        self.input.reserve(READ_BYTES);
        self.stream.read_buf(&mut self.input).await
    }

    /// Answers every complete request there is.
    async fn answer_all(&mut self) -> io::Result<After> {
        loop {
            let trust = if self.client.authenticated { Trust::Known } else { Trust::Unknown };
            let request = match take_request(&mut self.input, trust) {
                Ok(Some(request)) => request,
                Ok(None) => return Ok(After::Stay),
                Err(Refusal::Protocol(text)) => {
                    self.write(&Reply::Error(text));
                    return Ok(After::Close);
                }
                Err(Refusal::Http) => return Ok(After::Close),
            };
            let clients_now = self.seat.taken(self.config.clients_max);
            match answer(&mut self.client, &self.config, clients_now, &request) {
                Outcome::Answer(reply) => self.write(&reply),
                Outcome::Bye(reply) => {
                    self.write(&reply);
                    return Ok(After::Close);
                }
                Outcome::Wait(read) => {
                    self.flush().await?;
                    match self.wait(&read).await? {
                        Some(reply) => self.write(&reply),
                        None => return Ok(After::Close),
                    }
                }
            }
            if self.output.len() >= REPLY_BYTES_GATHERED {
                self.flush().await?;
            }
        }
    }

    /// Waits for a stream to grow; `None` if the client left meanwhile.
    async fn wait(&mut self, read: &BlockedRead) -> io::Result<Option<Reply>> {
        let config = Arc::clone(&self.config);
        let keyspace = Keyspace::new(&config.projects);
        let limit = read.block.filter(|block| !block.is_zero());
        let mut deadline = std::pin::pin!(async {
            match limit {
                Some(limit) => sleep(limit).await,
                None => std::future::pending().await,
            }
        });
        loop {
            tokio::select! {
                () = read.grown(&keyspace) => {
                    if let Some(reply) = read.poll(&keyspace, self.client.protocol) {
                        return Ok(Some(reply));
                    }
                }
                () = &mut deadline => return Ok(Some(Reply::NullArray)),
                // Requests sent meanwhile wait in the buffer. Full, it is no longer read, and then
                // a client that leaves is noticed only when the wait is over.
                count = self.read_more(), if self.input.len() < QUERY_BYTES_MAX => {
                    if count? == 0 {
                        return Ok(None);
                    }
                }
            }
        }
    }

    fn write(&mut self, reply: &Reply) {
        reply.encode(self.client.protocol, &mut self.output);
    }

    async fn flush(&mut self) -> io::Result<()> {
        if !self.output.is_empty() {
            let written = timeout(WRITE_MAX, self.stream.write_all(&self.output)).await;
            written.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
            self.output.clear();
            if self.output.capacity() > 4 * REPLY_BYTES_GATHERED {
                // One giant reply must not keep its memory for as long as the client stays.
                self.output = BytesMut::new();
            }
        }
        Ok(())
    }
}
