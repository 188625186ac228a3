@file:OptIn(HostApi::class)

package io.sillage

import io.sillage.testing.Stub
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.util.concurrent.ArrayBlockingQueue
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.Executor
import java.util.concurrent.RejectedExecutionException
import kotlin.concurrent.thread

class StartElsewhereTest {
    private val signals = CopyOnWriteArrayList<Signal>()
    private val started = ArrayBlockingQueue<Runnable>(1)

    private fun client(endpoint: String, more: Settings.() -> Unit = {}) = Sillage.init("wk_test") {
        this.endpoint = endpoint
        onSignal = signals::add
        startOn = Executor(started::add)
        more()
    }

    @Test
    fun `calls before the start are given in order, with the times at which they were made`() {
        Stub().use { stub ->
            val sillage = client(stub.endpoint)
            sillage.identify("u-1")
            val before = System.currentTimeMillis()
            sillage.track("First", mapOf("n" to 1))
            sillage.track("Second", options = EventOptions(timestamp = java.util.Date(1_795_341_600_000)))
            val after = System.currentTimeMillis()
            assertEquals(listOf("", ""), listOf(sillage.userId, sillage.anonymousId))
            assertEquals(0, stub.requests.size)
            Thread.sleep(20)
            started.take().run()
            sillage.track("Third")
            assertEquals("u-1", sillage.userId)
            assertEquals(0, sillage.flush())
            assertEquals(4, sillage.ledger.acknowledged)
            val events = stub.events
            val names = events.map { (it["event"] ?: it["type"]).asString }
            assertEquals(listOf("identify", "First", "Second", "Third"), names)
            val first = java.time.Instant.parse(events[1]["timestamp"].asString).toEpochMilli()
            assertTrue(first in before..after, "$first in $before..$after")
            assertEquals("2026-11-22T10:00:00.000Z", events[2]["timestamp"].asString)
            sillage.close()
        }
    }

    @Test
    fun `what waits for delivery waits for the start as long as it may`() {
        Stub().use { stub ->
            val sillage = client(stub.endpoint)
            sillage.track("Waits")
            assertEquals(1, sillage.flush(10))
            val start = thread { started.take().run() }
            assertEquals(0, sillage.flush(10_000))
            start.join()
            assertEquals(1, stub.events.size)
            sillage.close()
        }
    }

    @Test
    fun `so many calls may wait, and more are counted`() {
        Stub().use { stub ->
            val sillage = client(stub.endpoint)
            repeat(1_010) { sillage.track("Many") }
            started.take().run()
            assertEquals(0, sillage.flush())
            val dropped = mapOf("waiting_full" to 10L)
            assertEquals(Ledger(created = 1_010, acknowledged = 1_000, dropped = dropped), sillage.ledger)
            assertTrue(Signal.Dropped("waiting_full", 10) in signals)
            sillage.close()
        }
    }

    @Test
    fun `one that is ended before it has started ends once it has`() {
        Stub().use { stub ->
            val sillage = client(stub.endpoint)
            sillage.track("Before")
            assertEquals(1, sillage.shutdown(0))
            sillage.track("After")
            started.take().run()
            sillage.track("Later")
            assertEquals(1L - stub.events.size, sillage.flush(1_000), "what was tracked before, unless it has arrived")
            assertFalse(stub.events.any { it["event"].asString != "Before" })
        }
    }

    @Test
    fun `an executor that takes nothing leaves tracking silent`() {
        val sillage = client("http://127.0.0.1:9") {
            log = { _, _ -> }
            startOn = Executor { throw RejectedExecutionException() }
        }
        sillage.track("Into nothing")
        assertEquals(0, sillage.flush())
        assertEquals(listOf<Signal>(Signal.Disabled), signals.toList())
    }
}
