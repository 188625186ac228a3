@file:OptIn(HostApi::class)

package io.sillage

import java.io.IOException
import java.io.InputStream
import java.net.HttpURLConnection
import java.net.URL

/** The platform's own HTTP: it obeys the system's proxies and certificates. */
internal class UrlNetwork(private val connectMs: Int = 10_000, private val exchangeMs: Long = 40_000) : Network {
    override fun post(upload: Upload): Reply {
        val reply = exchange(upload, Body.STREAMED)
        val isMute = reply is Reply.Answer && reply.status in MUTE && reply.body.isEmpty()
        // Refused for sure, so that it may be posted again to learn by whom: a collector or a proxy.
        return (if (isMute) exchange(upload, Body.BUFFERED) as? Reply.Answer else null) ?: reply
    }

    private enum class Body {
        /** Sent once: a buffered one may be sent again by the platform, and what became of the first is not known. */
        STREAMED,

        /** Lets the platform read what statuses of [MUTE] say. */
        BUFFERED,
    }

    private fun exchange(upload: Upload, way: Body): Reply {
        val connection = try {
            open(upload, way)
        } catch (_: Exception) {
            return Reply.Unsent
        }
        val deadline = Deadline(exchangeMs) { connection.disconnect() }
        try {
            try {
                connection.connect()
            } catch (_: Exception) {
                return Reply.Unsent
            }
            connection.outputStream.use { it.write(upload.body) }
            val reply = read(connection)
            return if (deadline.hasPassed) Reply.Lost else reply
        } catch (_: Exception) {
            connection.disconnect()
            return Reply.Lost
        } finally {
            deadline.cancel()
        }
    }

    private fun open(upload: Upload, way: Body): HttpURLConnection {
        val connection = URL(upload.url).openConnection() as HttpURLConnection
        connection.requestMethod = "POST"
        connection.connectTimeout = connectMs
        connection.readTimeout = exchangeMs.toInt()
        connection.instanceFollowRedirects = false
        connection.useCaches = false
        connection.doOutput = true
        if (way == Body.STREAMED) connection.setFixedLengthStreamingMode(upload.body.size)
        for ((name, value) in upload.headers) connection.setRequestProperty(name, value)
        return connection
    }

    private fun read(connection: HttpURLConnection): Reply {
        val status = connection.responseCode
        if (status !in 100..999) return Reply.Lost
        val body = try {
            val stream = if (status >= 400) connection.errorStream else connection.inputStream
            stream?.use { bounded(it, connection) } ?: ByteArray(0)
        } catch (_: IOException) {
            ByteArray(0)
        }
        val header = { name: String -> connection.getHeaderField(name).orEmpty() }
        return Reply.Answer(status, header("content-type"), header("retry-after"), body)
    }

    private fun bounded(stream: InputStream, connection: HttpURLConnection): ByteArray {
        val body = stream.readUpTo(REPLY_BYTES_MAX)
        // Otherwise closing it would read on, to keep the connection.
        if (body.size == REPLY_BYTES_MAX) connection.disconnect()
        // Cut off, which the platform does not say: it is not ours, but its status still counts.
        else if (body.size < (connection.getHeaderField("content-length")?.toLongOrNull() ?: -1)) return ByteArray(0)
        return body
    }

    private fun InputStream.readUpTo(bytesMax: Int): ByteArray {
        var body = ByteArray(minOf(bytesMax, 4096))
        var length = 0
        while (length < bytesMax) {
            if (length == body.size) body = body.copyOf(minOf(bytesMax, body.size * 2))
            val read = read(body, length, body.size - length)
            if (read < 0) break
            length += read
        }
        return body.copyOf(length)
    }

    private companion object {
        /** Statuses whose body the platform hides if the request was streamed. */
        val MUTE = setOf(401, 407)
    }
}

/** The core reads no more of an answer; one as long as this is not a collector's. */
internal const val REPLY_BYTES_MAX = 256 * 1024
