//! The folder that the web binding's build leaves, and its way into the binary. Used by the build
//! script, and by the tests, which hold it to real folders.
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// What a build of the tag consists of.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Dist {
    pub(crate) version: String,
    /// In the order of their names.
    pub(crate) files: Vec<DistFile>,
}

/// One of its files.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DistFile {
    pub(crate) name: String,
    pub(crate) media_type: String,
    pub(crate) sha384: String,
    pub(crate) plain: Vec<u8>,
    pub(crate) gzip: Option<Vec<u8>>,
    pub(crate) brotli: Option<Vec<u8>>,
}

/// Reads the folder by its `manifest.json`; `None` if there is none.
///
/// # Errors
/// In words: the manifest cannot be understood, or names what is not there. Better no collector than
/// one whose pages ask for half a tag.
pub(crate) fn read(folder: &Path) -> Result<Option<Dist>, String> {
    let path = folder.join("manifest.json");
    let Some(text) = optional(&path)? else { return Ok(None) };
    let wrong = |what: &str| format!("{}: {what}", path.display());
    let manifest: Value = serde_json::from_slice(&text).map_err(|e| wrong(&e.to_string()))?;
    let version = manifest["version"].as_str().unwrap_or_default();
    if !is_plain(version) {
        return Err(wrong("`version` must be letters, digits and any of `.-_`"));
    }
    let listed = manifest["files"].as_object().ok_or_else(|| wrong("`files` must be an object"))?;
    let mut files = Vec::new();
    for (name, told) in listed {
        let text = |key: &str| told[key].as_str().unwrap_or_default().to_owned();
        let (media_type, sha384) = (text("type"), text("sha384"));
        if !is_plain(name) {
            return Err(wrong(&format!("{name:?}: a name is letters, digits and any of `.-_`")));
        }
        if !is_base64(&sha384) || sha384.len() != SHA384_CHARS || !is_media_type(&media_type) {
            return Err(wrong(&format!("{name}: needs `type`, and `sha384` in base64")));
        }
        let of = |suffix: &str| optional(&folder.join(format!("{name}{suffix}")));
        let plain = of("")?.ok_or_else(|| wrong(&format!("{name} is listed and not there")))?;
        let (gzip, brotli) = (of(".gz")?, of(".br")?);
        files.push(DistFile { name: name.clone(), media_type, sha384, plain, gzip, brotli });
    }
    if !files.iter().any(|file| file.name == "tag.js") {
        return Err(wrong("there is no tag.js in `files`"));
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Some(Dist { version: version.to_owned(), files }))
}

/// Writes `embedded.rs`, an expression of type `Option<Release>`, and beside it copies of the files, so
/// that what is compiled is what was read.
///
/// # Errors
/// In words: the folder cannot be written.
pub(crate) fn embed(dist: Option<&Dist>, out: &Path) -> Result<(), String> {
    let mut code = String::from("None\n");
    if let Some(dist) = dist {
        code = format!("Some(Release {{ version: {:?}, files: vec![\n", dist.version);
        for file in &dist.files {
            write_file(file, out, &mut code)?;
        }
        code.push_str("] })\n");
    }
    save(out, "embedded.rs", code.as_bytes())
}

/// Digits of a SHA-384 in base64: 48 bytes need no padding.
const SHA384_CHARS: usize = 64;

fn write_file(file: &DistFile, out: &Path, code: &mut String) -> Result<(), String> {
    let DistFile { name, media_type, sha384, plain, gzip, brotli } = file;
    let variant = |suffix: &str, bytes: &[u8]| {
        let saved = format!("{name}{suffix}");
        save(out, &saved, bytes)?;
        Ok::<_, String>(format!("include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{saved}\"))"))
    };
    let plain = variant("", plain)?;
    let gzip = gzip.as_ref().map(|bytes| variant(".gz", bytes)).transpose()?;
    let brotli = brotli.as_ref().map(|bytes| variant(".br", bytes)).transpose()?;
    let some = |bytes: Option<String>| bytes.map_or("None".to_owned(), |b| format!("Some({b})"));
    let (gzip, brotli) = (some(gzip), some(brotli));
    writeln!(
        code,
        "ReleaseFile {{ name: {name:?}, media_type: {media_type:?}, sha384: {sha384:?},\n\
         plain: {plain},\ngzip: {gzip},\nbrotli: {brotli} }},"
    )
    .expect("writing to a String succeeds");
    Ok(())
}

fn save(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), String> {
    let path = folder.join(name);
    fs::write(&path, bytes).map_err(|error| format!("{}: {error}", path.display()))
}

/// The bytes of a file; `None` if there is no such file.
fn optional(path: &Path) -> Result<Option<Vec<u8>>, String> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

/// Whether this can stand in a path, in a header and in source code as it is.
fn is_plain(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b".-_".contains(&b);
    name.bytes().all(plain) && name.starts_with(|c: char| c.is_ascii_alphanumeric())
}

fn is_base64(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/".contains(&b))
}

/// A type with its parameters, as `Content-Type` will say it.
fn is_media_type(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"+-./;= ".contains(&b);
    text.contains('/') && text.bytes().all(plain)
}
