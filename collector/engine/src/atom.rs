//! What sessions need to know of an event, and the compact row of such events of one device.
//!
//! # Layout
//! A row is 24 bytes; what most events do not have (revenue, a view, texts) lies in a byte buffer
//! beside it, in the order revenue (8 bytes LE), view (8) and engaged time (4), then page, referrer
//! and campaign as length (2 bytes LE) and UTF-8. The flags say which of them are there.
use crate::limits::{ENGAGED_MS_MAX, TEXT_BYTES_MAX};
use crate::plan::EventUse;
use crate::segment::hash::Mixer;
use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::hash::Hasher;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser::SerializeSeq};
use sillage_model::{Fact, FactKind, Map, Value};

/// One event of a device, as sessions see it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Atom<'a> {
    pub(crate) at: i64,
    pub(crate) tie: u64,
    pub(crate) is_page: bool,
    pub(crate) is_screen: bool,
    pub(crate) is_conversion: bool,
    /// In millionths.
    pub(crate) revenue: i64,
    pub(crate) view: Option<View>,
    pub(crate) page: &'a str,
    pub(crate) referrer: &'a str,
    pub(crate) campaign: Cow<'a, str>,
}

/// Engaged time of a view of a page, as far as the event knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) id: u64,
    pub(crate) engaged_ms: u32,
}

/// A hash of some texts, their borders included; the same on every machine.
pub(crate) fn hash_of(texts: &[&str]) -> u64 {
    let mut mixer = Mixer::default();
    texts.iter().for_each(|text| mixer.write(text.as_bytes()));
    mixer.finish()
}

/// The texts an event may carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Text {
    Page,
    Referrer,
    Campaign,
}

/// The order of facts with equal times: the device's own number, else a hash of the message id.
pub(crate) fn tie_of(fact: &Fact<'_>) -> u64 {
    match fact.seq {
        Some(seq) => seq << 1,
        None => hash_of(&[fact.message_id]) | 1,
    }
}

impl<'a> Atom<'a> {
    /// What sessions need of an activity fact.
    pub(crate) fn of(fact: &Fact<'a>, tie: u64, view: Option<View>, uses: EventUse) -> Self {
        let page_context = match fact.context.get("page") {
            Some(Value::Map(page)) => page,
            _ => Map::default(),
        };
        let is_page = fact.kind == FactKind::Page;
        let is_screen = fact.kind == FactKind::Screen;
        let url = page_context.text("url");
        let (page, referrer) = if is_page || is_screen {
            let named = || ["url", "path", "name"].iter().find_map(|key| fact.props.text(key));
            (url.or_else(named), page_context.text("referrer"))
        } else {
            (None, None)
        };
        let revenue = if uses.is_conversion { revenue_of(fact.props) } else { 0 };
        Self {
            at: fact.at.0,
            tie,
            is_page,
            is_screen,
            is_conversion: uses.is_conversion,
            revenue,
            view,
            page: cut(page.unwrap_or_default()),
            referrer: cut(referrer.unwrap_or_default()),
            campaign: campaign_of(fact.context, url.unwrap_or_default()),
        }
    }
}

/// The view that an engagement event speaks of. Its id includes the device, because devices number
/// their views as they like.
pub(crate) fn view_of(fact: &Fact<'_>) -> Option<View> {
    let id = fact.props.text("view_id")?;
    let engaged_ms = fact.props.get("engaged_ms")?.as_number()?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    let engaged_ms = engaged_ms.clamp(0.0, f64::from(ENGAGED_MS_MAX)) as u32;
    Some(View { id: hash_of(&[fact.device, id]), engaged_ms })
}

/// What a conversion brought in: `revenue`, else `total`, the order's sum with taxes and shipping.
/// Source: the e-commerce events that clients send have either.
fn revenue_of(props: Map<'_>) -> i64 {
    let number = |key| props.get(key).filter(|value| value.as_number().is_some());
    micros(number("revenue").or_else(|| number("total")))
}

/// A number in millionths, half away from zero; 0 if it is none.
fn micros(value: Option<Value<'_>>) -> i64 {
    match value {
        Some(Value::Int(n)) => n.saturating_mul(1_000_000),
        #[allow(clippy::cast_possible_truncation, reason = "a cast from float saturates")]
        Some(Value::Float(n)) => libm::round(n * 1e6) as i64,
        _ => 0,
    }
}

