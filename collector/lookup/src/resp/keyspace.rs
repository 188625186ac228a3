//! All projects' keys as one keyspace, and the one place that knows how a view holds them.
//!
//! A key of the wrong kind is told apart from an absent one here, so that commands need not.
use crate::resp::RespProject;
use crate::resp::reply::Reply;
use core::ops::RangeInclusive;
use sillage_model::SegmentIndex;
use sillage_store::keys::{self, Key};
use sillage_store::{Change, Changes, Listed, Order, StreamId, Ttl, View};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where the projects' own scan positions end and the number of the project begins.
const CURSOR_PROJECT_SHIFT: u32 = 40;

/// The keys of every project.
#[derive(Clone, Copy)]
pub(crate) struct Keyspace<'c> {
    projects: &'c BTreeMap<String, RespProject>,
}

/// A key that is there, or could be.
///
/// It holds the view that it was found in: one command is answered by one set of rules.
struct Place<'k> {
    view: Arc<View>,
    key: Key<'k>,
}

impl<'c> Keyspace<'c> {
    pub(crate) fn new(projects: &'c BTreeMap<String, RespProject>) -> Self {
        Self { projects }
    }

    fn place<'k>(&self, name: &'k [u8]) -> Option<Place<'k>> {
        let name = core::str::from_utf8(name).ok()?;
        let (project, _) = keys::split_project(name)?;
        let view = self.projects.get(project)?.view.view();
        let key = view.key(name)?;
        Some(Place { view, key })
    }

    fn existing<'k>(&self, name: &'k [u8]) -> Option<Place<'k>> {
        self.place(name).filter(|place| place.view.exists(&place.key))
    }

    /// What TYPE answers, if the key is there.
    pub(crate) fn kind(&self, name: &[u8]) -> Option<&'static str> {
        self.existing(name).map(|place| place.key.redis_type())
    }

    /// What PTTL answers. Whole seconds: nothing finer is kept.
    pub(crate) fn ttl_ms(&self, name: &[u8]) -> i64 {
        match self.place(name).map(|place| place.view.ttl(&place.key)) {
            None | Some(Ttl::Absent) => -2,
            Some(Ttl::Never) => -1,
            Some(Ttl::Seconds(left)) => left.saturating_mul(1_000),
        }
    }

    /// How many keys there are, and how many of them will expire. Counts what has expired but has
    /// not been forgotten, as Redis does.
    pub(crate) fn count(&self) -> (usize, usize) {
        let mut total = (0, 0);
        for RespProject { view, .. } in self.projects.values() {
            let view = view.view();
            let summary = view.summary();
            let expiring = usize::try_from(summary.persons + summary.devices).unwrap_or(usize::MAX);
            let single = 1 + usize::from(!view.changes().is_empty());
            let lasting = single + listed_sets(&view);
            total = (total.0 + lasting + expiring, total.1 + expiring);
        }
        total
    }

    /// One step of a walk over all keys: the next cursor, 0 at the end, and names with their kinds.
    pub(crate) fn scan(&self, cursor: u64, count: usize) -> (u64, Vec<(String, &'static str)>) {
        let project = usize::try_from(cursor >> CURSOR_PROJECT_SHIFT).unwrap_or(usize::MAX);
        let Some(RespProject { view, .. }) = self.projects.values().nth(project) else {
            return (0, Vec::new());
        };
        let view = view.view();
        let page = view.scan(cursor & ((1 << CURSOR_PROJECT_SHIFT) - 1), count);
        let first_of = |project: usize| (project as u64) << CURSOR_PROJECT_SHIFT;
        let next = match page.cursor {
            0 if project + 1 < self.projects.len() => first_of(project + 1),
            0 => 0,
            within => first_of(project) | within,
        };
        let kind = |name: &str| view.key(name).map(|key| key.redis_type());
        let named = page.keys.into_iter().filter_map(|name| Some((kind(&name)?, name)));
        (next, named.map(|(kind, name)| (name, kind)).collect())
    }

    pub(crate) fn hash<'k>(&self, name: &'k [u8]) -> Result<Option<Hash<'k>>, Reply> {
        match self.existing(name) {
            Some(Place { view, key: key @ (Key::Meta | Key::Profile(_)) }) => {
                Ok(Some(Hash { view, key }))
            }
            Some(_) => Err(Reply::wrong_type()),
            None => Ok(None),
        }
    }

    pub(crate) fn sorted_set(&self, name: &[u8]) -> Result<Option<SortedSet>, Reply> {
        match self.existing(name) {
            Some(Place { view, key: Key::Segment(segment, shard) }) => {
                if let Some(label) = view.labels().segment(segment) {
                    view.reads().count(&label.key);
                }
                Ok(Some(SortedSet { view, segment, shard }))
            }
            Some(_) => Err(Reply::wrong_type()),
            None => Ok(None),
        }
    }

    pub(crate) fn stream(&self, name: &[u8]) -> Result<Option<Stream>, Reply> {
        match self.existing(name) {
            Some(Place { view, key: Key::Changes }) => Ok(Some(Stream { view })),
            Some(_) => Err(Reply::wrong_type()),
            None => Ok(None),
        }
    }

    /// The change stream with this name, even if nothing is in it yet.
    pub(crate) fn awaited(&self, name: &[u8]) -> Option<Arc<Changes>> {
        let place = self.place(name).filter(|place| place.key == Key::Changes)?;
        Some(Arc::clone(place.view.changes()))
    }
}

