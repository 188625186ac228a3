//! The definitions that were changed since they were configured: one file in the project's folder.
use crate::config::SegmentConfig;
use crate::durable;
use anyhow::{Context as _, anyhow, bail};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::path::Path;

/// Removed segments that are remembered. Far more than a project has; a configured one is among them
/// as long as it is configured.
const REMOVED_MAX: usize = 10_000;

/// The number of the file's form, its member `format`. Form 1 had no such member, and is read.
const FORMAT: u64 = 2;

/// What the file holds beside its form.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Saved {
    /// The number of the states that the last change made. A start must not go below it.
    pub(crate) generation: u32,
    /// They win over configured ones of the same key; others come after those, in this order.
    segments: Vec<SavedSegment>,
    removed: Vec<Removed>,
    /// A change that was taken and is not made yet; a start goes on with it.
    pub(crate) pending: Option<Edit>,
}

/// A saved definition.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct SavedSegment {
    definition: SegmentConfig,
    version: u64,
    saved_at_ms: i64,
}

/// A segment that was removed, be it configured or not.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Removed {
    key: String,
    /// The version it had.
    version: u64,
    removed_at_ms: i64,
}

/// A change.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Edit {
    /// Defines a segment.
    Put(SegmentConfig),
    /// Removes the segment with this key.
    Remove(String),
}

impl Edit {
    pub(crate) fn key(&self) -> &str {
        match self {
            Self::Put(definition) => &definition.key,
            Self::Remove(key) => key,
        }
    }
}