fn campaign_of<'a>(context: Map<'a>, url: &'a str) -> Cow<'a, str> {
    if let Some(Value::Map(campaign)) = context.get("campaign") {
        if let Some(name) = campaign.text("name") {
            return Cow::Borrowed(cut(name));
        }
        match (campaign.text("source"), campaign.text("medium")) {
            (Some(source), Some(medium)) => {
                let joined = format!("{source}/{medium}");
                return Cow::Owned(cut(&joined).into());
            }
            (Some(one), None) | (None, Some(one)) => return Cow::Borrowed(cut(one)),
            (None, None) => {}
        }
    }
    utm_campaign(url).unwrap_or_default()
}

fn utm_campaign(url: &str) -> Option<Cow<'_, str>> {
    // Most addresses end here; bytes are looked through faster than characters.
    let start = url.bytes().position(|byte| byte == b'?')?;
    let query = url.get(start + 1..)?;
    if !query.contains("utm_campaign=") {
        return None;
    }
    let (query, _) = query.split_once('#').unwrap_or((query, ""));
    let value = query.split('&').find_map(|pair| pair.strip_prefix("utm_campaign="))?;
    if !value.contains(['%', '+']) {
        return Some(Cow::Borrowed(cut(value)));
    }
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        let hex = tail.get(..2).and_then(|h| core::str::from_utf8(h).ok());
        match (first, hex.and_then(|h| u8::from_str_radix(h, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            (b'+', _) => bytes.push(b' '),
            _ => bytes.push(first),
        }
    }
    Some(Cow::Owned(cut(&String::from_utf8_lossy(&bytes)).into()))
}

fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(TEXT_BYTES_MAX)).unwrap_or_default()
}

const PAGE: u8 = 1;
const SCREEN: u8 = 2;
const CONVERSION: u8 = 4;
const REVENUE: u8 = 8;
const VIEW: u8 = 16;
const URL: u8 = 32;
const REFERRER: u8 = 64;
const CAMPAIGN: u8 = 128;

#[derive(Debug, Clone, Copy)]
struct Row {
    at: i64,
    tie: u64,
    extra_at: u32,
    extra_len: u16,
    flags: u8,
}

/// The events of one device in order: by time, then tie, then content.
#[derive(Debug, Clone, Default)]
pub(crate) struct Atoms {
    rows: Vec<Row>,
    extra: Vec<u8>,
}

