package io.sillage.android

import io.sillage.android.Foreground.Entry
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

class ForegroundTest {
    private val heard = mutableListOf<String>()
    private val foreground =
        Foreground({ heard.add(if (it == Entry.LAUNCH) "launched" else "returned") }, { heard.add("left") })
    private val list = Any()
    private val cart = Any()

    @Test
    fun `one activity over another is no leaving`() {
        foreground.started(list)
        foreground.started(cart)
        foreground.stopped(list, isRecreated = false)
        foreground.started(list)
        foreground.stopped(cart, isRecreated = false)
        assertEquals(listOf("launched"), heard)
    }

    @Test
    fun `the last one that stops is a leaving, and the next start a return`() {
        foreground.started(list)
        foreground.stopped(list, isRecreated = false)
        foreground.started(list)
        assertEquals(listOf("launched", "left", "returned"), heard)
    }

    @Test
    fun `a rotation is no leaving`() {
        foreground.started(list)
        foreground.stopped(list, isRecreated = true)
        foreground.started(Any())
        assertEquals(listOf("launched"), heard)
    }

    @Test
    fun `after a rotation the app can be left`() {
        val turned = Any()
        foreground.started(list)
        foreground.stopped(list, isRecreated = true)
        foreground.started(turned)
        foreground.stopped(turned, isRecreated = false)
        assertEquals(listOf("launched", "left"), heard)
    }

    @Test
    fun `who watches late hears of an activity when it is used`() {
        foreground.used(list)
        foreground.stopped(list, isRecreated = false)
        assertEquals(listOf("launched", "left"), heard)
    }

    @Test
    fun `a stop that nobody saw start changes nothing`() {
        foreground.stopped(list, isRecreated = false)
        foreground.started(cart)
        foreground.stopped(list, isRecreated = false)
        assertEquals(listOf("launched"), heard)
    }
}
