//! The two clocks of this machine.
use sdk_core::{DeviceMillis, MonoMillis, Now};
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

/// The wall clock when this process first asked. A tracker looks at it only when it begins, so reading
/// it with every call would cost each a tenth of its time for nothing.
static START: OnceLock<Now> = OnceLock::new();

/// The time: the monotonic clock, and the wall clock as it would be if nobody had set it since.
pub(crate) fn now() -> Now {
    let mono = mono();
    let start = START.get_or_init(|| Now { wall: wall(), mono });
    let since = mono.0.saturating_sub(start.mono.0);
    let wall = start.wall.0.saturating_add(i64::try_from(since).unwrap_or(i64::MAX));
    Now { wall: DeviceMillis(wall), mono }
}

#[allow(clippy::disallowed_methods, reason = "this is the door through which the time comes in")]
fn wall() -> DeviceMillis {
    // Before 1970 a clock is only wrong; zero says so as well.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    DeviceMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Where the system can tell, it counts while the machine sleeps. On Apple's systems the clock of this name
/// does, other than `std::time::Instant`.
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn mono() -> MonoMillis {
    #[cfg(target_vendor = "apple")]
    const SLEEPLESS: rustix::time::ClockId = rustix::time::ClockId::Monotonic;
    #[cfg(not(target_vendor = "apple"))]
    const SLEEPLESS: rustix::time::ClockId = rustix::time::ClockId::Boottime;
    let since = rustix::time::clock_gettime(SLEEPLESS);
    let ms = since.tv_sec.saturating_mul(1_000).saturating_add(since.tv_nsec / 1_000_000);
    MonoMillis(u64::try_from(ms).unwrap_or_default())
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn mono() -> MonoMillis {
    use std::time::Instant;
    static START: OnceLock<Instant> = OnceLock::new();
    let since = START.get_or_init(Instant::now).elapsed();
    // Never 0, which a tracker could take for before its own start.
    MonoMillis(1_000 + u64::try_from(since.as_millis()).unwrap_or(u64::MAX - 1_000))
}
