//! Events on their way, oldest first, apart by priority so that who is dropped first is at hand.
use crate::event::{Priority, Queued};
use alloc::collections::VecDeque;

/// Three lanes, each in the order of the sequence numbers.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    lanes: [VecDeque<Queued>; 3],
    bytes: usize,
}

impl Queue {
    pub(crate) fn len(&self) -> usize {
        self.lanes.iter().map(VecDeque::len).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lanes.iter().all(VecDeque::is_empty)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Puts an event at the end; its number is higher than all others.
    pub(crate) fn push(&mut self, event: Queued) {
        self.bytes += event.record.len();
        if let Some(lane) = self.lanes.get_mut(event.priority.index()) {
            lane.push_back(event);
        }
    }

    /// The event with the lowest number above `seq`.
    pub(crate) fn after(&self, seq: u64) -> Option<&Queued> {
        let next = |lane: &VecDeque<Queued>| lane.partition_point(|event| event.seq <= seq);
        let nexts = self.lanes.iter().filter_map(|lane| lane.get(next(lane)));
        nexts.min_by_key(|event| event.seq)
    }

    /// All events by ascending number.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Queued> {
        let [low, normal, high] = &self.lanes;
        let mut lanes = [low.iter().peekable(), normal.iter().peekable(), high.iter().peekable()];
        core::iter::from_fn(move || {
            let next = (0..lanes.len())
                .filter_map(|lane| Some((lanes.get_mut(lane)?.peek()?.seq, lane)))
                .min()?;
            lanes.get_mut(next.1)?.next()
        })
    }

    /// The oldest event of each priority.
    pub(crate) fn fronts(&self) -> impl Iterator<Item = &Queued> {
        self.lanes.iter().filter_map(VecDeque::front)
    }

    pub(crate) fn find_mut(&mut self, seq: u64) -> Option<&mut Queued> {
        self.lanes.iter_mut().find_map(|lane| {
            let at = lane.binary_search_by_key(&seq, |event| event.seq).ok()?;
            lane.get_mut(at)
        })
    }

    pub(crate) fn take(&mut self, seq: u64) -> Option<Queued> {
        let event = self.lanes.iter_mut().find_map(|lane| {
            let at = lane.binary_search_by_key(&seq, |event| event.seq).ok()?;
            // The front goes without moving the others, and it mostly is the front.
            lane.remove(at)
        })?;
        self.bytes -= event.record.len();
        Some(event)
    }

    /// Takes out the one to be dropped in favour of an event of this priority: the oldest of the
    /// lowest, one that certainly never arrived before one that may have. None that is in flight.
    pub(crate) fn take_least(&mut self, below_or_at: Priority) -> Option<Queued> {
        for lane in self.lanes.iter().take(below_or_at.index() + 1) {
            let mut free = lane.iter().filter(|event| !event.in_flight);
            let first = free.clone().next();
            if let Some(event) = free.find(|event| !event.tried).or(first) {
                return self.take(event.seq);
            }
        }
        None
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
