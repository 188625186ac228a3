import Foundation

/// Lines that are there when the process is killed: each is one write of the system's. `-` keeps none.
struct Journal {
    private let file: FileHandle?

    init(_ path: String) {
        guard path != "-" else {
            file = nil
            return
        }
        if !FileManager.default.fileExists(atPath: path) {
            FileManager.default.createFile(atPath: path, contents: nil)
        }
        file = FileHandle(forWritingAtPath: path)
        file?.seekToEndOfFile()
    }

    func write(_ line: String) {
        file?.write(Data((line + "\n").utf8))
    }
}
