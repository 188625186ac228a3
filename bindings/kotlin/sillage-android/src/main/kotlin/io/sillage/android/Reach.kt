package io.sillage.android

/**
 * Whether there is a network to send over, told when it changes. Android speaks of networks one by one, and forgets
 * to say that the old one is gone when it gives another. Safe from any thread.
 */
internal class Reach(private val tell: (isOnline: Boolean) -> Unit) {
    private val networks = HashSet<Any>()
    private val blocked = HashSet<Any>()
    private var isOnline = true

    /** Nobody has told of a network yet: there is none, unless one is told of. */
    fun none() = change { networks.clear() }

    /** This is the app's network now, and no other. */
    fun only(network: Any) = change {
        networks.clear()
        blocked.retainAll(setOf(network))
        networks.add(network)
    }

    /** There is this one, too. */
    fun also(network: Any) = change { networks.add(network) }

    fun lost(network: Any) = change {
        networks.remove(network)
        blocked.remove(network)
    }

    /** The app may not use it, as in the background when data are saved. */
    fun blocked(network: Any, isBlocked: Boolean) = change {
        if (isBlocked) blocked.add(network) else blocked.remove(network)
    }

    private fun change(by: () -> Unit) = synchronized(this) {
        by()
        val isNow = networks.any { it !in blocked }
        if (isNow != isOnline) {
            isOnline = isNow
            tell(isNow)
        }
    }
}
