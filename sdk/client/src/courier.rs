//! Who carries batches: this crate's own network, or the one that a host lends.
use crate::endpoint::{Endpoint, Parcel};
#[cfg(feature = "net")]
use crate::transport::Transport;
use bytes::Bytes;
use sdk_core::Outcome;
use std::sync::Arc;
use tokio::sync::oneshot;

/// What came back, owned.
#[derive(Debug)]
pub(crate) enum Arrived {
    Answer { status: u16, content_type: String, retry_after: String, body: Bytes },
    Lost,
    Unsent,
}

impl Arrived {
    /// The same for the core.
    pub(crate) fn outcome(&self) -> Outcome<'_> {
        match self {
            Self::Lost => Outcome::Lost,
            Self::Unsent => Outcome::Unsent,
            Self::Answer { status, content_type, retry_after, body } => {
                Outcome::Answer { status: *status, content_type, retry_after, body }
            }
        }
    }

    fn owned(outcome: Outcome<'_>) -> Self {
        match outcome {
            Outcome::Lost => Self::Lost,
            Outcome::Unsent => Self::Unsent,
            Outcome::Answer { status, content_type, retry_after, body } => Self::Answer {
                status,
                content_type: content_type.to_owned(),
                retry_after: retry_after.to_owned(),
                body: Bytes::copy_from_slice(body),
            },
        }
    }
}

/// A batch that the host is to POST, to `url` and with these headers and no redirect followed.
#[derive(Debug)]
pub struct Upload {
    /// Where to.
    pub url: String,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// As it goes over the wire, compressed if a header says so.
    pub body: Bytes,
    /// Where to tell what came back.
    pub answer: Answer,
}

/// Takes what came of an [`Upload`]. Dropped without a word it says that the answer was lost.
#[derive(Debug)]
pub struct Answer(oneshot::Sender<Arrived>);

impl Answer {
    /// Tells what came back. Of a body, the first [`sdk_core::limits::REPLY_BYTES_MAX`] bytes do.
    pub fn give(self, outcome: Outcome<'_>) {
        // A client that has ended needs no answer.
        self.0.send(Arrived::owned(outcome)).ok();
    }
}

/// How a host takes an upload: puts it somewhere and comes back at once.
type Lent = Box<dyn Fn(Upload) + Send + Sync>;

/// The way to one collector.
pub(crate) struct Courier {
    endpoint: Endpoint,
    network: Network,
}

pub(crate) enum Network {
    #[cfg(feature = "net")]
    Own(Transport),
    Lent(Lent),
}

impl Courier {
    pub(crate) fn new(endpoint: Endpoint, network: Network) -> Self {
        Self { endpoint, network }
    }

    pub(crate) async fn post(self: Arc<Self>, body: Vec<u8>) -> Arrived {
        let parcel = self.endpoint.pack(body);
        match &self.network {
            #[cfg(feature = "net")]
            Network::Own(transport) => transport.post(&self.endpoint, parcel).await,
            Network::Lent(take) => self.lend(take, parcel).await,
        }
    }

    async fn lend(&self, take: &Lent, Parcel { headers, body }: Parcel) -> Arrived {
        let (answer, answered) = oneshot::channel();
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into();
        let headers = headers.iter().map(|(name, value)| (name.to_string(), text(value)));
        let answer = Answer(answer);
        take(Upload { url: self.endpoint.url(), headers: headers.collect(), body, answer });
        answered.await.unwrap_or(Arrived::Lost)
    }
}
