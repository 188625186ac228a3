package io.sillage.testing

import com.google.gson.JsonArray
import com.google.gson.JsonObject
import com.google.gson.JsonParser
import com.sun.net.httpserver.HttpExchange
import com.sun.net.httpserver.HttpServer
import java.net.InetAddress
import java.net.InetSocketAddress
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.ExecutorService
import java.util.concurrent.Executors
import java.util.zip.GZIPInputStream

/** What a stub answers. */
class Answer(
    val status: Int = 200,
    val body: ByteArray,
    val headers: Map<String, String> = mapOf("content-type" to "application/json"),
)

/** A request that a stub was sent. */
class Request(exchange: HttpExchange) {
    val path: String = exchange.requestURI.path
    val headers: Map<String, String> = exchange.requestHeaders.entries.associate { it.key.lowercase() to it.value[0] }

    /** As sent, but unpacked. */
    val text: String = exchange.requestBody.use { body ->
        val stream = if (headers["content-encoding"] == "gzip") GZIPInputStream(body) else body
        stream.readBytes().toString(Charsets.UTF_8)
    }

    val body: JsonObject by lazy { JsonParser.parseString(text).asJsonObject }
    val batch: JsonArray get() = body["batch"].asJsonArray
    val batchId: String get() = body["sillage"]?.asJsonObject?.get("batchId")?.asString.orEmpty()
}

/** A collector in miniature: it accepts all, unless it is told to say something else. */
class Stub(private val respond: (Request) -> Answer = { accepted(it) }) : AutoCloseable {
    val requests = CopyOnWriteArrayList<Request>()
    private val workers: ExecutorService = Executors.newCachedThreadPool { Thread(it).apply { isDaemon = true } }
    private val server = HttpServer.create(InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0)
    val endpoint = "http://127.0.0.1:${server.address.port}"

    /** All events that came, in order. */
    val events: List<JsonObject> get() = requests.flatMap { it.batch }.map { it.asJsonObject }

    init {
        server.executor = workers
        server.createContext("/") { exchange ->
            exchange.use {
                val request = Request(it)
                requests.add(request)
                val answer = respond(request)
                for ((name, value) in answer.headers) it.responseHeaders.add(name, value)
                it.sendResponseHeaders(answer.status, if (answer.body.isEmpty()) -1 else answer.body.size.toLong())
                if (answer.body.isNotEmpty()) it.responseBody.write(answer.body)
            }
        }
        server.start()
    }

    override fun close() {
        server.stop(0)
        workers.shutdownNow()
    }

    companion object {
        init {
            // Otherwise the kernel holds the second packet of an answer back for 40 ms.
            System.setProperty("sun.net.httpserver.nodelay", "true")
        }

        /** As a collector answers: it echoes the try and accounts for each event. */
        fun accepted(request: Request, vararg more: Pair<String, Any>): Answer {
            val said = JsonObject()
            said.addProperty("success", true)
            said.addProperty("batchId", request.batchId)
            said.addProperty("accepted", request.batch.size())
            said.addProperty("duplicates", 0)
            for ((name, value) in more) said.add(name, gson.toJsonTree(value))
            return Answer(body = said.toString().toByteArray())
        }

        private val gson = com.google.gson.Gson()

        private inline fun HttpExchange.use(block: (HttpExchange) -> Unit) = try {
            block(this)
        } finally {
            close()
        }
    }
}
