package io.sillage.testing

import java.net.InetAddress
import java.net.ServerSocket
import java.net.Socket
import java.util.concurrent.atomic.AtomicInteger
import kotlin.concurrent.thread

/** A server that does with each connection what it is told, so that it can be as wrong as servers are. */
class Sockets(private val serve: (connection: Int, socket: Socket) -> Unit) : AutoCloseable {
    private val server = ServerSocket(0, 50, InetAddress.getLoopbackAddress())
    val endpoint = "http://127.0.0.1:${server.localPort}"
    val connections = AtomicInteger()
    val closed = AtomicInteger()

    init {
        thread(isDaemon = true) {
            while (!server.isClosed) {
                val socket = try {
                    server.accept()
                } catch (_: Exception) {
                    break
                }
                val number = connections.getAndIncrement()
                thread(isDaemon = true) {
                    try {
                        socket.use { serve(number, it) }
                    } catch (_: Exception) {
                        // The other end has hung up.
                    }
                    closed.incrementAndGet()
                }
            }
        }
    }

    override fun close() = server.close()
}

/** Reads a request with a `content-length`, whole; gives its head. */
fun Socket.readRequest(): String {
    val head = StringBuilder()
    while (!head.endsWith("\r\n\r\n")) head.append(getInputStream().read().also { check(it >= 0) }.toChar())
    val length = Regex("(?i)content-length: (\\d+)").find(head)!!.groupValues[1].toInt()
    getInputStream().readNBytes(length)
    return head.toString()
}

fun Socket.answer(text: String) {
    getOutputStream().write(text.toByteArray())
    getOutputStream().flush()
}
