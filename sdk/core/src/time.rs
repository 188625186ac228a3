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
