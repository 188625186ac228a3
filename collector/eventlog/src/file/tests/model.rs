//! Random lives of a log against a model: appends, duplicates, crashes in the middle of a write
//! that keep any part of what was not flushed, passing time, restarts.
use super::*;
use crate::contract::Seen;
use parking_lot::Mutex;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A device that dies in a chosen write or flush and keeps only some sectors of what was not yet
/// flushed.
#[derive(Debug, Default)]
struct Mortal(Mutex<Life>);

#[derive(Debug, Default)]
struct Life {
    /// The write (or the flush after it) that kills.
    dies_in: Option<Death>,
    is_dead: bool,
}

#[derive(Debug, Clone)]
struct Death {
    /// So many writes are whole before it.
    after_writes: usize,
    /// Which 64-byte sectors of the last write stay, by bit.
    kept: u64,
    in_flush: bool,
}

const SECTOR: usize = 64;

impl Hooks for Mortal {
    fn write_at(&self, file: &dyn DiskFile, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut life = self.0.lock();
        if life.is_dead {
            return Err(io::Error::other("dead"));
        }
        match &mut life.dies_in {
            Some(death) if death.after_writes > 0 => death.after_writes -= 1,
            Some(death) => {
                let death = death.clone();
                for (index, sector) in bytes.chunks(SECTOR).enumerate() {
                    if death.kept >> (index % 64) & 1 == 1 {
                        file.write_all_at(sector, offset + (index * SECTOR) as u64)?;
                    }
                }
                if !death.in_flush {
                    life.is_dead = true;
                    return Err(io::Error::other("died in a write"));
                }
                return Ok(());
            }
            None => {}
        }
        file.write_all_at(bytes, offset)
    }

    fn sync(&self, file: &dyn DiskFile) -> io::Result<()> {
        let mut life = self.0.lock();
        if life.is_dead || matches!(&life.dies_in, Some(d) if d.in_flush && d.after_writes == 0) {
            life.is_dead = true;
            return Err(io::Error::other("died in a flush"));
        }
        file.sync_data()
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// Appends made at the same time, each of some ids.
    Append(Vec<Vec<u8>>),
    Pass(i64),
    Reopen,
    Crash(Death),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let append = prop::collection::vec(prop::collection::vec(0u8..60, 1..6), 1..5);
    let death = (0usize..4, any::<u64>(), any::<bool>())
        .prop_map(|(after_writes, kept, in_flush)| Death { after_writes, kept, in_flush });
    let step = prop_oneof![
        8 => append.prop_map(Step::Append),
        1 => (0i64..3_000).prop_map(Step::Pass),
        1 => Just(Step::Reopen),
        2 => death.prop_map(Step::Crash),
    ];
    prop::collection::vec(step, 1..40)
}

/// What must be true of the log.
#[derive(Default)]
struct Model {
    /// When each id was answered for.
    acknowledged: BTreeMap<u128, i64>,
    /// Ids of appends that were answered with a failure: there or not.
    unknown: BTreeMap<u128, i64>,
    /// How often each id can be in the log.
    copies: BTreeMap<u128, usize>,
}

const WINDOW_MS: i64 = 8_000;

impl Model {
    /// Checks an answer and remembers it. An id answered as new must not be in the window.
    fn acknowledge(&mut self, ids: &[u8], appended: &Appended, now: i64) {
        let mut own = Vec::new();
        for (index, id) in (0u32..).zip(ids) {
            let id = u128::from(*id);
            let is_duplicate = appended.duplicates.contains(&index);
            let last = self.acknowledged.get(&id).or(self.unknown.get(&id)).copied();
            if is_duplicate {
                assert!(last.is_some() || own.contains(&id), "{id} was never appended");
            } else {
                let known = self.acknowledged.get(&id);
                assert!(known.is_none_or(|at| now - at > WINDOW_MS), "{id} was in the window");
                self.attempt(id, now);
                self.acknowledged.insert(id, now);
                self.unknown.remove(&id);
            }
            // A duplicate is answered only if the first one is durable: that is the doubtful one,
            // unless an older one is still known, as it may be for a while after the window.
            if is_duplicate
                && !self.acknowledged.contains_key(&id)
                && let Some(at) = self.unknown.remove(&id)
            {
                self.acknowledged.insert(id, at);
            }
            own.push(id);
        }
    }

    /// An attempt that failed: the record is there or not.
    fn doubt(&mut self, id: u128, now: i64) {
        if self.acknowledged.get(&id).is_some_and(|at| now - at <= WINDOW_MS) {
            // It was a duplicate, and would not have been written.
            return;
        }
        self.attempt(id, now);
        self.unknown.entry(id).or_insert(now);
    }

