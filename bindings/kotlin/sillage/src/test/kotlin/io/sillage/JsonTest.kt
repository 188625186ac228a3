package io.sillage

import com.google.gson.JsonArray
import com.google.gson.JsonElement
import com.google.gson.JsonNull
import com.google.gson.JsonObject
import com.google.gson.JsonPrimitive
import com.google.gson.Strictness
import com.google.gson.internal.Streams
import com.google.gson.stream.JsonReader
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.io.File
import java.io.StringReader
import java.math.BigDecimal
import java.math.BigInteger
import java.time.Instant
import java.time.LocalDate
import java.time.OffsetDateTime
import java.time.ZonedDateTime
import java.util.Calendar
import java.util.Date
import java.util.TimeZone
import java.util.UUID
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.atomic.AtomicInteger
import java.util.concurrent.atomic.AtomicLong
import kotlin.concurrent.thread
import kotlin.random.Random

class JsonTest {
    private enum class Plan {
        PRO {
            override fun toString() = "professional"
        },
    }

    private class Odd(val text: String) {
        override fun toString() = text
    }

    private fun written(value: Any?): String = Json.text(mapOf("x" to value)).removeSurrounding("{\"x\":", "}")

    /** As a strict reader understands it. */
    private fun read(text: String): JsonElement {
        val reader = JsonReader(StringReader(text)).apply { strictness = Strictness.STRICT }
        return Streams.parse(reader).also { assertEquals("END_DOCUMENT", reader.peek().name, text) }
    }

    @Test
    fun `each kind of value becomes what is promised`() {
        val expected = listOf(
            null to "null",
            true to "true",
            2 to "2",
            Long.MIN_VALUE to "-9223372036854775808",
            7.toByte() to "7",
            7.toShort() to "7",
            80.5 to "80.5",
            1e300 to "1.0E300",
            0.1f to "0.1",
            -0.0 to "-0.0",
            Double.NaN to "null",
            Float.NEGATIVE_INFINITY to "null",
            ULong.MAX_VALUE to "18446744073709551615",
            255.toUByte() to "255",
            BigDecimal("12345678901234567890.123456789") to "12345678901234567890.123456789",
            BigDecimal("1E+400") to "null",
            BigInteger.TEN.pow(30) to "1000000000000000000000000000000",
            AtomicInteger(3) to "3",
            AtomicLong(4) to "4",
            'x' to "\"x\"",
            StringBuilder("built") to "\"built\"",
            "" to "\"\"",
            Plan.PRO to "\"PRO\"",
            UUID(1, 2) to "\"00000000-0000-0001-0000-000000000002\"",
            Date(1_795_341_600_123) to "\"2026-11-22T10:00:00.123Z\"",
            java.sql.Timestamp(1_795_341_600_123) to "\"2026-11-22T10:00:00.123Z\"",
            Calendar.getInstance(TimeZone.getTimeZone("GMT+5")).apply { timeInMillis = 0 } to
                "\"1970-01-01T00:00:00.000Z\"",
            Instant.ofEpochMilli(1_795_341_600_123) to "\"2026-11-22T10:00:00.123Z\"",
            OffsetDateTime.parse("2026-11-22T12:00:00+02:00") to "\"2026-11-22T10:00:00Z\"",
            ZonedDateTime.parse("2026-11-22T11:00:00+01:00[Europe/Paris]") to "\"2026-11-22T10:00:00Z\"",
            LocalDate.of(2026, 11, 22) to "\"2026-11-22\"",
            File("/a/b") to "\"/a/b\"",
            File("/a/b").toPath() to "\"/a/b\"",
            Odd("as \"it\" says") to "\"as \\\"it\\\" says\"",
            emptyList<Int>() to "[]",
            setOf(1, 2) to "[1,2]",
            arrayOf("a", null) to "[\"a\",null]",
            intArrayOf(1, 2) to "[1,2]",
            doubleArrayOf(0.5, Double.NaN) to "[0.5,null]",
            charArrayOf('a') to "[\"a\"]",
            booleanArrayOf(true) to "[true]",
            byteArrayOf(-1) to "[-1]",
            mapOf(1 to "a", null to "b") to "{\"1\":\"a\",\"null\":\"b\"}",
            mapOf<String, Any>() to "{}",
        )
        for ((value, text) in expected) {
            assertEquals(text, written(value), "${value?.javaClass}")
            read(text)
        }
    }

    @Test
    fun `text is escaped, and halves of pairs are replaced`() {
        val hard = "\"\\\n\r\t\u0000\u001f/é😀\u2028\u007f"
        assertEquals("\"\\\"\\\\\\n\\r\\t\\u0000\\u001f/é😀\u2028\u007f\"", written(hard))
        assertEquals("\"\uFFFD\uFFFDx\uFFFD\"", written("\uD83D\uD83Dx\uDE00"))
        assertEquals("a\uFFFDb", wellFormed("a\uD800b"))
        assertEquals("a😀b", wellFormed("a😀b"))
    }

