//! The lists fit the tree: a bug whose line has gone would be tried no more.
use sillage_mutants::Suite;
use std::path::Path;

#[test]
fn every_mutant_finds_its_line_and_has_somebody_to_notice_it() {
    let root = Path::new("../..");
    for (name, at_least) in [("core", 25), ("collector", 25)] {
        let suite = Suite::read(root, name).unwrap();
        assert!(suite.mutant.len() >= at_least, "{name} has {}", suite.mutant.len());
        let mut lost: Vec<String> =
            suite.mutant.iter().filter_map(|m| m.apply(root).err()).collect();
        for mutant in &suite.mutant {
            let known = suite.detector.iter().any(|d| d.tells_promises);
            let unknown =
                |caught: &&String| !known && suite.detector.iter().all(|d| d.name != **caught);
            lost.extend(
                mutant
                    .caught
                    .iter()
                    .filter(unknown)
                    .map(|who| format!("{}: who is {who}?", mutant.name)),
            );
            if suite.detectors(mutant).next().is_none() {
                lost.push(format!("{}: nobody looks", mutant.name));
            }
        }
        assert_eq!(lost, Vec::<String>::new());
    }
}
