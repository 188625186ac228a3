//! The table of commands: what each is called, what it takes, and which function answers it.
//!
//! COMMAND is rendered from the same table, so a client is told what is really there.
use crate::limits::UNKNOWN_ECHO_BYTES_MAX;
use crate::resp::client::Client;
use crate::resp::keyspace::Keyspace;
use crate::resp::reply::Reply;
use crate::resp::writes::WRITES;
use crate::resp::{RespConfig, connection_commands, describe, hash, keys, sorted_set, stream};
use bytes::Bytes;

/// One command on its way: who asks, and with what.
pub(crate) struct Call<'c> {
    pub(crate) client: &'c mut Client,
    pub(crate) config: &'c RespConfig,
    pub(crate) clients_now: usize,
    /// Without the command's own name.
    pub(crate) arguments: &'c [Bytes],
}

impl<'c> Call<'c> {
    pub(crate) fn keyspace(&self) -> Keyspace<'c> {
        Keyspace::new(&self.config.projects)
    }

    /// The argument at `index`, which the arity of the command says is there.
    pub(crate) fn argument(&self, index: usize) -> &'c [u8] {
        self.arguments.get(index).map(AsRef::as_ref).unwrap_or_default()
    }
}

/// What is to be done after a command.
pub(crate) enum Outcome {
    /// Answer, and go on.
    Answer(Reply),
    /// Answer, and close the connection.
    Bye(Reply),
    /// Answer once one of these streams has grown.
    Wait(stream::BlockedRead),
}

impl From<Reply> for Outcome {
    fn from(reply: Reply) -> Self {
        Self::Answer(reply)
    }
}

/// Where the keys of a command are among its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keys {
    None,
    /// The first argument.
    First,
    /// Every argument.
    All,
    /// The first half of what follows STREAMS.
    AfterStreams,
}

/// One row of the table. Texts other than the summary are facts that clients compare with Redis.
pub(crate) struct Command {
    pub(crate) name: &'static str,
    /// Arguments with the name; negative: at least so many.
    pub(crate) arity: i64,
    pub(crate) flags: &'static [&'static str],
    pub(crate) categories: &'static [&'static str],
    pub(crate) tips: &'static [&'static str],
    pub(crate) keys: Keys,
    pub(crate) group: &'static str,
    pub(crate) since: &'static str,
    pub(crate) summary: &'static str,
    /// The arguments as help shows them; see `describe`.
    pub(crate) syntax: &'static str,
    answer: fn(&mut Call<'_>) -> Outcome,
}

impl Command {
    /// Whether keys are looked up, which cannot be done while they are still being loaded.
    fn reads_keys(&self) -> bool {
        self.flags.contains(&"readonly") || self.name == "xinfo"
    }
}

/// The command with this name, in any case.
pub(crate) fn find(name: &[u8]) -> Option<&'static Command> {
    COMMANDS.iter().find(|c| c.name.as_bytes().eq_ignore_ascii_case(name))
}

/// Answers one request. `request` holds the command's name and its arguments, at least the name.
pub(crate) fn answer(
    client: &mut Client,
    config: &RespConfig,
    clients_now: usize,
    request: &[Bytes],
) -> Outcome {
    let Some((name, arguments)) = request.split_first() else {
        return Reply::syntax_error().into();
    };
    let Some(command) = find(name) else {
        return refuse(client, name, arguments).into();
    };
    if !fits(command.arity, request.len()) {
        return wrong_arity(command.name).into();
    }
    if !client.authenticated && !command.flags.contains(&"no_auth") {
        return Reply::error("NOAUTH Authentication required.").into();
    }
    if command.reads_keys() && config.projects.values().any(|project| !(project.ready)()) {
        return Reply::error("LOADING Redis is loading the dataset in memory").into();
    }
    client.last_command = command.name;
    (command.answer)(&mut Call { client, config, clients_now, arguments })
}

