use super::*;
use crate::atom::View;
use crate::rules::SessionRules;
use crate::session::{EndReason, StartReason};
use alloc::borrow::Cow;
use proptest::prelude::*;

const MINUTE: i64 = 60_000;

fn at(minute: i64) -> Atom<'static> {
    Atom { at: minute * MINUTE, tie: 2, ..Atom::default() }
}

fn page(minute: i64, page: &'static str) -> Atom<'static> {
    Atom { is_page: true, page, ..at(minute) }
}

fn from(minute: i64, campaign: &'static str) -> Atom<'static> {
    Atom { campaign: Cow::Borrowed(campaign), ..at(minute) }
}

fn engaged(minute: i64, id: u64, seconds: u32) -> Atom<'static> {
    Atom { view: Some(View { id, engaged_ms: seconds * 1_000 }), ..at(minute) }
}

/// Ends of sessions are remembered, too.
fn kept(rules: SessionRules) -> SessionPlan {
    SessionPlan { rules, ended_ms: 5 * crate::limits::DAY_MS }
}

fn folded(rules: &SessionPlan, atoms: &[Atom<'_>]) -> Device {
    let mut device = Device::new("d");
    for atom in atoms {
        assert!(device.fold(rules, atom));
    }
    device
}

fn sessions(rules: &SessionPlan, device: &Device) -> Vec<Session> {
    let mut out = Vec::new();
    device.sessions(rules, &mut out);
    let closed = u64::from(device.closed().sessions);
    assert_eq!(out.len() as u64 + closed, device.session_count());
    out
}

fn bytes(device: &Device) -> Vec<u8> {
    postcard::to_allocvec(device).unwrap()
}

/// Start and end in minutes, events, and why it began and ended.
type Row = (i64, i64, u32, StartReason, EndReason);

fn rows(rules: &SessionPlan, device: &Device) -> Vec<Row> {
    sessions(rules, device)
        .iter()
        .map(|s| (s.start / MINUTE, s.end / MINUTE, s.events, s.start_reason, s.end_reason))
        .collect()
}

#[test]
fn events_become_sessions() {
    use EndReason::Open;
    use StartReason::First;
    let (plain, split) = (
        kept(SessionRules::default()),
        kept(SessionRules { split_on_campaign: true, ..SessionRules::default() }),
    );
    let idle = (StartReason::Idle, EndReason::Idle);
    let max = (StartReason::Max, EndReason::Max);
    let campaign = (StartReason::Campaign, EndReason::Campaign);
    let steady: Vec<Atom<'_>> = (0..=60).map(|i| at(i * 25)).collect();
    let cases: Vec<(&str, &SessionPlan, Vec<Atom<'_>>, Vec<Row>)> = vec![
        ("one", &plain, vec![at(5)], vec![(5, 5, 1, First, Open)]),
        ("a gap of exactly idle", &plain, vec![at(0), at(30)], vec![(0, 30, 2, First, Open)]),
        (
            "a longer gap",
            &plain,
            vec![at(0), Atom { at: 30 * MINUTE + 1, ..at(0) }],
            vec![(0, 0, 1, First, idle.1), (30, 30, 1, idle.0, Open)],
        ),
        ("a bridge", &plain, vec![at(0), at(50), at(25)], vec![(0, 50, 3, First, Open)]),
        ("a late beginning", &plain, vec![at(20), at(0)], vec![(0, 20, 2, First, Open)]),
        (
            "longer than max",
            &plain,
            steady,
            vec![(0, 1_425, 58, First, max.1), (1_450, 1_500, 3, max.0, Open)],
        ),
        (
            "a campaign that nobody asked about",
            &plain,
            vec![from(0, "a"), from(1, "b")],
            vec![(0, 1, 2, First, Open)],
        ),
        (
            "another campaign",
            &split,
            vec![from(0, "a"), at(1), from(2, "a"), from(3, "b"), at(4)],
            vec![(0, 2, 3, First, campaign.1), (3, 4, 2, campaign.0, Open)],
        ),
        (
            "a late campaign in between",
            &split,
            vec![from(0, "a"), at(4), from(2, "b")],
            vec![(0, 0, 1, First, campaign.1), (2, 4, 2, campaign.0, Open)],
        ),
        (
            "idle before campaign",
            &split,
            vec![from(0, "a"), from(60, "b")],
            vec![(0, 0, 1, First, idle.1), (60, 60, 1, idle.0, Open)],
        ),
    ];
    for (name, rules, atoms, expected) in cases {
        assert_eq!(rows(rules, &folded(rules, &atoms)), expected, "{name}");
    }
}

#[test]
fn a_session_keeps_what_happened_in_it() {
    let rules = kept(SessionRules::default());
    let atoms = [
        Atom { referrer: "https://r", ..page(0, "/a") },
        from(1, "spring"),
        Atom { is_screen: true, page: "Cart", ..from(2, "later") },
        Atom { is_conversion: true, revenue: 12_500_000, ..at(3) },
        engaged(4, 7, 12),
    ];
    let shown = sessions(&rules, &folded(&rules, &atoms));
    let [session] = &shown[..] else { panic!("one session") };
    assert_eq!((session.events, session.pages, session.screens), (5, 1, 1));
    assert_eq!((&*session.entry_page, &*session.exit_page), ("/a", "Cart"));
    assert_eq!((&*session.referrer, &*session.campaign), ("https://r", "spring"));
    assert_eq!((session.conversions, session.revenue_micros), (1, 12_500_000));
    assert_eq!((session.engaged_ms, session.bounced), (12_000, false));
}

#[test]
fn a_bounce_is_short_fruitless_and_a_single_view() {
    let rules = kept(SessionRules::default());
    let bought = Atom { is_conversion: true, ..at(1) };
    let cases = [
        ("one page", vec![page(0, "/a")], true),
        ("two pages", vec![page(0, "/a"), page(1, "/b")], false),
        ("just engaged", vec![page(0, "/a"), engaged(1, 7, 10)], false),
        ("not quite engaged", vec![page(0, "/a"), engaged(1, 7, 9)], true),
        ("a conversion", vec![page(0, "/a"), bought], false),
    ];
    for (name, atoms, bounced) in cases {
        assert_eq!(sessions(&rules, &folded(&rules, &atoms))[0].bounced, bounced, "{name}");
    }
}

#[test]
fn engaged_time_is_the_largest_of_each_view_and_counts_once() {
    let rules = kept(SessionRules::default());
    let ms = |atoms: &[Atom<'_>]| -> Vec<u64> {
        sessions(&rules, &folded(&rules, atoms)).iter().map(|s| s.engaged_ms / 1_000).collect()
    };
    assert_eq!(ms(&[engaged(0, 7, 5), engaged(1, 7, 15), engaged(2, 8, 4)]), [19]);
    assert_eq!(ms(&[engaged(1, 7, 15), engaged(0, 7, 5)]), [15]);
    // The tab stayed open over a break: its time belongs where it became the longest.
    assert_eq!(ms(&[engaged(0, 7, 5), engaged(0, 8, 3), engaged(90, 7, 20)]), [3, 20]);
    assert_eq!(ms(&[engaged(90, 7, 20), engaged(0, 8, 3), engaged(0, 7, 5)]), [3, 20]);
}

#[test]
fn sealing_keeps_what_is_shown() {
    let rules = kept(SessionRules { split_on_campaign: true, ..SessionRules::default() });
    let atoms = [
        Atom { referrer: "r", ..page(0, "/a") },
        engaged(5, 1, 9),
        from(10, "x"),
        page(12, "/b"),
        engaged(70, 1, 30),
        Atom { is_conversion: true, revenue: 5, ..at(80) },
    ];
    let whole = folded(&rules, &atoms);
    let latest = |device: &Device| sessions(&rules, device).pop();
    for minute in 0..100 {
        let mut sealed = whole.clone();
        sealed.seal(&rules, minute * MINUTE);
        assert_eq!(latest(&sealed), latest(&whole), "{minute}");
        let mut done = sealed.clone();
        done.seal(&rules, 200 * MINUTE);
        let total: u64 = sessions(&rules, &done).iter().map(|s| s.engaged_ms).sum();
        assert_eq!(total + done.closed().engaged_ms, 30_000, "{minute}");
        let mut early = Device::new("d");
        for atom in &atoms {
            early.fold(&rules, atom);
            early.seal(&rules, (minute * MINUTE).min(atom.at));
        }
        early.seal(&rules, minute * MINUTE);
        assert_eq!(bytes(&early), bytes(&sealed), "{minute}");
    }
}

#[test]
fn a_device_holds_a_bounded_number_of_events() {
    let rules = kept(SessionRules::default());
    let mut device = Device::new("d");
    let count = ATOMS_MAX as i64 + 700;
    for i in 0..count {
        device.fold(&rules, &Atom { at: i * 1_000, ..page(0, "/p") });
        assert!(device.atoms.len() <= ATOMS_MAX);
    }
    let shown = sessions(&rules, &device);
    assert_eq!(shown.iter().map(|s| i64::from(s.events)).sum::<i64>(), count);
    assert_eq!((shown.len(), &*shown[0].entry_page), (1, "/p"));
    // Older than what was let go of: sessions stay as they are.
    assert!(!device.fold(&rules, &at(0)));
    assert_eq!(sessions(&rules, &device), shown);
    assert!(device.heap_bytes() < 300_000);
}

prop_compose! {
    fn any_atom()(
        (minute, tie, kind) in (0..600_i64, 0..4_u64, 0..6_u8),
        (text, view, seconds) in (0..3_usize, 0..3_u64, 0..100_u32),
    ) -> Atom<'static> {
        let text = ["", "x", "y"][text];
        let atom = Atom { tie, ..at(minute) };
        match kind {
            0 | 1 => Atom { is_page: true, page: text, referrer: text, ..atom },
            2 => Atom { campaign: Cow::Borrowed(text), ..atom },
            3 => Atom { is_conversion: true, revenue: i64::from(seconds), ..atom },
            4 => Atom { view: Some(View { id: view, engaged_ms: seconds * 100 }), ..atom },
            _ => atom,
        }
    }
}

proptest! {
    #[test]
    fn sessions_do_not_depend_on_the_order_of_arrival(
        atoms in prop::collection::vec(any_atom(), 1..40).prop_flat_map(|atoms| {
            (Just(atoms.clone()), Just(atoms).prop_shuffle())
        }),
        split_on_campaign: bool,
        cut in 0..40_usize,
    ) {
        let rules = kept(SessionRules { split_on_campaign, ..SessionRules::default() });
        let (mut sorted, shuffled) = atoms;
        sorted.sort_by_key(|atom| (atom.at, atom.tie));
        let device = folded(&rules, &sorted);
        prop_assert_eq!(bytes(&device), bytes(&folded(&rules, &shuffled)));
        let (head, tail) = shuffled.split_at(cut.min(shuffled.len()));
        let mut united = folded(&rules, head);
        united.merge(&rules, &folded(&rules, tail));
        prop_assert_eq!(bytes(&device), bytes(&united));
        let read: Device = postcard::from_bytes(&bytes(&device)).unwrap();
        prop_assert_eq!(sessions(&rules, &read), sessions(&rules, &device));
    }

    #[test]
    fn uniting_sealed_histories_has_no_sides(
        left in prop::collection::vec(any_atom(), 1..20),
        right in prop::collection::vec(any_atom(), 1..20),
        horizon in 0..600_i64,
    ) {
        let rules = kept(SessionRules::default());
        let [mut left, mut right] = [left, right].map(|atoms| {
            let mut device = folded(&rules, &atoms);
            device.seal(&rules, horizon * MINUTE);
            device
        });
        let (left_before, right_before) = (left.clone(), right.clone());
        left.merge(&rules, &right_before);
        right.merge(&rules, &left_before);
        prop_assert_eq!(bytes(&left), bytes(&right));
    }
}

proptest! {
    #[test]
    fn what_slips_in_leaves_what_walking_again_would(
        atoms in prop::collection::vec((any_atom(), 0..40_i64), 1..80),
        (split, sealed) in (any::<bool>(), 0..120_usize),
    ) {
        let rules = SessionRules { split_on_campaign: split, ..SessionRules::default() };
        let rules = kept(rules);
        let mut device = Device::new("d");
        for (count, (atom, at)) in atoms.iter().enumerate() {
            // Close together: most belong inside a session, and several at one time.
            device.fold(&rules, &Atom { at: at * 5 * MINUTE, ..atom.clone() });
            if count == sealed {
                device.seal(&rules, 60 * MINUTE);
            }
            let mut again = device.clone();
            again.walk_again(&rules);
            prop_assert_eq!(bytes(&device), bytes(&again));
        }
    }
}
