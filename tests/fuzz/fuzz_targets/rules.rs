//! Any text is a rule or gets a diagnostic whose place lies in it; what compiles can be lived with.
#![no_main]
use libfuzzer_sys::fuzz_target;
use sillage_engine::{Plan, Record, RulePart, RuleSet, SegmentSource};
use sillage_fuzz::{blank, fold, zone};
use sillage_model::SegmentIndex;

const LIFE: [u8; 24] =
    [0, 33, 66, 99, 132, 165, 198, 231, 8, 41, 74, 107, 16, 49, 82, 115, 24, 57, 90, 123, 3, 36, 67, 200];

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (when, exit) = text.split_once('\0').unwrap_or((text, ""));
    let source = SegmentSource {
        key: "s0".into(),
        when: when.into(),
        exit: (!exit.is_empty()).then(|| exit.into()),
        ..SegmentSource::default()
    };
    let other = SegmentSource { key: "s1".into(), when: "exists(\"A\")".into(), ..source.clone() };
    let set = RuleSet { segments: vec![source, other], zone: zone(), ..RuleSet::default() };
    match Plan::compile(&set) {
        Ok(plan) => {
            let mut record = blank();
            let now = fold(&plan, &mut record, &LIFE);
            let mut bytes = Vec::new();
            record.encode(&mut bytes);
            let mut again = Vec::new();
            Record::decode(&bytes).expect("just written").encode(&mut again);
            assert_eq!(bytes, again);
            let found = record.explain(&plan, SegmentIndex(0), now, &[]);
            let inside = record.members().iter().any(|member| member.segment.0 == 0);
            assert_eq!(found.member, inside);
        }
        Err(found) => {
            assert!(!found.is_empty());
            for fault in found {
                let text = if fault.part == RulePart::Exit { exit } else { when };
                assert!(fault.segment != "s0" || text.get(fault.span.clone()).is_some(), "{fault:?}");
            }
        }
    }
});
