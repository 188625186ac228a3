//! How a client is started.
use crate::client::{Client, Durability};
use crate::clock;
use crate::courier::{Courier, Network, Upload};
use crate::driver::Driver;
use crate::endpoint::{Endpoint, EndpointError};
use crate::guard::Guard;
use crate::limits::{COMMANDS_MAX, OPEN_TIMEOUT};
use crate::shared::Shared;
#[cfg(feature = "tls")]
use crate::tls::Tls;
#[cfg(feature = "net")]
use crate::transport::Transport;
use sdk_core::{Config, Input, Object, Tracker, Value};
use std::path::PathBuf;
use std::sync::{Arc, mpsc};

/// The settings of a [`Client`].
#[derive(Debug, Clone)]
pub struct Builder {
    write_key: String,
    endpoint: String,
    folder: Option<PathBuf>,
    durability: Durability,
    config: Config,
    library: (String, String),
    app: Option<(String, String)>,
    #[cfg(feature = "tls")]
    trusted: Vec<Vec<u8>>,
}

/// Why a client could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The endpoint or the write key cannot be used.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The system has no randomness, of which ids are made.
    #[error("the system gives no random numbers")]
    NoEntropy,
    /// The system gives no thread.
    #[error("the system gives no thread")]
    NoThread(#[source] std::io::Error),
}

impl Client {
    /// Begins the settings of a client that sends to `endpoint` (`https://collect.example.com`, with a
    /// path in front of `/v1` if a proxy has one) with a project's write key.
    #[must_use]
    pub fn builder(write_key: &str, endpoint: &str) -> Builder {
        Builder {
            write_key: write_key.to_owned(),
            endpoint: endpoint.to_owned(),
            folder: None,
            durability: Durability::default(),
            config: Config::native(),
            library: ("sillage-rust".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
            app: None,
            #[cfg(feature = "tls")]
            trusted: Vec::new(),
        }
    }
}

impl Builder {
    /// Keeps events in this folder until they are delivered. Several processes may share it. Without a
    /// folder they are kept in memory, and die with the process.
    #[must_use]
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// When a call comes back. [`Durability::Soon`] unless said otherwise.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Replaces the settings of the core. [`Config::native`] unless said otherwise.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// What the app is called, and its version: the context's `app`.
    #[must_use]
    pub fn app(mut self, name: &str, version: &str) -> Self {
        self.app = Some((name.to_owned(), version.to_owned()));
        self
    }

    /// What the library is called, and its version, if another language's library is built on this
    /// one: the context's `library`, and the `User-Agent`.
    #[must_use]
    pub fn library(mut self, name: &str, version: &str) -> Self {
        self.library = (name.to_owned(), version.to_owned());
        self
    }

    /// Trusts one more root certificate (DER): that of a private authority.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn trust(mut self, certificate: Vec<u8>) -> Self {
        self.trusted.push(certificate);
        self
    }

    /// Starts the client and the thread behind it, which reads what is on disk. Waits for that, at most
    /// 250 ms; calls that come before it is done wait in memory.
    ///
    /// # Errors
    /// [`StartError`]. A folder that cannot be used is none: it is told by a
    /// [`crate::Signal::StorageFailed`], and events are kept in memory.
    #[cfg(feature = "net")]
    pub fn start(self) -> Result<Client, StartError> {
        let endpoint = self.endpoint()?;
        if endpoint.secure && cfg!(not(feature = "tls")) {
            return Err(EndpointError::WithoutTls(self.endpoint).into());
        }
        #[cfg(feature = "tls")]
        let transport = Transport::new(Tls::new(&self.trusted));
        #[cfg(not(feature = "tls"))]
        let transport = Transport::default();
        self.begin(Courier::new(endpoint, Network::Own(transport)))
    }

    /// As [`Builder::start`], with the host's own network instead of this crate's: `take` is given each
    /// batch, must come back at once, and may answer later from any thread. It is called from the
    /// thread behind the client.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start_with(
        self,
        take: impl Fn(Upload) + Send + Sync + 'static,
    ) -> Result<Client, StartError> {
        let endpoint = self.endpoint()?;
        self.begin(Courier::new(endpoint, Network::Lent(Box::new(take))))
    }

    fn endpoint(&self) -> Result<Endpoint, StartError> {
        let agent = format!("{}/{}", self.library.0, self.library.1);
        Ok(Endpoint::new(&self.endpoint, &self.write_key, &agent)?)
    }

    fn begin(self, courier: Courier) -> Result<Client, StartError> {
        let entropy = entropy().ok_or(StartError::NoEntropy)?;
        let mut tracker = Tracker::new(self.config.clone(), entropy, clock::now());
        let app = self
            .app
            .as_ref()
            .map(|(name, version)| [("name", Value::Str(name)), ("version", Value::Str(version))]);
        let library =
            [("name", Value::Str(&self.library.0)), ("version", Value::Str(&self.library.1))];
        let mut context = vec![("library", Value::Map(&library)), ("os", Value::Map(&OS))];
        context.extend(app.as_ref().map(|app| ("app", Value::Map(app))));
        tracker.handle(clock::now(), Input::Context(Object::Fields(&context)));
        let shared = Arc::new(Shared::new(Guard::new(tracker)));
        let (commands, obeyed) = tokio::sync::mpsc::channel(COMMANDS_MAX);
        let (alive, ended) = mpsc::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(StartError::NoThread)?;
        let driver = Driver::new(Arc::clone(&shared), courier, self.folder, self.config, obeyed);
        let (opening, opened) = mpsc::channel();
        let ending = Ending(Arc::clone(&shared));
        std::thread::Builder::new()
            .name("sillage".to_owned())
            .spawn(move || {
                let _ending = ending;
                runtime.block_on(driver.run(opening));
                drop::<mpsc::Sender<()>>(alive);
            })
            .map_err(StartError::NoThread)?;
        // An app may begin with a burst, and few calls may wait for storage. Nothing is ever said here:
        // the other side falls silent, which is an error to the waiting.
        opened.recv_timeout(OPEN_TIMEOUT).ok();
        Ok(Client::new(shared, commands, self.durability, ended))
    }
}

/// However the thread ends, nothing is tracked from then on, and nobody waits for it.
struct Ending(Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.guard.close();
        self.0.wrote_up_to(u64::MAX, false);
    }
}

const OS: [(&str, Value<'_>); 1] = [("name", Value::Str(std::env::consts::OS))];

/// 32 bytes that nobody can guess; `None` if the system has none.
pub(crate) fn entropy() -> Option<[u8; 32]> {
    let mut entropy = [0; 32];
    getrandom::fill(&mut entropy).ok().map(|()| entropy)
}
