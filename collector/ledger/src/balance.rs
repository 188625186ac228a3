use crate::Counts;
use sillage_model::ReceiptMillis;

/// What became of the events of an installation.
///
/// # Guarantees
/// `created + surplus = received + rejected + dropped + (unsure − unsure_arrived) + pending + lost`,
/// unless an installation contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Balance {
    /// Installations: 1, or 0 of what the collector alone counted.
    pub installs: u64,
    /// Events created, as the device says.
    pub created: u64,
    /// Events made durable here, each once.
    pub received: u64,
    /// Events that came again.
    pub duplicates: u64,
    /// Events refused, by code: those that the device knows of and those of its newest batch.
    pub rejected: Counts,
    /// Events that the device gave up and that never arrived, by reason.
    pub dropped: Counts,
    /// Events that the device gave up without knowing whether they arrived, by reason.
    pub unsure: Counts,
    /// How many of these arrived.
    pub unsure_arrived: u64,
    /// Events that wait on the device, as of its newest report.
    pub pending: u64,
    /// Events that the device believes to be here and that are not.
    pub lost: u64,
    /// Events that are here beyond those that were ever created: a backup that was restored on two
    /// devices.
    pub surplus: u64,
    /// When the latest report came.
    pub last_report: ReceiptMillis,
}

impl Balance {
    /// Derives what follows from the counts, if at most `pending_max` events wait on the device.
    pub(crate) fn settle(&mut self, pending_max: u64) {
        let accounted = self.received + self.rejected.sum() + self.dropped.sum();
        let outstanding = self.created.saturating_sub(accounted);
        let unsure = self.unsure.sum();
        self.surplus = accounted.saturating_sub(self.created);
        self.lost = outstanding.saturating_sub(pending_max.saturating_add(unsure));
        self.pending = outstanding.min(pending_max);
        let not_arrived = outstanding.saturating_sub(self.lost + self.pending);
        self.unsure_arrived = unsure.saturating_sub(not_arrived);
    }

    /// Without what waits: of a device that may never come again, these were never to be had. If it
    /// does come, they are in its new row.
    #[must_use]
    pub fn without_pending(mut self) -> Self {
        self.created = self.created.saturating_sub(self.pending);
        self.pending = 0;
        self
    }
}
