//! Commands on streams: the changes of memberships, in the order they were published.
use crate::limits::STREAM_ENTRIES_MAX;
use crate::resp::command::{Call, Outcome, unknown_subcommand, wrong_arity};
use crate::resp::connection_commands::help;
use crate::resp::keyspace::{Entry, Keyspace, Stream};
use crate::resp::reply::{Protocol, Reply};
use crate::resp::request::number;
use crate::resp::stream_id::{End, parse_id, parse_interval_end};
use bytes::Bytes;
use core::future::poll_fn;
use core::task::Poll;
use core::time::Duration;
use sillage_store::{Order, StreamId};

pub(crate) fn xlen(call: &mut Call<'_>) -> Outcome {
    match call.keyspace().stream(call.argument(0)) {
        Ok(found) => Reply::count(found.map_or(0, |stream| stream.len())),
        Err(refusal) => refusal,
    }
    .into()
}

pub(crate) fn xrange(call: &mut Call<'_>) -> Outcome {
    range(call, (1, 2), Order::Ascending)
}

pub(crate) fn xrevrange(call: &mut Call<'_>) -> Outcome {
    range(call, (2, 1), Order::Descending)
}

/// `positions` are those of the start and the end among the arguments.
fn range(call: &Call<'_>, positions: (usize, usize), order: Order) -> Outcome {
    let start = parse_interval_end(call.argument(positions.0), End::Start);
    let end = parse_interval_end(call.argument(positions.1), End::Stop);
    let (start, end) = match (start, end) {
        (Ok(start), Ok(end)) => (start, end),
        (Err(refusal), _) | (_, Err(refusal)) => return refusal.into(),
    };
    let mut count = None;
    let mut rest = call.arguments.get(3..).unwrap_or_default();
    while let [option, tail @ ..] = rest {
        let [value, tail @ ..] = tail else {
            return Reply::syntax_error().into();
        };
        if !option.eq_ignore_ascii_case(b"count") {
            return Reply::syntax_error().into();
        }
        let Some(given) = number(value) else {
            return Reply::not_an_integer().into();
        };
        count = Some(usize::try_from(given).unwrap_or(0));
        rest = tail;
    }
    match call.keyspace().stream(call.argument(0)) {
        Err(refusal) => refusal,
        Ok(None) => Reply::Array(Vec::new()),
        Ok(Some(_)) if count == Some(0) => Reply::NullArray,
        Ok(Some(stream)) => {
            let count = count.unwrap_or(usize::MAX).min(STREAM_ENTRIES_MAX);
            show(stream.range(start..=end, order, count))
        }
    }
    .into()
}

fn show(entries: Vec<Entry>) -> Reply {
    Reply::Array(entries.into_iter().map(show_entry).collect())
}

fn show_entry(entry: Entry) -> Reply {
    let fields = entry.fields.into_iter();
    let flat = fields.flat_map(|(field, value)| [Reply::Label(field), Reply::text(value)]);
    Reply::Array(vec![Reply::text(entry.id), Reply::Array(flat.collect())])
}

/// An XREAD that is waiting, or can be answered at once.
#[derive(Debug)]
pub(crate) struct BlockedRead {
    /// Each stream with the id after which entries are wanted.
    after: Vec<(Bytes, StreamId)>,
    count: usize,
    /// How long to wait; zero is for ever.
    pub(crate) block: Option<Duration>,
}

