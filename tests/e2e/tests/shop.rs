//! The demo's web shop: its pages, and the segments that its visitors come into.
use serde_json::{Value, json};
use sillage_e2e::{Answer, Http, binary, now_ms, until};
use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};

/// A retailer small enough to be over in a second.
const INVOICES: &str = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n\
    1,A,LAMP,2,2011-06-01 08:00:00,2.50,77,France\n\
    2,A,LAMP,1,2011-06-29 09:00:00,2.50,78,France\n\
    3,A,LAMP,1,2011-06-30 10:00:00,2.50,77,France\n";

/// The demo, which stays until it is interrupted.
struct Demo {
    _folder: tempfile::TempDir,
    child: Kept,
    said: Lines<BufReader<ChildStdout>>,
    http: Http,
}

impl Demo {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let invoices = folder.path().join("invoices.csv.gz");
        let file = std::fs::File::create(&invoices).expect("writable");
        let mut packed = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        packed.write_all(INVOICES.as_bytes()).expect("writable");
        packed.finish().expect("writable");
        let child = Command::new(binary())
            .args(["demo", "--plain", "--stay", "--seconds", "1", "--invoices"])
            .arg(&invoices)
            .arg("--data-dir")
            .arg(folder.path().join("data"))
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut child = Kept(child);
        let said = child.0.stdout.take().expect("it is piped");
        let mut said = BufReader::new(said).lines();
        let address = after(&mut said, "a web shop to click in: http://");
        // The self-check has the collector's files for itself; after it the shop is open for good.
        after(&mut said, "live state and replayed log are equal");
        after(&mut said, "serving on until Ctrl-C");
        let address = address.trim_end_matches("/shop/").parse().expect("an address");
        let http = until("the shop to be open", || Http::try_connect(address));
        Self { _folder: folder, child, said, http }
    }

    fn get(&mut self, path: &str) -> Answer {
        self.http.get(path, "")
    }

    /// Sends a visitor's events, and asks until the answer tells these segments.
    fn visit(&mut self, visitor: &str, events: &[(&str, i64, Value)], expected: &[&str]) {
        let mut told = self.send(visitor, events);
        until(&format!("{visitor} to be in {expected:?}, not in {told}"), || {
            told = self.send(visitor, &[]);
            (told == json!(expected)).then_some(())
        });
    }

    /// The segments that the answer tells; events are named with their age in seconds.
    fn send(&mut self, visitor: &str, events: &[(&str, i64, Value)]) -> Value {
        let batch = events.iter().enumerate().map(|(index, (event, age_s, properties))| {
            let mut timestamp = String::new();
            sillage_wire::format_time_ms(now_ms() - age_s * 1_000, &mut timestamp);
            json!({"type": "track", "event": event, "messageId": format!("{visitor}-{index}"),
                   "timestamp": timestamp, "properties": properties})
        });
        let context = json!({"page": {"url": "http://shop.example/shop/story/wool"}});
        let body = json!({"anonymousId": visitor, "context": context, "batch": batch.collect::<Vec<_>>(),
                          "sillage": {"install": format!("i-{visitor}")}});
        let key = "content-type: text/plain\r\nx-write-key: wk_webshop\r\n";
        let answer = self.http.send("POST", "/v1/batch", key, body.to_string().as_bytes());
        let answer = answer.expect("the collector answers");
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        answer.json()["segments"].clone()
    }

    /// Interrupts it; what it says then, once it ended well.
    fn end(mut self) -> String {
        let pid = self.child.0.id().to_string();
        let asked = Command::new("kill").args(["-INT", &pid]).status().expect("kill runs");
        assert!(asked.success());
        let rest: Vec<String> = self.said.by_ref().map_while(Result::ok).collect();
        assert!(self.child.0.wait().expect("it can be waited for").success(), "{rest:?}");
        rest.join("\n")
    }
}

/// A process that does not outlive its test.
struct Kept(Child);

