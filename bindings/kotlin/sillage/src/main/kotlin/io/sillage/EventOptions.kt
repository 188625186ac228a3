package io.sillage

import java.util.Date

/** What can be said of one event, besides what it is. */
class EventOptions @JvmOverloads constructor(
    /** Laid over the shared context. */
    var context: Map<String, Any?> = emptyMap(),
    /**
     * The event is about this person and not about this device's. With [anonymousId]: one of both, or both, as a
     * server has it that speaks of many.
     */
    var userId: String? = null,
    /** As [userId]. */
    var anonymousId: String? = null,
    /** When it happened, by the device's clock. None: now. */
    var timestamp: Date? = null,
    /** A UUID made by the caller: the same event told twice counts once. What is no UUID is left out. */
    var messageId: String? = null,
)
