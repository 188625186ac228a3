//! Which variant a page shows to a person: plain functions, which know no Redis and no clock.
use serde::{Deserialize, Serialize};
use std::num::{ParseFloatError, ParseIntError};

/// Four decimals are published: 100 stands for anything from here on, so this is the least it can be.
const SCORE_MOST: f64 = 99.99995;

/// What `hero.json` holds.
#[derive(Deserialize)]
pub(crate) struct Page {
    pub(crate) deadline_ms: u64,
    default: String,
    variants: Vec<Rule>,
}

/// One variant, with the segment or the score that it is for.
#[derive(Deserialize)]
struct Rule {
    variant: String,
    segment: Option<String>,
    as_of_max_age_ms: Option<i64>,
    score_at_least: Option<f64>,
}

/// A variant, and why this one.
#[derive(Serialize)]
pub(crate) struct Answer {
    pub(crate) variant: String,
    pub(crate) reason: &'static str,
    pub(crate) segment: Option<String>,
    pub(crate) entered_at: Option<i64>,
    pub(crate) score: Option<i64>,
    pub(crate) as_of: Option<i64>,
}

/// The fields of a profile, as Redis gives them, in the order of [`Page::fields`].
pub(crate) type Values = Vec<Option<String>>;

/// A field holds no number, so the profile is not ours.
pub(crate) struct NotANumber;

impl From<ParseIntError> for NotANumber {
    fn from(_: ParseIntError) -> Self {
        Self
    }
}

impl From<ParseFloatError> for NotANumber {
    fn from(_: ParseFloatError) -> Self {
        Self
    }
}

/// The key of `42` or `u:42`, a user, or of `a:d-1`, a device.
pub(crate) fn key(project: &str, person: &str) -> String {
    let kind = if person.starts_with("u:") || person.starts_with("a:") { "" } else { "u:" };
    format!("sl:{project}:{kind}{person}")
}

/// What a score of `as_of` is at `now`, all in milliseconds.
///
/// A score is 100 · (1 − e^(−raw / scale)), and raw halves in a half-life. So 1 − score / 100 is
/// raised to what is left of raw, and the scale does not matter.
fn decayed(score: f64, as_of: i64, half_life: i64, now: i64) -> f64 {
    let age = (now - as_of).max(0); // clocks differ a little
    if age == 0 {
        return score;
    }
    let left = (-(age as f64) / half_life as f64).exp2();
    100.0 * (1.0 - (1.0 - score.min(SCORE_MOST) / 100.0).powf(left))
}

impl Page {
    /// All that [`Self::decide`] looks at, and nothing else of the profile.
    pub(crate) fn fields(&self) -> Vec<String> {
        let mut fields = vec!["as_of".to_owned(), "score:engagement".to_owned()];
        for segment in self.variants.iter().filter_map(|rule| rule.segment.as_ref()) {
            let field = format!("seg:{segment}");
            if !fields.contains(&field) {
                fields.push(field);
            }
        }
        fields
    }

    /// The usual variant, for this reason.
    pub(crate) fn usual(&self, reason: &'static str) -> Answer {
        let variant = self.default.clone();
        Answer { variant, reason, segment: None, entered_at: None, score: None, as_of: None }
    }

    /// The first variant that fits, and why; the default one if none does.
    pub(crate) fn decide(
        &self,
        fields: &[String],
        values: &Values,
        half_life: Option<&str>,
        now: i64,
    ) -> Result<Answer, NotANumber> {
        let field = |name: &str| {
            fields.iter().position(|field| field == name).and_then(|at| values.get(at)?.as_deref())
        };
        let Some(as_of) = field("as_of") else {
            return Ok(self.usual("unknown"));
        };
        let as_of: i64 = as_of.parse()?;
        let score = match (field("score:engagement"), half_life) {
            (Some(score), Some(half_life)) => {
                Some(decayed(score.parse()?, as_of, half_life.parse()?, now))
            }
            _ => None,
        };
        let whole = score.map(|score| (score + 0.5).floor() as i64);
        let known = Answer { score: whole, as_of: Some(as_of), ..self.usual("default") };
        for rule in &self.variants {
            let variant = rule.variant.clone();
            if let Some(segment) = &rule.segment {
                // A segment of the last hour ends at its deadline. If what is there is older than
                // that, nobody has written since: the collector or its way to Redis is down.
                let fresh = rule.as_of_max_age_ms.is_none_or(|most| now - as_of <= most);
                if let (true, Some(entered_at)) = (fresh, field(&format!("seg:{segment}"))) {
                    let (entered_at, segment) = (Some(entered_at.parse()?), Some(segment.clone()));
                    return Ok(Answer { variant, reason: "segment", segment, entered_at, ..known });
                }
            } else if score.zip(rule.score_at_least).is_some_and(|(score, least)| score >= least) {
                return Ok(Answer { variant, reason: "score", ..known });
            }
        }
        Ok(known)
    }
}
