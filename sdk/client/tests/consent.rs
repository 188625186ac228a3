//! Without a consent nothing is written, not even an empty file; when it is withdrawn, nothing is left.
#![allow(clippy::unwrap_used, reason = "what the test sets up itself must work")]

mod support;

use sillage_sdk::{Choice, Client, Config};
use std::time::Duration;
use support::{Stub, until};

#[test]
fn the_disk_is_touched_only_while_a_consent_is_given() {
    let (folder, stub) = (tempfile::tempdir().unwrap(), Stub::start([]));
    let events = folder.path().join("app").join("events");
    let config = Config { consent_required: vec!["analytics".into()], ..Config::native() };
    let builder = Client::builder("wk_test", &stub.endpoint()).folder(&events).config(config);
    let client = builder.start().unwrap();
    until("storage", || !client.anonymous_id().is_empty());
    client.track("Product Viewed", &[]);
    assert!(client.wait_durable(), "there is nothing to write");
    assert!(!folder.path().join("app").exists(), "before an answer");
    client.consent(&[("analytics", Choice::Granted)]);
    assert!(client.wait_durable());
    assert!(events.join("lane-0").join("witness").exists());
    assert_eq!(client.ledger().pending, 1);
    client.consent(&[("analytics", Choice::Denied)]);
    assert!(client.wait_durable());
    assert!(!events.exists(), "after a withdrawal");
    client.track("Product Viewed", &[]);
    let delivered = client.shutdown_blocking(Duration::from_secs(5));
    assert_eq!(delivered.pending, 0);
    assert!(!events.exists(), "nor at the end");
    assert!(stub.requests().is_empty(), "and nothing was sent");
}
