@file:OptIn(HostApi::class)

package io.sillage

import java.util.Locale
import java.util.TimeZone

/** The context that all events share. */
internal class SharedContext(settings: Settings) {
    private val os = mapOf("name" to System.getProperty("os.name"), "version" to System.getProperty("os.version"))
    private val platform = settings.platform
    private val kept: Map<String, Any?> = buildMap {
        put("library", mapOf("name" to settings.library, "version" to settings.libraryVersion))
        put("os", platform["os"] ?: os)
        if (settings.app != null || settings.appVersion != null) {
            put("app", named("name" to settings.app, "version" to settings.appVersion))
        }
    }

    /** Beside what is always kept. */
    val byDefault: Map<String, Any?> =
        mapOf("locale" to Locale.getDefault().toLanguageTag(), "timezone" to TimeZone.getDefault().id) + platform

    /** The whole of it: what is [said], under what is always kept. */
    fun with(said: Map<String, Any?>): Map<String, Any?> = kept + said + kept

    private fun named(vararg members: Pair<String, String?>) = members.filter { it.second != null }.toMap()
}
