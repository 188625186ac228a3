//! Senders that go on whatever happens: what was not answered is sent again, what was is sometimes, too.
use super::event::{Dice, Event};
use super::journal::{Fate, Journal};
use crate::{Answer, Http};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Events of a batch.
pub const BATCH: u64 = 20;

/// Senders of a load.
const SENDERS: u64 = 6;

/// Batches of which a sender remembers that they were acknowledged, to send one again now and then.
const REMEMBERED: usize = 64;

/// What senders and their master share.
#[derive(Debug, Default)]
struct Shared {
    open: Mutex<VecDeque<u64>>,
    next: AtomicU64,
    sending: AtomicU64,
    acked: AtomicU64,
    recognised: AtomicU64,
    forgotten: AtomicU64,
    refused: AtomicU64,
    broken: AtomicU64,
    slowest_refusal_ms: AtomicU64,
    last_refusal: Mutex<String>,
    paused: AtomicBool,
    stop: AtomicBool,
}

/// A running load.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    senders: Vec<JoinHandle<()>>,
}

/// What a load has met so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Met {
    /// Events acknowledged, those that were sent again included.
    pub acked: u64,
    /// Events of which an answer said that they were there already.
    pub recognised: u64,
    /// Events that were acknowledged, and taken for new when they came again.
    pub forgotten: u64,
    /// Answers that said "come again".
    pub refused: u64,
    /// Requests without an answer.
    pub broken: u64,
    /// The longest that a refusal took.
    pub slowest_refusal_ms: u64,
    /// The last of these.
    pub last_refusal: String,
}

impl Load {
    /// Starts senders that pause for `pace` between batches.
    #[must_use]
    pub fn start(address: SocketAddr, seed: u64, journal: &Arc<Journal>, pace: Duration) -> Self {
        let shared = Arc::new(Shared::default());
        let senders = (0..SENDERS).map(|number| {
            let (shared, journal) = (Arc::clone(&shared), Arc::clone(journal));
            let dice = Dice::new(seed ^ (number + 1) << 56);
            let mut sender =
                Sender { address, seed, dice, journal, shared, done: VecDeque::new(), pace };
            std::thread::spawn(move || sender.run())
        });
        Self { senders: senders.collect(), shared }
    }

    /// Requests that are on their way now.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.shared.sending.load(Ordering::Acquire)
    }

    /// What it has met so far.
    ///
    /// # Panics
    /// If a sender did.
    #[must_use]
    pub fn met(&self) -> Met {
        let of = |counter: &AtomicU64| counter.load(Ordering::Acquire);
        let Shared { acked, recognised, forgotten, refused, broken, slowest_refusal_ms, .. } =
            &*self.shared;
        Met {
            acked: of(acked),
            recognised: of(recognised),
            forgotten: of(forgotten),
            refused: of(refused),
            broken: of(broken),
            slowest_refusal_ms: of(slowest_refusal_ms),
            last_refusal: self.shared.last_refusal.lock().expect("nobody panics").clone(),
        }
    }

    /// Lets no more requests out, and waits for those that are.
    pub fn pause(&self) {
        self.shared.paused.store(true, Ordering::Release);
        crate::until("requests to be answered", || (self.in_flight() == 0).then_some(()));
    }

    /// Goes on.
    pub fn resume(&self) {
        self.shared.paused.store(false, Ordering::Release);
    }

    /// Ends it.
    ///
    /// # Panics
    /// If a sender saw what it should not.
    pub fn stop(mut self) -> Met {
        self.shared.stop.store(true, Ordering::Release);
        for sender in self.senders.drain(..) {
            sender.join().expect("a sender saw what it should not");
        }
        self.met()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
    }
}

struct Sender {
    address: SocketAddr,
    seed: u64,
    dice: Dice,
    journal: Arc<Journal>,
    shared: Arc<Shared>,
    /// Batches that were acknowledged lately, and when.
    done: VecDeque<(u64, u64)>,
    pace: Duration,
}

