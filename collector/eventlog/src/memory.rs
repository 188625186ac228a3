//! A log that lives as long as its process: for tests, simulations and trials.
//!
//! The same blocks and the same admission as on disk; nothing is durable, and ids are known for as
//! long as their records are kept, which is for ever.
use crate::block::{self, Block, Seed, Stamp};
use crate::file::visit_records;
use crate::{Append, Appended, Clock, Cursor, EventLog, LogError, LogRecord, admission, limits};
use parking_lot::{Condvar, Mutex};
use sillage_model::EventId;
use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The log in memory.
#[derive(Debug, Default)]
pub struct MemoryLog {
    state: Mutex<State>,
    bell: Condvar,
    clock: Clock,
}

#[derive(Debug, Default)]
struct State {
    /// Ascending.
    blocks: Vec<Stored>,
    end: u64,
    ids: HashSet<EventId>,
}

/// A block and its position.
type Stored = (u64, Arc<[u8]>);

impl MemoryLog {
    /// An empty log.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn append_now(&self, append: &Append) -> Result<Appended, LogError> {
        admission::check(append)?;
        let mut state = self.state.lock();
        if state.end + block::bytes_of(append) as u64 > limits::MEMORY_LOG_BYTES_MAX as u64 {
            return Err(LogError::Overloaded { retry_after: limits::OVERLOAD_RETRY_AFTER });
        }
        let insert = |id| Ok::<_, Infallible>(state.ids.insert(id));
        let Ok(duplicates) = admission::duplicates(append, insert);
        if duplicates.len() < append.records.len() {
            let position = state.end;
            let stamp = Stamp { position, durable: position, received: self.clock.now_ms() };
            let mut bytes = Vec::new();
            block::encode(Seed::from_salt(0), stamp, append, &duplicates, &mut bytes);
            state.end += bytes.len() as u64;
            state.blocks.push((position, bytes.into()));
        }
        let end = Cursor(state.end);
        drop(state);
        self.bell.notify_all();
        Ok(Appended { duplicates, end })
    }

    /// The blocks from `from` on, at least one if there is one, about `bytes_max` in all.
    fn blocks(&self, from: u64, bytes_max: usize) -> Result<Vec<Stored>, LogError> {
        let state = self.state.lock();
        if from > state.end {
            return Err(LogError::Ahead { end: Cursor(state.end) });
        }
        let first = state.blocks.partition_point(|(position, _)| *position < from);
        let mut bytes = 0;
        let mut blocks = Vec::new();
        for block in &state.blocks[first..] {
            if bytes > 0 && bytes >= bytes_max {
                break;
            }
            bytes += block.1.len();
            blocks.push(block.clone());
        }
        Ok(blocks)
    }
}

impl EventLog for MemoryLog {
    async fn append(&self, append: Append) -> Result<Appended, LogError> {
        self.append_now(&append)
    }

    fn read(
        &self,
        from: Cursor,
        max_bytes: usize,
        visit: &mut dyn FnMut(LogRecord<'_>),
    ) -> Result<Cursor, LogError> {
        let mut end = from.0;
        for (position, bytes) in self.blocks(from.0, max_bytes)? {
            let block = Block::parse(Seed::from_salt(0), position, &bytes);
            visit_records(&block.expect("memory keeps what was encoded"), visit);
            end = position + bytes.len() as u64;
        }
        Ok(Cursor(end))
    }

    fn oldest(&self) -> Cursor {
        Cursor::START
    }

    fn end(&self) -> Cursor {
        Cursor(self.state.lock().end)
    }

    fn wait_past(&self, seen: Cursor, timeout: Duration) {
        let Some(until) = Instant::now().checked_add(timeout) else { return };
        let mut state = self.state.lock();
        while state.end <= seen.0 {
            if self.bell.wait_until(&mut state, until).timed_out() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_keeps_the_contract() {
        crate::contract::contract(MemoryLog::new);
    }
}
