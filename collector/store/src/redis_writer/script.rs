//! The one script that writes to Redis, and the commands that call it.
use crate::fields::ttl_s;
use crate::keys::{PREFIX, segment_shard};
use crate::limits::CHANGES_MAX;
use crate::view::{Entry, View, Work};
use redis::{Cmd, Script};
use sillage_model::{PersonKey, Profile};

/// Whether what Redis says about itself is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Its hashes tell what it holds.
    Write,
    /// Everything is compared and written again.
    Rebuild,
}

/// The script, with everything in its calls that is the same for all persons of a view.
pub(super) struct Writing {
    script: Script,
    prefix: String,
    segments: String,
    generation: u32,
}

impl Writing {
    pub(super) fn new(view: &View) -> Self {
        let segments: Vec<&str> =
            view.labels().segments().iter().map(|label| label.key.as_str()).collect();
        Self {
            script: Script::new(include_str!("write.lua")),
            prefix: format!("{PREFIX}{}:", view.project()),
            segments: segments.join(","),
            generation: view.generation(),
        }
    }

    /// Whether this view calls its segments so.
    pub(super) fn is_for(&self, view: &View) -> bool {
        self.generation == view.generation()
    }

    pub(super) fn script(&self) -> &Script {
        &self.script
    }

    /// The command that brings one entry's keys up to date.
    pub(super) fn command(&self, view: &View, work: &Work, mode: Mode) -> Cmd {
        match &work.entry {
            Entry::Person(profile) => self.write(view, profile, work, mode),
            Entry::Linked(link) => self.unlist(&link.device),
        }
    }

    fn unlist(&self, device: &PersonKey) -> Cmd {
        let mut command = self.call(0);
        self.head(&mut command, "unlist", device);
        command
    }

    fn write(&self, view: &View, profile: &Profile, work: &Work, mode: Mode) -> Cmd {
        let mut command = self.call(1 + profile.devices.len());
        command.arg(format!("{}{}", self.prefix, profile.member));
        for device in &profile.devices {
            command.arg(format!("{}a:{device}", self.prefix));
        }
        let mode = match mode {
            Mode::Write => "write",
            Mode::Rebuild => "rebuild",
        };
        self.head(&mut command, mode, &profile.member);
        command.arg(profile.version).arg(ttl_s(profile, view.now_ms())).arg(profile.as_of);
        command.arg(CHANGES_MAX);
        command.arg(work.exits.len());
        for (segment, at) in &work.exits {
            command.arg(&**segment).arg(at);
        }
        view.labels().render(profile, &mut |field, value| {
            command.arg(field).arg(value);
        });
        command
    }

    fn call(&self, keys: usize) -> Cmd {
        let mut command = redis::cmd("EVALSHA");
        command.arg(self.script.get_hash()).arg(keys);
        command
    }

    fn head(&self, command: &mut Cmd, mode: &str, member: &PersonKey) {
        let member = member.as_str();
        command.arg(&self.prefix).arg(mode).arg(member).arg(segment_shard(member));
        command.arg(&self.segments);
    }
}
