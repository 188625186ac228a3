//! The thread that writes dead letters: durable in groups, the oldest dropped when they are too
//! many.
use super::DeadLetterId;
use crate::hand::{self, Flow, Idle};
use crate::intake::{Intake, Wake};
use crate::journal::Journal;
use crate::{Append, LogError, block, limits};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::oneshot;

type Reply = oneshot::Sender<Result<Vec<DeadLetterId>, LogError>>;

/// The letters of one request.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) appends: Vec<Append>,
    pub(crate) reply: Reply,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) stored: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) failed: AtomicBool,
}

pub(crate) struct Writer {
    journal: Journal,
    intake: Arc<Intake<Request>>,
    counters: Arc<Counters>,
    bytes_max: u64,
    blocks: Vec<u8>,
    answers: Vec<(Reply, Vec<DeadLetterId>)>,
    taken: VecDeque<(Request, usize)>,
}

impl Writer {
    pub(crate) fn new(
        journal: Journal,
        intake: Arc<Intake<Request>>,
        counters: Arc<Counters>,
        bytes_max: u64,
    ) -> Self {
        let (blocks, answers, taken) = (Vec::new(), Vec::new(), VecDeque::new());
        Self { journal, intake, counters, bytes_max, blocks, answers, taken }
    }

    fn write(&mut self) -> Result<(), LogError> {
        let mut bytes = 0;
        while let Some((request, request_bytes)) = self.taken.pop_front() {
            bytes += request_bytes;
            self.answers.push((request.reply, Vec::with_capacity(request.appends.len())));
            for append in &request.appends {
                self.add(append)?;
            }
        }
        self.commit()?;
        self.intake.release(bytes);
        for (reply, ids) in self.answers.drain(..) {
            self.counters.stored.fetch_add(ids.len() as u64, Ordering::Relaxed);
            drop(reply.send(Ok(ids)));
        }
        Ok(())
    }

    fn add(&mut self, append: &Append) -> Result<(), LogError> {
        let bytes = block::bytes_of(append);
        if (self.blocks.len() + bytes) as u64 > self.journal.room() {
            self.commit()?;
            if bytes as u64 > self.journal.room() {
                self.journal.roll(bytes)?;
                self.make_room()?;
            }
        }
        let stamp = self.journal.stamp(self.blocks.len(), 0);
        block::encode(self.journal.shelf().seed, stamp, append, &[], &mut self.blocks);
        let (_, ids) = self.answers.last_mut().expect("a request is being answered");
        ids.push(DeadLetterId(stamp.position));
        Ok(())
    }

    fn commit(&mut self) -> Result<(), LogError> {
        if !self.blocks.is_empty() {
            self.journal.commit(&self.blocks)?;
            self.blocks.clear();
            self.blocks.shrink_to(limits::GROUP_BYTES_MAX);
        }
        Ok(())
    }

    /// Drops the oldest segments until the new one fits under the bound.
    fn make_room(&mut self) -> Result<(), LogError> {
        loop {
            let spans = self.journal.shelf().spans();
            let ([oldest, _, ..], kept) = (&*spans, self.kept_bytes()) else { return Ok(()) };
            if kept + self.journal.room() <= self.bytes_max {
                return Ok(());
            }
            let dropped = self.count(oldest.base, oldest.end)?;
            self.journal.drop_oldest()?;
            self.counters.dropped.fetch_add(dropped, Ordering::Relaxed);
        }
    }

    fn kept_bytes(&self) -> u64 {
        self.journal.position() - self.journal.shelf().oldest()
    }

    fn count(&self, from: u64, to: u64) -> Result<u64, LogError> {
        let (mut at, mut count) = (from, 0);
        while at < to {
            at = self.journal.shelf().read(at, limits::READ_BYTES_MAX, &mut |block| {
                if block.position < to {
                    count += block.record_count() as u64;
                }
            })?;
        }
        Ok(count)
    }
}

impl hand::Writer for Writer {
    fn turn(&mut self, patience: Duration, idle: Idle) -> Result<Flow, LogError> {
        match self.intake.take(&mut self.taken, patience) {
            Wake::Work => self.write()?,
            Wake::Idle if idle == Idle::Tends => self.journal.prove()?,
            Wake::Idle => {}
            Wake::Closed => return Ok(Flow::Ended),
        }
        Ok(Flow::Goes)
    }

    fn close(mut self) {
        if let Err(error) = self.journal.prove() {
            tracing::error!(%error, "the dead letters could not be closed cleanly");
        }
    }

    fn fail(mut self, error: &LogError) {
        tracing::error!(%error, "the dead letters have failed and take nothing more");
        self.counters.failed.store(true, Ordering::Relaxed);
        let waiting = self.intake.fail(error.clone());
        let answers = self.answers.drain(..).map(|(reply, _)| reply);
        let rest = self.taken.drain(..).chain(waiting).map(|(request, _)| request.reply);
        for reply in answers.chain(rest) {
            drop(reply.send(Err(error.clone())));
        }
    }
}
