package io.sillage

/**
 * What became of every event of an installation. At every moment: [created] = [acknowledged] + [pending] + all of
 * [rejected], [dropped] and [unsure].
 */
data class Ledger(
    /** Events created, dropped ones included. */
    val created: Long = 0,
    /** Known to be accepted, or to have been before. */
    val acknowledged: Long = 0,
    /** Known to be refused, by the collector's code. */
    val rejected: Map<String, Long> = emptyMap(),
    /** Given up, and certainly never arrived, by reason. */
    val dropped: Map<String, Long> = emptyMap(),
    /** Given up after a try whose answer never came, by reason: they may have arrived. */
    val unsure: Map<String, Long> = emptyMap(),
    /** Queued. */
    val pending: Long = 0,
)
