package io.sillage.android

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Test

class ScreenNamesTest {
    private class CartActivity

    private class Activity

    @ScreenName("Product List")
    private class ListActivity

    @ScreenName("")
    private class HostActivity

    private class ProductActivity(override val screenName: String?) : NamedScreen {
        override val screenProperties = mapOf("product_id" to "sku-1")
    }

    private fun named(self: Any, label: String? = null) = ActivityTraits(self.javaClass, self) { label }.screen()

    @Test
    fun `a class is called by its name`() {
        assertEquals(Screen("Cart"), named(CartActivity()))
        assertEquals(Screen("Activity"), named(Activity()))
    }

    @Test
    fun `the manifest's label goes before the class`() =
        assertEquals(Screen("Your cart"), named(CartActivity(), "Your cart"))

    @Test
    fun `the annotation goes before the label`() = assertEquals(Screen("Product List"), named(ListActivity(), "Shop"))

    @Test
    fun `an empty annotation means no screen`() = assertNull(named(HostActivity(), "Shop"))

    @Test
    fun `an activity's own word goes before all`() {
        assertEquals(Screen("Product", mapOf("product_id" to "sku-1")), named(ProductActivity("Product"), "Shop"))
        assertNull(named(ProductActivity(null), "Shop"))
    }
}
