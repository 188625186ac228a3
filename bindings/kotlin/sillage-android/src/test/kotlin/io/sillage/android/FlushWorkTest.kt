package io.sillage.android

import io.sillage.android.FlushWorker.Companion.TRIES_MAX
import io.sillage.android.FlushWorker.Companion.verdict
import io.sillage.android.FlushWorker.Verdict
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

class FlushWorkTest {
    private var pending = 0L
    private var asked = 0
    private val work = FlushWork({ pending }) { asked += 1 }

    @Test
    fun `an app that is left with nothing to deliver asks for no work`() {
        work.left()
        assertEquals(0, asked)
    }

    @Test
    fun `an app that is left with events asks each time`() {
        pending = 3
        work.left()
        work.left()
        assertEquals(2, asked)
    }

    @Test
    fun `a work is done when nothing is pending, and tried again otherwise, but not for ever`() {
        assertEquals(Verdict.DONE, verdict(pending = 0, triesBefore = 0))
        assertEquals(Verdict.AGAIN, verdict(pending = 1, triesBefore = 0))
        assertEquals(Verdict.AGAIN, verdict(pending = 1, triesBefore = TRIES_MAX - 2))
        assertEquals(Verdict.DONE, verdict(pending = 1, triesBefore = TRIES_MAX - 1))
    }

    @Test
    fun `a work flushes once, and then only waits`() {
        val flushed = mutableListOf<Long>()
        val left = ArrayDeque(listOf(2L, 1L, 0L))
        val pending = FlushWorker.deliver({ flushed.add(it); 3 }, left::removeFirst) { false }
        assertEquals(0, pending)
        assertEquals(1, flushed.size)
    }

    @Test
    fun `a work ends when the system wants it to`() {
        var asked = 0
        assertEquals(3, FlushWorker.deliver({ 3 }, { 3 }) { ++asked > 2 })
    }
}
