//! The bare servers: hyper, and nothing that a collector does.
use bytes::Bytes;
use clap::ValueEnum;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use sillage_wire::{Limits, ValueSink, decode_batch, transcode_object};
use std::cell::RefCell;
use std::convert::Infallible;
use std::io::Write as _;

/// What a bare server does with a body.
#[derive(Debug, Clone, Copy, ValueEnum, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Reads it.
    Discard,
    /// Gunzips it and parses every value, with the collector's own reader.
    Parse,
    /// Gunzips it and parses it into serde_json's tree.
    Tree,
}

/// Serves on a free port of loopback, whose number it prints, until it is killed.
pub(crate) async fn serve(mode: Mode) -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    writeln!(std::io::stdout(), "listening on {}", listener.local_addr()?)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(mode, request));
            let io = TokioIo::new(stream);
            let connection =
                hyper::server::conn::http1::Builder::new().serve_connection(io, service);
            // A client that goes away ends its connection; there is nothing to do about it.
            drop(connection.await);
        });
    }
}

async fn answer(
    mode: Mode,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let Ok(body) = request.into_body().collect().await else {
        return Ok(Response::default());
    };
    let values = match mode {
        Mode::Discard => 0,
        Mode::Parse | Mode::Tree => INFLATE.with_borrow_mut(|inflate| {
            let json = inflate.run(&body.to_bytes());
            if mode == Mode::Parse { parse(json) } else { tree(json) }
        }),
    };
    let text = format!("{{\"success\":true,\"values\":{values}}}");
    Ok(Response::new(Full::from(text)))
}

thread_local! {
    static INFLATE: RefCell<Inflate> = RefCell::new(Inflate {
        decompressor: libdeflater::Decompressor::new(),
        out: vec![0; 1 << 20],
    });
}

struct Inflate {
    decompressor: libdeflater::Decompressor,
    out: Vec<u8>,
}

impl Inflate {
    fn run(&mut self, packed: &[u8]) -> &[u8] {
        let len = self.decompressor.gzip_decompress(packed, &mut self.out).unwrap_or(0);
        &self.out[..len]
    }
}

fn tree(json: &[u8]) -> u64 {
    serde_json::from_slice::<serde_json::Value>(json)
        .map_or(0, |v| v.as_object().map_or(0, |o| o.len() as u64))
}

fn parse(json: &[u8]) -> u64 {
    let limits = Limits::default();
    let mut count = Count(0);
    if let Ok(batch) = decode_batch(json, &limits) {
        for event in batch.events().flatten() {
            count.0 += event.message_id.len() as u64;
            for raw in [event.properties, event.context] {
                if !raw.is_empty() && transcode_object(raw, &limits, &mut count).is_err() {
                    count.0 += 1;
                }
            }
        }
    }
    count.0
}

/// Takes every value and keeps its count.
struct Count(u64);

impl ValueSink for Count {
    fn null(&mut self) {
        self.0 += 1;
    }
    fn bool(&mut self, _: bool) {
        self.0 += 1;
    }
    fn int(&mut self, _: i64) {
        self.0 += 1;
    }
    fn float(&mut self, _: f64) {
        self.0 += 1;
    }
    fn str(&mut self, text: &str) {
        self.0 += text.len() as u64;
    }
    fn begin_list(&mut self) {}
    fn end_list(&mut self) {}
    fn begin_map(&mut self) {}
    fn key(&mut self, key: &str) {
        self.0 += key.len() as u64;
    }
    fn end_map(&mut self) {}
}
