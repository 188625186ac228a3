//! A bad line to a Redis: a proxy on loopback that passes bytes as the weather lets it.
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What happens to what the server answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// It arrives.
    Fair,
    /// It arrives so much later, in milliseconds.
    Late(u64),
    /// It arrives a byte a second.
    Dribble,
    /// Half of it arrives, then the connection ends.
    Cut,
    /// Nothing arrives, in either direction, and nobody says so.
    Silent,
}

/// The proxy, until it is dropped.
#[derive(Debug)]
pub struct Line {
    /// Where clients connect.
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    upstream: SocketAddr,
    weather: Mutex<Weather>,
    stop: AtomicBool,
    connections: AtomicU64,
}

impl Line {
    /// Starts one in front of `upstream`, in fair weather.
    ///
    /// # Panics
    /// If loopback has no free port.
    #[must_use]
    pub fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            upstream,
            weather: Mutex::new(Weather::Fair),
            stop: AtomicBool::new(false),
            connections: AtomicU64::new(0),
        });
        let ours = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if ours.stop.load(Ordering::Relaxed) {
                    break;
                }
                if let Ok(client) = client {
                    ours.connections.fetch_add(1, Ordering::Relaxed);
                    ours.connect(client);
                }
            }
        });
        Self { address, shared }
    }

    /// Changes the weather for all connections.
    ///
    /// # Panics
    /// If a thread of the proxy failed.
    pub fn set(&self, weather: Weather) {
        *self.shared.weather.lock().expect("no thread failed") = weather;
    }

    /// How many connections there were.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        // The listener is waiting; one more connection wakes it.
        TcpStream::connect(self.address).ok();
    }
}

impl Shared {
    fn connect(self: &Arc<Self>, client: TcpStream) {
        let Ok(server) = TcpStream::connect(self.upstream) else { return };
        let pairs =
            [(client.try_clone(), server.try_clone(), false), (Ok(server), Ok(client), true)];
        for (from, to, answers) in pairs {
            let (Ok(from), Ok(to), shared) = (from, to, Arc::clone(self)) else { return };
            std::thread::spawn(move || {
                // What fails here is what is being simulated.
                shared.pass(&from, &to, answers);
                from.shutdown(Shutdown::Both).ok();
                to.shutdown(Shutdown::Both).ok();
            });
        }
    }

    fn pass(&self, mut from: &TcpStream, mut to: &TcpStream, answers: bool) -> Option<()> {
        let mut buffer = vec![0; 65_536];
        loop {
            let read = from.read(&mut buffer).ok().filter(|&read| read > 0)?;
            let bytes = buffer.get(..read)?;
            match self.weather() {
                Weather::Silent => self.wait_out(Weather::Silent),
                Weather::Late(ms) if answers => std::thread::sleep(Duration::from_millis(ms)),
                Weather::Dribble if answers => {
                    for byte in bytes {
                        to.write_all(&[*byte]).ok()?;
                        std::thread::sleep(Duration::from_secs(1));
                        if self.weather() != Weather::Dribble {
                            // The rest of this answer would otherwise take hours.
                            return None;
                        }
                    }
                    continue;
                }
                Weather::Cut if answers => {
                    to.write_all(bytes.get(..read / 2)?).ok()?;
                    return None;
                }
                Weather::Fair | Weather::Late(_) | Weather::Dribble | Weather::Cut => {}
            }
            to.write_all(bytes).ok()?;
        }
    }

    fn weather(&self) -> Weather {
        *self.weather.lock().expect("no thread failed")
    }

    fn wait_out(&self, weather: Weather) {
        while self.weather() == weather && !self.stop.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
