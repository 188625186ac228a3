package io.sillage.android

/** A screen as a person sees it. */
internal data class Screen(val name: String, val properties: Map<String, Any?> = emptyMap(), val category: String = "")

/**
 * Tells of screens, once each time they come up: one that a rotation draws anew is not told again.
 * For the main thread only.
 */
internal class Screens(private val tell: (Screen) -> Unit) {
    private var ofActivity = ""
    private var last = ""
    private val drawnAnew = HashSet<String>()

    /** An activity has come up. */
    fun came(screen: Screen) {
        ofActivity = screen.name
        saw(screen)
    }

    /** Something within an activity has come up, or an activity. */
    fun saw(screen: Screen) {
        if (drawnAnew.remove(screen.name)) return
        drawnAnew.clear()
        last = screen.name
        tell(screen)
    }

    /** What is seen is about to be drawn anew: the activity and what was shown in it. */
    fun recreating() {
        drawnAnew.clear()
        drawnAnew.addAll(listOf(ofActivity, last).filter { it.isNotEmpty() })
    }
}
