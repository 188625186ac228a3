//! The door: one request in, one answer out. Order is policy here: whatever can be refused before
//! the body is read is refused before the body is read.
use crate::auth::{KeyRing, Sender, key_in_head, query_value};
use crate::config::{ConfigError, IngestConfig, Intake};
use crate::cors::{Grant, Origins};
use crate::counted::{Desk, Sums, by_code};
use crate::flight::{Held, InFlight};
use crate::inflate::Coding;
use crate::judge::{Case, Court, HeadKey, Judged, Policy, Refused};
use crate::limits::{APPEND_WAIT_MAX, BATCH_EVENTS_CEILING, INLINE_DECODE_BYTES_MAX};
use crate::load::Load;
use crate::reply::{self, Reply};
use crate::signal::{EventCounts, Signals};
use crate::{Admission, AskedOf, Refusal, Route, Valve, body, check_framing};
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, Method, Request};
use hyper::body::Body;
use sillage_eventlog::{AppendRecord, Clock, Cursor, EventLog, LogError};
use sillage_model::ReceiptMillis;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The ingest paths of a set of projects.
pub struct Ingest<L> {
    court: Arc<Court>,
    intakes: Vec<Intake<L>>,
    /// For each project, what came of senders that tell nothing about themselves.
    counted: Vec<Desk>,
    clock: Clock,
    in_flight: Arc<InFlight>,
    load: Load,
    signals: Signals,
    draining: AtomicBool,
    disk_full: AtomicBool,
    memory_full: AtomicBool,
    next_request: AtomicU64,
    partitions: u16,
}

impl<L: EventLog> Ingest<L> {
    /// Opens the door for these projects.
    ///
    /// # Errors
    /// [`ConfigError`] if keys do not tell the projects apart.
    pub fn new(
        config: IngestConfig,
        intakes: Vec<Intake<L>>,
        clock: Clock,
    ) -> Result<Self, ConfigError> {
        let ring = KeyRing::new(intakes.iter().map(|intake| &intake.project))?;
        let mut limits = config.limits;
        limits.batch_events_max = limits.batch_events_max.min(BATCH_EVENTS_CEILING);
        let policy = |intake: &Intake<L>| Policy {
            admission: Admission::new(&intake.project, limits, config.partitions),
            origins: Origins::new(&intake.project.origins),
            tells_segments: intake.segments.is_some(),
        };
        let projects = intakes.iter().map(policy).collect();
        let trusted_proxies = config.trusted_proxies;
        let in_flight = Arc::new(InFlight::new(config.in_flight_bytes_max, intakes.len()));
        let quotas: Vec<_> = intakes.iter().map(|intake| intake.project.quota).collect();
        let names = intakes.iter().map(|intake| intake.project.name.clone()).collect();
        Ok(Self {
            load: Load::new(&quotas, ring.writers()),
            court: Arc::new(Court { ring, limits, projects, trusted_proxies }),
            counted: intakes.iter().map(|_| Desk::default()).collect(),
            intakes,
            partitions: config.partitions,
            clock,
            signals: Signals::new(Arc::clone(&in_flight), names),
            in_flight,
            draining: AtomicBool::new(false),
            disk_full: AtomicBool::new(false),
            memory_full: AtomicBool::new(false),
            // Ids need not be secret, only different from those of the last run.
            next_request: AtomicU64::new(RandomState::new().hash_one(0_u8)),
        })
    }

    /// Whether a path is answered here.
    #[must_use]
    pub fn matches(path: &str) -> bool {
        Route::of(path).is_some()
    }

    /// Whether a request, to whatever path, is one that [`Ingest::respond`] does not refuse for its shape.
    #[must_use]
    pub fn is_well_formed(&self, parts: &Parts) -> bool {
        check_framing(parts, self.court.limits.uri_bytes_max).is_ok()
    }

    /// From now on every request is told to come again elsewhere. Those that are being answered
    /// are not touched.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether requests are refused, before anything of them is read, because the disk is nearly full.
    pub fn set_disk_full(&self, full: bool) {
        self.disk_full.store(full, Ordering::Relaxed);
    }

