package io.sillage.testing

import com.google.gson.JsonArray
import com.google.gson.JsonElement
import com.google.gson.JsonNull
import com.google.gson.JsonObject
import com.google.gson.JsonParser
import com.google.gson.JsonPrimitive
import io.sillage.Json
import io.sillage.ffi.Action
import io.sillage.ffi.Call
import io.sillage.ffi.EventOptions
import io.sillage.ffi.Ledger
import io.sillage.ffi.Lifecycle
import io.sillage.ffi.Now
import io.sillage.ffi.Record
import io.sillage.ffi.Reply
import io.sillage.ffi.Signal
import io.sillage.ffi.Tracker
import java.util.TreeMap
import java.util.zip.CRC32

private const val WALL_START = 1_795_341_600_000L
private const val MONO_START = 1_000L

/** Plays one file of `tests/fixtures/scenarios` and says what is not as it must be. */
class Player(private val name: String, private val scenario: JsonObject) {
    private val config = config(scenario["config"].asJsonObject)
    private var starts = 0
    private var wallJump = 0L
    private lateinit var tracker: Tracker
    private val stored = TreeMap<ULong, ByteArray>()
    private val batchIds = HashMap<Long, String>()
    private val bodies = ArrayList<JsonObject>()
    private val notices = JsonArray()

    /** What is wrong, as lines; none if it is as it must be. */
    fun play(): List<String> {
        val wrong = ArrayList<String>()
        boot(0)
        scenario["steps"].asJsonArray.map { it.asJsonObject }.forEachIndexed { index, step ->
            val given = step(step["input"].asJsonObject, step["at"].asLong)
            val expected = step["actions"]
            if (canonical(given) != canonical(expected)) {
                wrong += "$name, step $index: ${step["input"]}\n  expected $expected\n  given    $given"
            }
            if (!isBalanced(tracker.state().ledger)) wrong += "$name, step $index: the ledger is not balanced"
        }
        return wrong + unmet(scenario["claims"].asJsonObject)
    }

    /** Begins a process; its clocks go on. */
    private fun boot(at: Long) {
        starts += 1
        tracker = Tracker(config, ByteArray(32) { starts.toByte() }, now(at))
    }

    private fun now(at: Long) = Now(WALL_START + wallJump + at, (at + MONO_START).toULong())

    private fun step(input: JsonObject, at: Long): JsonArray {
        val (kind, said) = input.entrySet().single()
        val now = now(at)
        if (kind in CALLS) {
            val call = eventCall(kind, said.asJsonObject)
            repeat(said.asJsonObject["times"]?.asInt ?: 1) { tracker.call(now, call) }
        } else when (kind) {
            "reset" -> tracker.call(now, Call.Reset)
            "tick" -> tracker.tick(now)
            "context" -> tracker.call(now, Call.Context(text(said)))
            "consent" -> tracker.call(now, Call.Consent(said.asJsonObject.asMap().mapValues { it.value.asBoolean }))
            "privacy" -> tracker.call(now, Call.Privacy(said.isTrue("gpc"), said.isTrue("dnt")))
            "lifecycle" -> tracker.call(now, Call.Lifecycle(Lifecycle.valueOf(said.asString.uppercase())))
            "wall" -> wallJump += said.asLong
            "restored" -> restore(now, said)
            "restart" -> {
                boot(at)
                restore(now, said)
            }
            "reply" -> reply(now, said.asJsonObject)
            else -> error("$name: what is $kind?")
        }
        return drained()
    }

    private fun eventCall(kind: String, said: JsonObject): Call {
        val options = options(said)
        val json = json(said)
        return when (kind) {
            "track" -> Call.Track(said.word("event"), json, options)
            "page" -> Call.Page(said.word("name"), said.word("category"), json, options)
            "screen" -> Call.Screen(said.word("name"), said.word("category"), json, options)
            "identify" -> Call.Identify(said.word("userId"), json, options)
            "group" -> Call.Group(said.word("groupId"), json, options)
            else -> Call.Alias(said.word("userId"), options)
        }
    }

