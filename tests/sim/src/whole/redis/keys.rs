//! What one Redis holds, and what the writer's script does to it.
use std::collections::{BTreeMap, BTreeSet};

/// Entries of the change stream that are kept.
const STREAM_MAX: usize = 4_096;

/// A hash: fields in the order in which they came, and when it ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hash {
    /// Names and values.
    pub fields: Vec<(String, String)>,
    /// When it expires, in milliseconds since the epoch; `None` if it never does.
    pub ends_ms: Option<i64>,
}

impl Hash {
    /// The value of a field.
    #[must_use]
    pub fn get(&self, field: &str) -> Option<&str> {
        self.fields.iter().find(|(name, _)| name == field).map(|(_, value)| value.as_str())
    }

    /// Sets a field; true if it is new.
    pub fn set(&mut self, field: &str, value: &str) -> bool {
        if let Some((_, there)) = self.fields.iter_mut().find(|(name, _)| name == field) {
            value.clone_into(there);
            return false;
        }
        self.fields.push((field.to_owned(), value.to_owned()));
        true
    }
}

/// The keys of one Redis.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    /// Hashes by key.
    pub hashes: BTreeMap<String, Hash>,
    /// Sorted sets by key: members and scores.
    pub sets: BTreeMap<String, BTreeMap<String, i64>>,
    /// The change stream: `id`, `segment`, `change`, `at`, `v` of each entry.
    pub stream: Vec<[String; 5]>,
}

/// A call of the script, its arguments by their meaning.
struct Call<'a> {
    keys: &'a [String],
    prefix: &'a str,
    member: &'a str,
    shard: &'a str,
    segments: &'a str,
    version: &'a str,
    as_of: &'a str,
    exits: BTreeMap<&'a str, &'a str>,
    fields: Vec<(&'a str, &'a str)>,
}

impl Call<'_> {
    fn set_of(&self, segment: &str) -> String {
        format!("{}seg:{segment}:{}", self.prefix, self.shard)
    }
}

/// What was listed so far, by segment, and the segments in the order in which they were met.
#[derive(Default)]
struct Listed {
    at: BTreeMap<String, String>,
    order: Vec<String>,
}

impl Listed {
    fn note(&mut self, segment: &str, at: &str) {
        if self.at.insert(segment.to_owned(), at.to_owned()).is_none() {
            self.order.push(segment.to_owned());
        }
    }
}

impl Keys {
    /// Removes what has expired.
    pub fn expire(&mut self, now_ms: i64) {
        self.hashes.retain(|_, hash| hash.ends_ms.is_none_or(|ends_ms| ends_ms > now_ms));
    }

    /// Runs the script with these keys and arguments; `None` if they are none of its own.
    pub fn write(&mut self, keys: &[String], args: &[String], now_ms: i64) -> Option<i64> {
        self.expire(now_ms);
        let [prefix, mode, member, shard, segments, rest @ ..] = args else { return None };
        let mut call = Call {
            keys,
            prefix,
            member,
            shard,
            segments,
            version: "",
            as_of: "",
            exits: BTreeMap::new(),
            fields: Vec::new(),
        };
        if mode == "unlist" {
            for segment in parts(segments) {
                self.zrem(&call.set_of(segment), member);
            }
            return Some(1);
        }
        let [version, ttl, as_of, _stream_max, exits, rest @ ..] = rest else { return None };
        (call.version, call.as_of) = (version, as_of);
        let exits = exits.parse::<usize>().ok()?.checked_mul(2)?;
        let (exits, fields) = rest.split_at_checked(exits)?;
        call.exits = pairs(exits).collect();
        call.fields = pairs(fields).collect();
        let first = keys.first()?;
        let stored = self.hashes.get(first).and_then(|hash| hash.get("v")).map(str::to_owned);
        let is_late =
            |stored: &String| below(version, stored) || (mode == "write" && version == stored);
        if stored.as_ref().is_some_and(is_late) {
            return Some(0);
        }
        let listed = self.listed(&call, first, stored.is_some(), mode == "rebuild");
        self.list(&call, &listed);
        self.replace(&call, ttl.parse().ok()?, now_ms);
        Some(1)
    }

    fn listed(&self, call: &Call<'_>, first: &str, is_stored: bool, rebuild: bool) -> Listed {
        let mut listed = Listed::default();
        if let Some(hash) = self.hashes.get(first).filter(|_| is_stored) {
            for (field, value) in &hash.fields {
                if let Some(segment) = field.strip_prefix("seg:") {
                    listed.note(segment, value);
                }
            }
        }
        if !is_stored || rebuild {
            for segment in parts(call.segments) {
                let score = self.sets.get(&call.set_of(segment));
                match score.and_then(|set| set.get(call.member)) {
                    Some(score) => listed.note(segment, &score.to_string()),
                    None => drop(listed.at.remove(segment)),
                }
            }
        }
        listed
    }

    /// Brings the sets to what is wanted, and tells the stream.
    fn list(&mut self, call: &Call<'_>, listed: &Listed) {
        let wanted: Vec<(&str, &str)> = call
            .fields
            .iter()
            .filter_map(|(field, value)| Some((field.strip_prefix("seg:")?, *value)))
            .collect();
        let names: BTreeSet<&str> = wanted.iter().map(|(segment, _)| *segment).collect();
        for segment in &listed.order {
            if listed.at.contains_key(segment) && !names.contains(segment.as_str()) {
                self.zrem(&call.set_of(segment), call.member);
                let at = call.exits.get(segment.as_str()).unwrap_or(&call.as_of);
                self.announce(call, segment, "exit", at);
            }
        }
        for (segment, now) in wanted {
            let before = listed.at.get(segment);
            if before.is_some_and(|before| before == now) {
                continue;
            }
            let set = self.sets.entry(call.set_of(segment)).or_default();
            set.insert(call.member.to_owned(), now.parse().unwrap_or_default());
            let left = call.exits.get(segment);
            if let Some(at) = left.filter(|_| before.is_some()) {
                self.announce(call, segment, "exit", at);
            }
            if before.is_none() || left.is_some() {
                self.announce(call, segment, "enter", now);
            }
        }
    }

    fn replace(&mut self, call: &Call<'_>, ttl_s: i64, now_ms: i64) {
        for key in call.keys {
            self.hashes.remove(key);
            if ttl_s > 0 {
                let ends_ms = now_ms.saturating_add(ttl_s.saturating_mul(1_000));
                let mut hash = Hash { fields: Vec::new(), ends_ms: Some(ends_ms) };
                for (field, value) in &call.fields {
                    hash.set(field, value);
                }
                self.hashes.insert(key.clone(), hash);
            }
        }
    }

    fn zrem(&mut self, key: &str, member: &str) {
        if let Some(set) = self.sets.get_mut(key) {
            set.remove(member);
            if set.is_empty() {
                self.sets.remove(key);
            }
        }
    }

    fn announce(&mut self, call: &Call<'_>, segment: &str, change: &str, at: &str) {
        if self.stream.len() == STREAM_MAX {
            self.stream.clear();
        }
        self.stream.push([call.member, segment, change, at, call.version].map(str::to_owned));
    }
}

/// Whether a version, as decimal text, is below another.
fn below(a: &str, b: &str) -> bool {
    (a.len(), a) < (b.len(), b)
}

fn parts(segments: &str) -> impl Iterator<Item = &str> {
    segments.split(',').filter(|segment| !segment.is_empty())
}

fn pairs(args: &[String]) -> impl Iterator<Item = (&str, &str)> {
    args.chunks_exact(2).map(|pair| (pair[0].as_str(), pair[1].as_str()))
}
