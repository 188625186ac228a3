//! What came of an upload.
use sdk_core::Outcome;
use sdk_core::limits::REPLY_BYTES_MAX;

/// What came back. A host need not read more than 256 KiB of a body.
#[derive(Debug, Clone, uniffi::Enum)]
pub enum Reply {
    /// An answer, whoever gave it. Redirects are not followed: they are answers.
    Answer {
        /// HTTP's.
        status: u16,
        /// The header, or empty.
        content_type: String,
        /// The header, or empty.
        retry_after: String,
        /// Decompressed.
        body: Vec<u8>,
    },
    /// The request may have arrived, and no answer came.
    Lost,
    /// The request certainly did not arrive: there was no connection.
    Unsent,
}

impl Reply {
    /// The same for the core.
    pub(crate) fn outcome(&self) -> Outcome<'_> {
        match self {
            Self::Answer { status, content_type, retry_after, body } => Outcome::Answer {
                status: *status,
                content_type,
                retry_after,
                body: body.get(..REPLY_BYTES_MAX).unwrap_or(body),
            },
            Self::Lost => Outcome::Lost,
            Self::Unsent => Outcome::Unsent,
        }
    }
}
