//! Events on their way, oldest first.
use crate::event::{Priority, Queued};
use alloc::vec::Vec;

/// By ascending number. An event that has left leaves its place behind until half of all places are
/// empty: taking one out of the middle moves no others.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    places: Vec<(u64, Option<Queued>)>,
    /// All places before this one are empty.
    front: usize,
    len: usize,
    /// Of each priority.
    lens: [usize; 3],
    bytes: usize,
}

/// Empty places that are not worth a move of the others.
const PLACES_SPARE: usize = 32;

impl Queue {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Puts an event at the end; its number is higher than all others.
    pub(crate) fn push(&mut self, event: Queued) {
        self.bytes += event.record.len();
        self.len += 1;
        self.lens[event.priority as usize] += 1;
        self.places.push((event.seq, Some(event)));
    }

    /// The event with the lowest number above `seq`.
    pub(crate) fn after(&self, seq: u64) -> Option<&Queued> {
        let rest = self.places.get(self.place(seq + 1)..).unwrap_or_default();
        rest.iter().find_map(|(_, event)| event.as_ref())
    }

    /// All events by ascending number.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Queued> {
        let rest = self.places.get(self.front..).unwrap_or_default();
        rest.iter().filter_map(|(_, event)| event.as_ref())
    }

    pub(crate) fn find(&self, seq: u64) -> Option<&Queued> {
        let (number, event) = self.places.get(self.place(seq))?;
        event.as_ref().filter(|_| *number == seq)
    }

    pub(crate) fn find_mut(&mut self, seq: u64) -> Option<&mut Queued> {
        let place = self.place(seq);
        let (number, event) = self.places.get_mut(place)?;
        event.as_mut().filter(|_| *number == seq)
    }

    pub(crate) fn take(&mut self, seq: u64) -> Option<Queued> {
        let place = self.place(seq);
        let (number, event) = self.places.get_mut(place)?;
        let event = event.take_if(|_| *number == seq)?;
        self.bytes -= event.record.len();
        self.len -= 1;
        self.lens[event.priority as usize] -= 1;
        while let Some((_, None)) = self.places.get(self.front) {
            self.front += 1;
        }
        if self.places.len() > 2 * self.len + PLACES_SPARE {
            self.places.retain(|(_, event)| event.is_some());
            self.front = 0;
        }
        Some(event)
    }

    /// The first place, of those that may be full, of a number not below this.
    fn place(&self, seq: u64) -> usize {
        self.places.partition_point(|(number, _)| *number < seq).max(self.front)
    }

    /// Takes out the one to be dropped in favour of an event of this priority: the oldest of the
    /// lowest, one that certainly never arrived before one that may have. None that is in flight.
    pub(crate) fn take_least(&mut self, below_or_at: Priority) -> Option<Queued> {
        let rank = |event: &Queued| (event.priority as usize) << 1 | usize::from(event.tried);
        let lowest = self.lens.iter().position(|len| *len > 0)? << 1;
        let (mut least, mut seq) = ((below_or_at as usize + 1) << 1, 0);
        for event in self.iter() {
            if !event.in_flight && rank(event) < least {
                (least, seq) = (rank(event), event.seq);
                if least == lowest {
                    break;
                }
            }
        }
        self.take(seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(seq: u64, priority: Priority) -> Queued {
        let record = vec![0; 34].into();
        let (since, in_flight, tried) = (None, false, false);
        Queued { seq, head: 0, boot: 1, at: 0, priority, since, in_flight, tried, record }
    }

    fn numbers(queue: &Queue) -> Vec<u64> {
        queue.iter().map(|event| event.seq).collect()
    }

    #[test]
    fn events_come_out_by_number_whatever_their_priority() {
        let mut queue = Queue::default();
        let priorities = [Priority::High, Priority::Low, Priority::Normal, Priority::Low];
        for (seq, priority) in (1..).zip(priorities) {
            queue.push(event(seq, priority));
        }
        assert_eq!(numbers(&queue), [1, 2, 3, 4]);
        assert_eq!(queue.after(1).map(|event| event.seq), Some(2));
        assert!(queue.after(4).is_none());
        assert_eq!(queue.take(3).unwrap().seq, 3);
        assert!(queue.take(3).is_none());
        assert_eq!((numbers(&queue), queue.bytes()), (vec![1, 2, 4], 3 * 34));
    }

    #[test]
    fn the_oldest_of_the_lowest_goes_first_and_never_one_in_flight() {
        let mut queue = Queue::default();
        for (seq, priority) in
            [(1, Priority::High), (2, Priority::Low), (3, Priority::Low), (4, Priority::Low)]
        {
            queue.push(event(seq, priority));
        }
        queue.find_mut(2).unwrap().in_flight = true;
        queue.find_mut(3).unwrap().tried = true;
        let mut gone = |priority| queue.take_least(priority).map(|event| event.seq);
        assert_eq!(gone(Priority::Low), Some(4), "3 may have arrived");
        assert_eq!(gone(Priority::Normal), Some(3));
        assert_eq!(gone(Priority::Normal), None, "conversions outlive it");
        assert_eq!(gone(Priority::High), Some(1));
    }
}
