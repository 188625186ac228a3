//! Commands on keys as such: whether they are there, of what kind, for how long, and all of them.
use crate::limits::{KEYS_MAX, SCAN_COUNT_DEFAULT, SCAN_COUNT_MAX};
use crate::resp::command::{Call, Outcome};
use crate::resp::glob;
use crate::resp::reply::Reply;
use crate::resp::request::number;
use bytes::Bytes;

pub(crate) fn dbsize(call: &mut Call<'_>) -> Outcome {
    Reply::count(call.keyspace().count().0).into()
}

pub(crate) fn exists(call: &mut Call<'_>) -> Outcome {
    let keyspace = call.keyspace();
    let found = call.arguments.iter().filter(|key| keyspace.kind(key).is_some());
    Reply::count(found.count()).into()
}

pub(crate) fn kind(call: &mut Call<'_>) -> Outcome {
    Reply::Status(call.keyspace().kind(call.argument(0)).unwrap_or("none")).into()
}

pub(crate) fn ttl(call: &mut Call<'_>) -> Outcome {
    let seconds = |ms: i64| if ms < 0 { ms } else { ms.saturating_add(500) / 1_000 };
    Reply::Integer(seconds(call.keyspace().ttl_ms(call.argument(0)))).into()
}

pub(crate) fn pttl(call: &mut Call<'_>) -> Outcome {
    Reply::Integer(call.keyspace().ttl_ms(call.argument(0))).into()
}

/// What SCAN, HSCAN and ZSCAN may be asked, besides the key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ScanOptions {
    pub(crate) cursor: u64,
    pub(crate) count: usize,
    pattern: Option<Bytes>,
    kind: Option<Bytes>,
}

/// What is walked. TYPE may be given for keys only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Walk {
    Keys,
    Inside,
}

impl ScanOptions {
    pub(crate) fn parse(arguments: &[Bytes], walk: Walk) -> Result<Self, Reply> {
        let (cursor, mut rest) = arguments.split_first().ok_or_else(Reply::syntax_error)?;
        let cursor = core::str::from_utf8(cursor).ok().and_then(|text| text.parse().ok());
        let cursor = cursor.ok_or_else(|| Reply::error("ERR invalid cursor"))?;
        let mut options = Self { cursor, count: SCAN_COUNT_DEFAULT, pattern: None, kind: None };
        while let [option, tail @ ..] = rest {
            let [value, tail @ ..] = tail else {
                return Err(Reply::syntax_error());
            };
            if option.eq_ignore_ascii_case(b"count") {
                let count = number(value).ok_or_else(Reply::not_an_integer)?;
                let count = usize::try_from(count).ok().filter(|&c| c > 0);
                options.count = count.ok_or_else(Reply::syntax_error)?.min(SCAN_COUNT_MAX);
            } else if option.eq_ignore_ascii_case(b"match") {
                options.pattern = Some(value.clone());
            } else if option.eq_ignore_ascii_case(b"type") && walk == Walk::Keys {
                options.kind = Some(value.clone());
            } else {
                return Err(Reply::syntax_error());
            }
            rest = tail;
        }
        Ok(options)
    }

    pub(crate) fn wants(&self, name: &[u8]) -> bool {
        self.pattern.as_ref().is_none_or(|pattern| glob::matches(pattern, name))
    }

    fn wants_kind(&self, kind: &str) -> bool {
        self.kind.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(kind.as_bytes()))
    }
}

pub(crate) fn scan(call: &mut Call<'_>) -> Outcome {
    let options = match ScanOptions::parse(call.arguments, Walk::Keys) {
        Ok(options) => options,
        Err(refusal) => return refusal.into(),
    };
    let (next, keys) = call.keyspace().scan(options.cursor, options.count);
    let wanted = keys
        .into_iter()
        .filter(|(name, kind)| options.wants(name.as_bytes()) && options.wants_kind(kind));
    let names = wanted.map(|(name, _)| Reply::text(name)).collect();
    Reply::Array(vec![Reply::text(next.to_string()), Reply::Array(names)]).into()
}

pub(crate) fn keys(call: &mut Call<'_>) -> Outcome {
    let (keyspace, pattern) = (call.keyspace(), call.argument(0));
    if keyspace.count().0 > KEYS_MAX {
        let text = format!("ERR more than {KEYS_MAX} keys are here; walk them with SCAN");
        return Reply::Error(text).into();
    }
    let (mut cursor, mut names) = (0, Vec::new());
    loop {
        let (next, keys) = keyspace.scan(cursor, SCAN_COUNT_MAX);
        let wanted = keys.into_iter().filter(|(name, _)| glob::matches(pattern, name.as_bytes()));
        names.extend(wanted.map(|(name, _)| Reply::text(name)));
        cursor = next;
        if cursor == 0 {
            return Reply::Array(names).into();
        }
    }
}
