package io.sillage

import java.math.BigDecimal
import java.math.BigInteger

/**
 * Writes what an app gives as JSON text. All becomes something: see [Sillage] for what.
 *
 * Not for several threads at once; cost: one pass, no allocation but for the text that grows.
 */
internal class Json private constructor() {
    private val out = StringBuilder(256)

    /** What is being written, outermost first: what is met again inside itself is left out. */
    private val open = ArrayList<Any>()

    private fun value(value: Any?) {
        when (value) {
            null -> out.append("null")
            is String -> string(value)
            is Boolean -> out.append(value)
            is Int -> out.append(value)
            is Long -> out.append(value)
            is Double -> if (value.isFinite()) out.append(value) else out.append("null")
            is Float -> if (value.isFinite()) out.append(value) else out.append("null")
            is Map<*, *> -> nested(value) { members(value) }
            is Iterable<*> -> nested(value) { elements(value.iterator()) }
            is Array<*> -> nested(value) { elements(value.iterator()) }
            is Short, is Byte, is UInt, is ULong, is UShort, is UByte -> out.append(value)
            is BigInteger, is BigDecimal -> if ((value as Number).toDouble().isFinite()) out.append(value) else out.append("null")
            is Number -> number(value)
            is Enum<*> -> string(value.name)
            else -> elements(value) ?: string(Moments.text(value) ?: value.toString())
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

    /** Of a class unknown here: as it says itself, if that is a number. */
    private fun number(value: Number) {
        val text = value.toString()
        when {
            NUMBER.matches(text) && text.toDouble().isFinite() -> out.append(text)
            value.toDouble().isFinite() -> out.append(value.toDouble())
            else -> out.append("null")
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
        out.append('{')
        val start = out.length
        whole {
            for ((name, value) in map) {
                val mark = out.length
                if (mark > start) out.append(',')
                attempt(mark) {
                    string(name.toString())
                    out.append(':')
                    value(value)
                }
            }
        }
        out.append('}')
    }

    private fun elements(elements: Iterator<*>) {
        out.append('[')
        val start = out.length
        whole {
            for (element in elements) {
                if (out.length > start) out.append(',')
                val mark = out.length
                if (!attempt(mark) { value(element) }) out.append("null")
            }
        }
        out.append(']')
    }

    /** What can be read of a collection that another thread changes meanwhile, is written. */
    private inline fun whole(write: () -> Unit) = try {
        write()
    } catch (tooLong: TooLong) {
        throw tooLong
    } catch (_: Exception) {
        Unit
    }

    /** Whether it was written; else all of it is taken back. */
    private inline fun attempt(mark: Int, write: () -> Unit): Boolean = try {
        write()
        if (out.length > CHARS_MAX) throw TooLong
        true
    } catch (tooLong: TooLong) {
        throw tooLong
    } catch (_: Exception) {
        out.setLength(mark)
        false
    }

    private fun string(text: String) {
        out.append('"')
        var from = 0
        var at = 0
        while (at < text.length) {
            val sign = text[at]
            if (sign >= ' ' && sign != '"' && sign != '\\' && sign !in '\uD800'..'\uDFFF') {
                at += 1
                continue
            }
            if (sign.isHighSurrogate() && at + 1 < text.length && text[at + 1].isLowSurrogate()) {
                at += 2
                continue
            }
            out.append(text, from, at)
            escape(sign)
            at += 1
            from = at
        }
        out.append(text, from, text.length)
        out.append('"')
    }

    private fun escape(sign: Char) {
        when (sign) {
            '"' -> out.append("\\\"")
            '\\' -> out.append("\\\\")
            '\n' -> out.append("\\n")
            '\r' -> out.append("\\r")
            '\t' -> out.append("\\t")
            in '\u0000'..'\u001F' -> out.append("\\u00").append(HEX[sign.code shr 4]).append(HEX[sign.code and 15])
            // Half of a pair: no text that could leave the device.
            else -> out.append('\uFFFD')
        }
    }

    private object Unwritable : RuntimeException(null, null, false, false) {
        private fun readResolve(): Any = Unwritable
    }

    private object TooLong : RuntimeException(null, null, false, false) {
        private fun readResolve(): Any = TooLong
    }

    companion object {
        /** Deeper is left out. */
        const val DEPTH_MAX = 64

        /** An event may have 64 KiB; more than this is not even written. */
        const val CHARS_MAX = 1 shl 20

        private const val HEX = "0123456789abcdef"
        private val NUMBER = Regex("-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?")
        private val TOO_LONG = "{\"x\":\"" + "x".repeat(1 shl 17) + "\"}"

        /** The JSON text of an object. */
        fun text(map: Map<String, Any?>): String {
            val json = Json()
            return try {
                json.value(map)
                json.out.toString()
            } catch (_: TooLong) {
                // So that the core counts it as what it is.
                TOO_LONG
            }
        }
    }
}