    /// What [`Ingest::set_disk_full`] said last.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        self.disk_full.load(Ordering::Relaxed)
    }

    /// Whether requests are refused, before anything of them is read, because memory is full.
    pub fn set_memory_full(&self, full: bool) {
        self.memory_full.store(full, Ordering::Relaxed);
    }

    /// What [`Ingest::set_memory_full`] said last.
    #[must_use]
    pub fn is_memory_full(&self) -> bool {
        self.memory_full.load(Ordering::Relaxed)
    }

    /// What closes a project's intake, by the project's index.
    #[must_use]
    pub fn valve(&self, project: usize) -> Option<&Valve> {
        self.load.valve(project)
    }

    /// The counters.
    #[must_use]
    pub fn signals(&self) -> &Signals {
        &self.signals
    }

    /// Answers a request.
    ///
    /// # Guarantees
    /// A 200 leaves only after every event that it counts as accepted or duplicate is durable, and
    /// every event that it rejects (but for want of consent) is kept as a dead letter.
    pub async fn respond<B>(&self, request: Request<B>, peer: SocketAddr) -> Reply
    where
        B: Body<Data = Bytes>,
    {
        let request_id = self.next_request.fetch_add(1, Ordering::Relaxed);
        let (parts, body) = request.into_parts();
        let (project, mut answer) = match self.answer(&parts, body, peer).await {
            Ok((project, answer)) => (project, answer),
            Err(refused) => {
                let (project, refused) = self.settle(refused).await;
                self.signals.refused(&refused.refusal, project, request_id);
                (project, reply::problem(&refused, request_id, parts.version))
            }
        };
        if let Some(route) = Route::of(parts.uri.path()) {
            let grant = self.grant(project, &parts.headers);
            if parts.method == Method::OPTIONS && answer.status().is_success() {
                grant.apply_preflight(&parts.headers, route.allow(), answer.headers_mut());
            } else {
                grant.apply(answer.headers_mut());
            }
        }
        self.signals.responded(answer.status());
        answer
    }

    async fn answer<B>(
        &self,
        parts: &Parts,
        body: B,
        peer: SocketAddr,
    ) -> Result<(Option<usize>, Reply), Refused>
    where
        B: Body<Data = Bytes>,
    {
        check_framing(parts, self.court.limits.uri_bytes_max)?;
        let route = Route::of(parts.uri.path()).ok_or(Refusal::NotFound)?;
        route.check(&parts.method)?;
        if parts.method == Method::OPTIONS {
            return Ok((None, reply::preflight(route.allow())));
        }
        if self.draining.load(Ordering::Relaxed) {
            return Err(Refusal::Draining.into());
        }
        if !matches!(route, Route::Settings { .. }) {
            if self.is_disk_full() {
                return Err(Refusal::DiskFull.into());
            }
            if self.is_memory_full() {
                return Err(Refusal::MemoryFull.into());
            }
        }
        if let Route::Settings { write_key } = route {
            // A 401 would say that a better key helps; to a browser the document is just not there.
            let project = self.court.ring.project(write_key).map_err(|_| Refusal::NotFound)?;
            return Ok((Some(project), reply::settings(write_key)));
        }
        let received = ReceiptMillis(self.clock.now_ms());
        let key = key_in_head(parts)?;
        let head = match &key {
            None => None,
            Some(key) => {
                let sender = self.court.ring.sender(key)?;
                self.court.check_origin(sender.project, parts)?;
                Some(HeadKey { sender, key })
            }
        };
        let named = head.map(|head| head.sender);
        let refused = |refusal| Refused { project: named.map(|s| s.project), ..refusal };
        self.load.admit(named).map_err(|refusal| refused(Refused::from(refusal)))?;
        let mut held = Held::new(&self.in_flight, named.map(|sender| sender.project));
        let taken = self.take_in(route, parts, body, &mut held).await;
        let (coding, bytes) = taken.map_err(|refusal| refused(Refused::from(refusal)))?;
        if matches!(route, Route::Pixel(_)) && parts.method == Method::HEAD {
            return Ok((named.map(|sender| sender.project), reply::pixel()));
        }
        let case = Case { parts, peer: peer.ip(), head, coding, received };
        let judged = self.judge(case, bytes).await?;
        let Sender { project, .. } = judged.sender;
        let echo = judged.echo.clone();
        let delivered = self.deliver(judged, &mut held).await;
        let answer = delivered.map_err(|refused| Refused { echo: Some(echo), ..refused })?;
        let pixel = matches!(route, Route::Pixel(_));
        Ok((Some(project), if pixel { reply::pixel() } else { answer }))
    }

    /// The body of a request, wherever it is.
    async fn take_in<B>(
        &self,
        route: Route<'_>,
        parts: &Parts,
        body: B,
        held: &mut Held,
    ) -> Result<(Coding, Bytes), Refusal>
    where
        B: Body<Data = Bytes>,
    {
        if matches!(route, Route::Pixel(_)) {
            if parts.method == Method::HEAD {
                return Ok((Coding::Identity, Bytes::new()));
            }
            return Ok((Coding::Identity, pixel_event(parts.uri.query().unwrap_or_default())?));
        }
        check_media_type(&parts.headers)?;
        // An unknown coding is refused before the body; what only its first bytes tell, after it.
        let coding = Coding::of(&parts.headers, &[])?;
        if coding.expected_growth(body.size_hint().lower()) > INLINE_DECODE_BYTES_MAX as u64 {
            self.load.check_heavy()?;
        }
        let bytes = body::collect(body, &self.court.limits, held).await?;
        if bytes.is_empty() {
            return Err(Refusal::EmptyBody);
        }
        Ok((Coding::of(&parts.headers, &bytes)?, bytes))
    }

    /// Judges a body, off this thread if it is heavy.
    async fn judge(&self, case: Case<'_>, bytes: Bytes) -> Result<Judged, Refused> {
        let (len, named) = (bytes.len(), case.head.map(|head| head.sender.project));
        let judged = if case.coding.expected_len(&bytes) <= INLINE_DECODE_BYTES_MAX {
            let judged = self.court.judge(&case, &bytes);
            let project = judged.as_ref().map_or(named, |judged| Some(judged.sender.project));
            self.load.spend(project, judged.as_ref().map_or(len, |judged| judged.decoded_len));
            judged?
        } else {
            self.judge_elsewhere(case, bytes).await?
        };
        self.signals.body(len, judged.decoded_len);
        let events = judged.admitted.events + judged.admitted.rejected.len() as u64;
        let admitted = self.load.charge(judged.sender, named.is_some(), events);
        admitted.map_err(|refusal| Refused {
            echo: Some(judged.echo.clone()),
            ..Refused::of(judged.sender.project, refusal)
        })?;
        Ok(judged)
    }

    async fn judge_elsewhere(&self, case: Case<'_>, bytes: Bytes) -> Result<Judged, Refused> {
        let sender = case.head.map(|head| head.sender);
        let refused = |refusal| Refused { project: sender.map(|s| s.project), ..refusal };
        let turn = self.load.heavy_turn().await;
        let turn = turn.map_err(|refusal| refused(Refused::from(refusal)))?;
        let court = Arc::clone(&self.court);
        let (parts, coding, peer) = (case.parts.clone(), case.coding, case.peer);
        let (key, received) = (case.head.map(|head| head.key.to_owned()), case.received);
        let judged = tokio::task::spawn_blocking(move || {
            let key = key.as_deref();
            let head = sender.zip(key).map(|(sender, key)| HeadKey { sender, key });
            let case = Case { parts: &parts, peer, head, coding, received };
            let judged = court.judge(&case, &bytes);
            drop(turn);
            judged
        });
        match judged.await {
            Ok(judged) => judged,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is being torn down.
                Err(_) => Err(Refusal::Draining.into()),
            },
        }
    }

    /// Makes a batch durable and says what became of it.
    async fn deliver(&self, judged: Judged, held: &mut Held) -> Result<Reply, Refused> {
        let Judged { sender, admitted, echo, sent_at, told, asks, .. } = judged;
        let project = sender.project;
        let refuse = |refusal| Refused::of(project, refusal);
        let intake = self.intakes.get(project).ok_or_else(|| refuse(Refusal::InvalidKey))?;
        let append = admitted.append;
        let records = append.records.len() * size_of::<AppendRecord>();
        held.grow((append.shared.len() + append.bodies.len() + records) as u64).map_err(refuse)?;
        let (mut duplicates, mut end) = (0, Cursor::START);
        if !append.records.is_empty() {
            // Who gives up leaves the append to the log, which may still make it durable: as after a
            // broken connection, the sender's next try is then recognised.
            let appended = tokio::time::timeout(APPEND_WAIT_MAX, intake.log.append(append)).await;
            let appended = appended.map_err(|_| refuse(Refusal::DiskStuck))?;
            let appended = appended.map_err(|error| refuse(self.log_refusal(project, &error)))?;
            let is_event = |record: &&u32| admitted.companions.binary_search(record).is_err();
            duplicates = appended.duplicates.iter().filter(is_event).count() as u64;
            end = appended.end;
        }
        // After the facts: a batch that is sent again because these failed is then a duplicate,
        // and its dead letters are not kept twice.
        if !admitted.dead_letters.is_empty() {
            let kept = intake.dead_letters.append_all(admitted.dead_letters).await;
            kept.map_err(|error| refuse(self.log_refusal(project, &error)))?;
        }
        self.signals.rejected(admitted.rejected.iter().map(|event| event.code));
        let accepted = admitted.events.saturating_sub(duplicates);
        self.signals.events(&EventCounts {
            accepted,
            duplicates,
            consent_denied: admitted.consent_denied,
            clamped_future: admitted.clamped_future,
            // An installation tells a sum, which the ledger knows to read.
            dropped_on_device: told.counted.as_ref().map_or(0, |_| told.dropped.sum()),
        });
        let rejected = admitted.rejected;
        if let (Some(source), Some(desk)) = (told.counted, self.counted.get(project)) {
            let (dropped, rejected) = (told.dropped, by_code(&rejected));
            desk.add(source, &Sums { received: accepted, duplicates, rejected, dropped });
        }
        if admitted.events == 0 && admitted.consent_denied == 0 && !rejected.is_empty() {
            return Err(Refused { rejected, ..refuse(Refusal::NoValidEvent) });
        }
        let segments = match (&intake.segments, asks) {
            (Some(segments), Some(asked)) => segments.of(AskedOf { end, ..asked }).await,
            _ => None,
        };
        let verdict = reply::Verdict { echo, accepted, duplicates, rejected, sent_at, segments };
        Ok(verdict.reply())
    }

    /// Writes what came of senders that tell nothing about themselves since the last call. To be
    /// called every second or so, and before the end: what is not written when the process dies is
    /// in no ledger, although the events are in the log.
    pub async fn write_counts(&self) {
        for (project, (intake, desk)) in self.intakes.iter().zip(&self.counted).enumerate() {
            let taken = desk.take();
            if taken.is_empty() {
                continue;
            }
            let received = ReceiptMillis(self.clock.now_ms());
            let append = desk.append(&taken, received, self.partitions);
            if let Err(error) = intake.log.append(append).await {
                // Counted and logged there; nothing of it is in the log, so it can be tried again.
                self.log_refusal(project, &error);
                desk.put_back(taken);
            }
        }
    }

    /// Keeps the body of a refused request if it is worth keeping; the answer waits for it.
    async fn settle(&self, mut refused: Refused) -> (Option<usize>, Refused) {
        let project = refused.project;
        let intake = project.and_then(|project| self.intakes.get(project));
        if let (Some(intake), Some(letter)) = (intake, refused.dead_letter.take())
            && let Err(error) = intake.dead_letters.append(*letter).await
        {
            let refusal = self.log_refusal(project.unwrap_or_default(), &error);
            refused = Refused { project, echo: refused.echo, ..Refused::from(refusal) };
        }
        (project, refused)
    }

    fn log_refusal(&self, project: usize, error: &LogError) -> Refusal {
        match error {
            LogError::Overloaded { .. } => Refusal::Overloaded,
            LogError::Refused(_) => Refusal::BatchTooLarge,
            LogError::Closed => Refusal::Draining,
            _ => {
                let name = self.intakes.get(project).map_or("", |i| i.project.name.as_str());
                self.signals.log_failed(name, error);
                Refusal::StorageUnavailable
            }
        }
    }

    /// Before the project is known, a page may read the answer if any project lets it.
    fn grant(&self, project: Option<usize>, headers: &HeaderMap) -> Grant {
        let projects = &self.court.projects;
        Grant::new(headers, |origin| match project.and_then(|project| projects.get(project)) {
            Some(policy) => policy.origins.allow(origin),
            None => projects.iter().any(|policy| policy.origins.allow(origin)),
        })
    }
}

