use sillage_eventlog::LogError;
use sillage_model::Corrupt;
use sillage_store::StoreError;

/// Why a worker stopped. Its partitions stand still from then on: visible lag, never a skipped fact.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkerError {
    /// The log cannot be read on or appended to; the text says where.
    #[error("the log cannot be used")]
    Log(#[from] LogError),
    /// The states know facts that the log does not have any more.
    #[error(
        "its states know the log up to {known}, but it ends at {end}: acknowledged events are missing. \
         Restore the newest files of log/; or remove state/ and dedup/ to go on without these events"
    )]
    LogLost {
        /// What the newest checkpoint has read.
        known: u64,
        /// Where the log ends.
        end: u64,
    },
    /// States cannot be loaded or committed.
    #[error("the state store cannot be used")]
    Store(#[from] StoreError),
    /// A fact or a state in the log or in the store is damaged.
    #[error("{what} of {whose} cannot be read")]
    Unreadable {
        /// A fact or a state.
        what: &'static str,
        /// The person or device.
        whose: String,
        /// What is wrong with the bytes.
        source: Corrupt,
    },
    /// A worker that takes part in a change of rules has stopped.
    #[error("a worker stopped while the rules were changed")]
    Gone,
    /// A change of rules was given up, before anything of it was to be seen.
    #[error("the change of rules was given up")]
    GivenUp,
    /// The change was decided, and then the store could not be emptied; a start makes the states again.
    #[error("the rules were changed, but the state store cannot be used; start again")]
    HalfChanged,
    /// The operating system refused a thread.
    #[error("cannot start the thread of worker {index}")]
    Thread {
        /// Which worker.
        index: u16,
        /// What the system said.
        source: std::io::Error,
    },
}
