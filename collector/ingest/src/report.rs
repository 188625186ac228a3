//! What a batch adds to the loss ledger: a report of the installation that sent it, written with its
//! events; or, of senders that say nothing about themselves, numbers to be added up.
use crate::admit::{Admission, Admitted, record};
use crate::context::consents;
use sillage_ledger::{Counts, Source, Told};
use sillage_model::{
    EventId, EventTime, Fact, FactKind, Map, ReceiptMillis, SharedContexts, partition_of,
};
use sillage_wire::{Batch, Sillage};
use std::borrow::Cow;

impl Admission {
    /// Adds the report of a batch to its append, as the tally; or gives the source under which the
    /// batch is to be counted, because its sender tells nothing, or must not be remembered.
    ///
    /// Where a consent is required, an installation is only named if somebody on it has given it.
    pub(crate) fn report(
        &self,
        batch: &Batch<'_>,
        context: Map<'_>,
        received: ReceiptMillis,
        admitted: &mut Admitted,
    ) -> Option<Source> {
        let first = SharedContexts::from_bytes(&admitted.append.shared).get(0).unwrap_or_default();
        let library = if context.get("library").is_some() { context } else { first };
        let of = |path| library.text(path).unwrap_or_default();
        let source = Source::new((of("library.name"), of("library.version")));
        let consented = admitted.events > 0 || consents(context, &self.consent_required);
        let sillage = batch.envelope.sillage.as_ref().filter(|_| consented);
        let Some((sillage, created)) = sillage.and_then(|s| Some((s, s.seq?))) else {
            return Some(source);
        };
        if sillage.install.is_empty() {
            return Some(source);
        }
        let told = Told {
            source: (&source.name, &source.version),
            created,
            acknowledged: sillage.acknowledged.unwrap_or(0),
            rejected: counts(&sillage.rejected),
            dropped: counts(&sillage.dropped),
            unsure: counts(&sillage.unsure),
            last_batch: batch.event_count() as u64,
            last_rejected: admitted.rejected.iter().map(|event| (event.code, 1)).collect(),
        };
        self.append(sillage, &told, received, admitted);
        None
    }

    fn append(
        &self,
        sillage: &Sillage<'_>,
        told: &Told<'_>,
        received: ReceiptMillis,
        admitted: &mut Admitted,
    ) {
        let append = &mut admitted.append;
        let start = append.bodies.len();
        let subject = format!("i:{}", sillage.install);
        report_fact(&subject, received).encode_head(None, &mut append.bodies);
        told.encode(&mut append.bodies);
        let partition = partition_of(&subject, self.partitions);
        append.tally = u32::try_from(append.records.len()).ok();
        // The log does not look at a tally's id.
        append.records.push(record(EventId(0), partition, start, &append.bodies));
    }
}

/// A report about `subject`, without its properties.
pub(crate) fn report_fact(subject: &str, received: ReceiptMillis) -> Fact<'_> {
    Fact {
        kind: FactKind::Report,
        subject,
        device: "",
        at: EventTime(received.0),
        received,
        seq: None,
        name: "",
        message_id: "",
        context: Map::default(),
        props: Map::default(),
    }
}

fn counts(told: &[(Cow<'_, str>, u64)]) -> Counts {
    told.iter().map(|(name, count)| (&**name, *count)).collect()
}
