package io.sillage

import com.google.gson.JsonObject
import com.google.gson.JsonPrimitive
import io.sillage.testing.Answer
import io.sillage.testing.Sockets
import io.sillage.testing.Stub
import io.sillage.testing.until
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.io.File
import java.util.Date
import java.util.Locale
import java.util.TimeZone
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.CountDownLatch
import kotlin.concurrent.thread

class DeliveryTest {
    private val signals = CopyOnWriteArrayList<Signal>()

    private fun client(endpoint: String, more: Settings.() -> Unit = {}) = Sillage.init("wk_test") {
        this.endpoint = endpoint
        onSignal = signals::add
        more()
    }

    private operator fun JsonObject.get(vararg path: String) =
        path.fold(this as com.google.gson.JsonElement?) { part, name -> part?.asJsonObject?.get(name) }

    @Test
    fun `each call arrives as what it is`() {
        Stub().use { stub ->
            client(stub.endpoint).use { sillage ->
                sillage.track("Product Viewed", mapOf("price" to 80.5))
                sillage.track("Bare")
                sillage.page("Home", mapOf("a" to 1), "Shop")
                sillage.screen("Cart")
                sillage.group("g-1", mapOf("plan" to "pro"))
                sillage.identify("u-1", mapOf("name" to "Ada 😀"))
                sillage.alias("u-2")
                assertEquals("u-2", sillage.userId)
                val anonymousId = sillage.anonymousId
                sillage.reset()
                sillage.track("After")
                assertEquals("", sillage.userId)
                assertNotEquals(anonymousId, sillage.anonymousId)
                assertEquals(0, sillage.flush())
                assertEquals(Ledger(created = 8, acknowledged = 8), sillage.ledger)
            }
            val events = stub.events
            assertEquals(
                listOf("track", "track", "page", "screen", "group", "identify", "alias", "track"),
                events.map { it["type"].asString },
            )
            assertEquals("""{"price":80.5}""", events[0]["properties"].toString())
            assertFalse(events[1].has("properties"))
            assertEquals(listOf("Home", "Shop"), listOf(events[2]["name"].asString, events[2]["category"].asString))
            assertEquals("""{"plan":"pro"}""", events[4]["traits"].toString())
            assertEquals("Ada 😀", events[5]["traits", "name"]!!.asString)
            val request = stub.requests.first()
            assertEquals("/v1/batch", request.path)
            assertEquals("wk_test", request.headers["x-write-key"])
            assertEquals("sillage-kotlin/$VERSION", request.headers["user-agent"])
        }
        until("all signals") { true.takeIf { signals.filterIsInstance<Signal.Delivered>().sumOf { it.count } == 8 } }
    }

    @Test
    fun `the context says who speaks and where, and a new one keeps library, os and app`() {
        Stub().use { stub ->
            client(stub.endpoint) { app = "shop"; appVersion = "2.4.0" }.use { sillage ->
                sillage.track("First")
                sillage.flush()
                sillage.context(mapOf("campaign" to mapOf("name" to "spring"), "library" to "mine", "app" to 7, "timezone" to "Mars"))
                sillage.track("Second", options = EventOptions(context = mapOf("page" to mapOf("path" to "/a"))))
                sillage.flush()
            }
            val (first, second) = stub.requests.map { it.body["context"].asJsonObject }
            val library = """{"name":"sillage-kotlin","version":"$VERSION"}"""
            for (context in listOf(first, second)) {
                assertEquals(library, context["library"].toString())
                assertEquals("""{"name":"shop","version":"2.4.0"}""", context["app"].toString())
                assertEquals(System.getProperty("os.name"), context["os", "name"]!!.asString)
            }
            assertEquals(Locale.getDefault().toLanguageTag(), first["locale"].asString)
            assertEquals(TimeZone.getDefault().id, first["timezone"].asString)
            assertEquals(first["locale"], second["locale"], "what is known here stays")
            assertEquals("Mars", second["timezone"].asString, "the app knows better")
            assertEquals("spring", second["campaign", "name"]!!.asString)
            assertEquals("/a", stub.events[1]["context", "page", "path"]!!.asString)
        }
    }

    @Test
    fun `a server speaks of many, at other times, with ids of its own`() {
        Stub().use { stub ->
            client(stub.endpoint).use { sillage ->
                val options = EventOptions(
                    userId = "u-7",
                    timestamp = Date(1_795_341_600_000),
                    messageId = "01a202b2-c500-7202-8181-818181810203",
                )
                sillage.track("Order Completed", mapOf("total" to 9), options)
                sillage.track("Seen", options = EventOptions(anonymousId = "a-7"))
                sillage.track("Own")
                sillage.flush()
            }
            val (order, seen, own) = stub.events
            assertEquals("u-7", order["userId"].asString)
            assertEquals("2026-11-22T10:00:00.000Z", order["timestamp"].asString)
            assertEquals("01a202b2-c500-7202-8181-818181810203", order["messageId"].asString)
            assertEquals("a-7", seen["anonymousId"].asString)
            assertFalse(own.has("userId"))
        }
    }

