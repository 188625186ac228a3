//! The invoices of a real retailer as the events that its shop would have sent.
//!
//! Each invoice line is a `Product Added` (a return within an invoice a `Product Removed`), each
//! invoice an `Order Completed`, each cancellation an `Order Refunded`. A customer is a user; an
//! unknown customer is a device of that invoice alone. Times move so that the file ends now.
use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use std::io::Read;

/// Products listed in an order event; a larger invoice lists its first ones. The wire contract
/// takes 255 items of a list.
const PRODUCTS_MAX: usize = 250;
const DAY_MS: i64 = 86_400_000;

/// One event, ready to be sent.
#[derive(Debug, Clone)]
pub(crate) struct ShopEvent {
    /// When it happened, milliseconds since the epoch, already moved.
    pub(crate) at: i64,
    /// The event as JSON.
    pub(crate) json: String,
}

/// What the file held.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) lines: u64,
    pub(crate) orders: u64,
    pub(crate) refunds: u64,
    pub(crate) lines_without_customer: u64,
    pub(crate) lines_without_price: u64,
}

/// The events of a file in the order of time, with the moment at which the last three calendar
/// days of the file begin.
#[derive(Debug)]
pub(crate) struct Shop {
    pub(crate) events: Vec<ShopEvent>,
    pub(crate) live_from: i64,
    pub(crate) found: Found,
}

struct Line {
    product: String,
    name: String,
    quantity: i64,
    price: f64,
}

struct Invoice {
    number: String,
    at: i64,
    customer: String,
    country: String,
    lines: Vec<Line>,
}

/// Reads the file (CSV, unpacked) and moves its end to `now`.
pub(crate) fn read(csv: impl Read, now: i64) -> anyhow::Result<Shop> {
    let invoices = invoices(csv)?;
    let Some(last) = invoices.iter().map(|i| i.at).max() else {
        bail!("the invoice file is empty");
    };
    let shift = now - last;
    let live_from = last.div_euclid(DAY_MS) * DAY_MS - 2 * DAY_MS + shift;
    let mut shop = Shop { events: Vec::new(), live_from, found: Found::default() };
    for invoice in &invoices {
        shop.add(invoice, shift);
    }
    shop.events.sort_by_key(|event| event.at);
    Ok(shop)
}

fn invoices(csv: impl Read) -> anyhow::Result<Vec<Invoice>> {
    let mut reader = csv::Reader::from_reader(csv);
    let mut invoices: Vec<Invoice> = Vec::new();
    for (index, row) in reader.byte_records().enumerate() {
        let place = || format!("invoice file, row {}", index + 2);
        let row = csv::StringRecord::from_byte_record_lossy(row.with_context(place)?);
        let field = |n: usize| row.get(n).unwrap_or_default().trim();
        let number = field(0);
        if invoices.last().is_none_or(|invoice| invoice.number != number) {
            let at = sillage_wire::parse_time_ms(field(4)).with_context(place)?;
            invoices.push(Invoice {
                number: number.to_owned(),
                at,
                customer: field(6).to_owned(),
                country: field(7).to_owned(),
                lines: Vec::new(),
            });
        }
        let invoice = invoices.last_mut().expect("one was pushed above if there was none");
        invoice.lines.push(Line {
            product: field(1).to_owned(),
            name: field(2).to_owned(),
            quantity: field(3).parse().with_context(place)?,
            price: field(5).parse().with_context(place)?,
        });
    }
    Ok(invoices)
}

