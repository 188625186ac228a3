//! An upgrade loses nothing: what earlier versions wrote is opened, answers as it did and goes on, and what
//! a later version wrote is refused by name and left as it is.
use serde_json::Value;
use sillage_e2e::kept::{self, DEDUP_OPENED, RULES};
use sillage_e2e::{Collector, Http, Project, binary, until};
use std::collections::BTreeMap;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Everything that `kept` says holds in `now`, which may say more.
fn assert_says(now: &Value, kept: &Value, place: &str) {
    match (now, kept) {
        (Value::Object(now), Value::Object(kept)) => {
            for (name, kept) in kept {
                let now = now.get(name).unwrap_or(&Value::Null);
                assert_says(now, kept, &format!("{place} {name}"));
            }
        }
        (Value::Array(now), Value::Array(kept)) => {
            assert_eq!(now.len(), kept.len(), "{place}: {now:?}");
            for (index, (now, kept)) in now.iter().zip(kept).enumerate() {
                assert_says(now, kept, &format!("{place} {index}"));
            }
        }
        _ => assert_eq!(now, kept, "{place}"),
    }
}

/// The folder's files, each with its length and its bytes up to the zeros that it ends with.
fn files(folder: &Path) -> BTreeMap<PathBuf, (usize, Vec<u8>)> {
    let (mut found, mut open) = (BTreeMap::new(), vec![folder.to_owned()]);
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).expect("readable") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                open.push(path);
            } else {
                let mut bytes = std::fs::read(&path).expect("readable");
                let length = bytes.len();
                bytes
                    .truncate(bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1));
                bytes.shrink_to_fit();
                found.insert(path, (length, bytes));
            }
        }
    }
    found
}

fn opened(folder: &Path) -> Collector {
    Collector::start(folder, "", &format!("{DEDUP_OPENED}{RULES}"))
}

fn batch(http: &mut Http, body: &str) -> Value {
    http.batch(body).expect("an answer").json()
}

#[test]
fn what_earlier_versions_wrote_is_served_as_they_served_it() {
    let all = kept::all();
    assert!(!all.is_empty());
    for kept in all {
        let folder = tempfile::tempdir().expect("a folder");
        kept::unpack(&kept, folder.path());
        let mut collector = opened(folder.path());
        collector.settle();
        let answers = std::fs::read_to_string(kept.join("answers.json")).expect("kept");
        let answers: Value = serde_json::from_str(&answers).expect("JSON");
        let name = kept.display().to_string();
        assert_says(&kept::answers(&collector), &answers, &name);
        until("who was there lately to have left", || {
            let path = "/v1/segments/recent/members";
            let recent = collector.http().get(path, Project::READ_TOKEN).json();
            recent["members"].as_array()?.is_empty().then_some(())
        });
        let sent = std::fs::read_to_string(kept.join("sent.ndjson")).expect("kept");
        retried(&collector, &sent, &name);
        let order = r#"{"batch":[{"type":"track","event":"Order Completed","userId":"u-1",
            "messageId":"new-1","properties":{"revenue":50}}]}"#;
        assert_eq!(batch(&mut collector.http(), order)["accepted"], 1, "{name}");
        collector.settle();
        let orders = |collector: &Collector| {
            let summary = collector.http().get("/v1/summary", Project::READ_TOKEN).json();
            summary["events"]["Order Completed"].as_u64()
        };
        let before = answers["/v1/summary"]["events"]["Order Completed"].as_u64();
        assert_eq!(orders(&collector), before.map(|orders| orders + 1), "{name}");
        assert!(collector.stop(), "{}", collector.log());
        replayed(&collector, &name);
        collector.restart();
        collector.settle();
        assert_eq!(orders(&collector), before.map(|orders| orders + 1), "{name}");
        assert_eq!(batch(&mut collector.http(), order)["duplicates"], 1, "{name}");
        edited(&collector, &name);
        collector.kill();
        collector.restart();
        let saved = collector.http().get("/v1/segments/new", Project::READ_TOKEN);
        assert_eq!(saved.status, 200, "{name}");
    }
}

/// What was acknowledged then is a duplicate now, and what was refused is refused again.
fn retried(collector: &Collector, sent: &str, name: &str) {
    let mut http = collector.http();
    for body in sent.lines() {
        let events: Value = serde_json::from_str(body).expect("JSON");
        let events = events["batch"].as_array().expect("events").len();
        let answer = batch(&mut http, body);
        let count = |name: &str| answer[name].as_u64().unwrap_or(0);
        let rejected = answer["rejected"].as_array().map_or(0, Vec::len);
        assert_eq!(count("accepted"), 0, "{name}: {answer}");
        assert_eq!(count("duplicates") + rejected as u64, events as u64, "{name}: {answer}");
    }
}

/// The log gives the same states, byte for byte, whichever version wrote them.
fn replayed(collector: &Collector, name: &str) {
    let replay = ["replay", "--project", Project::NAME, "--config"];
    let output = Command::new(binary()).args(replay).arg(collector.config()).output();
    let output = output.expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("are equal"), "{name}: {said}");
}

