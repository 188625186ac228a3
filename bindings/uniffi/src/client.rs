//! The client.
use crate::call::{Call, object};
use crate::config::Config;
use crate::reply::Reply;
use crate::tasks::{Task, Tasks};
use crate::tracker::Ledger;
use sdk_core::{Input, Options};
use sillage_sdk::{Durability, StartError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

/// How a client is started.
#[derive(Debug, Clone, uniffi::Record)]
pub struct Settings {
    /// A project's write key.
    pub write_key: String,
    /// The collector: `https://collect.example.com`.
    pub endpoint: String,
    /// Events are kept here until they are delivered. None: in memory.
    #[uniffi(default = None)]
    pub folder: Option<String>,
    /// Whether each call waits until its event survives a power cut, at most 5 s.
    #[uniffi(default = false)]
    pub durable: bool,
    /// What the library is called: `sillage-kotlin`.
    pub library: String,
    /// Its version.
    pub library_version: String,
    /// What differs from the defaults.
    pub config: Config,
}

/// Why something could not be done.
#[derive(Debug, Clone, thiserror::Error, uniffi::Error)]
pub enum SillageError {
    /// The endpoint or the write key cannot be used.
    #[error("{reason}")]
    Endpoint {
        /// Which, and what to write instead.
        reason: String,
    },
    /// The system refuses what a client needs: random numbers, a thread.
    #[error("{reason}")]
    System {
        /// What.
        reason: String,
    },
    /// An argument is not what it must be.
    #[error("{reason}")]
    Argument {
        /// Which, and what it must be.
        reason: String,
    },
    /// The other language threw something that the boundary does not know.
    #[error("the host threw {reason}")]
    Host {
        /// Its own words.
        reason: String,
    },
}

/// Nothing calls the other language yet; the day something does, what it throws unexpectedly arrives here
/// instead of ending the process.
impl From<uniffi::UnexpectedUniFFICallbackError> for SillageError {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Host { reason: error.reason }
    }
}

impl From<StartError> for SillageError {
    fn from(error: StartError) -> Self {
        let reason = error.to_string();
        match error {
            StartError::Endpoint(_) => Self::Endpoint { reason },
            _ => Self::System { reason },
        }
    }
}

/// Tracks events and delivers them with the host's network.
///
/// # Guarantees
/// Those of `sillage_sdk::Client`. No call but those that say so waits for the disk or the network.
#[derive(Debug, uniffi::Object)]
pub struct Client {
    client: sillage_sdk::Client,
    tasks: Arc<Tasks>,
}

#[uniffi::export]
impl Client {
    /// Starts a client and the thread behind it. Waits for what is on disk, at most 250 ms.
    #[uniffi::constructor]
    pub fn start(settings: Settings) -> Result<Arc<Self>, SillageError> {
        let Settings { write_key, endpoint, folder, durable, library, library_version, config } =
            settings;
        let durability = if durable { Durability::BeforeReturn } else { Durability::Soon };
        let mut builder = sillage_sdk::Client::builder(&write_key, &endpoint)
            .library(&library, &library_version)
            .durability(durability)
            .config(config.into_core());
        if let Some(folder) = folder {
            builder = builder.folder(folder);
        }
        let tasks = Arc::new(Tasks::default());
        let lent = Arc::clone(&tasks);
        let client = builder.start_with(move |upload| lent.upload(upload))?;
        let heard = Arc::clone(&tasks);
        client.on_segments_changed(move |segments| heard.segments(segments));
        let heard = Arc::clone(&tasks);
        client.on_signal(move |signal| heard.signal(signal));
        Ok(Arc::new(Self { client, tasks }))
    }

    /// Takes a call of the app.
    pub fn call(&self, call: Call) {
        shielded((), || call.with(|input| self.client.call(input)));
    }

    /// A named event without options: what is called most, at the least cost.
    pub fn track(&self, event: &str, properties: &str) {
        let properties = object(properties);
        let input = Input::Track { event, properties, options: Options::default() };
        shielded((), || self.client.call(input));
    }

    /// The next thing to do, for one thread of the host; waits for it so long, in ms.
    pub fn next_task(&self, wait_ms: u64) -> Task {
        shielded(Task::Ended, || self.tasks.next(Duration::from_millis(wait_ms)))
    }

    /// What came of an upload. What is told twice counts once.
    pub fn upload_done(&self, id: u64, reply: Reply) {
        shielded((), || self.tasks.done(id, &reply));
    }

    /// Sends everything and waits for the answers, at most so long (ms). Gives what is not delivered.
    pub fn flush(&self, timeout_ms: u64) -> u64 {
        self.client.flush_blocking(Duration::from_millis(timeout_ms)).pending
    }

    /// As `flush`, writes the rest to disk and ends; then `next_task` ends, too. Calls that come later
    /// do nothing.
    pub fn shutdown(&self, timeout_ms: u64) -> u64 {
        let left = self.client.shutdown_blocking(Duration::from_millis(timeout_ms)).pending;
        self.tasks.end();
        left
    }

    /// Waits until everything that was told before is durable, at most 5 s. False: it is not known to be.
    pub fn wait_durable(&self) -> bool {
        self.client.wait_durable()
    }

    /// The public segments of this device as last told, sorted.
    pub fn segments(&self) -> Vec<String> {
        self.client.segments()
    }

    /// The device's own id; empty until storage has been read.
    pub fn anonymous_id(&self) -> String {
        self.client.anonymous_id()
    }

    /// Who uses the device, or empty.
    pub fn user_id(&self) -> String {
        self.client.user_id()
    }

    /// What became of every event of this installation.
    pub fn ledger(&self) -> Ledger {
        self.client.ledger().into()
    }
}

/// A defect met here ends what it was met in and nothing else. What unwinds further is an exception to Kotlin and
/// Python, which their faces catch, and the end of the app to Swift.
fn shielded<T>(otherwise: T, work: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(otherwise)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_defect_does_not_unwind_into_the_app() {
        assert_eq!(shielded(7, || panic!("made for this test")), 7);
        assert_eq!(shielded(7, || 8), 8);
    }
}