fn fits(arity: i64, count: usize) -> bool {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    if arity < 0 { count >= -arity } else { count == arity }
}

pub(crate) fn wrong_arity(name: &str) -> Reply {
    Reply::Error(format!("ERR wrong number of arguments for '{name}' command"))
}

pub(crate) fn unknown_subcommand(container: &str, given: &[u8]) -> Reply {
    let given = String::from_utf8_lossy(given.get(..128).unwrap_or(given));
    Reply::Error(format!("ERR unknown subcommand '{}'. Try {container} HELP.", one_line(&given)))
}

/// The answer to a command that writes, or that nobody knows.
fn refuse(client: &Client, name: &[u8], arguments: &[Bytes]) -> Reply {
    let known = WRITES.iter().find(|(write, _)| write.as_bytes().eq_ignore_ascii_case(name));
    let Some((write, arity)) = known else {
        return unknown(name, arguments);
    };
    if !fits(*arity, arguments.len() + 1) {
        return wrong_arity(write);
    }
    if !client.authenticated {
        return Reply::error("NOAUTH Authentication required.");
    }
    Reply::error("READONLY You can't write against a read only replica.")
}

fn unknown(name: &[u8], arguments: &[Bytes]) -> Reply {
    let mut echoed = String::new();
    for argument in arguments {
        let left = UNKNOWN_ECHO_BYTES_MAX.saturating_sub(echoed.len());
        if left == 0 {
            break;
        }
        let shown = argument.get(..left).unwrap_or(argument);
        echoed.push_str(&format!("'{}' ", String::from_utf8_lossy(shown)));
    }
    let name = String::from_utf8_lossy(name.get(..UNKNOWN_ECHO_BYTES_MAX).unwrap_or(name));
    let text = format!("ERR unknown command '{name}', with args beginning with: {echoed}");
    Reply::Error(one_line(&text))
}

/// An error is one line; what the client sent may hold line ends. Redis replaces them too.
pub(crate) fn one_line(text: &str) -> String {
    text.replace(['\r', '\n'], " ")
}

const READ: &[&str] = &["readonly"];
const READ_FAST: &[&str] = &["readonly", "fast"];
const KEYS_FAST: &[&str] = &["@keyspace", "@read", "@fast"];
const HASH_FAST: &[&str] = &["@read", "@hash", "@fast"];
const HASH_SLOW: &[&str] = &["@read", "@hash", "@slow"];
const ZSET_FAST: &[&str] = &["@read", "@sortedset", "@fast"];
const ZSET_SLOW: &[&str] = &["@read", "@sortedset", "@slow"];
const STREAM_SLOW: &[&str] = &["@read", "@stream", "@slow"];
const CONNECTION_FAST: &[&str] = &["@fast", "@connection"];
const OPEN: &[&str] = &["noscript", "loading", "stale", "fast", "no_auth", "allow_busy"];
const ANY_ORDER: &[&str] = &["nondeterministic_output_order"];
const ANY_OUTPUT: &[&str] = &["nondeterministic_output"];
const ALL_SUM: &[&str] = &["request_policy:all_shards", "response_policy:agg_sum"];

macro_rules! commands {
    ($($name:literal, $arity:literal, $flags:expr, $categories:expr, $tips:expr, $keys:ident,
       $group:literal, $since:literal, $syntax:literal, $summary:literal => $answer:path;)*) => {
        &[$(Command {
            name: $name, arity: $arity, flags: $flags, categories: $categories, tips: $tips,
            keys: Keys::$keys, group: $group, since: $since, summary: $summary, syntax: $syntax,
            answer: $answer,
        }),*]
    };
}