impl BlockedRead {
    /// Waits until one of the streams has grown. Streams of keys that nobody has never grow.
    pub(crate) fn grown(&self, keyspace: &Keyspace<'_>) -> impl Future<Output = ()> + use<> {
        let grows = |(key, after): &(Bytes, StreamId)| {
            let (changes, after) = (keyspace.awaited(key)?, *after);
            Some(Box::pin(async move { changes.wait_after(after).await }))
        };
        let mut waits: Vec<_> = self.after.iter().filter_map(grows).collect();
        poll_fn(move |context| {
            if waits.iter_mut().any(|wait| wait.as_mut().poll(context).is_ready()) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
    }

    /// The entries there are now; `None` if there are none.
    pub(crate) fn poll(&self, keyspace: &Keyspace<'_>, protocol: Protocol) -> Option<Reply> {
        let mut left = STREAM_ENTRIES_MAX;
        let mut found = Vec::new();
        for (key, after) in &self.after {
            let Ok(Some(stream)) = keyspace.stream(key) else { continue };
            let start = after.next();
            let entries =
                stream.range(start..=StreamId::MAX, Order::Ascending, self.count.min(left));
            left -= entries.len();
            if !entries.is_empty() {
                found.push((Reply::Bulk(key.to_vec()), show(entries)));
            }
        }
        (!found.is_empty()).then(|| match protocol {
            Protocol::Resp3 => Reply::Map(found),
            Protocol::Resp2 => {
                let pairs =
                    found.into_iter().map(|(key, entries)| Reply::Array(vec![key, entries]));
                Reply::Array(pairs.collect())
            }
        })
    }
}

pub(crate) fn xread(call: &mut Call<'_>) -> Outcome {
    let read = match parse_read(call) {
        Ok(read) => read,
        Err(refusal) => return refusal.into(),
    };
    match read.poll(&call.keyspace(), call.client.protocol) {
        Some(reply) => reply.into(),
        None if read.block.is_some() => Outcome::Wait(read),
        None => Reply::NullArray.into(),
    }
}

fn parse_read(call: &Call<'_>) -> Result<BlockedRead, Reply> {
    let (mut count, mut block) = (usize::MAX, None);
    let mut rest = call.arguments;
    let streams = loop {
        let [option, tail @ ..] = rest else {
            return Err(Reply::syntax_error());
        };
        let is = |name: &[u8]| option.eq_ignore_ascii_case(name);
        match tail {
            tail if is(b"streams") => break tail,
            [value, tail @ ..] if is(b"count") => {
                let given = number(value).ok_or_else(Reply::not_an_integer)?;
                count = usize::try_from(given).ok().filter(|&c| c > 0).unwrap_or(usize::MAX);
                rest = tail;
            }
            [value, tail @ ..] if is(b"block") => {
                block = Some(parse_timeout(value)?);
                rest = tail;
            }
            _ if is(b"group") || is(b"noack") => {
                let name = String::from_utf8_lossy(option).to_ascii_uppercase();
                return Err(Reply::Error(format!(
                    "ERR The {name} option is only supported by XREADGROUP. You called XREAD instead."
                )));
            }
            _ => return Err(Reply::syntax_error()),
        }
    };
    if streams.is_empty() || streams.len() % 2 != 0 {
        return Err(Reply::error(
            "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.",
        ));
    }
    let (keys, ids) = streams.split_at(streams.len() / 2);
    let keyspace = call.keyspace();
    let mut after = Vec::with_capacity(keys.len());
    for (key, id) in keys.iter().zip(ids) {
        let stream = keyspace.stream(key)?;
        let id = match &id[..] {
            b"$" => stream.map_or(StreamId::MIN, |stream| stream.last_id()),
            b">" => {
                return Err(Reply::error(
                    "ERR The > ID can be specified only when calling XREADGROUP using the GROUP \
                     <group> <consumer> option.",
                ));
            }
            id => parse_id(id, End::Start)?,
        };
        after.push((key.clone(), id));
    }
    Ok(BlockedRead { after, count, block })
}

fn parse_timeout(value: &[u8]) -> Result<Duration, Reply> {
    let refusal = || Reply::error("ERR timeout is not an integer or out of range");
    let ms = number(value).ok_or_else(refusal)?;
    let ms = u64::try_from(ms).map_err(|_| Reply::error("ERR timeout is negative"))?;
    Ok(Duration::from_millis(ms))
}

pub(crate) fn xinfo(call: &mut Call<'_>) -> Outcome {
    let subcommand = call.argument(0).to_ascii_lowercase();
    let rest = call.arguments.get(1..).unwrap_or_default();
    let answer = match (subcommand.as_slice(), rest) {
        (b"stream", [key, options @ ..]) => existing(call, key).and_then(|s| describe(&s, options)),
        (b"groups", [key]) => existing(call, key).map(|_| Reply::Array(Vec::new())),
        (b"consumers", [key, group]) => existing(call, key).and_then(|_| {
            let (group, key) = (String::from_utf8_lossy(group), String::from_utf8_lossy(key));
            let text = format!("NOGROUP No such consumer group '{group}' for key name '{key}'");
            Err(Reply::Error(crate::resp::command::one_line(&text)))
        }),
        (b"help", []) => Ok(help(
            "XINFO",
            &[
                ("GROUPS <key>", "There are none here."),
                ("STREAM <key> [FULL [COUNT <count>]]", "What is known about a stream."),
            ],
        )),
        (name @ (b"stream" | b"groups" | b"consumers" | b"help"), _) => {
            Err(wrong_arity(&format!("xinfo|{}", String::from_utf8_lossy(name))))
        }
        _ => Err(unknown_subcommand("XINFO", call.argument(0))),
    };
    answer.unwrap_or_else(|refusal| refusal).into()
}

fn existing(call: &Call<'_>, key: &[u8]) -> Result<Stream, Reply> {
    call.keyspace().stream(key)?.ok_or_else(|| Reply::error("ERR no such key"))
}

/// Entries that XINFO STREAM FULL shows unless COUNT says otherwise (Redis: the same).
const FULL_ENTRIES: usize = 10;
/// Entries in one node of Redis' radix tree (Redis: `stream-node-max-entries`); ours has no nodes.
const NODE_ENTRIES: usize = 100;

fn describe(stream: &Stream, options: &[Bytes]) -> Result<Reply, Reply> {
    let full = match options {
        [] => None,
        [full] if full.eq_ignore_ascii_case(b"full") => Some(FULL_ENTRIES),
        [full, count, value]
            if full.eq_ignore_ascii_case(b"full") && count.eq_ignore_ascii_case(b"count") =>
        {
            let count = number(value).ok_or_else(Reply::not_an_integer)?;
            let count = if count < 0 { FULL_ENTRIES } else { usize::try_from(count).unwrap_or(0) };
            Some(if count == 0 { STREAM_ENTRIES_MAX } else { count.min(STREAM_ENTRIES_MAX) })
        }
        _ => {
            return Err(Reply::error(
                "ERR unknown subcommand or wrong number of arguments for 'STREAM'. Try XINFO HELP.",
            ));
        }
    };
    let one = |order| stream.range(StreamId::MIN..=StreamId::MAX, order, 1).into_iter().next();
    let (first, last) = (one(Order::Ascending), one(Order::Descending));
    let first_id = first.as_ref().map_or_else(|| "0-0".to_owned(), |entry| entry.id.clone());
    let nodes = stream.len().div_ceil(NODE_ENTRIES);
    let label = Reply::Label;
    let mut pairs = vec![
        (label("length"), Reply::count(stream.len())),
        (label("radix-tree-keys"), Reply::count(nodes)),
        (label("radix-tree-nodes"), Reply::count(nodes + 1)),
        (label("last-generated-id"), Reply::text(stream.last_id().to_string())),
        (label("max-deleted-entry-id"), label("0-0")),
        (label("entries-added"), Reply::Integer(stream.entries_added())),
        (label("recorded-first-entry-id"), Reply::text(first_id)),
    ];
    let groups = label("groups");
    if let Some(count) = full {
        let entries = stream.range(StreamId::MIN..=StreamId::MAX, Order::Ascending, count);
        pairs.push((label("entries"), show(entries)));
        pairs.push((groups, Reply::Array(Vec::new())));
    } else {
        let shown = |entry: Option<Entry>| entry.map_or(Reply::Null, show_entry);
        pairs.push((groups, Reply::Integer(0)));
        pairs.push((label("first-entry"), shown(first)));
        pairs.push((label("last-entry"), shown(last)));
    }
    Ok(Reply::Map(pairs))
}