    /// Another copy can only come of an attempt outside of the window of the one before.
    fn attempt(&mut self, id: u128, now: i64) {
        let last = self.acknowledged.get(&id).into_iter().chain(self.unknown.get(&id)).max();
        if last.is_none_or(|at| now - at > WINDOW_MS) {
            *self.copies.entry(id).or_default() += 1;
        }
    }

    fn check(&self, log: &FileLog) {
        let (told, all): (Vec<Seen>, Vec<Seen>) =
            read_all(log, log.oldest()).into_iter().partition(|seen| seen.0 == TALLY);
        let new = |seen: &Seen| usize::from(seen.3[b"told".len()]);
        let told: usize = told.iter().map(new).sum();
        assert_eq!(told, all.len(), "the tallies count every record of the log, and each once");
        for (id, _, shared, body) in &all {
            assert_eq!(*shared, b"shared", "never a wrong record");
            assert_eq!(*body, body_of(*id), "never a wrong record");
            let known = self.acknowledged.contains_key(id) || self.unknown.contains_key(id);
            assert!(known, "{id} was never appended");
        }
        for (id, most) in &self.copies {
            let copies = all.iter().filter(|seen| seen.0 == *id).count();
            assert!(copies <= *most, "{id} is there {copies} times");
        }
        for id in self.acknowledged.keys() {
            assert!(all.iter().any(|seen| seen.0 == *id), "{id} was acknowledged and is lost");
        }
    }
}

fn body_of(id: u128) -> Vec<u8> {
    let byte = id.to_le_bytes()[0];
    vec![byte; usize::from(byte) * 3]
}

/// The id of every tally; no other record has it.
const TALLY: u128 = 200;

fn append_of_ids(ids: &[u8]) -> Append {
    let bodies: Vec<_> = ids.iter().map(|id| (u128::from(*id), body_of(u128::from(*id)))).collect();
    let mut records: Vec<_> = bodies.iter().map(|(id, body)| (*id, 1, body.as_slice())).collect();
    records.push((TALLY, 2, b"told"));
    Append { tally: u32::try_from(ids.len()).ok(), ..append_of(b"shared", &records) }
}

/// Polls all in order until all are done, so that they are handed in in order and wait together.
async fn all<F: Future + Unpin>(mut waiting: Vec<F>) -> Vec<F::Output> {
    let mut answers: Vec<Option<F::Output>> = waiting.iter().map(|_| None).collect();
    std::future::poll_fn(|cx| {
        for (future, answer) in waiting.iter_mut().zip(&mut answers) {
            if answer.is_none()
                && let std::task::Poll::Ready(output) = std::pin::Pin::new(future).poll(cx)
            {
                *answer = Some(output);
            }
        }
        if answers.iter().all(Option::is_some) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    answers.into_iter().flatten().collect()
}

/// A log, its model, and the device that may die under it.
struct Trial {
    world: World,
    device: Arc<Mortal>,
    log: Option<FileLog>,
    model: Model,
}

impl Trial {
    fn start() -> Self {
        let mut world = World::new();
        world.config.segment_bytes = 2_048;
        world.config.dedup_window_ms = WINDOW_MS;
        let mut trial = Self { world, device: Arc::default(), log: None, model: Model::default() };
        trial.reopen();
        trial
    }

    fn reopen(&mut self) {
        self.log = None;
        self.device = Arc::default();
        let device = Arc::clone(&self.device);
        let log = FileLog::open_on(self.world.config.clone(), Wrapped::disk(&device)).unwrap();
        self.model.check(&log);
        self.log = Some(log);
    }

    fn append(&mut self, appends: &[Vec<u8>]) {
        let log = self.log.as_ref().unwrap();
        let now = self.world.clock.load(Ordering::SeqCst);
        let runtime = Builder::new_current_thread().build().unwrap();
        let waiting = appends.iter().map(|ids| Box::pin(log.append(append_of_ids(ids)))).collect();
        let answers = runtime.block_on(all(waiting));
        let mut has_failed = false;
        for (ids, answer) in appends.iter().zip(answers) {
            match answer {
                Ok(appended) => self.model.acknowledge(ids, &appended, now),
                Err(LogError::Failed { .. }) => {
                    has_failed = true;
                    ids.iter().for_each(|id| self.model.doubt(u128::from(*id), now));
                }
                Err(error) => panic!("{error:?}"),
            }
        }
        if has_failed {
            self.reopen();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn acknowledged_records_are_there_once_whatever_happens(steps in steps()) {
        let mut trial = Trial::start();
        for step in steps {
            match step {
                Step::Append(appends) => trial.append(&appends),
                Step::Pass(ms) => trial.world.pass(ms),
                Step::Reopen => trial.reopen(),
                Step::Crash(death) => trial.device.0.lock().dies_in = Some(death),
            }
        }
        trial.reopen();
    }
}
