//! The settings of the core, all optional.
use sdk_core::Config as CoreConfig;

/// What differs from the defaults for apps and programs; see the fields of the same names in
/// `sdk/core/src/config.rs` for their reasons.
#[derive(Debug, Clone, Default, uniffi::Record)]
pub struct Config {
    /// A batch leaves as soon as so many events wait. 20.
    #[uniffi(default = None)]
    pub batch_events: Option<u32>,
    /// A batch leaves when its oldest event has waited so long, in ms. 30 000.
    #[uniffi(default = None)]
    pub batch_age_ms: Option<u64>,
    /// No batch holds more events. 500.
    #[uniffi(default = None)]
    pub batch_events_max: Option<u32>,
    /// The events of a batch take no more, in bytes before compression. 475 000.
    #[uniffi(default = None)]
    pub batch_bytes_max: Option<u32>,
    /// Events that may be queued. 10 000.
    #[uniffi(default = None)]
    pub queue_events_max: Option<u32>,
    /// Bytes that may be queued. 20 MiB.
    #[uniffi(default = None)]
    pub queue_bytes_max: Option<u32>,
    /// Age at which a queued event is given up, in ms. 30 days.
    #[uniffi(default = None)]
    pub queue_age_max_ms: Option<u64>,
    /// Events that may wait in memory for storage or consent. 1 000.
    #[uniffi(default = None)]
    pub waiting_events_max: Option<u32>,
    /// Bytes that may wait in memory for storage or consent. 1 MiB.
    #[uniffi(default = None)]
    pub waiting_bytes_max: Option<u32>,
    /// Unanswered batches while the app is left. 4.
    #[uniffi(default = None)]
    pub leaving_batches_max: Option<u32>,
    /// Inactivity that ends a session, in ms. 30 min.
    #[uniffi(default = None)]
    pub session_idle_ms: Option<u64>,
    /// Length that ends a session, in ms. 24 h.
    #[uniffi(default = None)]
    pub session_max_ms: Option<u64>,
    /// Names of events that are dropped last when the queue is full. Segment's conversions.
    #[uniffi(default = None)]
    pub events_kept_longest: Option<Vec<String>>,
    /// Names of events that are dropped first when the queue is full. Heartbeats.
    #[uniffi(default = None)]
    pub events_dropped_first: Option<Vec<String>>,
    /// Shares of events that are kept. Others are all kept.
    #[uniffi(default = None)]
    pub sampling: Option<Vec<SampleRate>>,
    /// Consent categories that every event needs. None.
    #[uniffi(default = None)]
    pub consent_required: Option<Vec<String>>,
    /// Events that need other categories.
    #[uniffi(default = None)]
    pub consent_by_event: Option<Vec<ConsentRule>>,
    /// What Global Privacy Control means. `Record`.
    #[uniffi(default = None)]
    pub gpc: Option<PrivacySignal>,
    /// What Do Not Track means. `Ignore`.
    #[uniffi(default = None)]
    pub dnt: Option<PrivacySignal>,
}

/// The share of events of one name that is kept.
#[derive(Debug, Clone, uniffi::Record)]
pub struct SampleRate {
    /// The events' name.
    pub event: String,
    /// 0 to 1.
    pub share: f64,
}

/// The consent categories that events of one name need.
#[derive(Debug, Clone, uniffi::Record)]
pub struct ConsentRule {
    /// The events' name.
    pub event: String,
    /// None: the name is exempt.
    pub categories: Vec<String>,
}

/// What is done about a privacy signal.
#[derive(Debug, Clone, Copy, uniffi::Enum)]
pub enum PrivacySignal {
    /// Nothing.
    Ignore,
    /// The context says so.
    Record,
    /// Nothing is collected.
    Deny,
}

impl Config {
    /// The same for the core.
    pub(crate) fn into_core(self) -> CoreConfig {
        let mut config = CoreConfig::native();
        let bounds = [
            (&mut config.batch_events, self.batch_events),
            (&mut config.batch_events_max, self.batch_events_max),
            (&mut config.batch_bytes_max, self.batch_bytes_max),
            (&mut config.queue_events_max, self.queue_events_max),
            (&mut config.queue_bytes_max, self.queue_bytes_max),
            (&mut config.waiting_events_max, self.waiting_events_max),
            (&mut config.waiting_bytes_max, self.waiting_bytes_max),
            (&mut config.leaving_batches_max, self.leaving_batches_max),
        ];
        for (bound, said) in bounds {
            *bound = said.map_or(*bound, |said| usize::try_from(said).unwrap_or(usize::MAX));
        }
        put(&mut config.batch_age_ms, self.batch_age_ms);
        put(&mut config.queue_age_max_ms, self.queue_age_max_ms);
        put(&mut config.session_idle_ms, self.session_idle_ms);
        put(&mut config.session_max_ms, self.session_max_ms);
        put(&mut config.events_kept_longest, self.events_kept_longest);
        put(&mut config.events_dropped_first, self.events_dropped_first);
        put(&mut config.consent_required, self.consent_required);
        let rates = self.sampling.map(|rates| {
            rates.into_iter().map(|SampleRate { event, share }| (event, share)).collect()
        });
        put(&mut config.sampling, rates);
        let rules = self.consent_by_event.map(|rules| {
            rules.into_iter().map(|ConsentRule { event, categories }| (event, categories)).collect()
        });
        put(&mut config.consent_by_event, rules);
        put(&mut config.gpc, self.gpc.map(Into::into));
        put(&mut config.dnt, self.dnt.map(Into::into));
        config
    }
}

fn put<T>(place: &mut T, said: Option<T>) {
    if let Some(said) = said {
        *place = said;
    }
}

impl From<PrivacySignal> for sdk_core::PrivacySignal {
    fn from(signal: PrivacySignal) -> Self {
        match signal {
            PrivacySignal::Ignore => Self::Ignore,
            PrivacySignal::Record => Self::Record,
            PrivacySignal::Deny => Self::Deny,
        }
    }
}
