//! Segments that are changed while they are served: what was saved, and how a change is made.
mod answer;
mod editor;
mod saved;

pub(crate) use editor::{Door, Editor, Parts};
pub(crate) use saved::Saved;