impl Drop for Kept {
    fn drop(&mut self) {
        // After a failed claim it still runs; otherwise it has ended and there is nothing to kill.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// What follows `mark` on the first line that has it.
fn after(said: &mut Lines<BufReader<ChildStdout>>, mark: &str) -> String {
    let mut seen = String::new();
    for line in said.map_while(Result::ok) {
        if let Some((_, rest)) = line.split_once(mark) {
            return rest.to_owned();
        }
        // The last thing that it says before it waits; a demo without a shop would be listened to for ever.
        assert!(!line.contains("serving on until Ctrl-C"), "it never said {mark:?}:\n{seen}");
        seen.push_str(&line);
        seen.push('\n');
    }
    panic!("it ended without {mark:?}:\n{seen}");
}

#[test]
fn the_shop_is_served_as_it_is_and_under_a_strict_policy() {
    let mut demo = Demo::start();
    let page = std::fs::read("../../examples/shop/index.html").expect("the shop's first page");
    for path in ["/shop/", "/shop/c/shoes", "/shop/index.html"] {
        let answer = demo.get(path);
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, "text/html; charset=utf-8"),
            "{path}"
        );
        assert_eq!(answer.body, page, "{path}");
        assert_eq!(answer.header("content-security-policy"), "", "{path}");
    }
    for path in ["/shop/strict/", "/shop/strict/c/shoes", "/shop/strict/config.js"] {
        let answer = demo.get(path);
        let policy = answer.header("content-security-policy");
        assert_eq!(answer.status, 200, "{path}");
        assert!(
            policy.contains("script-src 'self'; ") && !policy.contains("wasm"),
            "{path}: {policy}"
        );
    }
    let config = demo.get("/shop/config.js");
    let config = String::from_utf8(config.body).expect("text");
    assert!(config.contains("key: \"wk_webshop\""), "{config}");
    assert_eq!(demo.get("/shop/none.js").status, 404);
    demo.end();
}

#[test]
fn visitors_come_into_the_segments_of_what_they_do() {
    let mut demo = Demo::start();
    let of = |event, age_s| (event, age_s, json!({"price": 80}));
    let (view, add, order) = ("Product Viewed", "Product Added", "Order Completed");
    demo.visit("newcomer", &[of(view, 1)], &["new-visitor"]);
    demo.visit("browser", &[of(view, 150), of(view, 140), of(view, 130)], &["browsing"]);
    demo.visit("carter", &[of(view, 150), of(add, 5)], &["hot-cart"]);
    demo.visit("abandoner", &[of(view, 150), of(add, 90)], &["cart-abandoner", "hot-cart"]);
    demo.visit("buyer", &[of(add, 300), of(order, 130)], &["buyer"]);
    let fan = [of(add, 20), of(add, 20), of(add, 20), of(order, 0)];
    demo.visit("fan", &fan, &["buyer", "engaged", "new-visitor"]);
    let media = [
        of("Video Playback Completed", 200),
        of("Content Shared", 200),
        ("Scroll Depth Reached", 200, json!({"percent": 75})),
    ];
    demo.visit("media", &media, &["reader", "sharer", "video-watcher"]);
    let said = demo.end();
    assert!(said.contains("the web shop: 7 sessions"), "{said}");
    assert!(said.contains("are equal: 7 states"), "{said}");
}

#[test]
fn a_cart_that_is_left_is_noticed_without_any_event() {
    let mut demo = Demo::start();
    let events = [("Product Viewed", 150, json!({})), ("Product Added", 45, json!({}))];
    demo.visit("leaver", &events, &["hot-cart"]); // fifteen seconds are left to pay
    demo.visit("leaver", &[], &["cart-abandoner", "hot-cart"]);
    demo.visit(
        "leaver-who-pays",
        &[("Product Added", 150, json!({})), ("Order Completed", 149, json!({}))],
        &["buyer"],
    );
    demo.end();
}
