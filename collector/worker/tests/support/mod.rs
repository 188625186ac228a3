//! What the worker's tests feed it.
use sillage_eventlog::{Append, AppendRecord};
use sillage_model::{
    EventId, EventTime, Fact, FactKind, Map, PARTITIONS_EMBEDDED, ReceiptMillis, partition_of,
};

/// One event "Tried" of Ada's, received when it happened.
pub(crate) fn tried(id: u128, at: i64) -> Append {
    let fact = Fact {
        kind: FactKind::Track,
        subject: "u:ada",
        device: "",
        at: EventTime(at),
        received: ReceiptMillis(at),
        seq: None,
        name: "Tried",
        message_id: "m",
        context: Map::default(),
        props: Map::default(),
    };
    let mut append = Append::default();
    fact.encode(None, &mut append.bodies);
    let body = (0, u32::try_from(append.bodies.len()).expect("a short fact"));
    let partition = partition_of("u:ada", PARTITIONS_EMBEDDED);
    append.records.push(AppendRecord { id: EventId(id), partition, body, companion: false });
    append
}
