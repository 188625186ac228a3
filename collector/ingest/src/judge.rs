//! From a body as it was sent to what the log and the sender get: decode, find the project, admit.
//!
//! Everything here runs on one thread without waiting, in buffers that the thread keeps.
use crate::admit::{Admission, AdmitScratch, Admitted, Arrival, Rejected};
use crate::auth::{KeyRing, Sender};
use crate::cors::Origins;
use crate::inflate::{Coding, Inflater, decoded_bytes_max, salvage};
use crate::limits::UNDECODABLE_KEPT_BYTES;
use crate::{AskedOf, Refusal, Route, Visitor, address};
use http::header::{ORIGIN, USER_AGENT};
use http::request::Parts;
use sillage_eventlog::{Cursor, DeadLetter};
use sillage_ledger::{Counts, Source};
use sillage_model::ReceiptMillis;
use sillage_wire::{Batch, BodyError, Code, Limits, decode_batch, decode_single};
use std::cell::RefCell;
use std::net::IpAddr;

/// What all requests are judged by.
pub(crate) struct Court {
    pub(crate) ring: KeyRing,
    pub(crate) limits: Limits,
    pub(crate) projects: Vec<Policy>,
    pub(crate) trusted_proxies: Vec<IpAddr>,
}

/// What one project's requests are judged by.
pub(crate) struct Policy {
    pub(crate) admission: Admission,
    pub(crate) origins: Origins,
    /// Whether devices are told their segments.
    pub(crate) tells_segments: bool,
}

/// A request whose body is there.
pub(crate) struct Case<'r> {
    pub(crate) parts: &'r Parts,
    pub(crate) peer: IpAddr,
    /// The project that the head names, and the key that names it.
    pub(crate) head: Option<HeadKey<'r>>,
    pub(crate) coding: Coding,
    pub(crate) received: ReceiptMillis,
}

/// A key that came before the body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HeadKey<'r> {
    pub(crate) sender: Sender,
    pub(crate) key: &'r str,
}

/// A body that was understood.
pub(crate) struct Judged {
    pub(crate) sender: Sender,
    pub(crate) admitted: Admitted,
    pub(crate) decoded_len: usize,
    pub(crate) echo: Echo,
    pub(crate) sent_at: String,
    pub(crate) told: Told,
    /// Whom to tell their segments.
    pub(crate) asks: Option<AskedOf>,
}

/// By which an answer is known to be ours, and when the request came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Echo {
    pub(crate) batch_id: String,
    pub(crate) received: ReceiptMillis,
}

/// What the sender says about itself.
#[derive(Debug)]
pub(crate) struct Told {
    /// The source to be counted under, if no installation reports.
    pub(crate) counted: Option<Source>,
    pub(crate) dropped: Counts,
}

/// A refusal with what is known beside it.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) refusal: Refusal,
    /// The project that was asked for, once it is known.
    pub(crate) project: Option<usize>,
    /// The verdicts, if every event was refused.
    pub(crate) rejected: Vec<Rejected>,
    /// Whose it is, once the body was understood.
    pub(crate) echo: Option<Echo>,
    /// The body that nobody could read, to be kept for its project.
    pub(crate) dead_letter: Option<Box<DeadLetter>>,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, project: None, rejected: Vec::new(), echo: None, dead_letter: None }
    }
}

impl Refused {
    pub(crate) fn of(project: usize, refusal: Refusal) -> Self {
        Self { project: Some(project), ..Self::from(refusal) }
    }
}

#[derive(Default)]
struct Bench {
    inflater: Inflater,
    scratch: AdmitScratch,
}

thread_local! {
    static BENCH: RefCell<Bench> = RefCell::default();
}

impl Court {
    /// Decodes and judges a body.
    ///
    /// # Errors
    /// A refusal of the whole request.
    pub(crate) fn judge(&self, case: &Case<'_>, body: &[u8]) -> Result<Judged, Refused> {
        BENCH.with_borrow_mut(|bench| {
            let Bench { inflater, scratch } = bench;
            let bytes_max = decoded_bytes_max(body.len(), &self.limits);
            let judged = match inflater.decode(case.coding, body, bytes_max) {
                Ok(text) => self.judge_text(case, text, scratch),
                Err(refusal) => Err(self.undecodable(case, refusal, body)),
            };
            inflater.trim();
            judged
        })
    }

    fn judge_text(
        &self,
        case: &Case<'_>,
        text: &[u8],
        scratch: &mut AdmitScratch,
    ) -> Result<Judged, Refused> {
        let decoded = match Route::of(case.parts.uri.path()) {
            Some(Route::Single(kind)) => decode_single(text, Some(kind), &self.limits),
            Some(Route::Pixel(kind)) => decode_single(text, kind, &self.limits),
            _ => decode_batch(text, &self.limits),
        };
        let batch = match decoded {
            Ok(batch) => batch,
            Err(error) => return Err(self.unreadable(case, error, text)),
        };
        let echo = echo_of(case, &batch);
        self.judge_batch(case, text, &batch, scratch)
            .map_err(|refused| Refused { echo: Some(echo), ..refused })
    }

