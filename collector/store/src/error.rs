use std::error::Error;

/// What went wrong in a store, by what can be done about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process has the directory open: stop it, or use another directory.
    #[error("the state directory {0} is in use by another process")]
    Locked(String),
    /// The disk refused. After a failed commit the store accepts no other: restart the process,
    /// which replays the log from the last checkpoint.
    #[error("the state store failed to {doing}")]
    Failed {
        /// What was tried.
        doing: &'static str,
        /// What the storage engine said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// What was read was not written by this program: restore the directory or delete it, which
    /// rebuilds it from the log.
    #[error("the state store is damaged: {0}")]
    Damaged(&'static str),
    /// A later version wrote it, in a form that this one does not know. Nothing was changed.
    #[error(
        "the state store has form {found}, and this version reads {reads}: start the version that \
         wrote it, or a later one; or remove its folder: states are made again from the log, as far as \
         that goes back"
    )]
    Newer {
        /// The number of its form.
        found: u8,
        /// The number that is read.
        reads: u8,
    },
    /// The address of the Redis cannot be understood: correct the configuration.
    #[error("not a usable Redis address")]
    RedisAddress(#[source] Box<dyn Error + Send + Sync>),
    /// Redis cannot be reached or refused something: see to it, and ask again.
    #[error("Redis failed while it was compared")]
    Redis(#[source] Box<dyn Error + Send + Sync>),
    /// The writer does not get on, so there is nothing to compare yet: the log says why.
    #[error("the writer of this Redis does not get on: see its last warning in the log")]
    RedisBehind,
    /// Rules changed or everybody was written again and again meanwhile: ask again later.
    #[error("everybody was being written again each time it was compared; ask again later")]
    RulesChanging,
}
