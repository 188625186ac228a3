use crate::bytes::{cut, put_text, take_text};
use crate::limits::{OTHER, SOURCE_BYTES_MAX, UNKNOWN};
use alloc::boxed::Box;
use alloc::vec::Vec;
use sillage_model::Corrupt;

/// Who speaks: the name and the version of a library, by which balances are added up.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source {
    /// The library, such as `sillage-web`.
    pub name: Box<str>,
    /// Its version.
    pub version: Box<str>,
}

impl Source {
    /// Texts are cut to [`SOURCE_BYTES_MAX`]; one that is empty is unknown.
    #[must_use]
    pub fn new((name, version): (&str, &str)) -> Self {
        let text = |text: &str| match cut(text, SOURCE_BYTES_MAX) {
            "" => Box::from(UNKNOWN),
            text => Box::from(text),
        };
        Self { name: text(name), version: text(version) }
    }

    /// What stands for versions of this library beyond the bound.
    #[must_use]
    pub fn other_version(&self) -> Self {
        Self { name: self.name.clone(), version: OTHER.into() }
    }

    /// What stands for libraries beyond the bound.
    #[must_use]
    pub fn other() -> Self {
        Self { name: OTHER.into(), version: OTHER.into() }
    }

    /// Appends its bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_text(&self.name, out);
        put_text(&self.version, out);
    }

    /// Reads what [`Source::encode`] wrote, and leaves what follows.
    ///
    /// # Errors
    /// [`Corrupt`] if these are other bytes.
    pub fn decode(rest: &mut &[u8]) -> Result<Self, Corrupt> {
        let name = take_text(rest)?.into();
        Ok(Self { name, version: take_text(rest)?.into() })
    }
}
