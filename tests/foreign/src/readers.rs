//! Files that people write: the configuration, and history to be imported.
use crate::history::rows::Rows;
use crate::places::folder;
use indicatif::ProgressBar;
use std::path::Path;

#[allow(dead_code, unused_imports, unreachable_pub, reason = "the binary uses all of it")]
#[path = "../../../collector/server/src/config/mod.rs"]
mod settings;

/// Any text is a configuration or is refused with a place; one that is taken gives rules.
pub(crate) fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let variables = |name: &str| (name == "KEY").then(|| "secret".to_owned());
    match settings::parse(text, Path::new("sillage.toml"), &variables) {
        Ok(config) => {
            for project in &config.projects {
                let rules = project.rule_set();
                assert_eq!(rules.segments.len(), project.segments.len());
                assert!(rules.session.idle_ms > 0 && rules.engagement.scale > 0.0);
                assert!(!project.write_keys.iter().any(|key| key.starts_with("env:")));
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Files of events are read to their end or to a place that is named; each event is one line of a batch.
pub(crate) fn import(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    let names = ["a.csv", "a.ndjson", "a.csv.gz", "a.json.zst"];
    let name = names[usize::from(kind & 3)];
    let place = folder();
    let (map, rows) = match bytes.split_once_at(0) {
        Some((map, rows)) => (map, rows),
        None => (MAP.as_bytes(), bytes),
    };
    let (map_path, path) = (place.path().join("map.toml"), place.path().join(name));
    std::fs::write(&map_path, map).expect("writable");
    std::fs::write(&path, rows).expect("writable");
    let opened = Rows::open(&path, Some(&map_path), &ProgressBar::hidden());
    let Ok(mut rows) = opened else { return };
    let (mut out, mut last) = (Vec::new(), 0);
    loop {
        let from = out.len();
        match rows.next_into(&mut out) {
            Ok(Some(line)) => {
                assert!(line > last && out.len() > from);
                last = line;
                if name.contains("csv") {
                    let event: serde_json::Value =
                        serde_json::from_slice(&out[from..]).expect("a row becomes JSON");
                    assert!(event["messageId"].as_str().is_some_and(|id| !id.is_empty()));
                }
            }
            Ok(None) => break,
            Err(error) => {
                assert!(!error.to_string().is_empty());
                break;
            }
        }
    }
}

trait SplitOnce {
    fn split_once_at(&self, byte: u8) -> Option<(&[u8], &[u8])>;
}

impl SplitOnce for [u8] {
    fn split_once_at(&self, byte: u8) -> Option<(&[u8], &[u8])> {
        let at = self.iter().position(|found| *found == byte)?;
        Some((&self[..at], &self[at + 1..]))
    }
}

const MAP: &str = "anonymous_id = \"{user}\"\nevent = \"{what}\"\ntimestamp = \"{when}\"\n\
    message_id = \"{line}-{user}\"\n[names]\ncart = \"Product Added\"\n[properties]\n\
    price = { number = \"{price}\" }\n\"a.b\" = \"{what}\"\na = \"x\"\n";

pub(crate) fn configs() -> Vec<Vec<u8>> {
    let whole = "[server]\nlisten = \"127.0.0.1:9000\"\ndata_dir = \"d\"\ndurability = \"os\"\nworkers = 2\n\
        connections_max = 9\nin_flight_bytes_max = 99999999\ntrusted_proxies = [\"10.0.0.1\", \"::1\"]\n\
        drain = \"1s\"\ncheckpoint = \"250ms\"\n[redis]\nurl = \"redis://a\"\nlisten = \"\"\npassword = \"env:KEY\"\n\
        [[project]]\nname = \"shop\"\nwrite_keys = [\"env:KEY\"]\nread_tokens = [\"r\"]\norigins = [\"https://a\"]\n\
        redis_traits = [\"plan\"]\nkeep_ip = true\nsegments_in_answers = true\ntz = \"Europe/Paris\"\n\
        consent.required = [\"ads\"]\nlog.retention_mib = 1\nlog.retention_age = \"2w\"\nlog.dedup = \"7d\"\n\
        [project.session]\nidle = \"10m\"\nmax = \"1h\"\nlateness = \"1h\"\nsplit_on_campaign = true\nconversions = [\"A\"]\n\
        [project.engagement]\nhalf_life = \"1h\"\nscale = 2.5\nengaged_second = 0.1\n\
        weights = { \"A\" = 1.0, \"B\" = { weight = 0.1, property = \"revenue\", cap_per_day = 5 } }\n\
        [[project.segment]]\nkey = \"vip\"\nname = \"V\"\ndescription = \"d\"\nwhen = '''true'''\npublic = true\n\
        exit = 'false'\nmin_stay = \"1h\"\nholdout = 12.25\nrequires_consent = \"ads\"\n";
    let shipped = ["onlineshop", "readers", "retail"].map(|name| {
        let path = format!("{}/../../examples/{name}/sillage.toml", env!("CARGO_MANIFEST_DIR"));
        std::fs::read(path).unwrap_or_default()
    });
    let odd = [
        "",
        "[server]\nlisten_on = 1",
        "[[project]]\nname = \"a\"\n[project.session]\nidle = \"99999999999999999999d\"",
        "[[project]]\nname = \"a\"\n[[project.segment]]\nkey = \"k\"\nwhen = 'true'\nholdout = nan",
        "a = [[[[[[[[[[]]]]]]]]]]",
    ];
    let mut seeds: Vec<Vec<u8>> = odd.map(|text| text.as_bytes().to_vec()).into();
    seeds.push(whole.as_bytes().to_vec());
    seeds.extend(shipped.into_iter().filter(|text| text.len() < 3_000));
    seeds
}

pub(crate) fn imports() -> Vec<Vec<u8>> {
    let table =
        b"user,what,when,price\n1,cart,2026-01-01T00:00:00Z,2.5\n\"a \"\"b\"\"\",\xff,,\n3,x\n";
    let lines = b"{\"type\":\"track\"}\n\n {\"a\":1}\r\nnot json\n";
    let gzip = {
        let mut packer = flate2::write::GzEncoder::new(vec![2], flate2::Compression::default());
        std::io::Write::write_all(&mut packer, table).expect("memory");
        packer.finish().expect("memory")
    };
    let zstd = zstd::encode_all(&lines[..], 3).expect("memory");
    vec![
        [&[0], &table[..]].concat(),
        [&[0], MAP.as_bytes(), &[0], &table[..]].concat(),
        [&[1], &lines[..]].concat(),
        gzip,
        [&[3], &zstd[..]].concat(),
    ]
}
