//! The generator of bindings, pinned to the version that `bindings/uniffi` is built with.
fn main() {
    uniffi::uniffi_bindgen_main();
}