fn edited(collector: &Collector, name: &str) {
    let mut http = collector.http();
    let done = http.admin("PUT", "/v1/segments/new", r#"{"when": "exists(\"Order Completed\")"}"#);
    assert!(done.status < 300, "{name}: {}", String::from_utf8_lossy(&done.body));
    let path = collector.config().with_file_name("data/shop/segments.json");
    until("the change to be made", || {
        let saved: Value = serde_json::from_slice(&std::fs::read(&path).ok()?).ok()?;
        (saved["pending"].is_null() && saved["format"] == 2).then_some(())
    });
}

/// CRC-32C, bit by bit, so that the files are judged by their documents and not by the code that
/// writes them.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0x82f6_3b78 * (crc & 1)))
    })
}

/// Gives a file the number of a later version, under a good checksum at `sealed`.
fn raise(file: &Path, sealed: usize) {
    let file = std::fs::File::options().read(true).write(true).open(file).expect("it is there");
    let mut bytes = vec![0; sealed];
    file.read_exact_at(&mut bytes, 0).expect("it has a header");
    bytes[8..12].copy_from_slice(&9_u32.to_le_bytes());
    bytes.extend_from_slice(&crc32c(&bytes).to_le_bytes());
    file.write_all_at(&bytes, 0).expect("writable");
}

fn first(folder: &Path, extension: &str) -> PathBuf {
    let mut paths =
        std::fs::read_dir(folder).expect("readable").map(|e| e.expect("readable").path());
    paths.find(|path| path.extension().is_some_and(|e| e == extension)).expect("there is one")
}

/// A configuration of a collector that is not to start.
fn refusing(folder: &Path) -> String {
    let data = folder.join("data");
    format!(
        "[server]\nlisten = \"127.0.0.1:0\"\ndata_dir = \"{}\"\n[redis]\nlisten = \"\"\n\
         [[project]]\nname = \"{}\"\n{DEDUP_OPENED}{RULES}",
        data.display(),
        Project::NAME
    )
}

/// What `serve` says when it refuses to start.
fn refusal(config: &Path) -> String {
    let output = Command::new(binary()).args(["serve", "--config"]).arg(config).output();
    let output = output.expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    said
}

/// A file of the project's folder and how a later version would have written it.
type Raise = (&'static str, fn(&Path) -> PathBuf);

#[test]
fn what_a_later_version_wrote_is_refused_by_name_and_left_as_it_is() {
    let rises: [Raise; 6] = [
        ("log", |project| {
            let file = first(&project.join("log"), "log");
            raise(&file, 60);
            file
        }),
        ("letters", |project| {
            let file = first(&project.join("dead-letters"), "log");
            raise(&file, 60);
            file
        }),
        ("ids", |project| {
            let file = first(&project.join("dedup"), "run");
            raise(&file, 64);
            file
        }),
        ("segments", |project| {
            std::fs::write(project.join("segments.json"), r#"{"format":9,"future":1}"#)
                .expect("writable");
            project.join("segments.json")
        }),
        ("key", |project| {
            let mut later = [&b"SILIDKEY"[..], &9_u32.to_le_bytes(), &[7; 16]].concat();
            later.extend_from_slice(&crc32c(&later).to_le_bytes());
            std::fs::write(project.join("id.key"), later).expect("writable");
            project.join("id.key")
        }),
        ("state", |project| {
            let marker = project.join("state/version");
            std::fs::write(&marker, b"FJL\x09").expect("writable");
            // The project's name stands for the folder.
            PathBuf::from(Project::NAME)
        }),
    ];
    let kept = kept::all().pop().expect("one is kept");
    for (name, rise) in rises {
        let folder = tempfile::tempdir().expect("a folder");
        let config = folder.path().join("sillage.toml");
        std::fs::write(&config, refusing(folder.path())).expect("writable");
        kept::unpack(&kept, folder.path());
        let file = rise(&folder.path().join("data/shop"));
        let before = files(&folder.path().join("data"));
        let said = refusal(&config);
        assert!(said.contains("form 9") && said.contains("this version reads"), "{name}: {said}");
        assert!(said.contains(&file.display().to_string()), "{name}: {said}");
        assert!(said.contains("the version that wrote it, or a later one"), "{name}: {said}");
        let after = files(&folder.path().join("data"));
        for (path, bytes) in &before {
            assert!(after.get(path) == Some(bytes), "{name}: {} was changed", path.display());
        }
        let new: Vec<&PathBuf> = after.keys().filter(|path| !before.contains_key(*path)).collect();
        assert!(new.is_empty(), "{name}: {new:?}");
    }
}

#[test]
fn what_can_be_made_again_is_made_again_once_it_is_removed() {
    let kept = kept::all().pop().expect("one is kept");
    let folder = tempfile::tempdir().expect("a folder");
    kept::unpack(&kept, folder.path());
    for part in ["dedup", "state"] {
        std::fs::remove_dir_all(folder.path().join("data/shop").join(part)).expect("it is there");
    }
    let collector = opened(folder.path());
    collector.settle();
    let answers = std::fs::read_to_string(kept.join("answers.json")).expect("kept");
    let answers = serde_json::from_str(&answers).expect("JSON");
    assert_says(&kept::answers(&collector), &answers, "made again");
    let sent = std::fs::read_to_string(kept.join("sent.ndjson")).expect("kept");
    retried(&collector, &sent, "made again");
}
