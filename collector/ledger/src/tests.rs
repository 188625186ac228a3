//! Balances by table, and installations that live through a bad network.
use super::*;
use proptest::prelude::*;
use sillage_model::ReceiptMillis;
use std::collections::BTreeSet;

const AT: ReceiptMillis = ReceiptMillis(1_795_341_600_000);

fn counts(pairs: &[(&'static str, u64)]) -> Counts {
    pairs.iter().copied().collect()
}

/// `(created, acknowledged, batch)` of a report without refusals or losses.
fn told(created: u64, acknowledged: u64, last_batch: u64) -> Told<'static> {
    Told { source: ("sdk", "1"), created, acknowledged, last_batch, ..Told::default() }
}

fn new(accepted: u32) -> Tally {
    Tally { accepted, duplicates: 0 }
}

fn row(reports: &[(Told<'static>, Tally)]) -> Row {
    let (first, rest) = reports.split_first().expect("a row begins with a report");
    let mut row = Row::begin(&first.0, first.1, AT);
    for (told, tally) in rest {
        row.fold(told, *tally, AT);
    }
    row
}

/// `(pending, lost, unsure_arrived, surplus)`.
type Outcome = (u64, u64, u64, u64);

/// What an installation told, one batch after the other.
type Story<'a> = &'a [(Told<'static>, Tally)];

fn outcome(row: &Row) -> Outcome {
    let balance = row.balance();
    let not_arrived = balance.unsure.sum() - balance.unsure_arrived;
    let fates = balance.received + balance.rejected.sum() + balance.dropped.sum();
    assert_eq!(
        balance.created + balance.surplus,
        fates + not_arrived + balance.pending + balance.lost,
        "{balance:?}"
    );
    (balance.pending, balance.lost, balance.unsure_arrived, balance.surplus)
}

#[test]
fn every_event_has_one_fate() {
    let dropped = |told: Told<'static>, n| Told { dropped: counts(&[("queue_full", n)]), ..told };
    let unsure = |told: Told<'static>, n| Told { unsure: counts(&[("too_old", n)]), ..told };
    let refused = |told: Told<'static>, n| Told { last_rejected: counts(&[("bad", n)]), ..told };
    let rejected = |told: Told<'static>, n| Told { rejected: counts(&[("bad", n)]), ..told };
    let again = |duplicates| Tally { accepted: 0, duplicates };
    let cases: &[(&str, Story<'_>, Outcome)] = &[
        ("all came", &[(told(5, 0, 5), new(5))], (0, 0, 0, 0)),
        ("some wait", &[(told(9, 0, 5), new(5))], (4, 0, 0, 0)),
        (
            "the answer was lost",
            &[(told(5, 0, 5), new(5)), (told(5, 0, 5), again(5))],
            (0, 0, 0, 0),
        ),
        ("given up unsent", &[(dropped(told(9, 0, 5), 4), new(5))], (0, 0, 0, 0)),
        ("refused, not known yet", &[(refused(told(5, 0, 5), 2), new(3))], (0, 0, 0, 0)),
        (
            "refused, known now",
            &[(refused(told(5, 0, 5), 2), new(3)), (rejected(told(6, 3, 1), 2), new(1))],
            (0, 0, 0, 0),
        ),
        (
            "given up, but it had arrived",
            &[(told(5, 0, 5), new(5)), (unsure(told(6, 0, 1), 5), new(1))],
            (0, 0, 5, 0),
        ),
        ("given up, and it had not", &[(unsure(told(6, 0, 1), 5), new(1))], (0, 0, 0, 0)),
        (
            "acknowledged and gone",
            &[(told(5, 0, 5), new(2)), (told(8, 5, 3), new(3))],
            (0, 3, 0, 0),
        ),
        (
            "gone while some are unsure",
            &[(told(5, 0, 5), new(2)), (unsure(told(9, 5, 3), 1), new(3))],
            (0, 3, 0, 0),
        ),
        (
            "a backup on two devices",
            &[(told(5, 0, 5), new(5)), (told(5, 0, 5), new(4))],
            (0, 0, 0, 4),
        ),
        ("only a report", &[(dropped(told(7, 0, 0), 7), new(0))], (0, 0, 0, 0)),
        ("nothing sent", &[(told(3, 0, 0), new(0))], (3, 0, 0, 0)),
        ("a liar", &[(dropped(told(1, 0, 0), 9), new(0))], (0, 0, 0, 8)),
    ];
    for (what, reports, want) in cases {
        assert_eq!(outcome(&row(reports)), *want, "{what}");
    }
}

#[test]
fn a_delayed_report_changes_no_more_than_what_it_brought() {
    let refused = Told { last_rejected: counts(&[("bad", 2)]), ..told(5, 0, 5) };
    let later = Told { rejected: counts(&[("bad", 2)]), ..told(9, 3, 4) };
    let mut row = row(&[(refused.clone(), new(3)), (later, new(4))]);
    let before = row.balance();
    let again = Tally { accepted: 0, duplicates: 3 };
    assert!(!row.fold(&refused, again, AT), "it is older than what is known");
    assert_eq!(row.balance(), Balance { duplicates: 3, ..before });
    assert_eq!(row.balance().rejected, counts(&[("bad", 2)]), "not counted again");
}

#[test]
fn who_was_forgotten_begins_in_the_middle_and_counts_nothing_twice() {
    let gone = Told { dropped: counts(&[("full", 3)]), ..told(100, 90, 2) };
    let mut row = Row::begin(&gone, new(2), AT);
    let begun = row.balance();
    assert_eq!((begun.created, begun.received, begun.pending), (7, 2, 5));
    assert_eq!((begun.dropped.sum(), begun.lost), (0, 0));
    row.fold(&Told { dropped: counts(&[("full", 4)]), ..told(110, 92, 14) }, new(14), AT);
    let balance = row.balance();
    assert_eq!((balance.created, balance.received, balance.pending), (17, 16, 0));
    assert_eq!((balance.dropped.sum(), balance.lost, balance.surplus), (1, 0, 0));
    // Who is forgotten leaves what waits on the device; nobody can say that it will ever come.
    let forgotten = begun.without_pending();
    assert_eq!((forgotten.created, forgotten.received, forgotten.pending), (2, 2, 0));
}

#[test]
fn what_was_added_to_a_total_can_be_taken_away() {
    let rows: Vec<Row> = (0..50)
        .map(|n| {
            let reason: &'static str = ["a", "b", "c"][n % 3];
            let told = told(10, 0, 5);
            let dropped = counts(&[(reason, 2)]);
            let unsure: String = format!("reason {n}");
            let unsure = std::iter::once((unsure.as_str(), 1)).collect();
            row(&[(Told { dropped, unsure, ..told }, new(5))])
        })
        .collect();
    let mut total = Total::default();
    rows.iter().for_each(|row| total.add(&row.balance()));
    assert_eq!((total.installs, total.received, total.dropped.sum()), (50, 250, 100));
    assert_eq!((total.unsure.sum(), total.unsure.iter().count()), (50, limits::REASONS_MAX + 1));
    rows.iter().for_each(|row| total.take(&row.balance()));
    assert!(total.is_empty(), "{total:?}");
}

#[test]
fn what_is_cut_short_or_foreign_is_refused() {
    let told =
        Told { rejected: counts(&[("bad", 2)]), unsure: counts(&[("x", 1)]), ..told(9, 3, 4) };
    let mut bytes = Vec::new();
    told.encode(&mut bytes);
    assert!(Report::decode(&bytes).is_err(), "the log has not completed it");
    bytes.extend_from_slice(&[3, 0, 0, 0, 1, 0, 0, 0]);
    let tally = Tally { accepted: 3, duplicates: 1 };
    assert_eq!(Report::decode(&bytes), Ok(Report::Told(told, tally)));
    for len in 0..bytes.len() {
        assert!(Report::decode(&bytes[..len]).is_err(), "{len}");
    }
    let long = "é".repeat(60);
    let counted = Counted { source: (&long, ""), received: 300, ..Counted::default() };
    let mut bytes = Vec::new();
    counted.encode(&mut bytes);
    let Ok(Report::Counted(read)) = Report::decode(&bytes) else { panic!("{bytes:?}") };
    assert_eq!(read.source, (&*"é".repeat(32), "unknown"));
    assert_eq!(read.received, 300);
}

/// What happens next to an installation and its network.
#[derive(Debug, Clone)]
enum Step {
    Create(u8),
    /// Events that can never be sent are given up.
    Drop(u8),
    /// The next so many events are tried, or else the batch that is open; the request arrives or
    /// not, and so does its answer.
    Send {
        events: u8,
        arrives: bool,
        answered: bool,
    },
    /// The open batch is given up without an answer.
    GiveUp,
    /// A copy of an earlier request arrives.
    Again(prop::sample::Index),
    /// The collector loses an event that it acknowledged.
    Lose,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1u8..9).prop_map(Step::Create),
        1 => (1u8..3).prop_map(Step::Drop),
        6 => (1u8..6, any::<bool>(), any::<bool>())
            .prop_map(|(events, arrives, answered)| Step::Send { events, arrives, answered }),
        1 => Just(Step::GiveUp),
        2 => any::<prop::sample::Index>().prop_map(Step::Again),
        1 => Just(Step::Lose),
    ];
    prop::collection::vec(step, 0..60)
}

/// A request as it was sent: what it told, and its events.
type Request = (Told<'static>, Vec<u64>);

/// An installation and the collector that it talks to.
#[derive(Default)]
struct World {
    queue: Vec<u64>,
    /// How many events at the head of the queue were tried and not answered.
    open: usize,
    told: Told<'static>,
    sent: Vec<Request>,
    /// Every report in the order of the log.
    log: Vec<(Told<'static>, Tally)>,
    here: BTreeSet<u64>,
    dropped: u64,
    unsure: Vec<u64>,
    lost: u64,
}

/// Every fifth event is refused.
fn is_bad(event: u64) -> bool {
    event % 5 == 4
}

impl World {
    fn step(&mut self, step: Step) {
        match step {
            Step::Create(count) => {
                self.queue.extend(self.told.created..self.told.created + u64::from(count));
                self.told.created += u64::from(count);
            }
            Step::Drop(count) => {
                let unsent = self.queue.len() - self.open;
                for _ in 0..unsent.min(usize::from(count)) {
                    self.queue.pop();
                    self.dropped += 1;
                    self.told.dropped.add("queue_full", 1);
                }
            }
            Step::Send { events, arrives, answered } => {
                if self.open == 0 {
                    self.open = self.queue.len().min(usize::from(events));
                }
                let batch = self.queue[..self.open].to_vec();
                self.sent.push((self.told.clone(), batch));
                if arrives {
                    self.arrive(self.sent.len() - 1);
                    if answered {
                        for event in self.queue.drain(..std::mem::take(&mut self.open)) {
                            if is_bad(event) {
                                self.told.rejected.add("bad", 1);
                            } else {
                                self.told.acknowledged += 1;
                            }
                        }
                    }
                }
            }
            Step::GiveUp => {
                let given_up = self.queue.drain(..std::mem::take(&mut self.open));
                self.unsure.extend(given_up.inspect(|_| self.told.unsure.add("too_old", 1)));
            }
            Step::Again(index) => {
                if !self.sent.is_empty() {
                    self.arrive(index.index(self.sent.len()));
                }
            }
            Step::Lose => {
                // Only what the device will never send again can get lost for good; a report of a
                // collector that lost it counts one event less.
                let known = |(_, tally): &(Told<'_>, Tally)| tally.accepted > 0;
                let settled = self.queue.is_empty() && self.unsure.is_empty();
                if settled && let Some(report) = self.log.iter_mut().find(|r| known(r)) {
                    report.1.accepted -= 1;
                    self.lost += 1;
                }
            }
        }
    }

    fn arrive(&mut self, index: usize) {
        let (mut told, events) = self.sent[index].clone();
        let mut tally = Tally::default();
        told.last_batch = events.len() as u64;
        for event in events {
            if is_bad(event) {
                told.last_rejected.add("bad", 1);
            } else if self.here.insert(event) {
                tally.accepted += 1;
            } else {
                tally.duplicates += 1;
            }
        }
        self.log.push((told, tally));
    }

    /// Says how it stands, in a batch of nothing.
    fn report(&mut self) {
        self.sent.push((self.told.clone(), Vec::new()));
        self.arrive(self.sent.len() - 1);
    }
}

proptest! {
    #[test]
    fn the_balance_is_what_happened_however_the_network_was(
        steps in steps(),
        seed in prop::collection::vec(any::<prop::sample::Index>(), 0..200),
    ) {
        let mut world = World::default();
        world.report();
        steps.into_iter().for_each(|step| world.step(step));
        world.report();
        let balance = row(&world.log).balance();
        let here = world.here.len() as u64;
        prop_assert_eq!(balance.created, world.told.created);
        prop_assert_eq!(balance.received + world.lost, here);
        prop_assert_eq!(balance.dropped.sum(), world.dropped);
        prop_assert_eq!(balance.unsure.sum(), world.unsure.len() as u64);
        prop_assert_eq!(balance.surplus, 0);
        let accounted = balance.received + balance.rejected.sum() + world.dropped;
        let missing = balance.created - accounted;
        let not_arrived = balance.unsure.sum() - balance.unsure_arrived;
        prop_assert_eq!(missing, balance.lost + balance.pending + not_arrived);
        // Nothing is called lost that the device did not believe to be here.
        prop_assert!(balance.lost <= world.lost, "{:?}", balance);
        if world.queue.is_empty() && world.unsure.is_empty() {
            prop_assert_eq!((balance.lost, balance.pending), (world.lost, 0));
        }
        // Any other order of the same reports, and any of them told again, comes to the same. The
        // first of a log cannot be later than any acknowledgement, so it stays the first.
        let mut shuffled = world.log.clone();
        for (place, index) in seed.iter().enumerate() {
            let rest = shuffled.len() - 1;
            shuffled.swap(1 + place % rest, 1 + index.index(rest));
        }
        let repeated = shuffled.clone().into_iter().map(|(told, _)| (told, Tally::default()));
        shuffled.extend(repeated);
        let other = row(&shuffled);
        prop_assert_eq!(&other.balance(), &balance);
        let mut bytes = Vec::new();
        other.encode(&mut bytes);
        bytes.extend_from_slice(b"rest");
        let mut rest = bytes.as_slice();
        prop_assert_eq!(Row::decode(&mut rest), Ok(other));
        prop_assert_eq!(rest, b"rest");
    }

    #[test]
    fn foreign_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let [version, kind, ..] = bytes.as_mut_slice() {
            (*version, *kind) = (1, *kind % 2);
        }
        drop(Report::decode(&bytes));
        drop(Row::decode(&mut bytes.as_slice()));
        drop(Total::decode(&mut bytes.as_slice()));
    }

    #[test]
    fn totals_read_back_as_written(steps in steps(), times in 1..5) {
        let mut world = World::default();
        world.report();
        steps.into_iter().for_each(|step| world.step(step));
        let mut total = Total::default();
        (0..times).for_each(|_| total.add(&row(&world.log).balance()));
        total.count(&Counted { received: 5, dropped: counts(&[("x", 1)]), ..Counted::default() }, AT);
        let mut bytes = Vec::new();
        total.encode(&mut bytes);
        prop_assert_eq!(Total::decode(&mut bytes.as_slice()), Ok(total));
    }
}
