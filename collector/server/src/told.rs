//! The public segments of a device, for the answer to its batch.
use crate::definitions::Editor;
use crate::project::{Progress, Project};
use sillage_eventlog::Cursor;
use sillage_ingest::{AskedOf, PublicSegments, SegmentsTold};
use sillage_model::Profile;
use sillage_store::Shown;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Longest wait for a batch to be folded. A worker that keeps up takes a few milliseconds; a device
/// that waits longer for its answer keeps its radio on for a thing that comes with the next batch.
const WAIT_MAX: Duration = Duration::from_millis(50);

/// How often it is looked whether a batch is folded.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// Tells devices in which public segments they are.
pub(crate) struct Teller {
    progress: Progress,
    editor: Arc<Editor>,
    shown: Arc<Shown>,
}

impl Teller {
    pub(crate) fn of(project: &Project) -> Self {
        let (editor, shown) = (Arc::clone(&project.editor), Arc::clone(&project.shown));
        Self { progress: project.progress(), editor, shown }
    }

    /// Waits until everything before `end` is folded, and what followed from it.
    async fn settle(&self, end: Cursor) {
        let until = Instant::now() + WAIT_MAX;
        self.pass(end, until).await;
        // What a linked device sends goes on to its person by way of the log: that is in it by now.
        self.pass(self.progress.end(), until).await;
    }

    async fn pass(&self, position: Cursor, until: Instant) {
        while !self.progress.reached(position) && Instant::now() < until {
            sleep(LOOK_EVERY).await;
        }
    }

    fn keys(&self, asked: &AskedOf) -> Vec<String> {
        let view = self.shown.view();
        let found = match asked.user_id.as_str() {
            "" => view.device(&asked.anonymous_id),
            user_id => view.user(user_id),
        };
        let Some(profile) = found else { return Vec::new() };
        let Profile { segments, .. } = &*profile;
        let plan = self.editor.plan();
        let is_public = |key: &str| plan.sources().iter().any(|s| s.public && s.key == key);
        let labels = segments.iter().filter_map(|m| view.labels().segment(m.segment));
        let mut keys: Vec<String> =
            labels.map(|label| label.key.clone()).filter(|key| is_public(key)).collect();
        keys.sort_unstable();
        keys
    }
}

impl PublicSegments for Teller {
    fn of(&self, asked: AskedOf) -> SegmentsTold<'_> {
        Box::pin(async move {
            // Until the log is folded again, whoever is not in a segment may only be late.
            if !self.progress.recovered() {
                return None;
            }
            self.settle(asked.end).await;
            Some(self.keys(&asked))
        })
    }
}
