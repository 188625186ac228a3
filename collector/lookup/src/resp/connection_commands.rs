//! Commands about the connection and the server: nothing here looks at a key's value.
use crate::http::auth::equal;
use crate::limits::CLIENT_NAME_BYTES_MAX;
use crate::resp::command::{Call, Outcome, one_line, unknown_subcommand, wrong_arity};
use crate::resp::reply::{Protocol, Reply};
use crate::resp::request::number;
use bytes::Bytes;
use std::time::{SystemTime, UNIX_EPOCH};

/// The version of Redis whose behaviour is followed; clients choose features by it.
const REDIS_VERSION: &str = "7.0.15";

pub(crate) fn ping(call: &mut Call<'_>) -> Outcome {
    match call.arguments {
        [] => Reply::Status("PONG"),
        [message] => Reply::Bulk(message.to_vec()),
        _ => wrong_arity("ping"),
    }
    .into()
}

pub(crate) fn echo(call: &mut Call<'_>) -> Outcome {
    Reply::Bulk(call.argument(0).to_vec()).into()
}

pub(crate) fn quit(_: &mut Call<'_>) -> Outcome {
    Outcome::Bye(Reply::OK)
}

pub(crate) fn reset(call: &mut Call<'_>) -> Outcome {
    call.client.name.clear();
    call.client.protocol = Protocol::Resp2;
    call.client.authenticated = call.config.password.is_none();
    Reply::Status("RESET").into()
}

pub(crate) fn select(call: &mut Call<'_>) -> Outcome {
    match number(call.argument(0)) {
        Some(0) => Reply::OK,
        Some(_) => Reply::error("ERR DB index is out of range"),
        None => Reply::not_an_integer(),
    }
    .into()
}

#[allow(clippy::disallowed_methods, reason = "TIME tells the machine's clock, as Redis does")]
pub(crate) fn time(_: &mut Call<'_>) -> Outcome {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let texts = [now.as_secs().to_string(), now.subsec_micros().to_string()];
    Reply::Array(texts.into_iter().map(Reply::text).collect()).into()
}

pub(crate) fn auth(call: &mut Call<'_>) -> Outcome {
    let reply = match (call.arguments, &call.config.password) {
        ([_], None) => Reply::error(
            "ERR AUTH <password> called without any password configured for the default user. \
             Are you sure your configuration is correct?",
        ),
        ([password], Some(_)) => authenticate(call, b"default", password),
        ([user, password], _) => authenticate(call, user, password),
        _ => Reply::syntax_error(),
    };
    reply.into()
}

/// Without a password the only user may come in with any, as in Redis.
fn authenticate(call: &mut Call<'_>, user: &[u8], password: &[u8]) -> Reply {
    let known = call.config.password.as_ref();
    if user == b"default" && known.is_none_or(|p| equal(p.as_bytes(), password)) {
        call.client.authenticated = true;
        Reply::OK
    } else {
        Reply::error("WRONGPASS invalid username-password pair or user is disabled.")
    }
}

pub(crate) fn hello(call: &mut Call<'_>) -> Outcome {
    match greet(call) {
        Ok(()) => describe_server(call),
        Err(refusal) => refusal,
    }
    .into()
}

fn greet(call: &mut Call<'_>) -> Result<(), Reply> {
    let mut protocol = call.client.protocol;
    let mut options = call.arguments;
    if let Some((version, rest)) = options.split_first() {
        protocol = match number(version) {
            Some(2) => Protocol::Resp2,
            Some(3) => Protocol::Resp3,
            Some(_) => return Err(Reply::error("NOPROTO unsupported protocol version")),
            None => {
                let text = "ERR Protocol version is not an integer or out of range";
                return Err(Reply::error(text));
            }
        };
        options = rest;
    }
    let (mut credentials, mut name) = (None, None);
    while let Some((option, rest)) = options.split_first() {
        options = match rest {
            [user, password, rest @ ..] if option.eq_ignore_ascii_case(b"auth") => {
                credentials = Some((user, password));
                rest
            }
            [given, rest @ ..] if option.eq_ignore_ascii_case(b"setname") => {
                name = Some(check_name(given)?);
                rest
            }
            _ => {
                let option = one_line(&String::from_utf8_lossy(option));
                return Err(Reply::Error(format!("ERR Syntax error in HELLO option '{option}'")));
            }
        };
    }
    if let Some((user, password)) = credentials {
        let reply = authenticate(call, user, password);
        if reply != Reply::OK {
            return Err(reply);
        }
    }
    if !call.client.authenticated {
        return Err(Reply::error(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the \
             HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and \
             select the RESP protocol version at the same time",
        ));
    }
    call.client.protocol = protocol;
    if let Some(name) = name {
        call.client.name = name;
    }
    Ok(())
}

fn describe_server(call: &Call<'_>) -> Reply {
    let label = Reply::Label;
    Reply::Map(vec![
        (label("server"), label("redis")),
        (label("version"), label(REDIS_VERSION)),
        (label("proto"), Reply::Integer(call.client.protocol.number())),
        (label("id"), Reply::Integer(call.client.id)),
        (label("mode"), label("standalone")),
        (label("role"), label("replica")),
        (label("modules"), Reply::Array(Vec::new())),
    ])
}

