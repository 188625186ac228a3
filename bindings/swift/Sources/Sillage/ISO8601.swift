import Foundation

/// Moments as text: `2026-11-22T10:00:00.000Z`. By the rules of the calendar alone, so that no locale or
/// formatter of the app's changes it.
enum ISO8601 {
    static func text(_ date: Date) -> String {
        let (days, ofDay) = floorDivide(milliseconds(date), by: 86_400_000)
        let (year, month, day) = civil(days)
        let (minutes, ofMinute) = (ofDay / 60_000, ofDay % 60_000)
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))T"
            + "\(padded(minutes / 60, 2)):\(padded(minutes % 60, 2)):"
            + "\(padded(ofMinute / 1_000, 2)).\(padded(ofMinute % 1_000, 3))Z"
    }

    /// Since 1970. What no calendar reaches is cut to the years 1 to 9999.
    static func milliseconds(_ date: Date) -> Int64 {
        let (first, last) = (-62_135_596_800_000.0, 253_402_300_799_999.0)
        let exact = (date.timeIntervalSince1970 * 1_000).rounded()
        return Int64(exact.isNaN ? 0 : min(max(exact, first), last))
    }

    /// Year, month and day of a day since 1970, by Howard Hinnant's reckoning in eras of 400 years that begin
    /// in March, so that a leap day is the last of its year.
    private static func civil(_ days: Int64) -> (Int64, Int64, Int64) {
        let (era, ofEra) = floorDivide(days + 719_468, by: 146_097)
        let yearOfEra = (ofEra - ofEra / 1_460 + ofEra / 36_524 - ofEra / 146_096) / 365
        let dayOfYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let fromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * fromMarch + 2) / 5 + 1
        let month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }

    private static func floorDivide(_ value: Int64, by divisor: Int64) -> (Int64, Int64) {
        let remainder = ((value % divisor) + divisor) % divisor
        return ((value - remainder) / divisor, remainder)
    }

    private static func padded(_ value: Int64, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
