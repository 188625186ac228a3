package io.sillage.testing

import com.google.gson.JsonElement
import com.google.gson.JsonObject
import io.sillage.ffi.Config
import io.sillage.ffi.ConsentRule
import io.sillage.ffi.PrivacySignal
import io.sillage.ffi.SampleRate

/** A scenario's settings: a preset and what differs from it. */
fun config(said: JsonObject): Config {
    val config = when (val preset = said["preset"].asString) {
        "native" -> Config()
        // What the native preset is not.
        "web" -> Config(batchAgeMs = 5_000u, batchBytesMax = 28_000u, leavingBatchesMax = 2u)
        else -> error("preset $preset")
    }
    for ((key, value) in said.entrySet()) if (key != "preset") config.set(key, value)
    return config
}

private fun Config.set(key: String, value: JsonElement) {
    when (key) {
        "batchEvents" -> batchEvents = value.asInt.toUInt()
        "batchAgeMs" -> batchAgeMs = value.asLong.toULong()
        "batchEventsMax" -> batchEventsMax = value.asInt.toUInt()
        "batchBytesMax" -> batchBytesMax = value.asInt.toUInt()
        "queueEventsMax" -> queueEventsMax = value.asInt.toUInt()
        "queueBytesMax" -> queueBytesMax = value.asInt.toUInt()
        "queueAgeMaxMs" -> queueAgeMaxMs = value.asLong.toULong()
        "waitingEventsMax" -> waitingEventsMax = value.asInt.toUInt()
        "waitingBytesMax" -> waitingBytesMax = value.asInt.toUInt()
        "leavingBatchesMax" -> leavingBatchesMax = value.asInt.toUInt()
        "sessionIdleMs" -> sessionIdleMs = value.asLong.toULong()
        "sessionMaxMs" -> sessionMaxMs = value.asLong.toULong()
        "eventsKeptLongest" -> eventsKeptLongest = names(value)
        "eventsDroppedFirst" -> eventsDroppedFirst = names(value)
        "sampling" -> sampling = value.asJsonObject.asMap().map { (event, share) -> SampleRate(event, share.asDouble) }
        "consentRequired" -> consentRequired = names(value)
        "consentByEvent" ->
            consentByEvent = value.asJsonObject.asMap().map { (event, needed) -> ConsentRule(event, names(needed)) }
        "gpc" -> gpc = PrivacySignal.valueOf(value.asString.uppercase())
        "dnt" -> dnt = PrivacySignal.valueOf(value.asString.uppercase())
        else -> error("what is $key?")
    }
}

private fun names(value: JsonElement) = value.asJsonArray.map { it.asString }
