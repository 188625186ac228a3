package io.sillage.android

import android.app.Activity
import android.content.Intent
import android.os.Bundle
import android.view.View
import android.view.ViewGroup
import android.widget.Switch
import android.widget.TextView
import io.sillage.Sillage
import io.sillage.example.Cart
import io.sillage.example.CartActivity
import io.sillage.example.ProductsActivity
import io.sillage.example.ShopApp
import org.junit.Assert.assertEquals
import org.junit.Before
import org.junit.Test
import org.robolectric.Robolectric
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config

/** The example of `examples/android`, used as a person would. */
@Config(application = ShopApp::class)
class ShopTest : SystemTest() {
    private val shop get() = app as ShopApp

    /** As the app begins, but with an address that only this test knows. */
    @Before
    fun begin() {
        Cart.clear()
        forget(0)
        val told = Bundle().apply {
            putString("sillage.endpoint", collector.endpoint)
            putString("sillage.writeKey", "wk_test")
        }
        shadowOf(app.packageManager).getInternalMutablePackageInfo(app.packageName).applicationInfo!!.metaData = told
        shop.onCreate()
    }

    private val Activity.views get() = all(window.decorView)

    private fun all(view: View): List<View> = listOf(view) +
        if (view is ViewGroup) (0 until view.childCount).flatMap { all(view.getChildAt(it)) } else emptyList()

    private fun Activity.click(said: String) = views.first { it is TextView && it.text.startsWith(said) }.performClick()

    @Test
    fun `who agrees is followed from the products to the order`() {
        val list = Robolectric.buildActivity(ProductsActivity::class.java).setup()
        list.get().click("Lamp")
        assertEquals(emptyList<String>(), collector.names)
        list.get().views.filterIsInstance<Switch>().single().performClick()
        list.get().click("Vase")
        list.get().click("Cart")
        assertEquals(CartActivity::class.java.name, shadowOf(app).nextStartedActivity.component?.className)
        list.pause()
        val cart = Robolectric.buildActivity(CartActivity::class.java, Intent()).setup()
        list.stop()
        cart.get().click("Order")
        val names = listOf(
            "Application Installed", "Application Opened", "screen Products", "Product Added", "Product Added",
            "screen Cart", "Order Completed",
        )
        assertEquals(names, delivered())
        assertEquals(115.4, event("Order Completed")["properties"].asJsonObject["total"].asDouble, 1e-9)
    }

    @Test
    fun `who does not agree is not, and leaves no file`() {
        val list = Robolectric.buildActivity(ProductsActivity::class.java).setup()
        list.get().click("Lamp")
        list.pause().stop()
        assertEquals(0L, Sillage.current?.flush(500))
        assertEquals(emptyList<String>(), collector.names)
        assertEquals(emptyList<String>(), app.noBackupFilesDir.list()?.toList())
    }
}