/// Every command that is answered.
pub(crate) const COMMANDS: &[Command] = commands! {
    "ping", -1, &["fast"], CONNECTION_FAST, &["request_policy:all_shards", "response_policy:all_succeeded"], None,
        "connection", "1.0.0", "[message]", "Answers PONG, or what it was given" => connection_commands::ping;
    "echo", 2, &["loading", "stale", "fast"], CONNECTION_FAST, &[], None,
        "connection", "1.0.0", "message", "Answers what it was given" => connection_commands::echo;
    "hello", -1, OPEN, CONNECTION_FAST, &[], None,
        "connection", "6.0.0", "[protover]", "Chooses the protocol, and may authenticate" => connection_commands::hello;
    "auth", -2, OPEN, CONNECTION_FAST, &[], None,
        "connection", "1.0.0", "[username] password", "Says who is there" => connection_commands::auth;
    "select", 2, &["loading", "stale", "fast"], CONNECTION_FAST, &[], None,
        "connection", "1.0.0", "index", "Chooses a database; there is one, 0" => connection_commands::select;
    "client", -2, &[], &["@slow"], &[], None,
        "connection", "2.4.0", "subcommand [argument...]", "Names and lists this connection" => connection_commands::client;
    "quit", -1, OPEN, CONNECTION_FAST, &[], None,
        "connection", "1.0.0", "", "Closes the connection" => connection_commands::quit;
    "reset", 1, OPEN, CONNECTION_FAST, &[], None,
        "connection", "6.2.0", "", "Makes the connection as new" => connection_commands::reset;
    "command", -1, &["loading", "stale"], &["@slow", "@connection"], ANY_ORDER, None,
        "server", "2.8.13", "[subcommand] [argument...]", "Describes the commands that are answered here" => describe::command;
    "info", -1, &["loading", "stale"], &["@slow", "@dangerous"], &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"], None,
        "server", "1.0.0", "[section...]", "Describes this server" => connection_commands::info;
    "time", 1, &["loading", "stale", "fast"], &["@fast"], ANY_OUTPUT, None,
        "server", "2.6.0", "", "The server's clock" => connection_commands::time;
    "dbsize", 1, READ_FAST, KEYS_FAST, ALL_SUM, None,
        "server", "1.0.0", "", "How many keys there are" => keys::dbsize;
    "exists", -2, READ_FAST, KEYS_FAST, &["request_policy:multi_shard", "response_policy:agg_sum"], All,
        "generic", "1.0.0", "key...", "How many of the keys there are" => keys::exists;
    "type", 2, READ_FAST, KEYS_FAST, &[], First,
        "generic", "1.0.0", "key", "What kind of value a key holds" => keys::kind;
    "ttl", 2, READ_FAST, KEYS_FAST, ANY_OUTPUT, First,
        "generic", "1.0.0", "key", "Seconds until a key expires" => keys::ttl;
    "pttl", 2, READ_FAST, KEYS_FAST, ANY_OUTPUT, First,
        "generic", "2.6.0", "key", "Milliseconds until a key expires" => keys::pttl;
    "scan", -2, READ, &["@keyspace", "@read", "@slow"], &["nondeterministic_output", "request_policy:special"], None,
        "generic", "2.8.0", "cursor [MATCH pattern] [COUNT count] [TYPE type]", "Walks all keys" => keys::scan;
    "keys", 2, READ, &["@keyspace", "@read", "@slow", "@dangerous"], &["request_policy:all_shards", "nondeterministic_output_order"], None,
        "generic", "1.0.0", "pattern", "The keys that match a pattern" => keys::keys;
    "hget", 3, READ_FAST, HASH_FAST, &[], First,
        "hash", "2.0.0", "key field", "The value of a field" => hash::hget;
    "hmget", -3, READ_FAST, HASH_FAST, &[], First,
        "hash", "2.0.0", "key field...", "The values of fields" => hash::hmget;
    "hgetall", 2, READ, HASH_SLOW, ANY_ORDER, First,
        "hash", "2.0.0", "key", "All fields with their values" => hash::hgetall;
    "hexists", 3, READ_FAST, HASH_FAST, &[], First,
        "hash", "2.0.0", "key field", "Whether a field is there" => hash::hexists;
    "hkeys", 2, READ, HASH_SLOW, ANY_ORDER, First,
        "hash", "2.0.0", "key", "All fields" => hash::hkeys;
    "hvals", 2, READ, HASH_SLOW, ANY_ORDER, First,
        "hash", "2.0.0", "key", "All values" => hash::hvals;
    "hlen", 2, READ_FAST, HASH_FAST, &[], First,
        "hash", "2.0.0", "key", "How many fields there are" => hash::hlen;
    "hstrlen", 3, READ_FAST, HASH_FAST, &[], First,
        "hash", "3.2.0", "key field", "How long a field's value is" => hash::hstrlen;
    "hscan", -3, READ, HASH_SLOW, ANY_OUTPUT, First,
        "hash", "2.8.0", "key cursor [MATCH pattern] [COUNT count]", "Walks the fields of a hash" => hash::hscan;
    "zrange", -4, READ, ZSET_SLOW, &[], First,
        "sorted-set", "1.2.0", "key start stop [BYSCORE] [REV] [LIMIT offset count] [WITHSCORES]", "Members in a range" => sorted_set::zrange;
    "zrevrange", -4, READ, ZSET_SLOW, &[], First,
        "sorted-set", "1.2.0", "key start stop [WITHSCORES]", "Members in a range, the last first" => sorted_set::zrevrange;
    "zrangebyscore", -4, READ, ZSET_SLOW, &[], First,
        "sorted-set", "1.0.5", "key min max [WITHSCORES] [LIMIT offset count]", "Members in a range of scores" => sorted_set::zrangebyscore;
    "zrevrangebyscore", -4, READ, ZSET_SLOW, &[], First,
        "sorted-set", "2.2.0", "key max min [WITHSCORES] [LIMIT offset count]", "Members in a range of scores, the last first" => sorted_set::zrevrangebyscore;
    "zscore", 3, READ_FAST, ZSET_FAST, &[], First,
        "sorted-set", "1.2.0", "key member", "The score of a member" => sorted_set::zscore;
    "zmscore", -3, READ_FAST, ZSET_FAST, &[], First,
        "sorted-set", "6.2.0", "key member...", "The scores of members" => sorted_set::zmscore;
    "zcard", 2, READ_FAST, ZSET_FAST, &[], First,
        "sorted-set", "1.2.0", "key", "How many members there are" => sorted_set::zcard;
    "zcount", 4, READ_FAST, ZSET_FAST, &[], First,
        "sorted-set", "2.0.0", "key min max", "How many members have a score in a range" => sorted_set::zcount;
    "zscan", -3, READ, ZSET_SLOW, ANY_OUTPUT, First,
        "sorted-set", "2.8.0", "key cursor [MATCH pattern] [COUNT count]", "Walks the members of a sorted set" => sorted_set::zscan;
    "xrange", -4, READ, STREAM_SLOW, &[], First,
        "stream", "5.0.0", "key start end [COUNT count]", "Entries in a range" => stream::xrange;
    "xrevrange", -4, READ, STREAM_SLOW, &[], First,
        "stream", "5.0.0", "key end start [COUNT count]", "Entries in a range, the last first" => stream::xrevrange;
    "xread", -4, &["readonly", "blocking", "movablekeys"], &["@read", "@stream", "@slow", "@blocking"], &[], AfterStreams,
        "stream", "5.0.0", "[COUNT count] [BLOCK milliseconds] STREAMS key... id...", "Entries after given ones; may wait for them" => stream::xread;
    "xlen", 2, READ_FAST, &["@read", "@stream", "@fast"], &[], First,
        "stream", "5.0.0", "key", "How many entries there are" => stream::xlen;
    "xinfo", -2, &[], &["@slow"], &[], None,
        "stream", "5.0.0", "subcommand [argument...]", "Describes a stream" => stream::xinfo;
};
