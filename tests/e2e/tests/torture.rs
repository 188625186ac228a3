//! A slice of the torture that `torture --kills 500 --cuts 500` is: see `src/bin/torture.rs`.
use sillage_e2e::binary;
use std::path::Path;
use std::process::Command;

/// Runs the program, which must find nothing wrong; what it has printed.
#[allow(clippy::print_stdout, reason = "what is measured is told")]
fn torture(arguments: &[&str]) -> String {
    for (program, package) in
        [("strace", "strace"), ("mkfs.ext4", "e2fsprogs"), ("unshare", "util-linux")]
    {
        let found = Command::new(program).arg("-V").output();
        assert!(
            found.is_ok(),
            "{program} is missing: .ci/setup test, or apt-get install {package}"
        );
    }
    let id = Command::new("id").arg("-u").output().expect("id runs");
    assert_eq!(id.stdout, b"0\n", "file systems of its own and power cuts take root");
    let program = Path::new(env!("CARGO_BIN_EXE_torture"));
    let output = Command::new(program).env("SILLAGE_BIN", binary()).args(arguments).output();
    let output = output.expect("it runs");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let complained = String::from_utf8_lossy(&output.stderr);
    println!("{printed}");
    assert!(output.status.success(), "{printed}\n{complained}");
    printed
}

#[test]
fn kills_at_any_time_and_call_lose_and_double_nothing() {
    let printed = torture(&["--kills", "20", "--seed", "11"]);
    assert!(printed.contains("| live | ingest |") || printed.contains("| live | append |"));
    assert!(printed.contains("| recovering |"), "some came while it recovered");
}

#[test]
fn power_cuts_lose_and_double_nothing_but_where_answers_do_not_wait_for_the_disk() {
    let printed = torture(&["--cuts", "15", "--control", "2", "--seed", "12"]);
    assert!(
        printed.contains("came up by itself after 2"),
        "the control lost events, and no more than that"
    );
}

#[test]
fn disks_that_fill_fail_or_hang_cost_no_acknowledged_event() {
    let printed = torture(&["--faults", "1", "--seed", "13"]);
    assert!(printed.contains("took events again by itself"));
}

#[test]
fn damage_to_files_is_named_or_harmless() {
    let printed = torture(&["--damage", "1", "--seed", "14"]);
    assert!(printed.contains("is damaged at position"));
}
