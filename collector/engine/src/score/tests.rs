use super::*;
use proptest::prelude::*;

const DAY: i64 = DAY_MS;
const START: i64 = 1_700_000_000_000;

fn rules() -> Engagement {
    Engagement { half_life_ms: 7 * DAY, scale: 20.0, engaged_second: 0.02 }
}

fn horizons(receipt_max: i64) -> Horizons {
    let sealed = receipt_max - 3 * DAY;
    Horizons { receipt_max, sealed: sealed - sealed.rem_euclid(3_600_000) }
}

fn plain(at: i64, amount: f64) -> Worth {
    Worth { weight: 0, amount, cap: None, at, tie: 0 }
}

/// The definition, event by event.
fn brute(events: &[(i64, f64)], rules: &Engagement, now: i64) -> f64 {
    let decay = |at: i64| ((at - now) as f64 / rules.half_life_ms as f64).exp2();
    let raw: f64 = events.iter().map(|(at, amount)| amount * decay(*at)).sum();
    (100.0 * (1.0 - (-raw / rules.scale).exp())).max(0.0)
}

#[test]
fn a_half_life_later_the_raw_sum_is_half() {
    let mut score = Score::default();
    score.add(&rules(), horizons(START), plain(START, 8.0));
    for (lives, raw) in [(0, 8.0), (1, 4.0), (3, 1.0)] {
        let value = score.sum.value(7 * DAY, START + lives * 7 * DAY);
        assert!((value - raw).abs() < 1e-8, "{lives} {value}");
    }
}

#[test]
fn negative_sums_show_as_zero() {
    let mut score = Score::default();
    score.add(&rules(), horizons(START), plain(START, -3.0));
    assert_eq!(score.shown(&rules(), START), 0.0);
    score.add(&rules(), horizons(START), plain(START, 5.0));
    assert!((score.shown(&rules(), START) - brute(&[(START, 2.0)], &rules(), START)).abs() < 1e-6);
}

#[test]
fn an_earlier_event_displaces_the_last_of_a_capped_day() {
    let capped = |hour: i64, amount: f64| Worth {
        weight: 3,
        amount,
        cap: Some(2),
        at: (START - START % DAY) + hour * 3_600_000,
        tie: 7,
    };
    let rules = rules();
    let now = horizons(START + 2 * DAY);
    let fold = |worths: &[Worth]| {
        let mut score = Score::default();
        worths.iter().for_each(|worth| score.add(&rules, now, *worth));
        score
    };
    let all = [capped(1, 1.0), capped(5, 2.0), capped(9, 4.0), capped(25, 8.0)];
    let first_two = fold(&[all[0], all[1], all[3]]);
    assert_eq!(fold(&all).sum, first_two.sum);
    let shuffled = fold(&[all[2], all[3], all[1], all[0]]);
    assert_eq!(shuffled, fold(&all));
    let mut united = fold(&[all[2], all[0]]);
    united.merge(&rules, now, &fold(&[all[3], all[1]]), |_| 2);
    assert_eq!(united, fold(&all));
}

#[test]
fn a_capped_day_is_closed_by_the_lateness_window() {
    let (rules, mut score) = (rules(), Score::default());
    let worth = Worth { weight: 0, amount: 1.0, cap: Some(1), at: START, tie: 0 };
    score.add(&rules, horizons(START), worth);
    score.seal(&rules, horizons(START + 5 * DAY));
    assert_eq!(score.memory, None);
    let before = score.clone();
    score.add(&rules, horizons(START + 5 * DAY), worth);
    assert_eq!(score, before);
}

#[test]
fn of_one_view_only_the_longest_engagement_counts() {
    let (rules, now) = (rules(), horizons(START + DAY));
    let view = |engaged_ms| View { id: 9, engaged_ms };
    let said = [(0, 5_000), (60_000, 65_000), (30_000, 20_000), (90_000, 65_000)];
    let mut expected = Score::default();
    expected.add(&rules, now, plain(START + 60_000, 0.02 * 65.0));
    for rotation in 0..said.len() {
        let mut order = said;
        order.rotate_left(rotation);
        let mut score = Score::default();
        order.iter().for_each(|(at, ms)| score.engage(&rules, now, START + at, view(*ms)));
        assert_eq!(score.sum, expected.sum, "{rotation}");
        let (mut left, mut right) = (Score::default(), Score::default());
        order[..2].iter().for_each(|(at, ms)| left.engage(&rules, now, START + at, view(*ms)));
        order[2..].iter().for_each(|(at, ms)| right.engage(&rules, now, START + at, view(*ms)));
        left.merge(&rules, now, &right, |_| 0);
        assert_eq!(left, score, "{rotation}");
    }
}

