//! What a tracker remembers beside its events, in one stored value.
use crate::clock::Bound;
use crate::codec::{Source, put_i64, put_text, put_u64};
use crate::counts::Counts;
use crate::input::Choice;
use crate::random::Uuid;
use crate::ranges::Ranges;
use crate::session::Session;
use alloc::string::String;
use alloc::vec::Vec;

const VERSION: u8 = 1;

/// Beyond any device's life, and exact as a float.
pub(crate) const SEQ_MAX: u64 = 1 << 53;

/// Written in the same unit as what it speaks of, so that it is true of the events stored with it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct State {
    pub(crate) install: Uuid,
    pub(crate) anonymous_id: String,
    pub(crate) user_id: String,
    pub(crate) counts: Counts,
    /// The events that are queued: any other that storage still holds is none of them.
    pub(crate) pending: Ranges,
    pub(crate) next_head: u32,
    /// The process that wrote this.
    pub(crate) boot: u32,
    /// What is known of the clocks of boots whose events may be queued.
    pub(crate) bounds: Vec<(u32, Bound)>,
    pub(crate) session: Session,
    pub(crate) choices: Vec<(String, Choice)>,
    /// How much of [`Counts::given_up`] the collector has been told.
    pub(crate) told: u64,
    /// How much of what was acknowledged it has been told.
    pub(crate) told_acknowledged: u64,
}

impl State {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.clear();
        out.push(VERSION);
        out.extend_from_slice(&self.install.0);
        put_text(out, &self.anonymous_id);
        put_text(out, &self.user_id);
        self.counts.encode(out);
        self.pending.encode(out);
        put_u64(out, self.next_head.into());
        put_u64(out, self.boot.into());
        put_u64(out, self.bounds.len() as u64);
        for (boot, bound) in &self.bounds {
            put_u64(out, (*boot).into());
            put_i64(out, bound.low);
            put_i64(out, bound.high);
            put_u64(out, bound.guess);
        }
        put_i64(out, self.session.start);
        put_i64(out, self.session.last);
        put_u64(out, self.choices.len() as u64);
        for (category, choice) in &self.choices {
            put_text(out, category);
            out.push(u8::from(*choice == Choice::Granted));
        }
        put_u64(out, self.told);
        put_u64(out, self.told_acknowledged);
    }

    /// Whether every event that was created is in exactly one place. A state of which that is not
    /// true was not written by a tracker.
    fn is_balanced(&self) -> bool {
        let known = self.counts.known();
        let all = known.and_then(|known| known.checked_add(self.pending.count()?));
        all == Some(self.counts.created) && self.counts.created < SEQ_MAX
    }

    pub(crate) fn decode(record: &[u8]) -> Option<Self> {
        let mut source = Source(record);
        if source.array()? != [VERSION] {
            return None;
        }
        let mut state = Self {
            install: Uuid(source.array()?),
            anonymous_id: source.text()?,
            user_id: source.text()?,
            counts: Counts::decode(&mut source)?,
            pending: Ranges::decode(&mut source)?,
            next_head: source.u32()?,
            boot: source.u32()?,
            ..Self::default()
        };
        for _ in 0..source.len()? {
            let boot = source.u32()?;
            let (low, high, guess) = (source.i64()?, source.i64()?, source.u64()?);
            state.bounds.push((boot, Bound { low, high, guess }));
        }
        state.session = Session { start: source.i64()?, last: source.i64()? };
        for _ in 0..source.len()? {
            let category = source.text()?;
            let [granted] = source.array()?;
            let choice = if granted == 1 { Choice::Granted } else { Choice::Denied };
            state.choices.push((category, choice));
        }
        state.told = source.u64()?;
        state.told_acknowledged = source.u64()?;
        state.is_balanced().then_some(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notice::DropReason;
    use proptest::prelude::*;

    fn sample() -> State {
        let mut counts = Counts::default();
        (counts.created, counts.acknowledged) = (40, 30);
        counts.reject("missing_id");
        counts.drop(DropReason::QueueFull, false, 3);
        counts.drop(DropReason::Damaged, true, 1);
        State {
            install: Uuid([9; 16]),
            anonymous_id: "a-1".into(),
            user_id: "é".into(),
            counts,
            pending: Ranges::of([31, 32, 35, 39, 40].into_iter()),
            next_head: 7,
            boot: 3,
            bounds: vec![
                (2, Bound { low: -5, high: 900, guess: 7 }),
                (3, Bound { low: 0, high: 1, guess: 0 }),
            ],
            session: Session { start: -1, last: 99 },
            choices: vec![("analytics".into(), Choice::Granted), ("ads".into(), Choice::Denied)],
            told: 2,
            told_acknowledged: 29,
        }
    }

    #[test]
    fn a_state_reads_back_and_every_cut_is_noticed() {
        let state = sample();
        let mut record = Vec::new();
        state.encode(&mut record);
        assert_eq!(State::decode(&record).as_ref(), Some(&state));
        for len in 0..record.len() {
            assert_eq!(State::decode(&record[..len]), None, "{len}");
        }
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(at in 0usize..120, byte in any::<u8>()) {
            let mut record = Vec::new();
            sample().encode(&mut record);
            if let Some(place) = record.get_mut(at) {
                *place = byte;
            }
            State::decode(&record);
        }
    }
}