impl Shop {
    fn add(&mut self, invoice: &Invoice, shift: i64) {
        let cancelled = invoice.number.starts_with('C');
        let at = invoice.at + shift;
        let mut timestamp = String::new();
        sillage_wire::format_time_ms(at, &mut timestamp);
        let mut push = |event: &str, id: String, properties: Value| {
            let mut body = json!({
                "type": "track", "event": event, "messageId": id, "timestamp": timestamp,
                "properties": properties,
                "context": {"location": {"country": invoice.country}},
            });
            if invoice.customer.is_empty() {
                body["anonymousId"] = json!(format!("invoice-{}", invoice.number));
            } else {
                body["userId"] = json!(invoice.customer);
            }
            self.events.push(ShopEvent { at, json: body.to_string() });
        };
        let found = &mut self.found;
        for (index, line) in invoice.lines.iter().enumerate() {
            found.lines += 1;
            found.lines_without_customer += u64::from(invoice.customer.is_empty());
            found.lines_without_price += u64::from(line.price <= 0.0);
            if cancelled {
                continue;
            }
            let event = if line.quantity > 0 { "Product Added" } else { "Product Removed" };
            let properties = json!({
                "order_id": invoice.number, "product_id": line.product, "name": line.name,
                "quantity": line.quantity.abs(), "price": line.price, "currency": "GBP",
            });
            push(event, format!("{}-{index}", invoice.number), properties);
        }
        let total: f64 =
            invoice.lines.iter().map(|line| pence(line.price) * line.quantity as f64).sum();
        let revenue = total.abs() / 100.0;
        let products: Vec<Value> = invoice.lines.iter().take(PRODUCTS_MAX).map(product).collect();
        let order = json!({
            "order_id": invoice.number, "revenue": revenue, "currency": "GBP",
            "products": products, "product_count": invoice.lines.len(),
        });
        if cancelled {
            found.refunds += 1;
            push("Order Refunded", invoice.number.clone(), order);
        } else if total > 0.0 {
            found.orders += 1;
            push("Order Completed", invoice.number.clone(), order);
        }
    }
}

fn product(line: &Line) -> Value {
    json!({"product_id": line.product, "quantity": line.quantity.abs(), "price": line.price})
}

/// Prices have at most three decimals in the file; whole pence keep the sum exact.
fn pence(price: f64) -> f64 {
    (price * 100.0).round()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n\
        1,A,LAMP,2,2011-06-01 08:00:00,2.50,77,France\n\
        1,B,MUG,1,2011-06-01 08:00:00,1.25,77,France\n\
        2,A,LAMP,1,2011-06-29 09:00:00,2.50,,France\n\
        C3,A,LAMP,-1,2011-06-30 10:00:00,2.50,77,France\n";

    #[test]
    fn invoices_become_the_events_of_a_shop() {
        let now = 1_800_000_000_000;
        let shop = read(FILE.as_bytes(), now).expect("valid");
        let events: Vec<Value> =
            shop.events.iter().map(|e| serde_json::from_str(&e.json).expect("JSON")).collect();
        let names: Vec<&str> = events.iter().filter_map(|e| e["event"].as_str()).collect();
        let expected = [
            "Product Added",
            "Product Added",
            "Order Completed",
            "Product Added",
            "Order Completed",
            "Order Refunded",
        ];
        assert_eq!(names, expected);
        assert_eq!(events[2]["properties"]["revenue"], json!(6.25));
        assert_eq!(events[2]["userId"], json!("77"));
        assert_eq!(events[3]["anonymousId"], json!("invoice-2"));
        assert_eq!(shop.events[5].at, now, "the file ends now");
        assert_eq!(shop.events[0].at, now - 29 * DAY_MS - 2 * 3_600_000);
        let live = shop.events.iter().filter(|e| e.at >= shop.live_from).count();
        assert_eq!(live, 3, "28, 29 and 30 June are live");
        assert_eq!((shop.found.lines, shop.found.orders, shop.found.refunds), (4, 2, 1));
    }

    #[test]
    fn a_broken_row_is_named() {
        let broken = FILE.replace("2.50,77", "much,77");
        let error = format!("{:#}", read(broken.as_bytes(), 0).expect_err("no price"));
        assert!(error.contains("row 2"), "{error}");
    }
}
