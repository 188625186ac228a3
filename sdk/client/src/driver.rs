//! The one thread that does what trackers ask for: writes, syncs, posts, wakes, tells.
use crate::builder::entropy;
use crate::client::{Delivered, Done, Signal, told};
use crate::clock;
use crate::courier::{Arrived, Courier};
use crate::guard::Guard;
use crate::keeping::Keeping;
use crate::lanes::Lane;
use crate::limits::{ADOPTION_INTERVAL, SYNC_DELAY, WRITE_DELAY};
use crate::shared::{Command, Known, Shared};
use crate::spool::Op;
use sdk_core::{Action, Choice, Config, Input, Lifecycle, Notice, SendId, Tracker};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;
use std::time::Duration;
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

/// A tracker with what surrounds it: the client's own first, then those of lanes that were left behind.
struct Station {
    number: u64,
    guard: Arc<Guard>,
    keeping: Keeping,
    /// On the monotonic clock of trackers.
    wake: Option<u64>,
    /// When what was written last must be durable.
    sync_at: Option<Instant>,
    /// Whether the app has been told that the disk fails.
    is_failing: bool,
}

/// What a tracker asked for in one turn.
#[derive(Default)]
struct Turn {
    unit: Vec<Op>,
    sends: Vec<(SendId, Vec<u8>)>,
    notices: Vec<Notice>,
}

struct Flush {
    deadline: Instant,
    done: Done,
    then_stop: bool,
}

/// Everything the thread has.
pub(crate) struct Driver {
    pub(crate) shared: Arc<Shared>,
    pub(crate) courier: Arc<Courier>,
    pub(crate) folder: Option<PathBuf>,
    pub(crate) config: Config,
    pub(crate) commands: Receiver<Command>,
    stations: Vec<Station>,
    adopted: u64,
    /// What the adopted trackers have been told of the person's choices.
    adopted_choices: Vec<(String, Choice)>,
    flights: JoinSet<(u64, SendId, Arrived)>,
    flushes: Vec<Flush>,
}

impl Driver {
    pub(crate) fn new(
        shared: Arc<Shared>,
        courier: Courier,
        folder: Option<PathBuf>,
        config: Config,
        commands: Receiver<Command>,
    ) -> Self {
        Self {
            shared,
            courier: Arc::new(courier),
            folder,
            config,
            commands,
            stations: Vec::new(),
            adopted: 0,
            adopted_choices: Vec::new(),
            flights: JoinSet::new(),
            flushes: Vec::new(),
        }
    }

    /// Runs until it is told to stop, or nobody is left to tell it. `opened` falls silent once what is
    /// on disk has been read.
    pub(crate) async fn run(mut self, opened: Sender<()>) {
        self.open();
        drop(opened);
        let mut adopt_at = Instant::now() + Duration::from_secs(1);
        loop {
            let calls = self.shared.calls.load(Ordering::SeqCst);
            self.turn(calls);
            if self.settle_flushes() {
                break;
            }
            self.shared.sleeping.store(true, Ordering::SeqCst);
            let busy = self.shared.calls.load(Ordering::SeqCst) != calls;
            let until = self.next_moment().min(adopt_at);
            tokio::select! {
                () = std::future::ready(()), if busy => self.gather().await,
                () = self.shared.bell.notified() => self.gather().await,
                Some(landed) = self.flights.join_next(), if !self.flights.is_empty() => {
                    // A post that panicked is taken for lost when its time is over.
                    if let Ok((station, send, arrived)) = landed {
                        self.landed(station, send, &arrived);
                    }
                }
                command = self.commands.recv() => {
                    if self.obey(command) {
                        break;
                    }
                }
                () = sleep_until(until) => {
                    if Instant::now() >= adopt_at {
                        self.adopt();
                        adopt_at = Instant::now() + ADOPTION_INTERVAL;
                    }
                    self.tick();
                }
            }
            self.shared.sleeping.store(false, Ordering::SeqCst);
        }
        self.close();
    }

    /// Takes up what is on disk.
    fn open(&mut self) {
        let guard = Arc::clone(&self.shared.guard);
        let (keeping, restored, opened) = Keeping::open(self.folder.clone(), &guard);
        if let Err(error) = opened {
            self.shared.signal(&Signal::StorageFailed(error.to_string()));
        }
        guard.with(|tracker, now| tracker.handle(now, Input::Restored(restored)));
        self.stations.push(Station::new(0, guard, keeping));
    }

