//! The segments whose inputs changed, by their place in the order of evaluation.
use alloc::vec::Vec;

/// For whom a change matters. Of a count that only grew, somebody who is in a segment because the
/// count is large need not be looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Matters {
    Always,
    /// To who is not in the segment.
    Outside,
    /// To who is in it.
    Inside,
}

/// A set of places. The first 256 need no allocation, so that one can be made per fact.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Touched {
    first: [Word; INLINE_WORDS],
    more: Vec<Word>,
}

/// 64 places.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Word {
    outside: u64,
    inside: u64,
}

/// Words that are kept in place.
const INLINE_WORDS: usize = 4;

impl Touched {
    /// Adds one place.
    pub(crate) fn mark(&mut self, place: u16, matters: Matters) {
        let index = usize::from(place / 64);
        let bit = 1 << (place % 64);
        if index >= INLINE_WORDS + self.more.len() {
            self.more.resize(index - INLINE_WORDS + 1, Word::default());
        }
        let word = match self.first.get_mut(index) {
            Some(word) => word,
            None => &mut self.more[index - INLINE_WORDS],
        };
        if matters != Matters::Inside {
            word.outside |= bit;
        }
        if matters != Matters::Outside {
            word.inside |= bit;
        }
    }

    /// Adds several places, for everybody.
    pub(crate) fn mark_all(&mut self, places: impl IntoIterator<Item = u16>) {
        for place in places {
            self.mark(place, Matters::Always);
        }
    }

    /// The first place from `from` on that matters to anybody.
    pub(crate) fn next(&self, from: usize) -> Option<u16> {
        let mut index = from / 64;
        let mut hidden = !0_u64 << (from % 64);
        loop {
            let word = self.word(index)?;
            let bits = (word.outside | word.inside) & hidden;
            if bits != 0 {
                let place = index * 64 + bits.trailing_zeros() as usize;
                return u16::try_from(place).ok();
            }
            index += 1;
            hidden = !0;
        }
    }

    /// Whether a place matters to who is inside or outside.
    pub(crate) fn matters(&self, place: u16, inside: bool) -> bool {
        let word = self.word(usize::from(place / 64)).unwrap_or_default();
        let bits = if inside { word.inside } else { word.outside };
        bits & (1 << (place % 64)) != 0
    }

    /// Whether nothing is in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.next(0).is_none()
    }

    fn word(&self, index: usize) -> Option<Word> {
        let more = || self.more.get(index - INLINE_WORDS);
        self.first.get(index).or_else(more).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_marked_is_found_in_order() {
        let marked = [0, 63, 64, 255, 256, 999, u16::MAX];
        let mut touched = Touched::default();
        assert!(touched.is_empty());
        for place in marked.into_iter().rev() {
            touched.mark_all([place]);
            assert!(!touched.is_empty());
        }
        let mut found = Vec::new();
        let mut from = 0;
        while let Some(place) = touched.next(from) {
            found.push(place);
            from = usize::from(place) + 1;
        }
        assert_eq!(found, marked);
    }

    #[test]
    fn it_is_known_to_whom_a_change_matters() {
        let mut touched = Touched::default();
        touched.mark(3, Matters::Outside);
        touched.mark(300, Matters::Inside);
        touched.mark(4, Matters::Outside);
        touched.mark(4, Matters::Inside);
        let matters = |place| [touched.matters(place, false), touched.matters(place, true)];
        assert_eq!(matters(3), [true, false]);
        assert_eq!(matters(300), [false, true]);
        assert_eq!(matters(4), [true, true]);
        assert_eq!([touched.next(5), touched.next(301)], [Some(300), None]);
    }
}
