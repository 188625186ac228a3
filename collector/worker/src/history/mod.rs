//! What the log's history says under any rules: the same fold as a worker's, beside it.
//!
//! Nothing here is published or kept. Facts come in the order of the log and timers fire in between
//! as the log's own clock passes them, so that entries and exits are those that a worker with these
//! rules would have told. Histories of linked devices are kept from link to person, since the log
//! holds them only as other rules knew them.
mod pairs;
mod person;
mod survey;
mod traces;

pub use pairs::{Overlap, Pairs, Sampled};
pub use person::{KeptFact, Life, Whom, life, whom};
pub use survey::{Survey, SurveyOf, survey};
pub use traces::{Day, Trace};

/// Log read between two reports of progress: some twenty thousand facts, a few tens of milliseconds.
const STEP_BYTES: usize = 4 << 20;
