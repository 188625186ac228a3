//! What the comparison asks of a Redis, whatever kind it is.
use crate::RedisAddress;
use crate::keys::Key;
use crate::limits::REDIS_CHECK_PAGE;
use crate::redis_writer::link::Link;
use crate::view::View;
use redis::{Cmd, RedisError, RedisResult, Value};
use std::sync::Arc;

/// A connection of its own, so that the writer's is not held up.
pub(super) struct Reader {
    link: Link,
}

impl Reader {
    pub(super) async fn open(address: &RedisAddress) -> RedisResult<Self> {
        Ok(Self { link: Link::open(address, Arc::from([])).await? })
    }

    /// The servers that have keys of their own.
    pub(super) fn nodes(&self) -> Vec<usize> {
        self.link.primaries()
    }

    /// The answers to these commands, in their order. That a key is of another type is an answer.
    ///
    /// # Errors
    /// Whatever else keeps one of them from being answered.
    pub(super) async fn ask(&mut self, commands: Vec<Cmd>) -> RedisResult<Vec<RedisResult<Value>>> {
        let answers = self.link.ask_all(commands).await;
        let failed = |answer: &RedisResult<Value>| {
            answer.as_ref().err().filter(|error| !is_of_another_type(error)).cloned()
        };
        answers.iter().find_map(failed).map_or(Ok(answers), Err)
    }

    /// One step through the keys of one server that look like this.
    pub(super) async fn scan(
        &mut self,
        node: usize,
        cursor: u64,
        pattern: &str,
    ) -> RedisResult<(u64, Vec<Vec<u8>>)> {
        let mut command = redis::cmd("SCAN");
        command.arg(cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(REDIS_CHECK_PAGE);
        self.link.ask_at(node, &command).await
    }

    /// One step through a sorted set: its members, which may be any bytes, and their scores.
    pub(super) async fn zscan(
        &mut self,
        key: &str,
        cursor: u64,
    ) -> RedisResult<(u64, Vec<(Vec<u8>, f64)>)> {
        let mut command = redis::cmd("ZSCAN");
        command.arg(key).arg(cursor).arg("COUNT").arg(REDIS_CHECK_PAGE);
        self.link.ask(command).await
    }

    /// Removes the two single keys of the project if they are of another type than the contract's.
    pub(super) async fn clear_way(&mut self, view: &View) -> RedisResult<()> {
        for key in [Key::Meta, Key::Changes] {
            let name = view.key_name(&key).into_bytes();
            let mut command = redis::cmd("TYPE");
            command.arg(&name);
            let kind: String = self.link.ask(command).await?;
            if kind != "none" && kind != key.redis_type() {
                self.remove(&[name]).await?;
            }
        }
        Ok(())
    }

    /// Removes keys; each for itself, for they may be on different servers.
    pub(super) async fn remove(&mut self, keys: &[Vec<u8>]) -> RedisResult<()> {
        let command = |key: &Vec<u8>| {
            let mut command = redis::cmd("UNLINK");
            command.arg(key);
            command
        };
        self.ask(keys.iter().map(command).collect()).await.map(|_| ())
    }
}

fn is_of_another_type(error: &RedisError) -> bool {
    error.code() == Some("WRONGTYPE")
}
