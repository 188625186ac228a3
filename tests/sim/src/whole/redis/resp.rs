//! RESP2, as far as the writer speaks it, and the hash by which a script is called.

/// Takes one command off the front: its words, and how many bytes it was. `None` while it is not
/// whole.
#[must_use]
pub fn command(bytes: &[u8]) -> Option<(Vec<String>, usize)> {
    let (count, mut at) = number(bytes, 0, b'*')?;
    let mut words = Vec::new();
    for _ in 0..count {
        let (len, from) = number(bytes, at, b'$')?;
        let word = bytes.get(from..from.checked_add(len)?)?;
        at = from + len + 2;
        bytes.get(..at)?;
        words.push(String::from_utf8_lossy(word).into_owned());
    }
    Some((words, at))
}

fn number(bytes: &[u8], at: usize, mark: u8) -> Option<(usize, usize)> {
    let rest = bytes.get(at..)?;
    let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
    let line = rest.get(..end)?.strip_prefix(&[mark])?;
    Some((std::str::from_utf8(line).ok()?.parse().ok()?, at + end + 2))
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// A word.
    Simple(&'static str),
    /// An error, its code first.
    Error(String),
    /// A number.
    Number(i64),
    /// A text, or none.
    Bulk(Option<String>),
}

impl Reply {
    /// Appends it as it is sent.
    pub fn put(&self, out: &mut Vec<u8>) {
        let text = match self {
            Self::Simple(word) => format!("+{word}\r\n"),
            Self::Error(line) => format!("-{line}\r\n"),
            Self::Number(number) => format!(":{number}\r\n"),
            Self::Bulk(Some(text)) => format!("${}\r\n{text}\r\n", text.len()),
            Self::Bulk(None) => "$-1\r\n".to_owned(),
        };
        out.extend_from_slice(text.as_bytes());
    }
}

/// SHA-1 in hexadecimal, by which Redis knows a script. Source: FIPS 180-4.
#[must_use]
pub fn sha1(text: &[u8]) -> String {
    let mut state: [u32; 5] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    let mut bytes = text.to_vec();
    bytes.push(0x80);
    bytes.resize(bytes.len().next_multiple_of(64), 0);
    if (text.len() + 9).next_multiple_of(64) > bytes.len() {
        bytes.resize(bytes.len() + 64, 0);
    }
    let end = bytes.len() - 8;
    bytes[end..].copy_from_slice(&(text.len() as u64 * 8).to_be_bytes());
    for block in bytes.chunks_exact(64) {
        let mut words = [0_u32; 80];
        for (word, part) in words.iter_mut().zip(block.chunks_exact(4)) {
            *word = part.iter().fold(0, |sum, &byte| (sum << 8) | u32::from(byte));
        }
        for t in 16..80 {
            let mixed = words[t - 3] ^ words[t - 8] ^ words[t - 14] ^ words[t - 16];
            words[t] = mixed.rotate_left(1);
        }
        let [mut a, mut b, mut c, mut d, mut e] = state;
        for (t, word) in words.iter().enumerate() {
            let (mixed, constant) = match t {
                0..20 => ((b & c) | (!b & d), 0x5a82_7999),
                20..40 => (b ^ c ^ d, 0x6ed9_eba1),
                40..60 => ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc),
                _ => (b ^ c ^ d, 0xca62_c1d6_u32),
            };
            let next = a.rotate_left(5).wrapping_add(mixed).wrapping_add(e);
            let next = next.wrapping_add(constant).wrapping_add(*word);
            (e, d, c, b, a) = (d, c, b.rotate_left(30), a, next);
        }
        for (sum, part) in state.iter_mut().zip([a, b, c, d, e]) {
            *sum = sum.wrapping_add(part);
        }
    }
    state.iter().map(|word| format!("{word:08x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_has_the_hash_of_the_standard() {
        // The examples of FIPS 180-4, of one block and of two.
        assert_eq!(sha1(b"abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
        let two = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
        assert_eq!(sha1(two), "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
        assert_eq!(sha1(b""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    }

    #[test]
    fn a_command_is_taken_once_it_is_whole() {
        let bytes = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*1\r\n";
        let whole = bytes.len() - 4;
        for cut in 0..whole {
            assert_eq!(command(&bytes[..cut]), None, "{cut}");
        }
        assert_eq!(command(bytes), Some((vec!["GET".to_owned(), "k".to_owned()], whole)));
    }
}
