use super::*;
use crate::keys::{Key, segment_shard};
use crate::limits::{CHANGES_MAX, PROFILE_TTL_MS, SEGMENT_SHARDS};
use crate::sample::{self, NOW, membership, person};
use crate::{SegmentLabel, StreamId, ViewConfig};
use sillage_model::{EventTime, Profile, SegmentIndex};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicI64, Ordering};

const HOT: SegmentIndex = SegmentIndex(0);
const VIP: SegmentIndex = SegmentIndex(1);

fn transition(segment: SegmentIndex, change: SegmentChange, at: i64) -> Transition {
    Transition { segment, change, at: EventTime(at) }
}

fn with_segments(mut profile: Profile, segments: &[(u16, i64)]) -> Profile {
    profile.segments = segments.iter().map(|&(s, at)| membership(s, at)).collect();
    profile
}

fn with_devices(mut profile: Profile, devices: &[&str]) -> Profile {
    profile.devices = devices.iter().map(|&device| device.into()).collect();
    profile
}

fn listed(view: &View, segment: SegmentIndex) -> Vec<String> {
    view.members(segment, None, 100).into_iter().map(|m| m.member.into()).collect()
}

/// Calls `step` with one cursor after the other until the cursor is 0 again.
fn scan_all<T>(mut step: impl FnMut(u64) -> (u64, Vec<T>)) -> Vec<T> {
    let mut all = Vec::new();
    let end = (0..100_000).try_fold(0, |cursor, _| {
        let (next, page) = step(cursor);
        all.extend(page);
        if next == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(next) }
    });
    assert!(end.is_break(), "the scan does not end");
    all
}

#[test]
fn a_version_that_is_not_higher_changes_nothing() {
    let view = sample::view();
    let enter = [transition(VIP, SegmentChange::Enter, 5)];
    view.publish(with_segments(person("u:1", 7), &[(1, 5)]), &enter, NOW);
    for version in [7, 6] {
        view.publish(person("u:1", version), &[transition(HOT, SegmentChange::Enter, 9)], NOW);
    }
    let shown = view.user("1").unwrap();
    assert_eq!((shown.version, shown.segments.as_slice()), (7, &[membership(1, 5)][..]));
    assert_eq!((listed(&view, HOT), listed(&view, VIP)), (vec![], vec!["u:1".to_owned()]));
    assert_eq!(view.changes().len(), 1);
}

#[test]
fn all_ids_of_a_person_lead_to_the_same_profile() {
    let view = sample::view();
    view.publish(with_devices(person("u:42", 1), &["d1", "d2"]), &[], NOW);
    view.publish(person("a:d3", 1), &[], NOW);
    for device in ["d1", "d2"] {
        let found = view.device(device).unwrap();
        assert!(Arc::ptr_eq(&found, &view.user("42").unwrap()), "{device}");
        let keys = (Key::Profile("u:42"), format!("a:{device}"));
        assert_eq!(view.hash(&keys.0), view.hash(&Key::Profile(&keys.1)));
    }
    assert_eq!(view.device("d3").unwrap().member.as_str(), "a:d3");
    assert_eq!((view.user("d1"), view.device("42"), view.device("d4")), (None, None, None));
}

#[test]
fn a_tombstone_takes_the_device_off_the_lists_without_a_change() {
    let view = sample::view();
    view.publish(person("a:d", 3), &[transition(HOT, SegmentChange::Enter, 1)], NOW);
    view.publish(person("u:1", 1), &[transition(HOT, SegmentChange::Enter, 2)], NOW);
    assert_eq!(listed(&view, HOT).len(), 2);
    view.publish_tombstone(&PersonKey::device("d"), &PersonKey::user("1"));
    assert_eq!(listed(&view, HOT), ["u:1"]);
    assert_eq!(view.changes().len(), 2);
    assert_eq!(view.device("d").unwrap().member.as_str(), "u:1");
    assert_eq!(view.zscore(HOT, segment_shard("a:d"), "a:d"), None);
    // Whatever is still said of the device alone comes too late.
    view.publish(person("a:d", 99), &[], NOW);
    assert_eq!(listed(&view, HOT), ["u:1"]);
    assert_eq!(view.device("d").unwrap().member.as_str(), "u:1");
}

