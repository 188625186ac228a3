//! Reads over HTTP and over the Redis protocol.
//!
//! Both faces read the same [`sillage_store::View`]s and write nothing; who changes a segment over
//! HTTP is handed on to whoever can. This crate knows tokens,
//! paths, pages and protocols; it deliberately knows neither how memberships come about nor where
//! they are kept.

mod http;
mod limits;
pub mod resp;

pub use crate::http::{
    DeadLetter, DeadLetterPage, DeadLetterSource, Diagnosis, EditAnswer, EditRefused, Edited,
    ExplainAsked, HistoryAnswer, HistoryProblem, HistorySource, LedgerSource, Lookup,
    LookupProject, RedisDesk, RedisRun, RedisRunState, RedisTask, SegmentDetail, SegmentState,
    Segments, SourceError, SummaryParts, ledger_document, redis_document,
};