impl Saved {
    /// What was saved at `path`; nothing if there is no such file.
    pub(crate) fn load(path: &Path) -> anyhow::Result<Self> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => return Err(error).with_context(|| path.display().to_string()),
        };
        let damaged = || format!("{} is damaged: restore it, or remove it", path.display());
        let mut file: Map<String, Value> = serde_json::from_slice(&bytes).with_context(damaged)?;
        match file.remove("format").as_ref().map_or(Some(1), Value::as_u64) {
            Some(1..=FORMAT) => {}
            Some(found) if found > FORMAT => bail!(
                "{} has form {found}, and this version reads up to {FORMAT}: start the version that \
                 wrote it, or a later one. The segments that were changed over HTTP are in it alone",
                path.display()
            ),
            _ => return Err(anyhow!("no form has this number")).with_context(damaged),
        }
        serde_json::from_value(Value::Object(file)).with_context(damaged)
    }

    /// Saves it: a crash leaves what was there before or this.
    pub(crate) fn store(&self, path: &Path) -> anyhow::Result<()> {
        #[derive(Serialize)]
        struct File<'a> {
            format: u64,
            #[serde(flatten)]
            saved: &'a Saved,
        }
        durable::write(path, &serde_json::to_vec_pretty(&File { format: FORMAT, saved: self })?)
    }

    /// The segments that hold where these are configured. Applied twice it gives the same.
    pub(crate) fn over(&self, configured: &[SegmentConfig]) -> Vec<SegmentConfig> {
        let saved = |key: &str| self.segments.iter().find(|s| s.definition.key == key);
        let is_removed = |key: &str| self.removed.iter().any(|r| r.key == key);
        let kept = configured.iter().filter(|segment| !is_removed(&segment.key));
        let kept = kept.map(|c| saved(&c.key).map_or(c, |saved| &saved.definition));
        let is_new = |s: &&SavedSegment| configured.iter().all(|c| c.key != s.definition.key);
        let new = self.segments.iter().filter(is_new).map(|s| &s.definition);
        kept.chain(new).cloned().collect()
    }

    /// What will be saved once `edit` is made.
    pub(crate) fn with(&self, edit: &Edit, configured: &[SegmentConfig], now: i64) -> Self {
        let mut next = Self { pending: None, ..self.clone() };
        let is_configured = configured.iter().any(|segment| segment.key == edit.key());
        let known = self.version(edit.key()).max(u64::from(is_configured));
        let version = known;
        match edit {
            Edit::Put(definition) => {
                let known = next.segments.iter_mut().find(|s| s.definition.key == definition.key);
                let version = version + 1;
                let fresh =
                    SavedSegment { definition: definition.clone(), version, saved_at_ms: now };
                match known {
                    Some(known) => *known = fresh,
                    None => next.segments.push(fresh),
                }
                next.removed.retain(|removed| removed.key != definition.key);
            }
            Edit::Remove(key) => {
                next.segments.retain(|segment| segment.definition.key != *key);
                if next.removed.len() == REMOVED_MAX {
                    next.removed.remove(0);
                }
                let (key, removed_at_ms) = (key.clone(), now);
                next.removed.push(Removed { key, version, removed_at_ms });
            }
        }
        next
    }

    /// How often the segment has been defined here or, before it was first changed here, configured;
    /// 0 if it never was here.
    pub(crate) fn version(&self, key: &str) -> u64 {
        let saved = self.segments.iter().find(|s| s.definition.key == key).map(|s| s.version);
        let removed = self.removed.iter().find(|r| r.key == key).map(|r| r.version);
        saved.or(removed).unwrap_or(0)
    }

    /// When the segment was saved; `None` if it is only configured.
    pub(crate) fn saved_at_ms(&self, key: &str) -> Option<i64> {
        self.segments.iter().find(|s| s.definition.key == key).map(|s| s.saved_at_ms)
    }

    /// The keys of removed segments.
    pub(crate) fn gone(&self) -> Vec<String> {
        self.removed.iter().map(|removed| removed.key.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(key: &str, when: &str) -> SegmentConfig {
        let text = format!("key = \"{key}\"\nwhen = '{when}'\nholdout = 12.5\nmin_stay = \"90m\"");
        toml::from_str(&text).expect("a segment")
    }

    fn rules(segments: &[SegmentConfig]) -> Vec<(&str, &str)> {
        segments.iter().map(|s| (s.key.as_str(), s.when.as_str())).collect()
    }

    #[test]
    fn what_was_saved_wins_and_keeps_its_place() {
        let configured = [segment("a", "1"), segment("b", "2")];
        let mut saved = Saved::default();
        for (edit, want) in [
            (Edit::Put(segment("new", "3")), vec![("a", "1"), ("b", "2"), ("new", "3")]),
            (Edit::Put(segment("a", "4")), vec![("a", "4"), ("b", "2"), ("new", "3")]),
            (Edit::Remove("b".into()), vec![("a", "4"), ("new", "3")]),
            (Edit::Put(segment("new", "5")), vec![("a", "4"), ("new", "5")]),
            (Edit::Remove("a".into()), vec![("new", "5")]),
            (Edit::Put(segment("a", "6")), vec![("a", "6"), ("new", "5")]),
            (Edit::Remove("new".into()), vec![("a", "6")]),
        ] {
            saved = saved.with(&edit, &configured, 7);
            let over = saved.over(&configured);
            assert_eq!(rules(&over), want, "{edit:?}");
            assert_eq!(saved.over(&over), over, "twice is once");
            let text = serde_json::to_vec(&saved).expect("JSON");
            assert_eq!(serde_json::from_slice::<Saved>(&text).expect("its own"), saved);
        }
        assert_eq!(
            (saved.version("a"), saved.version("new"), saved.gone()),
            (3, 2, vec!["b".into(), "new".into()])
        );
    }

    #[test]
    fn both_forms_are_read_and_a_later_one_is_refused_as_it_is() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("segments.json");
        let saved = Saved::default().with(&Edit::Put(segment("a", "1")), &[], 7);
        saved.store(&path).expect("writable");
        let text = std::fs::read_to_string(&path).expect("readable");
        assert!(text.contains("\"format\": 2"), "{text}");
        assert_eq!(Saved::load(&path).expect("form 2"), saved);
        std::fs::write(&path, serde_json::to_vec(&saved).expect("JSON")).expect("writable");
        assert_eq!(Saved::load(&path).expect("form 1"), saved);
        for (format, said) in [
            ("3", "has form 3, and this version reads up to 2"),
            ("0", "is damaged"),
            ("-1", "is damaged"),
            ("\"2\"", "is damaged"),
            ("null", "is damaged"),
        ] {
            let text = text.replace("\"format\": 2", &format!("\"format\": {format}, \"new\": 1"));
            std::fs::write(&path, &text).expect("writable");
            let error = Saved::load(&path).expect_err("refused").to_string();
            assert!(error.contains(said) && error.contains("segments.json"), "{format}: {error}");
            assert_eq!(std::fs::read_to_string(&path).expect("readable"), text);
        }
    }
}
