//! How many connections one address may have at once, so that one sender cannot take all.
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The connections of each address.
#[derive(Debug, Clone)]
pub(crate) struct Guests(Arc<House>);

#[derive(Debug)]
struct House {
    each_max: usize,
    exempt: Vec<IpAddr>,
    /// Addresses with a connection; none with zero, so it is no larger than all connections.
    here: Mutex<HashMap<IpAddr, usize>>,
    refused: AtomicU64,
}

impl Guests {
    /// At most `each_max` at once of each address but those that speak for many: these, and the machine's own.
    pub(crate) fn new(each_max: usize, mut exempt: Vec<IpAddr>) -> Self {
        exempt.extend([IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)]);
        let (here, refused) = (Mutex::default(), AtomicU64::new(0));
        Self(Arc::new(House { each_max, exempt, here, refused }))
    }

    /// A place for a connection of this address, until it is dropped; `None` if it has as many as it may.
    pub(crate) fn enter(&self, address: IpAddr) -> Option<Place> {
        let address = address.to_canonical();
        if self.0.exempt.contains(&address) {
            return Some(Place { house: Arc::clone(&self.0), network: None });
        }
        let network = network(address);
        let mut here = self.0.here.lock();
        let count = here.entry(network).or_default();
        if *count >= self.0.each_max {
            let count = *count;
            drop(here);
            let refused = self.0.refused.fetch_add(1, Ordering::Relaxed) + 1;
            if refused.is_power_of_two() {
                // Not the address: it is personal, and whoever looks for it finds it in the system's tables.
                tracing::warn!(count, refused, "an address has too many connections");
            }
            return None;
        }
        *count += 1;
        drop(here);
        Some(Place { house: Arc::clone(&self.0), network: Some(network) })
    }
}

/// Whom an address belongs to: over IPv6 everyone has a whole /64.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).into(),
    }
}

/// A connection's place.
#[derive(Debug)]
pub(crate) struct Place {
    house: Arc<House>,
    network: Option<IpAddr>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(network) = self.network else { return };
        let mut here = self.house.here.lock();
        if let Some(count) = here.get_mut(&network) {
            *count -= 1;
            if *count == 0 {
                here.remove(&network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn an_address_has_its_number_of_connections_and_takes_nobody_elses() {
        let guests = Guests::new(2, vec![ip("192.0.2.9")]);
        let first = guests.enter(ip("192.0.2.1"));
        let second = guests.enter(ip("::ffff:192.0.2.1"));
        assert!(first.is_some() && second.is_some());
        assert!(guests.enter(ip("192.0.2.1")).is_none(), "a third");
        assert!(guests.enter(ip("192.0.2.2")).is_some(), "somebody else");
        drop(first);
        assert!(guests.enter(ip("192.0.2.1")).is_some(), "one has left");
        let proxies: Vec<_> = (0..9).map(|_| guests.enter(ip("192.0.2.9"))).collect();
        let local: Vec<_> = (0..9).map(|_| guests.enter(ip("127.0.0.1"))).collect();
        assert!(proxies.iter().chain(&local).all(Option::is_some));
        drop(second);
        assert!(guests.0.here.lock().is_empty(), "nothing is kept of those who left");
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let guests = Guests::new(1, Vec::new());
        let held = guests.enter(ip("2001:db8:1:2::1"));
        assert!(held.is_some());
        assert!(guests.enter(ip("2001:db8:1:2:ffff::9")).is_none());
        assert!(guests.enter(ip("2001:db8:1:3::1")).is_some());
    }
}
