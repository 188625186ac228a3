//! From a call to a queued event.
use super::Tracker;
use crate::batch::push_name;
use crate::codec::put;
use crate::consent::Gate;
use crate::event::{EventHead, Priority, Queued, members};
use crate::json::{Reader, Unwritable, push_i64, push_members, push_string, text};
use crate::limits::{EVENT_BYTES_MAX, EVENT_FRAME_BYTES, EVENT_NAME_BYTES_MAX, ID_BYTES_MAX};
use crate::notice::DropReason;
use crate::random::{Random, Uuid};
use crate::session::Session;
use crate::time::bounded_time;
use crate::value::Object;
use crate::{Input, Key, Now, Options, Subject};
use alloc::borrow::Cow;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem::take;

/// What came before storage was restored: an event and what is written of it, or that the person has
/// left.
pub(super) type Early = Option<(Call, Vec<u8>)>;

/// What is known of a call beside its members.
#[derive(Debug)]
pub(super) struct Call {
    kind: Kind,
    priority: Priority,
    /// Of an identify or alias: who uses the device from now on.
    user_id: String,
    /// It names its own subject.
    own: bool,
    message_id: Uuid,
    /// Steady time of the call.
    called: i64,
    /// When it happened.
    at: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Track,
    Page,
    Screen,
    Identify,
    Group,
    Alias,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Track => "track",
            Self::Page => "page",
            Self::Screen => "screen",
            Self::Identify => "identify",
            Self::Group => "group",
            Self::Alias => "alias",
        }
    }

    /// What settings call it, if it is no named event.
    fn name(self) -> &'static str {
        match self {
            Self::Page => "Page Viewed",
            Self::Screen => "Screen Viewed",
            other => other.as_str(),
        }
    }

    /// Whether it is something a person did, of which sessions are made.
    fn is_activity(self) -> bool {
        matches!(self, Self::Track | Self::Page | Self::Screen)
    }
}

impl Tracker {
    /// Takes one of the six calls.
    pub(super) fn call(&mut self, now: Now, input: Input<'_>) {
        let mut out = take(&mut self.scratch);
        out.clear();
        match self.write_call(now, &input, &mut out) {
            Ok(call) if self.storage.is_restored() => self.admit(&call, &mut out),
            Ok(call) => self.keep_early(call, &out),
            Err(Unwritable) => self.give_up(DropReason::Invalid),
        }
        self.scratch = out;
    }

