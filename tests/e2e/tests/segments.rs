//! The way back: a device learns its public segments from the answer to its own events, and knows them at
//! its next start without a network.
use sillage_e2e::{Collector, Project, until};
use sillage_sdk::{Client, Lifecycle};
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[test]
fn a_device_knows_its_segments_with_the_answer_and_without_a_network() {
    let folder = tempfile::tempdir().expect("a folder");
    let rules = "segments_in_answers = true\n\
                 [[project.segment]]\nkey = \"hot-cart\"\npublic = true\nwhen = 'count(\"Product Added\") >= 2'\n\
                 [[project.segment]]\nkey = \"secret\"\nwhen = 'count(\"Product Added\") >= 1'\n";
    let mut collector = Collector::start(folder.path(), "", rules);
    let endpoint = format!("http://{}", collector.http);
    let start = || {
        Client::builder(Project::WRITE_KEY, &endpoint)
            .folder(folder.path().join("events"))
            .start()
            .expect("the arguments are good")
    };
    let client = start();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hearing = Arc::clone(&heard);
    client.on_segments_changed(move |segments| {
        hearing.lock().expect("not poisoned").push(segments.to_vec());
    });
    let deliver = |client: &Client| {
        let left = client.flush_blocking(Duration::from_secs(30)).pending;
        assert_eq!(left, 0);
    };
    client.track("Product Added", &[("product_id", "p-1".into())]);
    deliver(&client);
    assert!(client.segments().is_empty(), "one is not two, and what is not public is not told");
    client.track("Product Added", &[("product_id", "p-2".into())]);
    deliver(&client);
    assert_eq!(client.segments(), ["hot-cart"], "with the answer to the very event that caused it");
    assert_eq!(*heard.lock().expect("not poisoned"), [["hot-cart"]]);
    client.shutdown_blocking(Duration::from_secs(5));

    assert!(collector.stop(), "{}", collector.log());
    let offline = start();
    offline.lifecycle(Lifecycle::Offline);
    until("storage", || (!offline.anonymous_id().is_empty()).then_some(()));
    assert_eq!(offline.segments(), ["hot-cart"]);
    offline.reset();
    assert!(offline.segments().is_empty(), "another person");
    drop(offline);

    collector.restart();
    let ledger = collector.http().get("/v1/ledger", Project::READ_TOKEN).json();
    assert_eq!(ledger["total"]["created"], 2, "{ledger}");
    assert_eq!((&ledger["total"]["received"], &ledger["total"]["lost"]), (&2.into(), &0.into()));
    assert_eq!(ledger["sources"][0]["source"], "sillage-rust", "{ledger}");
    assert!(collector.stop(), "{}", collector.log());
}
