//! Reading a view: profiles by id, the Redis keys, segments, counts.
//!
//! Lookups by id show what is known, however old. The Redis keys of a person are shown until their
//! TTL has run out, as in a real Redis; who is in a segment stays listed there.
use super::{Changes, Entry, Listed, Order, Reads, View};
use crate::fields::ttl_s;
use crate::keys::{self, Key, segment_shard};
use crate::limits::{MEMBERS_PAGE_MAX, SCAN_COUNT_MAX, SEGMENT_SHARDS, TABLE_SHARDS};
use crate::{Change, Labels};
use sillage_model::{PersonKey, Profile, SegmentChange, SegmentIndex};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// How long a key will still be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ttl {
    /// There is no such key.
    Absent,
    /// It does not expire.
    Never,
    /// Seconds left, rounded up.
    Seconds(i64),
}

/// How many of what there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Persons with a user id.
    pub persons: u64,
    /// Devices, linked or not.
    pub devices: u64,
    /// Devices that belong to a person.
    pub devices_linked: u64,
    /// Members of each segment, in the order of their numbers.
    pub members: Vec<u64>,
    /// Persons held out of each segment, in the same order.
    pub held_out: Vec<u64>,
}

/// One step of a scan over all keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanPage {
    /// From where to go on; 0 at the end. Always below 2^40.
    pub cursor: u64,
    /// Whole key names.
    pub keys: Vec<String>,
}

/// Positions of a scan that one shard of the table takes up.
const SCAN_STRIDE: u64 = 1 << 33;

impl View {
    /// The project it shows.
    #[must_use]
    pub fn project(&self) -> &str {
        &self.project
    }

