@file:OptIn(HostApi::class)

package io.sillage

import java.util.Locale
import java.util.TimeZone

/** The context that all events share. */
internal class SharedContext(settings: Settings) {
    private val os = mapOf("name" to System.getProperty("os.name"), "version" to System.getProperty("os.version"))
    private var platform = settings.platform
    private var isReplaced = false
    private val kept: Map<String, Any?> = buildMap {
        put("library", mapOf("name" to settings.library, "version" to settings.libraryVersion))
        put("os", platform["os"] ?: os)
        val app = platform["app"] as? Map<*, *> ?: emptyMap<String, Any?>()
        val named = app + named("name" to settings.app, "version" to settings.appVersion)
        if (named.isNotEmpty()) put("app", named)
    }

    /** The whole of it, until the app or the platform says more. */
    @Synchronized
    fun byDefault(): Map<String, Any?> {
        val here = mapOf("locale" to Locale.getDefault().toLanguageTag(), "timezone" to TimeZone.getDefault().id)
        return kept + here + platform + kept
    }

    /** The whole of it: what the app has [said], under what is always kept. */
    @Synchronized
    fun with(said: Map<String, Any?>): Map<String, Any?> {
        isReplaced = true
        return kept + said + kept
    }

    /** The whole of it after something [changed] on the platform; null if the app has replaced what that was. */
    @Synchronized
    fun platform(changed: Map<String, Any?>): Map<String, Any?>? {
        platform = platform + changed
        return if (isReplaced) null else byDefault()
    }

    private fun named(vararg members: Pair<String, String?>) = members.filter { it.second != null }.toMap()
}
