package io.sillage.android

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

class ScreensTest {
    private val told = mutableListOf<String>()
    private val screens = Screens { told.add(it.name) }

    private fun came(name: String) = screens.came(Screen(name))

    private fun saw(name: String) = screens.saw(Screen(name))

    @Test
    fun `a screen is told each time it comes up`() {
        came("List")
        came("Cart")
        came("List")
        assertEquals(listOf("List", "Cart", "List"), told)
    }

    @Test
    fun `what a rotation draws anew is not told again`() {
        came("Shop")
        saw("List")
        screens.recreating()
        came("Shop")
        saw("List")
        assertEquals(listOf("Shop", "List"), told)
    }

    @Test
    fun `a way back after a rotation is told`() {
        came("Shop")
        saw("List")
        saw("Cart")
        screens.recreating()
        came("Shop")
        saw("Cart")
        saw("List")
        saw("Cart")
        assertEquals(listOf("Shop", "List", "Cart", "List", "Cart"), told)
    }

    @Test
    fun `what shows something else after a rotation is told`() {
        came("Shop")
        saw("List")
        screens.recreating()
        came("Shop")
        saw("Cart")
        saw("List")
        assertEquals(listOf("Shop", "List", "Cart", "List"), told)
    }
}
