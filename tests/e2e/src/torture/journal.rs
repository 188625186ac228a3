//! What was sent and what came of it, on another file system than the collector's: an intent is durable before
//! its bytes leave.
use super::event::Event;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// What is known of an event that was sent. The later ones say more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// Only ever answered with "come again": it may be there, for an answer may come too late.
    Refused,
    /// No answer came: it may be there or not.
    Unknown,
    /// A 200 counted it: it must be there, once.
    Acked,
}

/// What the journal says of an event.
#[derive(Debug, Clone, Copy)]
pub struct Intent {
    /// Whose it is.
    pub person: u64,
    /// What of it must come back.
    pub hash: u64,
    /// What came of it.
    pub fate: Fate,
}

/// The journal, as it is written.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: Mutex<File>,
    /// From when to when the machine had no power, in nanoseconds since 1970.
    dark: Mutex<Vec<(u64, u64)>>,
}

/// Nanoseconds since 1970.
///
/// # Panics
/// If the clock is before that.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "compared with what another process measured")]
pub fn now_ns() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    u64::try_from(since.expect("after 1970").as_nanos()).expect("this century")
}

impl Journal {
    /// Begins one.
    ///
    /// # Panics
    /// If the file cannot be made.
    #[must_use]
    pub fn create(path: &Path) -> Self {
        let file = File::options().create_new(true).append(true).open(path);
        Self {
            path: path.to_owned(),
            file: Mutex::new(file.expect("a new journal")),
            dark: Mutex::default(),
        }
    }

    /// Notes that these will be sent; durable on return.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn intend(&self, events: &[Event]) {
        let mut lines = String::new();
        for event in events {
            writeln!(lines, "i {} {} {:016x}", event.number, event.person, event.hash())
                .expect("a string takes all");
        }
        let mut file = self.file.lock().expect("nobody panics");
        file.write_all(lines.as_bytes()).expect("the journal takes lines");
        file.sync_data().expect("the journal is durable");
    }

    /// Whether the machine had no power then.
    ///
    /// # Panics
    /// If another thread has.
    #[must_use]
    pub fn is_dark(&self, at: u64) -> bool {
        let dark = self.dark.lock().expect("nobody panics");
        dark.iter().any(|&(from, to)| (from..=to).contains(&at))
    }

    /// Notes what came of the events from `first` on, and gives the time of that. Not flushed: if the machine dies an answer is
    /// forgotten, and its events count as unknown.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn answer(&self, first: u64, count: u64, fate: Fate) -> u64 {
        let word = match fate {
            Fate::Acked => 'a',
            Fate::Unknown => 'u',
            Fate::Refused => 'r',
        };
        let now = now_ns();
        let line = format!("{word} {first} {count} {now}\n");
        let mut file = self.file.lock().expect("nobody panics");
        file.write_all(line.as_bytes()).expect("the journal takes lines");
        now
    }

    /// Notes that the machine has had no power since `from`. A process that only believes in a power cut goes on
    /// for a moment, and its file system may still say yes to a flush that it has lost: such answers could not
    /// have left a machine without power, and count as none. (A loop of `pwrite` and `fdatasync` alone, cut 40
    /// times on Linux 6.18: in 5 cuts the flush that was under way said yes, and its bytes were gone.)
    ///
    /// # Panics
    /// If another thread has.
    pub fn was_dark_since(&self, from: u64) {
        self.dark.lock().expect("nobody panics").push((from, now_ns()));
    }

    /// Everything in it, by the events' numbers.
    ///
    /// # Panics
    /// If it is not what was written.
    #[must_use]
    pub fn read(&self) -> BTreeMap<u64, Intent> {
        let text = std::fs::read_to_string(&self.path).expect("the journal is there");
        let mut intents: BTreeMap<u64, Intent> = BTreeMap::new();
        let mut answered: BTreeMap<u64, Fate> = BTreeMap::new();
        for line in text.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let number = |at: usize| words[at].parse::<u64>().expect("a number");
            match words[0] {
                "i" => {
                    let hash = u64::from_str_radix(words[3], 16).expect("a hash");
                    // Until there is an answer.
                    let intent = Intent { person: number(2), hash, fate: Fate::Unknown };
                    intents.insert(number(1), intent);
                }
                word => {
                    let is_dark = self.is_dark(number(3));
                    let fate = match word {
                        "a" if !is_dark => Fate::Acked,
                        "a" | "u" => Fate::Unknown,
                        "r" => Fate::Refused,
                        other => panic!("no word of a journal: {other}"),
                    };
                    for event in number(1)..number(1) + number(2) {
                        let known = answered.entry(event).or_insert(fate);
                        *known = fate.max(*known);
                    }
                }
            }
        }
        for (number, fate) in answered {
            intents.get_mut(&number).expect("an answer to what was sent").fate = fate;
        }
        intents
    }
}
