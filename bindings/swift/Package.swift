// swift-tools-version:5.9
import Foundation
import PackageDescription

// The native library is built before the package: on a Mac by `build-xcframework.sh`, elsewhere by
// `bindings/generate`. Both write the generated target `SillageFFI` beside the target that is kept here.
#if canImport(Darwin)
let module = Target.binaryTarget(name: "sillage_ffiFFI", path: "Library/sillage_ffiFFI.xcframework")
let native: [LinkerSetting] = []
#else
let module = Target.systemLibrary(name: "sillage_ffiFFI", path: "Sources/sillage_ffiFFI/include")
let native: [LinkerSetting] = {
    let ours = Context.packageDirectory + "/Library"
    let isThere = FileManager.default.fileExists(atPath: ours)
    let library = LinkerSetting.linkedLibrary("sillage_ffi")
    // Without a folder it is where the linker looks by itself; packages of a version may not name one.
    guard let folder = Context.environment["SILLAGE_LIBRARY"] ?? (isThere ? ours : nil) else { return [library] }
    return [.unsafeFlags(["-L\(folder)", "-Xlinker", "-rpath", "-Xlinker", folder]), library]
}()
#endif

let package = Package(
    name: "Sillage",
    platforms: [
        .iOS(.v13), .macCatalyst(.v13), .macOS(.v10_15), .tvOS(.v13), .watchOS(.v6), .visionOS(.v1),
    ],
    products: [
        .library(name: "Sillage", targets: ["Sillage"])
    ],
    targets: [
        module,
        .target(name: "SillageFFI", dependencies: ["sillage_ffiFFI"], linkerSettings: native),
        .target(
            name: "Sillage",
            dependencies: ["SillageFFI"],
            resources: [.copy("PrivacyInfo.xcprivacy")]
        ),
        .testTarget(name: "SillageTests", dependencies: ["Sillage", "SillageFFI"]),
    ]
)
