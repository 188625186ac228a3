//! What a run has met, as a table.
use super::check::Findings;
use super::trace::Work;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

/// Whether a collector was ready when it died.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// It was still starting.
    Recovering,
    /// It was ready.
    Live,
}

/// How a death came.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Death {
    /// In which stage.
    pub stage: Stage,
    /// At which work.
    pub work: Work,
    /// At which call, or "any time".
    pub call: String,
}

/// What all worlds of a kind have met.
#[derive(Debug, Default)]
pub struct Tally {
    /// Worlds.
    pub worlds: u64,
    /// How often each death came.
    pub deaths: BTreeMap<Death, u64>,
    /// Events acknowledged, each once.
    pub acked: u64,
    /// Events without an answer, and how many of them are there.
    pub unknown: (u64, u64),
    /// Events that were sent again and recognised.
    pub recognised: u64,
    /// The longest that a start took.
    pub slowest_start: Duration,
    /// Starts that were timed.
    pub starts: u64,
    /// What is wrong.
    pub findings: Findings,
}

impl Tally {
    /// Deaths in all.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.deaths.values().sum()
    }

    /// Deaths in this stage.
    #[must_use]
    pub fn count_in(&self, stage: Stage) -> u64 {
        self.deaths.iter().filter(|(death, _)| death.stage == stage).map(|(_, count)| count).sum()
    }

    /// Whether deaths came only while nothing was done, so that they prove nothing.
    #[must_use]
    pub fn is_void(&self) -> bool {
        let busy = |death: &Death| death.stage == Stage::Recovering || death.work != Work::Idle;
        !self.deaths.keys().any(busy)
    }

    /// Notes one.
    pub fn died(&mut self, stage: Stage, work: Work, call: &str) {
        *self.deaths.entry(Death { stage, work, call: call.to_owned() }).or_default() += 1;
    }

    /// Notes how long a start took.
    pub fn started(&mut self, after: Duration) {
        self.starts += 1;
        self.slowest_start = self.slowest_start.max(after);
    }

    /// Adds another's.
    pub fn add(&mut self, other: Self) {
        self.worlds += other.worlds;
        for (death, count) in other.deaths {
            *self.deaths.entry(death).or_default() += count;
        }
        self.acked += other.acked;
        self.unknown = (self.unknown.0 + other.unknown.0, self.unknown.1 + other.unknown.1);
        self.recognised += other.recognised;
        self.slowest_start = self.slowest_start.max(other.slowest_start);
        self.starts += other.starts;
        self.findings.add(&other.findings);
    }

    /// Deaths by stage, work and call.
    #[must_use]
    pub fn histogram(&self) -> String {
        let mut text = String::from("| stage | work | at | deaths |\n|---|---|---|---:|\n");
        for (death, count) in &self.deaths {
            let stage = if death.stage == Stage::Live { "live" } else { "recovering" };
            let Death { work, call, .. } = death;
            writeln!(text, "| {stage} | {work} | {call} | {count} |").expect("a string takes all");
        }
        text
    }

    /// A row of the table below.
    #[must_use]
    pub fn row(&self, name: &str) -> String {
        let Findings { lost, doubled, altered, foreign, .. } = self.findings;
        let Findings { engine_differs, redis_differs, broken, .. } = self.findings;
        let (unknown, there) = self.unknown;
        format!(
            "| {name} | {} | {} | {} | {unknown}, {there} there | {} | {lost} | {doubled} | {} | \
             {} | {broken} | {} ms |\n",
            self.count(),
            self.count_in(Stage::Recovering),
            self.acked,
            self.recognised,
            altered + foreign,
            engine_differs + redis_differs,
            self.slowest_start.as_millis(),
        )
    }
}

/// The head of a table of tallies.
pub const HEAD: &str = "| | deaths | of them recovering | acknowledged | unanswered | recognised again | lost | \
                        doubled | altered or foreign | persons wrong | starts failed | slowest start |\n\
                        |---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n";
