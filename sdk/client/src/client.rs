//! The face that an app sees.
use crate::limits::{DROP_TIMEOUT, DURABLE_TIMEOUT};
use crate::shared::{Command, Known, Lock, Shared};
use sdk_core::{Choice, Input, Ledger, Lifecycle, Notice, Object, Options, Tracker, Value};
use std::error::Error;
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tokio::sync::mpsc::Sender;
use tokio::sync::oneshot;

/// Tracks events and delivers them. Cloning is cheap; the last clone that is dropped ends the thread
/// behind it, after a last write to disk.
///
/// # Guarantees
/// No call panics, and none but those that say so waits for the disk or the network.
///
/// # Example
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let client = sillage_sdk::Client::builder("wk_shop", "https://collect.example.com")
///     .folder("/var/lib/app/events")
///     .app("shop", "2.4.0")
///     .start()?;
/// client.identify("u-42", &[("plan", "pro".into())]);
/// client.track("Product Viewed", &[("product_id", "sku-1".into()), ("price", 80.5.into())]);
/// client.shutdown_blocking(std::time::Duration::from_secs(5));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client(Arc<Inner>);

/// Properties or traits, in order.
pub type Fields<'a> = &'a [(&'a str, Value<'a>)];

/// What is left after a flush.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivered {
    /// Events that are not delivered yet. 0: a collector has settled everything.
    pub pending: u64,
}

/// When a call comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// At once. The event is handed to the system within some 10 ms and is durable a second later.
    #[default]
    Soon,
    /// Once the event is durable: it survives a power cut. The call waits for the disk, at most 5 s.
    BeforeReturn,
}

/// Something that happened inside. Nothing needs to be done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signal {
    /// The core's own word.
    Notice(Notice),
    /// Events could not be written. They are kept in memory, delivered, and written as soon as the
    /// disk lets them be.
    StorageFailed(String),
    /// A defect was met inside. Nothing is tracked any more; the app is not harmed.
    Disabled,
}

pub(crate) type Done = Box<dyn FnOnce(Delivered) + Send>;

struct Inner {
    shared: Arc<Shared>,
    commands: Lock<Option<Sender<Command>>>,
    durability: Durability,
    /// Falls silent when the thread behind has ended.
    ended: Lock<mpsc::Receiver<()>>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("ledger", &self.ledger()).finish_non_exhaustive()
    }
}

impl Client {
    pub(crate) fn new(
        shared: Arc<Shared>,
        commands: Sender<Command>,
        durability: Durability,
        ended: mpsc::Receiver<()>,
    ) -> Self {
        let commands = Lock::new(Some(commands));
        Self(Arc::new(Inner { shared, commands, durability, ended: Lock::new(ended) }))
    }

    /// Tracks a named event.
    ///
    /// # Cost
    /// About a microsecond and one allocation, the event's own bytes.
    pub fn track(&self, event: &str, properties: Fields<'_>) {
        self.track_with(event, Object::Fields(properties), Options::default());
    }

    /// Tracks a named event, with all that can be said of it.
    pub fn track_with(&self, event: &str, properties: Object<'_>, options: Options<'_>) {
        self.call(Input::Track { event, properties, options });
    }

    /// Tracks a named event whose properties serde can write as an object.
    ///
    /// # Errors
    /// What serde says; then nothing is tracked.
    #[cfg(feature = "serde")]
    pub fn track_json(
        &self,
        event: &str,
        properties: &impl serde::Serialize,
    ) -> Result<(), serde_json::Error> {
        let text = serde_json::to_string(properties)?;
        self.track_with(event, Object::Json(&text), Options::default());
        Ok(())
    }

    /// A page was viewed.
    pub fn page(&self, name: &str, properties: Fields<'_>) {
        let properties = Object::Fields(properties);
        self.call(Input::Page { name, category: "", properties, options: Options::default() });
    }

    /// A screen was viewed.
    pub fn screen(&self, name: &str, properties: Fields<'_>) {
        let properties = Object::Fields(properties);
        self.call(Input::Screen { name, category: "", properties, options: Options::default() });
    }

    /// Says who uses this device from now on. An empty `user_id` adds traits to whoever it is.
    pub fn identify(&self, user_id: &str, traits: Fields<'_>) {
        self.identify_with(user_id, Object::Fields(traits), Options::default());
    }

    /// As [`Client::identify`], with all that can be said.
    pub fn identify_with(&self, user_id: &str, traits: Object<'_>, options: Options<'_>) {
        self.call(Input::Identify { user_id, traits, options });
    }

    /// The person belongs to a group.
    pub fn group(&self, group_id: &str, traits: Fields<'_>) {
        let traits = Object::Fields(traits);
        self.call(Input::Group { group_id, traits, options: Options::default() });
    }

    /// Gives what this device did so far to `user_id`, who uses it from now on.
    pub fn alias(&self, user_id: &str) {
        self.call(Input::Alias { user_id, options: Options::default() });
    }

    /// Takes any other input of the core: an event with all it can have, a page's category.
    pub fn call(&self, input: Input<'_>) {
        let Inner { shared, durability, .. } = &*self.0;
        if shared.guard.with(|tracker, now| tracker.handle(now, input)).is_none() {
            return;
        }
        let call = shared.called();
        if *durability == Durability::BeforeReturn {
            shared.wait_durable(call);
        }
    }

