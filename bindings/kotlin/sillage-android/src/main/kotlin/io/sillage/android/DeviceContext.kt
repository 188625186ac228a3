package io.sillage.android

import android.content.Context
import android.content.pm.PackageInfo
import android.content.pm.PackageManager
import android.content.res.Resources
import android.os.Build
import android.telephony.TelephonyManager

/** What is known of app and device: nothing that asks for a permission, or tells two devices of a kind apart. */
internal class DeviceContext(private val context: Context) {
    private val info: PackageInfo? = try {
        context.packageManager.getPackageInfo(context.packageName, 0)
    } catch (_: PackageManager.NameNotFoundException) {
        null
    }

    val appName: String by lazy {
        val app = context.applicationInfo
        val label = if (app.labelRes != 0) context.inAppLanguage(app.labelRes) else app.nonLocalizedLabel?.toString()
        label ?: context.packageName
    }

    val appVersion: AppVersion get() = AppVersion(info?.versionName.orEmpty(), build())

    /** Segment's `app`, `device`, `os` and `screen`. */
    fun all(): Map<String, Any?> = mapOf(
        "app" to mapOf("build" to build(), "namespace" to context.packageName),
        "device" to mapOf("manufacturer" to Build.MANUFACTURER, "model" to Build.MODEL, "type" to "android"),
        "os" to mapOf("name" to "Android", "version" to Build.VERSION.RELEASE),
        "screen" to screen(),
    )

    /** The carrier's name, or empty. */
    fun carrier(): String {
        val phone = context.getSystemService(Context.TELEPHONY_SERVICE) as? TelephonyManager
        return phone?.networkOperatorName.orEmpty()
    }

    private fun screen(): Map<String, Any?> {
        val screen = Resources.getSystem().displayMetrics
        return mapOf("width" to screen.widthPixels, "height" to screen.heightPixels, "density" to screen.density)
    }

    @Newer
    @Suppress("DEPRECATION")
    private fun build(): String = when {
        info == null -> ""
        Build.VERSION.SDK_INT >= 28 -> info.longVersionCode.toString()
        else -> info.versionCode.toString()
    }
}
