//! Small files that must be whole after any crash.
use anyhow::Context as _;
use std::io::Write as _;
use std::path::Path;

/// Writes a file aside and renames it, so that a crash leaves the old file or this one.
///
/// # Errors
/// What the disk said; the old file is then still there.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let aside = path.with_extension("tmp");
    let place = || format!("cannot write {}", path.display());
    let mut file = std::fs::File::create(&aside).with_context(place)?;
    file.write_all(bytes).with_context(place)?;
    file.sync_all().with_context(place)?;
    std::fs::rename(&aside, path).with_context(place)?;
    if let Some(folder) = path.parent() {
        std::fs::File::open(folder).and_then(|f| f.sync_all()).with_context(place)?;
    }
    Ok(())
}