#[test]
fn the_first_link_of_a_device_wins_unless_its_own_record_says_otherwise() {
    let view = sample::view();
    view.publish(with_devices(person("u:1", 1), &["d"]), &[], NOW);
    view.publish(with_devices(person("u:2", 1), &["d"]), &[], NOW);
    assert_eq!(view.device("d").unwrap().member.as_str(), "u:1");
    view.publish_tombstone(&PersonKey::device("d"), &PersonKey::user("2"));
    assert_eq!(view.device("d").unwrap().member.as_str(), "u:2");
}

#[test]
fn the_summary_counts_each_once() {
    let view = sample::view();
    for version in 1..=2 {
        view.publish(person("u:1", version), &[], NOW);
        view.publish(person("a:d1", version), &[], NOW);
        view.publish(person("a:d2", version), &[], NOW);
    }
    view.publish_tombstone(&PersonKey::device("d1"), &PersonKey::user("1"));
    view.publish(with_devices(person("u:1", 3), &["d1", "d3"]), &[], NOW);
    let expected = Summary {
        persons: 1,
        devices: 3,
        devices_linked: 2,
        members: vec![2, 0, 0],
        held_out: vec![0; 3],
    };
    assert_eq!(view.summary(), expected);
}

#[test]
fn sorted_sets_list_members_by_entry_in_the_shard_of_the_member() {
    let view = sample::view();
    let entered = |n: i64| 1_000 + (n * 7) % 50;
    for n in 0..200 {
        view.publish(with_segments(person(&format!("u:{n}"), 1), &[(0, entered(n))]), &[], NOW);
    }
    let mut seen = BTreeSet::new();
    for shard in 0..SEGMENT_SHARDS {
        let all = view.zrange(HOT, shard, (0, -1), Order::Ascending);
        assert!(all.is_sorted() && all.iter().all(|m| segment_shard(&m.member) == shard));
        assert_eq!(all.len(), view.zcard(HOT, shard));
        for m in &all {
            assert_eq!(view.zscore(HOT, shard, &m.member), Some(m.entered_at));
            assert_eq!(view.zscore(HOT, (shard + 1) % SEGMENT_SHARDS, &m.member), None);
        }
        let back = view.zrange(HOT, shard, (0, 1), Order::Descending);
        assert_eq!(back, all.iter().rev().take(2).cloned().collect::<Vec<_>>());
        assert_eq!(view.zrange(HOT, shard, (-2, -1), Order::Ascending), all[all.len() - 2..]);
        assert_eq!(view.zrange(HOT, shard, (3, 2), Order::Ascending), []);
        let within: Vec<_> =
            all.iter().filter(|m| (1_010..=1_020).contains(&m.entered_at)).cloned().collect();
        let read = |offset, limit| {
            let page = (offset, limit);
            view.zrange_by_score((HOT, shard), 1_010..=1_020, Order::Ascending, page)
        };
        assert_eq!(read(0, usize::MAX), within);
        assert_eq!(read(1, 2), within.iter().skip(1).take(2).cloned().collect::<Vec<_>>());
        seen.extend(all.into_iter().map(|m| m.member));
    }
    assert_eq!(seen.len(), 200);
    view.publish(with_segments(person("u:7", 2), &[(0, 5)]), &[], NOW);
    assert_eq!(view.members(HOT, None, 1)[0].member.as_ref(), "u:7");
    assert_eq!(view.summary().members, [200, 0, 0]);
}

