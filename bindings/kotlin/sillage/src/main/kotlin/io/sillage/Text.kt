package io.sillage

/** Text as it may leave the device: halves of surrogate pairs become U+FFFD. */
internal fun wellFormed(text: String): String {
    for (at in text.indices) if (text[at].isSurrogate()) return mended(text)
    return text
}

private fun mended(text: String): String {
    val out = StringBuilder(text.length)
    var at = 0
    while (at < text.length) {
        val isPair = text[at].isHighSurrogate() && at + 1 < text.length && text[at + 1].isLowSurrogate()
        when {
            isPair -> out.append(text[at++]).append(text[at])
            text[at].isSurrogate() -> out.append('\uFFFD')
            else -> out.append(text[at])
        }
        at += 1
    }
    return out.toString()
}
