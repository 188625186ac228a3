//! The place of a member under a salt, as the language defines it.

/// From 0 to 9999, in hundredths of a percent.
#[must_use]
pub fn place(member: &str, salt: &str) -> u16 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in [member.as_bytes(), &[0], salt.as_bytes()].concat() {
        hash ^= u64::from(byte);
        hash = hash.wrapping_mul(0x0100_0000_01b3);
    }
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^= hash >> 33;
    u16::try_from(hash % 10_000).expect("below 10 000")
}
