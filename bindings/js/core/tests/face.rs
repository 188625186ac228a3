//! The face is fed by pages: whatever comes, it answers in well-formed fields and never panics.
#![allow(clippy::unwrap_used, reason = "a test that cannot read is a failure")]

use proptest::prelude::*;
use sillage_web::face::Face;

fn field(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&u32::try_from(bytes.len()).unwrap().to_le_bytes());
    out.extend_from_slice(bytes);
}

fn command(fields: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    fields.iter().for_each(|text| field(&mut out, text.as_bytes()));
    out
}

/// The fields of an answer, if its lengths add up.
fn fields(answer: &[u8]) -> Option<Vec<Vec<u8>>> {
    let take = |bytes: &mut &[u8]| {
        let (len, rest) = bytes.split_first_chunk::<4>()?;
        let (field, rest) = rest.split_at_checked(u32::from_le_bytes(*len) as usize)?;
        *bytes = rest;
        Some(field.to_vec())
    };
    let mut rest = answer;
    let inner = take(&mut rest)?;
    let mut inner: &[u8] = &inner;
    let mut all = Vec::new();
    while !inner.is_empty() {
        all.push(take(&mut inner)?);
    }
    rest.is_empty().then_some(all)
}

proptest! {
    #[test]
    fn anything_is_answered_in_fields(
        numbers in prop::collection::vec((0u64..40, prop::collection::vec("[0-9a-z{}\":,]{0,12}", 0..10)), 0..20),
        tail in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let mut face = Face::default();
        let mut commands = command(&["10", "1000", "1795341600000", "entropy"]);
        for (number, rest) in numbers {
            let texts: Vec<&str> = rest.iter().map(String::as_str).collect();
            commands.extend(command(&[&number.to_string(), "2000", "1795341601000"]));
            commands.extend(command(&texts));
        }
        commands.extend(tail);
        prop_assert!(fields(face.run(&commands)).is_some());
        prop_assert!(fields(face.run(&command(&["31", "3000", "1795341602000"]))).is_some());
    }
}

#[test]
fn what_comes_before_the_beginning_does_nothing() {
    let mut face = Face::default();
    assert_eq!(fields(face.run(&command(&["11", "1", "1", "Seen"]))), Some(Vec::new()));
    assert_eq!(fields(face.run(&[])), Some(Vec::new()));
}