    /// The person has left: a new anonymous id, no user, a new session.
    pub fn reset(&self) {
        self.call(Input::Reset);
    }

    /// The person has chosen.
    pub fn consent(&self, choices: &[(&str, Choice)]) {
        self.call(Input::Consent(choices));
    }

    /// What the system says of the person's wish not to be tracked.
    pub fn privacy(&self, gpc: bool, dnt: bool) {
        self.call(Input::Privacy { gpc, dnt });
    }

    /// Replaces the context that all events share.
    pub fn set_context(&self, context: Fields<'_>) {
        self.call(Input::Context(Object::Fields(context)));
    }

    /// Where the app stands: used, left, with or without a network.
    pub fn lifecycle(&self, lifecycle: Lifecycle) {
        self.call(Input::Lifecycle(lifecycle));
    }

    /// Calls `hear` with all public segments of this device whenever they change, from the thread
    /// behind the client. The first who listens hears at once, from this thread, what was told before:
    /// what was known before the start counts as a change. Keep it short.
    pub fn on_segments_changed(&self, hear: impl Fn(&[String]) + Send + 'static) {
        self.0.shared.on_segments(Box::new(hear));
    }

    /// Calls `hear` with whatever happens inside, from the thread behind the client. The first who
    /// listens hears at once, from this thread, the last signals before. Keep it short.
    pub fn on_signal(&self, hear: impl Fn(&Signal) + Send + 'static) {
        self.0.shared.on_signal(Box::new(hear));
    }

    /// The public segments of this device as last told, sorted.
    #[must_use]
    pub fn segments(&self) -> Vec<String> {
        self.0.shared.ask(|tracker| tracker.segments().to_vec(), |last| last.segments.clone())
    }

    /// The device's own id; empty until storage has been read.
    #[must_use]
    pub fn anonymous_id(&self) -> String {
        let last = |last: &Known| last.anonymous_id.clone();
        self.0.shared.ask(|tracker| tracker.anonymous_id().to_owned(), last)
    }

    /// Who uses this device, as last identified; empty if nobody is known.
    #[must_use]
    pub fn user_id(&self) -> String {
        self.0.shared.ask(|tracker| tracker.user_id().to_owned(), |last| last.user_id.clone())
    }

    /// What became of every event of this installation; after the end, as it was then.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        self.0.shared.ask(Tracker::ledger, |last| last.ledger.clone())
    }

    /// Waits until everything that was tracked before is durable. False: the disk takes too long, or
    /// there is none; then nothing is known.
    #[must_use]
    pub fn wait_durable(&self) -> bool {
        self.0.shared.wait_durable(self.0.shared.called())
    }

    /// Sends everything and waits for the answers, at most so long, unless the disk hangs. Works in
    /// any async runtime.
    pub async fn flush(&self, timeout: Duration) -> Delivered {
        self.ask(timeout, false).await
    }

    /// As [`Client::flush`], for callers that may block: at most 5 s more, even if the disk hangs.
    #[must_use]
    pub fn flush_blocking(&self, timeout: Duration) -> Delivered {
        self.ask_blocking(timeout, false)
    }

    /// Sends everything, waits at most so long, writes the rest to disk and ends. Calls that come
    /// later do nothing.
    pub async fn shutdown(&self, timeout: Duration) -> Delivered {
        self.ask(timeout, true).await
    }

    /// As [`Client::shutdown`], for callers that may block.
    pub fn shutdown_blocking(&self, timeout: Duration) -> Delivered {
        self.ask_blocking(timeout, true)
    }

    async fn ask(&self, timeout: Duration, then_stop: bool) -> Delivered {
        let (answer, answered) = oneshot::channel();
        // Who no longer waits needs no answer.
        let done: Done = Box::new(move |delivered| _ = answer.send(delivered).ok());
        self.tell(Command::Flush { timeout, done, then_stop });
        answered.await.unwrap_or_else(|_| self.left())
    }

    fn ask_blocking(&self, timeout: Duration, then_stop: bool) -> Delivered {
        let (answer, answered) = mpsc::channel();
        let done: Done = Box::new(move |delivered| _ = answer.send(delivered).ok());
        self.tell(Command::Flush { timeout, done, then_stop });
        // The thread behind answers at the timeout, and its own end is an answer too; but a disk may
        // hold it up for ever.
        answered.recv_timeout(timeout + DURABLE_TIMEOUT).unwrap_or_else(|_| self.left())
    }

    fn tell(&self, command: Command) {
        if let Some(commands) = &*self.0.commands.lock() {
            // Full: sixty-four others are waiting already, and this one is answered at once.
            commands.try_send(command).ok();
        }
    }

    fn left(&self) -> Delivered {
        Delivered { pending: self.ledger().pending }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        drop(self.commands.lock().take());
        // Its end is told by the other side falling silent, which is an error to the waiting.
        self.ended.lock().recv_timeout(DROP_TIMEOUT).ok();
    }
}

/// An error with what lies under it, on one line.
pub(crate) fn told(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(under) = source {
        text.push_str(": ");
        text.push_str(&under.to_string());
        source = under.source();
    }
    text
}
