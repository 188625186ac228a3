//! The process's numbers in the Prometheus text format. Names are `<room>_<noun>_<unit>`; labels
//! come from closed lists; docs/METRICS.md lists them.
use crate::ops::Watched;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use sillage_eventlog::DeadLetterStats;
use sillage_ingest::SignalSnapshot;
use sillage_ledger::Total;
use sillage_store::RedisStats;
use std::fmt;

/// What of the machine is used up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Exhausted {
    pub(crate) disk: bool,
    pub(crate) memory: bool,
}

/// All numbers now.
pub(crate) fn render(
    projects: &[Watched],
    ingest: &SignalSnapshot,
    exhausted: Exhausted,
) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("sillage");
    let mut snapshot = Snapshot::take(projects, ingest);
    let gauge = |name, help, is_so| Family {
        name,
        help,
        counts: false,
        samples: vec![Sample { labels: Vec::new(), value: i64::from(is_so) }],
    };
    let help = "1 while events are refused because the disk is nearly full";
    snapshot.0.push(gauge("ingest_disk_full", help, exhausted.disk));
    let help = "1 while events are refused because memory is full";
    snapshot.0.push(gauge("ingest_memory_full", help, exhausted.memory));
    registry.register_collector(Box::new(snapshot));
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry)?;
    Ok(text)
}

