@file:OptIn(HostApi::class)

package io.sillage

import java.io.IOException
import java.io.InputStream
import java.net.HttpRetryException
import java.net.HttpURLConnection
import java.net.URL

/** The platform's own HTTP: it obeys the system's proxies and certificates. */
internal class UrlNetwork(private val connectMs: Int = 10_000, private val exchangeMs: Long = 40_000) : Network {
    override fun post(upload: Upload): Reply = try {
        exchange(upload, Body.STREAMED)
    } catch (refused: HttpRetryException) {
        // A streamed body hides what a 401 says, which tells a collector from a proxy. It was refused, so that it may
        // be posted again.
        val again = exchange(upload, Body.BUFFERED)
        again as? Reply.Answer ?: Reply.Answer(refused.responseCode(), "", "", ByteArray(0))
    }

    private enum class Body {
        /** Never sent again without our knowledge, as the platform does with a buffered one. */
        STREAMED,
        BUFFERED,
    }

    private fun exchange(upload: Upload, way: Body): Reply {
        val connection = try {
            open(upload, way)
        } catch (_: Exception) {
            return Reply.Unsent
        }
        val deadline = Deadline.after(exchangeMs) { connection.disconnect() }
        try {
            try {
                connection.connect()
            } catch (_: Exception) {
                return Reply.Unsent
            }
            connection.outputStream.use { it.write(upload.body) }
            return read(connection)
        } catch (refused: HttpRetryException) {
            throw refused
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
            // Cut off: it is not ours, but its status still counts.
            ByteArray(0)
        }
        val header = { name: String -> connection.getHeaderField(name).orEmpty() }
        return Reply.Answer(status, header("content-type"), header("retry-after"), body)
    }

    private fun bounded(stream: InputStream, connection: HttpURLConnection): ByteArray {
        val body = stream.readUpTo(REPLY_BYTES_MAX)
        // Otherwise closing it would read on, to keep the connection.
        if (body.size == REPLY_BYTES_MAX) connection.disconnect()
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
}

/** The core reads no more of an answer; one as long as this is not a collector's. */
internal const val REPLY_BYTES_MAX = 256 * 1024
