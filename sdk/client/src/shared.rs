//! What the callers' threads and the driver's thread share.
use crate::client::{Delivered, Done, Signal};
use crate::guard::Guard;
use crate::limits::{DURABLE_TIMEOUT, SIGNALS_MISSED_MAX};
use sdk_core::{Ledger, Notice, Tracker};
use std::borrow::Borrow as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// What the driver is told.
pub(crate) enum Command {
    /// Deliver everything, and say what is left.
    Flush { timeout: Duration, done: Done, then_stop: bool },
}

type Heard<T> = Box<dyn Fn(&T) + Send>;

/// Who listens, and what was told before anybody did: a start tells things before an app can listen.
struct Ears<T: ?Sized + ToOwned> {
    listeners: Vec<Heard<T>>,
    missed: Vec<T::Owned>,
}

/// A lock that nobody leaves broken: what it guards is changed in one step.
#[derive(Default)]
pub(crate) struct Lock<T>(Mutex<T>);

impl<T> Lock<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How far the driver has come with the disk, in calls.
#[derive(Default)]
struct Written {
    tried: u64,
    durable: u64,
}

/// What an app may ask of a tracker.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    pub(crate) ledger: Ledger,
    pub(crate) anonymous_id: String,
    pub(crate) user_id: String,
    pub(crate) segments: Vec<String>,
}

impl Known {
    pub(crate) fn of(tracker: &Tracker) -> Self {
        Self {
            ledger: tracker.ledger(),
            anonymous_id: tracker.anonymous_id().to_owned(),
            user_id: tracker.user_id().to_owned(),
            segments: tracker.segments().to_vec(),
        }
    }
}

pub(crate) struct Shared {
    pub(crate) guard: Arc<Guard>,
    /// Calls whose events are with the tracker.
    pub(crate) calls: AtomicU64,
    /// Whether the driver waits, and the next call must wake it.
    pub(crate) sleeping: AtomicBool,
    pub(crate) bell: Notify,
    /// Callers that wait for the disk.
    pub(crate) waiting_for_disk: AtomicUsize,
    /// Whether the app knows that tracking has ended.
    pub(crate) gone: AtomicBool,
    /// What was known at the end, for whoever asks later.
    pub(crate) last_known: Lock<Known>,
    /// Who is told after the last write.
    pub(crate) last_words: Lock<Vec<(Done, Delivered)>>,
    written: Lock<Written>,
    wrote: Condvar,
    on_segments: Lock<Ears<[String]>>,
    on_signal: Lock<Ears<Signal>>,
}

impl Shared {
    pub(crate) fn new(guard: Guard) -> Self {
        Self {
            guard: Arc::new(guard),
            calls: AtomicU64::new(0),
            sleeping: AtomicBool::new(false),
            bell: Notify::new(),
            waiting_for_disk: AtomicUsize::new(0),
            gone: AtomicBool::new(false),
            last_known: Lock::default(),
            last_words: Lock::default(),
            written: Lock::default(),
            wrote: Condvar::new(),
            on_segments: Lock::new(Ears { listeners: Vec::new(), missed: Vec::new() }),
            on_signal: Lock::new(Ears { listeners: Vec::new(), missed: Vec::new() }),
        }
    }

    /// What the tracker says now, or said last.
    pub(crate) fn ask<R>(
        &self,
        now: impl FnOnce(&Tracker) -> R,
        last: impl FnOnce(&Known) -> R,
    ) -> R {
        let said = self.guard.with(|tracker, _| now(tracker));
        said.unwrap_or_else(|| last(&self.last_known.lock()))
    }

    /// A call is with the tracker; wakes the driver if it is not awake. Gives the call's number.
    pub(crate) fn called(&self) -> u64 {
        let number = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        if self.sleeping.load(Ordering::SeqCst) && self.sleeping.swap(false, Ordering::SeqCst) {
            self.bell.notify_one();
        }
        number
    }

    /// Waits until a call's event is durable. False: it is not, or that takes too long.
    pub(crate) fn wait_durable(&self, call: u64) -> bool {
        self.waiting_for_disk.fetch_add(1, Ordering::SeqCst);
        self.bell.notify_one();
        let waited =
            self.wrote.wait_timeout_while(self.written.lock(), DURABLE_TIMEOUT, |written| {
                written.tried < call
            });
        self.waiting_for_disk.fetch_sub(1, Ordering::SeqCst);
        let (written, _) = waited.unwrap_or_else(PoisonError::into_inner);
        written.durable >= call
    }

    /// What was called up to here has been written as well as the disk allowed.
    pub(crate) fn wrote_up_to(&self, calls: u64, durably: bool) {
        let mut written = self.written.lock();
        written.tried = calls.max(written.tried);
        if durably {
            written.durable = calls.max(written.durable);
        }
        drop(written);
        self.wrote.notify_all();
    }

    pub(crate) fn on_segments(&self, hear: Heard<[String]>) {
        self.on_segments.lock().listen(hear);
    }

    pub(crate) fn on_signal(&self, hear: Heard<Signal>) {
        self.on_signal.lock().listen(hear);
    }

    pub(crate) fn notice(&self, notice: &Notice) {
        if let Notice::SegmentsChanged(segments) = notice {
            self.on_segments.lock().tell(segments.as_slice(), 1);
        }
        self.signal(&Signal::Notice(notice.clone()));
    }

    pub(crate) fn signal(&self, signal: &Signal) {
        self.on_signal.lock().tell(signal, SIGNALS_MISSED_MAX);
    }
}

impl<T: ?Sized + ToOwned> Ears<T> {
    fn listen(&mut self, hear: Heard<T>) {
        for missed in std::mem::take(&mut self.missed) {
            shielded(&hear, missed.borrow());
        }
        self.listeners.push(hear);
    }

    /// Tells everybody, or keeps it for whoever comes first: so many at most, the last ones.
    fn tell(&mut self, what: &T, missed_max: usize) {
        if self.listeners.is_empty() {
            if self.missed.len() >= missed_max {
                self.missed.remove(0);
            }
            self.missed.push(what.to_owned());
        }
        self.listeners.iter().for_each(|hear| shielded(hear, what));
    }
}

/// What an app does wrong in its own function stays there.
fn shielded<T: ?Sized>(hear: &Heard<T>, what: &T) {
    catch_unwind(AssertUnwindSafe(|| hear(what))).ok();
}
