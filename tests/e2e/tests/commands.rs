//! The commands that people run first, on real files.
use sillage_e2e::binary;
use std::path::Path;
use std::process::Command;

/// Tests run in the folder of their crate.
fn root() -> &'static Path {
    Path::new("../..")
}

/// Runs the binary; its output, once it ended well.
fn run(words: &[&str], data_dir: Option<&Path>) -> String {
    let mut command = Command::new(binary());
    command.current_dir(root()).args(words);
    if let Some(folder) = data_dir {
        command.arg("--data-dir").arg(folder);
    }
    let output = command.output().expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {said}{complained}");
    said
}

#[test]
fn the_demo_ends_by_finding_itself_right() {
    let said = run(&["demo", "--plain", "--seconds", "2"], None);
    assert!(said.contains("live state and replayed log are equal: 5092 states"), "{said}");
    assert!(said.contains("11695 sessions"), "{said}");
    assert!(said.contains("redis-cli -p"), "{said}");
}

#[test]
fn files_come_in_once_and_replay_to_the_same_state() {
    let table = [
        ("onlineshop", "clicks", "simple_onlineshop_35k.csv.gz", "35381", "6454 sessions"),
        ("readers", "readers", "wikipedia_readers_63k.csv.gz", "63524", "22224 sessions"),
    ];
    for (folder, project, file, events, sessions) in table {
        let data = tempfile::tempdir().expect("a folder");
        let config = format!("examples/{folder}/sillage.toml");
        let (map, file) =
            (format!("examples/{folder}/map.toml"), format!("examples/{folder}/{file}"));
        let import = ["import", &file, "--project", project, "--map", &map, "--config", &config];
        let first = run(&import, Some(data.path()));
        assert!(first.contains(&format!("{events} events read, {events} new")), "{first}");
        assert!(first.contains(sessions), "{first}");
        let again = run(&import, Some(data.path()));
        assert!(again.contains("0 events read") && again.contains(sessions), "{again}");
        // Without its mark the file is read again, and every event is known.
        std::fs::remove_dir_all(data.path().join(project).join("import")).expect("marks are there");
        let known = run(&import, Some(data.path()));
        assert!(known.contains(&format!("0 new, {events} known already")), "{known}");
        let replay = run(&["replay", "--project", project, "--config", &config], Some(data.path()));
        assert!(replay.contains("are equal"), "{replay}");
    }
}

#[test]
fn wrong_rules_are_underlined_and_fail() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("sillage.toml");
    let rules = "[[project]]\nname = \"shop\"\n[[project.segment]]\nkey = \"a\"\n\
                 when = 'session.evnts > 3'\n";
    std::fs::write(&config, rules).expect("writable");
    let output = Command::new(binary())
        .args(["segments", "check", "--config"])
        .arg(&config)
        .output()
        .expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("^^^^^") && said.contains("did you mean `events`?"), "{said}");
}
