package io.sillage.testing

import com.google.gson.JsonObject
import com.google.gson.JsonParser
import java.io.File
import java.net.HttpURLConnection
import java.net.ServerSocket
import java.net.URL

/** A real collector as a process, in a folder of its own. */
class Collector(binary: String, folder: File) : AutoCloseable {
    val endpoint: String
    private val process: Process

    init {
        val (http, redis) = List(2) { ServerSocket(0) }.map { server -> server.use { it.localPort } }
        endpoint = "http://127.0.0.1:$http"
        val config = File(folder, "sillage.toml")
        config.writeText(
            """
            [server]
            listen = "127.0.0.1:$http"
            data_dir = "$folder/data"
            [redis]
            listen = "127.0.0.1:$redis"
            url = ""
            [[project]]
            name = "shop"
            write_keys = ["wk_test"]
            read_tokens = ["rt_test"]
            segments_in_answers = true
            [[project.segment]]
            key = "viewers"
            public = true
            when = 'exists("Product Viewed")'
            """.trimIndent(),
        )
        process = ProcessBuilder(binary, "serve", "--config", config.path)
            .redirectErrorStream(true)
            .redirectOutput(File(folder, "collector.log"))
            .start()
        until("the collector") { get("/readyz", "")?.let { Unit } }
    }

    /** What it says of every event that was created. */
    fun ledger(): JsonObject = JsonParser.parseString(get("/v1/ledger", "rt_test")!!).asJsonObject

    private fun get(path: String, token: String): String? {
        val connection = URL(endpoint + path).openConnection() as HttpURLConnection
        connection.setRequestProperty("authorization", "Bearer $token")
        return try {
            if (connection.responseCode == 200) connection.inputStream.use { String(it.readBytes()) } else null
        } catch (_: java.io.IOException) {
            null
        }
    }

    /** How many events came, each counted once, and how many came again. */
    fun received(): Pair<Long, Long> {
        val total = ledger()["total"].asJsonObject
        return total["received"].asLong to total["duplicates"].asLong
    }

    override fun close() {
        process.destroyForcibly().waitFor()
    }
}