/// How many sorted sets have members.
fn listed_sets(view: &View) -> usize {
    let segments = (0..view.labels().segments().len()).filter_map(|i| u16::try_from(i).ok());
    let shards = sillage_store::limits::SEGMENT_SHARDS;
    let sets = segments.flat_map(|segment| (0..shards).map(move |shard| (segment, shard)));
    sets.filter(|&(segment, shard)| view.zcard(SegmentIndex(segment), shard) > 0).count()
}

/// A hash that was there when it was looked up. Gone since: no fields.
pub(crate) struct Hash<'k> {
    view: Arc<View>,
    key: Key<'k>,
}

impl Hash<'_> {
    pub(crate) fn fields(&self) -> Vec<(String, String)> {
        self.view.hash(&self.key).unwrap_or_default()
    }

    /// Counts that somebody asked for a membership. Who reads a whole profile asks for none.
    pub(crate) fn note_read(&self, field: &[u8]) {
        let key = field.strip_prefix(b"seg:").and_then(|key| core::str::from_utf8(key).ok());
        if let Some(key) = key.filter(|key| self.view.labels().segment_index(key).is_some()) {
            self.view.reads().count(key);
        }
    }

    pub(crate) fn value(&self, field: &[u8]) -> Option<String> {
        self.note_read(field);
        self.view.hash_field(&self.key, core::str::from_utf8(field).ok()?)
    }
}

/// The sorted set of one shard of a segment.
pub(crate) struct SortedSet {
    view: Arc<View>,
    segment: SegmentIndex,
    shard: u8,
}

impl SortedSet {
    pub(crate) fn len(&self) -> usize {
        self.view.zcard(self.segment, self.shard)
    }

    pub(crate) fn score(&self, member: &[u8]) -> Option<i64> {
        self.view.zscore(self.segment, self.shard, core::str::from_utf8(member).ok()?)
    }

    pub(crate) fn by_rank(&self, ranks: (i64, i64), order: Order) -> Vec<Listed> {
        self.view.zrange(self.segment, self.shard, ranks, order)
    }

    /// `page` is how many to leave out first and how many to take at most.
    pub(crate) fn by_score(
        &self,
        scores: RangeInclusive<i64>,
        order: Order,
        page: (usize, usize),
    ) -> Vec<Listed> {
        self.view.zrange_by_score((self.segment, self.shard), scores, order, page)
    }

    pub(crate) fn scan(&self, cursor: u64, count: usize) -> (u64, Vec<Listed>) {
        self.view.zscan(self.segment, self.shard, cursor, count)
    }
}

/// The change stream of a project.
pub(crate) struct Stream {
    view: Arc<View>,
}

/// One entry, as it is printed.
pub(crate) struct Entry {
    pub(crate) id: String,
    pub(crate) fields: Vec<(&'static str, String)>,
}

impl Stream {
    pub(crate) fn len(&self) -> usize {
        self.view.changes().len()
    }

    pub(crate) fn last_id(&self) -> StreamId {
        self.view.changes().last_id()
    }

    pub(crate) fn entries_added(&self) -> i64 {
        i64::try_from(self.view.changes().added()).unwrap_or(i64::MAX)
    }

    /// Up to `limit` entries with ids in `ids`, the first or the last of them first.
    pub(crate) fn range(
        &self,
        ids: RangeInclusive<StreamId>,
        order: Order,
        limit: usize,
    ) -> Vec<Entry> {
        let changes = self.view.changes();
        let found = match order {
            Order::Ascending => changes.range(*ids.start(), *ids.end(), limit),
            Order::Descending => changes.range_back(*ids.start(), *ids.end(), limit),
        };
        let printed = |change: &Change| Entry {
            id: change.id.to_string(),
            fields: self.view.change_fields(change).to_vec(),
        };
        found.iter().map(printed).collect()
    }
}
