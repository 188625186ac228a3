use core::fmt;

/// Bytes that should have been written by this crate but cannot be read back.
///
/// The caller must not skip them: a worker that meets one stops its partition and says where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Corrupt(pub &'static str);

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "corrupt bytes: {}", self.0)
    }
}

impl core::error::Error for Corrupt {}