/// One number with its labels.
#[derive(Debug)]
struct Sample {
    labels: Vec<(&'static str, String)>,
    value: i64,
}

#[derive(Debug)]
struct Family {
    name: &'static str,
    help: &'static str,
    counts: bool,
    samples: Vec<Sample>,
}

#[derive(Debug)]
struct Snapshot(Vec<Family>);

impl Snapshot {
    fn take(projects: &[Watched], ingest: &SignalSnapshot) -> Self {
        let mut families = of_ingest(ingest);
        let each = |value: &dyn Fn(&Watched) -> i64| -> Vec<Sample> {
            let sample = |project: &Watched| Sample {
                labels: vec![("project", project.name.clone())],
                value: value(project),
            };
            projects.iter().map(sample).collect()
        };
        let sum = |pick: fn(&sillage_worker::WorkerStats) -> u64| {
            each(&|p| number(p.progress.stats().iter().map(|s| pick(s)).sum()))
        };
        let mut add = |name, help, counts, samples| {
            families.push(Family { name, help, counts, samples });
        };
        add("worker_facts", "Facts folded", true, sum(|s| s.facts()));
        add("worker_transitions", "Entries and exits", true, sum(|s| s.transitions()));
        add("worker_wakes", "Deadlines fired", true, sum(|s| s.wakes()));
        add("worker_profiles_published", "Profiles published", true, sum(|s| s.published()));
        add("worker_checkpoints", "Checkpoints committed", true, sum(|s| s.checkpoints()));
        let late =
            each(&|p| p.progress.stats().iter().map(|s| s.wake_late_ms_max()).max().unwrap_or(0));
        add("worker_wake_late_ms_max", "Largest delay of a deadline", false, late);
        let lag = each(&|p| p.progress.lag_ms());
        add("worker_lag_ms", "Age of the oldest event not yet readable", false, lag);
        add("log_appends", "Appends answered", true, each(&|p| number(p.log.stats().appends)));
        add("log_records", "Records written", true, each(&|p| number(p.log.stats().records)));
        add("log_groups", "Group commits", true, each(&|p| number(p.log.stats().groups)));
        add("log_bytes", "Bytes written", true, each(&|p| number(p.log.stats().bytes)));
        let failed = each(&|p| i64::from(p.log.stats().failed));
        add("log_failed", "1 once the log's disk has failed", false, failed);
        let letters =
            |pick: fn(DeadLetterStats) -> u64| each(&|p| number(pick(p.dead_letters.stats())));
        add("dead_letters_stored", "Dead letters kept", true, letters(|s| s.stored));
        add("dead_letters_dropped", "Dead letters removed for room", true, letters(|s| s.dropped));
        add("dead_letters_cut", "Dead letters kept in part", true, letters(|s| s.cut));
        add("dead_letters_bytes", "Bytes of dead letters", false, letters(|s| s.kept_bytes));
        let failed = letters(|s| s.failed.into());
        add("dead_letters_failed", "1 once the dead letters' disk has failed", false, failed);
        let sessions = each(&|p| number(p.progress.sessions()));
        add("worker_sessions", "Sessions of all persons", false, sessions);
        let ledger = |pick: fn(&Total) -> u64| {
            each(&|p| number(p.progress.ledger().values().map(pick).fold(0, u64::saturating_add)))
        };
        add("ledger_lost", "Events believed here that are not", false, ledger(|t| t.lost));
        add("ledger_pending", "Events that wait on devices", false, ledger(|t| t.pending));
        add("ledger_dropped", "Events given up unsent", false, ledger(|t| t.dropped.sum()));
        let devices = each(&|p| number(p.view.view().summary().devices));
        add("view_devices", "Known devices", false, devices);
        let persons = each(&|p| number(p.view.view().summary().persons));
        add("view_persons", "Known persons", false, persons);
        families.extend(of_redis(projects));
        Self(families)
    }
}

/// Numbers of the writers, for the projects that have one.
fn of_redis(projects: &[Watched]) -> Vec<Family> {
    let stats: Vec<(&str, RedisStats)> = projects
        .iter()
        .filter_map(|project| Some((project.name.as_str(), project.redis.as_ref()?.stats()?)))
        .collect();
    if stats.is_empty() {
        return Vec::new();
    }
    let family = |name, help, counts, pick: fn(&RedisStats) -> u64| {
        let sample = |(project, stats): &(&str, RedisStats)| Sample {
            labels: vec![("project", (*project).to_owned())],
            value: number(pick(stats)),
        };
        Family { name, help, counts, samples: stats.iter().map(sample).collect() }
    };
    let trouble = |(project, stats): &(&str, RedisStats)| {
        let labels =
            vec![("project", (*project).to_owned()), ("trouble", stats.trouble?.name().to_owned())];
        Some(Sample { labels, value: 1 })
    };
    let help = "What is wrong with Redis; no sample while nothing is";
    let samples = stats.iter().filter_map(trouble).collect();
    vec![
        Family { name: "redis_trouble", help, counts: false, samples },
        family("redis_connected", "1 while Redis is connected", false, |s| s.connected.into()),
        family("redis_filled", "1 while Redis holds everybody", false, |s| s.filled.into()),
        family("redis_lag_ms", "Age of the oldest change not in Redis", false, |s| s.lag_ms),
        family("redis_dirty_persons", "Persons to be written to Redis", false, |s| s.dirty),
        family("redis_writes", "Persons written to Redis", true, |s| s.writes),
        family("redis_refused", "Persons of which Redis held as new", true, |s| s.refused),
        family("redis_retries", "Writes to Redis that failed", true, |s| s.retries),
        family("redis_outages", "Times that Redis was lost", true, |s| s.outages),
        family("redis_refills", "Times that everybody was written", true, |s| s.refills),
    ]
}

fn of_ingest(ingest: &SignalSnapshot) -> Vec<Family> {
    let one = |value: u64| vec![Sample { labels: Vec::new(), value: number(value) }];
    let by_code = |counts: &[(&'static str, u64)]| {
        let sample = |&(code, count): &(&'static str, u64)| Sample {
            labels: vec![("code", code.to_owned())],
            value: number(count),
        };
        counts.iter().map(sample).collect()
    };
    let by_status = ingest.responses.iter().map(|&(status, count)| Sample {
        labels: vec![("status", status.to_string())],
        value: number(count),
    });
    let family = |name, help, samples| Family { name, help, counts: true, samples };
    let mut families = vec![
        family("ingest_requests", "Requests on ingest paths", one(ingest.requests)),
        family("ingest_responses", "Answers by status", by_status.collect()),
        family("ingest_refusals", "Requests refused by code", by_code(&ingest.refused)),
        family("ingest_events_accepted", "Events made durable", one(ingest.accepted)),
        family("ingest_events_duplicate", "Events already durable", one(ingest.duplicates)),
        family("ingest_events_rejected", "Events rejected by code", by_code(&ingest.rejected)),
        family(
            "ingest_events_consent_denied",
            "Events without consent",
            one(ingest.consent_denied),
        ),
        family("ingest_events_clamped_future", "Event times clamped", one(ingest.clamped_future)),
        family(
            "ingest_events_dropped_on_device",
            "Events lost before sending, as devices say",
            one(ingest.dropped_on_device),
        ),
        family("ingest_body_bytes", "Bytes of bodies as sent", one(ingest.body_bytes)),
        family("ingest_decoded_bytes", "Bytes of bodies decoded", one(ingest.decoded_bytes)),
    ];
    let rate_limited = ingest.rate_limited.iter().map(|(project, count)| Sample {
        labels: vec![("project", project.clone())],
        value: number(*count),
    });
    let help = "Requests beyond the quota of their key";
    families.push(Family {
        name: "ingest_rate_limited_requests",
        help,
        counts: true,
        samples: rate_limited.collect(),
    });
    families.push(Family {
        name: "ingest_in_flight_bytes",
        help: "Bytes held for requests now",
        counts: false,
        samples: one(ingest.in_flight_bytes),
    });
    families
}

impl Collector for Snapshot {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for family in &self.0 {
            let counter = ConstCounter::new(0_u64);
            let gauge = ConstGauge::new(0_i64);
            let kind = if family.counts { counter.metric_type() } else { gauge.metric_type() };
            let mut metric = encoder.encode_descriptor(family.name, family.help, None, kind)?;
            for sample in &family.samples {
                let sampled = metric.encode_family(&sample.labels)?;
                if family.counts {
                    let value = u64::try_from(sample.value).unwrap_or(0);
                    ConstCounter::new(value).encode(sampled)?;
                } else {
                    ConstGauge::new(sample.value).encode(sampled)?;
                }
            }
        }
        Ok(())
    }
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
