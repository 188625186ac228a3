//! Which server is the master now, asked of the Sentinels.
use super::address::{Host, RedisAddress};
use super::link::{Node, open};
use redis::{ErrorKind, RedisConnectionInfo, RedisError, RedisResult, Value};

/// Finds and opens the master. A Sentinel may not know yet that the master is another one, so what
/// it names is asked itself, and the next Sentinel if it is none.
pub(super) async fn master(
    address: &RedisAddress,
    seeds: &[Host],
    name: &str,
    login: &RedisConnectionInfo,
) -> RedisResult<Node> {
    let mut failed = None;
    for seed in seeds {
        match named(address, seed, name, login).await {
            Ok(host) => match Node::open(address.client(&host)?, host.to_string()).await {
                Ok(mut node) => match is_master(&mut node).await {
                    Ok(true) => return Ok(node),
                    Ok(false) => failed = Some(no_master(format!("{host} is a replica"))),
                    Err(error) => failed = Some(error),
                },
                Err(error) => failed = Some(error),
            },
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    Err(failed.unwrap_or_else(|| no_master("no Sentinel is named".to_owned())))
}

/// What one Sentinel says.
pub(super) async fn named(
    address: &RedisAddress,
    seed: &Host,
    name: &str,
    login: &RedisConnectionInfo,
) -> RedisResult<Host> {
    let mut sentinel = open(&address.sentinel(seed, login)?).await?;
    let mut ask = redis::cmd("SENTINEL");
    ask.arg("GET-MASTER-ADDR-BY-NAME").arg(name);
    let told: Option<(String, u16)> = ask.query_async(&mut sentinel).await?;
    let (name, port) = told.ok_or_else(|| no_master(format!("{seed} knows no master {name}")))?;
    Ok(Host { name, port })
}

async fn is_master(node: &mut Node) -> RedisResult<bool> {
    let role: Value = redis::cmd("ROLE").query_async(node.connection()?).await?;
    let Value::Array(parts) = role else { return Ok(false) };
    let kind: Option<String> =
        parts.into_iter().next().and_then(|v| redis::from_redis_value(v).ok());
    Ok(kind.as_deref() == Some("master"))
}

fn no_master(detail: String) -> RedisError {
    (ErrorKind::MasterNameNotFoundBySentinel, "the Sentinels name no master", detail).into()
}
