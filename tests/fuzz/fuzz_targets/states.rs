//! Any bytes are a state or are refused; a state that was let in can be written again and lived with.
#![no_main]
use libfuzzer_sys::fuzz_target;
use sillage_engine::{Plan, Record};
use sillage_fuzz::{START, blank, fold, plan};
use sillage_model::{PersonKey, ReceiptMillis};
use std::sync::LazyLock;

static PLAN: LazyLock<Plan> = LazyLock::new(plan);

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    if *kind == 0 {
        let Ok(record) = Record::decode(bytes) else { return };
        let mut written = Vec::new();
        record.encode(&mut written);
        let mut again = Vec::new();
        Record::decode(&written).expect("just written").encode(&mut again);
        assert_eq!(written, again);
        assert!(record.sessions(&PLAN).len() <= bytes.len());
        record.profile(&PLAN, &PersonKey::user("p"), START, 1);
        return;
    }
    let mut person = blank();
    if person.absorb(&PLAN, "d", bytes, ReceiptMillis(START), &mut Vec::new()).is_ok() {
        fold(&PLAN, &mut person, &[0, 33, 66, 99, 132, 8, 41]);
    }
});
