// What a call costs: `cost ENDPOINT`, a collector or a stub that takes all. Prints percentiles in microseconds.
import Foundation
import Sillage

guard CommandLine.arguments.count == 2 else {
    FileHandle.standardError.write(Data("cost ENDPOINT\n".utf8))
    exit(2)
}
let sillage = Sillage(writeKey: ProcessInfo.processInfo.environment["SILLAGE_WRITE_KEY"] ?? "") {
    $0.endpoint = CommandLine.arguments[1]
    $0.folder = nil
}

/// Calls one by one, fifty and then a pause, so that queues do not fill and nothing is sampled.
func measure(_ calls: Int) -> [UInt64] {
    var taken: [UInt64] = []
    taken.reserveCapacity(calls)
    for call in 0..<calls {
        let start = DispatchTime.now().uptimeNanoseconds
        sillage.track(
            "Product Viewed",
            properties: ["product_id": "sku-1", "price": 80.5, "currency": "EUR", "quantity": 2]
        )
        taken.append(DispatchTime.now().uptimeNanoseconds - start)
        if call % 50 == 49 { Thread.sleep(forTimeInterval: 0.001) }
    }
    return taken.sorted()
}

_ = measure(20_000)
let taken = measure(20_000)
let (middle, late) = (taken[taken.count / 2], taken[taken.count * 99 / 100])
print("{\"p50_us\":\(Double(middle) / 1_000),\"p99_us\":\(Double(late) / 1_000)}")
sillage.shutdownBlocking()
