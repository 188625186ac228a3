//! Finding the project of a request by its write key. Knows no password: write keys are public.
//!
//! Keys are found by a keyed hash of theirs and then compared without stopping at the first
//! difference, so an answer's time says nothing about how much of a guess was right.
use crate::limits::KEY_BYTES_MAX;
use crate::{ConfigError, ProjectIngest, Refusal};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::request::Parts;
use siphasher::sip128::SipHasher13;
use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

/// All keys of all projects.
pub struct KeyRing {
    hasher: SipHasher13,
    keys: HashMap<u128, Entry>,
    /// The project of each write key.
    writers: Vec<usize>,
}

struct Entry {
    key: Box<[u8]>,
    use_: Use,
    /// Which of the write keys it is, if it is one.
    writer: usize,
}

/// Who sends: a write key, and the project that it is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sender {
    /// The index of the project.
    pub project: usize,
    /// Which of all write keys it is, from 0.
    pub writer: usize,
}

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// Send events to the project with this index.
    Write(usize),
    /// Something else, elsewhere.
    Other(usize),
}

impl KeyRing {
    /// Collects the keys of the projects, in their order.
    ///
    /// # Errors
    /// [`ConfigError`] if a key is empty, too long, or belongs to two projects or uses.
    pub fn new<'p>(projects: impl Iterator<Item = &'p ProjectIngest>) -> Result<Self, ConfigError> {
        let random = RandomState::new();
        let hasher = SipHasher13::new_with_keys(random.hash_one(0_u8), random.hash_one(1_u8));
        let mut ring = Self { hasher, keys: HashMap::new(), writers: Vec::new() };
        let mut names: Vec<&str> = Vec::new();
        for (index, project) in projects.enumerate() {
            names.push(&project.name);
            let writing = project.write_keys.iter().map(|key| (key, Use::Write(index)));
            let others = project.other_tokens.iter().map(|key| (key, Use::Other(index)));
            for (key, use_) in writing.chain(others) {
                ring.add(key, use_, &names)?;
            }
        }
        Ok(ring)
    }

    fn add(&mut self, key: &str, use_: Use, names: &[&str]) -> Result<(), ConfigError> {
        let name = |index: usize| names.get(index).copied().unwrap_or_default().to_owned();
        let (Use::Write(index) | Use::Other(index)) = use_;
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            return Err(ConfigError::BadKey(name(index)));
        }
        let hash = self.hash(key.as_bytes());
        if let Some(before) = self.keys.get(&hash) {
            let (Use::Write(other) | Use::Other(other)) = before.use_;
            let same = before.use_ == use_;
            return same.then_some(()).ok_or(ConfigError::SharedKey(name(other), name(index)));
        }
        let writer = self.writers.len();
        if let Use::Write(project) = use_ {
            self.writers.push(project);
        }
        self.keys.insert(hash, Entry { key: key.as_bytes().into(), use_, writer });
        Ok(())
    }

    /// The project of each write key, in the order of [`Sender::writer`].
    #[must_use]
    pub fn writers(&self) -> &[usize] {
        &self.writers
    }

    /// The index of the project that this key may send to.
    ///
    /// # Errors
    /// As [`KeyRing::sender`].
    pub fn project(&self, key: &str) -> Result<usize, Refusal> {
        self.sender(key).map(|sender| sender.project)
    }

    /// Whose key this is.
    ///
    /// # Errors
    /// [`Refusal::InvalidKey`] if it is unknown, [`Refusal::WrongKeyType`] if it is for other uses.
    pub fn sender(&self, key: &str) -> Result<Sender, Refusal> {
        if key.len() > KEY_BYTES_MAX {
            return Err(Refusal::InvalidKey);
        }
        let entry = self.keys.get(&self.hash(key.as_bytes())).ok_or(Refusal::InvalidKey)?;
        if !equal(&entry.key, key.as_bytes()) {
            return Err(Refusal::InvalidKey);
        }
        match entry.use_ {
            Use::Write(project) => Ok(Sender { project, writer: entry.writer }),
            Use::Other(_) => Err(Refusal::WrongKeyType),
        }
    }

    fn hash(&self, key: &[u8]) -> u128 {
        self.hasher.hash(key).as_u128()
    }
}

fn equal(a: &[u8], b: &[u8]) -> bool {
    let differing = a.iter().zip(b).fold(0, |seen, (x, y)| seen | (x ^ y));
    a.len() == b.len() && differing == 0
}

