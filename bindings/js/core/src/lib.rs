//! The SDK's core behind two functions over bytes.
//!
//! A page writes commands into [`room`], calls [`run`] and reads what is to be done. Whole batches of calls
//! cross at once, because one crossing costs more than a call. What a command looks like stands in
//! [`face`]; the page's side of it is `src/core.ts`.
#![cfg_attr(target_family = "wasm", no_std)]

extern crate alloc;

pub mod face;
mod fields;
#[cfg(target_family = "wasm")]
mod memory;

use alloc::vec::Vec;
use core::cell::UnsafeCell;
use face::Face;

/// What lives between two calls.
struct Page(UnsafeCell<Option<(Face, Vec<u8>)>>);

#[allow(unsafe_code, reason = "a static must be shareable")]
// SAFETY: a page's WebAssembly has one thread, and no call is made from within another.
unsafe impl Sync for Page {}

static PAGE: Page = Page(UnsafeCell::new(None));

#[allow(unsafe_code, reason = "the one place where the static is read")]
fn page() -> &'static mut (Face, Vec<u8>) {
    // SAFETY: one thread, and both callers are done with the reference when they return.
    let page = unsafe { &mut *PAGE.0.get() };
    page.get_or_insert_with(Default::default)
}

/// Where `len` bytes of commands are to be written. Valid until [`run`].
#[allow(unsafe_code, reason = "an exported name")]
#[unsafe(no_mangle)]
pub extern "C" fn room(len: usize) -> *mut u8 {
    let input = &mut page().1;
    input.clear();
    input.resize(len, 0);
    input.as_mut_ptr()
}

/// Does what stands in the room. Gives where the answer is: its length (4 bytes, little endian) and its
/// bytes, valid until the next call.
#[allow(unsafe_code, reason = "an exported name")]
#[unsafe(no_mangle)]
pub extern "C" fn run() -> *const u8 {
    let (face, input) = page();
    face.run(input).as_ptr()
}