    @Test
    fun `what was sent into a broken connection is sent again and counts once`() {
        val collector = Stub()
        val port = collector.endpoint.substringAfterLast(':').toInt()
        Sockets { connection, socket ->
            // The first three are broken: before a byte, in the middle, and after all was read.
            if (connection < 3) {
                if (connection > 0) socket.getInputStream().readNBytes(connection * 50)
            } else {
                java.net.Socket("127.0.0.1", port).use { onward ->
                    val back = onward.getInputStream()
                    thread(isDaemon = true) { runCatching { back.transferTo(socket.getOutputStream()) } }
                    socket.getInputStream().transferTo(onward.getOutputStream())
                }
            }
        }.use { proxy ->
            client(proxy.endpoint).use { sillage ->
                sillage.track("Tried")
                assertEquals(0, sillage.flush(20_000))
                assertEquals(Ledger(created = 1, acknowledged = 1), sillage.ledger)
            }
            assertTrue(proxy.connections.get() >= 4)
            assertEquals(1, collector.events.map { it["messageId"] }.distinct().size)
        }
        collector.close()
    }

    @Test
    fun `what answers and is no collector changes nothing`() {
        val portal = "<html>Please log in</html>".toByteArray()
        val foreign = listOf(
            Answer(200, portal, mapOf("content-type" to "text/html")),
            Answer(302, ByteArray(0), mapOf("location" to "http://127.0.0.1:9/login")),
            Answer(200, """{"success":true}""".toByteArray()),
            Answer(200, ByteArray(300 * 1024) { ' '.code.toByte() }),
        )
        for (answer in foreign) {
            signals.clear()
            Stub { answer }.use { stub ->
                val sillage = client(stub.endpoint)
                sillage.track("Kept")
                assertEquals(1, sillage.flush(300), "${answer.status}")
                until("the signal") { signals.filterIsInstance<Signal.ForeignAnswer>().firstOrNull() }
                assertEquals(Signal.ForeignAnswer(answer.status), signals.first { it is Signal.ForeignAnswer })
                assertEquals(1, sillage.shutdown(0))
                assertTrue(stub.requests.all { it.path == "/v1/batch" })
            }
        }
    }

    @Test
    fun `nothing leaves before consent, and what is refused is given up`() {
        Stub().use { stub ->
            val names = { stub.events.map { it["event"].asString }.toSet() }
            val rules: Settings.() -> Unit = {
                consentRequired = listOf("analytics")
                consentByEvent = mapOf("Free" to listOf())
            }
            client(stub.endpoint, rules).use {
                it.track("Early")
                it.flush(500)
                assertEquals(setOf<String>(), names())
                it.consent(mapOf("analytics" to true))
                it.track("Granted")
                it.flush()
                assertEquals(setOf("Early", "Granted"), names())
                it.consent(mapOf("analytics" to false))
                it.track("Denied")
                it.track("Free")
                it.flush()
                assertEquals(setOf("Early", "Granted", "Free"), names())
                assertEquals(mapOf("consent_denied" to 1L), it.ledger.dropped)
            }
        }
    }

    @Test
    fun `privacy signals are told, or obeyed`() {
        Stub().use { stub ->
            client(stub.endpoint) { gpc = PrivacySignal.DENY }.use {
                it.privacy(gpc = true)
                it.track("Unwanted")
                it.flush()
                assertEquals(0, it.ledger.pending)
            }
            assertEquals(0, stub.events.size)
        }
    }

    @Test
    fun `segments of the answers are a flow, also after a restart without a network`(@TempDir folder: File) {
        Stub { Stub.accepted(it, "segments" to listOf("buyers", "ada")) }.use { stub ->
            client(stub.endpoint) { this.folder = folder }.use { sillage ->
                assertEquals(listOf<String>(), sillage.segments.value)
                sillage.track("Bought")
                sillage.flush()
                runBlocking { withTimeout(10_000) { sillage.segments.first { it == listOf("ada", "buyers") } } }
            }
        }
        client("http://127.0.0.1:9") { this.folder = folder }.use {
            assertEquals(listOf("ada", "buyers"), it.segments.value)
        }
    }

