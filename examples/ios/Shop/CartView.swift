import Sillage
import SwiftUI

/// What is in the cart, and whether the person wants to be tracked.
struct CartView: View {
    @EnvironmentObject private var cart: Cart
    @EnvironmentObject private var visitor: Visitor

    var body: some View {
        List {
            Section {
                if cart.lines.isEmpty {
                    Text("Nothing yet").foregroundStyle(.secondary)
                }
                ForEach(Product.all.filter { cart.lines[$0] != nil }) { product in
                    LabeledContent(product.name, value: "\(cart.lines[product] ?? 0) × \(product.shownPrice)")
                        .swipeActions {
                            Button("Remove", role: .destructive) { cart.remove(product) }
                        }
                }
            }
            Section {
                LabeledContent("Total", value: cart.total.formatted(.currency(code: "EUR")))
                Button("Order") {
                    Task { await cart.order() }
                }
                .disabled(cart.lines.isEmpty)
            }
            Section {
                Toggle("Help us to know what you like", isOn: consent)
            } footer: {
                Text("Without your consent nothing is kept on this device or sent.")
            }
        }
        .navigationTitle("Cart")
        .trackScreen("Cart", properties: ["items": cart.count], category: "Shop")
    }

    private var consent: Binding<Bool> {
        Binding(get: { visitor.isTracked }, set: { visitor.choose($0) })
    }
}
