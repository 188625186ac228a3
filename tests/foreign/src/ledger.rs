//! What the loss ledger keeps in facts and in the state store.
use sillage_ledger::{Counted, Counts, Report, Row, Source, Tally, Told, Total};
use sillage_model::ReceiptMillis;

/// Any bytes are refused or read; what was read is written and read as the same.
pub(crate) fn check(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    let mut rest = bytes;
    let mut out = Vec::new();
    match kind % 4 {
        0 => {
            let Ok(report) = Report::decode(bytes) else { return };
            match report {
                Report::Told(told, tally) => {
                    let mut row = Row::begin(&told, tally, ReceiptMillis(5));
                    row.fold(&told, tally, ReceiptMillis(6));
                    drop(row.balance());
                    told.encode(&mut out);
                    out.extend_from_slice(&tally.accepted.to_le_bytes());
                    out.extend_from_slice(&tally.duplicates.to_le_bytes());
                    let again = Report::decode(&out).expect("just written");
                    let Report::Told(again, again_tally) = again else { panic!("{again:?}") };
                    // A library without a name or version is written as unknown.
                    let named = Told { source: again.source, ..told };
                    assert_eq!((again, again_tally), (named, tally));
                }
                Report::Counted(counted) => {
                    Total::default().count(&counted, ReceiptMillis(5));
                    counted.encode(&mut out);
                    let again = Report::decode(&out).expect("just written");
                    let Report::Counted(again) = again else { panic!("{again:?}") };
                    assert_eq!(again, Counted { source: again.source, ..counted });
                }
            }
        }
        1 => {
            let Ok(row) = Row::decode(&mut rest) else { return };
            drop(row.balance());
            row.encode(&mut out);
            assert_eq!(Row::decode(&mut out.as_slice()), Ok(row));
        }
        2 => {
            let Ok(total) = Total::decode(&mut rest) else { return };
            let mut sum = total.clone();
            sum.merge(&total);
            total.encode(&mut out);
            let again = Total::decode(&mut out.as_slice()).expect("just written");
            let mut written = Vec::new();
            again.encode(&mut written);
            assert_eq!(written, out);
            // Names that count nothing are not written.
            assert_eq!(again.dropped.sum(), total.dropped.sum());
        }
        _ => {
            let Ok(source) = Source::decode(&mut rest) else { return };
            source.encode(&mut out);
            assert_eq!(Source::decode(&mut out.as_slice()), Ok(source));
        }
    }
    assert!(rest.len() <= bytes.len());
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut counts = Counts::new();
    counts.add("queue_full", 3);
    counts.add("too_old", 1 << 40);
    let told = |acknowledged| Told {
        source: ("sillage-rust", "0.1.0"),
        created: 900,
        acknowledged,
        rejected: counts.clone(),
        dropped: counts.clone(),
        unsure: counts.clone(),
        last_batch: 2,
        last_rejected: Counts::new(),
    };
    let tally = Tally { accepted: 2, duplicates: 1 };
    let counted = Counted {
        source: ("x", ""),
        received: 9,
        duplicates: 1,
        rejected: counts.clone(),
        dropped: counts.clone(),
    };
    let mut made = Vec::new();
    for told in [told(0), told(70)] {
        let mut report = vec![0];
        told.encode(&mut report);
        report.extend_from_slice(&[2, 0, 0, 0, 1, 0, 0, 0]);
        let mut row = vec![1];
        let kept = Row::begin(&told, tally, ReceiptMillis(77));
        kept.encode(&mut row);
        let mut total = Total::default();
        total.add(&kept.balance());
        total.count(&counted, ReceiptMillis(78));
        let mut sum = vec![2];
        total.encode(&mut sum);
        made.extend([report, row, sum]);
    }
    let mut report = vec![0];
    counted.encode(&mut report);
    let mut source = vec![3];
    Source::new(("sillage-web", "0.1.0")).encode(&mut source);
    made.extend([report, source]);
    made
}
