//! The real binary, tortured: killed at any moment and at chosen system calls, its power cut, its disk filled,
//! failing, hanging and damaged. An oracle that knows what was sent, and what was acknowledged, compares it with
//! the log's bytes, the engine's answers and Redis.
//!
//! Needs root, `strace`, `e2fsprogs` and a `python3`: `.ci/setup test` installs them. All of it runs in a mount
//! namespace of its own ([`in_own_namespace`]), so that nothing stays mounted whatever ends it.
pub mod check;
pub mod cuts;
pub mod damage;
pub mod dump;
pub mod event;
pub mod faults;
pub mod journal;
pub mod kills;
pub mod load;
pub mod node;
pub mod report;
pub mod trace;
pub mod volume;

use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// By this word a program knows that it already runs in its own namespace.
const INSIDE: &str = "--in-own-namespace";

/// Gives the program's arguments, once it runs in a mount namespace of its own: until then the program is begun
/// again in one.
///
/// # Panics
/// If that is not allowed: it takes root.
#[must_use]
pub fn in_own_namespace() -> Vec<String> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(at) = arguments.iter().position(|argument| argument == INSIDE) {
        arguments.remove(at);
        return arguments;
    }
    let me = std::env::current_exe().expect("a program has a path");
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "--"]).arg(me).args(arguments).arg(INSIDE);
    panic!("this needs root: {}", command.exec());
}