    @Test
    fun `a member that contains itself is left out, and what is met twice is not`() {
        val inner = HashMap<String, Any?>(mapOf("a" to 1))
        inner["self"] = inner
        inner["list"] = listOf(2, inner)
        val text = Json.text(mapOf("first" to inner, "second" to inner))
        val same = JsonObject().apply {
            addProperty("a", 1)
            add("list", JsonArray().apply { add(2); add(JsonNull.INSTANCE) })
        }
        assertEquals(JsonObject().apply { add("first", same); add("second", same) }, read(text))
    }

    @Test
    fun `what throws when it is asked is left out`() {
        val bad = object {
            override fun toString(): String = error("no text")
        }
        val endless = object {
            override fun toString(): String = "" + this
        }
        val torn = object : AbstractList<Int>() {
            override val size = 3
            override fun get(index: Int) = if (index < 2) index else error("gone")
        }
        val given = linkedMapOf("a" to 1, "bad" to bad, "endless" to endless, "torn" to torn, "z" to 2)
        assertEquals("""{"a":1,"torn":[0,1],"z":2}""", Json.text(given))
    }

    @Test
    fun `however deep or large it is, it ends`() {
        var deep: Any? = "bottom"
        repeat(10_000) { deep = listOf(deep) }
        assertTrue(written(deep).length < 1_000)
        // Two of the same, two to the 60th times.
        var wide: Any? = "leaf"
        repeat(60) { wide = listOf(wide, wide) }
        val text = Json.text(mapOf("wide" to wide))
        read(text)
        assertTrue(text.length in 65_537..2_000_000, "${text.length}")
    }

    @Test
    fun `a map that another thread changes is written as far as it can be`() {
        for (map in listOf(HashMap<String, Any?>(), ConcurrentHashMap<String, Any?>())) {
            val writer = thread {
                repeat(20_000) {
                    map["k${it % 100}"] = it
                    if (it % 3 == 0) map.remove("k${it % 50}")
                }
            }
            while (writer.isAlive) read(Json.text(mapOf("shared" to map, "z" to 1)))
            writer.join()
        }
    }

    @Test
    fun `whatever is written, a strict reader reads the same`() {
        val random = Random(7)
        repeat(20_000) { round ->
            val value = randomMap(random, 0)
            val text = Json.text(value)
            assertEquals(expected(value), read(text), "round $round: $text")
        }
    }

    private fun randomMap(random: Random, depth: Int): Map<String, Any?> =
        List(random.nextInt(5)) { randomText(random) to randomValue(random, depth + 1) }.toMap()

    private fun randomValue(random: Random, depth: Int): Any? = when (random.nextInt(if (depth > 4) 7 else 10)) {
        0 -> null
        1 -> random.nextBoolean()
        2 -> random.nextInt()
        3 -> random.nextLong()
        4 -> Double.fromBits(random.nextLong())
        5 -> BigDecimal(BigInteger(random.nextBytes(12)), random.nextInt(-300, 300))
        6 -> randomText(random)
        7 -> List(random.nextInt(4)) { randomValue(random, depth + 1) }
        8 -> Array(random.nextInt(4)) { randomValue(random, depth + 1) }
        else -> randomMap(random, depth)
    }

    private fun randomText(random: Random): String {
        val any = { from: Int, until: Int -> random.nextInt(from, until).toChar() }
        return CharArray(random.nextInt(12)) {
            when (random.nextInt(5)) {
                0 -> any(0, 0x20)
                1 -> any(0x20, 0x80)
                2 -> any(0x80, 0x900)
                3 -> any(0xD700, 0xE100)
                else -> any(0, 0x10000)
            }
        }.concatToString()
    }

    private fun expected(value: Any?): JsonElement = when (value) {
        null -> JsonNull.INSTANCE
        is Boolean -> JsonPrimitive(value)
        is Double -> if (value.isFinite()) JsonPrimitive(value) else JsonNull.INSTANCE
        is BigDecimal -> if (value.toDouble().isFinite()) JsonPrimitive(value) else JsonNull.INSTANCE
        is Number -> JsonPrimitive(value)
        is String -> JsonPrimitive(String(value.toByteArray(Charsets.UTF_16BE), Charsets.UTF_16BE))
        is Map<*, *> -> JsonObject().apply {
            value.forEach { (name, member) -> add(expected(name).asString, expected(member)) }
        }
        is List<*> -> JsonArray().apply { value.forEach { add(expected(it)) } }
        is Array<*> -> JsonArray().apply { value.forEach { add(expected(it)) } }
        else -> error("what is $value?")
    }
}
