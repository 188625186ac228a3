use alloc::boxed::Box;
use alloc::format;
use core::fmt;

/// How many partitions an embedded installation has. Fixed at creation, because a person's partition
/// follows from it; 64 leaves room for as many cores as one machine has.
pub const PARTITIONS_EMBEDDED: u16 = 64;

/// A slice of all persons that is folded by one worker, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition(pub u16);

/// Who something is about: `u:<userId>` for a known person, `a:<anonymousId>` for a device that has
/// not been linked to one. The text is also the member written in the segments' reverse index.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonKey(Box<str>);

impl PersonKey {
    /// The key of the person with this user id.
    #[must_use]
    pub fn user(user_id: &str) -> Self {
        Self(format!("u:{user_id}").into_boxed_str())
    }

    /// The key of the device with this anonymous id.
    #[must_use]
    pub fn device(anonymous_id: &str) -> Self {
        Self(format!("a:{anonymous_id}").into_boxed_str())
    }

    /// Reads a key's text back; `None` unless it starts with `u:` or `a:`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        (text.starts_with("u:") || text.starts_with("a:")).then(|| Self(text.into()))
    }

    /// The whole text, with its prefix.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id without its prefix.
    #[must_use]
    pub fn id(&self) -> &str {
        self.0.get(2..).unwrap_or_default()
    }

    /// Whether this is a known person rather than an unlinked device.
    #[must_use]
    pub fn is_user(&self) -> bool {
        self.0.starts_with("u:")
    }
}

impl fmt::Display for PersonKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The partition of a key's text (`u:…` or `a:…`).
///
/// # Guarantees
/// Depends on the bytes and the count alone, so every process that knows both agrees.
///
/// # Source
/// FNV-1a, 64 bits, folded (Fowler, Noll, Vo: <http://www.isthe.com/chongo/tech/comp/fnv/>).
#[must_use]
pub fn partition_of(member: &str, partitions: u16) -> Partition {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in member.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    let folded = hash ^ (hash >> 32);
    let index = folded % u64::from(partitions.max(1));
    Partition(u16::try_from(index).expect("the remainder is below a u16"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_keeps_its_kind_and_its_id() {
        let user = PersonKey::user("42");
        assert_eq!((user.as_str(), user.id(), user.is_user()), ("u:42", "42", true));
        let device = PersonKey::device("abc");
        assert_eq!((device.as_str(), device.id(), device.is_user()), ("a:abc", "abc", false));
        assert_eq!(PersonKey::parse("u:42"), Some(user));
        assert_eq!(PersonKey::parse("x:42"), None);
    }

    #[test]
    fn partitions_are_frozen() {
        // These values are on users' disks: a change here moves persons away from their state.
        let got: Vec<u16> =
            ["u:1", "u:42", "a:", "a:Zoë"].iter().map(|m| partition_of(m, 64).0).collect();
        assert_eq!(got, GOLDEN_PARTITIONS);
        assert_eq!(partition_of("u:1", 1), Partition(0));
    }

    const GOLDEN_PARTITIONS: [u16; 4] = [36, 1, 5, 5];

    #[test]
    fn persons_spread_over_all_partitions() {
        let mut counts = [0_u32; 64];
        for n in 0..64_000 {
            counts[usize::from(partition_of(&format!("u:{n}"), 64).0)] += 1;
        }
        assert!(counts.iter().all(|&c| (800..1200).contains(&c)), "{counts:?}");
    }
}
