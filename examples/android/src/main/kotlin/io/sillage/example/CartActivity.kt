package io.sillage.example

import android.app.Activity
import android.os.Bundle
import io.sillage.Sillage
import io.sillage.android.NamedScreen
import io.sillage.android.current
import java.util.UUID

/** What the person wants, and the order. */
class CartActivity : Activity(), NamedScreen {
    override val screenName = "Cart"
    override val screenProperties get() = mapOf("products" to Cart.products.size)

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        column {
            for (product in Cart.products) text("${product.name}, ${price(product.cents)}")
            text("Total: ${price(Cart.cents)}")
            button("Order") { order() }.isEnabled = Cart.products.isNotEmpty()
        }
    }

    private fun order() {
        val order = mapOf(
            "order_id" to UUID.randomUUID(),
            "total" to Cart.cents / 100.0,
            "currency" to CURRENCY,
            "products" to Cart.products.map { it.properties },
        )
        Sillage.current?.track("Order Completed", order)
        Cart.clear()
        finish()
    }
}
