//! What a preview is asked to run: a segment as somebody wrote it, or one that there is.
use super::Refusal;
use crate::config::Span;
use serde::{Deserialize, Serialize};
use sillage_engine::{RuleSet, SegmentSource};
use sillage_model::SegmentIndex;

/// Hundredths of a percent in all.
const HOLDOUT_MAX: f64 = 10_000.0;
/// The key of a segment that was given none.
const KEY: &str = "preview";

/// A segment, and the moment as of which it is looked at.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Definition {
    /// Its key; `preview` if left out. The key of a segment that there is stands for that segment,
    /// or, with a rule, replaces it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) when: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) exit: Option<String>,
    /// A length of time such as `30m`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) min_stay: Option<String>,
    /// Percent, with at most two decimals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) holdout: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) requires_consent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) public: Option<bool>,
    /// RFC 3339; now if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<String>,
}

impl Definition {
    /// Reads the body of a request.
    pub(crate) fn read(body: &[u8]) -> Result<Self, Refusal> {
        let wrong = |error| Refusal::Malformed(format!("no definition of a segment: {error}"));
        serde_json::from_slice(body).map_err(wrong)
    }

    /// The rules of the project with this segment among them, and its place.
    pub(crate) fn among(&self, mut rules: RuleSet) -> Result<(RuleSet, SegmentIndex), Refusal> {
        let place_of = |key: &str| rules.segments.iter().position(|known| known.key == key);
        let Some(when) = &self.when else {
            let key = self.key.clone().unwrap_or_default();
            let place = place_of(&key).ok_or(if key.is_empty() {
                Refusal::Malformed("write a rule as `when`, or the `key` of a segment".to_owned())
            } else {
                Refusal::SegmentUnknown(key)
            })?;
            return Ok((rules, index(place)?));
        };
        let key = self.key.clone().unwrap_or_else(|| {
            let numbered = (2..).map(|number| format!("{KEY}-{number}"));
            let mut keys = std::iter::once(KEY.to_owned()).chain(numbered);
            keys.find(|key| place_of(key).is_none()).expect("one of them is free")
        });
        let place = place_of(&key);
        let source = SegmentSource {
            name: self.name.clone().unwrap_or_else(|| key.clone()),
            key,
            description: self.description.clone().unwrap_or_default(),
            when: when.clone(),
            public: self.public.unwrap_or_default(),
            exit: self.exit.clone(),
            min_stay_ms: self.min_stay_ms()?,
            holdout: self.holdout()?,
            requires_consent: self.requires_consent.clone(),
        };
        let place = match place {
            Some(place) => {
                rules.segments[place] = source;
                place
            }
            None => {
                rules.segments.push(source);
                rules.segments.len() - 1
            }
        };
        Ok((rules, index(place)?))
    }

    fn min_stay_ms(&self) -> Result<i64, Refusal> {
        let Some(text) = &self.min_stay else { return Ok(0) };
        let wrong = || Refusal::Malformed(format!("min_stay: `{text}` is no length of time"));
        Ok(Span::parse(text).ok_or_else(wrong)?.ms())
    }

    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range is checked before"
    )]
    fn holdout(&self) -> Result<u16, Refusal> {
        let hundredths = self.holdout.unwrap_or_default() * 100.0;
        let whole = hundredths.round();
        if (0.0..=HOLDOUT_MAX).contains(&whole) && (hundredths - whole).abs() < 1e-6 {
            return Ok(whole as u16);
        }
        let what = "holdout is a percentage from 0 to 100 with at most two decimals";
        Err(Refusal::Malformed(what.to_owned()))
    }
}

fn index(place: usize) -> Result<SegmentIndex, Refusal> {
    let index = u16::try_from(place).map(SegmentIndex);
    index.map_err(|_| Refusal::Malformed("there are too many segments".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> RuleSet {
        let segment = |key: &str| SegmentSource {
            key: key.to_owned(),
            when: format!("exists(\"{key}\")"),
            ..SegmentSource::default()
        };
        RuleSet { segments: vec![segment("a"), segment("preview")], ..RuleSet::default() }
    }

    fn place(body: &str) -> Result<(usize, u16, String), String> {
        let read = Definition::read(body.as_bytes());
        let among = read.and_then(|definition| definition.among(rules()));
        let (rules, index) = among.map_err(|refusal| refusal.to_string())?;
        let source = &rules.segments[usize::from(index.0)];
        Ok((rules.segments.len(), source.holdout, format!("{}: {}", source.key, source.when)))
    }

    #[test]
    fn a_definition_is_new_replaces_or_names_one() {
        let ok = |count, holdout, text: &str| Ok((count, holdout, text.to_owned()));
        assert_eq!(place(r#"{"when":"true"}"#), ok(3, 0, "preview-2: true"));
        assert_eq!(place(r#"{"key":"a","when":"x","holdout":12.5}"#), ok(2, 1_250, "a: x"));
        assert_eq!(place(r#"{"key":"a"}"#), ok(2, 0, "a: exists(\"a\")"));
        for (body, why) in [
            ("{}", "write a rule"),
            (r#"{"key":"b"}"#, "no segment `b`"),
            (r#"{"when":"true","holdout":12.345}"#, "two decimals"),
            (r#"{"when":"true","holdout":-1}"#, "from 0 to 100"),
            (r#"{"when":"true","min_stay":"soon"}"#, "no length of time"),
            (r#"{"when":"true","wen":"x"}"#, "unknown field `wen`"),
            ("[", "no definition"),
        ] {
            let said = place(body).expect_err(body);
            assert!(said.contains(why), "{body}: {said}");
        }
    }
}
