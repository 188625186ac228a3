package io.sillage.example

import android.app.Activity
import android.content.Intent
import android.os.Bundle
import android.widget.LinearLayout
import android.widget.Switch
import android.widget.TextView
import io.sillage.Sillage
import io.sillage.android.ScreenName
import io.sillage.android.current
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.MainScope
import kotlinx.coroutines.cancel
import kotlinx.coroutines.launch

/** What there is, the person's choice, and what the collector makes of the person. */
@ScreenName("Products")
class ProductsActivity : Activity() {
    private lateinit var segments: TextView
    private var shown: CoroutineScope? = null

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        column {
            consent()
            segments = text("")
            for (product in PRODUCTS) button("${product.name}, ${price(product.cents)}") { add(product) }
            button("Cart") { startActivity(Intent(context, CartActivity::class.java)) }
        }
    }

    override fun onStart() {
        super.onStart()
        shown = MainScope().apply {
            launch {
                Sillage.current?.segments?.collect { now ->
                    segments.text = "Segments: ${now.joinToString().ifEmpty { "none" }}"
                }
            }
        }
    }

    override fun onStop() {
        shown?.cancel()
        super.onStop()
    }

    private fun add(product: Product) {
        Cart.add(product)
        Sillage.current?.track("Product Added", product.properties + ("quantity" to 1))
    }

    private fun LinearLayout.consent() {
        val app = application as ShopApp
        val switch = Switch(context).apply { text = "Analytics" }
        switch.isChecked = app.isGranted
        switch.setOnCheckedChangeListener { _, granted -> app.isGranted = granted }
        addView(switch)
    }
}
