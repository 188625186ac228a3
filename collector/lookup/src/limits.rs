//! Every bound of this room, with its unit and where it comes from.
use core::time::Duration;

/// Members on one page when the reader does not say. Contract.
pub(crate) const PAGE_MEMBERS_DEFAULT: usize = 100;
/// Members on one page at most. Contract.
pub(crate) const PAGE_MEMBERS_MAX: usize = 1_000;
/// Bytes of a segment's definition; its rule has at most 16 KiB, as text of JSON six times that.
pub(crate) const DEFINITION_BYTES_MAX: usize = 256 * 1024;
/// How long a definition may take to arrive.
pub(crate) const DEFINITION_WAIT: Duration = Duration::from_secs(10);
/// Dead letters on one page when the reader does not say.
pub(crate) const PAGE_DEAD_LETTERS_DEFAULT: usize = 100;
/// Dead letters on one page at most; each may carry 64 KiB of raw bytes.
pub(crate) const PAGE_DEAD_LETTERS_MAX: usize = 1_000;

/// Bytes of one connection's requests that wait to be parsed or completed.
pub(crate) const QUERY_BYTES_MAX: usize = 1024 * 1024;
/// Arguments of one command, its name included.
pub(crate) const ARGUMENTS_MAX: usize = 1_024;
/// Bytes of one inline command (Redis: `PROTO_INLINE_MAX_SIZE`).
pub(crate) const INLINE_BYTES_MAX: usize = 64 * 1024;
/// Bytes of the line that announces a count or a length; a 64-bit number needs 22.
pub(crate) const HEADER_BYTES_MAX: usize = 64;
/// Arguments of a command before AUTH (Redis: the same).
pub(crate) const ARGUMENTS_BEFORE_AUTH_MAX: usize = 10;
/// Bytes of an argument before AUTH (Redis: the same).
pub(crate) const ARGUMENT_BYTES_BEFORE_AUTH_MAX: usize = 16 * 1024;
/// Bytes of replies that are gathered before they are written; a longer pipeline is written in parts.
pub(crate) const REPLY_BYTES_GATHERED: usize = 256 * 1024;
/// Bytes that are asked of the socket at a time.
pub(crate) const READ_BYTES: usize = 16 * 1024;
/// How long to wait after the system could not give a new connection.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long a connection may stay silent.
pub(crate) const IDLE_MAX: Duration = Duration::from_secs(5 * 60);
/// How long one write may wait for a reader that does not read.
pub(crate) const WRITE_MAX: Duration = Duration::from_secs(30);
/// Connections at a time (Redis: `maxclients`, the same default).
pub const CLIENTS_MAX: usize = 10_000;
/// Bytes of a client's name.
pub(crate) const CLIENT_NAME_BYTES_MAX: usize = 256;
/// Bytes of arguments echoed in the error about an unknown command (Redis: the same).
pub(crate) const UNKNOWN_ECHO_BYTES_MAX: usize = 128;

/// Keys looked at in one SCAN, whatever COUNT says.
pub(crate) const SCAN_COUNT_MAX: usize = 10_000;
/// Keys looked at in one SCAN when COUNT is not given (Redis: the same).
pub(crate) const SCAN_COUNT_DEFAULT: usize = 10;
/// Keys that KEYS returns at most; beyond, it is refused and SCAN is named.
pub(crate) const KEYS_MAX: usize = 100_000;
/// Entries of a stream that one XRANGE or XREAD returns when it gives no COUNT, and at most.
pub(crate) const STREAM_ENTRIES_MAX: usize = 100_000;
/// Nested wildcards of a pattern that are followed; more never match. Redis follows without end.
pub(crate) const GLOB_STARS_MAX: usize = 64;

const _: () = assert!(PAGE_MEMBERS_DEFAULT <= PAGE_MEMBERS_MAX);
const _: () = assert!(INLINE_BYTES_MAX < QUERY_BYTES_MAX);
const _: () = assert!(SCAN_COUNT_DEFAULT <= SCAN_COUNT_MAX);
