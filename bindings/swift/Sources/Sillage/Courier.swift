import Foundation
import SillageFFI
#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// One batch on its way.
struct Parcel {
    /// Which, for its client.
    let id: UInt64
    let request: URLRequest
    let body: Data
}

/// Carries batches to the collector and answers back.
protocol Courier: AnyObject {
    /// Comes back at once; `done` is called once, from any thread.
    func send(_ parcel: Parcel, done: @escaping @Sendable (Reply) -> Void)

    /// Nothing more will be sent.
    func end()
}

extension Parcel {
    /// `nil` if the address is none.
    init?(id: UInt64, url: String, headers: [Header], body: Data) {
        guard let address = URL(string: url) else { return nil }
        var request = URLRequest(url: address)
        request.httpMethod = "POST"
        for header in headers {
            request.setValue(header.value, forHTTPHeaderField: header.name)
        }
        self.init(id: id, request: request, body: body)
    }
}
