@file:OptIn(HostApi::class)

package io.sillage

import io.sillage.testing.Sockets
import io.sillage.testing.answer
import io.sillage.testing.readRequest
import io.sillage.testing.until
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertSame
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.net.InetAddress
import java.net.ServerSocket
import java.util.concurrent.CopyOnWriteArrayList

class NetworkTest {
    private val headers =
        mapOf("content-type" to "application/json", "user-agent" to "sillage-kotlin/0", "x-write-key" to "wk")

    private fun upload(endpoint: String, body: ByteArray = "{}".toByteArray()) =
        Upload("$endpoint/v1/batch", headers, body)

    private fun told(answer: Reply.Answer) = answer.run { listOf(status, contentType, retryAfter, String(body)) }

    private fun post(sockets: Sockets) = UrlNetwork().post(upload(sockets.endpoint))

    @Test
    fun `an answer comes back with its status, headers and body`() {
        val heads = CopyOnWriteArrayList<String>()
        Sockets { _, socket ->
            heads += socket.readRequest()
            val head = "HTTP/1.1 503 Busy\r\ncontent-type: text/x\r\nretry-after: 7\r\ncontent-length: 4"
            socket.answer("$head\r\n\r\nbusy")
        }.use {
            val answer = post(it) as Reply.Answer
            assertEquals(listOf(503, "text/x", "7", "busy"), told(answer))
        }
        val head = heads.single().lowercase()
        assertTrue(head.startsWith("post /v1/batch http/1.1\r\n"), head)
        for ((name, value) in headers) assertTrue("\r\n$name: $value\r\n" in head, head)
    }

    @Test
    fun `a redirect is an answer and is not followed`() {
        for (status in listOf(301, 302, 303, 307, 308)) {
            Sockets { _, socket ->
                socket.readRequest()
                socket.answer("HTTP/1.1 $status Away\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n")
            }.use {
                assertEquals(status, (post(it) as Reply.Answer).status)
                assertEquals(1, it.connections.get())
            }
        }
    }

    @Test
    fun `no more than 256 KiB of an answer is read, however long it is`() {
        Sockets { _, socket ->
            socket.readRequest()
            socket.answer("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n")
            val chunk = ByteArray(64 * 1024) { 'x'.code.toByte() }
            // Until the reader hangs up.
            while (true) socket.getOutputStream().write(chunk)
        }.use { assertEquals(256 * 1024, (post(it) as Reply.Answer).body.size) }
    }

    @Test
    fun `an answer that is cut off keeps its status and loses its body`() {
        Sockets { _, socket ->
            socket.readRequest()
            socket.answer("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"half\":")
        }.use {
            val answer = post(it) as Reply.Answer
            assertEquals(listOf(200, 0), listOf(answer.status, answer.body.size))
        }
    }

    @Test
    fun `what a 401 says is read, too`() {
        Sockets { _, socket ->
            socket.readRequest()
            socket.answer("HTTP/1.1 401 No\r\ncontent-type: application/problem+json\r\ncontent-length: 2\r\n\r\n{}")
        }.use {
            val answer = post(it) as Reply.Answer
            assertEquals(listOf(401, "application/problem+json", "", "{}"), told(answer))
        }
    }

    @Test
    fun `a 401 that is not repeated is still one`() {
        Sockets { connection, socket ->
            socket.readRequest()
            if (connection == 0) socket.answer("HTTP/1.1 401 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        }.use { assertEquals(401, (post(it) as Reply.Answer).status) }
    }

    @Test
    fun `without a connection nothing was sent`() {
        val port = ServerSocket(0, 1, InetAddress.getLoopbackAddress()).use { it.localPort }
        val closed = "127.0.0.1:$port"
        for (endpoint in listOf("http://$closed", "https://$closed", "http://nowhere.invalid", "nonsense://x"))
            assertSame(Reply.Unsent, UrlNetwork().post(upload(endpoint)), endpoint)
    }

    @Test
    fun `a connection that breaks after the request may have carried it, and is not tried again`() {
        Sockets { _, socket -> socket.readRequest() }.use {
            assertSame(Reply.Lost, post(it))
            assertEquals(1, it.connections.get())
        }
    }

    @Test
    fun `a kept connection that was closed meanwhile is replaced before anything is sent`() {
        Sockets { _, socket ->
            socket.readRequest()
            socket.answer("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        }.use { sockets ->
            val network = UrlNetwork()
            for (round in 0..<20) {
                assertEquals(200, (network.post(upload(sockets.endpoint)) as Reply.Answer).status)
                until("the other end to close") { true.takeIf { sockets.closed.get() > round } }
            }
        }
    }

    @Test
    fun `one that is no HTTP server has not answered`() {
        Sockets { _, socket ->
            socket.readRequest()
            socket.answer("SSH-2.0-OpenSSH_9.2\r\n")
        }.use { assertSame(Reply.Lost, post(it)) }
    }

    @Test
    fun `an exchange has an end, whether the other one does not read, does not answer or answers a byte at a time`() {
        val network = UrlNetwork(exchangeMs = 500)
        val drip: (java.net.Socket) -> Unit = { socket ->
            socket.readRequest()
            socket.answer("HTTP/1.1 200 OK\r\n")
            while (true) {
                socket.answer("x")
                Thread.sleep(20)
            }
        }
        val silent: (java.net.Socket) -> Unit = { it.readRequest(); Thread.sleep(60_000) }
        val deaf: (java.net.Socket) -> Unit = { Thread.sleep(60_000) }
        for (serve in listOf(drip, silent, deaf)) {
            Sockets { _, socket -> serve(socket) }.use {
                val before = System.nanoTime()
                val reply = network.post(upload(it.endpoint, ByteArray(32_000_000)))
                assertSame(Reply.Lost, reply)
                assertTrue(System.nanoTime() - before < 10_000_000_000)
            }
        }
    }
}
