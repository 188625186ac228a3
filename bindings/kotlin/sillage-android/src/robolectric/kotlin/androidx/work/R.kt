@file:Suppress("ClassName", "unused")

package androidx.work

import android.content.res.Resources

/** What the Android build makes of WorkManager's resources: here, something of the system's own that is false. */
class R {
    object bool {
        @JvmField
        val workmanager_test_configuration: Int =
            Resources.getSystem().getIdentifier("config_allowTheaterModeWakeFromKey", "bool", "android")
    }
}
