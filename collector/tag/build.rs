//! Puts the web tag's built files, if there are any, where the compiler finds them.
#[path = "src/dist.rs"]
mod dist;

use std::path::{Path, PathBuf};

/// Where `make tag` leaves them, seen from this crate.
const USUAL: &str = "../../bindings/js/dist";

#[allow(
    clippy::disallowed_methods,
    reason = "a build script is told everything by its environment"
)]
fn main() -> Result<(), String> {
    println!("cargo::rerun-if-env-changed=SILLAGE_TAG_DIST");
    println!("cargo::rerun-if-changed=src/dist.rs");
    let usual =
        || Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join(USUAL);
    let folder = std::env::var_os("SILLAGE_TAG_DIST").map_or_else(usual, PathBuf::from);
    // A folder that is not there yet is looked for again at the next build, because cargo takes a
    // missing path for a changed one; one that is there is watched with all that is in it.
    println!("cargo::rerun-if-changed={}", folder.display());
    let found = dist::read(&folder)?;
    if found.is_none() {
        println!(
            "cargo::warning=the web tag is not built, so the collector will not serve it: run `make tag`"
        );
    }
    let out = std::env::var_os("OUT_DIR").ok_or("cargo names a folder for what is made")?;
    dist::embed(found.as_ref(), Path::new(&out))
}
