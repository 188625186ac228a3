//! Writes the first corpora: the rules, the states of some made-up histories, and what each writer makes.
use sillage_fuzz::{RULES, blank, fold, plan};
use std::fs;

fn main() -> std::io::Result<()> {
    fs::create_dir_all("corpus/rules")?;
    fs::create_dir_all("corpus/states")?;
    for (index, rule) in RULES.iter().enumerate() {
        fs::write(format!("corpus/rules/seed-{index:02}"), rule)?;
    }
    for target in sillage_foreign::TARGETS {
        let folder = format!("corpus/{}", target.name);
        fs::create_dir_all(&folder)?;
        for (index, seed) in (target.seeds)().into_iter().enumerate() {
            fs::write(format!("{folder}/seed-{index:03}"), seed)?;
        }
    }
    let plan = plan();
    for length in [0_u8, 1, 5, 20, 60] {
        let bytes: Vec<u8> = (0..length).map(|n| n.wrapping_mul(37)).collect();
        let mut record = blank();
        fold(&plan, &mut record, &bytes);
        let mut encoded = vec![0];
        record.encode(&mut encoded);
        fs::write(format!("corpus/states/record-{length:02}"), encoded)?;
        fs::write(format!("corpus/states/history-{length:02}"), [&[1], &record.export()[..]].concat())?;
    }
    Ok(())
}
