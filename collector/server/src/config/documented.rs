//! Every key is documented, and every documented key is one: the parser itself is asked which there are.
use super::parse;
use std::path::Path;

const OPERATING: &str = include_str!("../../../../docs/OPERATING.md");
const RULES: &str = include_str!("../../../../docs/RULES.md");

/// Where a table stands in the file; an unknown key goes behind it. Its heading in OPERATING.md, or
/// nothing where the keys are in RULES.md.
const TABLES: [(&str, &str); 8] = [
    ("[server]", "### `[server]`"),
    ("[redis]", "### `[redis]`"),
    ("[[project]]", "### `[[project]]`"),
    ("[[project]]\nname = \"a\"\n[project.consent]", "### `[[project]]`"),
    ("[[project]]\nname = \"a\"\n[project.log]", "### `[[project]]`"),
    ("[[project]]\nname = \"a\"\n[project.session]", ""),
    ("[[project]]\nname = \"a\"\n[project.engagement]", ""),
    ("[[project]]\nname = \"a\"\n[[project.segment]]", "### `[[project]]`"),
];

/// The keys that a table takes, in the parser's own words.
fn keys(table: &str) -> Vec<String> {
    let text = format!("{table}\nno_such_key = 1\n");
    let error = parse(&text, Path::new("sillage.toml"), &|_| None).expect_err("an unknown key");
    let error = error.to_string();
    let (_, expected) = error.rsplit_once("expected").unwrap_or_else(|| panic!("{error}"));
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// A section of the document, up to the next of its level.
fn section(heading: &str) -> &'static str {
    let (_, rest) = OPERATING.split_once(heading).unwrap_or_else(|| panic!("no {heading}"));
    rest.split("\n###").next().unwrap_or(rest)
}

#[test]
fn every_key_is_documented() {
    let mut missing = Vec::new();
    for (table, heading) in TABLES {
        let within = match table.rsplit_once("[project.") {
            Some((_, name)) if !table.ends_with("]]") => format!("{}.", name.trim_end_matches(']')),
            _ => String::new(),
        };
        let documents = if heading.is_empty() { RULES } else { section(heading) };
        let known = keys(table);
        assert!(!known.is_empty(), "{table}");
        for key in known {
            // Tables have a section or rows of their own.
            let forms = [
                format!("`{within}{key}`"),
                format!("`{key}`"),
                format!("`{key}."),
                format!(".{key}]"),
                format!("{key} = "),
            ];
            if !forms.iter().any(|form| documents.contains(form.as_str())) {
                missing.push(format!("{table} {key}"));
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn every_documented_key_is_one() {
    for (table, heading) in &TABLES[..3] {
        let known = keys(table);
        let rows =
            section(heading).lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        for row in rows {
            let key = row.trim_matches(['[', ']']).trim_start_matches("project.");
            let first = key.split('.').next().unwrap_or(key);
            assert!(known.iter().any(|known| known == first), "{table} takes no {row}");
        }
    }
}
