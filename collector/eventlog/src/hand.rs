//! Who does the work of what is written by one writer: a thread of its own, or, so that a simulated
//! world happens in one order only, whoever calls.
use crate::LogError;
use crate::limits::IDLE_TICK;
use parking_lot::Mutex;
use std::task::Poll;
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Who does the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hands {
    /// Threads of its own.
    Threads,
    /// Whoever calls, while it waits.
    Caller,
}

/// What a writer does when nothing waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Idle {
    /// What is due.
    Tends,
    /// Nothing.
    Rests,
}

/// Whether a writer has more turns before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    Goes,
    Ended,
}

/// A writer, turn by turn.
pub(crate) trait Writer: Send + Sized + 'static {
    /// Waits for work and does what waits then.
    fn turn(&mut self, patience: Duration, idle: Idle) -> Result<Flow, LogError>;

    /// Ends in good order.
    fn close(self);

    /// Refuses everything that was not answered, and everything to come.
    fn fail(self, error: &LogError);

    /// Works until there will be nothing more, or until it fails.
    fn run(mut self) {
        loop {
            match self.turn(IDLE_TICK, Idle::Tends) {
                Ok(Flow::Goes) => {}
                Ok(Flow::Ended) => return self.close(),
                Err(error) => return self.fail(&error),
            }
        }
    }
}

pub(crate) enum Runner<W> {
    Thread(Option<JoinHandle<()>>),
    /// `None` once it has failed or was closed.
    Caller(Box<Mutex<Option<W>>>),
}

impl<W: Writer> Runner<W> {
    pub(crate) fn new(hands: Hands, name: &str, writer: W) -> std::io::Result<Self> {
        Ok(match hands {
            Hands::Threads => {
                let thread = thread::Builder::new().name(name.to_owned());
                Self::Thread(Some(thread.spawn(move || writer.run())?))
            }
            Hands::Caller => Self::Caller(Box::new(Mutex::new(Some(writer)))),
        })
    }

    /// Does what waits, if nobody else does. Lets others hand in first what they have, so that it
    /// becomes one group.
    pub(crate) async fn work(&self) {
        if let Self::Caller(_) = self {
            let mut has_waited = false;
            std::future::poll_fn(|cx| {
                if std::mem::replace(&mut has_waited, true) {
                    return Poll::Ready(());
                }
                cx.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
            self.turn(Idle::Rests);
        }
    }

    /// One turn, if nobody else takes them.
    pub(crate) fn turn(&self, idle: Idle) {
        let Self::Caller(place) = self else { return };
        let mut place = place.lock();
        let Some(mut writer) = place.take() else { return };
        match writer.turn(Duration::ZERO, idle) {
            Ok(Flow::Goes) => *place = Some(writer),
            Ok(Flow::Ended) => writer.close(),
            Err(error) => writer.fail(&error),
        }
    }

    /// Waits until what was handed in is done. Nothing more is.
    pub(crate) fn end(&mut self) {
        if let Self::Thread(thread) = self
            && let Some(thread) = thread.take()
        {
            // A panic there was reported by the panic hook; whoever waited was told `Closed`.
            drop(thread.join());
        }
        // The first turn does what waits, the second finds that nothing will come.
        self.turn(Idle::Rests);
        self.turn(Idle::Rests);
    }
}