    /// The names of segments, scores and traits.
    #[must_use]
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// The generation of the states shown.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// The time by the view's clock.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        (self.clock)()
    }

    /// Keys of segments that were removed; a Redis may still have their sets.
    #[must_use]
    pub fn gone(&self) -> &[String] {
        &self.gone
    }

    /// The change stream.
    #[must_use]
    pub fn changes(&self) -> &Arc<Changes> {
        &self.changes
    }

    /// How often each segment was read through this view.
    #[must_use]
    pub fn reads(&self) -> &Reads {
        &self.reads
    }

    /// The person with this user id.
    #[must_use]
    pub fn user(&self, user_id: &str) -> Option<Arc<Profile>> {
        self.member(PersonKey::user(user_id).as_str())
    }

    /// The device with this anonymous id: its person, if it belongs to one.
    #[must_use]
    pub fn device(&self, anonymous_id: &str) -> Option<Arc<Profile>> {
        self.member(PersonKey::device(anonymous_id).as_str())
    }

    /// As [`View::user`] and [`View::device`], by the text `u:<id>` or `a:<id>`.
    #[must_use]
    pub fn member(&self, member: &str) -> Option<Arc<Profile>> {
        match self.entry(member)? {
            Entry::Person(profile) => Some(profile),
            Entry::Linked(link) => match self.entry(link.person.as_str())? {
                Entry::Person(profile) => Some(profile),
                Entry::Linked(_) => None,
            },
        }
    }

    /// Reads the name of a key; `None` if it is not one of this project.
    #[must_use]
    pub fn key<'a>(&self, name: &'a str) -> Option<Key<'a>> {
        let (project, rest) = keys::split_project(name)?;
        if project == self.project { keys::parse(rest, &self.labels) } else { None }
    }

    /// The whole name of a key.
    #[must_use]
    pub fn key_name(&self, key: &Key<'_>) -> String {
        keys::name(&self.project, key, &self.labels)
    }

    /// Whether there is such a key now.
    #[must_use]
    pub fn exists(&self, key: &Key<'_>) -> bool {
        match key {
            Key::Meta => true,
            Key::Changes => !self.changes.is_empty(),
            Key::Profile(member) => self.shown(member).is_some(),
            Key::Segment(segment, shard) => self.zcard(*segment, *shard) > 0,
        }
    }

    /// How long the key will still be there.
    #[must_use]
    pub fn ttl(&self, key: &Key<'_>) -> Ttl {
        match key {
            Key::Profile(member) => match self.shown(member) {
                Some(profile) => Ttl::Seconds(ttl_s(&profile, self.now_ms())),
                None => Ttl::Absent,
            },
            Key::Meta | Key::Changes | Key::Segment(..) => {
                if self.exists(key) {
                    Ttl::Never
                } else {
                    Ttl::Absent
                }
            }
        }
    }

    /// The fields of a hash in their fixed order; `None` if there is no such hash.
    #[must_use]
    pub fn hash(&self, key: &Key<'_>) -> Option<Vec<(String, String)>> {
        match key {
            Key::Meta => Some(self.meta().map(|(f, v)| (f.to_owned(), v)).to_vec()),
            Key::Profile(member) => {
                let profile = self.shown(member)?;
                let mut out = Vec::new();
                self.labels.render(&profile, &mut |f, v| out.push((f.to_owned(), v.to_owned())));
                Some(out)
            }
            Key::Changes | Key::Segment(..) => None,
        }
    }

    /// One field of a hash.
    #[must_use]
    pub fn hash_field(&self, key: &Key<'_>, field: &str) -> Option<String> {
        match key {
            Key::Meta => self.meta().into_iter().find(|(f, _)| *f == field).map(|(_, v)| v),
            Key::Profile(member) => self.labels.field(&*self.shown(member)?, field),
            Key::Changes | Key::Segment(..) => None,
        }
    }

    /// The fields of `sl:<p>:meta`.
    pub(crate) fn meta(&self) -> [(&'static str, String); 4] {
        [
            ("schema", "1".to_owned()),
            ("half_life_ms", self.half_life_ms.to_string()),
            ("segments", format!("{:016x}", self.digest)),
            ("generation", self.generation.to_string()),
        ]
    }

    /// The fields of an entry of the change stream.
    #[must_use]
    pub fn change_fields(&self, change: &Change) -> [(&'static str, String); 5] {
        let direction = match change.change {
            SegmentChange::Enter => "enter",
            SegmentChange::Exit => "exit",
        };
        [
            ("id", change.member.to_string()),
            ("segment", change.segment.to_string()),
            ("change", direction.to_owned()),
            ("at", change.at.to_string()),
            ("v", change.version.to_string()),
        ]
    }

    /// How many members a sorted set has.
    #[must_use]
    pub fn zcard(&self, segment: SegmentIndex, shard: u8) -> usize {
        self.index.count(segment, shard)
    }

    /// When this member entered, if it is listed in this sorted set.
    #[must_use]
    pub fn zscore(&self, segment: SegmentIndex, shard: u8, member: &str) -> Option<i64> {
        if segment_shard(member) != shard {
            return None;
        }
        let Entry::Person(profile) = self.entry(member)? else { return None };
        let found = profile.segments.iter().find(|m| m.segment == segment)?;
        Some(found.entered_at.0)
    }

    /// Members from rank `start` to `stop`, both included; negative ranks count from the end.
    #[must_use]
    pub fn zrange(
        &self,
        segment: SegmentIndex,
        shard: u8,
        (start, stop): (i64, i64),
        order: Order,
    ) -> Vec<Listed> {
        let count = i64::try_from(self.zcard(segment, shard)).unwrap_or(i64::MAX);
        let rank = |rank: i64| if rank < 0 { rank.saturating_add(count) } else { rank };
        let (Ok(start), Ok(stop)) = (usize::try_from(rank(start).max(0)), rank(stop).try_into())
        else {
            return Vec::new();
        };
        self.index.by_rank((segment, shard), start, stop, order)
    }

    /// Members who entered within `times`, without the first `offset`, at most `limit`.
    #[must_use]
    pub fn zrange_by_score(
        &self,
        (segment, shard): (SegmentIndex, u8),
        times: RangeInclusive<i64>,
        order: Order,
        (offset, limit): (usize, usize),
    ) -> Vec<Listed> {
        self.index.by_time((segment, shard), times, order, (offset, limit))
    }

    /// One step of a scan over a sorted set. Starts at 0 and is over when 0 comes back; who was
    /// listed throughout is seen exactly once.
    #[must_use]
    pub fn zscan(
        &self,
        segment: SegmentIndex,
        shard: u8,
        cursor: u64,
        count: usize,
    ) -> (u64, Vec<Listed>) {
        self.index.scan((segment, shard), cursor, count.clamp(1, SCAN_COUNT_MAX))
    }

    /// Members of a segment in the order of entry, from after the last one of the page before.
    #[must_use]
    pub fn members(
        &self,
        segment: SegmentIndex,
        after: Option<&Listed>,
        limit: usize,
    ) -> Vec<Listed> {
        self.index.page(segment, after, limit.clamp(1, MEMBERS_PAGE_MAX))
    }

    /// One step of a scan over all keys of the project; examines at most `count` places. Starts
    /// at 0 and is over when 0 comes back; a key that was there throughout is seen exactly once.
    #[must_use]
    pub fn scan(&self, cursor: u64, count: usize) -> ScanPage {
        let mut keys = Vec::new();
        let mut at = cursor;
        for _ in 0..count.clamp(1, SCAN_COUNT_MAX) {
            let place = self.scan_place(at);
            let Some((key, next)) = place else { return ScanPage { cursor: 0, keys } };
            keys.extend(key);
            at = next;
        }
        ScanPage { cursor: at, keys }
    }

    /// Everybody who is shown, each once, in no order. Looks at one shard after the other, so it is
    /// no picture of one instant.
    pub fn profiles(&self) -> impl Iterator<Item = Arc<Profile>> + use<'_> {
        self.shards.iter().flat_map(|shard| shard.read().profiles())
    }

    /// How many of what there are.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let indices = (0..self.labels.segments().len()).filter_map(|i| u16::try_from(i).ok());
        let count = |segment| {
            (0..SEGMENT_SHARDS).map(|shard| self.zcard(SegmentIndex(segment), shard) as u64).sum()
        };
        let mut summary = Summary {
            persons: 0,
            devices: 0,
            devices_linked: 0,
            members: indices.clone().map(count).collect(),
            held_out: indices.map(|i| self.index.held_out(SegmentIndex(i))).collect(),
        };
        for shard in &self.shards {
            let counts = shard.read().counts();
            summary.persons += counts.persons;
            summary.devices += counts.devices;
            summary.devices_linked += counts.linked;
        }
        summary
    }

    /// The key at a position of a scan, if one is shown there, and the next position. `None` after
    /// the last. First the two single keys, then the segments' sets, then the table.
    fn scan_place(&self, at: u64) -> Option<(Option<String>, u64)> {
        if let Some(at) = at.checked_sub(SCAN_STRIDE) {
            return self.scan_table(at).map(|(key, next)| (key, next + SCAN_STRIDE));
        }
        let shards = u64::from(SEGMENT_SHARDS);
        let key = match at {
            0 => Key::Meta,
            1 => Key::Changes,
            _ => {
                let segment = u16::try_from((at - 2) / shards).ok().map(SegmentIndex);
                let shard = u8::try_from((at - 2) % shards).expect("a remainder of 16");
                match segment.filter(|&segment| self.labels.segment(segment).is_some()) {
                    Some(segment) => Key::Segment(segment, shard),
                    None => return self.scan_place(SCAN_STRIDE),
                }
            }
        };
        Some((self.exists(&key).then(|| self.key_name(&key)), at + 1))
    }

    fn scan_table(&self, at: u64) -> Option<(Option<String>, u64)> {
        let mut shard = usize::try_from(at / SCAN_STRIDE).ok()?;
        let mut slot = usize::try_from(at % SCAN_STRIDE).ok()?;
        while shard < TABLE_SHARDS {
            let entry = self.shards[shard].read().entry_at(slot).cloned();
            if let Some(entry) = entry {
                let member = entry.member().as_str();
                let key = self.shown(member).map(|_| self.key_name(&Key::Profile(member)));
                return Some((key, shard as u64 * SCAN_STRIDE + slot as u64 + 1));
            }
            (shard, slot) = (shard + 1, 0);
        }
        None
    }

    fn shown(&self, member: &str) -> Option<Arc<Profile>> {
        self.member(member).filter(|profile| ttl_s(profile, self.now_ms()) > 0)
    }

    fn entry(&self, member: &str) -> Option<Entry> {
        let (shard, hash) = self.place(member);
        self.shards[shard].read().entry(hash, member).cloned()
    }
}
