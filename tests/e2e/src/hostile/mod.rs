//! What no well-meaning sender does, as data: bytes on a socket, the answer that must come, and what may be
//! stored. Row numbers are those of the list of hostile inputs that this collector is held to.
mod access;
mod bodies;
mod check;
pub mod frames;
mod framing;
pub mod machine;
mod values;
pub mod wire;

pub use check::{Books, Outcome, check};

/// What becomes of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// It is closed, and nothing but the one answer came.
    Closes,
    /// The next request on it is served.
    Stays,
    /// Whether more can be sent on it depends on how much of a body had come.
    Either,
}

/// What must come of a row.
#[derive(Debug, Clone)]
pub struct Want {
    /// The status; 0 if the connection is closed unanswered.
    pub status: u16,
    /// The code of the problem; empty if the answer is none of ours, or no problem.
    pub code: &'static str,
    /// Whether the refusal is one that ingest counts.
    pub counted: bool,
    /// Of the connection.
    pub after: After,
    /// A header with its value.
    pub header: Option<(&'static str, &'static str)>,
    /// Events made durable.
    pub accepted: u64,
    /// Events that were there already.
    pub duplicates: u64,
    /// Events refused, by code.
    pub rejected: Vec<(&'static str, u64)>,
    /// The code of the letter that keeps the whole body, if it is kept.
    pub kept: Option<&'static str>,
    /// Text that stands in the answer.
    pub says: &'static str,
}

/// One hostile input.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its number, or that of the row that it belongs to.
    pub number: u16,
    /// What it is.
    pub name: &'static str,
    /// What is sent.
    pub bytes: Vec<u8>,
    /// Whether the sender ends its half of the connection then.
    pub ends: bool,
    /// What must come.
    pub want: Want,
    /// Why the answer is another than the list's, if it is.
    pub differs: Option<&'static str>,
}

/// A row that is served like any request unless it is said otherwise.
#[must_use]
pub fn row(number: u16, name: &'static str, bytes: impl Into<Vec<u8>>) -> Row {
    let want = Want {
        status: 200,
        code: "",
        counted: false,
        after: After::Either,
        header: None,
        accepted: 0,
        duplicates: 0,
        rejected: Vec::new(),
        kept: None,
        says: "",
    };
    Row { number, name, bytes: bytes.into(), ends: false, want, differs: None }
}

impl Row {
    /// 200, with so many events made durable, and the connection goes on.
    #[must_use]
    pub fn accepts(mut self, events: u64) -> Self {
        (self.want.status, self.want.accepted, self.want.after) = (200, events, After::Stays);
        self
    }

    /// A problem of this code, and nothing stored.
    #[must_use]
    pub fn refused(mut self, status: u16, code: &'static str) -> Self {
        (self.want.status, self.want.code, self.want.counted) = (status, code, true);
        self
    }

    /// An answer of another room than ingest.
    #[must_use]
    pub fn elsewhere(mut self, status: u16, code: &'static str) -> Self {
        (self.want.status, self.want.code, self.want.counted) = (status, code, false);
        self
    }

    /// An answer of the HTTP library: without a body, and the last on this connection.
    #[must_use]
    pub fn library(mut self, status: u16) -> Self {
        (self.want.status, self.want.after) = (status, After::Closes);
        self
    }

    /// Closed unanswered.
    #[must_use]
    pub fn unanswered(self) -> Self {
        self.library(0)
    }

    /// So many events are refused with this code; alone they make the answer a 422.
    #[must_use]
    pub fn rejects(mut self, code: &'static str, events: u64) -> Self {
        self.want.rejected.push((code, events));
        if self.want.accepted + self.want.duplicates == 0 {
            self = self.refused(422, "no_valid_event");
        }
        self.want.after = After::Stays;
        self
    }

    /// So many events were there already.
    #[must_use]
    pub fn duplicates(mut self, events: u64) -> Self {
        self.want.duplicates = events;
        self
    }

    /// The body is kept under the code of its refusal.
    #[must_use]
    pub fn kept(mut self) -> Self {
        self.want.kept = Some(self.want.code);
        self
    }

