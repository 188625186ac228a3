package io.sillage

/** Text as it may leave the device: halves of surrogate pairs become U+FFFD. */
internal fun wellFormed(text: String): String {
    for (at in text.indices) if (text[at].isSurrogate()) return Utf8(text.length * 3).apply { text(text) }.toString()
    return text
}
