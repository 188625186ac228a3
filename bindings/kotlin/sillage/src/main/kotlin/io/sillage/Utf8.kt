package io.sillage

/** Bytes of UTF-8 that grow. Not for several threads at once. */
internal class Utf8(bytes: Int = 512) {
    var bytes = ByteArray(bytes)
        private set
    var length = 0
        private set

    /** Takes back what was written after [mark]. */
    fun cut(mark: Int) {
        length = mark
    }

    /** Empties it, and lets go of a buffer that once was large. */
    fun clear() {
        length = 0
        if (bytes.size > KEPT_MAX) bytes = ByteArray(512)
    }

    fun byte(byte: Char) = byte(byte.code)

    fun byte(byte: Int) {
        room(1)
        bytes[length++] = byte.toByte()
    }

    /** Text that is ASCII. */
    fun ascii(text: String) {
        room(text.length)
        for (at in text.indices) bytes[length + at] = text[at].code.toByte()
        length += text.length
    }

    /** Four bytes, the highest first. */
    fun int(number: Int) {
        room(4)
        length += 4
        putInt(length - 4, number)
    }

    /** As [int], in the place of what stands [at]. */
    fun putInt(at: Int, number: Int) {
        bytes[at] = (number ushr 24).toByte()
        bytes[at + 1] = (number ushr 16).toByte()
        bytes[at + 2] = (number ushr 8).toByte()
        bytes[at + 3] = number.toByte()
    }

    /** Any text; halves of surrogate pairs become U+FFFD. */
    fun text(text: String) {
        room(text.length * 3)
        var at = 0
        while (at < text.length) at = sign(text, at)
    }

    /** Text between quotes, as JSON has it. */
    fun quoted(text: String) {
        // A control character takes six.
        room(text.length * 6 + 2)
        bytes[length++] = QUOTE
        var at = 0
        while (at < text.length) {
            val sign = text[at].code
            if (sign in 0x20..0x7f && sign != '"'.code && sign != '\\'.code) {
                bytes[length++] = sign.toByte()
                at += 1
            } else if (sign > 0x7f) {
                at = sign(text, at)
            } else {
                escaped(text[at])
                at += 1
            }
        }
        bytes[length++] = QUOTE
    }

    private fun escaped(sign: Char) {
        when (sign) {
            '"' -> ascii("\\\"")
            '\\' -> ascii("\\\\")
            '\n' -> ascii("\\n")
            '\r' -> ascii("\\r")
            '\t' -> ascii("\\t")
            else -> {
                ascii("\\u00")
                byte(HEX[sign.code shr 4])
                byte(HEX[sign.code and 15])
            }
        }
    }

    /** Writes what begins at [at], for which there is room; gives what comes after it. */
    private fun sign(text: String, at: Int): Int {
        val sign = text[at]
        val code = sign.code
        when {
            code < 0x80 -> bytes[length++] = code.toByte()
            code < 0x800 -> {
                bytes[length++] = (0xc0 or (code shr 6)).toByte()
                tail(code)
            }
            !sign.isSurrogate() -> three(code)
            sign.isHighSurrogate() && at + 1 < text.length && text[at + 1].isLowSurrogate() -> {
                four(Character.toCodePoint(sign, text[at + 1]))
                return at + 2
            }
            else -> three(0xfffd)
        }
        return at + 1
    }

    private fun three(code: Int) {
        bytes[length++] = (0xe0 or (code shr 12)).toByte()
        tail(code shr 6)
        tail(code)
    }

    private fun four(code: Int) {
        bytes[length++] = (0xf0 or (code shr 18)).toByte()
        tail(code shr 12)
        tail(code shr 6)
        tail(code)
    }

    private fun tail(code: Int) {
        bytes[length++] = (0x80 or (code and 0x3f)).toByte()
    }

    private fun room(more: Int) {
        val needed = length + more
        if (needed < 0) throw IndexOutOfBoundsException("more than an array holds")
        if (needed > bytes.size) bytes = bytes.copyOf(maxOf(needed, bytes.size * 2))
    }

    override fun toString() = String(bytes, 0, length, Charsets.UTF_8)

    private companion object {
        /** Bytes that stay allocated between calls. */
        const val KEPT_MAX = 64 * 1024
        const val QUOTE = '"'.code.toByte()
        const val HEX = "0123456789abcdef"
    }
}
