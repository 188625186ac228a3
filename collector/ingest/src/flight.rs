//! How many bytes are held for all requests together: the measure of overload.
use crate::Refusal;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The sum of what all requests hold, and its bound.
#[derive(Debug)]
pub struct InFlight {
    bytes: AtomicU64,
    bytes_max: u64,
}

impl InFlight {
    /// Nothing held yet.
    #[must_use]
    pub fn new(bytes_max: u64) -> Self {
        Self { bytes: AtomicU64::new(0), bytes_max }
    }

    /// Bytes held now.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// What one request holds; given back when it is dropped.
#[derive(Debug)]
pub struct Held {
    all: Arc<InFlight>,
    bytes: u64,
}

impl Held {
    /// A request that holds nothing yet.
    #[must_use]
    pub fn new(all: &Arc<InFlight>) -> Self {
        Self { all: Arc::clone(all), bytes: 0 }
    }

    /// Takes more.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] if all requests together would hold more than the bound. Nothing is
    /// taken then.
    pub fn grow(&mut self, bytes: u64) -> Result<(), Refusal> {
        let before = self.all.bytes.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > self.all.bytes_max {
            self.all.bytes.fetch_sub(bytes, Ordering::Relaxed);
            return Err(Refusal::Overloaded);
        }
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.all.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_is_not_held_and_what_was_held_comes_back() {
        let all = Arc::new(InFlight::new(100));
        let mut first = Held::new(&all);
        let mut second = Held::new(&all);
        assert_eq!(first.grow(60), Ok(()));
        assert_eq!(second.grow(60), Err(Refusal::Overloaded));
        assert_eq!(second.grow(40), Ok(()));
        assert_eq!(all.bytes(), 100);
        drop(first);
        assert_eq!(all.bytes(), 40);
        drop(second);
        assert_eq!(all.bytes(), 0);
    }
}
