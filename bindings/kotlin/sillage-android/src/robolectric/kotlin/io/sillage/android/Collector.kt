package io.sillage.android

import android.os.Looper
import com.google.gson.JsonObject
import com.google.gson.JsonParser
import com.sun.net.httpserver.HttpServer
import org.robolectric.Shadows.shadowOf
import java.net.InetAddress
import java.net.InetSocketAddress
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.Executors
import java.util.zip.GZIPInputStream

/** A collector in miniature: it accepts all, or is out of order. */
internal class Collector : AutoCloseable {
    val events = CopyOnWriteArrayList<JsonObject>()
    val names get() = events.map { it["event"]?.asString ?: "${it["type"].asString} ${it["name"].asString}" }

    @Volatile
    var isOutOfOrder = false

    private val workers = Executors.newCachedThreadPool { Thread(it).apply { isDaemon = true } }
    private val server = HttpServer.create(InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0)
    val endpoint = "http://127.0.0.1:${server.address.port}"

    init {
        server.executor = workers
        server.createContext("/") { exchange ->
            val packed = exchange.requestHeaders.getFirst("content-encoding") == "gzip"
            val stream = exchange.requestBody.let { if (packed) GZIPInputStream(it) else it }
            val body = JsonParser.parseString(stream.readBytes().toString(Charsets.UTF_8)).asJsonObject
            val batch = body["batch"].asJsonArray.map { it.asJsonObject }
            val id = body["sillage"].asJsonObject["batchId"].asString
            val said = """{"success":true,"batchId":"$id","accepted":${batch.size},"duplicates":0}""".toByteArray()
            if (isOutOfOrder) {
                exchange.sendResponseHeaders(503, -1)
            } else {
                // One context for all: an event carries what differs from it.
                val shared = body["context"]?.asJsonObject ?: JsonObject()
                for (event in batch) event.add("whole", merged(shared, event["context"]?.asJsonObject))
                events.addAll(batch)
                exchange.responseHeaders.add("content-type", "application/json")
                exchange.sendResponseHeaders(200, said.size.toLong())
                exchange.responseBody.write(said)
            }
            exchange.close()
        }
        server.start()
    }

    private fun merged(shared: JsonObject, own: JsonObject?) = shared.deepCopy().apply {
        own?.entrySet()?.forEach { (name, value) -> add(name, value) }
    }

    override fun close() {
        server.stop(0)
        workers.shutdownNow()
    }
}

/** Waits for what another thread brings about, and lets the main thread do what it is asked to. */
internal fun until(what: String, condition: () -> Boolean) {
    val deadline = System.nanoTime() + 20_000_000_000
    while (!condition()) {
        check(System.nanoTime() < deadline) { "never: $what" }
        shadowOf(Looper.getMainLooper()).idle()
        Thread.sleep(5)
    }
}
