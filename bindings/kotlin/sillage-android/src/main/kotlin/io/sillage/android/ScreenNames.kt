package io.sillage.android

import android.app.Activity
import android.content.Context
import android.content.pm.PackageManager
import android.content.res.Configuration
import java.util.Locale

/** What an activity is called as a screen. Empty: it is none, as one that only shows fragments or Compose. */
@Target(AnnotationTarget.CLASS)
@Retention(AnnotationRetention.RUNTIME)
annotation class ScreenName(val name: String)

/** For an activity that says itself what it shows, each time it comes up. */
interface NamedScreen {
    /** Its name; null: it is no screen. */
    val screenName: String?

    /** More of it. */
    val screenProperties: Map<String, Any?> get() = emptyMap()
}

/** What is known of an activity that its name can be made of. */
internal class ActivityTraits(val type: Class<*>, val self: Any, private val manifestLabel: () -> String?) {
    /**
     * The activity's own word, else the class's annotation, else the manifest's label, else the class without
     * `Activity`. Never the title that is on the screen: apps put persons' names there.
     */
    fun screen(): Screen? {
        if (self is NamedScreen) return self.screenName?.let { Screen(it, self.screenProperties) }
        val name = type.getAnnotation(ScreenName::class.java)?.name ?: manifestLabel() ?: ofClass()
        return if (name.isEmpty()) null else Screen(name)
    }

    private fun ofClass() = type.simpleName.let { name -> name.removeSuffix("Activity").ifEmpty { name } }
}

internal fun Activity.traits() = ActivityTraits(javaClass, this) { manifestLabel() }

/** The label that the manifest gives to this very activity, in the app's own language and not the person's. */
private fun Activity.manifestLabel(): String? {
    val info = try {
        packageManager.getActivityInfo(componentName, 0)
    } catch (_: PackageManager.NameNotFoundException) {
        return null
    }
    val label = if (info.labelRes != 0) inAppLanguage(info.labelRes) else info.nonLocalizedLabel?.toString()
    val isOfApp = info.labelRes == info.applicationInfo.labelRes && info.labelRes != 0
    return label?.takeUnless { isOfApp || it.isBlank() }
}

internal fun Context.inAppLanguage(text: Int): String? = try {
    val plain = Configuration(resources.configuration).apply { setLocale(Locale.ROOT) }
    createConfigurationContext(plain).getString(text)
} catch (_: android.content.res.Resources.NotFoundException) {
    null
}
