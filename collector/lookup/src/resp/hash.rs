//! Commands on hashes: a person's profile, and a project's description.
use crate::resp::command::{Call, Outcome};
use crate::resp::keys::{ScanOptions, Walk};
use crate::resp::keyspace::Hash;
use crate::resp::reply::Reply;

/// Answers from the hash under the first argument, or from none.
fn with_hash(call: &Call<'_>, answer: impl FnOnce(Option<Hash<'_>>) -> Reply) -> Outcome {
    match call.keyspace().hash(call.argument(0)) {
        Ok(found) => answer(found),
        Err(refusal) => refusal,
    }
    .into()
}

fn value_or_null(value: Option<String>) -> Reply {
    value.map_or(Reply::Null, Reply::text)
}

pub(crate) fn hget(call: &mut Call<'_>) -> Outcome {
    let field = call.argument(1);
    with_hash(call, |hash| value_or_null(hash.and_then(|hash| hash.value(field))))
}

pub(crate) fn hmget(call: &mut Call<'_>) -> Outcome {
    let fields = call.arguments.get(1..).unwrap_or_default();
    with_hash(call, |hash| {
        if let Some(hash) = &hash {
            fields.iter().for_each(|field| hash.note_read(field));
        }
        let all = hash.map(|hash| hash.fields()).unwrap_or_default();
        let value = |name: &[u8]| {
            let found = all.iter().find(|(field, _)| field.as_bytes() == name);
            value_or_null(found.map(|(_, value)| value.clone()))
        };
        Reply::Array(fields.iter().map(|field| value(field)).collect())
    })
}

pub(crate) fn hexists(call: &mut Call<'_>) -> Outcome {
    let field = call.argument(1);
    with_hash(call, |hash| Reply::count(hash.and_then(|hash| hash.value(field)).iter().count()))
}

pub(crate) fn hstrlen(call: &mut Call<'_>) -> Outcome {
    let field = call.argument(1);
    with_hash(call, |hash| {
        Reply::count(hash.and_then(|hash| hash.value(field)).map_or(0, |value| value.len()))
    })
}

pub(crate) fn hgetall(call: &mut Call<'_>) -> Outcome {
    with_hash(call, |hash| {
        let fields = hash.map(|hash| hash.fields()).unwrap_or_default();
        Reply::Map(fields.into_iter().map(|(f, v)| (Reply::text(f), Reply::text(v))).collect())
    })
}

pub(crate) fn hkeys(call: &mut Call<'_>) -> Outcome {
    with_hash(call, |hash| {
        let fields = hash.map(|hash| hash.fields()).unwrap_or_default();
        Reply::Array(fields.into_iter().map(|(field, _)| Reply::text(field)).collect())
    })
}

pub(crate) fn hvals(call: &mut Call<'_>) -> Outcome {
    with_hash(call, |hash| {
        let fields = hash.map(|hash| hash.fields()).unwrap_or_default();
        Reply::Array(fields.into_iter().map(|(_, value)| Reply::text(value)).collect())
    })
}

pub(crate) fn hlen(call: &mut Call<'_>) -> Outcome {
    with_hash(call, |hash| Reply::count(hash.map_or(0, |hash| hash.fields().len())))
}

/// A small hash is walked in one step, as Redis walks one, whatever COUNT says.
pub(crate) fn hscan(call: &mut Call<'_>) -> Outcome {
    let rest = call.arguments.get(1..).unwrap_or_default();
    let options = match ScanOptions::parse(rest, Walk::Inside) {
        Ok(options) => options,
        Err(refusal) => return refusal.into(),
    };
    with_hash(call, |hash| {
        let fields = hash.map(|hash| hash.fields()).unwrap_or_default();
        let wanted = fields.into_iter().filter(|(field, _)| options.wants(field.as_bytes()));
        let items = wanted.flat_map(|(f, v)| [Reply::text(f), Reply::text(v)]).collect();
        Reply::Array(vec![Reply::Label("0"), Reply::Array(items)])
    })
}
