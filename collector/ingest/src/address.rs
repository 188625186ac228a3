//! IP addresses, made coarse before anything is written. Looks nothing up.
use http::HeaderMap;
use std::borrow::Cow;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The network that an address lies in: /24 of IPv4, /48 of IPv6. An IPv4 address in IPv6 clothing
/// is treated as what it is.
#[must_use]
pub fn truncate(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            IpAddr::V4(Ipv4Addr::new(a, b, c, 0))
        }
        IpAddr::V6(v6) => {
            let [a, b, c, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
        }
    }
}

/// Reads an address as senders write it: alone, with a port, in brackets, or the first of a list.
#[must_use]
pub fn parse(text: &str) -> Option<IpAddr> {
    let first = text.split(',').next().unwrap_or_default().trim();
    if let Ok(address) = first.parse() {
        return Some(address);
    }
    if let Ok(with_port) = first.parse::<std::net::SocketAddr>() {
        return Some(with_port.ip());
    }
    first.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

/// Where a request really came from: behind trusted proxies, the last address in
/// `X-Forwarded-For` that is not one of them; everything before it is the sender's own claim.
#[must_use]
pub fn of_sender(peer: IpAddr, headers: &HeaderMap, trusted: &[IpAddr]) -> IpAddr {
    let peer = peer.to_canonical();
    if !trusted.contains(&peer) {
        return peer;
    }
    let lists: Vec<_> = headers.get_all("x-forwarded-for").iter().collect();
    let hops = lists.iter().rev().filter_map(|list| list.to_str().ok());
    let mut hops = hops.flat_map(|list| list.rsplit(','));
    let found = hops.find_map(|hop| match parse(hop) {
        Some(address) if trusted.contains(&address.to_canonical()) => None,
        other => Some(other),
    });
    found.flatten().unwrap_or(peer)
}

/// Writes the network of an address into `out`; nothing if the text is not an address.
pub fn write_truncated(text: &str, out: &mut String) {
    if let Some(address) = parse(text) {
        write!(out, "{}", truncate(address)).expect("writing to a string does not fail");
    }
}

/// Replaces the value of every `"ip": "…"` in JSON that may be damaged by its network, so that a
/// dead letter holds no more of an address than the log does. What is not an address is emptied.
#[must_use]
pub fn scrub_json(raw: &[u8]) -> Cow<'_, [u8]> {
    let mut out: Option<Vec<u8>> = None;
    let mut copied = 0;
    let mut at = 0;
    while let Some(found) = find(raw.get(at..).unwrap_or_default(), b"\"ip\"") {
        let after_key = at + found + 4;
        at = after_key;
        let Some((start, end)) = string_after_colon(raw, after_key) else { continue };
        let mut network = String::new();
        if let Some(text) = raw.get(start..end).and_then(|t| std::str::from_utf8(t).ok()) {
            write_truncated(text, &mut network);
        }
        let out = out.get_or_insert_with(|| Vec::with_capacity(raw.len()));
        out.extend_from_slice(raw.get(copied..start).unwrap_or_default());
        out.extend_from_slice(network.as_bytes());
        copied = end;
        at = end;
    }
    let Some(mut out) = out else { return Cow::Borrowed(raw) };
    out.extend_from_slice(raw.get(copied..).unwrap_or_default());
    Cow::Owned(out)
}

/// Where the text of a string value begins and ends, if one follows the key that ends at `at`. A
/// string cut off by the end of the input ends there.
fn string_after_colon(raw: &[u8], at: usize) -> Option<(usize, usize)> {
    let skip = |mut at: usize| {
        while raw.get(at).is_some_and(u8::is_ascii_whitespace) {
            at += 1;
        }
        at
    };
    let colon = skip(at);
    if raw.get(colon) != Some(&b':') {
        return None;
    }
    let quote = skip(colon + 1);
    if raw.get(quote) != Some(&b'"') {
        return None;
    }
    let start = quote + 1;
    let len = raw.get(start..)?.iter().position(|&b| b == b'"');
    Some((start, len.map_or(raw.len(), |len| start + len)))
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|w| w == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_its_network_only() {
        for (text, expected) in [
            ("203.0.113.42", "203.0.113.0"),
            ("203.0.113.42:8080", "203.0.113.0"),
            (" 203.0.113.42, 10.0.0.1", "203.0.113.0"),
            ("::ffff:203.0.113.42", "203.0.113.0"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1::"),
            ("[2001:db8:1:2::9]", "2001:db8:1::"),
            ("[2001:db8:1:2::9]:443", "2001:db8:1::"),
            ("$remote", ""),
            ("", ""),
        ] {
            let mut out = String::new();
            write_truncated(text, &mut out);
            assert_eq!(out, expected, "{text}");
        }
    }

    #[test]
    fn scrubbing_changes_addresses_and_nothing_else() {
        for (raw, expected) in [
            (r#"{"ip" : "203.0.113.42","a":1}"#, r#"{"ip" : "203.0.113.0","a":1}"#),
            (r#"{"ip":"x 203.0.113.42"}"#, r#"{"ip":""}"#),
            (r#"{"ip":"203.0.113.4"#, r#"{"ip":"203.0.113.0"#),
            (r#"{"ip":null,"b":{"ip":"1.2.3.4"}}"#, r#"{"ip":null,"b":{"ip":"1.2.3.0"}}"#),
            (r#"{"a":1"#, r#"{"a":1"#),
            (r#""ip""#, r#""ip""#),
        ] {
            assert_eq!(scrub_json(raw.as_bytes()), raw_bytes(expected), "{raw}");
        }
    }

    fn raw_bytes(text: &str) -> Cow<'_, [u8]> {
        Cow::Borrowed(text.as_bytes())
    }
}