impl Atoms {
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The event at `index`.
    pub(crate) fn get(&self, index: usize) -> Atom<'_> {
        let row = &self.rows[index];
        if row.flags & !(PAGE | SCREEN | CONVERSION) == 0 {
            return row.head();
        }
        self.parse(row).expect("rows are written by this type or checked when they are read")
    }

    /// A text of the event at `index`; empty if it has none.
    pub(crate) fn text(&self, index: usize, which: Text) -> &str {
        let atom = self.get(index);
        match which {
            Text::Page => atom.page,
            Text::Referrer => atom.referrer,
            Text::Campaign => match atom.campaign {
                Cow::Borrowed(text) => text,
                Cow::Owned(_) => "",
            },
        }
    }

    /// How many events lie before `at`.
    pub(crate) fn count_before(&self, at: i64) -> usize {
        self.rows.partition_point(|row| row.at < at)
    }

    /// Puts an event in its place and says where that is. O(1) at the end.
    pub(crate) fn insert(&mut self, atom: &Atom<'_>) -> usize {
        let extra_at = u32::try_from(self.extra.len()).expect("bounded by ATOMS_MAX");
        let flags = write_extra(atom, &mut self.extra);
        let extra_len = self.extra.len() - extra_at as usize;
        let extra_len = u16::try_from(extra_len).expect("texts are cut");
        let row = Row { at: atom.at, tie: atom.tie, extra_at, extra_len, flags };
        let fits_last = self.rows.last().is_none_or(|last| self.compare(last, &row).is_le());
        let index = if fits_last {
            self.rows.len()
        } else {
            self.rows.partition_point(|r| self.compare(r, &row).is_le())
        };
        if self.rows.len() == self.rows.capacity() {
            // Doubling would leave the many persons with few events half empty.
            self.rows.reserve_exact((self.rows.len() / 2).max(2));
        }
        self.rows.insert(index, row);
        index
    }

    /// Forgets the first `count` events.
    pub(crate) fn drop_front(&mut self, count: usize) {
        let (gone, kept) = self.rows.split_at(count);
        let end = gone.iter().map(|row| row.extra_at + u32::from(row.extra_len)).max().unwrap_or(0);
        if kept.iter().all(|row| row.extra_at >= end) {
            self.extra.drain(..end as usize);
            self.rows.drain(..count);
            self.rows.iter_mut().for_each(|row| row.extra_at -= end);
        } else {
            self.copy_from(count);
        }
        // What a busy day needed is given back after it.
        if self.rows.capacity() > 2 * self.rows.len() + 4 {
            self.rows.shrink_to(self.rows.len() + 2);
            self.extra.shrink_to(self.extra.len() + 64);
        }
    }

    /// As [`Atoms::drop_front`], when late events have mixed the details of what goes and stays.
    fn copy_from(&mut self, count: usize) {
        let mut kept = Self { rows: Vec::with_capacity(self.len() - count), extra: Vec::new() };
        for row in &self.rows[count..] {
            let extra_at = u32::try_from(kept.extra.len()).expect("bounded by ATOMS_MAX");
            kept.extra.extend_from_slice(self.extra_of(row));
            kept.rows.push(Row { extra_at, ..*row });
        }
        *self = kept;
    }

    /// Takes the events of `other` in.
    pub(crate) fn merge(&mut self, other: &Self) {
        for index in 0..other.len() {
            self.insert(&other.get(index));
        }
    }

    /// What it holds on the heap, in bytes.
    #[cfg(test)]
    pub(crate) fn heap_bytes(&self) -> usize {
        self.rows.capacity() * size_of::<Row>() + self.extra.capacity()
    }

    fn compare(&self, a: &Row, b: &Row) -> Ordering {
        let keys = (a.at, a.tie, a.flags).cmp(&(b.at, b.tie, b.flags));
        keys.then_with(|| self.extra_of(a).cmp(self.extra_of(b)))
    }

    fn extra_of(&self, row: &Row) -> &[u8] {
        let start = row.extra_at as usize;
        self.extra.get(start..start + usize::from(row.extra_len)).unwrap_or_default()
    }

    fn parse(&self, row: &Row) -> Option<Atom<'_>> {
        let mut rest = self.extra_of(row);
        let mut atom = row.head();
        if row.flags & REVENUE != 0 {
            atom.revenue = i64::from_le_bytes(*take(&mut rest)?);
        }
        if row.flags & VIEW != 0 {
            let id = u64::from_le_bytes(*take(&mut rest)?);
            let engaged_ms = u32::from_le_bytes(*take(&mut rest)?);
            atom.view = Some(View { id, engaged_ms });
        }
        if row.flags & URL != 0 {
            atom.page = take_text(&mut rest)?;
        }
        if row.flags & REFERRER != 0 {
            atom.referrer = take_text(&mut rest)?;
        }
        if row.flags & CAMPAIGN != 0 {
            atom.campaign = Cow::Borrowed(take_text(&mut rest)?);
        }
        rest.is_empty().then_some(atom)
    }
}

impl Row {
    fn head<'a>(&self) -> Atom<'a> {
        Atom {
            at: self.at,
            tie: self.tie,
            is_page: self.flags & PAGE != 0,
            is_screen: self.flags & SCREEN != 0,
            is_conversion: self.flags & CONVERSION != 0,
            ..Atom::default()
        }
    }
}

fn write_extra(atom: &Atom<'_>, out: &mut Vec<u8>) -> u8 {
    let mut flags = 0;
    let kinds = [(atom.is_page, PAGE), (atom.is_screen, SCREEN), (atom.is_conversion, CONVERSION)];
    for (is_set, flag) in kinds {
        if is_set {
            flags |= flag;
        }
    }
    if atom.revenue != 0 {
        flags |= REVENUE;
        out.extend_from_slice(&atom.revenue.to_le_bytes());
    }
    if let Some(view) = atom.view {
        flags |= VIEW;
        out.extend_from_slice(&view.id.to_le_bytes());
        out.extend_from_slice(&view.engaged_ms.to_le_bytes());
    }
    for (text, flag) in
        [(atom.page, URL), (atom.referrer, REFERRER), (atom.campaign.as_ref(), CAMPAIGN)]
    {
        if !text.is_empty() {
            flags |= flag;
            let len = u16::try_from(text.len()).expect("texts are cut");
            out.extend_from_slice(&len.to_le_bytes());
            out.extend_from_slice(text.as_bytes());
        }
    }
    flags
}

fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (head, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(head)
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let len = u16::from_le_bytes(*take(rest)?);
    let (head, tail) = rest.split_at_checked(usize::from(len))?;
    *rest = tail;
    core::str::from_utf8(head).ok()
}

/// Written row by row with its own extra bytes, so that the order of arrival leaves no trace.
impl Serialize for Atoms {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(Some(self.len()))?;
        for row in &self.rows {
            seq.serialize_element(&(row.at, row.tie, row.flags, self.extra_of(row)))?;
        }
        seq.end()
    }
}