#[test]
fn pages_of_a_segment_meet_everybody_once() {
    let view = sample::view();
    for n in 0..100 {
        view.publish(with_segments(person(&format!("u:{n}"), 1), &[(1, n / 30)]), &[], NOW);
    }
    let mut all = Vec::new();
    while let page = view.members(VIP, all.last(), 7)
        && !page.is_empty()
    {
        all.extend(page);
    }
    assert!(all.len() == 100 && all.is_sorted());
}

#[test]
fn a_scan_of_a_sorted_set_meets_everybody_once_while_others_come_and_go() {
    let view = sample::view();
    let ids: Vec<String> = (0..4_000).map(|n| format!("u:{n}")).collect();
    let mine: Vec<&String> = ids.iter().filter(|id| segment_shard(id) == 3).collect();
    for (n, id) in (-20..).zip(&mine) {
        view.publish(with_segments(person(id, 1), &[(0, n / 3)]), &[], NOW);
    }
    let mut leaving = mine.iter().rev().take(20);
    let seen = scan_all(|cursor| {
        if let Some(id) = leaving.next() {
            view.publish(with_segments(person(id, 2), &[]), &[], NOW);
        }
        assert!(cursor < 1 << 53);
        view.zscan(HOT, 3, cursor, 5)
    });
    let members: BTreeSet<_> = seen.iter().map(|m| m.member.to_string()).collect();
    assert_eq!(members.len(), seen.len());
    let staying = mine.iter().rev().skip(20).map(|id| (*id).clone()).collect::<BTreeSet<_>>();
    assert!(staying.len() > 200 && staying.is_subset(&members));
}

#[test]
fn a_scan_of_the_keys_meets_each_once_while_the_table_grows() {
    let view = sample::view();
    for n in 0..300 {
        view.publish(person(&format!("u:{n}"), 1), &[], NOW);
    }
    view.publish(with_devices(person("u:0", 2), &["d"]), &[], NOW);
    let expected: BTreeSet<String> = (0..300)
        .map(|n| format!("sl:shop:u:{n}"))
        .chain(["sl:shop:a:d".to_owned(), "sl:shop:meta".to_owned()])
        .chain((0..SEGMENT_SHARDS).map(|shard| format!("sl:shop:seg:hot-cart:{shard}")))
        .collect();
    let mut added = 0;
    let seen = scan_all(|cursor| {
        added += 1;
        view.publish(person(&format!("u:new-{added}"), 1), &[], NOW);
        let page = view.scan(cursor, 10);
        assert!(page.cursor < 1 << 40);
        (page.cursor, page.keys)
    });
    let keys: BTreeSet<String> = seen.iter().cloned().collect();
    assert_eq!(keys.len(), seen.len());
    assert!(expected.is_subset(&keys), "{:?}", expected.difference(&keys).collect::<Vec<_>>());
    for key in &keys {
        assert!(view.exists(&view.key(key).unwrap()), "{key}");
    }
}

#[test]
fn a_profile_expires_from_the_keys_but_not_from_lookups() {
    let now = Arc::new(AtomicI64::new(NOW));
    let clock = Arc::clone(&now);
    let view = View::new(ViewConfig {
        project: "shop".to_owned(),
        segments: sample::segments(),
        scores: vec![],
        traits_shown: vec![],
        half_life_ms: 1,
        digest: 1,
        generation: 1,
        clock: Arc::new(move || clock.load(Ordering::Relaxed)),
    });
    view.publish(with_devices(person("u:1", 1), &["d"]), &[], NOW);
    let keys = [Key::Profile("u:1"), Key::Profile("a:d")];
    for key in &keys {
        assert_eq!(view.ttl(key), Ttl::Seconds(PROFILE_TTL_MS / 1_000));
    }
    now.fetch_add(PROFILE_TTL_MS, Ordering::Relaxed);
    for key in &keys {
        assert_eq!((view.exists(key), view.ttl(key)), (false, Ttl::Absent));
        assert_eq!((view.hash(key), view.hash_field(key, "v")), (None, None));
    }
    assert!(!view.scan(0, 10_000).keys.iter().any(|key| key.contains(":u:")));
    assert!(view.user("1").is_some());
    assert_eq!(view.ttl(&Key::Meta), Ttl::Never);
}

