//! Persons and views for tests.
use crate::{Labels, SegmentLabel, View, ViewConfig};
use sillage_model::{EventTime, Membership, PersonKey, Profile, SegmentIndex, SessionBrief};
use std::sync::Arc;

pub(crate) const NOW: i64 = 1_700_000_000_400;

pub(crate) fn segments() -> Vec<SegmentLabel> {
    [("hot-cart", "Panier chaud"), ("vip", "VIP"), ("lapsing", "En sommeil")]
        .map(|(key, name)| SegmentLabel { key: key.to_owned(), name: name.to_owned() })
        .to_vec()
}

pub(crate) fn traits_shown() -> Vec<String> {
    ["plan", "vip", "age", "tags"].map(str::to_owned).to_vec()
}

pub(crate) fn labels() -> Labels {
    Labels::new(segments(), &["engagement".to_owned()], traits_shown())
}

pub(crate) fn view() -> Arc<View> {
    view_of("shop")
}

pub(crate) fn view_of(project: &str) -> Arc<View> {
    View::new(ViewConfig {
        project: project.to_owned(),
        segments: segments(),
        scores: vec!["engagement".to_owned()],
        traits_shown: traits_shown(),
        half_life_ms: 604_800_000,
        digest: 0xabc,
        generation: 1,
        clock: Arc::new(|| NOW),
    })
}

/// A person in `hot-cart` with a session.
pub(crate) fn person(member: &str, version: u64) -> Profile {
    Profile {
        member: PersonKey::parse(member).expect("a test names a member"),
        devices: Vec::new(),
        segments: vec![membership(0, 1_700_000_000_100)],
        held_out: Vec::new(),
        scores: vec![41.7],
        session: Some(SessionBrief {
            id: 255,
            start: EventTime(1_700_000_000_000),
            last: EventTime(1_700_000_000_200),
            events: 3,
            pages: 2,
            engaged_ms: 1_500,
        }),
        traits: Arc::from([]),
        as_of: 1_700_000_000_300,
        version,
    }
}

pub(crate) fn membership(segment: u16, entered_at: i64) -> Membership {
    Membership { segment: SegmentIndex(segment), entered_at: EventTime(entered_at) }
}