    /// A burst of calls becomes one unit, unless somebody waits for it.
    async fn gather(&self) {
        if self.shared.waiting_for_disk.load(Ordering::SeqCst) == 0 {
            sleep(WRITE_DELAY).await;
        }
    }

    /// Does what every tracker asks for. `calls` were made before it began.
    fn turn(&mut self, calls: u64) {
        self.share_choices();
        let is_awaited = self.shared.waiting_for_disk.load(Ordering::SeqCst) > 0;
        for station in &mut self.stations {
            let turn = station.poll();
            let is_own = station.number == 0;
            let must_sync = !turn.sends.is_empty() || is_own && is_awaited;
            if let Some(signal) = station.store(&turn.unit, must_sync) {
                self.shared.signal(&signal);
            }
            if is_own && (is_awaited || station.keeping.is_durable()) {
                self.shared.wrote_up_to(calls, station.keeping.is_durable());
            }
            for (send, body) in turn.sends {
                let (courier, number) = (Arc::clone(&self.courier), station.number);
                self.flights.spawn(async move { (number, send, courier.post(body).await) });
            }
            if is_own {
                for notice in turn.notices {
                    self.shared.notice(&notice);
                }
                if station.guard.is_gone() && !self.shared.gone.swap(true, Ordering::SeqCst) {
                    self.shared.signal(&Signal::Disabled);
                }
            }
        }
        let is_idle = |station: &Station| station.is_idle();
        self.stations.retain(|station| station.number == 0 || !is_idle(station));
    }

    /// What the person chooses holds for what other processes have left behind, too.
    fn share_choices(&mut self) {
        if self.stations.len() < 2 {
            return;
        }
        let chosen = self.shared.guard.with(|tracker, _| tracker.choices().to_vec());
        let chosen = chosen.unwrap_or_default();
        if chosen != self.adopted_choices {
            let told: Vec<_> =
                chosen.iter().map(|(name, choice)| (name.as_str(), *choice)).collect();
            for station in self.stations.iter().filter(|station| station.number > 0) {
                station.guard.with(|tracker, now| tracker.handle(now, Input::Consent(&told)));
            }
            self.adopted_choices = chosen;
        }
    }

    fn landed(&mut self, station: u64, send: SendId, arrived: &Arrived) {
        if let Some(station) = self.stations.iter().find(|known| known.number == station) {
            let reply = Input::Reply { send, outcome: arrived.outcome() };
            station.guard.with(|tracker, now| tracker.handle(now, reply));
        }
    }

    fn tick(&mut self) {
        let now = clock::now().mono.0;
        for station in &mut self.stations {
            if station.wake.is_some_and(|wake| wake <= now) {
                station.wake = None;
                station.guard.with(|tracker, now| tracker.handle(now, Input::Tick));
            }
        }
    }

    /// When something is to be done next, unless something happens before.
    fn next_moment(&self) -> Instant {
        let (now, mono) = (Instant::now(), clock::now().mono.0);
        let wakes = self.stations.iter().filter_map(|station| station.wake);
        let wakes = wakes.map(|wake| now + Duration::from_millis(wake.saturating_sub(mono)));
        let syncs = self.stations.iter().filter_map(|station| station.sync_at);
        let flushes = self.flushes.iter().map(|flush| flush.deadline);
        let day = now + Duration::from_secs(86_400);
        wakes.chain(syncs).chain(flushes).min().map_or(day, |next| next.min(day))
    }

    /// Does as it is told; says whether to stop at once.
    fn obey(&mut self, command: Option<Command>) -> bool {
        match command {
            None => return true,
            Some(Command::Flush { timeout, done, then_stop }) => {
                self.stations.iter().for_each(Station::flush);
                let deadline = Instant::now() + timeout;
                self.flushes.push(Flush { deadline, done, then_stop });
            }
        }
        false
    }

    /// Answers those for whom everything is delivered or the time is over; says whether to stop.
    fn settle_flushes(&mut self) -> bool {
        let Some(own) = self.stations.first() else { return true };
        // What other processes left behind is delivered too, if it has been found.
        let idle = self.stations.iter().all(Station::is_idle);
        let pending = self.stations.iter().map(Station::pending).sum();
        let now = Instant::now();
        let mut stop = false;
        let (over, waiting): (Vec<_>, Vec<_>) = std::mem::take(&mut self.flushes)
            .into_iter()
            .partition(|flush| idle || flush.deadline <= now || own.guard.is_gone());
        self.flushes = waiting;
        for flush in over {
            stop |= flush.then_stop;
            if flush.then_stop {
                self.shared.last_words.lock().push((flush.done, Delivered { pending }));
            } else {
                (flush.done)(Delivered { pending });
            }
        }
        stop
    }

