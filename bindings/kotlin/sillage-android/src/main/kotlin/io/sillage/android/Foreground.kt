package io.sillage.android

import java.util.Collections
import java.util.WeakHashMap

/**
 * Whether the app is in front of a person: one of its activities is started.
 *
 * A rotation stops an activity and starts it anew; in between the app was not left. For the main thread only.
 */
internal class Foreground(private val entered: (Entry) -> Unit, private val left: () -> Unit) {
    /** How the app came to the front. */
    enum class Entry {
        /** For the first time in this process. */
        LAUNCH,
        RETURN,
    }

    /** Themselves and not their number: an activity may have been started before anybody watched. */
    private val started = Collections.newSetFromMap(WeakHashMap<Any, Boolean>())
    private var isInFront = false
    private var wasInFront = false

    fun started(activity: Any) {
        started.add(activity)
        if (isInFront) return
        isInFront = true
        val entry = if (wasInFront) Entry.RETURN else Entry.LAUNCH
        wasInFront = true
        entered(entry)
    }

    /** An activity is in use; tells of one that was started before anybody watched. */
    fun used(activity: Any) {
        if (activity !in started) started(activity)
    }

    fun stopped(activity: Any, isRecreated: Boolean) {
        started.remove(activity)
        if (started.isNotEmpty() || isRecreated || !isInFront) return
        isInFront = false
        left()
    }
}
