//! How many bytes are held for all requests together: the measure of overload.
use crate::Refusal;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The sum of what all requests hold, and its bound.
#[derive(Debug)]
pub struct InFlight {
    bytes: AtomicU64,
    bytes_max: u64,
    /// What the requests of each project hold.
    projects: Vec<AtomicU64>,
}

impl InFlight {
    /// Nothing held yet.
    #[must_use]
    pub fn new(bytes_max: u64, projects: usize) -> Self {
        let projects = (0..projects).map(|_| AtomicU64::new(0)).collect();
        Self { bytes: AtomicU64::new(0), bytes_max, projects }
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
    project: Option<usize>,
    bytes: u64,
}

impl Held {
    /// A request that holds nothing yet, of a project if that is known.
    #[must_use]
    pub fn new(all: &Arc<InFlight>, project: Option<usize>) -> Self {
        Self { all: Arc::clone(all), project, bytes: 0 }
    }

    /// What the request's project holds, if there are others beside it.
    fn own(&self) -> Option<&AtomicU64> {
        let projects = &self.all.projects;
        self.project.and_then(|project| projects.get(project)).filter(|_| projects.len() > 1)
    }

    /// Takes more.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] if all requests together would hold more than the bound, or those of
    /// a project more than its equal part of it while three quarters are held: the last quarter is
    /// for the others. Nothing is taken then.
    pub fn grow(&mut self, bytes: u64) -> Result<(), Refusal> {
        let InFlight { bytes: all, bytes_max, projects } = &*self.all;
        let after = all.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        let part = bytes_max / projects.len().max(1) as u64;
        let own = self.own().map(|own| own.load(Ordering::Relaxed).saturating_add(bytes));
        let greedy = own.is_some_and(|own| own > part) && after > bytes_max / 4 * 3;
        if after > *bytes_max || greedy {
            all.fetch_sub(bytes, Ordering::Relaxed);
            return Err(Refusal::Overloaded);
        }
        if let Some(own) = self.own() {
            own.fetch_add(bytes, Ordering::Relaxed);
        }
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.all.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        if let Some(own) = self.own() {
            own.fetch_sub(self.bytes, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_is_not_held_and_what_was_held_comes_back() {
        let all = Arc::new(InFlight::new(100, 1));
        let mut first = Held::new(&all, Some(0));
        let mut second = Held::new(&all, None);
        assert_eq!(first.grow(60), Ok(()));
        assert_eq!(second.grow(60), Err(Refusal::Overloaded));
        assert_eq!(second.grow(40), Ok(()));
        assert_eq!(all.bytes(), 100);
        drop(first);
        assert_eq!(all.bytes(), 40);
        drop(second);
        assert_eq!(all.bytes(), 0);
    }

    #[test]
    fn a_project_that_holds_much_leaves_the_last_quarter_to_others() {
        let all = Arc::new(InFlight::new(100, 2));
        let mut hot = Held::new(&all, Some(0));
        assert_eq!(hot.grow(75), Ok(()));
        assert_eq!(hot.grow(1), Err(Refusal::Overloaded));
        let mut quiet = Held::new(&all, Some(1));
        assert_eq!(quiet.grow(25), Ok(()));
        assert_eq!(quiet.grow(1), Err(Refusal::Overloaded), "all is all");
        drop(hot);
        drop(quiet);
        let mut again = Held::new(&all, Some(0));
        assert_eq!(again.grow(75), Ok(()), "what was held came back");
    }
}