    fn judge_batch(
        &self,
        case: &Case<'_>,
        text: &[u8],
        batch: &Batch<'_>,
        scratch: &mut AdmitScratch,
    ) -> Result<Judged, Refused> {
        let sender = self.sender(case, batch)?;
        let project = sender.project;
        let policy = self.policy(project)?;
        let visitor = self.visitor(case);
        let arrival = Arrival::Live(case.received);
        let mut admitted = policy
            .admission
            .admit(batch, visitor, arrival, scratch)
            .map_err(|refusal| self.keep(Refused::of(project, refusal), text, case.received))?;
        let context = scratch.context.of_batch();
        let counted = policy.admission.report(batch, context, case.received, &mut admitted);
        let dropped = batch.envelope.sillage.iter().flat_map(|s| &s.dropped);
        Ok(Judged {
            sender,
            admitted,
            decoded_len: text.len(),
            echo: echo_of(case, batch),
            sent_at: batch.envelope.sent_at_text.clone().into_owned(),
            told: Told { counted, dropped: dropped.map(|(why, n)| (&**why, *n)).collect() },
            asks: policy.tells_segments.then(|| self.asks(batch)).flatten(),
        })
    }

    /// Only our own SDKs ask, and only for the one device that the whole batch is of.
    fn asks(&self, batch: &Batch<'_>) -> Option<AskedOf> {
        let envelope = &batch.envelope;
        let is_ours = envelope.sillage.as_ref().is_some_and(|s| !s.install.is_empty());
        let fits = |id: &str| id.len() <= self.limits.id_bytes_max;
        let (user_id, anonymous_id) = (&envelope.user_id, &envelope.anonymous_id);
        let asks = is_ours && !anonymous_id.is_empty() && fits(anonymous_id) && fits(user_id);
        asks.then(|| AskedOf {
            user_id: user_id.clone().into_owned(),
            anonymous_id: anonymous_id.clone().into_owned(),
            end: Cursor::START,
        })
    }

    /// Who sent a body, from its own key or from the head's.
    fn sender(&self, case: &Case<'_>, batch: &Batch<'_>) -> Result<Sender, Refused> {
        let key = batch.envelope.write_key.trim_ascii();
        match case.head {
            Some(head) if key.is_empty() || key == head.key => Ok(head.sender),
            Some(head) => Err(Refused::of(head.sender.project, Refusal::KeyMismatch)),
            None => {
                let sender = self.ring.sender(key)?;
                self.check_origin(sender.project, case.parts)?;
                Ok(sender)
            }
        }
    }

    /// Whether the project takes events from the page that sent the request.
    ///
    /// # Errors
    /// [`Refusal::OriginNotAllowed`]. A request without an origin comes from no page.
    pub(crate) fn check_origin(&self, project: usize, parts: &Parts) -> Result<(), Refused> {
        let policy = self.policy(project)?;
        match parts.headers.get(ORIGIN) {
            Some(origin) if !policy.origins.allow(origin) => {
                Err(Refused::of(project, Refusal::OriginNotAllowed))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn policy(&self, project: usize) -> Result<&Policy, Refused> {
        self.projects.get(project).ok_or_else(|| Refused::from(Refusal::InvalidKey))
    }

    /// A server's SDK sends for its visitors: its own address and agent are not theirs.
    fn visitor<'r>(&self, case: &Case<'r>) -> Visitor<'r> {
        let headers = &case.parts.headers;
        let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
        let gpc = headers.get("sec-gpc").is_some_and(|value| value == "1");
        let browser = headers.contains_key(ORIGIN)
            || agent.is_some_and(|agent| agent.starts_with("Mozilla/"));
        if !browser {
            return Visitor { gpc, ..Visitor::default() };
        }
        let address = address::of_sender(case.peer, headers, &self.trusted_proxies);
        Visitor { address: Some(address), user_agent: agent, gpc }
    }

    /// A body whose coding is damaged: what can be read of it is worth more than the bytes.
    fn undecodable(&self, case: &Case<'_>, refusal: Refusal, body: &[u8]) -> Refused {
        let Some(head) = case.head else { return refusal.into() };
        let refused = Refused::of(head.sender.project, refusal);
        if !matches!(refused.refusal, Refusal::BadEncoding(_)) {
            return refused;
        }
        let readable = salvage(case.coding, body, UNDECODABLE_KEPT_BYTES);
        let kept = if readable.is_empty() { body } else { &readable };
        self.keep(refused, kept, case.received)
    }

    /// A body that is no batch.
    fn unreadable(&self, case: &Case<'_>, error: BodyError, text: &[u8]) -> Refused {
        let refusal = match error.code {
            Code::EmptyBody => Refusal::EmptyBody,
            Code::EmptyBatch => Refusal::EmptyBatch,
            Code::TooManyEvents => Refusal::TooManyEvents(self.limits.batch_events_max),
            code => Refusal::Malformed { code: code.as_str(), message: error.to_string() },
        };
        let Some(head) = case.head else { return refusal.into() };
        let refused = Refused::of(head.sender.project, refusal);
        match refused.refusal {
            Refusal::Malformed { .. } => self.keep(refused, text, case.received),
            _ => refused,
        }
    }

    fn keep(&self, refused: Refused, text: &[u8], received: ReceiptMillis) -> Refused {
        let policy = refused.project.and_then(|project| self.projects.get(project));
        let Some(policy) = policy else { return refused };
        let kept = text.get(..text.len().min(UNDECODABLE_KEPT_BYTES)).unwrap_or_default();
        let code = refused.refusal.face().code;
        let raw = policy.admission.keepable(kept);
        let letter = DeadLetter::new(received, code, refused.refusal.to_string(), raw);
        let dead_letter = DeadLetter { cut: kept.len() < text.len(), ..letter };
        Refused { dead_letter: Some(Box::new(dead_letter)), ..refused }
    }
}

fn echo_of(case: &Case<'_>, batch: &Batch<'_>) -> Echo {
    let sillage = batch.envelope.sillage.as_ref();
    let batch_id = sillage.map_or(String::new(), |s| s.batch_id.clone().into_owned());
    Echo { batch_id, received: case.received }
}
