package io.sillage

import io.sillage.ffi.Call
import io.sillage.ffi.EventOptions

/** Calls that come before a client has started elsewhere. They are given to it in their order. */
internal class WaitingRoom {
    private var calls: ArrayDeque<Call>? = ArrayDeque()
    private var after: ((Call) -> Unit)? = null
    private var dropped = 0L

    /** Whether the client is to end as soon as it has started. */
    var isToEnd = false
        @Synchronized get
        private set

    /** Calls that wait. */
    val size: Long @Synchronized get() = calls?.size?.toLong() ?: 0

    /** Keeps a call, with the time that it is now; after [open], gives it on. */
    @Synchronized
    fun take(call: Call) {
        val calls = calls
        when {
            calls == null -> after?.invoke(call)
            isToEnd -> Unit
            calls.size < CALLS_MAX -> calls.add(call.at(System.currentTimeMillis()))
            else -> dropped += 1
        }
    }

    /** Gives all that waits to [give], then says [opened]; what comes in between waits for both. */
    @Synchronized
    fun open(give: (Call) -> Unit, opened: () -> Unit) {
        calls?.forEach(give)
        calls = null
        after = give
        opened()
    }

    /** What there was no room for, if anything. */
    @Synchronized
    fun loss(): Signal? = if (dropped > 0) Signal.Dropped(REASON, dropped.toInt()) else null

    /** Nothing waits any more, for there will be no client. */
    @Synchronized
    fun close() {
        calls = null
    }

    /** The client is to end once it has started. */
    @Synchronized
    fun endSoon() {
        if (calls != null) isToEnd = true
    }

    /** A client knows nothing of what was dropped before it was. */
    @Synchronized
    fun countedIn(ledger: Ledger): Ledger {
        if (dropped == 0L) return ledger
        val dropped = ledger.dropped + (REASON to (ledger.dropped[REASON] ?: 0) + dropped)
        return ledger.copy(created = ledger.created + this.dropped, dropped = dropped)
    }

    private fun Call.at(ms: Long): Call = when (this) {
        is Call.Track -> copy(options = options.at(ms))
        is Call.Page -> copy(options = options.at(ms))
        is Call.Screen -> copy(options = options.at(ms))
        is Call.Identify -> copy(options = options.at(ms))
        is Call.Group -> copy(options = options.at(ms))
        is Call.Alias -> copy(options = options.at(ms))
        else -> this
    }

    private fun EventOptions?.at(ms: Long): EventOptions {
        val options = this ?: EventOptions()
        return if (options.timestampMs == null) options.copy(timestampMs = ms) else options
    }

    companion object {
        /** As many as the core lets wait for storage. */
        const val CALLS_MAX = 1_000

        /** The core's word for the same. */
        private const val REASON = "waiting_full"
    }
}
