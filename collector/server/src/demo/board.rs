//! What the demo's views show, gathered from the running project.
use crate::project::{Progress, Project};
use sillage_model::Profile;
use sillage_store::{Shown, StreamId, View};
use std::sync::Arc;

/// Score bands of 10, from 0 to 100.
pub(crate) const BANDS: usize = 10;
/// Transitions kept for showing.
const SHOWN: usize = 12;

/// The things that are watched.
pub(crate) struct Board {
    shown: Arc<Shown>,
    progress: Progress,
    labels: Vec<(String, String)>,
    /// Sizes before the live part.
    before: Vec<u64>,
}

/// All of it at one moment.
pub(crate) struct Moment {
    pub(crate) persons: u64,
    pub(crate) sessions: u64,
    pub(crate) lag_ms: i64,
    pub(crate) segments: Vec<Segment>,
    pub(crate) bands: [u64; BANDS],
    pub(crate) transitions: Vec<String>,
    pub(crate) transition_count: u64,
}

pub(crate) struct Segment {
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) members: u64,
    pub(crate) before: u64,
}

impl Board {
    pub(crate) fn new(project: &Project) -> Self {
        let plan = project.plan();
        let segments = plan.segments();
        Self {
            shown: Arc::clone(&project.shown),
            progress: project.progress(),
            labels: segments.iter().map(|s| (s.key.clone(), s.name.clone())).collect(),
            before: project.shown.view().summary().members,
        }
    }

    pub(crate) fn moment(&self) -> Moment {
        let view = self.shown.view();
        let summary = view.summary();
        let mut bands = [0; BANDS];
        for profile in profiles(&view) {
            let score = profile.scores.first().copied().unwrap_or_default();
            let band = (score.clamp(0.0, 99.9) / 10.0) as usize;
            bands[band] += 1;
        }
        let sizes = self.labels.iter().zip(&summary.members).zip(&self.before);
        let segments = sizes.map(|(((key, name), &members), &before)| Segment {
            key: key.clone(),
            name: name.clone(),
            members,
            before,
        });
        Moment {
            persons: summary.persons,
            sessions: self.progress.sessions(),
            lag_ms: self.progress.lag_ms(),
            segments: segments.collect(),
            bands,
            transitions: self.transitions(),
            transition_count: self.progress.stats().iter().map(|s| s.transitions()).sum(),
        }
    }

    /// The latest entries and exits, newest first.
    fn transitions(&self) -> Vec<String> {
        let view = self.shown.view();
        let latest = view.changes().range_back(StreamId::MIN, StreamId::MAX, SHOWN);
        let line = |change: &sillage_store::Change| {
            let fields = view.change_fields(change);
            let field = |name| {
                fields.iter().find(|(n, _)| *n == name).map_or("", |(_, value)| value.as_str())
            };
            let sign = if field("change") == "enter" { "+" } else { "-" };
            format!("{sign} {:<24} {}", field("segment"), field("id"))
        };
        latest.iter().map(line).collect()
    }
}

/// Everybody who is shown.
pub(crate) fn profiles(view: &View) -> impl Iterator<Item = Arc<Profile>> + use<'_> {
    view.profiles()
}