    /// Writes the members of a call and judges what can be judged of it alone.
    fn write_call(
        &mut self,
        now: Now,
        input: &Input<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Call, Unwritable> {
        EventHead::leave_room(out);
        let nothing = Object::None;
        let (kind, texts, object, options): (_, [(&str, &str); 2], _, _) = match input {
            Input::Track { event, properties, options } => {
                bounded(event, 1, EVENT_NAME_BYTES_MAX)?;
                (Kind::Track, [("event", event), ("", "")], properties, options)
            }
            Input::Page { name, category, properties, options } => {
                (Kind::Page, [("name", name), ("category", category)], properties, options)
            }
            Input::Screen { name, category, properties, options } => {
                (Kind::Screen, [("name", name), ("category", category)], properties, options)
            }
            Input::Identify { user_id, traits, options } => {
                bounded(user_id, 0, ID_BYTES_MAX)?;
                (Kind::Identify, [("", ""), ("", "")], traits, options)
            }
            Input::Group { group_id, traits, options } => {
                bounded(group_id, 1, ID_BYTES_MAX)?;
                (Kind::Group, [("groupId", group_id), ("", "")], traits, options)
            }
            Input::Alias { user_id, options } => {
                bounded(user_id, 1, ID_BYTES_MAX)?;
                (Kind::Alias, [("", ""), ("", "")], &nothing, options)
            }
            _ => return Err(Unwritable),
        };
        put(out, b"\"type\":");
        push_string(out, kind.as_str());
        for (name, text) in texts {
            push_text(out, name, text);
        }
        let holder =
            if matches!(kind, Kind::Identify | Kind::Group) { "traits" } else { "properties" };
        push_object(out, holder, object)?;
        let user_id = match input {
            Input::Identify { user_id, .. } | Input::Alias { user_id, .. } => *user_id,
            _ => "",
        };
        push_options(out, kind, user_id, options)?;
        let called = self.clock.steady(now);
        Ok(Call {
            kind,
            priority: self.priority(kind, texts[0].1),
            user_id: String::from(user_id),
            own: options.subject.is_some(),
            message_id: options.message_id.map_or_else(|| self.message_ids.mint(called), Uuid),
            called,
            at: options.at.map_or(called, |at| bounded_time(at.0)),
        })
    }

    fn priority(&self, kind: Kind, event: &str) -> Priority {
        let name = if kind == Kind::Track { event } else { kind.name() };
        let among = |names: &[String]| names.iter().any(|known| known == name);
        if !kind.is_activity() || among(&self.config.events_kept_longest) {
            Priority::High
        } else if among(&self.config.events_dropped_first) {
            Priority::Low
        } else {
            Priority::Normal
        }
    }

    /// Holds a call until storage says who is speaking.
    fn keep_early(&mut self, call: Call, members: &[u8]) {
        let bytes = members.len();
        if self.has_room_to_wait(bytes) {
            self.waiting_bytes += bytes;
            self.early.push(Some((call, members.to_vec())));
        } else {
            self.give_up(DropReason::WaitingFull);
        }
    }

    fn has_room_to_wait(&self, bytes: usize) -> bool {
        self.waiting() < self.config.waiting_events_max
            && self.waiting_bytes + bytes <= self.config.waiting_bytes_max
    }

    /// Takes up what came before storage was restored, in order.
    pub(super) fn admit_early(&mut self) {
        for early in &take(&mut self.early) {
            if let Some((call, record)) = early {
                self.waiting_bytes -= record.len();
                self.admit(call, &mut record.clone());
            } else {
                self.reset();
            }
        }
    }

    /// The person has left.
    pub(super) fn reset(&mut self) {
        if !self.storage.is_restored() {
            // Several in a row are one.
            if !matches!(self.early.last(), Some(None)) {
                self.early.push(None);
            }
            return;
        }
        self.state.anonymous_id = self.random.uuid().to_text();
        self.state.session = Session::default();
        self.change_user("");
        self.set_segments(Vec::new());
    }

    /// From now on events happen in this context. What is no object leaves it as it was.
    pub(super) fn set_context(&mut self, context: &Object<'_>) {
        let mut members = Vec::new();
        if push_members(&mut members, context).is_ok() && members != self.context {
            self.context = members;
            self.current = [None; 2];
        }
    }

    /// Judges a call and queues it, lets it wait, or counts it as dropped.
    fn admit(&mut self, call: &Call, record: &mut Vec<u8>) {
        if !call.own {
            if call.kind == Kind::Alias {
                push_text(record, "previousId", &self.state.anonymous_id);
            }
            self.now_used_by(&call.user_id);
        }
        if self.link.stopped {
            return self.give_up(DropReason::Stopped);
        }
        if record.len() + EVENT_FRAME_BYTES > EVENT_BYTES_MAX {
            return self.give_up(DropReason::TooLarge);
        }
        let name = name_of(record);
        if !is_drawn(&mut self.random, &self.config.sampling, &name) {
            return self.give_up(DropReason::Sampled);
        }
        let gate = self.state.consent.gate(&self.config, &name);
        if gate == Gate::Closed {
            return self.give_up(DropReason::ConsentDenied);
        }
        let head = self.head(call);
        let (boot, at, message_id) = (self.state.boot, call.at, call.message_id);
        let frame = EventHead { priority: call.priority, head, boot, at, message_id };
        frame.stamp(record);
        let event = Queued::new(0, &frame, Arc::from(record.as_slice()));
        if gate == Gate::Open {
            self.enqueue(event);
        } else {
            self.wait_for_consent(event);
        }
    }

    fn now_used_by(&mut self, user_id: &str) {
        if !user_id.is_empty() && self.state.user_id != user_id {
            self.change_user(user_id);
        }
    }

    fn change_user(&mut self, user_id: &str) {
        self.state.user_id = String::from(user_id);
        self.generation = self.generation.wrapping_add(1);
        self.current[0] = None;
        self.storage.touch();
    }

    /// The number of what this event shares with its neighbours.
    fn head(&mut self, call: &Call) -> u32 {
        if !call.own && self.state.session.touch(&self.config, call.called) {
            self.current[0] = None;
        }
        let place = usize::from(call.own);
        if let Some(number) = self.current[place] {
            return number;
        }
        let (mut ids, mut context) = (Vec::new(), self.context.clone());
        if !call.own {
            put(&mut ids, b"\"anonymousId\":");
            push_string(&mut ids, &self.state.anonymous_id);
            push_text(&mut ids, "userId", &self.state.user_id);
            if self.state.session.start != 0 {
                if !context.is_empty() {
                    put(&mut context, b",");
                }
                put(&mut context, b"\"sessionId\":");
                push_i64(&mut context, self.state.session.start);
            }
        }
        let number = self.heads.intern(&ids, &context, &mut self.state.next_head);
        self.storage.touch();
        self.current[place] = Some(number);
        number
    }

    fn enqueue(&mut self, mut event: Queued) {
        while self.queue.len() >= self.config.queue_events_max
            || self.queue.bytes() + event.record.len() > self.config.queue_bytes_max
        {
            let Some(least) = self.queue.take_least(event.priority) else {
                return self.give_up(DropReason::QueueFull);
            };
            self.gone(&least);
            self.count_drop(DropReason::QueueFull, least.tried, 1);
        }
        self.state.counts.created += 1;
        self.storage.start();
        event.seq = self.state.counts.created;
        event.since = Some(self.now.mono.0);
        self.keep(event);
    }

    /// Queues an event that has its number.
    pub(super) fn keep(&mut self, event: Queued) {
        self.heads.refer(event.head, 1);
        self.queue.push(event);
    }

    fn wait_for_consent(&mut self, event: Queued) {
        let bytes = event.record.len();
        if !self.has_room_to_wait(bytes) {
            // Whoever matters least leaves; of equals, who came first.
            let mut least = 0;
            for (at, other) in self.waiting.iter().enumerate() {
                if self.waiting.get(least).is_some_and(|least| other.priority < least.priority) {
                    least = at;
                }
            }
            let makes_room = self.waiting.get(least).is_some_and(|least| {
                least.priority <= event.priority && least.record.len() >= bytes
            });
            if makes_room {
                self.stop_waiting(least);
            }
            self.give_up(DropReason::WaitingFull);
            if !makes_room {
                return;
            }
        }
        self.waiting_bytes += bytes;
        self.heads.refer(event.head, 1);
        self.waiting.push(event);
    }

    fn stop_waiting(&mut self, at: usize) -> Queued {
        let event = self.waiting.remove(at);
        self.waiting_bytes -= event.record.len();
        self.heads.refer(event.head, -1);
        event
    }

    /// Looks at every event again that may be kept now, or no longer.
    pub(super) fn consent_changed(&mut self) {
        if !self.storage.is_restored() {
            return;
        }
        self.storage.touch();
        let mut at = 0;
        while let Some(event) = self.waiting.get(at) {
            match self.gate(event) {
                Gate::Unknown => at += 1,
                Gate::Open => {
                    let event = self.stop_waiting(at);
                    self.enqueue(event);
                }
                Gate::Closed => {
                    self.stop_waiting(at);
                    self.give_up(DropReason::ConsentDenied);
                }
            }
        }
        // Unknown is no yes either: storage may have lost the choice under which they were kept, or the
        // app may need more consents than it did.
        let mut seq = 0;
        while let Some(event) = self.queue.after(seq) {
            seq = event.seq;
            if self.gate(event) != Gate::Open {
                self.abandon(seq, DropReason::ConsentWithdrawn);
            }
        }
    }

    /// Whether an event may be kept.
    pub(super) fn gate(&self, event: &Queued) -> Gate {
        self.state.consent.gate(&self.config, &name_of(&event.record))
    }

    /// Gives a queued event up.
    pub(super) fn abandon(&mut self, seq: u64, reason: DropReason) {
        if let Some(event) = self.queue.take(seq) {
            self.gone(&event);
            self.count_drop(reason, event.tried || event.in_flight, 1);
        }
    }

    /// Forgets an event that has left the queue.
    pub(super) fn gone(&mut self, event: &Queued) {
        // Until it has been polled, nobody has stored it; so what is polled is bounded by the queue,
        // however long a host does not come.
        if event.seq <= self.storage.polled {
            self.actions.forget(Key::Event(event.seq));
        }
        self.heads.refer(event.head, -1);
        self.storage.touch();
    }

    /// Counts a call that never became a queued event.
    fn give_up(&mut self, reason: DropReason) {
        self.state.counts.created += 1;
        self.count_drop(reason, false, 1);
    }

    /// Counts events given up, and tells the app.
    pub(super) fn count_drop(&mut self, reason: DropReason, tried: bool, count: u32) {
        self.state.counts.drop(reason, tried, count.into());
        self.storage.touch();
        self.report_later();
        self.drops.note(reason, count);
    }
}

fn is_drawn(random: &mut Random, sampling: &[(String, f64)], name: &str) -> bool {
    let rate = sampling.iter().find(|(sampled, _)| sampled == name);
    rate.is_none_or(|(_, rate)| random.share() < *rate)
}

/// What settings call an event, read from its record.
pub(super) fn name_of(record: &[u8]) -> Cow<'_, str> {
    // The members are ours: the type comes first, the event's name second.
    let mut members = Reader::new(members(record));
    members.item();
    let mut name = members.item().unwrap_or_default();
    match name {
        b"\"page\"" => return Cow::Borrowed(Kind::Page.name()),
        b"\"screen\"" => return Cow::Borrowed(Kind::Screen.name()),
        _ => {}
    }
    if members.item() == Some(b"\"event\"") {
        name = members.item().unwrap_or_default();
    }
    text(name).unwrap_or_default()
}

