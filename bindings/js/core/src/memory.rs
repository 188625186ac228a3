//! Memory of a page that lives for minutes: blocks of powers of two, kept in lists once they are free.
//! No block is ever split or joined, so that this is forty lines where a general allocator is 6 KB.
use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;

struct Blocks(UnsafeCell<Free>);

struct Free {
    /// The first free block of each power of two; each holds the address of the next.
    lists: [usize; 32],
    /// Where untouched memory begins.
    top: usize,
}

#[allow(unsafe_code, reason = "a static must be shareable")]
// SAFETY: a page's WebAssembly has one thread.
unsafe impl Sync for Blocks {}

#[global_allocator]
static BLOCKS: Blocks = Blocks(UnsafeCell::new(Free { lists: [0; 32], top: 0 }));

/// The power of two that holds `size` bytes; 16 at least, so that every block is aligned to 16 and
/// has room for an address.
fn class(size: usize) -> usize {
    (usize::BITS - (size.max(16) - 1).leading_zeros()) as usize
}

const PAGE_BYTES: usize = 65_536;

#[allow(unsafe_code, reason = "an allocator hands out raw memory")]
// SAFETY: a block is in one list or in one hand, is at least as large as asked for, and begins at a
// multiple of 16, which is the largest alignment in the core.
unsafe impl GlobalAlloc for Blocks {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let class = class(layout.size());
        // SAFETY: one thread; the reference ends with this call.
        let free = unsafe { &mut *self.0.get() };
        let Some(list) = free.lists.get_mut(class) else { return core::ptr::null_mut() };
        if *list != 0 {
            let block = *list;
            // SAFETY: a free block begins with the address of the next.
            *list = unsafe { *(block as *const usize) };
            return block as *mut u8;
        }
        let have = core::arch::wasm32::memory_size(0) * PAGE_BYTES;
        if free.top == 0 {
            free.top = have;
        }
        let block = free.top;
        let Some(end) = block.checked_add(1 << class) else { return core::ptr::null_mut() };
        if end > have
            && core::arch::wasm32::memory_grow(0, (end - have).div_ceil(PAGE_BYTES)) == usize::MAX
        {
            return core::ptr::null_mut();
        }
        free.top = end;
        block as *mut u8
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: one thread; the block came from `alloc` with this size, so the list exists and the block
        // has room for an address.
        unsafe {
            let list = (*self.0.get()).lists.as_mut_ptr().add(class(layout.size()));
            *block.cast::<usize>() = *list;
            *list = block as usize;
        }
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
