package io.sillage

/** Something that happened inside. */
sealed class Signal {
    /** A collector has settled [count] events: accepted, or known before. */
    data class Delivered(val count: Int) : Signal()

    /** A collector has refused the event numbered [seq]; it can be found among the dead letters there. */
    data class Rejected(val seq: Long, val code: String) : Signal()

    /** So many events were given up, and are counted; the reasons stand in `docs/SDK.md`. */
    data class Dropped(val reason: String, val count: Int) : Signal()

    /** Something answered that is no collector: a captive portal, a proxy. */
    data class ForeignAnswer(val status: Int) : Signal()

    /** The collector does not want this client for now: look at key and address. */
    data class Held(val status: Int) : Signal()

    /** The collector wants nothing more of this process. */
    object Stopped : Signal() {
        override fun toString() = "Stopped"
    }

    /** Events could not be written; they are kept in memory, delivered, and written once they can be. */
    data class StorageFailed(val detail: String) : Signal()

    /** Nothing is tracked: the client could not start, or a defect was met inside. The log says which. */
    object Disabled : Signal() {
        override fun toString() = "Disabled"
    }
}

/** Hears signals, for callers from Java. */
fun interface SignalListener {
    /** One was given. */
    fun heard(signal: Signal)
}
