//! A thread that writes one run at a time while the sequencer goes on.
use super::run::Run;
use crate::LogError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

type Job = Box<dyn FnOnce(&AtomicBool) -> Result<Run, LogError> + Send>;

/// One job at a time; the caller remembers what it asked for.
pub(crate) struct Background {
    jobs: Option<mpsc::Sender<Job>>,
    results: mpsc::Receiver<Result<Run, LogError>>,
    /// Tells a long job that nobody waits for it any more.
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Background {
    pub(crate) fn spawn(name: &str) -> std::io::Result<Self> {
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

    pub(crate) fn start(
        &self,
        job: impl FnOnce(&AtomicBool) -> Result<Run, LogError> + Send + 'static,
    ) {
        let jobs = self.jobs.as_ref().expect("open until dropped");
        // A thread that has died shows itself where its result is awaited.
        drop(jobs.send(Box::new(job)));
    }

    /// The result, if the job is done.
    pub(crate) fn poll(&self) -> Option<Result<Run, LogError>> {
        match self.results.try_recv() {
            Ok(result) => Some(result),
            Err(mpsc::TryRecvError::Empty) => None,
            Err(mpsc::TryRecvError::Disconnected) => Some(Err(LogError::Closed)),
        }
    }

    /// The result, awaited.
    pub(crate) fn wait(&self) -> Result<Run, LogError> {
        self.results.recv().unwrap_or(Err(LogError::Closed))
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.jobs = None;
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic there was reported by the panic hook; there is nobody left to tell.
            drop(thread.join());
        }
    }
}
