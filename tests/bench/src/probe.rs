//! How soon after its answer an event's effect is readable: a new person enters a segment, and a
//! Redis client asks until it sees it.
use crate::load::{connect, post};
use anyhow::{Context as _, bail};
use bytes::Bytes;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Probes until `over`; the times from the answer to the sight, sorted.
pub(crate) async fn run(
    http: SocketAddr,
    resp: SocketAddr,
    over: Instant,
    prefix: &str,
) -> anyhow::Result<Vec<Duration>> {
    let mut sender = connect(http).await?;
    let mut redis = TcpStream::connect(resp).await?;
    redis.set_nodelay(true)?;
    let mut seen = Vec::new();
    for number in 0.. {
        if Instant::now() >= over {
            break;
        }
        let user = format!("{prefix}{number}");
        let body = format!(
            r#"{{"batch":[{{"type":"track","event":"Probe","userId":"{user}","messageId":"{user}"}}]}}"#
        );
        post(&mut sender, "/v1/batch", Bytes::from(body), false).await.context("a probe")?;
        let answered = Instant::now();
        while !is_member(&mut redis, &user).await? {
            if answered.elapsed() > Duration::from_secs(5) {
                bail!("user {user} is not in the segment after 5 s");
            }
        }
        seen.push(answered.elapsed());
        tokio::time::sleep(Duration::from_millis(4)).await;
    }
    seen.sort();
    Ok(seen)
}

async fn is_member(redis: &mut TcpStream, user: &str) -> anyhow::Result<bool> {
    let key = format!("sl:bench:u:{user}");
    let ask = format!("*3\r\n$7\r\nHEXISTS\r\n${}\r\n{key}\r\n$9\r\nseg:probe\r\n", key.len());
    redis.write_all(ask.as_bytes()).await?;
    let mut answer = [0; 64];
    let read = redis.read(&mut answer).await?;
    match &answer[..read] {
        b":1\r\n" => Ok(true),
        b":0\r\n" => Ok(false),
        other => bail!("HEXISTS answered {:?}", String::from_utf8_lossy(other)),
    }
}
