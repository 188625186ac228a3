//! The bodies: batches of 100 shop events of ten persons, gzip'd, every event with an id of its own.
use libdeflater::{CompressionLvl, Compressor};
use std::fmt::Write as _;

pub(crate) const BATCH_EVENTS: usize = 100;
const PERSONS_A_BATCH: u64 = 10;
/// What visitors of a shop do, each with how many of a hundred events are such.
const NAMES: [(&str, u64); 6] = [
    ("Product Viewed", 50),
    ("Product List Viewed", 20),
    ("Product Clicked", 12),
    ("Product Added", 10),
    ("Checkout Started", 5),
    ("Order Completed", 3),
];

/// Bodies, each to be sent once.
pub(crate) struct Corpus {
    pub(crate) bodies: Vec<Vec<u8>>,
    pub(crate) raw_bytes: usize,
    pub(crate) hoisted: bool,
    pub(crate) persons: u64,
    /// The first bodies, in which every person comes once.
    pub(crate) warm: usize,
}

/// A small generator of our own, so that every run sends the same bytes (Marsaglia's xorshift64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

pub(crate) fn make(batches: usize, persons: u64, hoisted: bool) -> Corpus {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut compressor = Compressor::new(CompressionLvl::new(4).expect("4 is a level"));
    let (mut bodies, mut raw_bytes, mut json) = (Vec::with_capacity(batches), 0, String::new());
    let now = now_ms();
    for batch in 0..batches {
        json.clear();
        write_batch(&mut json, &mut dice, (batch as u64, batches as u64, persons, now), hoisted);
        raw_bytes += json.len();
        let mut packed = vec![0; compressor.gzip_compress_bound(json.len())];
        let len = compressor.gzip_compress(json.as_bytes(), &mut packed).expect("bound is enough");
        packed.truncate(len);
        bodies.push(packed);
    }
    let a_batch = if hoisted { 1 } else { PERSONS_A_BATCH };
    let warm = usize::try_from(persons.div_ceil(a_batch)).unwrap_or(batches).min(batches / 2);
    Corpus { bodies, raw_bytes, hoisted, persons, warm }
}

fn event_name(mut roll: u64) -> &'static str {
    for (name, share) in NAMES {
        if roll < share {
            return name;
        }
        roll -= share;
    }
    NAMES[0].0
}

#[allow(clippy::disallowed_methods, reason = "measurements run in real time")]
fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_millis()).expect("this century")
}

fn write_batch(
    json: &mut String,
    dice: &mut Dice,
    (batch, batches, persons, now): (u64, u64, u64, i64),
    hoisted: bool,
) {
    let context = r#"{"library":{"name":"analytics.js","version":"2.11.1"},"locale":"fr-FR","timezone":"Europe/Paris","userAgent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36","page":{"path":"/produits/chaussures","url":"https://boutique.example/produits/chaussures","title":"Chaussures","referrer":"https://www.search.example/"}}"#;
    let mut sent_at = String::new();
    sillage_wire::format_time_ms(now, &mut sent_at);
    json.push_str("{\"batch\":[");
    let first_person = batch * if hoisted { 1 } else { PERSONS_A_BATCH };
    for index in 0..BATCH_EVENTS as u64 {
        let name = event_name(dice.roll(100));
        let person = if hoisted { first_person } else { first_person + dice.roll(PERSONS_A_BATCH) };
        let person = person % persons;
        let (price, quantity) = (dice.roll(20_000), dice.roll(4) + 1);
        let (id, comma) = (dice.roll(u64::MAX), if index == 0 { "" } else { "," });
        let mut at = String::new();
        // Devices send in order; all batches together are the last hour, less a minute.
        let place = batch * BATCH_EVENTS as u64 + index;
        let since = place * 3_540_000 / (batches * BATCH_EVENTS as u64);
        sillage_wire::format_time_ms(now - 3_600_000 + i64::try_from(since).unwrap_or(0), &mut at);
        let id = format!("{:08x}-{batch:06x}-{index:02x}", id >> 32);
        let written = if hoisted {
            write!(
                json,
                "{comma}{{\"type\":\"track\",\"event\":\"{name}\",\"messageId\":\"{id}\",\"timestamp\":\"{at}\",\"seq\":{index},\"properties\":{{"
            )
        } else {
            write!(
                json,
                "{comma}{{\"type\":\"track\",\"messageId\":\"ajs-{id}\",\"timestamp\":\"{at}\",\"anonymousId\":\"device-{person:08}\",\"userId\":\"user-{person:08}\",\"event\":\"{name}\",\"context\":{context},\"properties\":{{"
            )
        };
        written.expect("a string takes all");
        let product = dice.roll(5_000);
        let properties = write!(
            json,
            "\"product_id\":\"sku-{product:05}\",\"name\":\"Chaussure de course {product}\",\"category\":\"shoes\",\"price\":{}.{:02},\"quantity\":{quantity},\"currency\":\"EUR\",\"revenue\":{}}}}}",
            price / 100,
            price % 100,
            price * quantity / 100
        );
        properties.expect("a string takes all");
    }
    json.push(']');
    if hoisted {
        let person = first_person % persons;
        write!(json, ",\"userId\":\"user-{person:08}\",\"anonymousId\":\"device-{person:08}\",\"context\":{context}")
            .expect("a string takes all");
    }
    write!(json, ",\"sentAt\":\"{sent_at}\"}}").expect("a string takes all");
}
