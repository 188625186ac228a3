//! Writing one run at a time while the sequencer goes on.
use super::run::Run;
use crate::LogError;
use crate::hand::Hands;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

type Job = Box<dyn FnOnce(&AtomicBool) -> Result<Run, LogError> + Send>;

/// One job at a time; the caller remembers what it asked for.
pub(crate) enum Background {
    Thread(Worker),
    /// Jobs wait until they are asked for the second time, so that the sequencer has gone on
    /// meanwhile as it does beside a thread.
    Caller(RefCell<VecDeque<(Job, u8)>>),
}

/// The looks at a job of a log that is run by hand before it is done.
const LOOKS: u8 = 1;

/// A thread that does jobs.
pub(crate) struct Worker {
    jobs: Option<mpsc::Sender<Job>>,
    results: mpsc::Receiver<Result<Run, LogError>>,
    /// Tells a long job that nobody waits for it any more.
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Background {
    pub(crate) fn new(name: &str, hands: Hands) -> std::io::Result<Self> {
        Ok(match hands {
            Hands::Threads => Self::Thread(Worker::spawn(name)?),
            Hands::Caller => Self::Caller(RefCell::default()),
        })
    }

    pub(crate) fn start(
        &self,
        job: impl FnOnce(&AtomicBool) -> Result<Run, LogError> + Send + 'static,
    ) {
        match self {
            Self::Thread(worker) => worker.start(Box::new(job)),
            Self::Caller(jobs) => jobs.borrow_mut().push_back((Box::new(job), LOOKS)),
        }
    }

    /// The result, if the job is done.
    pub(crate) fn poll(&self) -> Option<Result<Run, LogError>> {
        match self {
            Self::Thread(worker) => worker.poll(),
            Self::Caller(jobs) => {
                if let Some((_, looks @ 1..)) = jobs.borrow_mut().front_mut() {
                    *looks -= 1;
                    return None;
                }
                Some(self.wait())
            }
        }
    }

    /// The result, awaited.
    pub(crate) fn wait(&self) -> Result<Run, LogError> {
        match self {
            Self::Thread(worker) => worker.wait(),
            Self::Caller(jobs) => {
                let job = jobs.borrow_mut().pop_front();
                let (job, _) = job.expect("a result is awaited only of what was started");
                job(&AtomicBool::new(false))
            }
        }
    }
}

impl Worker {
    fn spawn(name: &str) -> std::io::Result<Self> {
        let (jobs, inbox) = mpsc::channel::<Job>();
        let (outbox, results) = mpsc::channel();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
            for job in inbox {
                if outbox.send(job(&stopped)).is_err() {
                    break;
                }
            }
        })?;
        Ok(Self { jobs: Some(jobs), results, stop, thread: Some(thread) })
    }

    fn start(&self, job: Job) {
        let jobs = self.jobs.as_ref().expect("open until dropped");
        // A thread that has died shows itself where its result is awaited.
        drop(jobs.send(job));
    }

    fn poll(&self) -> Option<Result<Run, LogError>> {
        match self.results.try_recv() {
            Ok(result) => Some(result),
            Err(mpsc::TryRecvError::Empty) => None,
            Err(mpsc::TryRecvError::Disconnected) => Some(Err(LogError::Closed)),
        }
    }

    fn wait(&self) -> Result<Run, LogError> {
        self.results.recv().unwrap_or(Err(LogError::Closed))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.jobs = None;
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic there was reported by the panic hook; there is nobody left to tell.
            drop(thread.join());
        }
    }
}
