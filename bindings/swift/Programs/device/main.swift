// A device that tracks until it is killed or done: `device ENDPOINT FOLDER JOURNAL FIRST MODE`, where MODE is
// `durable`, `soon`, `drain` or `burst:THREADS:EACH`. The write key is in `SILLAGE_WRITE_KEY`.
//
// Event n is of person `p<n>`, so that the collector can say which arrived. The journal gets a line when an event
// is begun and another once `track` has come back (in durable mode: once it is durable).
import Foundation
import Sillage

let arguments = CommandLine.arguments
guard arguments.count == 6, let first = Int(arguments[4]) else {
    FileHandle.standardError.write(Data("device ENDPOINT FOLDER JOURNAL FIRST MODE\n".utf8))
    exit(2)
}
let (endpoint, folder, mode) = (arguments[1], arguments[2], arguments[5])
let heard = Heard()
let sillage = Sillage(writeKey: ProcessInfo.processInfo.environment["SILLAGE_WRITE_KEY"] ?? "") {
    $0.endpoint = endpoint
    $0.folder = URL(fileURLWithPath: folder)
    $0.durable = mode == "durable"
    // Small batches, often: the faults are to meet as many as there can be.
    $0.batchEvents = 10
    $0.batchAgeMs = 100
    $0.onSignal = { heard.hear($0) }
}

func tried(_ number: Int) {
    sillage.track("Tried", properties: ["n": 1], options: Sillage.EventOptions(userId: "p\(number)"))
}

if mode == "drain" {
    // By then it has looked for what others left behind.
    Thread.sleep(forTimeInterval: 2)
    exit(sillage.shutdownBlocking(timeoutMs: 60_000) == 0 ? 0 : 1)
}

if let (threads, events) = Burst.numbers(mode) {
    let burst = Burst(sillage, heard, threads: threads, events: events) { tried(first + $0) }
    print(String(decoding: try JSONEncoder().encode(burst), as: UTF8.self))
    exit(0)
}

let journal = Journal(arguments[3])
var number = first
while true {
    journal.write("begun \(number)")
    tried(number)
    let word = mode != "durable" || sillage.waitDurableBlocking() ? "done" : "unsure"
    journal.write("\(word) \(number)")
    Thread.sleep(forTimeInterval: 0.002)
    number += 1
}