    @Test
    fun `what is not delivered survives on disk`(@TempDir folder: File) {
        val first = client("http://127.0.0.1:9") { this.folder = folder; durable = true }
        first.track("Kept")
        assertTrue(first.waitDurable())
        assertEquals(1, first.shutdown(0))
        Stub().use { stub ->
            client(stub.endpoint) { this.folder = folder }.use { assertEquals(0, it.flush()) }
            assertEquals("Kept", stub.events.single()["event"].asString)
        }
    }

    @Test
    fun `a listener that throws or waits for its own thread harms nobody`() {
        Stub().use { stub ->
            lateinit var sillage: Sillage
            val heard = CountDownLatch(3)
            sillage = Sillage.init("wk_test") {
                endpoint = stub.endpoint
                onSignal = {
                    heard.countDown()
                    sillage.flush(60_000)
                    error("a listener")
                }
            }
            repeat(3) {
                sillage.track("Heard")
                sillage.flush()
            }
            assertTrue(heard.await(10, java.util.concurrent.TimeUnit.SECONDS))
            assertEquals(3, sillage.ledger.acknowledged)
            sillage.close()
        }
    }

    @Test
    fun `fifty threads lose nothing`() {
        Stub().use { stub ->
            client(stub.endpoint) { batchEvents = 100 }.use { sillage ->
                val threads = List(50) { thread ->
                    thread {
                        repeat(100) {
                            sillage.track("Many", mapOf("thread" to thread, "n" to it, "text" to "é".repeat(it)))
                        }
                    }
                }
                threads.forEach(Thread::join)
                assertEquals(0, sillage.flush(30_000))
                assertEquals(Ledger(created = 5_000, acknowledged = 5_000), sillage.ledger)
            }
            val seen = stub.events.map { it["properties", "thread"]!!.asInt to it["properties", "n"]!!.asInt }
            assertEquals(5_000, seen.toSet().size)
            assertTrue(stub.events.all { it["properties", "text"]!!.asString.length == it["properties", "n"]!!.asInt })
        }
    }

    @Test
    fun `an event that is too large is counted, and its neighbours arrive`() {
        Stub().use { stub ->
            client(stub.endpoint).use { sillage ->
                sillage.track("Before")
                sillage.track("Large", mapOf("x" to "x".repeat(100_000)))
                var wide: Any? = "leaf"
                repeat(60) { wide = listOf(wide, wide) }
                sillage.track("Endless", mapOf("wide" to wide))
                sillage.track("After")
                sillage.flush()
                assertEquals(Ledger(created = 4, acknowledged = 2, dropped = mapOf("too_large" to 2)), sillage.ledger)
            }
        }
    }

    @Test
    fun `after the end every call is silent`() {
        Stub().use { stub ->
            val sillage = client(stub.endpoint)
            sillage.track("Before")
            assertEquals(0, sillage.shutdown())
            sillage.close()
            sillage.track("After")
            sillage.identify("u-1")
            sillage.consent(mapOf("x" to true))
            sillage.context(mapOf("x" to 1))
            assertEquals(0, sillage.flush(1_000))
            assertFalse(sillage.waitDurable())
            assertEquals(Ledger(created = 1, acknowledged = 1), sillage.ledger)
            assertEquals(1, stub.events.size)
        }
    }

    @Test
    fun `halves of surrogate pairs in any text do no harm`() {
        val half = "x\uD83D"
        Stub().use { stub ->
            client(stub.endpoint) { app = half }.use {
                val options = EventOptions(mapOf(half to half), half, half, messageId = half)
                it.track(half, mapOf(half to half), options)
                it.page(half, mapOf(half to half), half, options)
                it.identify(half, mapOf(half to half))
                it.group(half)
                it.alias(half)
                it.consent(mapOf(half to true))
                it.context(mapOf(half to half))
                assertEquals(0, it.flush())
                assertEquals(5, it.ledger.acknowledged)
            }
            assertEquals(JsonPrimitive("x\uFFFD"), stub.events.first()["event"])
        }
    }

    @Test
    fun `settings that cannot be used are said and harm nobody`() {
        val said = CopyOnWriteArrayList<String>()
        for (wrong in listOf("nonsense", "ftp://x", "", "http://")) {
            signals.clear()
            @OptIn(HostApi::class)
            val sillage = client(wrong) { log = { line, why -> said += "$line: $why" } }
            sillage.track("Into nothing")
            sillage.consent(mapOf("x" to true))
            assertEquals(0, sillage.flush())
            assertFalse(sillage.waitDurable())
            assertEquals(Ledger(), sillage.ledger)
            assertEquals(listOf("", ""), listOf(sillage.userId, sillage.anonymousId))
            assertEquals(listOf<Signal>(Signal.Disabled), signals.toList())
            sillage.close()
        }
        assertEquals(4, said.size, "$said")
        Sillage.init("wk") { error("the app's own") }.use { it.track("Into nothing") }
    }
}
