import Foundation
import Sillage

/// The one client of the app.
enum Tracking {
    /// The category of consent that every event needs.
    static let category = "analytics"

    static let sillage = Sillage(writeKey: word("SillageWriteKey") ?? "wk_shop") { settings in
        settings.endpoint = word("SillageEndpoint") ?? settings.endpoint
        // Until the person has chosen, events wait in memory, and nothing is written.
        settings.consentRequired = [category]
        settings.backgroundUploads = true
    }

    private static func word(_ key: String) -> String? {
        Bundle.main.object(forInfoDictionaryKey: key) as? String
    }
}
