import Foundation

/// Something to buy.
struct Product: Identifiable, Hashable {
    let id: String
    let name: String
    let category: String
    let price: Decimal

    static let all = [
        Product(id: "sku-1", name: "Rope, 10 m", category: "Deck", price: 12),
        Product(id: "sku-2", name: "Compass", category: "Navigation", price: Decimal(string: "80.5") ?? 80),
        Product(id: "sku-3", name: "Oilskin", category: "Clothes", price: Decimal(string: "249.9") ?? 250),
        Product(id: "sku-4", name: "Lantern", category: "Deck", price: 34),
    ]

    /// As Segment's specification of commerce names it.
    var properties: [String: Any?] {
        ["product_id": id, "name": name, "category": category, "price": price, "currency": "EUR"]
    }

    var shownPrice: String {
        price.formatted(.currency(code: "EUR"))
    }
}
