package io.sillage.android

import io.sillage.Settings

/**
 * How a client is started in an app. What stays unset is the app's own: [folder] is `sillage` among the files that are
 * not backed up, so that no second device takes over this one's ids; [app] and [appVersion] are the manifest's.
 */
class AndroidSettings : Settings() {
    /** Whether each activity that comes up is a screen; its name: [ScreenName]. */
    var trackScreens: Boolean = true

    /** Whether Segment's `Application Installed`, `Updated`, `Opened` and `Backgrounded` are tracked. */
    var trackLifecycle: Boolean = true

    /** Whether WorkManager finishes the delivery after the app was left. */
    var flushInBackground: Boolean = true
}