    /// The connection is closed then.
    #[must_use]
    pub fn closes(mut self) -> Self {
        self.want.after = After::Closes;
        self
    }

    /// The connection goes on.
    #[must_use]
    pub fn stays(mut self) -> Self {
        self.want.after = After::Stays;
        self
    }

    /// The answer has this header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.want.header = Some((name, value));
        self
    }

    /// The answer holds this text.
    #[must_use]
    pub fn says(mut self, text: &'static str) -> Self {
        self.want.says = text;
        self
    }

    /// The sender ends its half of the connection.
    #[must_use]
    pub fn then_ends(mut self) -> Self {
        self.ends = true;
        self
    }

    /// The list wants another answer; why this one is given.
    #[must_use]
    pub fn differs(mut self, why: &'static str) -> Self {
        self.differs = Some(why);
        self
    }
}

/// Every row that one connection and one collector can show.
#[must_use]
pub fn rows() -> Vec<Row> {
    let mut rows = framing::rows();
    rows.extend(bodies::rows());
    rows.extend(values::rows());
    rows.extend(access::rows());
    rows.sort_by_key(|row| row.number);
    rows
}

/// Rows that other tests of this crate, or of the rooms, hold.
pub const ELSEWHERE: &[(u16, &str)] = &[
    (36, "tests/hostile/http2.rs: the port speaks HTTP/2, docs/WIRE.md"),
    (47, "tests/hostile/slow.rs"),
    (48, "tests/hostile/slow.rs"),
    (50, "tests/hostile/slow.rs"),
    (51, "tests/hostile/slow.rs"),
    (52, "tests/hostile/slow.rs"),
    (53, "tests/hostile/http2.rs"),
    (54, "tests/hostile/http2.rs"),
    (55, "tests/hostile/http2.rs"),
    (56, "tests/hostile/http2.rs"),
    (57, "tests/hostile/http2.rs"),
    (112, "a revoked key is one that the configuration no longer has: as 111"),
    (123, "collector/ingest/tests/door/overload.rs"),
    (124, "tests/hostile/slow.rs"),
    (125, "collector/ingest/tests/door/overload.rs"),
    (126, "tests/hostile/slow.rs"),
];

/// Rows of parts that this collector does not have.
pub const NOT_BUILT: &[(u16, &str)] = &[
    (116, "tokens of an identity provider"),
    (117, "tokens of an identity provider"),
    (118, "tokens of an identity provider"),
    (119, "tokens of an identity provider"),
    (120, "tokens of an identity provider"),
    (121, "tokens of an identity provider"),
    (122, "tokens of an identity provider"),
    (130, "feeds in XML"),
    (131, "feeds in XML"),
    (132, "feeds in XML"),
    (133, "feeds in XML"),
    (134, "webhooks"),
];

/// How many rows the list has.
pub const LAST: u16 = 136;

/// An event of this message id; `rest` are further members, each with a comma before it.
#[must_use]
pub fn event(id: &str, rest: &str) -> String {
    format!(
        "{{\"type\":\"track\",\"event\":\"Tried\",\"anonymousId\":\"d-hostile\",\"messageId\":\"{id}\"{rest}}}"
    )
}

/// A batch of these events.
#[must_use]
pub fn batch(events: &[String]) -> String {
    format!("{{\"batch\":[{}]}}", events.join(","))
}

/// A batch of one good event.
#[must_use]
pub fn good(id: &str) -> String {
    batch(&[event(id, "")])
}

/// A request to `/v1/batch` with the tests' key; `lines` are further header lines.
#[must_use]
pub fn post(lines: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let lines = format!("X-Write-Key: {}\r\n{lines}", crate::Project::WRITE_KEY);
    request("POST", "/v1/batch", &lines, body)
}

/// A request with a length and these header lines.
#[must_use]
pub fn request(method: &str, path: &str, lines: &str, body: &[u8]) -> Vec<u8> {
    let length = format!("Content-Length: {}\r\n", body.len());
    with_head(&format!("{method} {path} HTTP/1.1\r\nHost: c\r\n{lines}{length}"), body)
}

/// A head, an empty line and a body.
#[must_use]
pub fn with_head(head: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    [head.as_bytes(), b"\r\n", body.as_ref()].concat()
}
