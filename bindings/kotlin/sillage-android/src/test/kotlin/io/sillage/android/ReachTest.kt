package io.sillage.android

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

class ReachTest {
    private val told = mutableListOf<Boolean>()
    private val reach = Reach { told.add(it) }

    @Test
    fun `while there is a network from the start nothing is told`() {
        reach.only("wifi")
        assertEquals(emptyList<Boolean>(), told)
    }

    @Test
    fun `without a network at the start that is told at once`() {
        reach.none()
        reach.only("wifi")
        assertEquals(listOf(false, true), told)
    }

    @Test
    fun `a change of the default network is no loss, whenever the old one goes`() {
        reach.only("wifi")
        reach.only("cell")
        reach.lost("wifi")
        assertEquals(emptyList<Boolean>(), told)
        reach.lost("cell")
        assertEquals(listOf(false), told)
    }

    @Test
    fun `of many networks the last one counts`() {
        reach.also("wifi")
        reach.also("cell")
        reach.lost("wifi")
        assertEquals(emptyList<Boolean>(), told)
        reach.lost("cell")
        reach.also("wifi")
        assertEquals(listOf(false, true), told)
    }

    @Test
    fun `a network that the app may not use is none`() {
        reach.only("cell")
        reach.blocked("cell", true)
        reach.blocked("cell", false)
        assertEquals(listOf(false, true), told)
    }

    @Test
    fun `a block ends with its network`() {
        reach.only("cell")
        reach.blocked("cell", true)
        reach.lost("cell")
        reach.only("cell")
        assertEquals(listOf(false, true), told)
    }

    @Test
    fun `a block of the old network does not follow to the new one`() {
        reach.only("cell")
        reach.blocked("cell", true)
        reach.only("wifi")
        assertEquals(listOf(false, true), told)
    }
}
