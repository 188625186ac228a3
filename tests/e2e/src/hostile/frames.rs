//! Frames of HTTP/2 as bytes: whatever they say, and however many.
use super::wire::Wire;
use std::net::SocketAddr;

/// Kinds of frames (RFC 9113, section 6).
pub mod kind {
    /// A piece of a body.
    pub const DATA: u8 = 0;
    /// A head, or its beginning.
    pub const HEADERS: u8 = 1;
    /// The end of a stream, whatever state it is in.
    pub const RST_STREAM: u8 = 3;
    /// What a side can take.
    pub const SETTINGS: u8 = 4;
    /// A question whether anybody is there.
    pub const PING: u8 = 6;
    /// The end of a connection.
    pub const GOAWAY: u8 = 7;
    /// More may be sent.
    pub const WINDOW_UPDATE: u8 = 8;
    /// The rest of a head.
    pub const CONTINUATION: u8 = 9;
}

/// The stream ends here; of settings and pings, that they were seen.
pub const END_STREAM: u8 = 1;
/// The head ends here.
pub const END_HEADERS: u8 = 4;
const FRAME_HEAD_BYTES: usize = 9;

/// One frame as bytes.
#[must_use]
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("less than 16 MiB").to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// Header fields that no table remembers, without Huffman's code.
#[must_use]
pub fn fields(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0x10);
        for text in [name, value] {
            length(&mut block, text.len());
            block.extend(text.as_bytes());
        }
    }
    block
}

/// A length in seven bits and as many more bytes as it needs (RFC 7541, section 5.1).
fn length(out: &mut Vec<u8>, length: usize) {
    let Some(mut rest) = length.checked_sub(127) else {
        out.push(u8::try_from(length).expect("below 127"));
        return;
    };
    out.push(127);
    while rest >= 128 {
        out.push(u8::try_from(rest % 128).expect("seven bits") | 128);
        rest /= 128;
    }
    out.push(u8::try_from(rest).expect("seven bits"));
}

/// The head of a request with the tests' key.
#[must_use]
pub fn head(method: &str, path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let key = ("x-write-key", crate::Project::WRITE_KEY);
    let pseudo =
        [(":method", method), (":scheme", "http"), (":path", path), (":authority", "c"), key];
    fields(&[&pseudo, more].concat())
}

/// What became of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It was answered, with this body.
    Answered(String),
    /// It was reset, with this code.
    Reset(u32),
    /// The connection was given up, with this code.
    Gone(u32),
    /// The connection was closed without a word.
    Closed,
}

/// A connection that speaks HTTP/2 from its first byte.
#[derive(Debug)]
pub struct H2(pub Wire);

/// A frame that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Came {
    /// Its kind.
    pub kind: u8,
    /// Its flags.
    pub flags: u8,
    /// Its stream; 0 is the connection.
    pub stream: u32,
    /// Its content.
    pub payload: Vec<u8>,
}

impl H2 {
    /// Connects and says what it must.
    ///
    /// # Panics
    /// If nobody listens.
    #[must_use]
    pub fn connect(address: SocketAddr) -> Self {
        let mut wire = Wire::connect(address);
        wire.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        wire.send(&frame(kind::SETTINGS, 0, 0, &[]));
        Self(wire)
    }

    /// Sends bytes; whether they were all taken.
    pub fn send(&mut self, bytes: &[u8]) -> bool {
        self.0.send(bytes)
    }

    /// Sends a request whole.
    pub fn ask(&mut self, stream: u32, method: &str, path: &str, body: &[u8]) {
        let ends = if body.is_empty() { END_STREAM } else { 0 };
        let head = head(method, path, &[]);
        self.send(&frame(kind::HEADERS, END_HEADERS | ends, stream, &head));
        if !body.is_empty() {
            self.send(&frame(kind::DATA, END_STREAM, stream, body));
        }
    }

    /// The next frame; `None` once the connection is closed.
    ///
    /// # Panics
    /// Never: a frame's head has nine bytes.
    #[must_use]
    pub fn hear(&mut self) -> Option<Came> {
        let head = self.0.take(FRAME_HEAD_BYTES)?;
        let [a, b, c, kind, flags, s0, s1, s2, s3] = head.try_into().expect("nine bytes");
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        let stream = u32::from_be_bytes([s0, s1, s2, s3]);
        Some(Came { kind, flags, stream, payload: self.0.take(length)? })
    }

    /// Reads until it is known what became of a stream.
    #[must_use]
    pub fn fate(&mut self, stream: u32) -> Fate {
        let mut body = Vec::new();
        while let Some(came) = self.hear() {
            let word = |at: usize| {
                let bytes = came.payload.get(at..at + 4).and_then(|four| four.try_into().ok());
                u32::from_be_bytes(bytes.unwrap_or_default())
            };
            match came.kind {
                kind::GOAWAY => return Fate::Gone(word(4)),
                kind::RST_STREAM if came.stream == stream => return Fate::Reset(word(0)),
                kind::DATA if came.stream == stream => body.extend(&came.payload),
                _ => {}
            }
            let ends = matches!(came.kind, kind::DATA | kind::HEADERS);
            if ends && came.stream == stream && came.flags & END_STREAM != 0 {
                return Fate::Answered(String::from_utf8_lossy(&body).into_owned());
            }
        }
        Fate::Closed
    }
}
