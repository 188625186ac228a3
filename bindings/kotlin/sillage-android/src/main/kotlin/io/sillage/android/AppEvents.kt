package io.sillage.android

/** The app's version, as Segment's events about an app carry it. */
internal data class AppVersion(val version: String, val build: String) {
    fun properties(prefix: String = "") = mapOf("${prefix}version" to version, "${prefix}build" to build)
}

/**
 * What Segment calls life cycle events: `Application Installed`, `Updated`, `Opened`, `Backgrounded`. Without the
 * `url` that an app was opened with: such links carry tokens.
 */
internal class AppEvents(
    private val version: AppVersion,
    private val track: (event: String, properties: Map<String, Any?>) -> Unit,
) {
    /** The app runs, and ran as [before] the last time; null: it never did. */
    fun runs(before: AppVersion?) = when (before) {
        version -> Unit
        null -> track("Application Installed", version.properties())
        else -> track("Application Updated", before.properties("previous_") + version.properties())
    }

    fun opened(entry: Foreground.Entry) {
        val isReturn = entry == Foreground.Entry.RETURN
        track("Application Opened", mapOf("from_background" to isReturn) + version.properties())
    }

    fun left() = track("Application Backgrounded", emptyMap())
}