fn bounded(text: &str, min: usize, max: usize) -> Result<(), Unwritable> {
    if (min..=max).contains(&text.len()) { Ok(()) } else { Err(Unwritable) }
}

/// Appends `,"name":"text"` unless the text is empty.
fn push_text(out: &mut Vec<u8>, name: &str, text: &str) {
    if !text.is_empty() {
        push_name(out, name);
        push_string(out, text);
    }
}

/// Appends `,"name":{…}` unless the object is empty.
fn push_object(out: &mut Vec<u8>, name: &str, object: &Object<'_>) -> Result<(), Unwritable> {
    let start = out.len();
    push_name(out, name);
    put(out, b"{");
    let inner = out.len();
    push_members(out, object)?;
    if out.len() == inner {
        out.truncate(start);
    } else {
        put(out, b"}");
    }
    Ok(())
}

/// Appends what differs from the other events.
fn push_options(
    out: &mut Vec<u8>,
    kind: Kind,
    user_id: &str,
    options: &Options<'_>,
) -> Result<(), Unwritable> {
    if let Some(Subject { user_id: own, anonymous_id }) = options.subject {
        let user_id = if user_id.is_empty() { own } else { user_id };
        bounded(user_id, 0, ID_BYTES_MAX)?;
        bounded(anonymous_id, 0, ID_BYTES_MAX)?;
        if user_id.is_empty() && anonymous_id.is_empty() {
            return Err(Unwritable);
        }
        let device = if kind == Kind::Alias { "previousId" } else { "anonymousId" };
        push_text(out, device, anonymous_id);
        push_text(out, "userId", user_id);
    }
    push_object(out, "context", &options.context)
}
