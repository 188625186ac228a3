package io.sillage.testing

import com.google.gson.Gson
import io.sillage.EventOptions
import io.sillage.Ledger
import io.sillage.Settings
import io.sillage.Sillage
import java.io.File
import java.io.FileOutputStream
import java.util.concurrent.ConcurrentSkipListSet
import java.util.concurrent.CountDownLatch
import java.util.concurrent.atomic.AtomicInteger
import java.util.concurrent.atomic.AtomicLong
import kotlin.concurrent.thread
import kotlin.system.exitProcess

private const val USAGE = "ENDPOINT FOLDER JOURNAL FIRST durable|soon|drain|burst:THREADS:EACH"

/**
 * A device that tracks, to be killed or counted. Event n is of person `p<n>`, so that the collector can say which
 * arrived. The journal gets a line when an event is begun and another once `track` has come back (in durable mode: once
 * it is durable); it is written without buffers, so that a kill leaves what was done.
 */
fun main(arguments: Array<String>) {
    if (arguments.size != 5) error(USAGE)
    val (endpoint, folder, journal, first, mode) = arguments
    val signals = ConcurrentSkipListSet<String>()
    val sillage = Sillage.init(System.getenv("SILLAGE_WRITE_KEY") ?: error("SILLAGE_WRITE_KEY is not set")) {
        this.endpoint = endpoint
        this.folder = File(folder)
        durable = mode == "durable"
        // Small batches, often: the faults are to meet as many as there can be.
        batchEvents = 10
        batchAgeMs = 100
        onSignal = { signals.add(it.javaClass.simpleName.replaceFirstChar(Char::lowercase)) }
    }
    val words = mode.split(':')
    when (words[0]) {
        "drain" -> drain(sillage)
        "durable", "soon" -> forEver(sillage, Journal(journal), first.toLong(), mode == "durable")
        "burst" -> burst(sillage, Journal(journal), first.toLong(), words[1].toInt(), words[2].toInt(), signals)
        else -> error(USAGE)
    }
}

private fun drain(sillage: Sillage) {
    // By then it has looked for what others left behind.
    Thread.sleep(2_000)
    val left = sillage.shutdown(60_000)
    if (left != 0L) {
        System.err.println("$left left: ${sillage.ledger}")
        exitProcess(1)
    }
}

private fun forEver(sillage: Sillage, journal: Journal, first: Long, isDurable: Boolean) {
    var number = first
    while (true) {
        journal.line("begun $number")
        sillage.tried(number)
        val word = if (!isDurable || sillage.waitDurable()) "done" else "unsure"
        journal.line("$word $number")
        Thread.sleep(2)
        number += 1
    }
}

private fun burst(
    sillage: Sillage,
    journal: Journal,
    first: Long,
    threads: Int,
    each: Int,
    signals: Set<String>,
) {
    val next = AtomicLong(first)
    val threw = AtomicInteger()
    val begin = CountDownLatch(1)
    val workers = List(threads) {
        thread {
            begin.await()
            repeat(each) {
                val number = next.getAndIncrement()
                journal.line("begun $number")
                try {
                    sillage.tried(number)
                } catch (_: Throwable) {
                    threw.incrementAndGet()
                }
                journal.line("done $number")
            }
        }
    }
    begin.countDown()
    workers.forEach(Thread::join)
    sillage.flush(60_000)
    val ledger = sillage.ledger
    sillage.shutdown(60_000)
    println(told(ledger, signals, threw.get()))
}

private fun told(ledger: Ledger, signals: Set<String>, threw: Int): String = Gson().toJson(
    linkedMapOf(
        "created" to ledger.created,
        "acknowledged" to ledger.acknowledged,
        "pending" to ledger.pending,
        "rejected" to ledger.rejected,
        "dropped" to ledger.dropped,
        "unsure" to ledger.unsure,
        "signals" to signals.toList(),
        "threw" to threw,
    ),
)

private fun Sillage.tried(number: Long) = track("Tried", mapOf("n" to 1), EventOptions(userId = "p$number"))

/** `-` is none. */
private class Journal(path: String) {
    private val file = if (path == "-") null else FileOutputStream(path, true)

    fun line(text: String) {
        file?.write("$text\n".toByteArray())
    }
}
