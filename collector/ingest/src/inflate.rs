//! Undoing a body's content coding, under a cap on what comes out.
//!
//! Gzip is inflated in one call into a buffer that the thread keeps: bodies are whole anyway, the
//! cap is known, and a streaming inflater takes twice the time. Knows nothing of JSON.
use crate::Refusal;
use crate::limits::{EXPECTED_RATIO, INFLATE_FIRST_BYTES, SCRATCH_KEEP_BYTES, ZSTD_WINDOW_LOG_MAX};
use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use flate2::{Decompress, FlushDecompress, Status};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use libdeflater::{DecompressionError, Decompressor};
use sillage_wire::Limits;
use std::io::Read;
use zstd::stream::raw::{DParameter, Decoder, Operation};

/// How a body is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// As it is.
    Identity,
    /// RFC 1952.
    Gzip,
    /// RFC 1950, or RFC 1951 alone, which some senders mean by `deflate`.
    Deflate,
    /// RFC 8878.
    Zstd,
    /// RFC 7932.
    Brotli,
}

impl Coding {
    /// What the headers say, or what the first bytes say if the headers are silent: browsers send
    /// compressed beacons without a header, because a header would cost a preflight.
    ///
    /// # Errors
    /// [`Refusal::UnsupportedEncoding`] for an unknown coding or more than one.
    pub fn of(headers: &HeaderMap, body: &[u8]) -> Result<Self, Refusal> {
        let mut named = headers.get_all(CONTENT_ENCODING).iter();
        let Some(value) = named.next() else { return Ok(Self::sniff(body)) };
        if named.next().is_some() {
            return Err(Refusal::UnsupportedEncoding);
        }
        let value = value.as_bytes().trim_ascii();
        for (name, coding) in [
            (&b"gzip"[..], Self::Gzip),
            (b"x-gzip", Self::Gzip),
            (b"deflate", Self::Deflate),
            (b"zstd", Self::Zstd),
            (b"br", Self::Brotli),
        ] {
            if value.eq_ignore_ascii_case(name) {
                return Ok(coding);
            }
        }
        if value.is_empty() || value.eq_ignore_ascii_case(b"identity") {
            return Ok(Self::sniff(body));
        }
        Err(Refusal::UnsupportedEncoding)
    }

    /// No JSON begins with either magic.
    fn sniff(body: &[u8]) -> Self {
        match body {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x78, second, ..] if (0x7800 + u16::from(*second)).is_multiple_of(31) => Self::Deflate,
            _ => Self::Identity,
        }
    }

    /// Its name in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Zstd => "zstd",
            Self::Brotli => "br",
        }
    }

    /// How large a body of this length may well become, as far as one can know before it is there.
    #[must_use]
    pub fn expected_growth(self, len: u64) -> u64 {
        match self {
            Self::Identity => len,
            Self::Gzip | Self::Deflate | Self::Zstd | Self::Brotli => {
                len.saturating_mul(EXPECTED_RATIO as u64)
            }
        }
    }

    /// How large the body will be, as far as one can know without decoding it.
    #[must_use]
    pub fn expected_len(self, body: &[u8]) -> usize {
        match self {
            Self::Identity => body.len(),
            Self::Gzip => gzip_len(body).unwrap_or(body.len()),
            Self::Deflate | Self::Zstd | Self::Brotli => body.len().saturating_mul(EXPECTED_RATIO),
        }
    }
}

/// The largest output of a body of this length: the cap, or less where the ratio forbids it.
#[must_use]
pub fn decoded_bytes_max(len: usize, limits: &Limits) -> usize {
    let by_ratio = len.saturating_mul(limits.ratio_max).max(limits.ratio_free_bytes);
    by_ratio.min(limits.decompressed_bytes_max)
}

/// What one thread keeps to decode with.
pub struct Inflater {
    out: Vec<u8>,
    gzip: Decompressor,
    zstd: Option<Decoder<'static>>,
}

impl Default for Inflater {
    fn default() -> Self {
        Self { out: Vec::new(), gzip: Decompressor::new(), zstd: None }
    }
}

/// How a piece of decoding ended.
enum Step {
    /// The stream is at its end; so much of the input was used.
    Done(usize),
    /// The output is full.
    Full,
    /// The stream is damaged or cut short.
    Bad,
    /// The stream wants more memory than is granted.
    Greedy,
}