    private fun options(said: JsonObject): EventOptions {
        val subject = said["subject"]?.asJsonObject
        return EventOptions(
            context = said["context"]?.let(::text).orEmpty(),
            userId = subject?.word("userId"),
            anonymousId = subject?.word("anonymousId"),
            timestampMs = said["time"]?.asLong,
            messageId = said["messageId"]?.asString,
        )
    }

    /** Text is given as it is, so that it may be no JSON. */
    private fun json(said: JsonObject): String {
        said["propertiesBytes"]?.let { return """{"x":"${"x".repeat(it.asInt)}"}""" }
        val given = said["traits"] ?: said["properties"] ?: return ""
        return if (given is JsonPrimitive && given.isString) given.asString else text(given)
    }

    private fun reply(now: Now, said: JsonObject) {
        val send = said["send"].asLong
        val body = said["body"].let { if (it is JsonPrimitive) it.asString else it?.toString().orEmpty() }
        val reply = when {
            said.has("status") -> Reply.Answer(
                status = said["status"].asInt.toUShort(),
                contentType = said["contentType"]?.asString ?: "application/json",
                retryAfter = said.word("retryAfter"),
                body = body.replace("\$batchId", batchIds[send].orEmpty()).toByteArray(),
            )
            said.word("outcome") == "unsent" -> Reply.Unsent
            else -> Reply.Lost
        }
        tracker.reply(now, send.toULong(), reply)
    }

    /** Gives what storage holds, but for what the scenario says is gone. */
    private fun restore(now: Now, said: JsonElement) {
        val told = said as? JsonObject ?: JsonObject()
        val gone = told["without"]?.asJsonArray?.map { it.asString }.orEmpty()
        stored.keys.removeIf { keyName(it) in gone }
        val records = stored.map { (key, value) -> Record(key, value) }
        val witness = told["witness"]?.asLong ?: 0
        tracker.restored(now, records, witness.toULong(), told["install"]?.asString, told["anonymousId"]?.asString)
    }

    private fun drained() = JsonArray().apply { tracker.poll().forEach { add(told(it)) } }

    private fun told(action: Action): JsonObject = when (action) {
        is Action.Persist -> {
            stored[action.key] = action.value
            obj("persist" to keyName(action.key), "bytes" to action.value.size, "crc32" to crc32(action.value))
        }
        is Action.Forget -> {
            stored.remove(action.key)
            obj("forget" to keyName(action.key))
        }
        is Action.Send -> {
            val body = JsonParser.parseString(String(action.body)).asJsonObject
            val send = action.send.toLong()
            batchIds[send] = body["sillage"].asJsonObject["batchId"].asString
            bodies += body
            val way = if (action.leaving) "leaving" else "usual"
            obj("send" to send, "way" to way, "crc32" to crc32(action.body), "body" to body)
        }
        is Action.WakeAt -> obj("wakeAt" to action.monoMs.toLong() - MONO_START)
        is Action.Segments -> notice(obj("segmentsChanged" to list(action.segments)))
        is Action.Told -> notice(told(action.signal))
    }

    private fun notice(told: JsonElement): JsonObject {
        notices.add(told)
        return obj("notice" to told)
    }

    private fun told(signal: Signal): JsonElement = when (signal) {
        is Signal.Delivered -> obj("delivered" to signal.count.toLong())
        is Signal.Rejected -> obj("rejected" to obj("seq" to signal.seq.toLong(), "code" to signal.code))
        is Signal.Dropped -> obj("dropped" to obj("reason" to signal.reason, "count" to signal.count.toLong()))
        is Signal.ForeignAnswer -> obj("foreignAnswer" to signal.status.toInt())
        is Signal.Held -> obj("held" to signal.status.toInt())
        Signal.Stopped -> JsonPrimitive("stopped")
        is Signal.StorageFailed, Signal.Disabled -> error("$name: the core does not say $signal")
    }