#[test]
fn what_is_64_half_lives_old_is_dropped() {
    let (rules, mut score) = (rules(), Score::default());
    score.add(&rules, horizons(START), plain(START, 1.0));
    let later = horizons(START + 66 * 7 * DAY);
    score.seal(&rules, later);
    assert_eq!(score, Score::default());
    score.add(&rules, later, plain(START, 1.0));
    assert_eq!(score, Score::default());
}

#[test]
fn a_score_that_cannot_fall_to_a_threshold_has_no_crossing() {
    let (rules, mut score) = (rules(), Score::default());
    assert_eq!(score.next_crossing(&rules, 10.0, START), None);
    assert_eq!(score.next_crossing(&rules, 0.0, START), None);
    score.add(&rules, horizons(START), plain(START, 1.0));
    for threshold in [50.0, 100.0, 1_000.0, -1.0, f64::NAN] {
        assert_eq!(score.next_crossing(&rules, threshold, START), None, "{threshold}");
    }
}

proptest! {
    #[test]
    fn the_score_is_the_definition(
        events in prop::collection::vec((0..400 * DAY, -5.0..20.0_f64), 1..40),
        after in 0..60 * DAY,
        half_life_ms in 3_600_000..90 * DAY,
    ) {
        let rules = Engagement { half_life_ms, ..rules() };
        let events: Vec<_> = events.into_iter().map(|(at, w)| (START + at, w)).collect();
        let last = events.iter().map(|(at, _)| *at).max().unwrap();
        let mut score = Score::default();
        for (at, amount) in &events {
            score.add(&rules, horizons(last), plain(*at, *amount));
        }
        let (got, want) = (score.shown(&rules, last + after), brute(&events, &rules, last + after));
        prop_assert!((got - want).abs() < 1e-6, "{got} {want}");
    }

    #[test]
    fn sums_do_not_depend_on_order_or_on_who_adds(
        events in prop::collection::vec((0..30 * DAY, -5.0..20.0_f64), 1..40),
        split in 0..40_usize,
    ) {
        let (rules, now) = (rules(), horizons(START + 30 * DAY));
        let fold = |events: &[(i64, f64)]| {
            let mut score = Score::default();
            events.iter().for_each(|(at, w)| score.add(&rules, now, plain(START + at, *w)));
            score
        };
        let (head, tail) = events.split_at(split.min(events.len()));
        let reversed: Vec<_> = events.iter().rev().copied().collect();
        let mut united = fold(tail);
        united.merge(&rules, now, &fold(head), |_| 0);
        prop_assert_eq!(&fold(&events), &fold(&reversed));
        prop_assert_eq!(&fold(&events), &united);
    }

    #[test]
    fn a_crossing_is_the_first_millisecond_that_differs(
        events in prop::collection::vec((0..30 * DAY, 0.01..20.0_f64), 1..20),
        threshold in 0.01..99.9_f64,
        half_life_ms in 60_000..90 * DAY,
    ) {
        let rules = Engagement { half_life_ms, ..rules() };
        let now = START + 30 * DAY;
        let mut score = Score::default();
        for (at, amount) in &events {
            score.add(&rules, horizons(now), plain(START + at, *amount));
        }
        let above = |at: i64| score.shown(&rules, at) > threshold;
        match score.next_crossing(&rules, threshold, now) {
            Some(at) => {
                prop_assert!(above(now) && above(at - 1) && !above(at), "{at}");
                prop_assert!(at > now);
            }
            None => prop_assert!(!above(now)),
        }
        // The cheap way leads there, and not past it.
        let (mut at, mut steps) = (now, 0);
        while let Some(next) = score.wake_for_crossing(&rules, threshold, at, score.raw(&rules, at)) {
            prop_assert!(next > at && (above(next - 1) || !above(at)));
            (at, steps) = (next, steps + 1);
            prop_assert!(steps <= 4);
        }
        prop_assert!(!above(at) && (at == now || above(at - 1)));
    }

    #[test]
    fn a_crossing_is_found_wherever_the_guess_lies(
        change in 1..1_000_000_i64,
        guess in -10..2_000_000_i64,
    ) {
        prop_assert_eq!(first_change(0, guess, |at| at >= change), Some(change));
    }
}
