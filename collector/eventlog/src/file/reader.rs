//! The interface of every log, on files.
use super::{Durability, FileLog};
use crate::block::Block;
use crate::{Append, Appended, Cursor, EventLog, LogError, LogRecord};
use std::time::Duration;

impl EventLog for FileLog {
    async fn append(&self, append: Append) -> Result<Appended, LogError> {
        self.append_checked(append).await
    }

    fn read(
        &self,
        from: Cursor,
        max_bytes: usize,
        visit: &mut dyn FnMut(LogRecord<'_>),
    ) -> Result<Cursor, LogError> {
        let end = self.shelf.read(from.0, max_bytes, &mut |block| visit_records(block, visit))?;
        Ok(Cursor(end))
    }

    fn flush(&self) -> Result<(), LogError> {
        match self.durability {
            Durability::Fsync => Ok(()),
            Durability::Os => self.shelf.flush(),
        }
    }

    fn oldest(&self) -> Cursor {
        Cursor(self.shelf.oldest())
    }

    fn end(&self) -> Cursor {
        Cursor(self.shelf.end())
    }

    fn wait_past(&self, seen: Cursor, timeout: Duration) {
        self.shelf.wait_past(seen.0, timeout);
    }
}

/// Hands out the records of a block.
pub(crate) fn visit_records(block: &Block<'_>, visit: &mut dyn FnMut(LogRecord<'_>)) {
    for record in block.records() {
        visit(LogRecord {
            block: Cursor(block.position),
            partition: record.partition,
            id: record.id,
            shared: block.shared,
            body: record.body,
        });
    }
}
