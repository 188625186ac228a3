//! Who does a log's work: threads of its own, or, so that a simulated world happens in one order
//! only, whoever calls.
use super::sequencer::{Flow, Sequencer};
use super::{FileLog, FileLogConfig};
use crate::{Disk, LogError};
use parking_lot::Mutex;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Who does the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hands {
    /// Threads of the log.
    Threads,
    /// Whoever calls it, while it waits.
    Caller,
}

pub(super) enum Runner {
    Thread(Option<JoinHandle<()>>),
    /// `None` once it has failed or was closed.
    Caller(Box<Mutex<Option<Sequencer>>>),
}

impl Runner {
    pub(super) fn new(hands: Hands, sequencer: Sequencer) -> std::io::Result<Self> {
        Ok(match hands {
            Hands::Threads => {
                let thread = thread::Builder::new().name("sillage-log".to_owned());
                Self::Thread(Some(thread.spawn(move || sequencer.run())?))
            }
            Hands::Caller => Self::Caller(Box::new(Mutex::new(Some(sequencer)))),
        })
    }

    /// Does what waits, if nobody else does. Lets others hand in first what they have, so that it
    /// becomes one group.
    pub(super) async fn turn(&self) {
        let Self::Caller(sequencer) = self else { return };
        let mut has_waited = false;
        let wait_once = std::future::poll_fn(|cx| {
            if std::mem::replace(&mut has_waited, true) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        });
        pin!(wait_once).await;
        step(sequencer, Sequencer::work);
    }

    /// Finishes what was handed in. The intake is closed.
    pub(super) fn end(&mut self) {
        match self {
            Self::Thread(thread) => {
                if let Some(thread) = thread.take() {
                    // A panic there was reported by the panic hook; whoever waited was told `Closed`.
                    drop(thread.join());
                }
            }
            Self::Caller(sequencer) => step(sequencer, Sequencer::work),
        }
    }
}

/// Lets the sequencer do something, and ends it if that was its last.
fn step(
    place: &Mutex<Option<Sequencer>>,
    act: impl FnOnce(&mut Sequencer) -> Result<Flow, LogError>,
) {
    let mut place = place.lock();
    let Some(mut sequencer) = place.take() else { return };
    match act(&mut sequencer) {
        Ok(Flow::Goes) => *place = Some(sequencer),
        Ok(Flow::Ended) => sequencer.close(),
        Err(error) => sequencer.fail(&error),
    }
}

impl Sequencer {
    /// Writes what waits.
    fn work(&mut self) -> Result<Flow, LogError> {
        self.turn(Duration::ZERO, |_| Ok(()))
    }
}

impl FileLog {
    /// As [`FileLog::open_on`], but without a thread: an append is written when it is polled for the
    /// second time, with everything that was handed in before; [`FileLog::tend_by_hand`] does what
    /// is done in idle moments. The same disk operations in the same order for the same calls.
    ///
    /// # Errors
    /// As [`FileLog::open`].
    pub fn open_by_hand(config: FileLogConfig, disk: Arc<dyn Disk>) -> Result<Self, LogError> {
        Self::open_with(config, disk, Hands::Caller)
    }

    /// Does what a log that was opened by hand has to do when nobody appends: closes the last group,
    /// rolls, seals, merges, removes what is old. Nothing for any other.
    pub fn tend_by_hand(&self) {
        if let Runner::Caller(sequencer) = &self.runner {
            step(sequencer, |sequencer| sequencer.turn(Duration::ZERO, Sequencer::tend));
        }
    }
}