    /** What a person claimed of the whole scenario, and is not so. */
    private fun unmet(claims: JsonObject): List<String> {
        if (claims.size() == 0) return listOf("$name: no claims")
        val known = known()
        return claims.entrySet().mapNotNull { (what, claimed) ->
            val found = if (what.startsWith("body ")) part(what) else known[what]
            if (canonical(found) == canonical(claimed)) null else "$name: claims $what = $claimed, is $found"
        }
    }

    /** `body 1 /batch/0/event`: part of the second body that was sent. */
    private fun part(what: String): JsonElement? {
        val (_, index, pointer) = what.split(' ', limit = 3)
        val body: JsonElement? = bodies.getOrNull(index.toInt())
        return pointer.split('/').drop(1).fold(body) { part, step ->
            when (part) {
                is JsonObject -> part[step]
                is JsonArray -> step.toIntOrNull()?.let { if (it < part.size()) part[it] else null }
                else -> null
            }
        }
    }

    private fun known(): JsonObject {
        val state = tracker.state()
        val ledger = state.ledger
        return obj(
            "created" to ledger.created.toLong(),
            "acknowledged" to ledger.acknowledged.toLong(),
            "pending" to ledger.pending.toLong(),
            "rejected" to counts(ledger.rejected),
            "dropped" to counts(ledger.dropped),
            "unsure" to counts(ledger.unsure),
            "waiting" to state.waiting.toLong(),
            "idle" to state.isIdle,
            "userId" to state.userId,
            "segments" to list(state.segments),
            "sends" to bodies.size,
            "eventsSent" to JsonArray().apply { bodies.forEach { add(it["batch"].asJsonArray.size()) } },
            "notices" to notices,
            "stored" to list(stored.keys.map(::keyName)),
        )
    }

    private companion object {
        val CALLS = setOf("track", "page", "screen", "identify", "group", "alias")
    }
}

/** As the face writes it. */
private fun text(value: JsonElement) = Json.text(value.asJsonObject.asMap().mapValues { plain(it.value) })

private fun plain(value: JsonElement): Any? = when (value) {
    is JsonObject -> value.asMap().mapValues { plain(it.value) }
    is JsonArray -> value.map(::plain)
    is JsonPrimitive -> if (value.isNumber) value.asNumber else if (value.isBoolean) value.asBoolean else value.asString
    else -> null
}

private fun JsonObject.word(member: String): String = this[member]?.asString.orEmpty()

private fun JsonElement.isTrue(member: String) = asJsonObject[member]?.asBoolean == true

private fun isBalanced(ledger: Ledger): Boolean {
    val settled = listOf(ledger.rejected, ledger.dropped, ledger.unsure).flatMap { it.values }.sum()
    return ledger.created == ledger.acknowledged + ledger.pending + settled
}

private fun keyName(key: ULong): String {
    val number = key.toLong()
    return when {
        number >= 1L shl 33 -> "event:${number - (1L shl 33)}"
        number >= 1L shl 32 -> "head:${number - (1L shl 32)}"
        else -> listOf("state", "segments")[number.toInt()]
    }
}

private fun crc32(bytes: ByteArray) = "%08x".format(CRC32().apply { update(bytes) }.value)

private fun counts(counts: Map<String, ULong>) =
    JsonObject().apply { counts.forEach { (name, count) -> addProperty(name, count.toLong()) } }

private fun list(texts: List<String>) = JsonArray().apply { texts.forEach(::add) }

private fun obj(vararg members: Pair<String, Any>) = JsonObject().apply {
    for ((name, value) in members) add(
        name,
        when (value) {
            is JsonElement -> value
            is Number -> JsonPrimitive(value)
            is Boolean -> JsonPrimitive(value)
            else -> JsonPrimitive(value.toString())
        },
    )
}

/** A value that equals another exactly if both say the same; the order of members says nothing. */
private fun canonical(value: JsonElement?): Any? = when (value) {
    null, is JsonNull -> null
    is JsonObject -> value.asMap().mapValues { canonical(it.value) }
    is JsonArray -> value.map(::canonical)
    is JsonPrimitive -> when {
        value.isNumber -> value.asBigDecimal.stripTrailingZeros()
        value.isBoolean -> value.asBoolean
        else -> value.asString
    }
    else -> error("what is $value?")
}
