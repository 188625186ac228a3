// swift-tools-version:5.9
import PackageDescription

// Programs for measurements and for tests from outside; on a Mac or on Linux.
let package = Package(
    name: "Programs",
    platforms: [.macOS(.v10_15)],
    dependencies: [.package(name: "Sillage", path: "..")],
    targets: [
        .executableTarget(name: "device", dependencies: ["Sillage"], path: "device"),
        .executableTarget(name: "cost", dependencies: ["Sillage"], path: "cost"),
    ]
)
