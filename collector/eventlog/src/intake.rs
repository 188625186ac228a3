//! The bounded hand-off from many callers to one writer thread.
//!
//! Bytes count as in flight from the push until the writer releases them, so the bound covers the
//! group being written as well as what waits for it.
use crate::{LogError, limits};
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Items on their way to the writer.
#[derive(Debug)]
pub(crate) struct Intake<T> {
    state: Mutex<State<T>>,
    bell: Condvar,
    bytes_max: usize,
}

#[derive(Debug)]
struct State<T> {
    waiting: VecDeque<Waiting<T>>,
    /// Since when the oldest of those that were taken last has waited.
    taken_since: Option<Instant>,
    in_flight: usize,
    closed: Option<LogError>,
}

#[derive(Debug)]
struct Waiting<T> {
    item: T,
    bytes: usize,
    since: Instant,
}

/// Why [`Intake::take`] came back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// Something was taken.
    Work,
    /// Nothing came in time.
    Idle,
    /// Nothing waits and nothing will come.
    Closed,
}

impl<T> Intake<T> {
    pub(crate) fn new(bytes_max: usize) -> Self {
        let waiting = VecDeque::new();
        let state = State { waiting, taken_since: None, in_flight: 0, closed: None };
        Self { state: Mutex::new(state), bell: Condvar::new(), bytes_max }
    }

    /// Hands an item over, or says at once why not.
    pub(crate) fn push(&self, item: T, bytes: usize) -> Result<(), LogError> {
        let mut state = self.state.lock();
        if let Some(reason) = &state.closed {
            return Err(reason.clone());
        }
        // One item is let through however small the bound is, or it could never be appended.
        if state.in_flight > 0 && state.in_flight.saturating_add(bytes) > self.bytes_max {
            return Err(LogError::Overloaded { retry_after: limits::OVERLOAD_RETRY_AFTER });
        }
        state.in_flight += bytes;
        state.waiting.push_back(Waiting { item, bytes, since: Instant::now() });
        drop(state);
        self.bell.notify_one();
        Ok(())
    }

    /// Waits for items and takes all that fit one group, at least one. What was taken before has been
    /// answered.
    pub(crate) fn take(&self, into: &mut VecDeque<(T, usize)>, timeout: Duration) -> Wake {
        let mut state = self.state.lock();
        state.taken_since = None;
        if state.waiting.is_empty() && state.closed.is_none() {
            // A spurious wake-up is answered as idle, which the writer must cope with anyway.
            self.bell.wait_for(&mut state, timeout);
        }
        let mut bytes = 0usize;
        while into.len() < limits::GROUP_APPENDS_MAX {
            let fits =
                |next: &Waiting<T>| bytes == 0 || bytes + next.bytes <= limits::GROUP_BYTES_MAX;
            if !state.waiting.front().is_some_and(fits) {
                break;
            }
            let Some(next) = state.waiting.pop_front() else { break };
            bytes += next.bytes.max(1);
            state.taken_since.get_or_insert(next.since);
            into.push_back((next.item, next.bytes));
        }
        match (into.is_empty(), &state.closed) {
            (false, _) => Wake::Work,
            (true, Some(_)) => Wake::Closed,
            (true, None) => Wake::Idle,
        }
    }

    /// Answered items no longer count.
    pub(crate) fn release(&self, bytes: usize) {
        let mut state = self.state.lock();
        state.in_flight = state.in_flight.saturating_sub(bytes);
    }

    /// Refuses what comes from now on; what waits is still taken.
    pub(crate) fn close(&self, reason: LogError) {
        self.state.lock().closed.get_or_insert(reason);
        self.bell.notify_all();
    }

    /// Refuses what comes from now on and gives back what waits, to be refused too.
    pub(crate) fn fail(&self, reason: LogError) -> VecDeque<(T, usize)> {
        let mut state = self.state.lock();
        state.closed = Some(reason);
        state.in_flight = 0;
        state.taken_since = None;
        let waiting = std::mem::take(&mut state.waiting);
        waiting.into_iter().map(|waiting| (waiting.item, waiting.bytes)).collect()
    }

    /// How long the oldest item that is not answered has waited.
    pub(crate) fn oldest_wait(&self) -> Duration {
        let state = self.state.lock();
        let front = state.waiting.front().map(|waiting| waiting.since);
        state.taken_since.or(front).map_or(Duration::ZERO, |since| since.elapsed())
    }

    pub(crate) fn in_flight_bytes(&self) -> usize {
        self.state.lock().in_flight
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_flight_is_bounded_until_released() {
        let intake = Intake::new(10);
        intake.push('a', 20).unwrap();
        assert!(matches!(intake.push('b', 1), Err(LogError::Overloaded { .. })));
        let mut taken = VecDeque::new();
        assert_eq!(intake.take(&mut taken, Duration::ZERO), Wake::Work);
        assert!(intake.push('b', 1).is_err(), "taken is not answered");
        intake.release(20);
        assert!(intake.push('b', 1).is_ok());
    }

    #[test]
    fn a_closed_intake_gives_what_waits_and_then_ends() {
        let intake = Intake::new(10);
        intake.push('a', 1).unwrap();
        intake.close(LogError::Closed);
        assert!(matches!(intake.push('b', 1), Err(LogError::Closed)));
        let mut taken = VecDeque::new();
        assert_eq!(intake.take(&mut taken, Duration::ZERO), Wake::Work);
        taken.clear();
        assert_eq!(intake.take(&mut taken, Duration::ZERO), Wake::Closed);
    }

    #[test]
    fn what_is_taken_waits_until_the_next_is() {
        let intake = Intake::new(10);
        assert_eq!(intake.oldest_wait(), Duration::ZERO);
        intake.push('a', 1).unwrap();
        std::thread::sleep(Duration::from_millis(2));
        let mut taken = VecDeque::new();
        intake.take(&mut taken, Duration::ZERO);
        assert!(intake.oldest_wait() >= Duration::from_millis(2), "it is not answered yet");
        taken.clear();
        intake.take(&mut taken, Duration::ZERO);
        assert_eq!(intake.oldest_wait(), Duration::ZERO);
    }

    #[test]
    fn a_group_takes_no_more_than_its_share() {
        let intake = Intake::new(usize::MAX);
        for _ in 0..3 {
            intake.push((), limits::GROUP_BYTES_MAX / 2).unwrap();
        }
        let mut taken = VecDeque::new();
        intake.take(&mut taken, Duration::ZERO);
        assert_eq!(taken.len(), 2);
    }
}
