//! COMMAND: the table of commands, rendered as Redis renders its own.
use crate::resp::command::{
    COMMANDS, Call, Command, Keys, Outcome, find, unknown_subcommand, wrong_arity,
};
use crate::resp::connection_commands::help;
use crate::resp::reply::Reply;

pub(crate) fn command(call: &mut Call<'_>) -> Outcome {
    let Some((subcommand, names)) = call.arguments.split_first() else {
        return Reply::Array(COMMANDS.iter().map(describe).collect()).into();
    };
    match (subcommand.to_ascii_lowercase().as_slice(), names) {
        (b"count", []) => Reply::count(COMMANDS.len()),
        (b"list", []) => Reply::Array(COMMANDS.iter().map(|c| Reply::Label(c.name)).collect()),
        (b"info", []) => Reply::Array(COMMANDS.iter().map(describe).collect()),
        (b"info", names) => {
            let one = |name: &bytes::Bytes| find(name).map_or(Reply::Null, describe);
            Reply::Array(names.iter().map(one).collect())
        }
        (b"docs", []) => Reply::Map(COMMANDS.iter().map(document).collect()),
        (b"docs", names) => {
            let known = names.iter().filter_map(|name| find(name));
            Reply::Map(known.map(document).collect())
        }
        (b"help", []) => help(
            "COMMAND",
            &[
                ("(no subcommand)", "Every command that is answered here."),
                ("COUNT", "How many there are."),
                ("DOCS [<command-name> ...]", "What they do and take."),
                ("INFO [<command-name> ...]", "How a client should treat them."),
                ("LIST", "Their names."),
            ],
        ),
        (b"count", _) => wrong_arity("command|count"),
        (b"help", _) => wrong_arity("command|help"),
        (b"list", _) => Reply::syntax_error(),
        _ => unknown_subcommand("COMMAND", subcommand),
    }
    .into()
}

/// The ten elements of COMMAND INFO.
fn describe(command: &Command) -> Reply {
    let (first, last, step) = match command.keys {
        Keys::None | Keys::AfterStreams => (0, 0, 0),
        Keys::First => (1, 1, 1),
        Keys::All => (1, -1, 1),
    };
    Reply::Array(vec![
        Reply::Label(command.name),
        Reply::Integer(command.arity),
        statuses(command.flags),
        Reply::Integer(first),
        Reply::Integer(last),
        Reply::Integer(step),
        statuses(command.categories),
        Reply::Set(command.tips.iter().map(|&tip| Reply::Label(tip)).collect()),
        Reply::Set(key_specifications(command)),
        Reply::Set(Vec::new()),
    ])
}

fn statuses(texts: &'static [&'static str]) -> Reply {
    Reply::Set(texts.iter().map(|&text| Reply::Status(text)).collect())
}

fn key_specifications(command: &Command) -> Vec<Reply> {
    let pair = |name: &'static str, value: i64| (Reply::Label(name), Reply::Integer(value));
    let (begin, begin_type, last, limit) = match command.keys {
        Keys::None => return Vec::new(),
        Keys::First => (vec![pair("index", 1)], "index", 0, 0),
        Keys::All => (vec![pair("index", 1)], "index", -1, 0),
        Keys::AfterStreams => {
            let keyword = (Reply::Label("keyword"), Reply::Label("STREAMS"));
            (vec![keyword, pair("startfrom", 1)], "keyword", -1, 2)
        }
    };
    let range = vec![pair("lastkey", last), pair("keystep", 1), pair("limit", limit)];
    vec![Reply::Map(vec![
        (Reply::Label("flags"), statuses(access(command.name))),
        (Reply::Label("begin_search"), specification(begin_type, begin)),
        (Reply::Label("find_keys"), specification("range", range)),
    ])]
}

/// Redis tells reads of a value from looks at what is around it.
fn access(name: &str) -> &'static [&'static str] {
    match name {
        "exists" | "type" | "hexists" | "hlen" | "hstrlen" | "zcard" | "xlen" => &["RO"],
        _ => &["RO", "access"],
    }
}

fn specification(kind: &'static str, pairs: Vec<(Reply, Reply)>) -> Reply {
    Reply::Map(vec![
        (Reply::Label("type"), Reply::Label(kind)),
        (Reply::Label("spec"), Reply::Map(pairs)),
    ])
}

fn document(command: &Command) -> (Reply, Reply) {
    let mut fields = vec![
        (Reply::Label("summary"), Reply::Label(command.summary)),
        (Reply::Label("since"), Reply::Label(command.since)),
        (Reply::Label("group"), Reply::Label(command.group)),
    ];
    let arguments = arguments(command.syntax);
    if !arguments.is_empty() {
        fields.push((Reply::Label("arguments"), Reply::Array(arguments)));
    }
    (Reply::Label(command.name), Reply::Map(fields))
}

/// Reads a syntax text: words are arguments, brackets make them optional, dots repeat them, and a
/// word in capitals is written as it is, before the argument that follows it, if any.
fn arguments(syntax: &'static str) -> Vec<Reply> {
    let mut out = Vec::new();
    let mut words = syntax.split(' ').filter(|word| !word.is_empty()).peekable();
    while let Some(word) = words.next() {
        let mut part = vec![word];
        while part[0].starts_with('[') && !part.last().is_some_and(|last| last.ends_with(']')) {
            let Some(next) = words.next() else { break };
            part.push(next);
        }
        let starts_token = part.len() == 1 && is_token(word) && !word.ends_with(']');
        if let Some(value) = words.next_if(|_| starts_token) {
            part.push(value);
        }
        out.push(argument(&part));
    }
    out
}

fn is_token(word: &str) -> bool {
    word.trim_matches(['[', ']']).chars().all(|c| c.is_ascii_uppercase())
}

fn argument(part: &[&'static str]) -> Reply {
    let bare = |word: &'static str| word.trim_matches(['[', ']', '.']);
    let optional = part.iter().any(|word| word.starts_with('['));
    let repeated = part.iter().any(|word| word.trim_end_matches(']').ends_with("..."));
    let (token, values) = match part {
        [first, rest @ ..] if is_token(first) => (Some(bare(first)), rest),
        all => (None, all),
    };
    let kind = match (token, values) {
        (_, [_, _, ..]) => "block",
        (Some(_), []) => "pure-token",
        (_, values) => value_type(values.first().map_or("", |value| bare(value))),
    };
    let name = match (token, values) {
        (_, [value]) => Reply::Label(bare(value)),
        (Some(token), _) => Reply::text(token.to_ascii_lowercase()),
        (None, _) => Reply::text(values.join("_")),
    };
    let mut fields = vec![(Reply::Label("name"), name), (Reply::Label("type"), Reply::Label(kind))];
    if let Some(token) = token {
        fields.push((Reply::Label("token"), Reply::Label(token)));
    }
    let flags = [(optional, "optional"), (repeated, "multiple")];
    let flags: Vec<Reply> =
        flags.into_iter().filter(|(set, _)| *set).map(|(_, name)| Reply::Status(name)).collect();
    if !flags.is_empty() {
        fields.push((Reply::Label("flags"), Reply::Array(flags)));
    }
    if kind == "block" {
        let parts = values.iter().map(|value| argument(&[bare(value)])).collect();
        fields.push((Reply::Label("arguments"), Reply::Array(parts)));
    }
    Reply::Map(fields)
}

fn value_type(name: &str) -> &'static str {
    match name {
        "key" => "key",
        "pattern" => "pattern",
        "count" | "offset" | "cursor" | "protover" | "index" | "milliseconds" => "integer",
        _ => "string",
    }
}
