//! A hint of the session, so that an app can show it. The collector's own sessions are what counts.
use crate::config::Config;

/// The device's session, in steady time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Session {
    /// When it began, which is its name. 0 before the first.
    pub(crate) start: i64,
    /// Its latest event.
    pub(crate) last: i64,
}

impl Session {
    /// Takes an event; says whether it begins a session.
    pub(crate) fn touch(&mut self, config: &Config, at: i64) -> bool {
        // A clock that went back by more than the idle time tells nothing of the session.
        let idle = at.abs_diff(self.last) > config.session_idle_ms;
        let long = at > self.start && at.abs_diff(self.start) > config.session_max_ms;
        if self.start == 0 || idle || long {
            *self = Self { start: at, last: at };
            return true;
        }
        self.last = self.last.max(at);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_by_silence_by_length_and_by_a_clock_that_went_back() {
        let config = Config::native();
        let (minute, hour) = (60_000, 3_600_000);
        let mut session = Session::default();
        assert!(session.touch(&config, hour));
        assert!(!session.touch(&config, hour + 30 * minute));
        assert!(session.touch(&config, hour + 60 * minute + 1));
        let start = session.start;
        for step in 1..=72 {
            assert!(!session.touch(&config, start + step * 20 * minute));
        }
        assert!(session.touch(&config, start + 24 * hour + 1));
        assert!(!session.touch(&config, session.last - 20 * minute));
        assert!(session.touch(&config, session.last - 31 * minute));
    }
}