fn check_name(name: &[u8]) -> Result<String, Reply> {
    if name.len() > CLIENT_NAME_BYTES_MAX || !name.iter().all(u8::is_ascii_graphic) {
        let text = "ERR Client names cannot contain spaces, newlines or special characters.";
        return Err(Reply::error(text));
    }
    Ok(String::from_utf8_lossy(name).into_owned())
}

pub(crate) fn client(call: &mut Call<'_>) -> Outcome {
    let subcommand = call.argument(0).to_ascii_lowercase();
    let rest = call.arguments.get(1..).unwrap_or_default();
    match (subcommand.as_slice(), rest) {
        (b"id", []) => Reply::Integer(call.client.id),
        (b"getname", []) if call.client.name.is_empty() => Reply::Null,
        (b"getname", []) => Reply::text(call.client.name.clone()),
        (b"setname", [name]) => match check_name(name) {
            Ok(name) => {
                call.client.name = name;
                Reply::OK
            }
            Err(refusal) => refusal,
        },
        (b"setinfo", [attribute, value]) => set_info(attribute, value),
        (b"info", []) | (b"list", _) => Reply::Verbatim(call.client.describe() + "\n"),
        (b"no-evict" | b"no-touch", [state]) => on_or_off(state),
        (b"help", []) => help(
            "CLIENT",
            &[
                ("GETNAME", "The name of this connection."),
                ("ID", "The number of this connection."),
                ("INFO", "What is known about this connection."),
                ("LIST", "The same; other connections are not listed."),
                ("NO-EVICT (ON|OFF)", "Accepted; nothing is evicted here."),
                ("NO-TOUCH (ON|OFF)", "Accepted; nothing is evicted here."),
                ("SETINFO <option> <value>", "Accepted and not kept."),
                ("SETNAME <name>", "Names this connection."),
            ],
        ),
        (
            name @ (b"id" | b"getname" | b"setname" | b"setinfo" | b"info" | b"no-evict"
            | b"no-touch" | b"help"),
            _,
        ) => wrong_arity(&format!("client|{}", String::from_utf8_lossy(name))),
        _ => unknown_subcommand("CLIENT", call.argument(0)),
    }
    .into()
}

/// Newer clients send their library's name unasked and dislike an error in return.
fn set_info(attribute: &Bytes, value: &Bytes) -> Reply {
    let known = [&b"lib-name"[..], b"lib-ver"].iter().any(|k| attribute.eq_ignore_ascii_case(k));
    if !known {
        let shown = one_line(&String::from_utf8_lossy(attribute));
        return Reply::Error(format!("ERR Unrecognized option '{shown}'"));
    }
    match check_name(value) {
        Ok(_) => Reply::OK,
        Err(_) => {
            let shown = String::from_utf8_lossy(attribute).to_ascii_lowercase();
            let text = "cannot contain spaces, newlines or special characters.";
            Reply::Error(format!("ERR {shown} {text}"))
        }
    }
}

fn on_or_off(state: &Bytes) -> Reply {
    if state.eq_ignore_ascii_case(b"on") || state.eq_ignore_ascii_case(b"off") {
        Reply::OK
    } else {
        Reply::syntax_error()
    }
}

/// The answer of a container's HELP.
pub(crate) fn help(container: &str, lines: &[(&'static str, &'static str)]) -> Reply {
    let first = format!("{container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
    let mut out = vec![Reply::text(first)];
    for (name, text) in lines.iter().chain(&[("HELP", "Prints this help.")]) {
        out.push(Reply::Label(name));
        out.push(Reply::text(format!("    {text}")));
    }
    Reply::Array(out)
}

pub(crate) fn info(call: &mut Call<'_>) -> Outcome {
    let asked = |section: &str| {
        let all = [section, "default", "all", "everything"];
        call.arguments.is_empty()
            || call
                .arguments
                .iter()
                .any(|a| all.iter().any(|s| a.eq_ignore_ascii_case(s.as_bytes())))
    };
    let mut sections = Vec::new();
    if asked("server") {
        sections.push(format!(
            "# Server\r\nredis_version:{REDIS_VERSION}\r\nredis_mode:standalone\r\n\
             sillage_version:{}\r\nprocess_id:{}\r\ntcp_port:{}\r\nuptime_in_seconds:{}\r\n",
            env!("CARGO_PKG_VERSION"),
            std::process::id(),
            call.client.local.port(),
            call.config.started.elapsed().as_secs(),
        ));
    }
    if asked("clients") {
        sections.push(format!(
            "# Clients\r\nconnected_clients:{}\r\nmaxclients:{}\r\n",
            call.clients_now, call.config.clients_max,
        ));
    }
    if asked("persistence") {
        let loading = call.config.projects.values().any(|project| !(project.ready)());
        sections.push(format!("# Persistence\r\nloading:{}\r\n", u8::from(loading)));
    }
    if asked("keyspace") {
        let (keys, expiring) = call.keyspace().count();
        let counted = format!("db0:keys={keys},expires={expiring},avg_ttl=0\r\n");
        let counted = if keys == 0 { String::new() } else { counted };
        sections.push(format!("# Keyspace\r\n{counted}"));
    }
    Reply::Verbatim(sections.join("\r\n")).into()
}