impl Sender {
    fn run(&mut self) {
        while !self.shared.stop.load(Ordering::Acquire) {
            let Some(mut http) = Http::try_connect(self.address) else {
                std::thread::sleep(Duration::from_millis(5));
                continue;
            };
            while self.may_send() && self.send(&mut http) {
                std::thread::sleep(self.pace);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn may_send(&self) -> bool {
        !self.shared.stop.load(Ordering::Acquire) && !self.shared.paused.load(Ordering::Acquire)
    }

    /// Sends one batch; whether the connection is still good.
    fn send(&mut self, http: &mut Http) -> bool {
        let is_repeat = self.done.len() > 8 && self.dice.once_in(20);
        let repeated = usize::try_from(self.dice.within(0, 8)).expect("below 8");
        let repeated = is_repeat.then(|| self.done[repeated]);
        let first = repeated.map_or_else(|| self.next(), |(first, _)| first);
        let events: Vec<Event> =
            (first..first + BATCH).map(|number| Event::new(self.seed, number)).collect();
        let bodies: Vec<String> = events.iter().map(Event::json).collect();
        let body = format!("{{\"batch\":[{}]}}", bodies.join(","));
        self.journal.intend(&events);
        self.shared.sending.fetch_add(1, Ordering::AcqRel);
        let started = Instant::now();
        let answer = http.batch(&body);
        let goes_on = self.take(first, answer, repeated, started.elapsed());
        self.shared.sending.fetch_sub(1, Ordering::AcqRel);
        goes_on
    }

    /// A batch whose answer did not come, or a new one. Some of the former are never sent again, so that what is
    /// unknown stays it.
    fn next(&mut self) -> u64 {
        let again = self.shared.open.lock().expect("nobody panics").pop_front();
        match again {
            Some(first) if !self.dice.once_in(4) => first,
            _ => self.shared.next.fetch_add(BATCH, Ordering::AcqRel),
        }
    }

    fn take(
        &mut self,
        first: u64,
        answer: Option<Answer>,
        repeated: Option<(u64, u64)>,
        took: Duration,
    ) -> bool {
        let shared = &*self.shared;
        match answer {
            Some(answer) if answer.status == 200 => {
                let counts = answer.json();
                let count = |key: &str| counts[key].as_u64().expect("a count");
                assert_eq!(count("accepted") + count("duplicates"), BATCH, "{counts}");
                if repeated.is_some_and(|(_, at)| !self.journal.is_dark(at)) {
                    shared.forgotten.fetch_add(count("accepted"), Ordering::AcqRel);
                }
                let now = self.journal.answer(first, BATCH, Fate::Acked);
                shared.acked.fetch_add(BATCH, Ordering::AcqRel);
                shared.recognised.fetch_add(count("duplicates"), Ordering::AcqRel);
                self.done.push_back((first, now));
                if self.done.len() > REMEMBERED {
                    self.done.pop_front();
                }
                true
            }
            Some(answer) => {
                assert_eq!(answer.status, 503, "{}", String::from_utf8_lossy(&answer.body));
                assert!(
                    answer.header("retry-after").parse::<u64>().is_ok(),
                    "{:?}",
                    answer.headers
                );
                let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
                shared.slowest_refusal_ms.fetch_max(millis, Ordering::AcqRel);
                *shared.last_refusal.lock().expect("nobody panics") =
                    String::from_utf8_lossy(&answer.body).into_owned();
                shared.refused.fetch_add(1, Ordering::AcqRel);
                self.put_back(first, Fate::Refused);
                // As long as a collector that refuses would want, in the time of a test.
                std::thread::sleep(Duration::from_millis(20));
                !answer.header("connection").eq_ignore_ascii_case("close")
            }
            None => {
                shared.broken.fetch_add(1, Ordering::AcqRel);
                self.put_back(first, Fate::Unknown);
                false
            }
        }
    }

    fn put_back(&mut self, first: u64, fate: Fate) {
        self.journal.answer(first, BATCH, fate);
        self.shared.open.lock().expect("nobody panics").push_back(first);
    }
}
