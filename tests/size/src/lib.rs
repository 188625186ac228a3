//! Every input of the core can be given through one C function, so that the linker keeps all of it
//! and nothing else. It is weighed, not used; bindings have faces of their own.
use sdk_core::{
    Action, Choice, Config, DeviceMillis, Input, Lifecycle, MonoMillis, Now, Object, Options, Outcome,
    Restored, SendId, Tracker,
};
use std::cell::RefCell;

thread_local! {
    static TRACKER: RefCell<Option<Tracker>> = const { RefCell::new(None) };
}

/// Gives the core one input, by number, with one text, and says how many bytes it asks to store or to
/// send.
///
/// # Safety
/// `text` points to `len` readable bytes.
#[allow(unsafe_code, reason = "a C function is the smallest face there is")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sillage_input(kind: u32, text: *const u8, len: usize, mono_ms: u64, wall_ms: i64) -> usize {
    // SAFETY: promised by the caller.
    let bytes = unsafe { std::slice::from_raw_parts(text, len) };
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let now = Now { wall: DeviceMillis(wall_ms), mono: MonoMillis(mono_ms) };
    TRACKER.with_borrow_mut(|tracker| {
        let tracker = tracker.get_or_insert_with(|| Tracker::new(Config::web(), [7; 32], now));
        tracker.handle(now, input(kind, text, bytes));
        let mut sum = 0;
        while let Some(action) = tracker.poll_action() {
            sum += match action {
                Action::Persist { value, .. } => value.len(),
                Action::Send { body, .. } => body.len(),
                _ => 1,
            };
        }
        sum
    })
}

fn input<'a>(kind: u32, text: &'a str, bytes: &'a [u8]) -> Input<'a> {
    let (object, options) = (Object::Json(text), Options::default());
    match kind {
        0 => Input::Track { event: text, properties: object, options },
        1 => Input::Page { name: text, category: text, properties: object, options },
        2 => Input::Screen { name: text, category: text, properties: object, options },
        3 => Input::Identify { user_id: text, traits: object, options },
        4 => Input::Group { group_id: text, traits: object, options },
        5 => Input::Alias { user_id: text, options },
        6 => Input::Reset,
        7 => Input::Consent(&[("analytics", Choice::Granted)]),
        8 => Input::Privacy { gpc: true, dnt: false },
        9 => Input::Context(object),
        10 => Input::Lifecycle(Lifecycle::Background),
        11 => Input::Restored(Restored::default()),
        12 => {
            let (content_type, retry_after) = ("application/json", text);
            let outcome = Outcome::Answer { status: 200, content_type, retry_after, body: bytes };
            Input::Reply { send: SendId(0), outcome }
        }
        _ => Input::Tick,
    }
}