    /// Looks for events that other processes have left behind.
    fn adopt(&mut self) {
        let Some(folder) = &self.folder else { return };
        // What cannot be read now may be readable in a minute.
        for lane in Lane::claim_abandoned(folder).unwrap_or_default() {
            let Some(entropy) = entropy() else { return };
            let tracker = Tracker::new(self.config.clone(), entropy, clock::now());
            let guard = Arc::new(Guard::new(tracker));
            if let Ok(Some((keeping, restored))) = Keeping::adopt(lane, &guard) {
                guard.with(|tracker, now| tracker.handle(now, Input::Restored(restored)));
                self.adopted += 1;
                let number = self.adopted;
                let station = Station::new(number, guard, keeping);
                station.flush();
                self.stations.push(station);
                self.adopted_choices.clear();
            }
        }
    }

    /// The last write. Nothing is tracked from here on.
    fn close(&mut self) {
        let calls = self.shared.calls.load(Ordering::SeqCst);
        for station in &mut self.stations {
            let turn = station.poll();
            let written = station.keeping.write(&turn.unit, &station.guard);
            let synced = station.keeping.sync();
            if station.number == 0
                && let Some(known) = station.guard.with(|tracker, _| Known::of(tracker))
            {
                *self.shared.last_known.lock() = known;
            }
            station.guard.close();
            if let Err(error) = written.and(synced) {
                self.shared.signal(&Signal::StorageFailed(told(&error)));
            }
            if station.number == 0 {
                self.shared.wrote_up_to(calls, station.keeping.is_durable());
            }
        }
        self.stations.clear();
        for (done, delivered) in self.shared.last_words.lock().drain(..) {
            done(delivered);
        }
    }
}

impl Station {
    fn new(number: u64, guard: Arc<Guard>, keeping: Keeping) -> Self {
        Self { number, guard, keeping, wake: None, sync_at: None, is_failing: false }
    }

    /// Writes a unit, and what could not be written before; makes it durable now or within a second.
    /// Gives a signal when the disk begins to fail. While it does it is tried every second.
    fn store(&mut self, unit: &[Op], must_sync: bool) -> Option<Signal> {
        let written = self.keeping.write(unit, &self.guard);
        let now = Instant::now();
        if !unit.is_empty() {
            self.sync_at.get_or_insert(now + SYNC_DELAY);
        }
        let mut synced = Ok(());
        if must_sync || self.sync_at.is_some_and(|at| at <= now) {
            synced = self.keeping.sync();
            self.sync_at = None;
        }
        let Err(error) = written.and(synced) else {
            self.is_failing &= !self.keeping.is_durable();
            return None;
        };
        self.sync_at.get_or_insert(now + SYNC_DELAY);
        let told_before = std::mem::replace(&mut self.is_failing, true);
        (!told_before).then(|| Signal::StorageFailed(told(&error)))
    }

    /// Everything the tracker asks for now. The lock is let go in between, so that no caller waits
    /// for all of a long queue.
    fn poll(&mut self) -> Turn {
        const STRIDE: usize = 32;
        let mut turn = Turn::default();
        loop {
            let wake = &mut self.wake;
            let more = self.guard.with(|tracker, _| {
                for _ in 0..STRIDE {
                    let Some(action) = tracker.poll_action() else { return false };
                    match action {
                        Action::Persist { key, value } => turn.unit.push(Op::Put(key, value)),
                        Action::Forget { key } => turn.unit.push(Op::Remove(key)),
                        Action::Send { id, body, way: _ } => turn.sends.push((id, body)),
                        Action::WakeAt(at) => *wake = Some(at.0),
                        Action::Notice(notice) => turn.notices.push(notice),
                        _ => {}
                    }
                }
                true
            });
            if more != Some(true) {
                return turn;
            }
        }
    }

    fn flush(&self) {
        let flush = Input::Lifecycle(Lifecycle::Flush);
        self.guard.with(|tracker, now| tracker.handle(now, flush));
    }

    fn is_idle(&self) -> bool {
        self.guard.with(|tracker, _| tracker.is_idle()).unwrap_or(true)
    }

    fn pending(&self) -> u64 {
        self.guard.with(|tracker, _| tracker.ledger().pending).unwrap_or(0)
    }
}
