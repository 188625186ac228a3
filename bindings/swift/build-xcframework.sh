#!/usr/bin/env bash
# On a Mac: builds the native library for all of Apple's systems, and with it everything that the package needs
# and does not keep: Library/sillage_ffiFFI.xcframework and the generated target Sources/SillageFFI.
#
#     bindings/swift/build-xcframework.sh            # all systems
#     bindings/swift/build-xcframework.sh --all      # old watches and simulators on Intel too; needs a nightly compiler
#
# The last line is the checksum of the archive for a release, as `swift package compute-checksum` gives it.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ "$(uname -s)" = Darwin ] || { echo "needs a Mac with Xcode; elsewhere bindings/generate is enough" >&2; exit 1; }
wanted=${1:-}
package=$PWD/bindings/swift
target=${CARGO_TARGET_DIR:-$PWD/target}
work=$target/xcframework
framework=$package/Library/sillage_ffiFFI.xcframework
rm -rf "$work" "$framework"
mkdir -p "$work" "$package/Library"

# The oldest systems that the package names; without them the compiler would ask for newer ones.
export IPHONEOS_DEPLOYMENT_TARGET=13.0 MACOSX_DEPLOYMENT_TARGET=10.15 TVOS_DEPLOYMENT_TARGET=13.0
export WATCHOS_DEPLOYMENT_TARGET=6.0 XROS_DEPLOYMENT_TARGET=1.0

# The compiler of the repository builds for what rustup has a standard library for. For the rest, which are old
# watches and simulators on Intel, a nightly one builds the standard library too, if all are wanted.
known=$(rustup target list)
has_library() { grep -qE "^$1( |$)" <<<"$known"; }
build() {
    if has_library "$1"; then
        rustup target add "$1"
        cargo rustc --locked --quiet --profile native -p sillage-ffi --target "$1" --crate-type staticlib
    else
        cargo +nightly rustc --locked --quiet --profile native -p sillage-ffi --target "$1" --crate-type staticlib \
            -Z build-std=std,panic_unwind
    fi
}

# slice NAME TARGET…: one library for all machines of one system.
slices=()
slice() {
    local name=$1 archives=()
    shift
    for machine in "$@"; do
        if ! has_library "$machine" && [ "$wanted" != --all ]; then
            echo "left out: $machine, which --all builds" >&2
            continue
        fi
        build "$machine"
        archives+=("$target/$machine/native/libsillage_ffi.a")
    done
    mkdir -p "$work/$name"
    lipo -create "${archives[@]}" -output "$work/$name/libsillage_ffi.a"
    slices+=(-library "$work/$name/libsillage_ffi.a" -headers "$work/headers")
}

# The sources come from the library for this Mac, with the same names in it as in all others.
bindings/generate
# In a folder of its own: two frameworks with a module map at the top cannot be in one app.
mkdir -p "$work/headers/sillage_ffiFFI"
cp "$package"/Sources/sillage_ffiFFI/include/{sillage_ffiFFI.h,module.modulemap} "$work/headers/sillage_ffiFFI/"

slice ios aarch64-apple-ios
slice ios-simulator aarch64-apple-ios-sim x86_64-apple-ios
slice ios-catalyst aarch64-apple-ios-macabi x86_64-apple-ios-macabi
slice macos aarch64-apple-darwin x86_64-apple-darwin
slice tvos aarch64-apple-tvos
slice tvos-simulator aarch64-apple-tvos-sim x86_64-apple-tvos
slice watchos aarch64-apple-watchos arm64_32-apple-watchos
slice watchos-simulator aarch64-apple-watchos-sim x86_64-apple-watchos-sim
slice visionos aarch64-apple-visionos
slice visionos-simulator aarch64-apple-visionos-sim
xcodebuild -create-xcframework "${slices[@]}" -output "$framework"

archive=$work/sillage_ffiFFI.xcframework.zip
(cd "$package/Library" && zip -qry "$archive" sillage_ffiFFI.xcframework)
echo "$archive"
swift package --package-path "$package" compute-checksum "$archive"