impl Inflater {
    /// Decodes a body; what comes back lives in this thread's buffer until the next call.
    ///
    /// # Errors
    /// [`Refusal::DecompressedTooLarge`] beyond `bytes_max`, [`Refusal::BadEncoding`] if the body
    /// is damaged, cut short, or followed by anything.
    pub fn decode<'a>(
        &'a mut self,
        coding: Coding,
        body: &'a [u8],
        bytes_max: usize,
    ) -> Result<&'a [u8], Refusal> {
        let bad = Refusal::BadEncoding(coding.name());
        let len = match coding {
            Coding::Identity => return Ok(body),
            Coding::Gzip => self.gzip(body, bytes_max)?,
            Coding::Deflate => self.deflate(body, bytes_max)?,
            Coding::Zstd => self.zstd(body, bytes_max)?,
            Coding::Brotli => self.brotli(body, bytes_max)?,
        };
        self.out.get(..len).ok_or(bad)
    }

    /// Gives back what a rare big body needed.
    pub fn trim(&mut self) {
        if self.out.len() > SCRATCH_KEEP_BYTES {
            self.out = Vec::new();
        }
    }

    fn room(&mut self, len: usize) {
        if self.out.len() < len {
            self.out.resize(len, 0);
        }
    }

    /// The footer tells the size of one honest member. If more comes out than it says, something
    /// follows the member; a second try finds out whether that is a bomb or a mistake.
    #[allow(clippy::disallowed_methods, reason = "the output buffer is the cap")]
    fn gzip(&mut self, body: &[u8], bytes_max: usize) -> Result<usize, Refusal> {
        const BAD: Refusal = Refusal::BadEncoding("gzip");
        let claimed = gzip_len(body).ok_or(BAD)?;
        let mut attempt = claimed.min(bytes_max.saturating_add(1));
        loop {
            self.room(attempt.max(1));
            match self.gzip.gzip_decompress(body, &mut self.out) {
                Ok(len) if len > bytes_max => return Err(too_large(bytes_max)),
                // The library stops silently at the end of the first member. What follows would be
                // lost and acknowledged, so the footer must be the one of what came out.
                Ok(len) if len == claimed && gzip_crc(body) == self.crc(len) => return Ok(len),
                Ok(_) | Err(DecompressionError::BadData) => return Err(BAD),
                Err(DecompressionError::InsufficientSpace) => {
                    if self.out.len() > bytes_max {
                        return Err(too_large(bytes_max));
                    }
                    attempt = bytes_max.saturating_add(1);
                }
            }
        }
    }

    fn crc(&self, len: usize) -> Option<u32> {
        self.out.get(..len).map(libdeflater::crc32)
    }

    fn deflate(&mut self, body: &[u8], bytes_max: usize) -> Result<usize, Refusal> {
        let zlib = Coding::sniff(body) == Coding::Deflate;
        let mut stream = Decompress::new(zlib);
        self.stream(body.len(), bytes_max, "deflate", |used, out| {
            let before = (stream.total_in(), stream.total_out());
            let rest = body.get(*used..).unwrap_or_default();
            let status = stream.decompress(rest, out, FlushDecompress::None);
            *used += usize::try_from(stream.total_in() - before.0).unwrap_or(usize::MAX);
            let written = usize::try_from(stream.total_out() - before.1).unwrap_or(usize::MAX);
            let step = match status {
                Ok(Status::StreamEnd) => Step::Done(*used),
                Ok(_) if written == out.len() => Step::Full,
                Ok(_) | Err(_) => Step::Bad,
            };
            (step, written)
        })
    }

    fn zstd(&mut self, body: &[u8], bytes_max: usize) -> Result<usize, Refusal> {
        let decoder = self.zstd.take().map_or_else(new_zstd, Ok);
        let mut decoder = decoder.map_err(|_| Refusal::Overloaded)?;
        let mut at_end = false;
        let result = self.stream(body.len(), bytes_max, "zstd", |used, out| {
            let mut written = 0;
            loop {
                let rest = body.get(*used..).unwrap_or_default();
                if at_end && rest.is_empty() {
                    return (Step::Done(*used), written);
                }
                let free = out.get_mut(written..).unwrap_or_default();
                if free.is_empty() {
                    return (Step::Full, written);
                }
                let status = match decoder.run_on_buffers(rest, free) {
                    Ok(status) => status,
                    Err(error) if error.to_string().contains("memory") => {
                        return (Step::Greedy, written);
                    }
                    Err(_) => return (Step::Bad, written),
                };
                *used += status.bytes_read;
                written += status.bytes_written;
                at_end = status.remaining == 0;
                if !at_end && status.bytes_read == 0 && status.bytes_written == 0 {
                    return (Step::Bad, written);
                }
            }
        });
        // A decoder that met an error is in an unknown state; the next body gets a fresh one.
        if result.is_ok() && decoder.reinit().is_ok() {
            self.zstd = Some(decoder);
        }
        result
    }

    fn brotli(&mut self, body: &[u8], bytes_max: usize) -> Result<usize, Refusal> {
        let alloc = StandardAlloc::default;
        let mut state = BrotliState::new(alloc(), alloc(), alloc());
        let mut total = 0;
        self.stream(body.len(), bytes_max, "br", |used, out| {
            let mut left = body.len() - *used;
            let mut free = out.len();
            let mut written = 0;
            let result = BrotliDecompressStream(
                &mut left,
                used,
                body,
                &mut free,
                &mut written,
                out,
                &mut total,
                &mut state,
            );
            let step = match result {
                BrotliResult::ResultSuccess => Step::Done(*used),
                BrotliResult::NeedsMoreOutput => Step::Full,
                BrotliResult::NeedsMoreInput | BrotliResult::ResultFailure => Step::Bad,
            };
            (step, written)
        })
    }

    /// Runs a decoder step by step into a buffer that grows up to the cap.
    fn stream(
        &mut self,
        body_len: usize,
        bytes_max: usize,
        name: &'static str,
        mut step: impl FnMut(&mut usize, &mut [u8]) -> (Step, usize),
    ) -> Result<usize, Refusal> {
        // One byte above the cap tells a full buffer from an overflowing one.
        let room_max = bytes_max.saturating_add(1);
        self.room(INFLATE_FIRST_BYTES.min(room_max));
        let (mut used, mut len) = (0, 0);
        loop {
            let end = self.out.len().min(room_max);
            let free = self.out.get_mut(len..end).unwrap_or_default();
            let (ended, written) = step(&mut used, free);
            len += written;
            match ended {
                Step::Greedy => return Err(too_large(bytes_max)),
                _ if len > bytes_max => return Err(too_large(bytes_max)),
                Step::Done(all) if all == body_len => return Ok(len),
                Step::Done(_) | Step::Bad => return Err(Refusal::BadEncoding(name)),
                Step::Full => self.room((end * 2).min(room_max)),
            }
        }
    }
}

