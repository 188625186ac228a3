use super::{Percent, Span, zone};
use serde::{Deserialize, Serialize};
use sillage_engine::{EngagementRules, RuleSet, SegmentSource, SessionRules, Weight};
use sillage_ingest::Quota;
use std::collections::BTreeMap;

/// `[[project]]`: one site or app with its own keys, rules, log and state.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProjectConfig {
    /// Its name, in Redis keys and folder names: 1 to 64 of `a-z`, `0-9`, `-`, `_`.
    pub(crate) name: String,
    /// Keys that may append events and nothing else; they are public. `env:NAME` reads a variable.
    #[serde(default)]
    pub(crate) write_keys: Vec<String>,
    /// Bearer tokens that may read. `env:NAME` reads a variable.
    #[serde(default)]
    pub(crate) read_tokens: Vec<String>,
    /// Bearer tokens that may do everything. `env:NAME` reads a variable.
    #[serde(default)]
    pub(crate) admin_tokens: Vec<String>,
    /// Origins whose pages may send, such as `https://shop.example`. Default empty: all, because a
    /// write key is public and browsers alone respect this.
    #[serde(default)]
    pub(crate) origins: Vec<String>,
    /// Traits that are written to Redis. Default none: they may be personal.
    #[serde(default)]
    pub(crate) redis_traits: Vec<String>,
    /// `true` keeps whole IP addresses in the log. Default false: /24 and /48 are kept.
    #[serde(default)]
    pub(crate) keep_ip: bool,
    /// `true` tells our SDKs with each answer in which public segments the person of their device is.
    /// Default false: who holds the write key, which is public, and knows a device's id could ask.
    #[serde(default)]
    pub(crate) segments_in_answers: bool,
    /// The time zone in which days, weeks and months begin, by its IANA name, such as
    /// `Europe/Paris`. Default `UTC`, the same everywhere.
    #[serde(default = "utc")]
    pub(crate) tz: String,
    #[serde(default)]
    pub(crate) consent: ConsentConfig,
    #[serde(default)]
    pub(crate) quota: QuotaConfig,
    #[serde(default)]
    pub(crate) log: LogConfig,
    #[serde(default)]
    pub(crate) session: SessionConfig,
    #[serde(default)]
    pub(crate) engagement: EngagementConfig,
    #[serde(default, rename = "segment")]
    pub(crate) segments: Vec<SegmentConfig>,
}

fn utc() -> String {
    "UTC".to_owned()
}

/// `[project.consent]`.
#[derive(Debug, Clone, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ConsentConfig {
    /// Categories without which an event is not logged, only counted. Default none.
    pub(crate) required: Vec<String>,
}

/// `[project.quota]`: what each write key may send.
#[derive(Debug, Clone, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct QuotaConfig {
    /// Events a second, sustained; 0 is none. Default 0: whoever runs a collector for sites of their
    /// own wants the flash sale that exceeds any number chosen beforehand. Where others' keys are
    /// served, 1000 is what the field grants.
    pub(crate) events_per_second: u32,
    /// Events at once after a pause. Default: those of five seconds.
    pub(crate) burst: Option<u32>,
}

impl QuotaConfig {
    /// The quota, if there is one.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub(crate) fn quota(&self) -> Result<Option<Quota>, &'static str> {
        match (self.events_per_second, self.burst) {
            (0, None) => Ok(None),
            (0, Some(_)) => Err("quota.burst needs quota.events_per_second"),
            (_, Some(0)) => Err("quota.burst is at least 1"),
            (rate, burst) => {
                let burst = burst.unwrap_or(rate.saturating_mul(QUOTA_BURST_S));
                Ok(Some(Quota { events_per_second: rate, burst }))
            }
        }
    }
}

/// Seconds of its rate that a quota grants at once, unless it says otherwise: the ratio
/// that the field's quotas have.
const QUOTA_BURST_S: u32 = 5;

/// `[project.log]`: how long events are kept, and how long their ids are remembered.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LogConfig {
    /// Oldest segments go when the log is larger, in MiB; 0 keeps all. Default 0: the log is the
    /// truth from which states are made again.
    pub(crate) retention_mib: u64,
    /// Oldest segments go when they are older; `0s` keeps all. Default `0s`.
    pub(crate) retention_age: Span,
    /// Size of a segment of the log, in MiB, 1 to 1024; its space is taken ahead, and retention removes
    /// whole ones. Default 128: rolling is rare at full speed. Smaller for many small projects.
    pub(crate) segment_mib: u64,
    /// How long an event's id is remembered, so that a retry counts once. Default `7d`, the longest
    /// that any client in the field retries.
    pub(crate) dedup: Span,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            retention_mib: 0,
            retention_age: Span::from_secs(0),
            segment_mib: sillage_eventlog::limits::SEGMENT_BYTES >> 20,
            dedup: Span::from_secs(7 * 86_400),
        }
    }
}

