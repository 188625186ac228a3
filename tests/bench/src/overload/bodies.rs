//! The bodies of an overload: gzip'd batches, each with ids of its own, of the size that is asked for.
use bytes::Bytes;
use libdeflater::{CompressionLvl, Compressor};
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a batch looks like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// Events of a batch.
    pub(crate) events: usize,
    /// Bytes of text in each event that compress to nothing.
    pub(crate) pad: usize,
    /// Persons among whom events are spread.
    pub(crate) persons: u64,
}

/// Bodies that wait to be accepted. What is refused comes back, as a client would send it again.
#[derive(Debug)]
pub(crate) struct Pool {
    shape: Shape,
    waiting: Mutex<VecDeque<Bytes>>,
    made: AtomicU64,
}

impl Pool {
    pub(crate) fn new(shape: Shape) -> Self {
        Self::starting_at(shape, 0)
    }

    /// One whose bodies are numbered from `first` on, so that those of several pools differ.
    pub(crate) fn starting_at(shape: Shape, first: u64) -> Self {
        Self { shape, waiting: Mutex::default(), made: AtomicU64::new(first) }
    }

    /// Makes bodies until so many wait.
    pub(crate) fn fill(&self, batches: usize) {
        let mut waiting = self.waiting.lock().expect("nobody panics with it");
        let mut compressor = Compressor::new(CompressionLvl::new(1).expect("1 is a level"));
        let mut json = String::new();
        while waiting.len() < batches {
            json.clear();
            write_batch(&mut json, self.made.fetch_add(1, Ordering::Relaxed), self.shape);
            let mut packed = vec![0; compressor.gzip_compress_bound(json.len())];
            let len = compressor.gzip_compress(json.as_bytes(), &mut packed).expect("it fits");
            packed.truncate(len);
            packed.shrink_to_fit();
            waiting.push_back(packed.into());
        }
    }

    pub(crate) fn take(&self) -> Option<Bytes> {
        self.waiting.lock().expect("nobody panics with it").pop_front()
    }

    pub(crate) fn put_back(&self, body: Bytes) {
        self.waiting.lock().expect("nobody panics with it").push_back(body);
    }
}

fn write_batch(json: &mut String, batch: u64, shape: Shape) {
    const CONTEXT: &str = r#"{"library":{"name":"analytics.js","version":"2.11.1"},"locale":"fr-FR","page":{"path":"/produits/chaussures","url":"https://boutique.example/produits/chaussures"}}"#;
    const NAMES: [&str; 4] =
        ["Product Viewed", "Product Clicked", "Product Added", "Product List Viewed"];
    let pad = "x".repeat(shape.pad);
    json.push_str("{\"batch\":[");
    for index in 0..shape.events as u64 {
        let comma = if index == 0 { "" } else { "," };
        let name = NAMES[(index % 4) as usize];
        // Neighbours in a batch are often one person, as with a server that sends for its visitors.
        let person = (batch * 31 + index / 10) % shape.persons;
        let (product, price) = ((batch * 7 + index) % 5_000, (index * 37) % 200);
        write!(
            json,
            r#"{comma}{{"type":"track","event":"{name}","messageId":"o-{batch:08x}-{index:04x}","userId":"user-{person:07}","anonymousId":"device-{person:07}","context":{CONTEXT},"properties":{{"product_id":"sku-{product:05}","category":"shoes","price":{price}.5,"quantity":1,"currency":"EUR","note":"{pad}"}}}}"#
        )
        .expect("a string takes all");
    }
    json.push_str("]}");
}