/// The readable beginning of a damaged gzip or deflate body; what a dead letter keeps of it.
#[must_use]
pub fn salvage(coding: Coding, body: &[u8], bytes_max: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let source: Box<dyn Read + '_> = match coding {
        Coding::Gzip => Box::new(flate2::read::GzDecoder::new(body)),
        Coding::Deflate if Coding::sniff(body) == Coding::Deflate => {
            Box::new(flate2::read::ZlibDecoder::new(body))
        }
        Coding::Deflate => Box::new(flate2::read::DeflateDecoder::new(body)),
        Coding::Brotli => Box::new(brotli_decompressor::Decompressor::new(body, 4096)),
        Coding::Zstd => match new_zstd() {
            Ok(raw) => Box::new(zstd::stream::zio::Reader::new(body, raw)),
            Err(_) => return out,
        },
        Coding::Identity => Box::new(body),
    };
    // An error is expected: what was readable before it is what is wanted.
    drop(source.take(bytes_max as u64).read_to_end(&mut out));
    out
}

fn new_zstd() -> std::io::Result<Decoder<'static>> {
    let mut decoder = Decoder::new()?;
    decoder.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG_MAX))?;
    Ok(decoder)
}

fn too_large(bytes_max: usize) -> Refusal {
    Refusal::DecompressedTooLarge(bytes_max)
}

/// The length in the footer, modulo 2^32.
fn gzip_len(body: &[u8]) -> Option<usize> {
    let footer = body.last_chunk::<4>()?;
    usize::try_from(u32::from_le_bytes(*footer)).ok()
}

fn gzip_crc(body: &[u8]) -> Option<u32> {
    let (crc, _) = body.last_chunk::<8>()?.split_first_chunk::<4>()?;
    Some(u32::from_le_bytes(*crc))
}
