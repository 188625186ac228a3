package io.sillage

import io.sillage.ffi.EventOptions as NativeOptions

/** What an app says, as it crosses. Java may say null where Kotlin cannot: then nothing was said. */
internal object Words {
    fun text(said: String?): String = wellFormed(said ?: "")

    fun json(said: Map<String, Any?>?): String = if (said.isNullOrEmpty()) "" else Json.text(said)

    fun options(said: EventOptions?): NativeOptions? = said?.run {
        NativeOptions(
            context = json(context),
            userId = userId?.let(::text),
            anonymousId = anonymousId?.let(::text),
            timestampMs = timestamp?.time,
            messageId = messageId?.let(::text),
        )
    }
}
