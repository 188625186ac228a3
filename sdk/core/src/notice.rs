//! What the app may want to know.
use alloc::string::String;
use alloc::vec::Vec;

/// Something that happened inside. Nothing needs to be done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// The device's public segments are others than before: all of them, sorted.
    SegmentsChanged(Vec<String>),
    /// Events were accepted by the collector, or had been before.
    Delivered(u32),
    /// The collector refused an event; it can be found among its dead letters.
    Rejected {
        /// The event's sequence number.
        seq: u64,
        /// The collector's code.
        code: String,
    },
    /// Events are gone without having been delivered.
    Dropped {
        /// Why.
        reason: DropReason,
        /// How many.
        count: u32,
    },
    /// The answer to a batch was not the collector's: a captive portal, a proxy, a wrong address.
    ForeignAnswer {
        /// Its status.
        status: u16,
    },
    /// The collector does not want this write key, or is not at this address: nothing is sent for
    /// an hour, nothing is lost.
    Held {
        /// 401, 403, 404 or 405.
        status: u16,
    },
    /// The collector says that this address is gone for good: nothing more is sent by this process,
    /// and no event is taken.
    Stopped,
}

/// Why an event was given up. Its name on the wire is [`DropReason::as_str`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DropReason {
    /// The queue held as many events or bytes as it may.
    QueueFull,
    /// It grew older than events may.
    Expired,
    /// It waited for storage or consent with more others than may wait.
    WaitingFull,
    /// The person denied the consent that it needs.
    ConsentDenied,
    /// The person withdrew the consent that it needs, before it was delivered.
    ConsentWithdrawn,
    /// Its name is sampled, and it was not drawn.
    Sampled,
    /// It has no name or no subject, its properties are no JSON object, or an id is too long.
    Invalid,
    /// It is larger than a collector takes.
    TooLarge,
    /// The collector refuses any batch that holds it.
    Refused,
    /// The collector said that it is gone for good.
    Stopped,
    /// It died with its process, before it was written.
    Unwritten,
    /// Its record in storage was damaged or missing.
    Damaged,
}

impl DropReason {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 12] = [
        Self::QueueFull,
        Self::Expired,
        Self::WaitingFull,
        Self::ConsentDenied,
        Self::ConsentWithdrawn,
        Self::Sampled,
        Self::Invalid,
        Self::TooLarge,
        Self::Refused,
        Self::Stopped,
        Self::Unwritten,
        Self::Damaged,
    ];

    /// Its name on the wire and in the ledger.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::Expired => "expired",
            Self::WaitingFull => "waiting_full",
            Self::ConsentDenied => "consent_denied",
            Self::ConsentWithdrawn => "consent_withdrawn",
            Self::Sampled => "sampled",
            Self::Invalid => "invalid",
            Self::TooLarge => "too_large",
            Self::Refused => "refused",
            Self::Stopped => "stopped",
            Self::Unwritten => "unwritten",
            Self::Damaged => "damaged",
        }
    }
}

/// Drops that the app has not been told of: one number a reason, however many there are.
#[derive(Debug, Default)]
pub(crate) struct Drops([u32; DropReason::ALL.len()]);

impl Drops {
    pub(crate) fn note(&mut self, reason: DropReason, count: u32) {
        let sum = &mut self.0[reason as usize];
        *sum = sum.saturating_add(count);
    }

    pub(crate) fn take(&mut self) -> Option<Notice> {
        let known = DropReason::ALL.iter().zip(&mut self.0);
        let (reason, count) = known.into_iter().find(|(_, count)| **count > 0)?;
        Some(Notice::Dropped { reason: *reason, count: core::mem::take(count) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_listed_in_the_order_of_their_numbers() {
        for (number, reason) in DropReason::ALL.iter().enumerate() {
            assert_eq!(*reason as usize, number);
        }
    }
}
