//! The clocks of a device: what it believes the time to be.
use sdk_core::{DeviceMillis, MonoMillis, Now};

/// True time at which every world begins, in milliseconds since 1970: 2026-11-22T10:00:00Z.
pub const EPOCH_MS: i64 = 1_795_341_600_000;

/// True time since the world began, in milliseconds.
pub type WorldMs = u64;

/// The two clocks of one device. Both run on the same crystal.
#[derive(Debug, Clone)]
pub struct Clocks {
    /// How far the wall clock is ahead of the truth when the world begins, in milliseconds.
    pub offset_ms: i64,
    /// How much the crystal is fast, in parts per million.
    pub drift_ppm: i64,
    /// When the wall clock was set, and by how much it then moved, ascending.
    pub jumps: Vec<(WorldMs, i64)>,
    /// When the device was started anew, ascending: its monotonic clock begins at zero there.
    pub boots: Vec<WorldMs>,
}

impl Clocks {
    /// What both clocks show.
    #[must_use]
    pub fn now(&self, at: WorldMs) -> Now {
        let jumped: i64 = self.jumps.iter().take_while(|(t, _)| *t <= at).map(|(_, by)| by).sum();
        let wall = EPOCH_MS + self.offset_ms + self.elapsed(at).cast_signed() + jumped;
        Now { wall: DeviceMillis(wall), mono: self.mono(at) }
    }

    fn mono(&self, at: WorldMs) -> MonoMillis {
        let boot = self.boots.iter().take_while(|t| **t <= at).last().copied().unwrap_or(0);
        MonoMillis(self.elapsed(at) - self.elapsed(boot) + UPTIME_AT_FIRST_MS)
    }

    /// When the monotonic clock shows at least `mono`, not before `from`.
    #[must_use]
    pub fn when(&self, mono: MonoMillis, from: WorldMs) -> WorldMs {
        let now = self.mono(from);
        let wait = mono.0.saturating_sub(now.0);
        let slow = 1_000_000_i64.saturating_add(self.drift_ppm).unsigned_abs();
        let world = u128::from(wait) * 1_000_000 / u128::from(slow);
        let mut at = from.saturating_add(u64::try_from(world).unwrap_or(u64::MAX / 4));
        while at < u64::MAX / 8 && self.mono(at) < mono {
            at += 1;
        }
        at
    }

    /// The wall clock's true error at a moment: what must be added to it.
    #[must_use]
    pub fn correction(&self, at: WorldMs) -> i64 {
        EPOCH_MS + at.cast_signed() - self.now(at).wall.0
    }

    fn elapsed(&self, at: WorldMs) -> u64 {
        let extra = i128::from(at) * i128::from(self.drift_ppm) / 1_000_000;
        at.saturating_add_signed(i64::try_from(extra).unwrap_or_default())
    }
}

/// Processes never start at the device's first millisecond.
const UPTIME_AT_FIRST_MS: u64 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_on_the_monotonic_clock_ends_when_it_shows_that() {
        for drift_ppm in [-200, 0, 37, 200] {
            let clocks =
                Clocks { offset_ms: -5, drift_ppm, jumps: vec![(50, 1_000)], boots: vec![] };
            for wait in [0, 1, 999, 30_000, 86_400_000] {
                let target = MonoMillis(clocks.now(1_234).mono.0 + wait);
                let at = clocks.when(target, 1_234);
                assert!(clocks.now(at).mono >= target);
                assert!(at == 1_234 || clocks.now(at - 1).mono < target || wait > 999);
            }
        }
    }

    #[test]
    fn a_jump_moves_the_wall_clock_alone() {
        let clocks = Clocks { offset_ms: 10, drift_ppm: 0, jumps: vec![(100, -40)], boots: vec![] };
        let (before, after) = (clocks.now(99), clocks.now(100));
        assert_eq!(after.wall.0 - before.wall.0, 1 - 40);
        assert_eq!(after.mono.0 - before.mono.0, 1);
        assert_eq!(clocks.correction(99), -10);
    }
}
