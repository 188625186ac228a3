package io.sillage.example

import android.app.Application
import android.content.pm.PackageManager
import io.sillage.Sillage
import io.sillage.android.current
import io.sillage.android.init

/** The app. It tracks nothing before the person has agreed. */
class ShopApp : Application() {
    override fun onCreate() {
        super.onCreate()
        val told = packageManager.getApplicationInfo(packageName, PackageManager.GET_META_DATA).metaData
        val sillage = Sillage.init(this, told?.getString("sillage.writeKey").orEmpty()) {
            endpoint = told?.getString("sillage.endpoint") ?: endpoint
            consentRequired = listOf(ANALYTICS)
        }
        if (choices.contains(ANALYTICS)) sillage.consent(mapOf(ANALYTICS to isGranted))
    }

    /** What the person has answered, which the app keeps. */
    private val choices by lazy { getSharedPreferences("choices", MODE_PRIVATE) }

    var isGranted: Boolean
        get() = choices.getBoolean(ANALYTICS, false)
        set(granted) {
            choices.edit().putBoolean(ANALYTICS, granted).apply()
            Sillage.current?.consent(mapOf(ANALYTICS to granted))
        }

    private companion object {
        /** The category that the switch grants. */
        const val ANALYTICS = "analytics"
    }
}