/// The key in the head of a request: header `X-Write-Key`, user name of HTTP Basic, or `key` or
/// `writeKey` in the query. `None` if there is none; then it must be in the body.
///
/// # Errors
/// [`Refusal::KeyMismatch`] if two are there and differ.
pub fn key_in_head(parts: &Parts) -> Result<Option<Cow<'_, str>>, Refusal> {
    let query = parts.uri.query().unwrap_or_default();
    let mut found = basic_user(parts)?.map(Cow::Owned);
    for header in parts.headers.get_all("x-write-key") {
        let key = header.to_str().map_err(|_| Refusal::InvalidKey)?;
        agree(&mut found, Cow::Borrowed(key.trim_ascii()))?;
    }
    for name in ["key", "writeKey"] {
        if let Some(key) = query_value(query, name) {
            agree(&mut found, key)?;
        }
    }
    Ok(found.filter(|key| !key.is_empty()))
}

/// Takes a key if none was found before it; an empty one says nothing.
fn agree<'r>(found: &mut Option<Cow<'r, str>>, key: Cow<'r, str>) -> Result<(), Refusal> {
    match found {
        _ if key.is_empty() => Ok(()),
        Some(before) if before.is_empty() => {
            *before = key;
            Ok(())
        }
        Some(before) if *before != key => Err(Refusal::KeyMismatch),
        Some(_) => Ok(()),
        None => {
            *found = Some(key);
            Ok(())
        }
    }
}

fn basic_user(parts: &Parts) -> Result<Option<String>, Refusal> {
    let Some(value) = parts.headers.get(AUTHORIZATION) else { return Ok(None) };
    let value = value.to_str().map_err(|_| Refusal::InvalidKey)?;
    let Some((scheme, rest)) = value.split_once(' ') else { return Ok(None) };
    if !scheme.eq_ignore_ascii_case("basic") {
        return Ok(None);
    }
    let decoded = STANDARD.decode(rest.trim()).map_err(|_| Refusal::InvalidKey)?;
    let mut decoded = String::from_utf8(decoded).map_err(|_| Refusal::InvalidKey)?;
    decoded.truncate(decoded.find(':').unwrap_or(decoded.len()));
    Ok(Some(decoded))
}

/// The first value of a name in a query, percent-decoded. A value that does not decode is absent.
#[must_use]
pub fn query_value<'q>(query: &'q str, name: &str) -> Option<Cow<'q, str>> {
    let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
    percent_decode(value)
}

/// Undoes percent-encoding; `None` if an escape is broken or the result is not UTF-8. A plus sign
/// stands for itself, since keys and base64 hold it and neither holds a space.
#[must_use]
pub fn percent_decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let (&[high, low], tail) = rest.split_first_chunk()?;
        let digit = |b: u8| char::from(b).to_digit(16);
        out.push(u8::try_from(digit(high)? * 16 + digit(low)?).ok()?);
        rest = tail;
    }
    String::from_utf8(out).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_decode_or_the_text_is_absent() {
        for (text, expected) in [
            ("plain+", Some("plain+")),
            ("a%3Db%2b", Some("a=b+")),
            ("%", None),
            ("%4", None),
            ("%zz", None),
            ("%ff", None),
        ] {
            assert_eq!(percent_decode(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_key_belongs_to_one_project_and_use() {
        let a = ProjectIngest::new("a", "wk_a", [0; 16]);
        let mut b = ProjectIngest::new("b", "wk_b", [0; 16]);
        b.other_tokens = vec!["rt_b".to_owned()];
        let ring = KeyRing::new([&a, &b].into_iter()).expect("distinct keys");
        assert_eq!(ring.project("wk_a"), Ok(0));
        assert_eq!(ring.project("wk_b"), Ok(1));
        assert_eq!(ring.project("rt_b"), Err(Refusal::WrongKeyType));
        assert_eq!(ring.project("wk_"), Err(Refusal::InvalidKey));
        assert_eq!(ring.project(""), Err(Refusal::InvalidKey));
        b.write_keys = vec!["wk_a".to_owned()];
        let shared = ConfigError::SharedKey("a".to_owned(), "b".to_owned());
        assert_eq!(KeyRing::new([&a, &b].into_iter()).err(), Some(shared));
        b.write_keys = vec![String::new()];
        let empty = ConfigError::BadKey("b".to_owned());
        assert_eq!(KeyRing::new([&a, &b].into_iter()).err(), Some(empty));
    }
}
