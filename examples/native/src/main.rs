//! Tracks what a visitor of a shop does, survives its own end, and shows what became of every event.
//!
//!     cargo run -p sillage-example-native -- http://127.0.0.1:8080 wk_shop
//!
//! End it with Ctrl-C or kill it in the middle, and start it again: what was not delivered is delivered
//! then, and what died in memory is counted as `unwritten`.
#![allow(clippy::print_stdout, reason = "what it shows is what it is for")]

use sillage_sdk::{Client, Notice, Signal};
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let endpoint = arguments.next().unwrap_or_else(|| "http://127.0.0.1:8080".to_owned());
    let write_key = arguments.next().unwrap_or_else(|| "wk_shop".to_owned());
    let folder = std::env::temp_dir().join("sillage-example-native");
    println!("events are kept in {} until {endpoint} has them", folder.display());

    let client =
        Client::builder(&write_key, &endpoint).folder(folder).app("example", "1.0").start()?;
    client.on_segments_changed(|segments| println!("this visitor is in {segments:?}"));
    client.on_signal(|signal| match signal {
        Signal::Notice(Notice::Delivered(count)) => println!("{count} delivered"),
        Signal::Notice(Notice::SegmentsChanged(_)) => {}
        other => println!("{other:?}"),
    });

    client.identify("visitor-42", &[("plan", "pro".into())]);
    for (round, price) in [80.5, 12.0, 249.9].into_iter().enumerate() {
        client.page("Product", &[("url", "https://shop.example/p".into())]);
        let product = format!("sku-{round}");
        client.track(
            "Product Viewed",
            &[("product_id", product.as_str().into()), ("price", price.into())],
        );
        client.track(
            "Product Added",
            &[("product_id", product.as_str().into()), ("quantity", 1.into())],
        );
        std::thread::sleep(Duration::from_millis(300));
    }
    client.track("Order Completed", &[("order_id", "o-1".into()), ("revenue", 342.4.into())]);

    let left = client.flush_blocking(Duration::from_secs(5)).pending;
    match left {
        0 => println!("everything is delivered"),
        left => println!("{left} wait on disk for the next run"),
    }
    println!("{:#?}", client.ledger());
    client.shutdown_blocking(Duration::from_secs(1));
    Ok(())
}
