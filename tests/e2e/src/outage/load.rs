//! Events at a steady pace, and how long each batch waited for its answer.
use crate::{Http, now_ms};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Events of one batch.
const BATCH: u64 = 50;
/// Senders; each sends a batch every [`PACE`].
const SENDERS: u64 = 2;
/// With [`SENDERS`] and [`BATCH`], 4 000 events a second.
const PACE: Duration = Duration::from_millis(25);

/// When a batch is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Before the outage.
    Before = 0,
    /// In the outage.
    During = 1,
    /// After it.
    After = 2,
}

/// The load, shared with its senders.
#[derive(Debug)]
pub(super) struct Load {
    address: SocketAddr,
    persons: u64,
    sent: AtomicU64,
    stage: AtomicUsize,
    over: AtomicBool,
    /// Waits of each stage, in microseconds.
    waits: [Mutex<Vec<u64>>; 3],
}

impl Load {
    /// A load that goes round `persons` persons.
    #[must_use]
    pub(super) fn new(address: SocketAddr, persons: u64) -> Self {
        let (sent, stage, over) = Default::default();
        Self { address, persons, sent, stage, over, waits: Default::default() }
    }

    /// One event of every person, as fast as it goes.
    ///
    /// # Panics
    /// If the collector does not take them.
    pub(super) fn fill(&self) {
        let mut http = Http::connect(self.address);
        let mut first = 0;
        while first < self.persons {
            let answer = http.batch(&self.body(500)).expect("the collector answers");
            assert_eq!(answer.status, 200);
            first += 500;
        }
    }

    /// Sends until it is over.
    pub(super) fn run<'scope>(&'scope self, scope: &'scope std::thread::Scope<'scope, '_>) {
        for _ in 0..SENDERS {
            scope.spawn(|| self.send());
        }
    }

    /// What the next batches belong to.
    pub(super) fn enter(&self, stage: Stage) {
        self.stage.store(stage as usize, Ordering::SeqCst);
    }

    /// Ends the senders.
    pub(super) fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    /// Events sent and answered in a stage, and the wait that 99 of 100 batches did not exceed, in
    /// milliseconds.
    ///
    /// # Panics
    /// If a sender has panicked.
    #[must_use]
    pub(super) fn waited(&self, stage: Stage) -> (u64, f64) {
        let mut waits = self.waits[stage as usize].lock().expect("no sender panics").clone();
        waits.sort_unstable();
        let worst = waits.get(waits.len() * 99 / 100).copied().unwrap_or(0);
        (waits.len() as u64 * BATCH, worst as f64 / 1_000.0)
    }

    fn send(&self) {
        let mut http = Http::connect(self.address);
        let mut due = Instant::now();
        while !self.over.load(Ordering::SeqCst) {
            let body = self.body(BATCH);
            let stage = self.stage.load(Ordering::SeqCst);
            // From when it was due: a collector that holds the sender up is not let off.
            let answer = http.batch(&body).expect("the collector answers");
            assert_eq!(answer.status, 200, "{}", answer.json());
            let wait = u64::try_from(due.elapsed().as_micros()).unwrap_or(u64::MAX);
            self.waits[stage].lock().expect("no sender panics").push(wait);
            due += PACE;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    }

    fn body(&self, count: u64) -> String {
        let first = self.sent.fetch_add(count, Ordering::SeqCst);
        let at = now_ms();
        let mut body = String::from("{\"batch\":[");
        for number in first..first + count {
            let comma = if number == first { "" } else { "," };
            // Some buy: memberships change as well as counts.
            let event = if number % 7 == 0 { "Order Completed" } else { "Product Viewed" };
            write!(
                body,
                "{comma}{{\"type\":\"track\",\"event\":\"{event}\",\"userId\":\"p{}\",\
                 \"messageId\":\"m{number}\",\"timestamp\":{at}}}",
                number % self.persons
            )
            .expect("a string takes all");
        }
        body + "]}"
    }
}
