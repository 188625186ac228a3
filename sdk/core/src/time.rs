//! The two clocks of a device. There is no `From` between them: mixing them is the classic mistake.

/// The device's wall clock, in milliseconds since 1970. Untrusted: people and networks set it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct DeviceMillis(pub i64);

/// Time that only moves forward, in milliseconds since any point that stays the same while the
/// process runs. It should count while the device sleeps (`CLOCK_BOOTTIME`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MonoMillis(pub u64);

/// Both clocks, read at the same moment by the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Now {
    /// The wall clock.
    pub wall: DeviceMillis,
    /// The monotonic clock.
    pub mono: MonoMillis,
}

/// The farthest moment from zero, in milliseconds: 285 000 years. What is beyond is taken for it, so
/// that sums and differences of a few times never overflow.
const TIME_MAX_MS: i64 = 1 << 53;

pub(crate) fn bounded_time(ms: i64) -> i64 {
    ms.clamp(-TIME_MAX_MS, TIME_MAX_MS)
}

impl Now {
    /// The same moment, within what can be calculated with.
    pub(crate) fn bounded(self) -> Self {
        let wall = DeviceMillis(bounded_time(self.wall.0));
        Self { wall, mono: MonoMillis(self.mono.0.min(TIME_MAX_MS.cast_unsigned())) }
    }
}
