//! One version of the tag.
use crate::File;
use bytes::Bytes;
use std::fmt::Write as _;

/// One version of the tag, as it lies in the binary.
#[derive(Debug, Clone)]
pub struct Release {
    /// Its version, part of addresses.
    pub version: &'static str,
    /// Its files, each once.
    pub files: Vec<ReleaseFile>,
}

/// One file of it.
#[derive(Debug, Clone, Copy)]
pub struct ReleaseFile {
    /// Its name, the last part of its address.
    pub name: &'static str,
    /// Its media type, as `Content-Type` says it.
    pub media_type: &'static str,
    /// The SHA-384 of `plain`, in base64.
    pub sha384: &'static str,
    /// Its bytes.
    pub plain: &'static [u8],
    /// The same as a gzip file.
    pub gzip: Option<&'static [u8]>,
    /// The same as a Brotli stream.
    pub brotli: Option<&'static [u8]>,
}

/// What the build script found.
pub(crate) fn embedded() -> Option<Release> {
    include!(concat!(env!("OUT_DIR"), "/embedded.rs"))
}

/// A version, ready to be handed out.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) version: &'static str,
    files: Vec<(&'static str, File)>,
}

impl Stored {
    pub(crate) fn new(release: &Release) -> Self {
        let mut files: Vec<(&str, File)> = release.files.iter().map(stored).collect();
        let integrity = integrity(release);
        // It changes with the digests that it lists and with the version.
        let stamp = format!("{}-{:08x}", release.version, fingerprint(integrity.as_bytes()));
        let integrity = File::new("application/json", &stamp, Bytes::from(integrity));
        files.push(("integrity.json", integrity));
        Self { version: release.version, files }
    }

    pub(crate) fn file(&self, name: &str) -> Option<&File> {
        self.files.iter().find(|(known, _)| *known == name).map(|(_, file)| file)
    }
}

/// Sixteen characters of base64 are 96 bits of the digest.
const STAMP_CHARS: usize = 16;

fn stored(file: &ReleaseFile) -> (&'static str, File) {
    let stamp = file.sha384.get(..STAMP_CHARS).unwrap_or(file.sha384);
    let stored = File::new(file.media_type, stamp, Bytes::from_static(file.plain))
        .with_codings(file.gzip.map(Bytes::from_static), file.brotli.map(Bytes::from_static));
    (file.name, stored)
}

/// Names and digests, in the form of the attribute `integrity`. Nothing in it needs escaping: the build
/// script takes no other names and versions.
fn integrity(release: &Release) -> String {
    let mut out = format!("{{\"version\":\"{}\",\"files\":{{", release.version);
    for (index, file) in release.files.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        write!(out, "{comma}\"{}\":\"sha384-{}\"", file.name, file.sha384)
            .expect("writing to a String succeeds");
    }
    out.push_str("}}");
    out
}

/// FNV-1a, 32 bits: tells two lists apart, nothing more.
fn fingerprint(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