impl<'de> Deserialize<'de> for Atoms {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let rows = <Vec<(i64, u64, u8, Vec<u8>)>>::deserialize(deserializer)?;
        let mut atoms = Self::default();
        atoms.rows.reserve_exact(rows.len());
        for (at, tie, flags, extra) in rows {
            let extra_at = u32::try_from(atoms.extra.len()).map_err(de::Error::custom)?;
            let extra_len = u16::try_from(extra.len()).map_err(de::Error::custom)?;
            atoms.extra.extend_from_slice(&extra);
            let row = Row { at, tie, extra_at, extra_len, flags };
            if atoms.parse(&row).is_none() {
                return Err(de::Error::custom("an event's details do not match its flags"));
            }
            if atoms.rows.last().is_some_and(|last| atoms.compare(last, &row).is_gt()) {
                return Err(de::Error::custom("events are out of order"));
            }
            atoms.rows.push(row);
        }
        Ok(atoms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sillage_model::{EventTime, MapWriter, ReceiptMillis};

    fn fact<'a>(kind: FactKind, props: &'a MapWriter, context: &'a MapWriter) -> Fact<'a> {
        Fact {
            kind,
            subject: "a:d",
            device: "d",
            at: EventTime(5),
            received: ReceiptMillis(6),
            seq: None,
            name: "E",
            message_id: "m",
            context: context.as_map(),
            props: props.as_map(),
        }
    }

    #[test]
    fn a_campaign_is_its_name_else_its_source_else_what_the_address_says() {
        let url = "https://a/?x=1&utm_campaign=spring+sale%21#top";
        type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, &'a str);
        let cases: [Case<'_>; 5] = [
            (&[("name", "n"), ("source", "s")], url, "n"),
            (&[("source", "s"), ("medium", "m")], url, "s/m"),
            (&[("medium", "m")], url, "m"),
            (&[], url, "spring sale!"),
            (&[], "https://a/", ""),
        ];
        for (campaign, url, expected) in cases {
            let mut fields = MapWriter::new();
            campaign.iter().for_each(|(key, text)| fields.push(key, Value::Str(text)));
            let page = MapWriter::new().with("url", Value::Str(url));
            let context = MapWriter::new()
                .with("page", Value::Map(page.as_map()))
                .with("campaign", Value::Map(fields.as_map()));
            let props = MapWriter::new();
            let fact = fact(FactKind::Track, &props, &context);
            assert_eq!(Atom::of(&fact, 0, None, EventUse::default()).campaign, expected);
        }
    }

    #[test]
    fn a_page_is_its_address_else_what_its_properties_call_it() {
        let page = MapWriter::new().with("url", Value::Str("https://a/"));
        let known = MapWriter::new().with("page", Value::Map(page.as_map()));
        let (unknown, props) =
            (MapWriter::new(), MapWriter::new().with("name", Value::Str("Home")));
        let cases = [
            (FactKind::Page, &known, "https://a/"),
            (FactKind::Page, &unknown, "Home"),
            (FactKind::Screen, &unknown, "Home"),
            // A product's name is no page.
            (FactKind::Track, &unknown, ""),
        ];
        for (kind, context, expected) in cases {
            let fact = fact(kind, &props, context);
            assert_eq!(Atom::of(&fact, 0, None, EventUse::default()).page, expected);
        }
    }

    #[test]
    fn long_texts_are_cut_at_a_character() {
        let text = "é".repeat(TEXT_BYTES_MAX);
        assert_eq!(cut(&text).len(), TEXT_BYTES_MAX);
        assert_eq!(cut(&format!("x{text}")).len(), TEXT_BYTES_MAX - 1);
        assert_eq!(cut("short"), "short");
    }

    #[test]
    fn revenue_is_kept_in_millionths() {
        let cases = [
            (Value::Int(3), 3_000_000),
            (Value::Float(0.000_000_5), 1),
            (Value::Float(-12.34), -12_340_000),
            (Value::Str("7"), 0),
            (Value::Float(1e300), i64::MAX),
        ];
        for (value, expected) in cases {
            assert_eq!(micros(Some(value)), expected, "{value:?}");
        }
    }

    #[test]
    fn ids_are_frozen() {
        // They are on users' disks: session ids and the order of equal times come from them.
        assert_eq!(hash_of(&["d-1", "v-1"]), GOLDEN);
        assert_ne!(hash_of(&["ab", "c"]), hash_of(&["a", "bc"]));
    }

    const GOLDEN: u64 = 8_940_956_585_410_265_951;
}
