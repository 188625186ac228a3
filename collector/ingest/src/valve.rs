//! Closes a project's intake while what was taken already waits too long behind it.
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a project takes events now. Turned by whoever watches what is behind this room: the log,
/// and those who read it.
#[derive(Debug, Default)]
pub struct Valve(AtomicBool);

impl Valve {
    /// Closes or opens it; says whether that is a change.
    pub fn close(&self, closed: bool) -> bool {
        self.0.swap(closed, Ordering::Relaxed) != closed
    }

    /// Whether requests are told to come again.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
