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

/// Nobody answers there: everything stays where it is.
const NOBODY: &str = "http://127.0.0.1:9";

fn start(endpoint: &str, folder: &std::path::Path) -> Client {
    let config = Config { consent_required: vec!["analytics".into()], ..Config::native() };
    let client =
        Client::builder("wk_test", endpoint).folder(folder).config(config).start().unwrap();
    until("storage", || !client.anonymous_id().is_empty());
    client
}

#[test]
fn a_withdrawal_holds_for_what_other_processes_left_behind() {
    let (folder, stub) = (tempfile::tempdir().unwrap(), Stub::start([]));
    let left_behind = folder.path().join("lane-1");
    {
        let (first, second) = (start(NOBODY, folder.path()), start(NOBODY, folder.path()));
        for client in [&first, &second] {
            client.consent(&[("analytics", Choice::Granted)]);
            client.track("Product Viewed", &[]);
            assert!(client.wait_durable());
        }
        first.shutdown_blocking(Duration::ZERO);
        second.shutdown_blocking(Duration::ZERO);
    }
    assert!(left_behind.exists());
    let config = Config { consent_required: vec!["analytics".into()], ..Config::native() };
    let builder = Client::builder("wk_test", &stub.endpoint()).folder(folder.path()).config(config);
    let client = builder.start().unwrap();
    client.consent(&[("analytics", Choice::Denied)]);
    until("the other lane to be emptied", || !left_behind.exists());
    // Its own event may have left before the withdrawal; the one that was found later may not.
    let sent: usize = stub.requests().iter().map(|request| request.message_ids().len()).sum();
    assert!(sent <= 1, "{sent} events were sent");
}
