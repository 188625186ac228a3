package io.sillage

import com.google.gson.JsonParser
import io.sillage.testing.Collector
import io.sillage.testing.Stub
import io.sillage.testing.classPath
import io.sillage.testing.module
import io.sillage.testing.program
import io.sillage.testing.until
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Assumptions.assumeTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.io.File
import java.util.concurrent.TimeUnit.SECONDS

/** What only a process of its own can show. */
class ProcessTest {
    @TempDir
    lateinit var folder: File

    private val output get() = File(folder, "output")

    private fun collector(): Collector {
        val binary = System.getenv("SILLAGE_BIN")
        assumeTrue(binary != null, "SILLAGE_BIN names the collector")
        return Collector(binary!!, folder)
    }

    private fun device(collector: Collector, journal: String, first: Int, mode: String) = program(
        "io.sillage.testing.DeviceKt",
        listOf(collector.endpoint, "$folder/events", journal, "$first", mode),
        output,
    )

    @Test
    fun `a program that forgets to end it ends all the same`() {
        Stub().use { stub ->
            val process = program("io.sillage.testing.Idle", listOf(stub.endpoint), output)
            assertTrue(process.waitFor(30, SECONDS), "it still runs")
            assertEquals(0, process.exitValue(), output.readText())
            assertTrue(output.readText().startsWith("left 0, durable "), output.readText())
            assertEquals(3, stub.events.size)
        }
    }

    @Test
    fun `without the native library nothing is tracked, which is said once, and the program goes on`() {
        // As on a machine for which there is none: all but the folder that holds it.
        val classes = File(folder, "classes")
        val own = classPath.map(::File).filter { it.isDirectory }
        for (directory in own) directory.copyRecursively(classes, overwrite = true)
        for (native in classes.walk().filter { it.name.contains("sillage_ffi.") }.toList()) assertTrue(native.delete())
        val path = listOf(classes.path) + classPath.filter { File(it).isFile }
        val process = program("io.sillage.testing.Idle", listOf("http://127.0.0.1:9"), output, path)
        assertTrue(process.waitFor(30, SECONDS), "it still runs")
        val said = output.readText()
        assertEquals(0, process.exitValue(), said)
        assertEquals(1, Regex("nothing is tracked").findAll(said).count(), said)
        assertTrue("UnsatisfiedLinkError" in said, said)
        assertTrue("left 0, durable false, created 0\nsegments [], device ''" in said, said)
    }

    @Test
    fun `without JNA nothing is tracked either`() {
        val path = classPath.filterNot { File(it).name.startsWith("jna-") }
        assertTrue(path.size < classPath.size)
        val process = program("io.sillage.testing.Idle", listOf("http://127.0.0.1:9"), output, path)
        assertTrue(process.waitFor(30, SECONDS), "it still runs")
        assertEquals(0, process.exitValue(), output.readText())
        assertTrue("nothing is tracked" in output.readText(), output.readText())
    }

    @Test
    fun `a burst of many threads arrives whole at a real collector`() {
        collector().use { collector ->
            val process = device(collector, "-", 1, "burst:8:250")
            assertTrue(process.waitFor(60, SECONDS), "it still runs")
            val said = JsonParser.parseString(output.readText().trim().lines().last()).asJsonObject
            assertEquals(2_000, said["created"].asLong, "$said")
            assertEquals(2_000, said["acknowledged"].asLong, "$said")
            assertEquals(listOf(0L, 0L), listOf(said["pending"].asLong, said["threw"].asLong))
            assertTrue("delivered" in said["signals"].asJsonArray.map { it.asString })
            until("the collector to have counted") { collector.received().takeIf { it == 2_000L to 0L } }
        }
    }

    @Test
    fun `what a killed device was told is durable arrives with the next one`() {
        collector().use { collector ->
            val journal = File(folder, "journal")
            val device = device(collector, journal.path, 1, "durable")
            val done = { journal.takeIf { it.exists() }?.readLines()?.count { it.startsWith("done") } ?: 0 }
            until("fifty events", seconds = 60) { (done() >= 50).takeIf { it } }
            device.destroyForcibly().waitFor()
            val last = device(collector, "-", 1, "drain")
            assertTrue(last.waitFor(90, SECONDS), "it still runs")
            assertEquals(0, last.exitValue(), output.readText())
            val begun = journal.readLines().count { it.startsWith("begun") }
            val (received, _) = until("all that was done") { collector.received().takeIf { it.first >= done() } }
            assertTrue(received in done()..begun, "$received of ${done()} done and $begun begun")
        }
    }

    @Test
    fun `a real collector tells segments, and what a wrong key is`() {
        collector().use { collector ->
            val client = { key: String, listener: (Signal) -> Unit ->
                Sillage.init(key) {
                    endpoint = collector.endpoint
                    onSignal = listener
                }
            }
            client("wk_test") {}.use { sillage ->
                until("the segment") {
                    sillage.track("Product Viewed", mapOf("price" to 80.5))
                    sillage.flush()
                    sillage.segments.value.takeIf { it == listOf("viewers") }
                }
            }
            var held: Signal? = null
            client("wk_wrong") { if (it is Signal.Held) held = it }.use { sillage ->
                sillage.track("Kept")
                sillage.flush(1_000)
                assertEquals(1, sillage.ledger.pending)
                assertEquals(Signal.Held(401), until("the signal") { held })
                sillage.shutdown(0)
            }
        }
    }

    @Test
    fun `the class path for programs is written and complete`() {
        val path = File(module, "target/test.classpath").takeIf { it.exists() }?.readText()?.trim()
        assumeTrue(path != null, "only Maven writes it")
        val missing = path!!.split(File.pathSeparator).filterNot { File(it).exists() }
        assertEquals(listOf<String>(), missing)
        assertFalse("@" in path)
    }
}
