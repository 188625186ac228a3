import Sillage
import SwiftUI

/// What there is to buy, and what the shop knows of who looks at it.
struct CatalogView: View {
    @EnvironmentObject private var cart: Cart
    @EnvironmentObject private var visitor: Visitor
    @Environment(\.sillage) private var sillage

    var body: some View {
        List {
            if !visitor.segments.isEmpty {
                Section("You are in") {
                    ForEach(visitor.segments, id: \.self) { Text($0) }
                }
            }
            Section("Chandlery") {
                ForEach(Product.all) { product in
                    row(product)
                }
            }
        }
        .navigationTitle("Shop")
        .trackScreen("Catalog", category: "Shop")
        .task { await visitor.follow() }
    }

    private func row(_ product: Product) -> some View {
        HStack {
            VStack(alignment: .leading) {
                Text(product.name)
                Text(product.shownPrice).foregroundStyle(.secondary)
            }
            Spacer()
            Button("Add") { cart.add(product) }
                .buttonStyle(.bordered)
        }
        .onAppear { sillage?.track("Product Viewed", properties: product.properties) }
    }
}
