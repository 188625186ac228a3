package io.sillage

/** The library's own version. */
internal const val VERSION = "0.1.0"
