//! What a host tells the core.
use crate::action::{Key, SendId};
use crate::time::DeviceMillis;
use crate::value::Object;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// One thing that happened. Texts and objects are borrowed: the core copies what it keeps.
#[derive(Debug)]
#[non_exhaustive]
pub enum Input<'a> {
    /// A named event happened.
    Track {
        /// Its name, 1 to 200 bytes.
        event: &'a str,
        /// What is known of it.
        properties: Object<'a>,
        /// What differs from the other events.
        options: Options<'a>,
    },
    /// A page was viewed.
    Page {
        /// Its name; may be empty.
        name: &'a str,
        /// Its category; may be empty.
        category: &'a str,
        /// What is known of it.
        properties: Object<'a>,
        /// What differs from the other events.
        options: Options<'a>,
    },
    /// A screen was viewed.
    Screen {
        /// Its name; may be empty.
        name: &'a str,
        /// Its category; may be empty.
        category: &'a str,
        /// What is known of it.
        properties: Object<'a>,
        /// What differs from the other events.
        options: Options<'a>,
    },
    /// The person who uses this device is known from now on (with an empty `user_id`: more is known
    /// of the same person).
    Identify {
        /// Who it is.
        user_id: &'a str,
        /// What is known of the person.
        traits: Object<'a>,
        /// What differs from the other events.
        options: Options<'a>,
    },
    /// The person belongs to a group.
    Group {
        /// Which one.
        group_id: &'a str,
        /// What is known of the group.
        traits: Object<'a>,
        /// What differs from the other events.
        options: Options<'a>,
    },
    /// What this device did so far belongs to `user_id`, who uses it from now on.
    Alias {
        /// The person.
        user_id: &'a str,
        /// What differs from the other events.
        options: Options<'a>,
    },
    /// The person has left: a new anonymous id, no user, a new session. The queue stays.
    Reset,
    /// The person has chosen. Categories that are not named keep their state.
    Consent(&'a [(&'a str, Choice)]),
    /// What the browser or system says of the person's wish not to be tracked.
    Privacy {
        /// Global Privacy Control.
        gpc: bool,
        /// Do Not Track.
        dnt: bool,
    },
    /// The context that all events share from now on: an object with `library`, `app`, `device`, …
    Context(Object<'a>),
    /// What became of a [`crate::Action::Send`].
    Reply {
        /// Of which.
        send: SendId,
        /// What came back.
        outcome: Outcome<'a>,
    },
    /// Time has passed; to be given when [`crate::Action::WakeAt`] asks for it. At any other time it
    /// does no harm.
    Tick,
    /// The app, the network or the person who calls has changed state.
    Lifecycle(Lifecycle),
    /// What storage held when the process began; to be given once. Until then calls wait in memory.
    Restored(Restored),
}

/// What may be said of a single event.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options<'a> {
    /// Laid over the shared context, key by key.
    pub context: Object<'a>,
    /// Whom the event is about, if not the person and device of this tracker: a server speaks of
    /// many. Such events carry their ids themselves.
    pub subject: Option<Subject<'a>>,
    /// When it happened, by this device's wall clock, if not now.
    pub at: Option<DeviceMillis>,
    /// Its id, if the host has made one: a host that may have to send a call before the core is there
    /// must give it the same id in both. A UUID, preferably of version 7.
    pub message_id: Option<[u8; 16]>,
}

/// Whom an event is about. Empty text is absent; one of the two must be there.
#[derive(Debug, Clone, Copy, Default)]
pub struct Subject<'a> {
    /// A known person.
    pub user_id: &'a str,
    /// A device.
    pub anonymous_id: &'a str,
}

/// A person's answer to one consent category.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Yes.
    Granted,
    /// No, or no longer.
    Denied,
}

/// Where the app stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lifecycle {
    /// It is used.
    Foreground,
    /// It may be ended at any moment: what is queued is sent at once.
    Background,
    /// The network is there; what waits for it is sent.
    Online,
    /// There is no network; nothing is tried.
    Offline,
    /// Somebody waits for everything to be delivered: send at once, though never against what the
    /// collector asked for.
    Flush,
}

/// What came back from the network.
#[derive(Debug, Clone, Copy)]
pub enum Outcome<'a> {
    /// An HTTP answer, ours or not.
    Answer {
        /// Its status.
        status: u16,
        /// Its `Content-Type`, as it was sent; empty if it had none.
        content_type: &'a str,
        /// Its `Retry-After`, as it was sent; empty if it had none. Seconds only: a date is read as
        /// none, because it is of a clock that may not be ours.
        retry_after: &'a str,
        /// Its body, or the first [`crate::limits::REPLY_BYTES_MAX`] bytes of it.
        body: &'a [u8],
    },
    /// No answer came, and the request may have arrived: a timeout, a reset, a closed connection.
    Lost,
    /// The request never left: no route, no name, no connection.
    Unsent,
}

/// What storage held.
#[derive(Debug, Clone, Default)]
pub struct Restored {
    /// Every key that storage holds, in any order.
    pub records: Vec<(Key, Arc<[u8]>)>,
    /// The highest sequence number that the host has witnessed, if it can: what was given out but
    /// never written died with the last process, and is counted. 0 if the host has no witness.
    pub witness: u64,
    /// The id of this installation, if the host had to draw it before the core was there. A stored one
    /// counts more.
    pub install: Option<[u8; 16]>,
    /// The id of this device, if something else keeps it (a cookie, another process of the same
    /// app). Empty: the stored one, or a new one.
    pub anonymous_id: String,
}
