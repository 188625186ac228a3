package io.sillage.testing

import com.google.gson.Gson
import io.sillage.Sillage
import kotlin.system.exitProcess

/** A client whose call is timed. */
interface Timed : AutoCloseable {
    val name: String
    fun track()

    /** Sends what is queued, so that the queue does not fill. */
    fun empty()
}

private const val WARM_UP = 20_000
private const val TIMED = 20_000
private const val AT_ONCE = 50
private const val QUEUED_MAX = 2_000

/**
 * What one `track` costs its caller, in µs, beside Segment's client where that was compiled in (`-P rivals`). A stub
 * in this process accepts all; calls come 50 at once, then a pause, so that no queue fills.
 */
fun main() {
    Stub { Stub.accepted(it) }.use { stub ->
        val costs = clients(stub.endpoint).associate { client -> client.name to client.use(::cost) }
        println(Gson().toJson(costs))
    }
    // Others leave threads behind that keep the process alive.
    exitProcess(0)
}

private fun clients(endpoint: String): List<Timed> {
    val rival = try {
        Class.forName("io.sillage.testing.SegmentTimed").getConstructor(String::class.java)
    } catch (_: ClassNotFoundException) {
        null
    }
    return listOfNotNull(Ours(endpoint), rival?.newInstance(endpoint) as Timed?)
}

private fun cost(client: Timed): Map<String, Double> {
    times(client, WARM_UP)
    val sorted = times(client, TIMED).sortedArray()
    return mapOf("p50_us" to sorted[TIMED / 2] / 1e3, "p99_us" to sorted[TIMED / 100 * 99] / 1e3)
}

/** Nanoseconds of each call. */
private fun times(client: Timed, calls: Int): LongArray = LongArray(calls) { call ->
    if (call % AT_ONCE == 0) Thread.sleep(1)
    if (call % QUEUED_MAX == 0) client.empty()
    val before = System.nanoTime()
    client.track()
    System.nanoTime() - before
}

private class Ours(endpoint: String) : Timed {
    private val sillage = Sillage.init("wk_cost") { this.endpoint = endpoint }
    override val name = "sillage"

    override fun track() = sillage.track(
        "Product Viewed",
        mapOf("product_id" to "sku-1", "price" to 80.5, "currency" to "EUR", "quantity" to 2),
    )

    override fun empty() {
        sillage.flush(10_000)
    }

    override fun close() = sillage.close()
}
