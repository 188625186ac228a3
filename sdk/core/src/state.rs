//! What a tracker remembers beside its events, in one stored value.
use crate::clock::Bound;
use crate::codec::{Source, put, put_i64, put_text, put_u64};
use crate::consent::Consent;
use crate::counts::Counts;
use crate::input::Choice;
use crate::random::Uuid;
use crate::ranges::Ranges;
use crate::session::Session;
use alloc::string::String;
use alloc::vec::Vec;

const VERSION: u64 = 1;

/// Written in the same unit as what it speaks of, so that it is true of the events stored with it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct State {
    pub(crate) install: Uuid,
    pub(crate) anonymous_id: String,
    pub(crate) user_id: String,
    pub(crate) counts: Counts,
    /// Never used again, or a record of an earlier life could be taken for one of this.
    pub(crate) next_head: u32,
    /// The run of the process.
    pub(crate) boot: u32,
    /// What earlier boots, whose events may be queued, knew of their clocks.
    pub(crate) bounds: Vec<(u32, Bound)>,
    pub(crate) session: Session,
    pub(crate) consent: Consent,
    /// How much of [`Counts::given_up`] the collector has been told.
    pub(crate) told: u64,
    /// How much of what was acknowledged it has been told.
    pub(crate) told_acknowledged: u64,
}

impl State {
    /// Writes it with the events that are queued (any other that storage still holds is none of
    /// them) and with what this boot knows of its clock.
    pub(crate) fn encode(&self, pending: &Ranges, bound: Option<Bound>, out: &mut Vec<u8>) {
        out.clear();
        put_u64(out, VERSION);
        put(out, &self.install.0);
        put_text(out, &self.anonymous_id);
        put_text(out, &self.user_id);
        self.counts.encode(out);
        pending.encode(out);
        put_u64(out, self.next_head.into());
        put_u64(out, self.boot.into());
        put_u64(out, self.bounds.len() as u64 + u64::from(bound.is_some()));
        for (boot, bound) in &self.bounds {
            bound.encode(*boot, out);
        }
        if let Some(bound) = bound {
            bound.encode(self.boot, out);
        }
        put_i64(out, self.session.start);
        put_i64(out, self.session.last);
        put_u64(out, self.consent.choices.len() as u64);
        for (category, choice) in &self.consent.choices {
            put_text(out, category);
            put_u64(out, u64::from(*choice == Choice::Granted));
        }
        put_u64(out, self.told);
        put_u64(out, self.told_acknowledged);
    }

    /// `None` if it was not written by a tracker: something is missing, or not every event that was
    /// created is in exactly one place.
    pub(crate) fn decode(record: &[u8]) -> Option<(Self, Ranges)> {
        let source = &mut Source::new(record);
        let version = source.fixed(1);
        source.must(version == VERSION);
        let install = Uuid(source.id());
        let (anonymous_id, user_id) = (source.text(), source.text());
        let counts = Counts::decode(source);
        let pending = Ranges::decode(source);
        let (next_head, boot) = (source.u32(), source.u32());
        let mut bounds = Vec::new();
        for _ in 0..source.len() {
            bounds.push((source.u32(), Bound::decode(source)));
        }
        let session = Session { start: source.i64(), last: source.i64() };
        let mut consent = Consent::default();
        for _ in 0..source.len() {
            let category = source.text();
            let granted = source.fixed(1) == 1;
            let choice = if granted { Choice::Granted } else { Choice::Denied };
            consent.choices.push((category, choice));
        }
        let (told, told_acknowledged) = (source.u64(), source.u64());
        let known = counts.acknowledged.wrapping_add(counts.given_up());
        source.must(known.wrapping_add(pending.count()) == counts.created);
        let state = Self {
            install,
            anonymous_id,
            user_id,
            counts,
            next_head,
            boot,
            bounds,
            session,
            consent,
            told,
            told_acknowledged,
        };
        source.is_whole().then_some((state, pending))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notice::DropReason;
    use proptest::prelude::*;

    fn sample() -> (State, Ranges) {
        let mut consent = Consent::default();
        consent.choose("analytics", Choice::Granted);
        consent.choose("ads", Choice::Denied);
        let mut counts = Counts::default();
        (counts.created, counts.acknowledged) = (40, 30);
        counts.reject("missing_id");
        counts.drop(DropReason::QueueFull, false, 3);
        counts.drop(DropReason::Damaged, true, 1);
        let mut pending = Ranges::default();
        [31, 32, 35, 39, 40].iter().for_each(|number| pending.push(*number));
        let state = State {
            install: Uuid([9; 16]),
            anonymous_id: "a-1".into(),
            user_id: "é".into(),
            counts,
            next_head: 7,
            boot: 3,
            bounds: vec![(2, Bound { low: -5, high: 900, guess: 7 })],
            session: Session { start: -1, last: 99 },
            consent,
            told: 2,
            told_acknowledged: 29,
        };
        (state, pending)
    }

    #[test]
    fn a_state_reads_back_and_every_cut_is_noticed() {
        let (mut state, pending) = sample();
        let own = Bound { low: 0, high: 1, guess: 0 };
        let mut record = Vec::new();
        state.encode(&pending, Some(own), &mut record);
        state.bounds.push((3, own));
        assert_eq!(State::decode(&record), Some((state, pending)));
        for len in 0..record.len() {
            assert_eq!(State::decode(&record[..len]), None, "{len}");
        }
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(at in 0usize..120, byte in any::<u8>()) {
            let mut record = Vec::new();
            let (state, pending) = sample();
            state.encode(&pending, None, &mut record);
            if let Some(place) = record.get_mut(at) {
                *place = byte;
            }
            State::decode(&record);
        }
    }
}
