// What is said at the face, as the native library names it.
@file:OptIn(HostApi::class)

package io.sillage

import io.sillage.ffi.Config
import io.sillage.ffi.ConsentRule
import io.sillage.ffi.SampleRate
import io.sillage.ffi.Task
import io.sillage.ffi.Ledger as NativeLedger
import io.sillage.ffi.Lifecycle as NativeLifecycle
import io.sillage.ffi.PrivacySignal as NativePrivacySignal
import io.sillage.ffi.Reply as NativeReply
import io.sillage.ffi.Settings as NativeSettings
import io.sillage.ffi.Signal as NativeSignal

internal fun Settings.crossing(writeKey: String) = NativeSettings(
    writeKey = wellFormed(writeKey),
    endpoint = wellFormed(endpoint),
    folder = folder?.absolutePath,
    durable = durable,
    library = wellFormed(library),
    libraryVersion = wellFormed(libraryVersion),
    config = config(),
)

private fun Settings.config() = Config(
    batchEvents = batchEvents?.bound(),
    batchAgeMs = batchAgeMs?.bound(),
    batchEventsMax = batchEventsMax?.bound(),
    batchBytesMax = batchBytesMax?.bound(),
    queueEventsMax = queueEventsMax?.bound(),
    queueBytesMax = queueBytesMax?.bound(),
    queueAgeMaxMs = queueAgeMaxMs?.bound(),
    waitingEventsMax = waitingEventsMax?.bound(),
    waitingBytesMax = waitingBytesMax?.bound(),
    leavingBatchesMax = leavingBatchesMax?.bound(),
    sessionIdleMs = sessionIdleMs?.bound(),
    sessionMaxMs = sessionMaxMs?.bound(),
    eventsKeptLongest = eventsKeptLongest?.map(::wellFormed),
    eventsDroppedFirst = eventsDroppedFirst?.map(::wellFormed),
    sampling = sampling?.map { (event, share) -> SampleRate(wellFormed(event), share) },
    consentRequired = consentRequired?.map(::wellFormed),
    consentByEvent = consentByEvent?.map { (event, needed) ->
        ConsentRule(wellFormed(event), needed.map(::wellFormed))
    },
    gpc = gpc?.crossing(),
    dnt = dnt?.crossing(),
)

private fun Int.bound() = coerceAtLeast(0).toUInt()

internal fun Long.bound() = coerceAtLeast(0).toULong()

private fun PrivacySignal.crossing() = when (this) {
    PrivacySignal.IGNORE -> NativePrivacySignal.IGNORE
    PrivacySignal.RECORD -> NativePrivacySignal.RECORD
    PrivacySignal.DENY -> NativePrivacySignal.DENY
}

internal fun Lifecycle.crossing() = when (this) {
    Lifecycle.FOREGROUND -> NativeLifecycle.FOREGROUND
    Lifecycle.BACKGROUND -> NativeLifecycle.BACKGROUND
    Lifecycle.ONLINE -> NativeLifecycle.ONLINE
    Lifecycle.OFFLINE -> NativeLifecycle.OFFLINE
    Lifecycle.FLUSH -> NativeLifecycle.FLUSH
}

internal fun Task.Upload.arrived() = Upload(url, headers.associate { it.name to it.value }, body)

internal fun Reply.crossing(): NativeReply = when (this) {
    is Reply.Answer -> NativeReply.Answer(status.toUShort(), wellFormed(contentType), wellFormed(retryAfter), body)
    Reply.Lost -> NativeReply.Lost
    Reply.Unsent -> NativeReply.Unsent
}

internal fun NativeSignal.arrived(): Signal = when (this) {
    is NativeSignal.Delivered -> Signal.Delivered(count.toInt())
    is NativeSignal.Rejected -> Signal.Rejected(seq.toLong(), code)
    is NativeSignal.Dropped -> Signal.Dropped(reason, count.toInt())
    is NativeSignal.ForeignAnswer -> Signal.ForeignAnswer(status.toInt())
    is NativeSignal.Held -> Signal.Held(status.toInt())
    NativeSignal.Stopped -> Signal.Stopped
    is NativeSignal.StorageFailed -> Signal.StorageFailed(detail)
    NativeSignal.Disabled -> Signal.Disabled
}

internal fun NativeLedger.arrived() = Ledger(
    created = created.toLong(),
    acknowledged = acknowledged.toLong(),
    rejected = rejected.mapValues { it.value.toLong() },
    dropped = dropped.mapValues { it.value.toLong() },
    unsure = unsure.mapValues { it.value.toLong() },
    pending = pending.toLong(),
)
