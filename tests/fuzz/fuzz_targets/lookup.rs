//! See `sillage_foreign::TARGETS`.
#![no_main]
use libfuzzer_sys::fuzz_target;
use sillage_foreign::Target;
use std::sync::LazyLock;

static TARGET: LazyLock<Target> = LazyLock::new(|| sillage_foreign::target("lookup"));

fuzz_target!(|bytes: &[u8]| (TARGET.check)(bytes));
