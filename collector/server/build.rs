//! Lists the files of the web shop, so that the demo carries them.
use std::fmt::Write as _;
use std::path::Path;
use std::{fs, io};

/// Where the shop lies, seen from this crate.
const SHOP: &str = "../../examples/shop";

/// What a browser is told of a file; a file of another kind is none of the shop's pages.
const MEDIA_TYPES: [(&str, &str); 10] = [
    ("css", "text/css; charset=utf-8"),
    ("html", "text/html; charset=utf-8"),
    ("ico", "image/x-icon"),
    ("jpg", "image/jpeg"),
    ("js", "text/javascript; charset=utf-8"),
    ("mp4", "video/mp4"),
    ("png", "image/png"),
    ("svg", "image/svg+xml"),
    ("vtt", "text/vtt; charset=utf-8"),
    ("webm", "video/webm"),
];

#[allow(
    clippy::disallowed_methods,
    reason = "a build script is told everything by its environment"
)]
fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed={SHOP}");
    let mut files = Vec::new();
    list(Path::new(SHOP), "", &mut files)?;
    files.sort();
    let mut code = String::from("&[\n");
    for (name, media_type) in &files {
        let path = format!("concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/{SHOP}/{name}\")");
        writeln!(code, "({name:?}, {media_type:?}, include_bytes!({path})),")
            .expect("writing to a String succeeds");
    }
    code.push_str("]\n");
    let out = std::env::var_os("OUT_DIR").expect("cargo names a folder for what is made");
    fs::write(Path::new(&out).join("shop_files.rs"), code)
}

/// Names of files, with their folders, and their types. Nothing if there is no such folder.
fn list(folder: &Path, prefix: &str, files: &mut Vec<(String, &'static str)>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let (path, name) =
            entry.map(|e| (e.path(), e.file_name().to_string_lossy().into_owned()))?;
        let name = format!("{prefix}{name}");
        if path.is_dir() {
            if !path.ends_with("node_modules") {
                list(&path, &format!("{name}/"), files)?;
            }
            continue;
        }
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
        let known = MEDIA_TYPES.iter().find(|(known, _)| *known == extension);
        files.extend(known.map(|(_, media_type)| (name, *media_type)));
    }
    Ok(())
}
