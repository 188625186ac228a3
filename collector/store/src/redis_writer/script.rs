//! The scripts that write to Redis, and the commands that call them.
use crate::fields::ttl_s;
use crate::keys::{PREFIX, segment_shard};
use crate::limits::CHANGES_MAX;
use crate::view::{Entry, View, Work};
use redis::{Cmd, Script};
use sillage_model::{PersonKey, Profile};
use std::sync::Arc;

/// Whether what Redis says about itself is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Its hashes tell what it holds.
    Write,
    /// Everything is compared and written again.
    Rebuild,
}

impl Mode {
    fn word(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Rebuild => "rebuild",
        }
    }
}

/// The scripts, each with what is in it.
pub(super) struct Scripts {
    /// All of a person's keys at once, where one server has them all.
    person: Script,
    /// One hash, and the members of one sorted set, where keys are spread.
    hash: Script,
    set: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            person: Script::new(include_str!("write.lua")),
            hash: Script::new(include_str!("hash.lua")),
            set: Script::new(include_str!("set.lua")),
        }
    }

    /// Those that are called there.
    pub(super) fn for_cluster(&self, cluster: bool) -> Arc<[Script]> {
        match cluster {
            true => Arc::from([self.hash.clone(), self.set.clone()]),
            false => Arc::from([self.person.clone()]),
        }
    }
}

/// Calls of the scripts, with everything in them that is the same for all persons of a view.
pub(super) struct Writing {
    scripts: Arc<Scripts>,
    prefix: String,
    segments: String,
    generation: u32,
}

impl Writing {
    pub(super) fn new(scripts: Arc<Scripts>, view: &View) -> Self {
        let segments: Vec<&str> =
            view.labels().segments().iter().map(|label| label.key.as_str()).collect();
        Self {
            scripts,
            prefix: format!("{PREFIX}{}:", view.project()),
            segments: segments.join(","),
            generation: view.generation(),
        }
    }

    /// Whether this view calls its segments so.
    pub(super) fn is_for(&self, view: &View) -> bool {
        self.generation == view.generation()
    }

    /// The same scripts for another view.
    pub(super) fn again(&self, view: &View) -> Self {
        Self::new(Arc::clone(&self.scripts), view)
    }

    /// The command that brings one entry's keys up to date, where one server has them all.
    pub(super) fn command(&self, view: &View, work: &Work, mode: Mode) -> Cmd {
        match &work.entry {
            Entry::Person(profile) => self.write(view, profile, work, mode),
            Entry::Linked(link) => self.unlist(&link.device),
        }
    }

    /// The command that brings one hash up to date.
    pub(super) fn hash(&self, view: &View, profile: &Profile, key: &str, mode: Mode) -> Cmd {
        let mut command = call(&self.scripts.hash, 1);
        command.arg(key).arg(mode.word());
        command.arg(profile.version).arg(ttl_s(profile, view.now_ms()));
        fields(view, profile, &mut command);
        command
    }

    /// The beginning of a command that brings members of one sorted set up to date; members and
    /// scores follow.
    pub(super) fn set(&self, segment: &str, shard: u8, epoch: u64) -> Cmd {
        let set = format!("{}seg:{segment}:{shard}", self.prefix);
        let mut command = call(&self.scripts.set, 2);
        // In the set's own slot, for the set's name is what is in the braces.
        command.arg(&set).arg(format!("{}fence:{{{set}}}", self.prefix)).arg(epoch);
        command
    }

    /// The names of a profile's hashes, the member's own first.
    pub(super) fn hashes(&self, profile: &Profile) -> impl Iterator<Item = String> {
        let own = format!("{}{}", self.prefix, profile.member);
        let others = profile.devices.iter().map(|device| format!("{}a:{device}", self.prefix));
        std::iter::once(own).chain(others)
    }

    /// The command that tells a change to the stream.
    pub(super) fn announce(&self, change: &Announced<'_>) -> Cmd {
        let mut command = redis::cmd("XADD");
        command.arg(format!("{}changes", self.prefix)).arg("MAXLEN").arg("~").arg(CHANGES_MAX);
        command.arg("*").arg("id").arg(change.member.as_str()).arg("segment").arg(change.segment);
        command.arg("change").arg(change.change).arg("at").arg(change.at);
        command.arg("v").arg(change.version);
        command
    }

    /// What all names of keys begin with.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    fn unlist(&self, device: &PersonKey) -> Cmd {
        let mut command = call(&self.scripts.person, 0);
        self.head(&mut command, "unlist", device);
        command
    }

    fn write(&self, view: &View, profile: &Profile, work: &Work, mode: Mode) -> Cmd {
        let mut command = call(&self.scripts.person, 1 + profile.devices.len());
        for key in self.hashes(profile) {
            command.arg(key);
        }
        self.head(&mut command, mode.word(), &profile.member);
        command.arg(profile.version).arg(ttl_s(profile, view.now_ms())).arg(profile.as_of);
        command.arg(CHANGES_MAX);
        command.arg(work.exits.len());
        for (segment, at) in &work.exits {
            command.arg(&**segment).arg(at);
        }
        fields(view, profile, &mut command);
        command
    }

    fn head(&self, command: &mut Cmd, mode: &str, member: &PersonKey) {
        let member = member.as_str();
        command.arg(&self.prefix).arg(mode).arg(member).arg(segment_shard(member));
        command.arg(&self.segments);
    }
}

/// An entry of the change stream.
pub(super) struct Announced<'a> {
    pub(super) member: &'a PersonKey,
    pub(super) segment: &'a str,
    pub(super) change: &'static str,
    pub(super) at: i64,
    pub(super) version: u64,
}

fn call(script: &Script, keys: usize) -> Cmd {
    let mut command = redis::cmd("EVALSHA");
    command.arg(script.get_hash()).arg(keys);
    command
}

fn fields(view: &View, profile: &Profile, command: &mut Cmd) {
    view.labels().render(profile, &mut |field, value| {
        command.arg(field).arg(value);
    });
}
