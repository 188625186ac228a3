package io.sillage.example

/** Something to buy. */
data class Product(val id: String, val name: String, val cents: Int) {
    /** As Segment's commerce events carry it. */
    val properties get() = mapOf("product_id" to id, "name" to name, "price" to cents / 100.0, "currency" to CURRENCY)
}

const val CURRENCY = "EUR"

val PRODUCTS = listOf(
    Product("sku-1", "Lamp", 8050),
    Product("sku-2", "Chair", 12900),
    Product("sku-3", "Rug", 21000),
    Product("sku-4", "Vase", 3490),
)

/** What the person wants. It lives as long as the process. */
object Cart {
    private val wanted = mutableListOf<Product>()
    val products: List<Product> get() = wanted
    val cents get() = wanted.sumOf { it.cents }

    fun add(product: Product) {
        wanted.add(product)
    }

    fun clear() = wanted.clear()
}

fun price(cents: Int) = "%d.%02d €".format(cents / 100, cents % 100)