#[test]
fn the_meta_hash_says_what_the_keys_depend_on() {
    let view = sample::view();
    let fields = [
        ("schema", "1"),
        ("half_life_ms", "604800000"),
        ("segments", "0000000000000abc"),
        ("generation", "1"),
    ];
    let owned = fields.map(|(f, v)| (f.to_owned(), v.to_owned())).to_vec();
    assert_eq!(view.hash(&Key::Meta), Some(owned));
    assert_eq!(view.hash_field(&Key::Meta, "schema").as_deref(), Some("1"));
}

#[test]
fn stream_ids_only_grow_and_ranges_include_both_ends() {
    let view = sample::view();
    let both = [transition(HOT, SegmentChange::Enter, 1), transition(VIP, SegmentChange::Exit, 2)];
    for (version, now) in [(1, 100), (2, 100), (3, 50), (4, 101)] {
        view.publish(person("u:1", version), &both, now);
    }
    let changes = view.changes();
    let all = changes.range(StreamId::MIN, StreamId::MAX, usize::MAX);
    let ids: Vec<String> = all.iter().map(|change| change.id.to_string()).collect();
    assert_eq!(ids, ["100-0", "100-1", "100-2", "100-3", "100-4", "100-5", "101-0", "101-1"]);
    assert_eq!((changes.len(), changes.added(), changes.last_id()), (8, 8, all[7].id));
    assert_eq!(changes.range(all[1].id, all[6].id, usize::MAX), all[1..=6]);
    assert_eq!(changes.range(all[1].id.next(), StreamId::MAX, 2), all[2..4]);
    let back: Vec<_> = all[1..=3].iter().rev().cloned().collect();
    assert_eq!(changes.range_back(all[1].id, all[3].id, usize::MAX), back);
    let fields = [("id", "u:1"), ("segment", "vip"), ("change", "exit"), ("at", "2"), ("v", "1")];
    assert_eq!(view.change_fields(&all[1]), fields.map(|(f, v)| (f, v.to_owned())));
}

#[test]
fn the_stream_keeps_its_latest_million() {
    let view = sample::view();
    let many = vec![transition(HOT, SegmentChange::Enter, 1); CHANGES_MAX + 10];
    view.publish(person("u:1", 1), &many, 1);
    let changes = view.changes();
    assert_eq!((changes.len(), changes.added()), (CHANGES_MAX, CHANGES_MAX as u64 + 10));
    assert_eq!(changes.range(StreamId::MIN, StreamId::MAX, 1)[0].id, StreamId { ms: 1, seq: 10 });
}

