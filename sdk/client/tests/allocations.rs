//! What a call asks of the allocator. A test of its own, because it replaces the allocator.
#![allow(clippy::unwrap_used, reason = "what the test sets up itself must work")]

#[path = "support/counting.rs"]
mod counting;
mod support;

use sillage_sdk::Client;
use support::Stub;

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;

#[test]
fn a_call_allocates_its_own_bytes_and_little_else() {
    let (folder, stub) = (tempfile::tempdir().unwrap(), Stub::start([]));
    let builder = Client::builder("wk_test", &stub.endpoint()).folder(folder.path());
    let client = builder.start().unwrap();
    support::until("storage", || !client.anonymous_id().is_empty());
    let calls = 5_000;
    let before = counting::allocations();
    for n in 0..calls {
        client.track(
            "Product Viewed",
            &[
                ("product_id", "sku-8841-blue".into()),
                ("price", 80.5.into()),
                ("quantity", n.into()),
                ("category", "shoes".into()),
                ("in_stock", true.into()),
            ],
        );
    }
    let each = (counting::allocations() - before) as f64 / f64::from(calls);
    // The bytes of the event; queues that grow, and what the core does once in a batch, add a little.
    assert!((1.0..1.5).contains(&each), "{each} allocations a call");
}
