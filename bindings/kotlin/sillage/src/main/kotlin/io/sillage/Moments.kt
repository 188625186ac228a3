package io.sillage

import java.text.SimpleDateFormat
import java.time.Instant
import java.time.OffsetDateTime
import java.time.ZonedDateTime
import java.util.Calendar
import java.util.Date
import java.util.Locale
import java.util.TimeZone

/** Moments as ISO 8601 in UTC: `2026-11-22T10:00:00.000Z`. */
internal object Moments {
    /** Null for what is none. */
    fun text(value: Any): String? = when {
        value is Date -> format(value)
        value is Calendar -> format(value.time)
        // Old Androids have no such package, and may not meet its name.
        value.javaClass.name.startsWith("java.time.") -> Recent.text(value)
        else -> null
    }

    private fun format(date: Date): String {
        val format = SimpleDateFormat("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'", Locale.ROOT)
        format.timeZone = TimeZone.getTimeZone("UTC")
        return format.format(date)
    }

    private object Recent {
        fun text(value: Any): String = when (value) {
            is Instant -> value.toString()
            is OffsetDateTime -> value.toInstant().toString()
            is ZonedDateTime -> value.toInstant().toString()
            // A day, a time or a length is no moment: ISO 8601 as it is.
            else -> value.toString()
        }
    }
}
