//! What a seed draws: how large everything is, and which faults there are and how many of them.
//! Most worlds know only some of them, for each alone leads elsewhere than all together.
use super::disk::{Lie, Troubles};
use crate::rng::Rng;

/// One world in so many has a Redis: it costs several times as much as the others.
const REDIS_EVERY: u64 = 8;
/// Which of them; some of those that are played twice are among them.
const REDIS_AT: u64 = 4;

/// One world's dangers and limits.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Moves before nothing goes wrong any more.
    pub moves: u32,
    /// Devices that send.
    pub senders: usize,
    /// Workers of the collector, at most: each start may have another number of them.
    pub workers: u16,
    /// Bytes of log that a worker reads at once.
    pub read_bytes: usize,
    /// Events of a batch, at most.
    pub batch_events: usize,
    /// Bytes of a segment of the log.
    pub segment_bytes: u64,
    /// How long an id is known.
    pub window_ms: i64,
    /// Ids in memory before they become a run.
    pub generation_ids: usize,
    /// Bytes that may wait for the log.
    pub in_flight_bytes: usize,
    /// Bytes of log kept; 0 keeps everything.
    pub retention_bytes: u64,
    /// Age of log kept; 0 keeps everything.
    pub retention_age_ms: i64,
    /// Bytes of dead letters kept.
    pub letters_bytes: u64,
    /// Bytes on the disk.
    pub disk_bytes: usize,
    /// What the disk refuses.
    pub troubles: Troubles,
    /// Whether the disk lies.
    pub lie: Lie,
    /// Whether the log answers before it syncs: a fault of ours, to be found out.
    pub answers_early: bool,
    /// Whether a Redis is kept equal to the view.
    pub redis: bool,
    /// Percent of requests and of answers that are lost.
    pub loss: u64,
    /// Percent of requests that arrive twice.
    pub twice: u64,
    /// How long a packet takes, at most.
    pub delay_ms: i64,
    /// Per mille of moves in which the process is to die soon.
    pub deaths: u64,
    /// Percent of deaths that are power cuts; the others are kills.
    pub power_cuts: u64,
    /// Percent of starts that die before they are done.
    pub deaths_at_start: u64,
    /// Per mille of moves that restart the collector in good order.
    pub restarts: u64,
    /// Per mille of moves in which a full disk comes or goes.
    pub full: u64,
    /// Per mille of moves after which a copy of the disk is damaged and looked at.
    pub damage: u64,
    /// How many of its newest commits the state store may lose when power is cut.
    pub commits_lost: usize,
    /// Percent of events that no collector takes.
    pub invalid: u64,
    /// Percent of events without the consent that the project requires; 0 requires none.
    pub denied: u64,
    /// Percent of events that identify a person.
    pub identify: u64,
    /// Per mille of moves in which hours go by at once.
    pub leaps: u64,
}

impl Plan {
    /// What this seed draws.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed ^ 0x7770_6c61_6e00);
        let rng = &mut rng;
        let keeps_all = rng.chance(60);
        Self {
            moves: u32::try_from(rng.range(150, 700)).expect("few"),
            senders: usize::try_from(rng.range(1, 6)).expect("few"),
            workers: u16::try_from(rng.range(1, 3)).expect("few"),
            batch_events: usize::try_from(rng.range(1, 8)).expect("few"),
            segment_bytes: *rng.pick(&[1_024, 2_048, 4_096, 16_384, 65_536]),
            window_ms: *rng.pick(&[60_000, 600_000, 7 * 86_400_000]),
            generation_ids: *rng.pick(&[4, 16, 64, 1_024]),
            in_flight_bytes: *rng.pick(&[2_000, 64 << 20, 64 << 20]),
            retention_bytes: if keeps_all { 0 } else { *rng.pick(&[0, 4_096, 16_384]) },
            retention_age_ms: if keeps_all { 0 } else { *rng.pick(&[0, 60_000, 3_600_000]) },
            letters_bytes: *rng.pick(&[32 << 10, 1 << 20]),
            disk_bytes: 64 << 20,
            troubles: Troubles {
                read: sometimes(rng, 30, &[1, 5]),
                write: sometimes(rng, 30, &[2, 10]),
                sync: sometimes(rng, 40, &[5, 20]),
                name: sometimes(rng, 30, &[5, 20]),
                write_back: sometimes(rng, 60, &[10, 50]),
            },
            lie: Lie::None,
            answers_early: false,
            redis: seed % REDIS_EVERY == REDIS_AT,
            loss: sometimes(rng, 70, &[5, 15, 30]),
            twice: sometimes(rng, 60, &[5, 20, 50]),
            delay_ms: *rng.pick(&[0, 50, 2_000, 20_000]),
            deaths: sometimes(rng, 80, &[5, 15, 30]),
            power_cuts: *rng.pick(&[100, 70, 30, 0]),
            deaths_at_start: sometimes(rng, 60, &[20, 60]),
            restarts: sometimes(rng, 50, &[5, 15]),
            full: sometimes(rng, 25, &[5, 15]),
            damage: sometimes(rng, 40, &[10, 30]),
            commits_lost: *rng.pick(&[0, 1, 3]),
            invalid: sometimes(rng, 50, &[3, 15]),
            denied: sometimes(rng, 30, &[5, 30]),
            identify: sometimes(rng, 50, &[2, 10]),
            leaps: sometimes(rng, 60, &[5, 20]),
            read_bytes: *rng.pick(&[256, 1_024, 1 << 20]),
        }
    }
}

/// One of the rates in `percent` of worlds, none in the others.
fn sometimes(rng: &mut Rng, percent: u64, rates: &[u64]) -> u64 {
    let rate = *rng.pick(rates);
    if rng.chance(percent) { rate } else { 0 }
}