#[tokio::test]
async fn a_reader_of_the_stream_is_woken_by_the_next_change() {
    let view = sample::view();
    let enter = [transition(HOT, SegmentChange::Enter, 1)];
    view.publish(person("u:1", 1), &enter, 100);
    view.changes().wait_after(StreamId::MIN).await;
    let last = view.changes().last_id();
    let waiting = tokio::spawn({
        let view = Arc::clone(&view);
        async move { view.changes().wait_after(last).await }
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    view.publish(person("u:1", 2), &enter, 100);
    waiting.await.unwrap();
    assert!(view.changes().last_id() > last);
}

#[test]
fn nothing_is_marked_until_a_writer_asks() {
    let view = sample::view();
    view.publish(person("u:1", 1), &[], NOW);
    assert_eq!((view.dirty_count(), view.take_dirty(10).len()), (0, 0));
    view.mark_changes();
    assert_eq!(view.sweep(&mut Sweep::default(), 10, false).len(), 1);
}

#[test]
fn a_person_is_marked_once_however_often_they_change() {
    let view = sample::view();
    view.mark_changes();
    for version in 1..100 {
        let exit = [transition(HOT, SegmentChange::Exit, i64::try_from(version).unwrap())];
        view.publish(person("u:1", version), &exit, NOW);
        view.publish(person("u:2", version), &[], NOW);
    }
    assert_eq!(view.dirty_count(), 2);
    assert!(view.sweep(&mut Sweep::default(), 10, false).is_empty());
    let mut works = view.take_dirty(10);
    works.sort_by(|a, b| a.entry.member().cmp(b.entry.member()));
    assert_eq!(
        works.iter().map(|w| w.exits.clone()).collect::<Vec<_>>(),
        [vec![("hot-cart".into(), 99)], vec![]]
    );
    assert_eq!((view.dirty_count(), view.take_dirty(10).len()), (0, 0));
    view.publish(person("u:1", 100), &[], NOW);
    view.put_back(works);
    assert_eq!(view.dirty_count(), 2);
    let again = view.take_dirty(10);
    let first = again.iter().find(|w| w.entry.member().as_str() == "u:1").unwrap();
    let Entry::Person(profile) = &first.entry else { panic!("u:1 is a person") };
    assert_eq!((profile.version, first.exits.as_slice()), (100, &[("hot-cart".into(), 99)][..]));
}

#[test]
fn the_oldest_change_is_known_whatever_came_back() {
    let view = sample::view();
    view.mark_changes();
    assert_eq!(view.dirty_since_ms(), None);
    view.publish(person("u:1", 1), &[], 10);
    view.publish(person("u:2", 1), &[], 20);
    let taken = view.take_dirty(10);
    assert_eq!(view.dirty_since_ms(), None);
    view.publish(person("u:1", 2), &[], 30);
    view.publish(person("u:1", 3), &[], 40);
    assert_eq!(view.dirty_since_ms(), Some(30));
    view.put_back(taken);
    assert_eq!(view.dirty_since_ms(), Some(10));
    view.take_dirty(10);
    view.touch("u:2");
    view.touch("u:nobody");
    assert_eq!((view.dirty_count(), view.dirty_since_ms()), (1, Some(NOW)));
}

#[test]
fn a_standing_tells_whether_anything_was_published() {
    let view = sample::view();
    view.mark_changes();
    let nobody = view.standing("u:1");
    assert!(nobody.is_same(&view.standing("u:1")) && !nobody.is_marked());
    view.publish(person("u:1", 1), &[], NOW);
    let first = view.standing("u:1");
    assert!(first.is_marked() && !first.is_same(&nobody));
    view.take_dirty(10);
    assert!(!view.standing("u:1").is_marked() && first.is_same(&view.standing("u:1")));
    view.publish_tombstone(&PersonKey::device("d"), &PersonKey::user("1"));
    view.take_dirty(10);
    assert!(view.standing("a:d").is_marked(), "its person does not tell of it yet");
    let with_device = |version| {
        let mut profile = person("u:1", version);
        profile.devices = vec!["d".into()];
        profile
    };
    view.publish(with_device(2), &[], NOW);
    view.take_dirty(10);
    let device = view.standing("a:d");
    assert!(!device.is_marked());
    view.publish(with_device(3), &[], NOW);
    // What a linked device shows is its person's.
    assert!(view.standing("a:d").is_marked() && !device.is_same(&view.standing("a:d")));
}

#[test]
fn publishing_and_linking_at_once_leaves_no_device_listed() {
    let view = sample::view();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..2_000 {
                for version in 1..4 {
                    view.publish(person(&format!("a:{n}"), version), &[], NOW);
                }
            }
        });
        scope.spawn(|| {
            for n in 0..2_000 {
                let user = person(&format!("u:{n}"), 1);
                view.publish(with_devices(with_segments(user, &[]), &[&n.to_string()]), &[], NOW);
            }
        });
    });
    let expected = Summary {
        persons: 2_000,
        devices: 2_000,
        devices_linked: 2_000,
        members: vec![0, 0, 0],
        held_out: vec![0; 3],
    };
    assert_eq!(view.summary(), expected);
}

