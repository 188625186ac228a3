import Foundation
#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A server of HTTP on a free port of this machine, that answers as it is told and remembers what it was asked.
final class StubServer: @unchecked Sendable {
    struct Request {
        let path: String
        let headers: [String: String]
        let body: Data

        /// The batch that it carries.
        var batch: Parsed { (try? Parsed(String(decoding: body, as: UTF8.self))) ?? .null }
        /// Its events.
        var events: [Parsed] { batch["batch"]?.elements ?? [] }
    }

    struct Answer {
        var status = 200
        var headers: [String: String] = ["Content-Type": "application/json"]
        var body = Data()

        /// As a collector answers that takes all.
        static func taken(_ request: Request, segments: [String]? = nil) -> Answer {
            var members: [String: Parsed] = [
                "success": .bool(true), "accepted": .number("\(request.events.count)"),
                "duplicates": .number("0"), "rejected": .array([]),
                "batchId": request.batch["sillage"]?["batchId"] ?? .null,
            ]
            if let segments = segments { members["segments"] = .array(segments.map { .string($0) }) }
            return Answer(body: Data(Parsed.object(members).json.utf8))
        }
    }

    /// `nil` closes the connection without a word.
    typealias Behaviour = @Sendable (Request) -> Answer?

    private let lock = NSLock()
    private let listener: Int32
    private var heard: [Request] = []
    private var behaviour: Behaviour
    let port: UInt16

    init(_ behaviour: @escaping Behaviour = { Answer.taken($0) }) throws {
        self.behaviour = behaviour
        #if canImport(Glibc)
        let stream = Int32(SOCK_STREAM.rawValue)
        #else
        let stream = SOCK_STREAM
        #endif
        let listener = socket(AF_INET, stream, 0)
        self.listener = listener
        port = try StubServer.listen(listener)
        Thread { [weak self] in
            while true {
                let connection = accept(listener, nil, nil)
                guard connection >= 0, let server = self else { return }
                Thread { server.serve(connection) }.start()
            }
        }.start()
    }

    deinit {
        // Wakes who waits in `accept`.
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    var endpoint: String { "http://127.0.0.1:\(port)" }

    var requests: [Request] {
        lock.lock()
        defer { lock.unlock() }
        return heard
    }

    /// All events so far.
    var events: [Parsed] { requests.flatMap { $0.events } }

    func answer(_ behaviour: @escaping Behaviour) {
        lock.lock()
        defer { lock.unlock() }
        self.behaviour = behaviour
    }

    private static func listen(_ listener: Int32) throws -> UInt16 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(listener, address, length) == 0 && getsockname(listener, address, &length) == 0
            }
        }
        guard isBound, systemListen(listener, 16) == 0 else { throw NoPort() }
        return UInt16(bigEndian: address.sin_port)
    }

    private func serve(_ connection: Int32) {
        defer { close(connection) }
        #if canImport(Darwin)
        var on: Int32 = 1
        setsockopt(connection, SOL_SOCKET, SO_NOSIGPIPE, &on, socklen_t(MemoryLayout<Int32>.size))
        #endif
        guard let request = read(connection) else { return }
        lock.lock()
        heard.append(request)
        let behaviour = self.behaviour
        lock.unlock()
        guard let answer = behaviour(request) else { return }
        var head = "HTTP/1.1 \(answer.status) Stub\r\nConnection: close\r\nContent-Length: \(answer.body.count)\r\n"
        for (name, value) in answer.headers { head += "\(name): \(value)\r\n" }
        write(Data((head + "\r\n").utf8) + answer.body, connection)
    }

    private func read(_ connection: Int32) -> Request? {
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65_536)
        while true {
            if let request = StubServer.request(bytes) { return request }
            let count = recv(connection, &piece, piece.count, 0)
            guard count > 0 else { return nil }
            bytes += piece[0..<count]
        }
    }

    /// `nil` until all of it is there.
    private static func request(_ bytes: [UInt8]) -> Request? {
        let end = Array("\r\n\r\n".utf8)
        guard let start = bytes.indices.first(where: { bytes[$0...].starts(with: end) }) else { return nil }
        let lines = String(decoding: bytes[..<start], as: UTF8.self).components(separatedBy: "\r\n")
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { continue }
            headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
        }
        let body = bytes[(start + end.count)...]
        guard body.count >= Int(headers["content-length"] ?? "0") ?? 0 else { return nil }
        let path = (lines.first ?? "").split(separator: " ").map(String.init)
        return Request(path: path.count > 1 ? path[1] : "", headers: headers, body: Data(body))
    }

    private func write(_ data: Data, _ connection: Int32) {
        #if canImport(Darwin)
        let flags: Int32 = 0
        #else
        let flags = Int32(MSG_NOSIGNAL)
        #endif
        let bytes = [UInt8](data)
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes { send(connection, $0.baseAddress, $0.count, flags) }
            guard count > 0 else { return }
            sent += count
        }
    }
}

struct NoPort: Error {}

/// A port of this machine on which nobody listens.
func closedPort() throws -> UInt16 {
    let server = try StubServer()
    return server.port
}

private func systemListen(_ listener: Int32, _ backlog: Int32) -> Int32 {
    listen(listener, backlog)
}

/// Looks again and again, for 10 s at most.
func until(_ isSo: () -> Bool) -> Bool {
    let deadline = Date().addingTimeInterval(10)
    while Date() < deadline {
        if isSo() { return true }
        usleep(2_000)
    }
    return isSo()
}