/// The event of a pixel: base64 of either alphabet, with or without padding. A plus sign that a
/// form made a space is one again.
fn pixel_event(query: &str) -> Result<Bytes, Refusal> {
    const ENGINE: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    let data = query_value(query, "data").ok_or(Refusal::EmptyBody)?;
    let standard = data.replace('-', "+").replace('_', "/").replace(' ', "+");
    let event = ENGINE.decode(standard).map_err(|_| Refusal::BadEncoding("base64"))?;
    if event.is_empty() { Err(Refusal::EmptyBody) } else { Ok(Bytes::from(event)) }
}

/// JSON comes under many names: beacons call it text, and some SDKs a form. What cannot be JSON in
/// UTF-8 is refused.
fn check_media_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(value) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let value = value.to_str().map_err(|_| Refusal::BadHeader("Content-Type"))?;
    let mut pieces = value.split(';').map(str::trim_ascii);
    let media = pieces.next().unwrap_or_default().to_ascii_lowercase();
    let known = matches!(
        media.as_str(),
        "" | "application/json"
            | "text/plain"
            | "text/json"
            | "application/x-www-form-urlencoded"
            | "application/octet-stream"
            | "application/gzip"
    ) || media.ends_with("+json");
    let foreign = pieces.any(|piece| {
        let Some((name, charset)) = piece.split_once('=') else { return false };
        let charset = charset.trim_ascii().trim_matches('"');
        name.trim_ascii().eq_ignore_ascii_case("charset")
            && !["utf-8", "utf8", "us-ascii"].iter().any(|c| charset.eq_ignore_ascii_case(c))
    });
    if known && !foreign { Ok(()) } else { Err(Refusal::UnsupportedMediaType) }
}
