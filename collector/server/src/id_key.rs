//! The secret that turns a `messageId` into an event's id: drawn once for a data directory.
//!
//! # Layout (numbers little-endian)
//! `SILIDKEY`, the form 2 (4), the key (16), CRC-32C of the bytes before (4). Form 1 was the bare key.
//!
//! # Operation
//! With another key every retry would be a new event, so nothing is taken for a key that is not whole.
//! A file of form 1 is read and left as it is.
use anyhow::{Context as _, bail};
use std::io::{ErrorKind, Read as _};
use std::path::Path;

const MAGIC: [u8; 8] = *b"SILIDKEY";
const FORM: u32 = 2;
const KEY_BYTES: usize = 16;
/// Bytes before the checksum.
const SEALED_BYTES: usize = 28;

/// The key at `path`, if there is one. Changes nothing.
pub(crate) fn kept(path: &Path) -> anyhow::Result<Option<[u8; KEY_BYTES]>> {
    match std::fs::read(path) {
        Ok(bytes) => read(&bytes).map(Some).with_context(|| path.display().to_string()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}

/// The key at `path`; drawn and kept there, durably, if there is none. Only for who holds the
/// project's log: two that draw would each believe in their own.
pub(crate) fn load_or_draw(path: &Path) -> anyhow::Result<[u8; KEY_BYTES]> {
    kept(path)?.map_or_else(|| draw(path), Ok)
}

fn draw(path: &Path) -> anyhow::Result<[u8; KEY_BYTES]> {
    let mut key = [0; KEY_BYTES];
    let random = std::fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut key));
    random.context("cannot draw a random key")?;
    crate::durable::write(path, &written(key))?;
    Ok(key)
}

fn written(key: [u8; KEY_BYTES]) -> Vec<u8> {
    let mut bytes = [&MAGIC[..], &FORM.to_le_bytes(), &key].concat();
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
    bytes
}

fn read(bytes: &[u8]) -> anyhow::Result<[u8; KEY_BYTES]> {
    const DAMAGED: &str =
        "it is damaged: restore it; without it retries of known events count again";
    if let Ok(bare) = bytes.try_into() {
        return Ok(bare);
    }
    let whole = bytes.split_at_checked(SEALED_BYTES).filter(|(sealed, checksum)| {
        sealed.starts_with(&MAGIC) && *checksum == crc32c::crc32c(sealed).to_le_bytes()
    });
    let Some((sealed, _)) = whole else { bail!(DAMAGED) };
    let (form, key) = sealed[MAGIC.len()..].split_first_chunk().context(DAMAGED)?;
    match u32::from_le_bytes(*form) {
        FORM => key.try_into().context(DAMAGED),
        found => bail!(
            "it has form {found}, and this version reads up to {FORM}: start the version that wrote it, \
             or a later one"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_drawn_once_and_both_forms_are_read() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("id.key");
        let key = load_or_draw(&path).expect("drawn");
        assert_eq!(load_or_draw(&path).expect("kept"), key);
        std::fs::write(&path, key).expect("writable");
        assert_eq!(load_or_draw(&path).expect("form 1"), key);
        assert_eq!(std::fs::read(&path).expect("readable"), key, "left as it is");
    }

    #[test]
    fn no_flipped_bit_and_no_cut_gives_another_key() {
        let good = written([7; KEY_BYTES]);
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(read(&bad).is_err(), "bit {bit}");
        }
        for len in (0..good.len()).filter(|len| *len != KEY_BYTES) {
            assert!(read(&good[..len]).is_err(), "{len}");
        }
    }

    #[test]
    fn a_key_of_a_later_version_is_refused() {
        let mut later = written([7; KEY_BYTES]);
        later[8] = 3;
        let checksum = crc32c::crc32c(&later[..SEALED_BYTES]).to_le_bytes();
        later[SEALED_BYTES..].copy_from_slice(&checksum);
        let said = read(&later).expect_err("refused").to_string();
        assert!(said.contains("has form 3, and this version reads up to 2"), "{said}");
    }
}
