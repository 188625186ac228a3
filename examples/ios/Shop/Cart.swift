import Foundation
import Sillage

/// What the person wants to buy, and what is told of it.
@MainActor
final class Cart: ObservableObject {
    @Published private(set) var lines: [Product: Int] = [:]

    private let sillage: Sillage

    init(sillage: Sillage) {
        self.sillage = sillage
    }

    var count: Int { lines.values.reduce(0, +) }

    var total: Decimal {
        lines.reduce(0) { $0 + $1.key.price * Decimal($1.value) }
    }

    func add(_ product: Product) {
        lines[product, default: 0] += 1
        sillage.track("Product Added", properties: told(product, quantity: 1))
    }

    func remove(_ product: Product) {
        guard let quantity = lines.removeValue(forKey: product) else { return }
        sillage.track("Product Removed", properties: told(product, quantity: quantity))
    }

    /// What must not be lost is known to be on disk before the person is thanked.
    func order() async {
        let products = lines.map { told($0.key, quantity: $0.value) }
        sillage.track(
            "Order Completed",
            properties: ["order_id": UUID(), "revenue": total, "currency": "EUR", "products": products]
        )
        lines = [:]
        await sillage.waitDurable()
    }

    private func told(_ product: Product, quantity: Int) -> [String: Any?] {
        product.properties.merging(["quantity": quantity]) { $1 }
    }
}
