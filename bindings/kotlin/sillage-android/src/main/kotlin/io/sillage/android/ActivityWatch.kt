package io.sillage.android

import android.app.Activity
import android.app.Application
import android.os.Bundle

/** Hears of activities what counting and naming needs. What fails here stays here. */
internal class ActivityWatch(
    private val foreground: Foreground,
    private val screens: Screens,
    private val areScreens: Boolean,
    private val failed: (Throwable) -> Unit,
) : Application.ActivityLifecycleCallbacks {
    override fun onActivityStarted(activity: Activity) = guarded {
        foreground.started(activity)
        if (areScreens) activity.traits().screen()?.let(screens::came)
    }

    override fun onActivityResumed(activity: Activity) = guarded { foreground.used(activity) }

    override fun onActivityPaused(activity: Activity) = guarded { foreground.used(activity) }

    override fun onActivityStopped(activity: Activity) = guarded {
        val isRecreated = activity.isChangingConfigurations
        foreground.stopped(activity, isRecreated)
        if (isRecreated) screens.recreating()
    }

    override fun onActivityCreated(activity: Activity, state: Bundle?) = Unit

    override fun onActivitySaveInstanceState(activity: Activity, state: Bundle) = Unit

    override fun onActivityDestroyed(activity: Activity) = Unit

    private inline fun guarded(act: () -> Unit) = try {
        act()
    } catch (why: Throwable) {
        failed(why)
    }
}