/// The same project under rules in which `vip` comes first, `hot-cart` is gone and `new` has come.
fn other_rules(view: &View) -> Arc<View> {
    let label = |key: &str| SegmentLabel { key: key.to_owned(), name: key.to_owned() };
    let config = ViewConfig {
        project: "shop".to_owned(),
        segments: ["vip", "new"].map(label).into(),
        scores: vec!["engagement".to_owned()],
        traits_shown: Vec::new(),
        half_life_ms: 1,
        digest: 2,
        generation: 2,
        clock: Arc::new(|| NOW),
    };
    view.beside(config, vec!["hot-cart".to_owned()])
}

#[test]
fn another_view_takes_the_place_at_once_and_tells_what_differs() {
    let view = sample::view();
    let (vip, new) = (SegmentIndex(0), SegmentIndex(1));
    let at = |version, segments: &[(u16, i64)], member: &str| {
        with_segments(person(member, version), segments)
    };
    view.publish(
        at(1, &[(0, 10), (1, 20)], "u:1"),
        &[transition(VIP, SegmentChange::Enter, 20)],
        20,
    );
    view.publish(at(1, &[(0, 11)], "u:2"), &[], 20);
    view.publish(at(1, &[], "u:3"), &[], 20);
    view.publish(at(1, &[(0, 12)], "a:d"), &[], 20);
    view.publish_tombstone(&PersonKey::device("d"), &PersonKey::user("3"));
    view.mark_changes();
    let (before, shown) = (view.scan(0, 1_000).keys, Shown::new(Arc::clone(&view)));
    let next = other_rules(&view);
    // In another order than before.
    next.publish_tombstone(&PersonKey::device("d"), &PersonKey::user("3"));
    next.publish(at(1 << 32, &[(1, 7)], "u:3"), &[], 20);
    next.publish(at(1 << 32, &[], "u:2"), &[], 20);
    next.publish(at(1 << 32, &[(0, 21)], "u:1"), &[], 20);
    assert_eq!((shown.view().generation(), view.changes().len()), (1, 1));
    assert_eq!(shown.swap(&next, 500), 3);
    let now = shown.view();
    assert_eq!((now.generation(), now.zcard(vip, segment_shard("u:1"))), (2, 1));
    assert_eq!(now.zscore(new, segment_shard("u:3"), "u:3"), Some(7));
    let told = now.changes().range(StreamId::MIN, StreamId::MAX, 10);
    let mut told: Vec<_> =
        told.iter().map(|c| (&*c.member, &*c.segment, c.change, c.at, c.version >> 32)).collect();
    assert_eq!(told.remove(0), ("u:1", "vip", SegmentChange::Enter, 20, 0), "as it was told");
    told.sort_by_key(|(member, ..)| *member);
    let want = [
        ("u:1", "hot-cart", SegmentChange::Exit, 500, 1),
        ("u:2", "hot-cart", SegmentChange::Exit, 500, 1),
        ("u:3", "new", SegmentChange::Enter, 7, 1),
    ];
    assert_eq!(told, want, "who stays is not told of");
    // Profiles keep their places in a scan; only sets of segments come and go.
    let people = |keys: Vec<String>| -> Vec<String> {
        keys.into_iter()
            .filter(|key| !key.contains(":seg:") && !key.ends_with(":changes"))
            .collect()
    };
    assert_eq!(people(now.scan(0, 1_000).keys), people(before));
    // All of it goes to Redis, with the exits.
    let works = now.take_dirty(10);
    let owed: Vec<_> = works.iter().filter(|w| !w.exits.is_empty()).collect();
    assert_eq!((works.len(), owed.len(), now.gone()), (4, 2, &["hot-cart".to_owned()][..]));
    assert!(owed.iter().all(|w| w.exits == [("hot-cart".into(), 500)]));
    // What was taken from the old table and could not be written goes to the new one.
    now.put_back(works);
    assert_eq!(now.dirty_count(), 4);
}
