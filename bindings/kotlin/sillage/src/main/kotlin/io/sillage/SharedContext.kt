@file:OptIn(HostApi::class)

package io.sillage

import java.util.Locale
import java.util.TimeZone

/** The context that all events share. */
internal class SharedContext(settings: Settings) {
    private val os = mapOf("name" to System.getProperty("os.name"), "version" to System.getProperty("os.version"))
    private var platform = settings.platform
    private var said = emptyMap<String, Any?>()
    private val kept: Map<String, Any?> = buildMap {
        put("library", mapOf("name" to settings.library, "version" to settings.libraryVersion))
        put("os", platform["os"] ?: os)
        val app = platform["app"] as? Map<*, *> ?: emptyMap<String, Any?>()
        val named = app + named("name" to settings.app, "version" to settings.appVersion)
        if (named.isNotEmpty()) put("app", named)
    }

    /** The whole of it: what is known here, under what the app has said, under what is always kept. */
    @Synchronized
    fun whole(): Map<String, Any?> {
        val here = mapOf("locale" to Locale.getDefault().toLanguageTag(), "timezone" to TimeZone.getDefault().id)
        return kept + here + platform + said + kept
    }

    /** The whole of it, now that the app has [said] this instead of what it said before. */
    @Synchronized
    fun with(said: Map<String, Any?>): Map<String, Any?> {
        this.said = said.toMap()
        return whole()
    }

    /** The whole of it after something [changed] on the platform. */
    @Synchronized
    fun platform(changed: Map<String, Any?>): Map<String, Any?> {
        platform = platform + changed
        return whole()
    }

    private fun named(vararg members: Pair<String, String?>) = members.filter { it.second != null }.toMap()
}
