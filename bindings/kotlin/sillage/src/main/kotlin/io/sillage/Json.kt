package io.sillage

import java.math.BigDecimal
import java.math.BigInteger

/**
 * Writes what an app gives as JSON text. All becomes something: see [Sillage] for what.
 *
 * One pass; not for several threads at once.
 */
internal class Json(private val out: Utf8) {
    /** What is being written, outermost first: what is met again inside itself is left out. */
    private val open = ArrayList<Any>()

    /** Writes an object. */
    fun write(map: Map<*, *>) {
        val mark = out.length
        try {
            value(map)
        } catch (_: TooLong) {
            // Still longer than any event may be, so that the core counts it as that.
            out.cut(mark)
            out.ascii("{\"x\":")
            out.quoted("x".repeat(BYTES_MAX / 8))
            out.byte('}')
        }
    }

    private fun value(value: Any?) {
        when (value) {
            null -> out.ascii("null")
            is String -> out.quoted(value)
            is Boolean, is Int, is Long, is Short, is Byte -> out.ascii(value.toString())
            is Number -> number(value)
            is Map<*, *> -> nested(value) { members(value) }
            // Not all that can be iterated: a path consists of paths.
            is Collection<*> -> nested(value) { elements(value.iterator()) }
            is Array<*> -> nested(value) { elements(value.iterator()) }
            is UInt, is ULong, is UShort, is UByte -> out.ascii(value.toString())
            is Enum<*> -> out.quoted(value.name)
            else -> elements(value) ?: out.quoted(Moments.text(value) ?: value.toString())
        }
    }

    /** Arrays of primitives. */
    private fun elements(value: Any): Unit? = when (value) {
        is IntArray -> elements(value.iterator())
        is LongArray -> elements(value.iterator())
        is DoubleArray -> elements(value.iterator())
        is FloatArray -> elements(value.iterator())
        is BooleanArray -> elements(value.iterator())
        is ShortArray -> elements(value.iterator())
        is ByteArray -> elements(value.iterator())
        is CharArray -> elements(value.iterator())
        else -> null
    }

    /** As it says itself; null if no double can hold it, since no reader could either. */
    private fun number(value: Number) {
        val text = value.toString()
        val isKnown = value is Double || value is Float || value is BigDecimal || value is BigInteger
        when {
            !value.toDouble().isFinite() -> out.ascii("null")
            isKnown || NUMBER.matches(text) -> out.ascii(text)
            else -> out.ascii(value.toDouble().toString())
        }
    }

    private inline fun nested(value: Any, write: () -> Unit) {
        if (open.size >= DEPTH_MAX || open.any { it === value }) throw Unwritable
        open.add(value)
        try {
            write()
        } finally {
            open.removeAt(open.size - 1)
        }
    }

    private fun members(map: Map<*, *>) {
        out.byte('{')
        val start = out.length
        whole {
            for ((name, value) in map) {
                val mark = out.length
                if (mark > start) out.byte(',')
                attempt(mark) {
                    out.quoted(name.toString())
                    out.byte(':')
                    value(value)
                }
            }
        }
        out.byte('}')
    }

    private fun elements(elements: Iterator<*>) {
        out.byte('[')
        val start = out.length
        whole {
            for (element in elements) {
                if (out.length > start) out.byte(',')
                val mark = out.length
                if (!attempt(mark) { value(element) }) out.ascii("null")
            }
        }
        out.byte(']')
    }

    /** What can be read of a collection that another thread changes meanwhile, is written. */
    private inline fun whole(write: () -> Unit) = try {
        write()
    } catch (tooLong: TooLong) {
        throw tooLong
    } catch (_: Throwable) {
        // Foreign classes are asked here, and may throw anything.
        Unit
    }

    /** Whether it was written; else all of it is taken back. */
    private inline fun attempt(mark: Int, write: () -> Unit): Boolean = try {
        write()
        if (out.length > BYTES_MAX) throw TooLong
        true
    } catch (tooLong: TooLong) {
        throw tooLong
    } catch (_: Throwable) {
        out.cut(mark)
        false
    }

    private object Unwritable : Signpost() {
        private fun readResolve(): Any = Unwritable
    }

    private object TooLong : Signpost() {
        private fun readResolve(): Any = TooLong
    }

    /** Without a trace, which is what costs. The constructor that says so is not on each Android. */
    private abstract class Signpost : RuntimeException() {
        override fun fillInStackTrace(): Throwable = this
    }

    companion object {
        /** Deeper is left out. */
        const val DEPTH_MAX = 64

        /** An event may have 64 KiB; after this much no more is even written. */
        const val BYTES_MAX = 1 shl 20

        private val NUMBER = Regex("-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?")

        /** The JSON text of an object. */
        fun text(map: Map<String, Any?>): String = Utf8().also { Json(it).write(map) }.toString()
    }
}
