//! What there is to do for the host's thread, in one bounded queue.
use crate::reply::Reply;
use sillage_sdk::{Answer, Notice, Outcome, Signal as ClientSignal, Upload};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Uploads that may wait for the host's thread. One leaves at a time, four when the app is left; more
/// wait only if the thread is gone, and the next one is told to have never left.
const UPLOADS_MAX: usize = 8;

/// Uploads whose answer may be owed. The core takes an answer for lost after 90 s, and a host may keep
/// one for longer; of more than these the oldest is taken for lost.
const OWED_MAX: usize = 64;

/// Signals that wait; the oldest gives way.
const SIGNALS_MAX: usize = 64;

/// Something to do.
#[derive(Debug, Clone, uniffi::Enum)]
pub enum Task {
    /// POST this, follow no redirect, and say what came of it with [`crate::Client::upload_done`].
    Upload {
        /// Which.
        id: u64,
        /// Where to.
        url: String,
        /// What the request says of itself.
        headers: Vec<Header>,
        /// As it goes over the wire, compressed if a header says so.
        body: Vec<u8>,
    },
    /// The public segments of this device have changed to these.
    Segments {
        /// Sorted.
        segments: Vec<String>,
    },
    /// Something happened inside. Nothing needs to be done about it.
    Told {
        /// What.
        signal: Signal,
    },
    /// Nothing, for as long as the host wanted to wait.
    Nothing,
    /// Nothing any more: the client has ended.
    Ended,
}

/// One header of a request.
#[derive(Debug, Clone, uniffi::Record)]
pub struct Header {
    /// In lower case.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// Something that happened inside.
#[derive(Debug, Clone, uniffi::Enum)]
pub enum Signal {
    /// A collector has settled so many events.
    Delivered {
        /// Accepted, or known before.
        count: u32,
    },
    /// A collector has refused an event; it can be found among the dead letters there.
    Rejected {
        /// Its number in this installation.
        seq: u64,
        /// Why.
        code: String,
    },
    /// Events were given up, and are counted.
    Dropped {
        /// Why; see `docs/SDK.md`.
        reason: String,
        /// How many.
        count: u32,
    },
    /// Something answered that is no collector: a captive portal, a proxy.
    ForeignAnswer {
        /// HTTP's.
        status: u16,
    },
    /// The collector does not want this client for now: look at key and address.
    Held {
        /// HTTP's.
        status: u16,
    },
    /// The collector wants nothing more of this process.
    Stopped,
    /// Events could not be written; they are kept in memory, delivered, and written once they can be.
    StorageFailed {
        /// Why.
        detail: String,
    },
    /// A defect was met inside: nothing is tracked any more.
    Disabled,
}

/// The queue.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    tray: Mutex<Tray>,
    bell: Condvar,
}

#[derive(Debug, Default)]
struct Tray {
    uploads: VecDeque<Upload>,
    owed: BTreeMap<u64, Answer>,
    segments: Option<Vec<String>>,
    signals: VecDeque<Signal>,
    last_id: u64,
    is_over: bool,
}

impl Tasks {
    pub(crate) fn upload(&self, upload: Upload) {
        let mut tray = self.tray();
        if tray.is_over || tray.uploads.len() >= UPLOADS_MAX {
            drop(tray);
            upload.answer.give(Outcome::Unsent);
            return;
        }
        tray.uploads.push_back(upload);
        drop(tray);
        self.bell.notify_all();
    }

    pub(crate) fn segments(&self, segments: &[String]) {
        self.tray().segments = Some(segments.to_vec());
        self.bell.notify_all();
    }

    pub(crate) fn signal(&self, signal: &ClientSignal) {
        let Some(signal) = told(signal) else { return };
        let mut tray = self.tray();
        if tray.signals.len() >= SIGNALS_MAX {
            tray.signals.pop_front();
        }
        tray.signals.push_back(signal);
        drop(tray);
        self.bell.notify_all();
    }

    /// The next task; waits for one so long.
    pub(crate) fn next(&self, wait: Duration) -> Task {
        let is_idle = |tray: &mut Tray| tray.is_idle() && !tray.is_over;
        let waited = self.bell.wait_timeout_while(self.tray(), wait, is_idle);
        let (mut tray, _) = waited.unwrap_or_else(PoisonError::into_inner);
        tray.take()
    }

    /// Tells what came of an upload.
    pub(crate) fn done(&self, id: u64, reply: &Reply) {
        let owed = self.tray().owed.remove(&id);
        // Told twice, or too late to matter.
        if let Some(answer) = owed {
            answer.give(reply.outcome());
        }
    }

    /// Nothing more is given out, but for what was told before.
    pub(crate) fn end(&self) {
        let mut tray = self.tray();
        tray.is_over = true;
        tray.uploads.clear();
        tray.owed.clear();
        drop(tray);
        self.bell.notify_all();
    }

    fn tray(&self) -> MutexGuard<'_, Tray> {
        self.tray.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tray {
    fn is_idle(&self) -> bool {
        self.uploads.is_empty() && self.segments.is_none() && self.signals.is_empty()
    }

    fn take(&mut self) -> Task {
        if let Some(Upload { url, headers, body, answer }) = self.uploads.pop_front() {
            self.last_id += 1;
            self.owed.insert(self.last_id, answer);
            if self.owed.len() > OWED_MAX {
                self.owed.pop_first();
            }
            let headers = headers.into_iter().map(|(name, value)| Header { name, value }).collect();
            return Task::Upload { id: self.last_id, url, headers, body: body.to_vec() };
        }
        if let Some(segments) = self.segments.take() {
            return Task::Segments { segments };
        }
        match self.signals.pop_front() {
            Some(signal) => Task::Told { signal },
            None if self.is_over => Task::Ended,
            None => Task::Nothing,
        }
    }
}

fn told(signal: &ClientSignal) -> Option<Signal> {
    Some(match signal {
        ClientSignal::Notice(notice) => signal_of(notice)?,
        ClientSignal::StorageFailed(detail) => Signal::StorageFailed { detail: detail.clone() },
        ClientSignal::Disabled => Signal::Disabled,
        _ => return None,
    })
}

/// `None` for changed segments, which have a task of their own.
pub(crate) fn signal_of(notice: &Notice) -> Option<Signal> {
    Some(match notice {
        Notice::Delivered(count) => Signal::Delivered { count: *count },
        Notice::Rejected { seq, code } => Signal::Rejected { seq: *seq, code: code.clone() },
        Notice::Dropped { reason, count } => {
            Signal::Dropped { reason: reason.as_str().to_owned(), count: *count }
        }
        Notice::ForeignAnswer { status } => Signal::ForeignAnswer { status: *status },
        Notice::Held { status } => Signal::Held { status: *status },
        Notice::Stopped => Signal::Stopped,
        _ => return None,
    })
}