/// `[project.session]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SessionConfig {
    /// A longer pause starts a new session. Default `30m`, the field's convention.
    pub(crate) idle: Span,
    /// A longer session is cut. Default `24h`.
    pub(crate) max: Span,
    /// An event that is later than this leaves sessions as they are. Default `72h`.
    pub(crate) lateness: Span,
    /// Whether a new campaign starts a new session. Default false.
    pub(crate) split_on_campaign: bool,
    /// Events that are conversions. Default `["Order Completed"]`.
    pub(crate) conversions: Vec<String>,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            idle: Span::from_secs(1_800),
            max: Span::from_secs(86_400),
            lateness: Span::from_secs(72 * 3_600),
            split_on_campaign: false,
            conversions: vec!["Order Completed".to_owned()],
        }
    }
}

/// `[project.engagement]`: the decayed score.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct EngagementConfig {
    /// After this time an event counts half. Default `7d`.
    pub(crate) half_life: Span,
    /// The raw sum at which the score is 63 of 100; above 0. Default 20.
    pub(crate) scale: f64,
    /// What one engaged second adds. Default 0.02: a minute is worth about one view.
    pub(crate) engaged_second: f64,
    /// What each event adds, by name: a number, or `{ weight, property, cap_per_day }`, where the
    /// weight is multiplied by a numeric property and at most so many events of a UTC day count.
    pub(crate) weights: BTreeMap<String, WeightConfig>,
}

impl Default for EngagementConfig {
    fn default() -> Self {
        let rules = EngagementRules::default();
        Self {
            half_life: Span::from_secs(7 * 86_400),
            scale: rules.scale,
            engaged_second: rules.engaged_second,
            weights: rules
                .weights
                .into_iter()
                .map(|weight| (weight.event, WeightConfig::Plain(weight.weight)))
                .collect(),
        }
    }
}

/// One weight.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum WeightConfig {
    /// What each event adds.
    Plain(f64),
    /// The same with a factor or a cap.
    Full(FullWeight),
}

/// A weight with its options.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FullWeight {
    pub(crate) weight: f64,
    pub(crate) property: Option<String>,
    pub(crate) cap_per_day: Option<u32>,
}

/// `[[project.segment]]`, and a definition as it is saved.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SegmentConfig {
    /// Its key in Redis: 1 to 64 of `a-z`, `0-9`, `-`.
    pub(crate) key: String,
    /// What people call it. Default: the key.
    #[serde(default)]
    pub(crate) name: String,
    /// What it is for.
    #[serde(default)]
    pub(crate) description: String,
    /// The rule.
    pub(crate) when: String,
    /// Whether it may be returned to the device that asks. Default false.
    #[serde(default)]
    pub(crate) public: bool,
    /// The rule by which members leave. Default: when `when` is false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) exit: Option<String>,
    /// How long who enters stays at least. Default `0s`.
    #[serde(default)]
    pub(crate) min_stay: Span,
    /// Percent of all persons who are held out, 0 to 100 with two decimals. Default 0.
    #[serde(default)]
    pub(crate) holdout: Percent,
    /// The purpose to which members must have agreed. Default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) requires_consent: Option<String>,
}

impl ProjectConfig {
    /// The rules in the engine's words.
    pub(crate) fn rule_set(&self) -> RuleSet {
        let weights = self.engagement.weights.iter().map(|(event, weight)| match weight {
            WeightConfig::Plain(weight) => {
                Weight { event: event.clone(), weight: *weight, property: None, cap_per_day: None }
            }
            WeightConfig::Full(full) => Weight {
                event: event.clone(),
                weight: full.weight,
                property: full.property.clone(),
                cap_per_day: full.cap_per_day,
            },
        });
        RuleSet {
            session: SessionRules {
                idle_ms: self.session.idle.ms(),
                max_ms: self.session.max.ms(),
                lateness_ms: self.session.lateness.ms(),
                split_on_campaign: self.session.split_on_campaign,
                conversions: self.session.conversions.clone(),
            },
            engagement: EngagementRules {
                half_life_ms: self.engagement.half_life.ms(),
                scale: self.engagement.scale,
                weights: weights.collect(),
                engaged_second: self.engagement.engaged_second,
            },
            segments: self.segments.iter().map(SegmentConfig::source).collect(),
            // A name that is unknown does not pass the check of the configuration.
            zone: zone::find(&self.tz).unwrap_or_default(),
        }
    }
}

impl SegmentConfig {
    fn source(&self) -> SegmentSource {
        SegmentSource {
            key: self.key.clone(),
            name: if self.name.is_empty() { self.key.clone() } else { self.name.clone() },
            description: self.description.clone(),
            when: self.when.clone(),
            public: self.public,
            exit: self.exit.clone(),
            min_stay_ms: self.min_stay.ms(),
            holdout: self.holdout.hundredths(),
            requires_consent: self.requires_consent.clone(),
        }
    }
}
